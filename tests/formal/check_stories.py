"""Runs of exchange.spthy with an ABORT(check), played: see `stories`. What was found with the
model, and the WITNESSes that mend it.
"""

from exchange_stories import Three
from stories import power
from symbolic import const, fun, items, name, tuple_of

YES = const("yes")


class Trial:
    """An ABORT(check) in the exchange that `three` is in."""

    def __init__(self, three, author, target, cry=None):
        self.three = three
        self.author = const(str(author))
        self.target = target
        self.witnesses = {}  # place -> (signature, what it says of its own CONFIRM)
        if cry is None:
            cry = three.run.fire("Abort_check", const(str(target)), **self._at(author)).out[0]
        self.cry = cry

    def _at(self, i):
        return {"x": self.three.keys[i]["x"], "sid": self.three.sid}

    def slots(self, changed=None):
        """The slots as a member sees them; `changed`: whose CONFIRM it is shown with another c."""
        three = self.three
        seen = [three.frame(i) for i in range(3)]
        for i in range(3):
            confirm = three.confirms.get(i, const("empty"))
            if i == changed:
                confirm = tuple_of(*items(confirm, 3)[:2], name("evil_c"))
            seen.append(confirm)
        return tuple_of(*seen)

    def witness(self, i, shown, mine=YES):
        done = self.three.run.fire(
            "Witness", tuple_of(self.cry, const(str(self.target)), shown, mine),
            k=self.author, **self._at(i)
        )
        self.witnesses[i] = (done.out[0], mine)

    def forge(self, i, secret, shown):
        """A WITNESS in the name of i, signed with `secret`."""
        body = tuple_of(const("witness"), self.three.sid, const(str(i)),
                        fun("h", tuple_of(const("slots"), shown)), YES)
        self.witnesses[i] = (fun("sign", fun("h", body), secret), YES)

    def reveal(self, who, last=2):
        """`last`: whose WITNESS is looked at last, after the target's."""
        places = sorted({0, 1, 2} - {self.target}, key=lambda one: one == last)
        shown = [part for k in [self.target, *places] for part in self.witnesses[k]]
        for i in who:
            self.three.run.fire("Reveal_check", tuple_of(*shown), j=const(str(places[0])),
                                k=const(str(places[1])), **self._at(i))


def _confirmed(theory):
    three = Three(theory)
    three.shares()
    three.confirm()
    return three


def exchange_after_failed_one(theory):
    """Everyone is shown ana's CONFIRM with another c: all three are WITNESSes of it and REVEAL.
    With fresh keys they succeed."""
    three = _confirmed(theory)
    trial = Trial(three, 1, 0)
    for i in range(3):
        trial.witness(i, trial.slots(changed=0))
    trial.reveal((0, 1, 2))
    three.fresh_keys()
    three.shares()
    three.confirm()
    three.switch()
    return three.run


def reveal_beside_a_session(theory, talks=2, target=0, last=2, witness="by another key"):
    """The finding: `talks` has switched. The two others, shown an ABORT(check) before, are asked
    for their x. `target`: whom they argue about. `witness`: what is shown as the third one, be it
    looked at last or not (`last`)."""
    three = Three(theory)
    first = None
    if witness == "of an earlier exchange":
        three.shares()
        three.confirm()
        first = Trial(three, (target + 1) % 3, target)
        first.witness(talks, first.slots())
        three.fresh_keys()
    three.shares()
    three.confirm()
    others = [i for i in range(3) if i != talks]
    trial = Trial(three, [i for i in others if i != target][0], target)
    if witness == "before it switched":
        trial.witness(talks, trial.slots())
    three.switch((talks,))
    if witness == "after it switched":
        trial.witness(talks, trial.slots())
    for i in others:
        trial.witness(i, trial.slots())
    if witness == "by another key":
        trial.forge(talks, name("evil_t"), trial.slots())
    elif witness == "by a stolen key":
        three.run.fire("Steal", x=three.keys[talks]["x"])
        trial.forge(talks, three.keys[talks]["t"], trial.slots())
    elif witness == "of another member":
        trial.witnesses[talks] = trial.witnesses[others[0]]
    elif first:
        trial.witnesses.update(first.witnesses)
    trial.reveal(others, last)
    return three.run


def slots_differ(theory, told=False):
    """Ben alone is shown ana's CONFIRM with another c; all tell what they see, and cyd is asked
    for its x. `told`: as it must be shown if the rule takes ben's slots from the message."""
    three = _confirmed(theory)
    trial = Trial(three, 1, 0)
    for i in range(3):
        trial.witness(i, trial.slots(changed=0 if i == 1 else None))
    if told:
        signature, mine = trial.witnesses[1]
        slots = fun("h", tuple_of(const("slots"), trial.slots(changed=0)))
        trial.witnesses[1] = (signature, tuple_of(slots, mine))
    trial.reveal((2,), last=1)
    return three.run


def target_disowns(theory):
    """In ana's slot stands, in everybody's eyes, a CONFIRM that ana did not post: she says so."""
    three = _confirmed(theory)
    trial = Trial(three, 1, 0)
    for i in range(3):
        trial.witness(i, trial.slots(changed=0), YES if i else const("no"))
    trial.reveal((1, 2))
    return three.run


def witness_without_abort(theory):
    three = _confirmed(theory)
    Trial(three, 1, 0, cry=name("evil_cry")).witness(0, name("evil_slots"))
    return three.run


def testimony_elsewhere_after_confirm(theory):
    """Ana's and ben's keys serve two sids. In the first, y and t of the third are the adversary's
    own, under cyd's A; in the second cyd has switched when ABORT comes in the first."""
    three = Three(theory)
    secret, y = name("evil_t"), power(name("evil_x"))
    for i in (0, 1):
        three.run.fire("Tdh_low", y, x=three.keys[i]["x"], b=three.a[2])
    three.shares(const("first"), (0, 1), third=(y, fun("pk", secret)))
    first = three.sid
    three.shares(const("second"))
    three.confirm()
    three.switch((2,))
    three.sid = first
    cry = tuple_of(const("abort"), first, const("2"), const("check"), const("0"))
    trial = Trial(three, 2, 0, cry=fun("sign", fun("h", cry), secret))
    slots = name("evil_slots")
    trial.witness(0, slots)
    trial.witness(1, slots)
    trial.forge(2, secret, slots)
    trial.reveal((0, 1))
    return three.run
