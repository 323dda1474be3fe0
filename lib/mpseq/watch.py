"""Who owes what for too long: debts, SUSPECT and its retraction, EXPEL (PROTOCOL.md 6). The part
of Conversation that decides when silence is an answer.
"""

from . import errors, events, wire
from .roster import Guest, by_key, find
from .suspicion import ACK, FRAME, KEYS, REVEAL, STRIKES, SUSPECT

# By the kind of debt.
WHAT = (
    "",
    "its part of the exchange",
    "fresh keys",
    "its part in finding out why an exchange failed",
    "an acknowledgement",
    "a word about somebody else's silence",
    "an explanation",
)
_STRAGGLER = 30000  # ms after a text until one who never spoke gets my CONFIRM again
_SAY_AGAIN = 10000  # ms between two times that I post frames again for others
_ASK_AGAIN = 180000  # ms
_MOST_UNACKED = 64  # places of texts that are watched


class Watch:
    def _start_watch(self, last_confirm=None):
        self._last_confirm = last_confirm  # mine, of the exchange that led to this session
        self._exchanges = 0  # accepted PROPOSEs of this session
        self._suspected = []  # (who, kind, debt) that I posted
        self._stood = []  # (target, since) of my suspicions that the room has heard
        self._unacked = []  # (place after a text, when it came) until all acknowledged it
        self._unheard_until = 0  # the carrier was away until then
        self._labels = {}  # a member's index -> the carrier's label of its last frame
        self._absent = []  # indexes of those whose label left: a hint
        self._said_again_at = -_SAY_AGAIN
        self._asked_at = None  # when I asked whether anybody is there

    # --- what is owed, in everybody's eyes at one place

    def _person(self, who):
        """A member's index, or the key of a guest of the running exchange, from its byte on the
        wire: guests come after the members, by their index in the exchange."""
        n = len(self.session.members)
        if who < n:
            return who
        people = self._attempt.exchange.people if self._attempt else ()
        if who - n < len(people) and isinstance(people[who - n], Guest):
            return people[who - n].key
        raise errors.OutOfPlace()

    def _on_the_wire(self, target):
        if isinstance(target, int):
            return target
        people = self._attempt.exchange.people
        return len(self.session.members) + find(people, target)

    def _owes(self, author, target, kind, debt):
        """Whether this debt, of which `author` complains, is open here."""
        membership = self._membership
        if not isinstance(target, int):
            if not self._attempt or kind not in (FRAME, SUSPECT):
                return False
        if kind == FRAME:
            return debt == self._stage() and target in self._slow()
        if kind == KEYS:
            return debt == self._exchanges and membership.owes_keys(target)
        if kind == REVEAL:
            return debt == self._exchanges and target in self._unrevealed()
        if kind == ACK:
            return self._waits_for_ack(target, debt)
        if kind == SUSPECT:
            return self._should_suspect(author, target, debt)
        return kind == STRIKES and debt == 0 and membership.struck(target)

    def _stage(self):
        """The running exchange and whether SHAREs or CONFIRMs are owed, as one number."""
        done = self._attempt and not self._attempt.exchange.shares_left
        return 2 * self._exchanges + (1 if done else 0)

    def _slow(self):
        """Who owes a frame of the running exchange."""
        attempt = self._attempt
        if not attempt or not attempt.started:
            return []
        exchange = attempt.exchange
        people = exchange.people
        return [
            self._identify(people[i]) for i in range(len(people)) if exchange.owes(i)
        ]

    def _unrevealed(self):
        return [
            self._identify(who) for who in self._owing_testimony() if not isinstance(who, Guest)
        ]

    def _waits_for_ack(self, target, place):
        for text, _ in self._unacked:
            if text == place:
                return self.session.ack_of(target) < place
        return False

    def _should_suspect(self, author, target, debt):
        if not isinstance(target, int) or target == author:
            return False
        try:
            about = self._person(debt)
        except errors.OutOfPlace:
            return False
        suspicions = self._membership.suspicions
        if about == target or not suspicions.suspects(author, about):
            return False
        return not suspicions.suspects(target, about)

    def _watch_text(self, place, now):
        if len(self._unacked) < _MOST_UNACKED:
            self._unacked.append((place, now))

    def _watch_acks(self):
        """Forgets the texts that everyone has acknowledged, whatever it had seen."""
        if self._unacked:
            session = self.session
            acks = [session.ack_of(index) for index in self._membership.alive()]
            while self._unacked and acks and self._unacked[0][0] <= min(acks):
                self._unacked.pop(0)

    # --- SUSPECT and EXPEL at their place

    def _receive_suspect(self, author, body, now):
        reader = wire.Reader(body)
        kind = reader.byte()
        target = self._person(reader.byte())
        debt = reader.varint()
        reader.end()
        membership = self._membership
        if target == author or target in membership.gone:
            raise errors.OutOfPlace()
        if target == self.session.me:
            self._answer(kind, now)
        if not self._owes(author, target, kind, debt):
            raise errors.OutOfPlace()
        if not membership.suspicions.add(author, target, kind, debt):
            raise errors.Duplicate()
        if author == self.session.me:
            self._stood.append((target, now))
        nick, key = self._name(target)
        by = self._member(author)
        self._events.append(events.Suspected(nick, key, by.nick, by.key, WHAT[kind]))

    def _answer(self, kind, now):
        """Somebody misses something of mine. If it is me who missed that it was owed, an ACK tells
        that we differ; if my frames of the exchange have come to me, the carrier has lost them for
        others, and the same bytes once more can still save the exchange."""
        if now < self._said_again_at + _SAY_AGAIN:
            return
        self._said_again_at = now
        if kind == ACK:
            self._post_message(wire.ACK, b"", now)
        elif kind == FRAME and self._attempt:
            exchange = self._attempt.exchange
            for frame in (exchange.my_share, exchange.my_confirm):
                if frame:
                    self._outbox.frames.append(frame)

    def _name(self, target):
        if isinstance(target, int):
            who = self._member(target)
        else:
            who = by_key(self._attempt.exchange.people, target)
        return who.nick, who.key

    def _receive_expel(self, author, body):
        reader = wire.Reader(body)
        target = reader.byte()
        reader.end()
        if target >= len(self.session.members):
            raise errors.BadIndex()
        if not self._membership.vote(author, target):
            raise errors.OutOfPlace()
        who = self._member(target)
        by = self._member(author)
        self._events.append(events.ExpelVote(who.nick, who.key, by.nick, by.key))

    def _settle(self, now):
        """After every frame: debts that are paid, votes that are complete, who is due."""
        membership = self._membership
        self._watch_acks()
        suspicions = membership.suspicions
        if suspicions.stands:
            suspicions.keep(self._owes)
            if self._stood:
                me = self.session.me
                self._stood = [one for one in self._stood if suspicions.suspects(me, one[0])]
        if membership.is_quiet():
            self._due_at = None
            return
        before = membership.due()
        for index in membership.settle(self.session.count):
            who = self._member(index)
            self._events.append(events.Expelled(who.nick, who.key))
        due = membership.due()
        if due != before or (due and self._due_at is None):
            self._due_at = None
            if due:
                # One who is only slow may still be heard.
                slow = [index for index in due if index not in membership.gone]
                self._due_at = now + self.settings.abort_after if slow else now

    # --- my own suspicions

    def carrier_enter(self, label, now):
        """Somebody came, under a label that a member may have had: only what it says shows who
        it is, so nothing changes. A device that was switched on anew has the label of before, and
        the member that it was is away."""

    def carrier_leave(self, label, now):
        """A hint: it shortens my patience with whoever spoke last under this label (6)."""
        for index in self._labels:
            if self._labels[index] == label and index not in self._absent:
                self._absent.append(index)
        self._act(now)

    def _heard(self, label, index):
        self._labels[index] = label
        if index in self._absent:
            self._absent.remove(index)

    def _act_watch(self, now):
        """Posts SUSPECT of those who owe something for too long, unless it is the carrier that is
        away: then everyone has the same time again from its return."""
        if self._outbox.unheard():
            self._unheard_until = now
            return
        session = self.session
        if self._membership.is_void(session.me):
            return
        if len(session.members) == 1 and not self._attempt:
            return  # else there may be guests
        if not (self._attempt or self._trial or self._stood or self._suspected):
            if not self._membership.someone_owes_more():
                if not self._unacked:
                    return
                at = max(self._unacked[0][1], self._unheard_until) + _STRAGGLER
                if now < at:  # the usual case, and this is asked at every frame
                    self._wake_at(at)
                    return
        debts = self._debts()
        open_now = [(self._on_the_wire(one[0]), one[1], one[2]) for one in debts]
        self._suspected = [one for one in self._suspected if one in open_now]
        for said, (target, kind, debt, since, patience) in zip(open_now, debts):  # noqa: B905
            if kind == ACK and self._last_confirm and session.heard()[target] == 0:
                at = max(since, self._unheard_until) + _STRAGGLER
                if now < at:
                    self._wake_at(at)
                else:  # it may have missed the end of the exchange that led here
                    self._outbox.frames.append(self._last_confirm)
                    self._last_confirm = None
            if said in self._suspected:
                continue
            if target in self._absent and kind != ACK:  # that may be owed for up to 60 s
                patience = min(patience, self.settings.suspect_absent_after)
            at = max(since, self._unheard_until) + patience
            if now < at:
                self._wake_at(at)
                continue
            self._suspected.append(said)
            self._post_message(wire.SUSPECT, bytes((kind, said[0])) + wire.varint(debt), now)

    def _ask_around(self, now):
        """A re-key is long due and it is for others to propose it: are they there? An ACK that
        asks is acknowledged like a text."""
        at = (self._rekey_at if self._asked_at is None else self._asked_at) + _ASK_AGAIN
        if now < at:
            self._wake_at(at)
        elif not self._outbox.unheard():
            self._asked_at = now
            self._post_message(wire.ACK, b"\1", now)

    def _debts(self):
        """[(target, kind, debt, since, patience)] of the others, in my eyes."""
        settings = self.settings
        patience = settings.suspect_after
        membership = self._membership
        number = self._exchanges
        me = self.session.me
        alive = membership.alive()
        found = []
        attempt = self._attempt
        if attempt and not attempt.exchange.fails:
            for target in self._slow():
                found.append((target, FRAME, self._stage(), attempt.waits_since, patience))
        for target in alive:
            if membership.owes_keys(target):
                found.append((target, KEYS, number, self._aborted_at, patience))
        for target in self._unrevealed():
            found.append((target, REVEAL, number, self._aborted_at, patience))
        if self._unacked:
            for target in alive:
                for place, since in self._unacked:
                    if self.session.ack_of(target) < place:
                        found.append((target, ACK, place, since, settings.suspect_ack_after))
                        break
        for about, since in self._stood:
            for target in alive:
                if target != about and not membership.suspicions.suspects(target, about):
                    debt = self._on_the_wire(about)
                    found.append((target, SUSPECT, debt, since, patience))
        for target in alive:
            if membership.struck(target):
                found.append((target, STRIKES, 0, 0, 0))
        return [one for one in found if one[0] != me and one[0] not in membership.gone]
