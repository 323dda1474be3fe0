"""Bringing people in: my open invitations, the JOINs that answer them, ADMIT, and what others have
to say about it (PROTOCOL.md 5.1, 5.2). The part of Conversation that owns invitations.
"""

from . import errors, events, wire
from .bodies import ADMIT, encode_admit, encode_invite
from .invitation import MOST_JOIN_BYTES
from .membership import UNANIMOUS
from .primitives import wipe
from .roster import Guest, by_key, find

_ASK_AGAIN = 5000  # ms that KEYS wait for guests to post another JOIN
_MOST_WORDS = 64  # approvals and the like that are remembered to be said again


class Inviting:
    def _start_inviting(self):
        self._invites = []  # my OpenInvites
        self._guests_at = None  # the last ADMIT
        self._approved = []  # key and invitation id of those whom I approved
        self._refused = []  # the same of devices that I do not want in my place
        self._expels = []  # keys of those whom I want expelled

    # --- JOIN

    def _receive_join(self, frame, now):
        if not self.session or not self._invites:
            return
        if len(frame) > MOST_JOIN_BYTES:
            raise errors.Oversized()
        for one in self._invites:
            try:
                guest = one.receive_join(frame, self.identity)
            except errors.Stranger:
                continue
            one.since = now
            one.admitted = False
            self._events.append(events.GuestReady(guest.nick, guest.key))
            return

    # --- ADMIT

    def _act_guests(self, now):
        """Brings in those who answered my invitations; waits a little so that they come as one
        batch. Returns whether there is something of mine to wait for."""
        ready = self._answered()
        if not ready:
            return False
        last = max([one.since for one in ready])
        if len(ready) < len(self._invites) and now < last + self.settings.batch_wait:
            self._wake_at(last + self.settings.batch_wait)
            return True
        ready = self._admissible(ready)
        if not ready:
            return False
        membership = self._membership
        me = self.session.me
        if membership.guests or [one for one in membership.invited if one[3] != me]:
            return self._post_admit(ready, now)
        return self._propose(ADMIT, now, [one.guest for one in ready])

    def _answered(self):
        """My invitations with a JOIN that is not admitted yet."""
        return [one for one in self._invites if one.guest and not one.admitted]

    def _post_admit(self, ready, now):
        """ADMIT of these, if it is right here; returns whether it was."""
        guests = [one.guest for one in ready]
        try:
            self._membership.with_guests(self.session.me, guests)
        except errors.OutOfPlace:
            return False
        for one in ready:
            one.admitted = True
        body = encode_admit(guests)
        self._post_message(wire.ADMIT, body, now)
        wipe(body)
        return True

    def _admit_again(self, now):
        """After an exchange that failed my guests ask again at once, and are admitted before my
        KEYS, without which nobody can propose: else two insiders could re-key in between and
        spoil the next one, for ever. Returns until when to wait for them, or None."""
        until = self._aborted_at + _ASK_AGAIN
        if now < until and [one for one in self._invites if one.asks_again]:
            return until
        ready = self._admissible(self._answered())
        if ready and len(self.session.members) > 1:
            self._post_admit(ready, now)
        return None

    def _admissible(self, ready, ahead=False):
        """Those whose INVITE stands (or, `ahead`, is on its way), each with a free nick: its own
        choice, else the one in its invitation, else that with a number; no more than there is
        room for."""
        membership = self._membership
        room_left = wire.MAX_PARTICIPANTS - len(self.session.members) - len(membership.guests)
        taken = []
        out = []
        for one in ready:
            guest = one.guest
            if not ahead and not membership.is_invited(guest.key, self.session.me):
                continue
            if not membership.is_approved(guest.key, self.session.me):
                continue
            nick = guest.nick
            number = 0
            while nick in taken or membership.nick_is_taken(nick, guest.key):
                number += 1
                nick = wire.numbered(one.nick, number)
            guest.nick = nick
            taken.append(nick)
            out.append(one)
        return out[: max(0, room_left)]

    # --- INVITE, APPROVE, CANCEL and EXPEL, of others and again

    def _see_invitees(self, author, listed, now):
        """An INVITE of somebody else that needs a word from here; what I said before I say again
        (section 4)."""
        by = self._member(author)
        me = self.session.me
        if author == me:
            return
        for key, nick, invitation_id, _ in listed:
            replaces = find(self.session.members, key) >= 0
            body = key + invitation_id
            if body in self._refused and key == self.identity.public:
                self._post_message(wire.CANCEL, body, now)
            elif body in self._approved and self.room.policy == UNANIMOUS:
                self._post_message(wire.APPROVE, body, now)
            elif replaces or self.room.policy == UNANIMOUS:
                self._events.append(events.InviteSeen(nick, key, by.nick, by.key, replaces))

    def _receive_cancel(self, author, key, invitation_id):
        inviter = self._membership.take_cancel(author, key, invitation_id)
        attempt = self._attempt
        guest = by_key(attempt.exchange.people, key) if attempt else None
        if isinstance(guest, Guest):
            replaced = self._member(author).key == key
            if replaced or guest.inviter == self._member(inviter).key:
                self._membership.drop(key, excused=replaced)
        if inviter == self.session.me:
            self._not_invited(invitation_id, key)

    def _not_invited(self, invitation_id, key=None):
        """An INVITE of mine that was not right at its place, or one in it that was cancelled, is
        taken back."""
        still = []
        for one in self._invites:
            if one.id != invitation_id or key not in (None, one.key):
                still.append(one)
                continue
            self._events.append(events.NotInvited(one.nick, one.key))
            one.wipe()
        self._invites = still

    def _invite_again(self, joined, now):
        """Invitations end at the switch: those still meant are posted again (section 4)."""
        still = []
        for one in self._invites:
            if find(joined, one.key) >= 0:
                one.wipe()
                continue
            one.admitted = False
            still.append(one)
        self._invites = still
        done = []
        for one in still:
            if one.id not in done:
                done.append(one.id)
                batch = [(it.nick, it.key) for it in still if it.id == one.id]
                self._post_message(wire.INVITE, encode_invite(one.id, batch), now)
        self._admit_at_once(now)

    def _admit_at_once(self, now):
        """Guests that are ready come behind their INVITE in one burst: else two members who re-key
        in turn could keep them out for ever."""
        if self.room.policy == UNANIMOUS or self._proposed or self._attempt:
            return
        guests = [one.guest for one in self._admissible(self._answered(), True)]
        if guests and not self._membership.due() and not self._membership.guests:
            self._propose(ADMIT, now, guests, True)

    def _vote_again(self, now):
        """Votes to expel end at the switch too."""
        self._expels = [key for key in self._expels if find(self.session.members, key) >= 0]
        for key in self._expels:
            index = find(self.session.members, key)
            self._post_message(wire.EXPEL, bytes((index,)), now)

    def _word(self, words, body):
        """Remembers what I said about an invitation."""
        if body not in words:
            words.append(body)
            del words[:-_MOST_WORDS]
