"""INVITATION and JOIN: how one who is not in yet and its inviter find each other (5.1, 5.2).

INVITATION: type, nonce (24), e (32), count (1), slots of one length. A slot: A_inviter sealed
under DH(e, A_j), then the contents sealed under the added DH(a_inviter, A_j).
JOIN: type, MAC8(k_j, rest of frame), nonce (24), y (32), sealed nick, A, t, ticket.
"""

from . import errors, wire
from .primitives import (
    KEY,
    TAG,
    check_eddsa_key,
    check_x25519_key,
    dh,
    equal,
    fresh,
    kdf,
    mac,
    mc,
    seal_random,
    tdh,
    unseal_random,
    wipe,
)
from .roster import Guest, Room

ID = 8
_NONCE = 24
_HEAD = 1 + _NONCE + KEY + 1
_OUTER = KEY + TAG
_JOIN_HEAD = 1 + 8
_MOST_JOINS = 16
MOST_JOIN_BYTES = _JOIN_HEAD + _NONCE + KEY + 1 + wire.MAX_NICK + 2 * KEY + 16 + TAG


class OpenInvite:
    """The inviter's side: waits for the JOIN of one invitee. `id`: 8 bytes, one a batch."""

    def __init__(self, nick, key, invitation_id, e, e_public, k):
        self.nick = nick
        self.key = key
        self.id = invitation_id
        self.x = e  # named so that tdh() can take this for key pairs
        self.y = e_public
        self.k = k
        self.guest = None
        self.since = None  # when its JOIN came
        self.asks_again = False  # its JOIN is spent, another one should come
        self.admitted = False  # an ADMIT of this session names it
        self._most = _MOST_JOINS
        self._seen = []  # 8 bytes of each y taken: none is taken twice

    def wipe(self):
        wipe(self.x)
        wipe(self.k)
        self.forget_guest()

    def spend(self, y):
        """An exchange with this key of the invitee is over. The JOIN that I have may be another:
        somebody else has invited the same person, or says so."""
        self.admitted = False
        if self.guest and self.guest.y == y:
            self.forget_guest()
            self.asks_again = True
            if self._most < 4 * _MOST_JOINS:
                self._most += 1  # it has to ask again for no fault of its own, perhaps

    def forget_guest(self):
        """Its JOIN leads nowhere any more: it has to post another."""
        if self.guest:
            wipe(self.guest.ticket)
        self.guest = None

    def receive_join(self, frame, identity):
        """The Guest of a JOIN that this invitation's invitee made; Stranger when it is not his."""
        if len(frame) < _JOIN_HEAD + _NONCE + KEY + TAG:
            raise errors.Truncated()
        if not equal(mac(8, self.k, b"join", memoryview(frame)[_JOIN_HEAD:]), frame[1:_JOIN_HEAD]):
            raise errors.Stranger()
        reader = wire.Reader(frame, _JOIN_HEAD)
        nonce = reader.take(_NONCE)
        y = reader.take(KEY)
        if y[:8] in self._seen:
            raise errors.Duplicate()
        if len(self._seen) >= self._most:
            raise errors.TooManyInvitations()
        self._seen.append(y[:8])  # good or not: the invitee pays for what it makes us compute
        check_x25519_key(y)
        key = bytearray(KEY)
        plain = None
        try:
            tdh(key, identity, self, self.key, y, True)
            kdf(key, key, b"join", self.id)
            ad = frame[:1] + bytes(memoryview(frame)[_JOIN_HEAD : reader.at])
            plain = unseal_random(key, nonce, ad, reader.rest())
            guest = _read_join(plain, y, identity.public)
        finally:
            wipe(key)
            if plain is not None:
                wipe(plain)
        if guest.key != self.key:
            raise errors.Stranger()
        self.guest = guest
        self.asks_again = False
        return guest


def _read_join(plain, y, inviter):
    reader = wire.Reader(plain)
    nick = reader.text(wire.MAX_NICK)
    key = reader.take(KEY)
    t = check_eddsa_key(reader.take(KEY))
    ticket = reader.secret(16)
    reader.end()
    return Guest(nick, key, y, t, ticket, inviter)


def invite(identity, nick, room, invitees, random):
    """Makes one INVITATION frame for several `invitees`, [(nick, key)]; `nick` is the inviter's.

    Returns (frame, [OpenInvite]): 58 + (149 + name + nick) a slot, bytes.
    """
    e = fresh(random, 32)
    e_public = bytes(mc.x25519_public_key(e))
    nonce = bytes(random(_NONCE))
    invitation_id = bytes(random(ID))
    first = bytes((wire.head(wire.INVITATION),))
    head = b"".join((first, nonce, e_public, bytes((len(invitees),))))
    common = b"".join(
        (
            room.conversation_id,
            wire.text_bytes(room.name, wire.MAX_NAME),
            bytes((room.suite, room.policy)),
            invitation_id,
            room.creator,
            wire.text_bytes(nick, wire.MAX_NICK),
        )
    )
    slots = [head]
    opened = []
    outer = bytearray(KEY)
    inner = bytearray(KEY)
    try:
        for their_nick, key in invitees:
            k = fresh(random, 16)
            dh(e, key, outer)
            kdf(outer, outer, b"invitation", e_public, key)
            slots.append(seal_random(outer, nonce, head, identity.public))
            dh(identity.secret, key, inner)
            kdf(inner, inner, b"invitation", outer, e_public, identity.public, key)
            plain = wire.packed(common, k)
            slots.append(seal_random(inner, nonce, head, plain))
            wipe(plain)
            invite = OpenInvite(their_nick, key, invitation_id, bytearray(e), e_public, k)
            opened.append(invite)
    finally:
        wipe(outer)
        wipe(inner)
        wipe(e)
    return b"".join(slots), opened


class Invitation:
    """What an invitee read: `room` (a Room), `inviter` (key), `inviter_nick`, `id`, `k`, `e`."""

    def __init__(self, room, inviter, inviter_nick, invitation_id, k, e):
        self.room = room
        self.inviter = inviter
        self.inviter_nick = inviter_nick
        self.id = invitation_id
        self._k = k
        self._e = e

    @property
    def name(self):
        return self.room.name

    def join(self, identity, nick, random, keys):
        """Makes a JOIN with these KeyPairs: (frame of 162 + nick bytes, ticket of 16)."""
        ticket = fresh(random, 16)
        nonce = bytes(random(_NONCE))
        plain = wire.packed(
            wire.text_bytes(nick, wire.MAX_NICK), identity.public, keys.t, ticket
        )
        first = bytes((wire.head(wire.JOIN),))
        key = bytearray(KEY)
        try:
            tdh(key, identity, keys, self.inviter, self._e, False)
            kdf(key, key, b"join", self.id)
            sealed = seal_random(key, nonce, first + nonce + keys.y, plain)
        finally:
            wipe(key)
            wipe(plain)
        rest = b"".join((nonce, keys.y, sealed))
        return first + mac(8, self._k, b"join", rest) + rest, ticket

    def wipe(self):
        """When it has brought me in: it is of no more use."""
        wipe(self._k)


def check_invitation(frame):
    """The form of an INVITATION, before anything costly; returns its e (32 bytes)."""
    reader = wire.Reader(frame, 1 + _NONCE)
    e = check_x25519_key(reader.take(KEY))
    count = reader.byte()
    slots = len(frame) - reader.at
    if count == 0 or slots % count or slots // count < _OUTER + TAG:
        raise errors.WrongLength()
    return e


def open_invitation(frame, identity, psk):
    """The Invitation in a frame with a slot for `identity`, else Stranger. One or two X25519."""
    e = check_invitation(frame)
    head = bytes(memoryview(frame)[:_HEAD])
    nonce = head[1 : 1 + _NONCE]
    slots = memoryview(frame)[_HEAD:]
    size = len(slots) // head[-1]
    outer = bytearray(KEY)
    inner = bytearray(KEY)
    try:
        dh(identity.secret, e, outer)
        kdf(outer, outer, b"invitation", e, identity.public)
        for at in range(0, len(slots), size):
            try:
                inviter = bytes(unseal_random(outer, nonce, head, slots[at : at + _OUTER]))
            except errors.BadSeal:
                continue
            check_x25519_key(inviter)
            dh(identity.secret, inviter, inner)
            kdf(inner, inner, b"invitation", outer, e, inviter, identity.public)
            plain = unseal_random(inner, nonce, head, slots[at + _OUTER : at + size])
            try:
                return _read_invitation(plain, inviter, e, psk)
            finally:
                wipe(plain)
    finally:
        wipe(outer)
        wipe(inner)
    raise errors.Stranger()


def _read_invitation(plain, inviter, e, psk):
    reader = wire.Reader(plain)
    conversation_id = reader.take(16)
    name = reader.text(wire.MAX_NAME)
    suite = reader.byte()
    policy = reader.byte()
    invitation_id = reader.take(ID)
    creator = check_x25519_key(reader.take(KEY))
    inviter_nick = reader.text(wire.MAX_NICK)
    k = reader.secret(16)
    reader.end()
    room = Room(name, conversation_id, creator, suite, policy, psk)
    return Invitation(room, inviter, inviter_nick, invitation_id, k, e)
