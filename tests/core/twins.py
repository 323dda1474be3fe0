"""Every conversation of the core's tests once more, in another build of the core: its twin.

    run.py --twin twin test_rekeying …      `twin`: that build, a package under this name

A twin gets the calls and the random bytes of its original and must answer with the same frames,
events, errors and state. Tests that reach into a conversation do so with the original only: a
person whose frames went out changed, for one, has a twin that knows nothing of it. So a twin that
once differs is left out from there, and counted; the caller knows how many that may be.
"""

from mpseq import conversation

_CALLS = (
    "create", "invite", "accept", "decline", "approve", "cancel", "expel", "send", "send_data",
    "rekey", "leave", "tick", "receive", "carrier_enter", "carrier_leave",
    "take_frames", "take_events", "next_tick",
)  # fmt: skip
_STATE = ("name", "code", "transcript", "exchange_running", "refused", "members")


class Twins:
    def __init__(self, package):
        self.package = package
        self.pairs = 0
        self.calls = 0
        self.differ = []  # what each pair that differed was at
        self.where = ""


class Drawn:
    """A source of random bytes that keeps them for the twin."""

    def __init__(self, random):
        self.random = random
        self.kept = []  # empty again after each call: tests look at all that a conversation has

    def __call__(self, size):
        out = self.random(size)
        self.kept.append(bytes(out))
        return out


class Pair:
    def __init__(self, random):
        self.drawn = Drawn(random)
        self.twin = None
        self.busy = False
        self.invitations = []  # (the original's, the twin's)

    def again(self, size):
        if not self.drawn.kept or len(self.drawn.kept[0]) != size:
            raise ValueError("draws other random bytes")
        return bytearray(self.drawn.kept.pop(0))

    def translate(self, value):
        for mine, other in self.invitations:
            if value is mine:
                return other
        return value


def _outcome(function, arguments, options):
    try:
        return function(*arguments, **options), None
    except Exception as error:
        return None, error


def _plain(value, depth=0):
    """What can be compared between two builds: names and numbers of everything in it."""
    if isinstance(value, tuple):  # named ones too
        return type(value).__name__, [_plain(one, depth + 1) for one in value]
    if isinstance(value, list):
        return [_plain(one, depth + 1) for one in value]
    if value is None or isinstance(value, (int, str, bytes, bytearray, dict)):
        return value
    return type(value).__name__ if depth < 2 else ""


def install(package):
    """Gives every Conversation that is made from here on a twin of this package."""
    twins = Twins(package)
    real = conversation.Conversation
    first = real.__init__
    pairs = {}

    def start(self, identity, nick, random, psk=b"", settings=None):
        pair = Pair(random)
        first(self, identity, nick, pair.drawn, psk, settings)
        other = package.Identity(identity.secret)
        pair.twin = package.Conversation(other, nick, pair.again, psk, settings)
        twins.pairs += 1
        pairs[id(self)] = (self, pair)  # self, too: its id must not be another's later

    def differs(pair, what):
        pair.twin = None
        del pair.drawn.kept[:]
        twins.differ.append((twins.where, what))

    def wrap(name):
        method = getattr(real, name)

        def call(self, *arguments, **options):
            pair = pairs[id(self)][1] if id(self) in pairs else None
            if pair is None or pair.busy:
                return method(self, *arguments, **options)
            if pair.twin is None:
                try:
                    return method(self, *arguments, **options)
                finally:
                    del pair.drawn.kept[:]
            del pair.drawn.kept[:]
            pair.busy = True
            try:
                result, error = _outcome(lambda *a, **o: method(self, *a, **o), arguments, options)
            finally:
                pair.busy = False
            given = [pair.translate(one) for one in arguments]
            mine, wrong = _outcome(getattr(pair.twin, name), given, options)
            twins.calls += 1
            compare(self, pair, name, (result, error), (mine, wrong))
            if error:
                raise error
            return result

        return call

    def compare(self, pair, name, one, other):
        (result, error), (mine, wrong) = one, other
        if (type(error).__name__, str(error)) != (type(wrong).__name__, str(wrong)):
            return differs(pair, "%s: %r, twin %r" % (name, error, wrong))
        if pair.drawn.kept:
            return differs(pair, "%s: fewer random bytes" % name)
        if _plain(result) != _plain(mine):
            return differs(pair, "%s: %r, twin %r" % (name, _plain(result), _plain(mine)))
        for field in _STATE:
            if _plain(getattr(self, field)) != _plain(getattr(pair.twin, field)):
                return differs(pair, "%s: %s" % (name, field))
        if name == "take_events":
            for event, twin in zip(result, mine):  # noqa: B905  # MicroPython's has no strict
                if type(event).__name__ == "Invited":
                    pair.invitations.append((event.invitation, twin.invitation))
        return None

    def forget():
        pairs.clear()

    real.__init__ = start
    for name in _CALLS:
        setattr(real, name, wrap(name))
    twins.forget = forget
    return twins
