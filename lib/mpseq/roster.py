"""Who is in a session, its id, and the ROSTER that brings joiners in (PROTOCOL.md 5.3, 5.4)."""

from . import errors, wire
from .primitives import (
    KEY,
    H,
    check_eddsa_key,
    check_x25519_key,
    dh,
    equal,
    kdf,
    mac,
    mc,
    seal_once,
    unseal_once,
    wipe,
)

_PAIRS = 32 + 32 + 32
_WRAPPED = 4 + 32 + 16
PSK_CHECK = 8


class Participant:
    """`nick` (str), `key` A, and the exchange keys `y`, `t` of one sid, 32 bytes each."""

    def __init__(self, nick, key, y, t):
        self.nick = nick
        self.key = key
        self.y = y
        self.t = t

    def encode(self):
        return wire.text_bytes(self.nick, wire.MAX_NICK) + self.key + self.y + self.t


class Guest(Participant):
    """A participant to be: `ticket` (16 bytes, secret between it and the group), `inviter` key."""

    def __init__(self, nick, key, y, t, ticket, inviter=None):
        super().__init__(nick, key, y, t)
        self.ticket = ticket
        self.inviter = inviter

    def encode_admission(self):
        """A bytearray: wipe it, the ticket stands in it."""
        return wire.packed(self.encode(), self.ticket)


def forget_tickets(people, but=()):
    """Wipes the tickets of the Guests among `people`, except of those who are in `but` too."""
    for who in people:
        if isinstance(who, Guest) and who not in but:
            wipe(who.ticket)


def read_participant(reader):
    return Participant(
        reader.text(wire.MAX_NICK),
        check_x25519_key(reader.take(KEY)),
        check_x25519_key(reader.take(KEY)),
        check_eddsa_key(reader.take(KEY)),
    )


def read_guest(reader):
    who = read_participant(reader)
    return Guest(who.nick, who.key, who.y, who.t, reader.secret(16))


def find(people, key):
    """The index of the one with this long-term key, or -1."""
    for index in range(len(people)):
        if people[index].key == key:
            return index
    return -1


def by_key(people, key):
    index = find(people, key)
    return people[index] if index >= 0 else None


def by_nick(people, nick):
    for who in people:
        if who.nick == nick:
            return who
    return None


def check_order(people):
    """A roster ascends by A and has no nick twice: raises BadRoster.

    Two members in league may have one y or t: each K_ij and each signature covers its A or index.
    """
    if not 1 <= len(people) <= wire.MAX_PARTICIPANTS:
        raise errors.BadRoster()
    nicks = set()
    last = b""
    for who in people:
        if not last < who.key or who.nick in nicks:
            raise errors.BadRoster()
        last = who.key
        nicks.add(who.nick)


class Room:
    """What a conversation fixes at its creation, and every sid covers: 32-byte creator key,
    16-byte conversation id, suite, policy; and the hash of the pre-shared key ("" for none)."""

    def __init__(self, name, conversation_id, creator, suite, policy, psk):
        self.name = name
        self.conversation_id = conversation_id
        self.creator = creator
        self.suite = suite
        self.policy = policy
        self.psk_hash = H(b"psk", psk)

    def psk_check(self, nonce):
        return mac(PSK_CHECK, self.psk_hash, b"check", nonce)

    def sid(self, nonce, people):
        """Session id (5.4): 32 bytes. `people` in ascending order of A."""
        fixed = bytes((wire.VERSION, self.suite, self.policy))
        size = bytes((len(people),))
        listed = [who.encode() for who in people]
        return H(b"sid", fixed, self.creator, self.conversation_id, nonce, size, *listed)


def roster_frame(room, secret, nonce, people, joiners, failed):
    """ROSTER: a function of PROPOSE and state, the same bytes whoever posts it.

    `secret`: the exchange secret E; `joiners`: the Guests among `people`, ascending by A.
    """
    wrap = bytearray(32)
    shared = bytearray(32)
    kdf(wrap, secret, b"wrap")
    try:
        public = bytes(mc.x25519_public_key(wrap))
        slots = []
        for guest in joiners:
            dh(wrap, guest.y, shared)
            slots.append(mac(4, guest.ticket, public))
            box = seal_once(room.suite, shared, b"wrap", (guest.ticket,), public, secret)
            slots.append(box)
    finally:
        wipe(wrap)
        wipe(shared)
    opening = bytes((wire.head(wire.ROSTER),)) + public + bytes((len(joiners),)) + b"".join(slots)
    listed = b"".join([who.encode() for who in people])
    plain = b"".join(
        (nonce, room.creator, room.psk_check(nonce), wire.varint(failed), bytes((len(people),)))
    )
    return opening + seal_once(room.suite, secret, b"roster", (), opening, plain + listed)


class Roster:
    """What a joiner read in a ROSTER: N, the people in their order, exchanges that failed."""

    def __init__(self, nonce, people, failed):
        self.nonce = nonce
        self.people = people
        self.failed = failed


def _parts(frame):
    """(e'B, slots, everything before the sealed part, the sealed part)"""
    reader = wire.Reader(frame, 1)
    public = reader.take(KEY)
    slots = reader.view(reader.byte() * _WRAPPED)
    opening = bytes(memoryview(frame)[: reader.at])
    return public, slots, opening, reader.rest()


def roster_key(frame):
    """e'B of a ROSTER: 32 bytes that stand for its E."""
    return wire.Reader(frame, 1).take(KEY)


def roster_secret(suite, frame, ticket, keys):
    """E as it is wrapped for one who joins with `keys` and `ticket`; None when no slot is for it.

    One X25519 a slot whose MAC fits, and one to see that E belongs to the frame's e'B.
    """
    public, slots, _, _ = _parts(frame)
    mine = mac(4, ticket, public)
    for at in range(0, len(slots), _WRAPPED):
        if equal(slots[at : at + 4], mine):
            secret = _unwrap(suite, public, keys, ticket, slots[at + 4 : at + _WRAPPED])
            wrap = bytearray(32)
            kdf(wrap, secret, b"wrap")
            fits = bytes(mc.x25519_public_key(wrap)) == public
            wipe(wrap)
            if not fits:
                wipe(secret)
                raise errors.BadRoster()
            return secret
    return None


def open_roster(frame, secret, room, keys, inviter, my_key):
    """The Roster in a frame whose E is known. `my_key` and `inviter` must be in it; raises
    BadSeal, BadRoster or OtherPsk."""
    _, _, opening, sealed = _parts(frame)
    plain = unseal_once(room.suite, secret, b"roster", (), opening, sealed)
    return _read_roster(plain, room, keys, inviter, my_key)


def _unwrap(suite, public, keys, ticket, sealed):
    shared = bytearray(32)
    try:
        dh(keys.x, check_x25519_key(public), shared)
        return unseal_once(suite, shared, b"wrap", (ticket,), public, sealed)
    finally:
        wipe(shared)


def _read_roster(plain, room, keys, inviter, my_key):
    reader = wire.Reader(plain)
    nonce = reader.take(16)
    creator = reader.take(KEY)
    check = reader.take(PSK_CHECK)
    failed = reader.varint()
    people = [read_participant(reader) for _ in range(reader.byte())]
    reader.end()
    check_order(people)
    me = find(people, my_key)
    if creator != room.creator or find(people, inviter) < 0:
        raise errors.BadRoster()
    if me < 0 or people[me].y != keys.y or people[me].t != keys.t:
        raise errors.BadRoster()
    if not equal(check, room.psk_check(nonce)):
        raise errors.OtherPsk()
    return Roster(nonce, people, failed)
