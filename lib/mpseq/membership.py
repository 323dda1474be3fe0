"""Who is coming and who is going in one session: what follows from its control messages, in order.

Every participant keeps the same state here, because it changes only at frames of the room
(PROTOCOL.md 5.1-5.3, 6). Who is due for removal can differ between those who no longer hear one
another, and only between them.
"""

from . import errors, wire
from .bodies import ADMIT, REMOVE, read_keys
from .primitives import KEY, check_x25519_key, wipe
from .roster import Guest, Participant, by_nick, check_order, find, read_guest
from .suspicion import Suspicions

# Policies: who may invite, and who may expel.
ANY = 0  # any participant; all others together
CREATOR = 1  # only the creator, or any once it is gone; its word, or all others together
UNANIMOUS = 2  # any, if all others approve; all others together

MAX_INVITED = 64
_MOST_FAILED = 3  # guests of one inviter that failed: then it may admit no more in this session
_STRIKES = 2
_RETURNS = 8


class Membership:
    """`members`: list of events.Member of the session; `next_keys`: their (y, t); `me`: my index;
    `room`: a Room, for its policy and creator."""

    def __init__(self, members, next_keys, me, room):
        n = len(members)
        self.members = members
        self._next_keys = next_keys
        self._me = me
        self._policy = room.policy
        self._creator = find(members, room.creator)
        self.gone = []  # indexes: left, convicted, expelled or parted from, for good
        self.silent = []  # those of them that only fell silent
        self.group = list(range(n))  # those I go on with
        self.suspicions = Suspicions(n)
        self.invited = []  # (key, nick, invitation id, inviter's index)
        self.guests = []  # Guests that were ADMITted and wait for an exchange
        self.dropped = []  # keys of guests that the running exchange must not bring in
        self._doomed = []  # those of them that nothing can save
        self._counted = []  # those that failed since the latest PROPOSE
        self._excused = []  # and those whose inviter is not counted for it
        self._approvals = []  # (author, key, invitation id)
        self._votes = []  # (author, target) of EXPEL
        self._failures = bytearray(n)  # guests of each inviter that failed
        self._strikes = bytearray(n)
        self._old_failures = bytearray(n)  # the same of the session before
        self._old_strikes = bytearray(n)
        self._last_due = []
        self._returns = bytearray(n)  # how often each was due, and was heard after all
        self._keys_due = []  # who has not posted fresh KEYS since the last ABORT
        self._log = []  # [who, first and last number of session frames it was due] since PROPOSE

    # --- who is in (6)

    def is_void(self, index):
        return index in self.gone

    def due(self):
        """Indexes that the next exchange must remove, ascending."""
        if len(self.group) == len(self.members):
            return []
        return [index for index in range(len(self.members)) if index not in self.group]

    def remaining(self):
        return self.group

    def alive(self):
        """Those who are not gone for good. Debts are theirs, and not only of those in my group:
        else a suspicion would end the debt that it is about."""
        return [who.index for who in self.members if who.index not in self.gone]

    def remove(self, index):
        """For good: by its LEAVE, a proof, a vote, or an ABORT. Returns whether that is new."""
        if index in self.gone:
            return False
        self.gone.append(index)
        return True

    def part(self, index):
        """The same for one that is due, whatever comes since."""
        if self.remove(index) and not self.struck(index):
            self.silent.append(index)

    def vote(self, author, target):
        """EXPEL; returns whether it is new."""
        if target in self.gone or target == author or (author, target) in self._votes:
            return False
        self._votes.append((author, target))
        return True

    def is_quiet(self):
        """Nobody is due, doubted or voted against: settle() has nothing to do."""
        return not (
            self.suspicions.stands or self._votes or self.gone or self.dropped or self._doomed
            or self._last_due
        )

    def someone_owes_more(self):
        """Whether there can be debts but for acknowledgements."""
        return bool(self._keys_due) or max(self._strikes) + max(self._old_strikes) >= _STRIKES

    def settle(self, count):
        """To be called after each frame; `count`: frames of the session so far. Returns the
        indexes that are expelled by it."""
        expelled = []
        while True:
            self._gather()
            target = self._voted_out()
            if target is None:
                break
            expelled.append(target)
            self.remove(target)  # and votes no more
        suspicions = self.suspicions
        self.dropped = list(self._doomed)
        for _, target, _, _ in suspicions.stands:
            if not isinstance(target, int) and target not in self.dropped:
                if suspicions.all_suspect(self.group, target):
                    self.dropped.append(target)
        self._count_returns()
        for who in self.due() + self.dropped:
            for entry in self._log:
                if entry[0] == who:
                    entry[2] = count
                    break
            else:
                self._log.append([who, count, count])
        return expelled

    def _count_returns(self):
        """Two in league could have one of them due and back without end, and nothing would go on
        meanwhile: after the eighth time it stays due."""
        due = self.due()
        for index in self._last_due:
            if index not in due:
                self._returns[index] += 1
        count = len(self.gone)
        for index in due:
            if self._returns[index] >= _RETURNS:
                self.part(index)
        if len(self.gone) != count:
            self._gather()
        self._last_due = self.due()

    def _gather(self):
        alive = self.alive()
        me = self._me
        if me in self.gone and alive:
            me = alive[0]  # as the others see it
        self.group = self.suspicions.group(me, alive) if alive else []

    def _voted_out(self):
        if self._votes:
            for target in self.group:
                if self._is_expelled(target):
                    return target
        return None

    def _is_expelled(self, target):
        creator = self._creator
        if self._policy == CREATOR and creator in self.group:
            if (creator, target) in self._votes:
                return True
        others = [index for index in self.group if index != target]
        for index in others:
            if (index, target) not in self._votes:
                return False
        return bool(others)

    def start_log(self, count):
        """At an accepted PROPOSE: ABORT(removed) looks back no further."""
        self.dropped = []
        self._doomed = []
        self._excused = []
        self._counted = []
        self._log = [[who, count, count] for who in self.due()]

    def was_due(self, who, k, count):
        """Whether `who` (an index, or a guest's key) was due after k frames of the session, or
        before as well as after: nobody can make me forget that, and k is no older than I am."""
        for known, first, last in self._log:
            if known == who:
                return first <= k <= last <= count
        return False

    def strike(self, index):
        """A sign that is no proof; the second one is ground for suspicion (7)."""
        self._strikes[index] += 1

    def struck(self, index):
        return self._strikes[index] + self._old_strikes[index] >= _STRIKES

    def someone_is_struck(self):
        for index in self.group:
            if self.struck(index):
                return True
        return False

    def carry_over(self, before):
        """At a switch that brings in nobody new everyone has the same memory of the session
        `before`: one strike and two failures of it count in this one."""
        for who in self.members:
            index = find(before.members, who.key)
            self._old_strikes[who.index] = min(1, before._strikes[index])
            self._old_failures[who.index] = min(_MOST_FAILED - 1, before._failures[index])

    # --- fresh KEYS after an ABORT (5.5)

    def ask_keys(self):
        self._keys_due = self.alive()

    def owes_keys(self, index):
        return index in self._keys_due and index not in self.gone

    def keys_missing(self):
        """Whose KEYS a PROPOSE has to wait for."""
        return [index for index in self._keys_due if index in self.group]

    def take_keys(self, author, body):
        """The first from each counts; returns them."""
        pair = read_keys(body)
        if author not in self._keys_due:
            raise errors.OutOfPlace()
        self._keys_due.remove(author)
        self._next_keys[author] = pair
        return pair

    # --- who comes (5.1-5.3)

    def may_invite(self, author):
        if self._failures[author] + self._old_failures[author] >= _MOST_FAILED:
            return False
        return self._policy != CREATOR or author == self._creator or (
            self._creator not in self.group
        )

    def take_approval(self, author, key, invitation_id):
        for one in self.invited:
            if one[0] == key and one[2] == invitation_id and one[3] != author:
                if (author, key, invitation_id) in self._approvals:
                    raise errors.Duplicate()
                self._approvals.append((author, key, invitation_id))
                return
        raise errors.OutOfPlace()

    def is_approved(self, key, inviter):
        """Whether everyone has approved this inviter's invitation, if the policy asks for it."""
        if self._policy != UNANIMOUS:
            return True
        one = self._invitation(key, inviter)
        if one is None:
            return False
        for index in self.group:
            if index != inviter and (index, key, one[2]) not in self._approvals:
                return False
        return True

    def take_cancel(self, author, key, invitation_id):
        """By the inviter, or by the device that would be replaced; returns the inviter's index."""
        for one in self.invited:
            if one[0] == key and one[2] == invitation_id:
                if author == one[3] or self.members[author].key == key:
                    self.invited.remove(one)
                    inviter = self.members[one[3]].key
                    self._forget_guest(key, inviter)
                    self._prune()
                    return one[3]
        raise errors.OutOfPlace()

    def drop(self, key, excused=False):
        """The running exchange must not bring in this guest; returns whether that is new.
        `excused`: its inviter is not counted for it."""
        if key in self._doomed:
            return False
        if excused:
            self._excused.append(key)
        self._doomed.append(key)
        return True

    def convict(self, who):
        """A member is removed, a guest dropped; returns whether that is new."""
        return self.remove(who) if isinstance(who, int) else self.drop(who)

    def _prune(self):
        """Approvals are of invitations that stand."""
        known = [(one[0], one[2]) for one in self.invited]
        self._approvals = [one for one in self._approvals if one[1:] in known]

    def guest_failed(self, guest):
        """It is dropped, never barred; its inviter is counted for it, once an exchange (7).
        Returns whether that is new."""
        if guest.key in self._counted:
            return False
        self._counted.append(guest.key)
        inviter = find(self.members, guest.inviter)
        if inviter >= 0 and guest.key not in self._excused:
            self._failures[inviter] += 1
        self._forget_guest(guest.key, guest.inviter, guest.y)
        return True

    def _forget_guest(self, key, inviter, y=None):
        """`y`: only if that is its key; it may be admitted again by another."""
        for guest in self.guests:
            if guest.key == key and guest.inviter == inviter and y in (None, guest.y):
                wipe(guest.ticket)
                self.guests.remove(guest)
                return

    def end_admissions(self, people=None):
        """Of these, after an ABORT that came after the last SHARE; of all, at the switch."""
        still = []
        for guest in self.guests:
            if people is not None and find(people, guest.key) < 0:
                still.append(guest)
            else:
                wipe(guest.ticket)
        self.guests = still

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
        if not listed or len(listed) > MAX_INVITED or not self.may_invite(author):
            raise errors.OutOfPlace()
        nicks = []
        keys = []
        for key, nick, _, _ in listed:
            if nick in nicks or key in keys or key == self.members[author].key:
                raise errors.OutOfPlace()
            nicks.append(nick)
            keys.append(key)
        dropped = self._make_room(kept, listed)
        self.invited = kept + listed
        self._prune()
        return listed, dropped

    def _make_room(self, kept, listed):
        """Over the limit the oldest invitation falls of whoever has most, so that nobody can take
        the places of all; takes them out of `kept` and returns them."""
        dropped = []
        author = listed[0][3]
        while len(kept) + len(listed) > MAX_INVITED:
            shares = [0] * len(self.members)
            for one in kept + listed:
                shares[one[3]] += 1
            most = shares.index(max(shares))
            if shares[author] == shares[most]:
                raise errors.OutOfPlace()
            for one in kept:
                if one[3] == most:
                    kept.remove(one)
                    dropped.append(one)
                    break
        return dropped

    def nick_is_taken(self, nick, key):
        """Whether a member or a guest other than `key` has this nick."""
        member = by_nick(self.members, nick)
        if member and member.key != key:
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
        return self._invitation(key, author) is not None

    def _invitation(self, key, author):
        for one in self.invited:
            if one[0] == key and one[3] == author:
                return one
        return None

    def _checked_guests(self, author, guests):
        """Guests as the group takes them: invited by this author, nobody twice, and with a nick
        that is free."""
        inviter = self.members[author].key
        keys = []
        if guests and not self.may_invite(author):
            raise errors.OutOfPlace()
        for guest in guests:
            if not self.is_invited(guest.key, author) or guest.key in keys:
                raise errors.OutOfPlace()
            if not self.is_approved(guest.key, author):
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
        if author in due or self.keys_missing():
            raise errors.OutOfPlace()
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
        elif self.someone_is_struck():
            raise errors.OutOfPlace()  # first it has to go (7)
        people = self._together(joiners, due, proposal.pair)
        return people, [who for who in people if isinstance(who, Guest)]

    def _together(self, joiners, due, pair):
        """Members not due, and joiners, ascending by A; OutOfPlace if that is no roster. One who
        joins under a member's key replaces it (5.2)."""
        people = list(joiners)
        for who in self.members:
            if who.index in due or find(joiners, who.key) >= 0:
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
