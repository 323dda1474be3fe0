"""Members that cheat in an exchange, for tests: each changes its own frames as it posts them, with
the keys that it really has. For CPython and MicroPython.

    house.hook = Cheat(house).spoil("eva", wire.SHARE, wrong_z)
"""

from house import Seeded

from mpseq import wire
from mpseq.primitives import H, KeyPairs, seal_once, sign, signing_key, unseal_once

TAGS = {
    wire.SHARE: b"share",
    wire.CONFIRM: b"confirm",
    wire.ABORT: b"abort",
    wire.REVEAL: b"reveal",
    wire.WITNESS: b"witness",
}


def exchange_of(person, frame):
    """The exchange of this member that a frame of its belongs to."""
    attempts = [person._attempt, person._dead] + person._candidates
    for attempt in attempts:
        if attempt and attempt.exchange.tag == frame[1:5]:
            return attempt.exchange
    raise AssertionError("no exchange for this frame")


def opened(exchange, frame):
    """The plaintext of an exchange frame, as a bytearray."""
    tag = TAGS[frame[0] & 15]
    return unseal_once(
        exchange.suite, exchange.secret, tag, (exchange.sid, frame[5:6]), frame[:6], frame[6:]
    )


def sealed(exchange, kind, index, plain):
    """An exchange frame as anyone who knows E can make it."""
    head = bytes((wire.head(kind),)) + exchange.tag + bytes((index,))
    parts = (exchange.sid, head[5:])
    sealed = seal_once(
        exchange.suite, exchange.secret, TAGS[kind], parts, head, bytes(plain)
    )
    return head + bytes(sealed)


def signed_share(exchange, plain):
    """Signs (z, commit) of a SHARE anew."""
    who = bytes((exchange.me,))
    digest = H(b"share", exchange.sid, who, plain[:32], plain[32:64])
    plain[64:128] = sign(exchange.keys.t_secret, digest)


def resealed(exchange, frame, change):
    """The same frame after change(exchange, plain)."""
    plain = opened(exchange, frame)
    change(exchange, plain)
    return sealed(exchange, frame[0] & 15, frame[5], plain)


def wrong_z(exchange, plain):
    plain[0] ^= 1
    signed_share(exchange, plain)


def wrong_auth_to(index):
    """A SHARE whose `auth` to one participant is wrong."""

    def change(exchange, plain):
        at = 160 + 8 * (index if index < exchange.me else index - 1)
        plain[at] ^= 1

    return change


def wrong_check(exchange, plain):
    """A CONFIRM with the c of another key."""
    plain[128] ^= 1


def z_with(pattern):
    """A SHARE whose z differs by these first bytes from what it should be."""

    def change(exchange, plain):
        for at in range(len(pattern)):
            plain[at] ^= pattern[at]
        signed_share(exchange, plain)

    return change


def wrong_commitment(exchange, plain):
    """A SHARE that commits to keys which its author will not open."""
    plain[32] ^= 1
    signed_share(exchange, plain)


def other_statement(exchange, plain):
    """Another s in a SHARE: what the signature does not cover. The `auth` then do not hold."""
    plain[128:160] = signing_key(Seeded("other s"))[1]


def no_auths(exchange, plain):
    """A SHARE with no valid `auth` to anybody."""
    for at in range(160, len(plain)):
        plain[at] ^= 1


def other_opening(exchange, plain):
    """A CONFIRM that opens keys which its author did not commit to, well signed."""
    other = KeyPairs(Seeded("other keys"))
    plain[:32], plain[32:64] = other.y, other.t
    digest = H(b"confirm", exchange.sid, bytes((exchange.me,)), plain[:32], plain[32:64])
    plain[64:128] = sign(exchange.keys.t_secret, digest)


def bad_signature(exchange, plain):
    """Any exchange frame whose signature does not hold: it stands at 0, or behind two keys."""
    plain[0] ^= 1
    plain[64] ^= 1


def wrong_slots(exchange, plain):
    """A WITNESS or REVEAL that tells of other frames than its author saw."""
    plain[-2] ^= 1
    _sign_testimony(exchange, plain)


def disowning(what):
    """A WITNESS or REVEAL that says `what` of its author's own slots: 0, 1 for only the SHARE is
    mine, 2 for only the CONFIRM."""

    def change(exchange, plain):
        plain[-1] = what
        _sign_testimony(exchange, plain)

    return change


def wrong_x(exchange, plain):
    """A REVEAL of another x than the one behind y, well signed."""
    plain[64:96] = Seeded("other x")(32)
    _sign_testimony(exchange, plain)


def _sign_testimony(exchange, plain):
    tag = b"reveal" if len(plain) == 64 + 65 else b"witness"
    who = bytes((exchange.me,))
    plain[:64] = sign(exchange.keys.t_secret, H(tag, exchange.sid, who, plain[64:]))


class Cheat:
    """A carrier's hook in a House; `changes`: {(nick, frame type): change}. The cheat takes its
    own changed frame for its own, as a cheat would."""

    def __init__(self, house):
        self.house = house
        self.changes = {}
        self.silent = []  # (nick, frame type)
        self.count = {}  # changed so far
        self.most = {}

    def spoil(self, nick, kind, change, most=99):
        self.changes[(nick, kind)] = change
        self.most[(nick, kind)] = most
        return self

    def hush(self, nick, *kinds):
        self.silent += [(nick, kind) for kind in kinds]
        return self

    def __call__(self, sender, frame):
        what = (sender, frame[0] & 15)
        if what in self.silent:
            return ()
        done = self.count.get(what, 0)
        if what not in self.changes or done >= self.most[what]:
            return (frame,)
        self.count[what] = done + 1
        exchange = exchange_of(self.house[sender], frame)
        spoilt = resealed(exchange, frame, self.changes[what])
        if what[1] == wire.SHARE:
            exchange.my_share = spoilt
        elif what[1] == wire.CONFIRM:
            exchange.my_confirm = spoilt
        return (spoilt,)
