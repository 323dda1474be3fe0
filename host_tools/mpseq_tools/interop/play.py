"""What a scenario has in its hands: its devices, its share of the seed, and what must always hold.

Every text of a play is another one, so that each can be followed: heard by each once, or named.
"""

import asyncio
import hashlib
import random
import time

from . import station

# A desktop would wait longer for an acknowledgement; nothing else depends on it.
QUICK = {"ack_after": 300, "batch_wait": 2000, "pairs_at_once": 1}
# Events that a play without faults must not see.
TROUBLE = (
    "Missing", "Inconsistent", "Unverifiable", "Unconfirmed", "Unsent", "Undelivered",
    "NotInvited", "Refused", "Fault", "Dropped", "Error", "Convicted", "Suspected",
    "ExchangeFailed", "GuestDropped", "CarrierInconsistent", "Disconnected",
)
_WORDS = (
    "the kettle boils", "es grünt so grün", "21.5 °C, 40 %", "Привет из сада", "雨が降る",
    "null\u00a0and void", "tab\there", "a < b && c > \"d\"", "🌱 up", "naïve café", "q",
)


class Failed(Exception):
    """Something did not hold; says what."""


class NotOffered(Exception):
    """A device does not have what this scenario is about; says which and what."""


def need(holds, why):
    """Failed(why) unless it holds."""
    if not holds:
        raise Failed(why)


def chance(seed, *about) -> random.Random:
    """Randomness that follows from the seed and from what it is for."""
    return random.Random("/".join(map(str, ("mpseq interop", seed, *about))))


def identity_seed(seed, *about) -> str:
    """32 bytes in hex, from which a device makes its identity: nobody's, for one play."""
    text = "/".join(map(str, ("mpseq interop", seed, *about)))
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


class Play:
    """One scenario over some devices. `random`: its own; `told`: what is worth a line of the
    report."""

    def __init__(self, scenario, stations, seed, number):
        self.scenario = scenario
        self.stations = list(stations)
        self.about = (seed, scenario, ",".join(one.name for one in stations))
        self.random = chance(*self.about)
        # Not in the seed: a room is never entered twice.
        self.room = f"{scenario} {number}"
        self.told = []
        self.sent = {}  # text or digest -> name of who sent it
        self._texts = 0

    @property
    def names(self):
        return [one.name for one in self.stations]

    def others(self, *without):
        return [one for one in self.stations if one not in without]

    def chance(self, *about):
        """Randomness of its own for one use, which others' use does not change."""
        return chance(*self.about, *about)

    # --- steps

    async def gather(self, settings=None, **fields):
        """Everyone gets an identity and enters the room; `fields` of "be" by device's name."""
        entering = [
            self.enter(one, settings, **fields.get(one.name, {})) for one in self.stations
        ]
        await together(entering)

    async def enter(self, device, settings=None, **fields):
        """One device gets its identity and enters the room."""
        seed = identity_seed(*self.about, device.name)
        await device.be(self.room, seed=seed, settings={**QUICK, **(settings or {})}, **fields)
        await device.do("open")

    async def found(self, founder, *guests, **options):
        """`founder` founds a conversation and invites all guests at once; everyone is in it."""
        await founder.do("create", name=self.room, **options)
        if guests:
            await self.invite(founder, *guests)
            await self.session(founder, *guests)

    async def invite(self, inviter, *guests):
        await inviter.do("invite", people=[[one.name[-32:], one.key] for one in guests])

    def sessions(self, device):
        """How many sessions it has been in."""
        return len(device.seen("SessionStarted"))

    async def session(self, *members, after=None, patience=None):
        """Waits until exactly these are in one session, each in its session number `after[name]`
        + 1 or later; checks that all show the same members and code; returns the code's digits."""
        patience = station.PATIENCE if patience is None else patience
        keys = sorted(one.key for one in members)
        end = time.monotonic() + patience
        while True:
            for one in members:
                least = (after or {}).get(one.name, 0)
                await one.expect(
                    "SessionStarted",
                    lambda f, one=one, n=least: self.sessions(one) > n
                    and sorted(m[1] for m in one.seen("SessionStarted")[-1][1]) == keys,
                    patience,
                )
            states = await together([one.state() for one in members])
            if all(not state["exchange"] for state in states):
                rosters = {str(state["members"]) for state in states}
                codes = {(state["digits"], state["words"]) for state in states}
                here = sorted(key for _, key in states[0]["members"])
                if len(rosters) == 1 and len(codes) == 1 and here == keys:
                    break
            # One may be a step behind the others.
            if time.monotonic() > end:
                shown = ", ".join(
                    f"{one.name}: {len(s['members'])} members, code {s['digits']} {s['words']}"
                    for one, s in zip(members, states, strict=True)
                )
                raise Failed(f"not one session with one code: {shown}")
            await asyncio.sleep(0.2)
        need(len(members) == 1 or states[0]["digits"], "a session of several without a code")
        return states[0]["digits"]

    def numbers(self, *members):
        """For `session(after=…)`."""
        return {one.name: self.sessions(one) for one in members}

    def text(self, least=0):
        """Another text, at least so many characters long."""
        self._texts += 1
        words = self.random.choice(_WORDS)
        text = f"{self._texts}: {words}"
        while len(text) < least:
            text += " " + self.random.choice(_WORDS)
        return text[: max(least, 40)]

    async def send(self, author, text=None):
        """`author` sends a text; returns it."""
        text = self.text() if text is None else text
        self.sent[text] = author.name
        await author.do("send", text=text)
        return text

    async def say(self, author, *hearers, text=None):
        """It sends a text; all hear it, and all come to know that all have."""
        text = await self.send(author, text)
        for one in hearers:
            heard = await one.expect("Text", lambda f: f[3] == text and f[1] == author.key)
            await one.expect("Confirmed", lambda f, n=heard[2]: f[0] >= n)

    async def talk(self, *members):
        """Each says something that all come to know is confirmed."""
        for author in self.random.sample(members, len(members)):
            await self.say(author, *members)

    async def one_transcript(self, *members):
        """All come to have the same transcript, by length and hash."""
        end = time.monotonic() + station.PATIENCE
        while True:
            states = await together([one.state() for one in members])
            seen = {(state["count"], state["h"]) for state in states}
            if len(seen) == 1:
                return
            if time.monotonic() > end:
                shown = ", ".join(
                    f"{one.name}: {state['count']} messages, {str(state['h'])[:16]}"
                    for one, state in zip(members, states, strict=True)
                )
                raise Failed(f"transcripts differ: {shown}")
            await asyncio.sleep(0.2)

    # --- what must hold

    async def audit(self, *members, allowed=()):
        """Nothing was heard twice, invented or said by another; and no trouble but the allowed."""
        for one in members or self.stations:
            await one.catch_up()
            self.audit_texts(one)
            for kind in TROUBLE:
                if kind not in allowed:
                    for fields in one.seen(kind):
                        raise Failed(f"{one.name} reports {kind}: {fields}")

    def audit_texts(self, one):
        """Of what one device has shown so far."""
        nicks = {other.key: other.name for other in self.stations}
        shown = set()
        for fields in (*one.seen("Text"), *one.seen("Data")):
            text = fields[3] if len(fields) == 5 else fields[4]
            need(text not in shown, f"{one.name} shows {text!r} twice")
            shown.add(text)
            need(text in self.sent, f"{one.name} shows {text!r}, which nobody said")
            author = nicks.get(fields[1], "a stranger")
            need(
                author == self.sent[text],
                f"{one.name} shows {text!r} of {self.sent[text]} as said by {author}",
            )
        return shown

    def audit_confirmed(self):
        """What one was told is confirmed, all have shown; of those who were in all the time."""
        shown = {one.name: self.audit_texts(one) for one in self.stations}
        for one in self.stations:
            waiting = []
            for event in one.events:
                kind, fields = event.get("event"), event.get("fields")
                if kind == "Text":
                    waiting.append((fields[2], fields[3]))
                elif kind == "SessionStarted":
                    waiting = []
                elif kind == "Confirmed":
                    for number, text in waiting:
                        for other in self.stations if number <= fields[0] else ():
                            need(
                                text in shown[other.name],
                                f"{one.name} was told that all have seen {text!r},"
                                f" and {other.name} has not",
                            )

    def losses(self, *members):
        """What somebody did not hear, by whom it was said and whether that is named: a list of
        (hearer, author, text, named)."""
        found = []
        for one in members:
            shown = self.audit_texts(one)
            for author in self.stations:
                missed = [
                    text for text, name in self.sent.items()
                    if name == author.name and text not in shown
                ]  # fmt: skip
                named = sum(
                    fields[3] - fields[2] + 1
                    for fields in one.seen("Missing")
                    if fields[1] == author.key
                )
                # Counters are of all that an author says: acknowledgements may be named, too.
                for at, text in enumerate(missed):
                    found.append((one.name, author.name, text, at < named))
        return found

    def tell(self, text):
        """Adds a line to the report of this play."""
        self.told.append(text)


async def together(coroutines):
    """Runs them side by side; the first failure ends the others."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
