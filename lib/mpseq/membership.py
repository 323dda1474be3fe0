"""Who is coming and who is going in one session: what follows from its control messages, in order.

Every participant keeps the same state here, because it changes only at frames of the session
(PROTOCOL.md 5.1-5.3, 6). Suspicion, votes and convictions (sections 6, 7) add to `due()`.
"""

from . import errors, wire
from .primitives import KEY, check_eddsa_key, check_x25519_key
from .roster import Guest, Participant, by_nick, check_order, find, read_guest

# What a PROPOSE does.
REMOVE = 0
ADMIT = 1
REKEY = 2

# Policies: who may invite.
ANY = 0

MAX_INVITED = 64


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


def encode_admit(guests):
    """Body of ADMIT: count, [nick, A, y, t, ticket]."""
    return bytes((len(guests),)) + b"".join([guest.encode_admission() for guest in guests])


class Membership:
    """`members`: list of events.Member of the session; `next_keys`: their (y, t)."""

    def __init__(self, members, next_keys):
        self.members = members
        self._next_keys = next_keys
        self.left = []  # indexes, in the order of their LEAVE
        self.invited = []  # (key, nick, invitation id, inviter's index)
        self.guests = []  # Guests that were ADMITted and wait for an exchange

    def is_void(self, index):
        return index in self.left

    def due(self):
        """Indexes that the next exchange must remove, ascending."""
        return sorted(self.left)

    def remaining(self):
        return [who.index for who in self.members if who.index not in self.left]

    def leave(self, index):
        self.left.append(index)

    def take_invite(self, author, body):
        """INVITE: nick and key of people to come. The nick is what they are told under; which one
        they get is settled when they are admitted."""
        reader = wire.Reader(body)
        invitation_id = reader.take(8)
        listed = []
        for _ in range(reader.byte()):
            nick = reader.text(wire.MAX_NICK)
            listed.append((check_x25519_key(reader.take(KEY)), nick, invitation_id, author))
        reader.end()
        kept = [one for one in self.invited if not _invited_by(one, author, listed)]
        if not listed or len(kept) + len(listed) > MAX_INVITED:
            raise errors.OutOfPlace()
        nicks = []
        keys = []
        for key, nick, _, _ in listed:
            if nick in nicks or key in keys or find(self.members, key) >= 0:
                raise errors.OutOfPlace()
            nicks.append(nick)
            keys.append(key)
        self.invited = kept + listed
        return listed

    def nick_is_taken(self, nick, key):
        """Whether a member, or a guest other than `key`, has this nick."""
        if by_nick(self.members, nick):
            return True
        for guest in self.guests:
            if guest.nick == nick and guest.key != key:
                return True
        return False

    def nick_is_promised(self, nick, key, me):
        """The same, invitees of others included: not a rule of the protocol, but it spares
        confusion."""
        for one in self.invited:
            if one[1] == nick and one[0] != key and one[3] != me:
                return True
        return self.nick_is_taken(nick, key)

    def is_guest(self, key):
        return find(self.guests, key) >= 0

    def is_invited(self, key, author):
        """Whether an INVITE of this author for this key stands."""
        for one in self.invited:
            if one[0] == key and one[3] == author:
                return True
        return False

    def pending(self, author, keys):
        """How many invitations stand, apart from those of this author for these keys."""
        return len([one for one in self.invited if one[3] != author or one[0] not in keys])

    def _checked_guests(self, author, guests):
        """Guests as the group takes them: invited by this author, nobody twice, and with a nick
        that is free."""
        inviter = self.members[author].key
        keys = []
        for guest in guests:
            if not self.is_invited(guest.key, author) or guest.key in keys:
                raise errors.OutOfPlace()
            keys.append(guest.key)
            if self.nick_is_taken(guest.nick, guest.key):
                raise errors.OutOfPlace()
            guest.inviter = inviter
        return guests

    def take_admit(self, author, body):
        """ADMIT: guests that wait for an exchange from here on."""
        reader = wire.Reader(body)
        guests = [read_guest(reader) for _ in range(reader.byte())]
        reader.end()
        if not guests or len(self.members) == 1:  # one who is alone lets its PROPOSE carry them
            raise errors.OutOfPlace()
        self.guests = self.with_guests(author, guests)

    def with_guests(self, author, guests):
        """The guests after an ADMIT of these; OutOfPlace if it is not right, so that a PROPOSE
        that admits whoever waits here always is."""
        merged = _merged(self.guests, self._checked_guests(author, guests))
        self._together(merged, (), None)
        return merged

    def rekey_is_wrong(self, author, last_rekey):
        """Two re-keys in a row are never by the same member, unless it is alone (5.3)."""
        return len(self.members) > 1 and last_rekey == self.members[author].key

    def plan(self, author, proposal, last_rekey):
        """What a PROPOSE leads to: (people ascending by A, joiners among them).

        Raises OutOfPlace when the proposal is not right at this place.
        """
        due = self.due()
        joiners = []
        if proposal.what == REMOVE:
            if not due or list(proposal.removed) != due:
                raise errors.OutOfPlace()
        elif due:
            raise errors.OutOfPlace()
        elif proposal.what == ADMIT:
            carried = self._checked_guests(author, proposal.carried)
            joiners = _merged(self.guests, carried)
            if not joiners:
                raise errors.OutOfPlace()
        elif self.guests or self.rekey_is_wrong(author, last_rekey):
            raise errors.OutOfPlace()
        people = self._together(joiners, due, proposal.pair)
        return people, [who for who in people if isinstance(who, Guest)]

    def _together(self, joiners, due, pair):
        """Members not due, and joiners, ascending by A; OutOfPlace if that is no roster."""
        people = list(joiners)
        for who in self.members:
            if who.index in due:
                continue
            y, t = pair or self._next_keys[who.index]
            people.append(Participant(who.nick, who.key, y, t))
        people.sort(key=lambda who: who.key)
        try:
            check_order(people)
        except errors.BadRoster:
            raise errors.OutOfPlace() from None
        return people


def _invited_by(one, author, listed):
    for key, _, _, _ in listed:
        if one[3] == author and one[0] == key:
            return True
    return False


def _merged(guests, newer):
    """A later admission by the same inviter replaces the earlier; another inviter's does not."""
    out = list(guests)
    for guest in newer:
        at = find(out, guest.key)
        if at < 0:
            out.append(guest)
        elif out[at].inviter == guest.inviter:
            out[at] = guest
    return out
