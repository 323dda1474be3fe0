"""How a conversation gets from one session to the next: propose, roster, share, confirm, switch
(PROTOCOL.md 5), leaving and re-keying (6). The part of Conversation that owns the exchange; how
one ends badly stands in `failures`.
"""

from . import errors, events, wire
from .attempt import Attempt, Joiner
from .bodies import ADMIT, REKEY, REMOVE, Proposal, read_invitee, read_proposal
from .code import session_code
from .exchange import Exchange
from .failures import Failures
from .invitation import ID
from .inviting import Inviting
from .membership import Membership
from .primitives import KeyPairs, equal, fresh, signing_key, wipe
from .roster import Guest, Participant, find, forget_tickets, roster_frame
from .session import Session

_LEAVE_ANYWAY = 30000  # ms: texts that wait do not hold one who leaves for longer
_EXCHANGE_ENDS = 90000  # ms: nor does an exchange, which may need frames posted three times
_LAST_LOOK = 20000  # ms in which an ABORT can still come for one who is replaced
_ROSTER_STEP = 1000  # ms between members who post a ROSTER that its proposer owes


class Rounds(Failures, Inviting, Joiner):
    def _start_rounds(self):
        self._start_joining()
        self._start_failures()
        self._start_inviting()
        self._attempt = None  # the exchange of a participant
        self._membership = None
        self._last_rekey = None  # who proposed, if the latest PROPOSE was a re-key
        self._rekey_asked = False
        self._proposed = False  # a PROPOSE of mine is on its way
        self._leaving = None  # since when
        self._leave_posted = False
        self._failed = 0
        self._number = 0
        self._since = 0  # start of the session
        self._due_at = None  # when a PROPOSE may remove those who are due
        self._parted = []  # keys of members that fell silent and were parted from
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
        exchange.derive(fresh(self._random, 32))
        self._enter(Attempt(exchange, None, True, now, self._failed), now)

    # --- what is due

    def _act_rounds(self, now):
        self._act_keys(now)
        if self._leaving is not None:
            self._act_leaving(now)
        elif self._attempt:
            self._act_roster(now)
        elif not self._proposed:
            self._act_propose(now)
        if self.session and self._attempt:
            self._act_abort(now)
            self._act_replaced(now)

    def _act_replaced(self, now):
        """Another device has my place when the exchange is complete, and nobody cries."""
        attempt = self._attempt
        if attempt.exchange.me < 0 and attempt.exchange.complete:
            at = attempt.waits_since + _LAST_LOOK
            if now < at:
                self._wake_at(at)
            else:
                self._events.append(events.Replaced())
                self._out(True)

    def _act_leaving(self, now):
        """LEAVE ends at a switch, so it waits for the one that is under way, and for texts of mine
        that wait: for a while. One whose LEAVE fell into an exchange sees that through."""
        anyway = self._leaving + _LEAVE_ANYWAY
        if self._attempt:
            anyway = max(anyway, self._attempt.since + _EXCHANGE_ENDS)
            self._act_roster(now)
        heard = self._membership.is_void(self.session.me)
        if heard and not self._attempt:
            self._out(False)
            return
        alone = len(self.session.members) == 1
        last_words = self._outbox.texts or (alone and self.session.waiting)
        if now < anyway and (heard or self._attempt or last_words):
            if heard or not self._leave_posted:
                self._wake_at(anyway)
        elif heard or (alone and not self._attempt):
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
        if membership.keys_missing() or self._trial_waits():
            return
        due = membership.due()
        if due:
            if self.session.me not in due and self._due_at is not None:
                self._propose_in_turn(REMOVE, self._due_at, membership.remaining(), now)
            return
        if self._act_guests(now):
            return
        if membership.guests:
            at = self._guests_at + self.settings.batch_wait
            self._propose_in_turn(ADMIT, at, membership.remaining(), now)
            return
        self._act_rekey(now)

    def _act_rekey(self, now):
        settings = self.settings
        if self._membership.someone_is_struck():
            return
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
        if self.session.me not in turn:
            self._rekey_asked = False
            self._ask_around(now)
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

    def _propose(self, what, now, guests=(), ahead=False):
        """Posts a PROPOSE, unless it would not be right here; returns whether it did. `ahead`: it
        will be right behind what I have just posted, if nobody is faster."""
        nonce = self._random(16)
        secret = fresh(self._random, 32)
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
            if not ahead:
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
                listed, dropped = membership.take_invite(author, message.body)
            except errors.FrameError:
                if author == self.session.me:
                    self._not_invited(bytes(message.body[:ID]))
                raise
            for key, _, invitation_id, inviter in dropped:
                if inviter == self.session.me:
                    self._not_invited(invitation_id, key)
            self._see_invitees(author, listed, now)
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
        elif kind == wire.KEYS:
            self._receive_keys(author, message.body)
        elif kind == wire.SUSPECT:
            self._receive_suspect(author, message.body, now)
        elif kind == wire.EXPEL:
            self._receive_expel(author, message.body)
        elif kind == wire.APPROVE:
            membership.take_approval(author, *read_invitee(message.body))
        elif kind == wire.CANCEL:
            self._receive_cancel(author, *read_invitee(message.body))
        else:
            raise errors.UnknownType()

    def _receive_leave(self, author, now):
        if author == self.session.me and not self._attempt:
            self._out(False)
            return
        self._membership.remove(author)  # it ends at the switch; I shall say it again
        if author == self.session.me:
            return
        who = self._member(author)
        self._events.append(events.LeaveSeen(who.nick, who.key))

    def _receive_propose(self, author, body, now):
        if self._attempt or self._trial_waits():
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
        self._exchanges += 1
        self._close_trial()
        membership = self._membership
        for index in membership.due():
            membership.part(index)  # whatever comes since: they are void from here on (6)
        membership.start_log(session.count)
        me = find(people, self.identity.public)
        if me < 0:
            wipe(proposal.secret)
            self._out(self._leaving is None)
            return
        replaced = isinstance(people[me], Guest)
        exchange = Exchange(
            self.room, proposal.secret, proposal.nonce, people,
            -1 if replaced else me, None if replaced else session.keys, self.identity
        )
        if len(people) == 1:
            self._switch_alone(exchange, now)
            return
        roster = None
        if joiners:
            roster = roster_frame(
                self.room, proposal.secret, proposal.nonce, people, joiners, self._failed
            )
        self._attempt = Attempt(exchange, roster, author == session.me, now, self._failed)
        self._attempt.owes_share = not joiners and not replaced

    # --- the exchange

    def _receive_roster(self, frame, now):
        if self.session:
            attempt = self._attempt
            if not attempt or attempt.roster != frame:
                raise errors.OutOfPlace()
            if attempt.started:
                raise errors.Duplicate()
            attempt.started = True
            attempt.roster_at = None
            attempt.waits_since = now
            attempt.owes_share = attempt.exchange.me >= 0
        elif self._joining:
            self._receive_roster_as_joiner(frame, now)

    def _receive_exchange(self, kind, frame, now):
        attempts = [one for one in (self._attempt, self._dead) if one]
        if not self.session:
            if not self._joining:
                return
            attempts = self._candidates + attempts
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
        exchange = attempt.exchange
        if kind in (wire.WITNESS, wire.REVEAL):
            self._receive_testimony(kind, attempt, frame, now)
        elif exchange.dead:
            raise errors.Aborted()
        elif kind == wire.ABORT:
            self._receive_abort(attempt, frame, now)
        elif not attempt.started:
            raise errors.OutOfPlace()
        else:
            try:
                if kind == wire.SHARE:
                    self._take_share(attempt, frame, now)
                else:
                    self._take_confirm(attempt, frame, now)
            except errors.Proof as error:
                exchange.spoilt = True
                if self.session:
                    self._convict(exchange.people[error.index], error.name)
                raise

    def _act_shares(self, now, most):
        """My SHARE, in pieces of which each takes a bounded time."""
        for attempt in self._candidates + [self._attempt]:
            if attempt and attempt.owes_share:
                if not attempt.exchange.agree_some(most):
                    self._wake_at(now)
                    return
                self._post_share(attempt, now)

    def _post_share(self, attempt, now):
        if attempt.owes_share:
            attempt.owes_share = False
            self._outbox.post(attempt.exchange.share(self._random), now)

    def _take_share(self, attempt, frame, now):
        exchange = attempt.exchange
        exchange.receive_share(frame)
        if exchange.fails:
            self._post_share(attempt, now)  # before an ABORT, as anybody's
        if exchange.shares_left == 0:
            attempt.waits_since = now
            self._shares_complete(exchange, now)
        self._cry(attempt, now)

    def _take_confirm(self, attempt, frame, now):
        exchange = attempt.exchange
        index, closing = exchange.receive_confirm(frame)
        if closing and self.session:
            self._receive_closing(closing, exchange.people[index].key, now)
        if not exchange.complete:
            self._cry(attempt, now)
        elif exchange.me < 0:
            attempt.waits_since = now  # one who looks on cannot see whether a c is wrong
        else:
            self._enter(attempt, now)

    def _shares_complete(self, exchange, now):
        if self.session:
            self._end_span(exchange.sid)
        elif self._confirmed():
            return  # a y serves one sid from CONFIRM on (3)
        if not exchange.ready:
            return
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
        were_in = old.members if old else []
        joined = [
            who for who in members
            if find(were_in, who.key) < 0 or (old and isinstance(people[who.index], Guest))
        ]
        left = [who for who in were_in if find(members, who.key) < 0]
        if len(people) == 1:
            session = Session.alone(exchange, signing_key(self._random), members)
        else:
            session = Session.from_exchange(exchange, members)
            session.code = session_code(exchange.sas_key, exchange.opened)
        wipe(exchange.sas_key)
        if attempt.invitation:
            self.room = attempt.invitation.room
        if old:
            self._part(left)
            self._close_session(old, joined)
            self._membership.end_admissions()
        self._close_trial()
        forget_tickets(people)
        exchange.wipe()
        for candidate in self._candidates:
            if candidate is not attempt:
                candidate.exchange.abandon()
        self._candidates = []
        if self._joining:
            self._joining.forget_tickets()
            for invitation, _ in self._joining.asked:
                invitation.wipe()
        self._joining = None
        self._attempt = None
        self._proposed = False
        self._leave_posted = False
        self._due_at = self._guests_at = self._rekey_at = None
        self._rekey_asked = False
        self._since = now
        self._number += 1
        self._failed = 0
        self.session = session
        before = self._membership
        self._membership = Membership(members, session.next_keys, session.me, self.room)
        if old and not joined:
            self._membership.carry_over(before)
        self._start_watch(exchange.my_confirm)
        self._doomed_at = None
        self._outbox.forget_all_but(wire.INVITATION)
        self._open_session(session)
        self._events.append(
            events.SessionStarted(
                self._number, list(members), session.code, joined, left, attempt.failed
            )
        )
        self._invite_again(joined, now)
        self._vote_again(now)

    def _part(self, left):
        """Remembers with whom I might meet again: those that only fell silent."""
        silent = [who.key for who in left if who.index in self._membership.silent]
        self._parted = (self._parted + silent)[-wire.MAX_PARTICIPANTS :]
