"""Hypothesis draws schedules for world.World. Five kinds of room, from a carrier that only orders
as it likes to one where everything happens at once; a failing schedule is shrunk and printed as a
script that `replay.py` runs without hypothesis.
"""

import os
import pathlib

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from world import World

_INSIDE = ("ana", "ben", "eva", "dan", "uma")
_OUTSIDE = ("zoe", "max")
# What may happen in a room of each kind, beside people talking, coming and going.
KINDS = {
    "order": (),
    "loss": ("loss",),
    "split": ("loss", "split"),
    "villains": ("villains",),
    "wild": ("loss", "split", "villains"),
}
_CHEATS = (
    "wrong_z 1", "wrong_auth 1", "wrong_check 1", "wrong_opening 1", "wrong_reveal 1",
    "wrong_witness 1", "hush WITNESS",
    "two_shares 1", "hush SHARE", "hush CONFIRM", "hush REVEAL", "hush MESSAGE", "hush ROSTER",
    "hush ALL", "speak", "abort REMOVED", "abort NOT_MINE", "abort AUTH", "abort RING",
    "abort CHECK", "disown", "suspect ana", "suspect ben", "propose", "double", "junk", "fork",
    "accuse", "replay",
)
_who = st.integers(0, 6)
_place = st.integers(0, 5)

FAILED = pathlib.Path(os.environ.get("MPSEQ_BUILD") or "build") / "properties" / "failed.txt"


def report(script, error):
    FAILED.parent.mkdir(parents=True, exist_ok=True)
    FAILED.write_text("\n".join(script) + "\n")
    error.add_note(
        "\nThis schedule, also in %s (run: python tests/properties/replay.py FILE):\n\n%s\n"
        % (FAILED, "\n".join(script))
    )


def has(what):
    return precondition(lambda self: self.world and what in KINDS[self.kind])


class Room(RuleBasedStateMachine):
    kind = "order"  # subclasses say which

    def __init__(self):
        super().__init__()
        self.world = None
        self.failed = False

    def do(self, line):
        try:
            self.world.do(line)
        except Exception as error:
            self.failed = True
            report(self.world.script, error)
            raise

    def name(self, number, outside=False):
        names = self.world.order
        return names[number % len(names)]

    @initialize(inside=st.integers(1, 5), outside=st.integers(0, 2), bad=st.integers(0, 6))
    def begin(self, inside, outside, bad):
        self.world = World()
        inside = _INSIDE[:inside]
        self.do("room %s ; %s" % (" ".join(inside), " ".join(_OUTSIDE[:outside])))
        if "villains" in KINDS[self.kind]:
            names = self.world.order
            self.bad = [names[bad % len(names)]]
            if len(inside) > 3 and bad > 2:
                self.bad.append(names[(bad + 1) % len(names)])
            for nick in self.bad:
                self.do("villain " + nick)

    def teardown(self):
        if self.world and not self.failed:
            try:
                self.world.end()
            except Exception as error:
                report(self.world.script, error)
                raise

    # --- people

    @rule(who=_who)
    def say(self, who):
        self.do("say " + self.name(who))

    @rule(who=_who)
    def rekey(self, who):
        self.do("rekey " + self.name(who))

    @rule(who=_who)
    def leave(self, who):
        self.do("leave " + self.name(who))

    @rule(who=_who, other=_who)
    def invite(self, who, other):
        names = self.world.order
        self.do("invite %s %s" % (self.name(who), names[-1 - other % len(names)]))

    # --- an honest carrier, and time

    @rule(count=st.integers(1, 6))
    def deliver(self, count):
        self.do("deliver %d" % count)

    @rule()
    def deliver_all(self):
        self.do("deliver 0")

    @rule(who=_who)
    def first(self, who):
        self.do("first " + self.name(who))

    @rule(ms=st.sampled_from((3000, 16000, 70000)))
    def flow(self, ms):
        self.do("flow %d" % ms)

    @rule(ms=st.sampled_from((1000, 5000, 11000)))
    def wait(self, ms):
        self.do("wait %d" % ms)

    # --- a bad carrier, the same for all

    @has("loss")
    @rule(what=st.sampled_from(("drop", "twice", "swap", "again")), at=_place)
    def lose(self, what, at):
        self.do("%s %d" % (what, at))

    @has("loss")
    @rule(ms=st.sampled_from((30000, 150000)))
    def outage(self, ms):
        self.do("wait %d" % ms)

    @precondition(lambda self: self.kind == "loss")
    @rule()
    def long_outage(self):
        self.do("wait 1200000")

    # --- a bad carrier that treats members differently

    @has("split")
    @rule(what=st.sampled_from(("miss", "late", "garble", "other")), at=_place, who=_who)
    def split(self, what, at, who):
        self.do("%s %d %s" % (what, at, self.name(who)))

    @has("split")
    @rule(who=_who, other=_who)
    def cut(self, who, other):
        self.do("cut %s %s" % (self.name(who), self.name(other)))

    @has("split")
    @rule()
    def join(self):
        self.do("join")

    # --- cheats

    @has("villains")
    @rule(who=_who, what=st.sampled_from(_CHEATS))
    def cheat(self, who, what):
        self.do("cheat %s %s" % (self.bad[who % len(self.bad)], what))

    @has("villains")
    @rule(who=_who, other=_who)
    def expel(self, who, other):
        self.do("expel %s %s" % (self.name(who), self.bad[other % len(self.bad)]))


def room(kind_name):
    """A state machine of this kind."""
    return type("Room_" + kind_name, (Room,), {"kind": kind_name})


def profile(examples, derandomize):
    return settings(
        max_examples=examples, stateful_step_count=24, deadline=None, database=None,
        derandomize=derandomize, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink), print_blob=False, report_multiple_bugs=False,
    )
