"""Bodies of control messages to fields and back (PROTOCOL.md 5). What they mean is not known
here.
"""

from . import errors, wire
from .primitives import KEY, check_eddsa_key, check_x25519_key, wipe
from .roster import read_guest

# What a PROPOSE does.
REMOVE = 0
ADMIT = 1
REKEY = 2


class Proposal:
    """The body of a PROPOSE: N (16), E (32), psk check (8), what it does."""

    def __init__(self, nonce, secret, check, what, removed=(), carried=(), pair=None):
        self.nonce = nonce
        self.secret = secret
        self.check = check
        self.what = what
        self.removed = removed
        self.carried = carried
        self.pair = pair  # (y, t) of an author who is alone

    def encode(self):
        """A bytearray: wipe it, E stands in it, and tickets."""
        rest = bytearray()
        if self.what == REMOVE:
            rest = bytearray((len(self.removed),)) + bytes(self.removed)
        elif self.what == ADMIT:
            rest = encode_admit(self.carried)
        out = wire.packed(
            self.nonce, self.secret, self.check, bytes((self.what,)), rest, *(self.pair or ())
        )
        wipe(rest)
        return out


def read_proposal(body, alone):
    reader = wire.Reader(body)
    nonce = reader.take(16)
    secret_at = reader.at
    reader.view(KEY)
    check = reader.take(8)
    what = reader.byte()
    removed = carried = ()
    pair = None
    if what == REMOVE:
        removed = list(reader.take(reader.byte()))
    elif what == ADMIT:
        carried = [read_guest(reader) for _ in range(reader.byte())]
    elif what != REKEY:
        raise errors.OutOfPlace()
    if alone:
        pair = (check_x25519_key(reader.take(KEY)), check_eddsa_key(reader.take(KEY)))
    reader.end()
    secret = wire.Reader(body, secret_at).secret(KEY)
    return Proposal(nonce, secret, check, what, removed, carried, pair)


def encode_invite(invitation_id, invitees):
    """Body of INVITE: id, count, [nick, A] of one batch."""
    listed = [wire.text_bytes(nick, wire.MAX_NICK) + key for nick, key in invitees]
    return invitation_id + bytes((len(listed),)) + b"".join(listed)


def read_invitee(body):
    """(key, invitation id) of APPROVE and CANCEL."""
    reader = wire.Reader(body)
    key = reader.take(KEY)
    invitation_id = reader.take(8)
    reader.end()
    return key, invitation_id


def encode_admit(guests):
    """Body of ADMIT: count, [nick, A, y, t, ticket]. A bytearray: wipe it."""
    parts = [guest.encode_admission() for guest in guests]
    out = wire.packed(bytes((len(parts),)), *parts)
    for part in parts:
        wipe(part)
    return out


def read_keys(body):
    """(y, t) of KEYS."""
    reader = wire.Reader(body)
    pair = (check_x25519_key(reader.take(KEY)), check_eddsa_key(reader.take(KEY)))
    reader.end()
    return pair
