"""A room for tests: people, a carrier in one total order, a clock. For CPython and MicroPython.

    house = House("ana", "ben", "eva")
    house.found("ana")
    house.bring("ana", "ben", "eva")
    house.say("ben", "hello")
"""

from mpseq import Conversation, Identity, Settings, events
from mpseq.primitives import blake2b_framed


class Seeded:
    """Deterministic "randomness" for tests: BLAKE2b over a seed and a counter."""

    def __init__(self, seed):
        self.seed = seed if isinstance(seed, bytes) else seed.encode()
        self.at = 0

    def __call__(self, size):
        out = b""
        while len(out) < size:
            self.at += 1
            out += blake2b_framed(b"", 32, b"test", self.seed, self.at.to_bytes(4, "big"))
        return out[:size]


def settings(**changes):
    out = Settings()
    for name in changes:
        setattr(out, name, changes[name])
    return out


def raises(kind, function, *arguments):
    """Asserts that function(*arguments) raises this very kind of error; returns it."""
    try:
        function(*arguments)
    except kind as error:
        assert type(error) is kind, "%r instead of %s" % (error, kind.__name__)
        return error
    raise AssertionError("%s was not raised for %r" % (kind.__name__, arguments))


class House:
    """`frames`: every frame posted, in order; `seen[nick]`: every event of that person."""

    def __init__(self, *nicks, seed="house", psk=b"", **changes):
        self.now = 0
        self.frames = []
        self.people = {}
        self.order = []
        self.seen = {}
        self.seed = seed
        self.changes = changes
        self.hook = None  # hook(sender, frame) -> frames to deliver instead
        self.reaches = None  # reaches(recipient, frame) -> whether the carrier brings it there
        self.accepting = True
        for nick in nicks:
            self.add(nick, psk=psk)

    def add(self, nick, identity=None, psk=b""):
        random = Seeded("%s/%s" % (self.seed, nick))
        identity = identity or Identity.generate(random)
        person = Conversation(identity, nick, random, psk, settings(**self.changes))
        self.people[nick] = person
        self.order.append(nick)
        self.seen[nick] = []
        return person

    def __getitem__(self, nick):
        return self.people[nick]

    def key(self, nick):
        return self.people[nick].identity.public

    # --- the carrier

    def deliver(self, label, frame):
        self.frames.append(frame)
        for nick in list(self.order):
            if self.reaches is None or self.reaches(nick, frame):
                self.people[nick].receive(label, frame, self.now)
        self.drain()

    def drain(self):
        """Collects events; invitations are accepted when self.accepting."""
        for nick in list(self.order):
            person = self.people[nick]
            for event in person.take_events():
                self.seen[nick].append(event)
                if isinstance(event, events.Invited) and self.accepting:
                    person.accept(event.invitation, self.now)

    def settle(self, most=5000):
        """Delivers until nobody has anything to post; the clock stands still."""
        self.drain()
        for _ in range(most):
            quiet = True
            for nick in list(self.order):
                for frame in self.people[nick].take_frames():
                    quiet = False
                    for out in self.hook(nick, frame) if self.hook else (frame,):
                        self.deliver(nick, out)
            if quiet:
                return
        raise AssertionError("the room does not come to rest")

    def wait(self, ms):
        """Lets time pass, waking each one when it asks for it and at no other time."""
        end = self.now + ms
        self.settle()
        still = 0
        while True:
            wakes = [(self.people[nick].next_tick(), nick) for nick in self.order]
            wakes = [wake for wake in wakes if wake[0] is not None and wake[0] <= end]
            before = self.now
            self.now = max(self.now, min(wakes)[0]) if wakes else end
            still = 0 if self.now > before else still + 1
            if still > 200:
                raise AssertionError("woken for nothing at %d: %r" % (self.now, wakes))
            for at, nick in wakes:
                if at <= self.now:
                    self.people[nick].tick(self.now)
            self.settle()
            if not wakes:
                return

    # --- what people do

    def found(self, nick, name="test", **options):
        self.people[nick].create(name, self.now, **options)
        self.settle()

    def invite(self, inviter, *nicks):
        self.people[inviter].invite([(nick, self.key(nick)) for nick in nicks], self.now)

    def bring(self, inviter, *nicks):
        self.invite(inviter, *nicks)
        self.settle()

    def say(self, nick, text):
        self.people[nick].send(text, self.now)
        self.settle()

    def together(self, *nicks):
        """A house where the first has founded a room and brought in the others."""
        self.found(nicks[0])
        if len(nicks) > 1:
            self.bring(nicks[0], *nicks[1:])
        return self

    # --- what they saw

    def kinds(self, since=0):
        """The types of the frames posted since there were `since`."""
        return [frame[0] & 15 for frame in self.frames[since:]]

    def refusals(self, nick):
        """Why this person refused frames, in order."""
        return [event.reason for event in self.of(nick, events.Refused)]

    def of(self, nick, kind):
        return [event for event in self.seen[nick] if isinstance(event, kind)]

    def texts(self, nick):
        return [(event.nick, event.text) for event in self.of(nick, events.Text)]

    def here(self, nick):
        return sorted([who.nick for who in self.people[nick].members])

    def assert_one_session(self, *nicks):
        """All of these are in one session, with one roster, code and transcript."""
        first = self.people[nicks[0]]
        assert self.here(nicks[0]) == sorted(nicks), (self.here(nicks[0]), nicks)
        for nick in nicks:
            person = self.people[nick]
            assert person.session.sid == first.session.sid, nick
            assert person.members == first.members, nick
            assert person.code == first.code, nick
            assert person.transcript == first.transcript, nick
            assert not person.exchange_running, nick
