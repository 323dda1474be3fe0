"""Bodies of control messages to fields and back (PROTOCOL.md 5). What they mean is not known
here.
"""

from . import errors, wire
from .primitives import KEY, check_eddsa_key, check_x25519_key
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
        """A bytearray: wipe it, E stands in it."""
        rest = bytes((self.what,))
        if self.what == REMOVE:
            rest += bytes((len(self.removed),)) + bytes(self.removed)
        elif self.what == ADMIT:
            rest += encode_admit(self.carried)
        if self.pair:
            rest += self.pair[0] + self.pair[1]
        out = bytearray(56 + len(rest))
        out[:16] = self.nonce
        out[16:48] = self.secret
        out[48:56] = self.check
        out[56:] = rest
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
    """Body of ADMIT: count, [nick, A, y, t, ticket]."""
    return bytes((len(guests),)) + b"".join([guest.encode_admission() for guest in guests])


def read_keys(body):
    """(y, t) of KEYS."""
    reader = wire.Reader(body)
    pair = (check_x25519_key(reader.take(KEY)), check_eddsa_key(reader.take(KEY)))
    reader.end()
    return pair
