"""What a member does when an exchange fails: ABORT, REVEAL, the verdict, fresh KEYS (PROTOCOL.md
7). The part of Conversation that ends exchanges; who is to blame is found in `judgement`.
"""

from . import errors, events, wire
from .exchange import NOT_MINE, REMOVED
from .primitives import KeyPairs
from .roster import Guest, by_key, find, forget_tickets

# By the reason of the ABORT.
REASONS = (
    "",
    "somebody has to go",
    "a frame that its owner did not post",
    "an authentication that does not hold",
    "contributions that do not add up",
    "a confirmation of another key",
)
_ABORT_STEP = 1000  # ms between members who post the same ABORT
_GUESTS_REVEAL = 15000  # ms that guests are waited for


class Failures:
    def _start_failures(self):
        self._trial = None
        self._dead = None  # the Attempt that was aborted last
        self._aborted_at = 0
        self._keys_at = None  # when to post my fresh KEYS
        self._doomed_at = None  # since when the running exchange has somebody in it who must go

    # --- saying that it fails

    def _cry(self, attempt, now):
        """Posts the ABORT that what I found asks for. Junk never leads here (7)."""
        exchange = attempt.exchange
        failure = exchange.failure
        if not failure or exchange.my_abort or exchange.me < 0:
            return
        if failure[0] != NOT_MINE and exchange.shares_left:
            return  # to REVEAL, all SHAREs must be in
        if attempt.invitation and not attempt.is_vouched_for():
            return  # a stranger's ROSTER, for all I know (5.3)
        self._outbox.post(exchange.abort(failure[0], failure[1]), now)

    def _act_abort(self, now):
        """Somebody in the running exchange has to go: any participant says so (6)."""
        attempt = self._attempt
        exchange = attempt.exchange
        target = self._must_go(exchange.people)
        if target is None:
            self._doomed_at = None
            return
        if self._doomed_at is None:
            self._doomed_at = now
        group = self._membership.remaining()
        me = self.session.me
        if me not in group or exchange.my_abort or exchange.me < 0:
            return
        at = self._doomed_at + group.index(me) * _ABORT_STEP
        if not exchange.spoilt:
            at += self.settings.abort_after  # the switch may still come
        if now >= at:
            self._outbox.post(exchange.abort(REMOVED, target, self.session.count), now)
        else:
            self._wake_at(at)

    def _must_go(self, people):
        """The index in the exchange of the first who is due, or None."""
        membership = self._membership
        due = membership.due()
        if due or membership.dropped:
            for index in range(len(people)):
                who = self._identify(people[index])
                if who in due or who in membership.dropped:
                    return index
        return None

    def _identify(self, person):
        """A participant of an exchange as the parent session knows it: a member's index, or the
        key of a guest."""
        if isinstance(person, Guest):
            return person.key
        return find(self.session.members, person.key)

    # --- an ABORT at its place

    def _receive_abort(self, attempt, frame, now):
        exchange = attempt.exchange
        author, reason, target, k = exchange.receive_abort(frame)
        who = exchange.people[author]
        self._events.append(events.ExchangeFailed(REASONS[reason], who.nick, who.key))
        self._outbox.forget((wire.ROSTER, wire.SHARE, wire.CONFIRM, wire.ABORT))
        if self.session:
            self._abort_as_member(attempt, author, reason, target, k, now)
        else:
            self._abort_as_joiner(attempt, author, reason, target, now)

    def _abort_as_member(self, attempt, author, reason, target, k, now):
        exchange = attempt.exchange
        people = exchange.people
        membership = self._membership
        self._attempt = None
        self._dead = attempt
        self._failed += 1
        self._aborted_at = now
        self._doomed_at = None
        if self._last_rekey:
            self._rekey_at = now  # it is due again
        trial = None
        from .judgement import Trial, is_in_form  # a board loads it only when there is a trial

        if reason == REMOVED:
            who = self._identify(people[target])
            if not membership.was_due(who, k, self.session.count):
                self._strike(people[author])  # no proof: it may have seen other frames
            elif isinstance(who, int):
                membership.part(who)
            else:
                self._guest_failed(people[target])
        elif reason == NOT_MINE or not is_in_form(exchange, author, reason, target):
            self._strike(people[author])
        else:
            trial = Trial(exchange, author, reason, target)
        if not exchange.shares_left:
            self._end_admissions(people)
        forget_tickets(people, membership.guests)
        self._trial = trial
        if not trial:
            exchange.abandon()
        elif exchange.me >= 0:
            self._testify(now)
        self._post_closing(now)
        self._post_keys(now, exchange.keys)
        self._reopen_span(exchange.sid, now)

    def _testify(self, now):
        """Posts what the trial asks of me next; x is wiped as soon as nothing asks for it."""
        trial = self._trial
        exchange = trial.exchange
        if exchange.me in trial.missing():
            if not trial.may_reveal:
                self._outbox.post(exchange.witness(), now)
                return  # x may be asked for yet
            self._outbox.post(exchange.reveal(), now)
        exchange.keys.wipe()

    def _post_keys(self, now, spent):
        """Fresh (y, t) from all who remain (5.5). `spent`: keys that are wiped elsewhere."""
        self._membership.ask_keys()
        if self.session.keys is not spent:
            self.session.keys.wipe()
        self.session.keys = KeyPairs(self._random)
        self._keys_at = now + _GUESTS_REVEAL if self._owing_guests() else now

    def _act_keys(self, now):
        """KEYS wait a little for guests that have to testify: once all are in, anyone may propose,
        which closes the trial."""
        if self._keys_at is None:
            return
        if now < self._keys_at and self._owing_guests():
            self._wake_at(self._keys_at)
            return
        if not self._leave_posted and not self._membership.is_void(self.session.me):
            until = self._admit_again(now)
            if until is not None:
                self._wake_at(until)
                return
            self._post_keys_again(now)
        self._keys_at = None

    def _post_keys_again(self, now):
        keys = self.session.keys
        self._post_message(wire.KEYS, keys.y + keys.t, now)

    def _receive_keys(self, author, body):
        y, t = self._membership.take_keys(author, body)
        keys = self.session.keys
        if author == self.session.me and (y != keys.y or t != keys.t):
            raise errors.NotMine()

    def _end_admissions(self, people):
        """All joiners' y are spent: they JOIN anew (5.3)."""
        self._membership.end_admissions(people)
        for one in self._invites:
            guest = by_key(people, one.key)
            if guest:
                one.spend(guest.y)

    # --- verdicts

    def _convict(self, person, why):
        """Proven wrong: a member goes. A guest is dropped: it may be its inviter that made up what
        it is wrong by."""
        if not self._membership.convict(self._identify(person)):
            return
        if isinstance(person, Guest):
            self._guest_failed(person)
        else:
            self._events.append(events.Convicted(person.nick, person.key, why))

    def _guest_failed(self, guest):
        if not self._membership.guest_failed(guest):
            return
        self._events.append(events.GuestDropped(guest.nick, guest.key))
        for one in self._invites:
            if one.key == guest.key:
                one.spend(guest.y)

    def _strike(self, person):
        """A guest gets no second one: new guests cost nothing."""
        if isinstance(person, Guest):
            self._guest_failed(person)
        else:
            self._membership.strike(self._identify(person))

    def _receive_testimony(self, kind, attempt, frame, now):
        """A WITNESS or REVEAL. One who joins says its part, and has nothing to learn from it."""
        trial = self._trial
        if not trial or attempt is not self._dead or trial.over:
            raise errors.Aborted()
        if trial.may_reveal != (kind == wire.REVEAL):
            raise errors.OutOfPlace()
        if frame[5] not in trial.missing():
            raise errors.Duplicate()
        exchange = trial.exchange
        known = len(trial.guilty)
        different = len(trial.differs)
        if kind == wire.WITNESS:
            author, digest, mine = exchange.receive_witness(frame)
            trial.take_witness(author, digest, mine)
            if trial.may_reveal and exchange.me >= 0:
                self._testify(now)
        else:
            author, x, digest, mine = exchange.receive_reveal(frame)
            trial.take(author, x, digest, mine)
        if self.session:
            self._judge(trial, known, different)
        elif trial.over or trial.may_reveal:
            self._close_trial()

    def _judge(self, trial, known, different):
        """What follows from a testimony for members; `known` were guilty before, `different`
        differed."""
        people = trial.exchange.people
        for index in trial.differs[different:]:
            self._strike(people[index])
        for index in trial.guilty[known:]:
            self._convict(people[index], "wrong contribution to an exchange")
        if trial.over:
            for index in trial.disowned:
                self._strike(people[index])
            if trial.differs and not trial.guilty:
                self._events.append(events.CarrierInconsistent())
            trial.exchange.abandon()

    def _owing_testimony(self):
        """Who owes a WITNESS or REVEAL still: Participants."""
        if not self._trial:
            return []
        people = self._trial.exchange.people
        return [people[index] for index in self._trial.missing()]

    def _trial_waits(self):
        """Whether a member owes one: no PROPOSE is right before it came."""
        group = self._membership.remaining()
        for who in self._owing_testimony():
            if self._identify(who) in group:
                return True
        return False

    def _owing_guests(self):
        """Guests that owe one: those are waited for a little, and not for ever."""
        return [who for who in self._owing_testimony() if isinstance(who, Guest)]

    def _close_trial(self):
        """The next PROPOSE is accepted, or the session ends."""
        trial = self._trial
        if trial:
            for guest in self._owing_guests() if self.session else ():
                self._guest_failed(guest)
            trial.close()
            trial.exchange.abandon()
        self._trial = None
        self._dead = None
