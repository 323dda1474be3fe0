"""How a conversation gets from one session to the next: propose, roster, share, confirm, switch
(PROTOCOL.md 5), leaving and re-keying (6). The part of Conversation that owns the exchange.

Section 7 (ABORT, REVEAL, judgement, KEYS) and suspicion take their place at `_shares_complete`,
where an exchange with a `failure` stays, and in `Membership.due`.
"""

from . import errors, events, wire
from .attempt import Attempt, Joiner
from .code import session_code
from .exchange import Exchange
from .invitation import ID, MOST_JOIN_BYTES
from .membership import (
    ADMIT,
    REKEY,
    REMOVE,
    Membership,
    Proposal,
    encode_admit,
    encode_invite,
    read_proposal,
)
from .primitives import KeyPairs, equal, signing_key, wipe
from .roster import Participant, find, roster_frame
from .session import Session

_LEAVE_ANYWAY = 30000  # ms: texts that wait do not hold one who leaves for longer
_EXCHANGE_ENDS = 90000  # ms: nor does an exchange, which may need frames posted three times
_ROSTER_STEP = 1000  # ms between members who post a ROSTER that its proposer owes


class Rounds(Joiner):
    def _start_rounds(self):
        self._start_joining()
        self._attempt = None  # the exchange of a participant
        self._invites = []  # my OpenInvites
        self._membership = None
        self._last_rekey = None  # who proposed, if the latest PROPOSE was a re-key
        self._rekey_asked = False
        self._proposed = False  # a PROPOSE of mine is on its way
        self._leaving = None  # since when
        self._leave_posted = False
        self._failed = 0
        self._number = 0
        self._since = 0  # start of the session
        self._due_at = None  # since when somebody is due for removal
        self._guests_at = None  # the last ADMIT
        self._rekey_at = None  # since when a re-key is due

    # --- founding, and sessions of one

    def _found(self, now):
        keys = KeyPairs(self._random)
        me = Participant(self.nick, self.identity.public, keys.y, keys.t)
        exchange = Exchange(
            self.room, bytearray(32), self._random(16), [me], 0, keys, self.identity
        )
        self._switch_alone(exchange, now)

    def _switch_alone(self, exchange, now):
        """n = 1: S is random and there is no ring (section 4)."""
        exchange.derive(bytearray(self._random(32)))
        self._enter(Attempt(exchange, None, True, now, self._failed), now)

    # --- what a JOIN brings

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

    # --- what is due

    def _act_rounds(self, now):
        if self._leaving is not None:
            self._act_leaving(now)
        elif self._attempt:
            self._act_roster(now)
        elif not self._proposed:
            self._act_propose(now)

    def _act_leaving(self, now):
        """LEAVE ends at a switch, so it waits for the one that is under way, and for texts of mine
        that wait: for a while. One whose LEAVE fell into an exchange sees that through."""
        anyway = self._leaving + _LEAVE_ANYWAY
        if self._attempt:
            anyway = max(anyway, self._attempt.since + _EXCHANGE_ENDS)
            self._act_roster(now)
        heard = self._membership.is_void(self.session.me)
        if now < anyway and (heard or self._attempt or self._outbox.texts):
            if heard or not self._leave_posted:
                self._wake_at(anyway)
        elif heard or (len(self.session.members) == 1 and not self._attempt):
            self._out(False)
        elif not self._leave_posted:
            self._leave_posted = True
            self._post_message(wire.LEAVE, b"", now)

    def _act_roster(self, now):
        """ROSTER: its proposer posts it; after 10 s anyone (5.3)."""
        attempt = self._attempt
        if attempt.started or attempt.roster_at is None:
            return
        at = attempt.roster_at
        if not attempt.mine:
            at += self.settings.roster_after + self.session.me * _ROSTER_STEP
        if now >= at:
            attempt.roster_at = None
            self._outbox.post(attempt.roster, now)
        else:
            self._wake_at(at)

    def _act_propose(self, now):
        membership = self._membership
        due = membership.due()
        if due:
            if self.session.me not in due:
                self._propose_in_turn(REMOVE, self._due_at, membership.remaining(), now)
            return
        if self._act_guests(now):
            return
        if membership.guests:
            at = self._guests_at + self.settings.batch_wait
            self._propose_in_turn(ADMIT, at, membership.remaining(), now)
            return
        self._act_rekey(now)

    def _act_guests(self, now):
        """Brings in those who answered my invitations; waits a little so that they come as one
        batch. Returns whether there is something of mine to wait for."""
        ready = [one for one in self._invites if one.guest and not one.admitted]
        if not ready:
            return False
        last = max([one.since for one in ready])
        if len(ready) < len(self._invites) and now < last + self.settings.batch_wait:
            self._wake_at(last + self.settings.batch_wait)
            return True
        membership = self._membership
        me = self.session.me
        room_left = wire.MAX_PARTICIPANTS - len(self.session.members) - len(membership.guests)
        ready = self._admissible(ready)[: max(0, room_left)]
        if not ready:
            return False
        guests = [one.guest for one in ready]
        if membership.guests or [one for one in membership.invited if one[3] != me]:
            try:
                membership.with_guests(me, guests)
            except errors.OutOfPlace:
                return False
            for one in ready:
                one.admitted = True
            self._post_message(wire.ADMIT, encode_admit(guests), now)
            return True
        return self._propose(ADMIT, now, guests)

    def _admissible(self, ready):
        """Those whose INVITE stands, each with a free nick: its own choice, else the one in its
        invitation, else that with a number."""
        membership = self._membership
        taken = []
        out = []
        for one in ready:
            guest = one.guest
            if not membership.is_invited(guest.key, self.session.me):
                continue
            nick = guest.nick
            number = 0
            while nick in taken or membership.nick_is_taken(nick, guest.key):
                number += 1
                nick = wire.numbered(one.nick, number)
            guest.nick = nick
            taken.append(nick)
            out.append(one)
        return out

    def _act_rekey(self, now):
        settings = self.settings
        if self._rekey_asked:
            self._rekey_at = now
        elif self._rekey_at is None:
            at = self._since + settings.rekey_after
            if now < at and self.session.count < settings.rekey_frames:
                self._wake_at(at)
                return
            self._rekey_at = min(now, at)
        turn = [
            index for index in self._membership.remaining()
            if not self._membership.rekey_is_wrong(index, self._last_rekey)
        ]
        if self._rekey_asked and self.session.me in turn:
            turn = [self.session.me]
        self._propose_in_turn(REKEY, self._rekey_at, turn, now)

    def _propose_in_turn(self, what, since, turn, now):
        """The lowest index proposes, each next one 5 s later (5.3)."""
        if self.session.me not in turn:
            return
        at = since + turn.index(self.session.me) * self.settings.next_proposer
        if now >= at:
            self._propose(what, now)
        else:
            self._wake_at(at)

    def _propose(self, what, now, guests=()):
        """Posts a PROPOSE, unless it would not be right here; returns whether it did."""
        nonce = self._random(16)
        secret = bytearray(self._random(32))
        pair = None
        if len(self.session.members) == 1:
            if self.session.keys:
                self.session.keys.wipe()
            self.session.keys = KeyPairs(self._random)
            pair = (self.session.keys.y, self.session.keys.t)
        proposal = Proposal(
            nonce, secret, self.room.psk_check(nonce), what, self._membership.due(), guests, pair
        )
        try:
            self._membership.plan(self.session.me, proposal, self._last_rekey)
        except errors.OutOfPlace:
            wipe(secret)
            return False
        body = proposal.encode()
        self._proposed = True
        self._rekey_asked = False
        self._post_message(wire.PROPOSE, body, now)
        wipe(body)
        wipe(secret)
        return True

    # --- control messages, at their place in the order

    def _receive_control(self, message, now):
        kind = message.kind
        author = message.index
        membership = self._membership
        if kind == wire.PROPOSE:
            if author == self.session.me:
                self._proposed = False
            self._receive_propose(author, message.body, now)
        elif kind == wire.INVITE:
            try:
                membership.take_invite(author, message.body)
            except errors.FrameError:
                if author == self.session.me:
                    self._not_invited(bytes(message.body[:ID]))
                raise
        elif kind == wire.ADMIT:
            if author == self.session.me:
                for one in self._invites:
                    one.admitted = membership.is_guest(one.key)  # until it is taken
            membership.take_admit(author, message.body)
            for one in self._invites:
                one.admitted = membership.is_guest(one.key)
            self._guests_at = now
        elif kind == wire.LEAVE:
            if len(message.body):
                raise errors.TrailingBytes()
            self._receive_leave(author, now)
        else:
            raise errors.OutOfPlace()  # APPROVE, CANCEL, SUSPECT, KEYS, EXPEL

    def _not_invited(self, invitation_id):
        """An INVITE of mine that was not right at its place is taken back."""
        still = []
        for one in self._invites:
            if one.id != invitation_id:
                still.append(one)
                continue
            self._events.append(events.NotInvited(one.nick, one.key))
            one.wipe()
        self._invites = still

    def _receive_leave(self, author, now):
        if author == self.session.me and not self._attempt:
            self._out(False)
            return
        self._membership.leave(author)  # it ends at the switch; I shall say it again
        if author == self.session.me:
            return
        if self._due_at is None:
            self._due_at = now
        who = self._member(author)
        self._events.append(events.LeaveSeen(who.nick, who.key))

    def _receive_propose(self, author, body, now):
        if self._attempt:
            raise errors.OutOfPlace()
        session = self.session
        proposal = read_proposal(body, len(session.members) == 1)
        try:
            if not equal(proposal.check, self.room.psk_check(proposal.nonce)):
                raise errors.OtherPsk()
            people, joiners = self._membership.plan(author, proposal, self._last_rekey)
        except errors.FrameError:
            wipe(proposal.secret)
            raise
        self._last_rekey = self._member(author).key if proposal.what == REKEY else None
        me = find(people, self.identity.public)
        if me < 0:
            self._out(True)
            return
        exchange = Exchange(
            self.room, proposal.secret, proposal.nonce, people, me, session.keys, self.identity
        )
        if len(people) == 1:
            self._switch_alone(exchange, now)
            return
        roster = None
        if joiners:
            roster = roster_frame(
                self.room, proposal.secret, proposal.nonce, people, joiners, self._failed
            )
        share = None if joiners else exchange.share(self._random)
        self._attempt = Attempt(exchange, roster, author == session.me, now, self._failed)
        if share:
            self._outbox.post(share, now)

    # --- the exchange

    def _receive_roster(self, frame, now):
        if self.session:
            attempt = self._attempt
            if not attempt or attempt.roster != frame:
                raise errors.OutOfPlace()
            if attempt.started:
                raise errors.Duplicate()
            share = attempt.exchange.share(self._random)
            attempt.started = True
            attempt.roster_at = None
            self._outbox.post(share, now)
        elif self._joining:
            self._receive_roster_as_joiner(frame, now)

    def _receive_exchange(self, kind, frame, now):
        attempts = self._candidates
        if self.session:
            attempts = [self._attempt] if self._attempt else []
        elif not self._joining:
            return
        if len(frame) < 6:
            raise errors.Truncated()
        known = False
        for attempt in attempts:
            # Two ROSTERs can be under one E; whose frame it is, its seal tells.
            if attempt.exchange.tag == frame[1:5]:
                try:
                    self._take_exchange(kind, attempt, frame, now)
                    return
                except errors.BadSeal:
                    known = True
        if known:
            raise errors.BadSeal()
        if self.session:
            raise errors.Stranger()
        # a joiner sees the exchanges of others go by

    def _take_exchange(self, kind, attempt, frame, now):
        if not attempt.started:
            raise errors.OutOfPlace()
        exchange = attempt.exchange
        if kind == wire.SHARE:
            exchange.receive_share(frame)
            if exchange.shares_left == 0:
                self._shares_complete(exchange, now)
        else:
            index, closing = exchange.receive_confirm(frame)
            if closing and self.session:
                self._receive_closing(closing, exchange.people[index].key, now)
            if exchange.complete:
                self._enter(attempt, now)

    def _shares_complete(self, exchange, now):
        if self.session:
            self._end_span()
        elif self._confirmed():
            return  # a y serves one sid from CONFIRM on (3)
        if not exchange.ready:
            return  # section 7: ABORT and judgement of exchange.failure
        closing = self._closing_ack() if self.session else b""
        self._outbox.post(exchange.confirm(closing), now)

    # --- the switch

    def _enter(self, attempt, now):
        """The frame that completes the valid CONFIRMs is the switch for everyone (5.5)."""
        exchange = attempt.exchange
        people = exchange.people
        members = [
            events.Member(people[index].nick, people[index].key, index)
            for index in range(len(people))
        ]
        old = self.session
        before = old.members if old else []
        joined = [who for who in members if find(before, who.key) < 0]
        left = [who for who in before if find(members, who.key) < 0]
        if len(people) == 1:
            session = Session.alone(exchange, signing_key(self._random), members)
        else:
            session = Session.from_exchange(exchange, members)
            session.code = session_code(exchange.sas_key, exchange.opened)
        wipe(exchange.sas_key)
        if attempt.invitation:
            self.room = attempt.invitation.room
        if old:
            self._close_session(old, joined)
        exchange.wipe()
        for candidate in self._candidates:
            if candidate is not attempt:
                candidate.exchange.abandon()
        self._candidates = []
        if self._joining:
            self._joining.forget_tickets()
        self._joining = None
        self._attempt = None
        for guest in self._membership.guests if old else ():
            wipe(guest.ticket)
        self._proposed = False
        self._leave_posted = False
        self._due_at = self._guests_at = self._rekey_at = None
        self._since = now
        self._number += 1
        self._failed = 0
        self.session = session
        self._membership = Membership(members, session.next_keys)
        self._outbox.forget(
            (wire.MESSAGE, wire.JOIN, wire.ROSTER, wire.SHARE, wire.CONFIRM)
        )
        self._open_session(session)
        self._events.append(
            events.SessionStarted(
                self._number, list(members), session.code, joined, left, attempt.failed
            )
        )
        self._invite_again(now)

    def _invite_again(self, now):
        """Invitations end at the switch: those still meant are posted again (section 4)."""
        members = self.session.members
        still = []
        for one in self._invites:
            if find(members, one.key) >= 0:
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
