"""Insiders for stories: members that say and keep silent what they like, with the keys that they
really have, and what must be true of all the honest ones afterwards. For CPython and MicroPython.

    house = Room("ana", "ben", "eva").together("ana", "ben", "eva")
    eva = Insider(house, "eva").spoil(wire.SHARE, wrong_z)
    house.rekey("ana")
    house.goes_on("ana", "ben", convicted=("eva",))
"""

from cheats import resealed, sealed
from house import House, Seeded

from mpseq import events, wire
from mpseq.bodies import REKEY, Proposal
from mpseq.primitives import H, kdf, mac, seal, sign

MINUTE = 60000
_DISAGREEMENTS = (events.Inconsistent, events.Missing, events.Unverifiable)


class _Keys:
    pass


class Kept:
    """What its participant knew of an exchange when it began: honest members wipe that, cheats
    need not. Its attributes are called as in Exchange."""

    def __init__(self, exchange):
        self.live = exchange
        self.sid = exchange.sid
        self.suite = exchange.suite
        self.tag = exchange.tag
        self.me = exchange.me
        self.people = exchange.people
        self.secret = bytes(exchange.secret)
        self.keys = None
        if exchange.keys:
            self.keys = _Keys()
            self.keys.x = bytes(exchange.keys.x)
            self.keys.t_secret = bytes(exchange.keys.t_secret)

    def index(self, key):
        return [who.key for who in self.people].index(key)


class Room(House):
    """A House that remembers every exchange of its people, and looks after each frame whether the
    honest ones have wiped what section 7 says. `insiders`: those who are not honest."""

    def __init__(self, *nicks, **options):
        self.insiders = {}
        self.kept = {}  # nick -> [Kept], in order
        self._faster = {}  # (nick, frame type) -> acts
        self._plans = []  # [frame type, how many still, act, whether after it]
        super().__init__(*nicks, **options)
        self.hook = self._through

    def _through(self, sender, frame):
        acts = self._faster.get((sender, frame[0] & 15))
        if acts:
            return acts.pop(0)(frame)
        insider = self.insiders.get(sender)
        return insider.pass_on(frame) if insider else (frame,)

    def overtake(self, nick, kind, act):
        """A cheat sees the next frame of this type from `nick` on its way: act(frame) gives the
        frames that the room gets instead. Said twice: of the next two."""
        self._faster.setdefault((nick, kind), []).append(act)

    def before(self, kind, nth, act):
        """act() just before the nth frame of this type from now on."""
        self._plans.append([kind, nth, act, False])

    def after(self, kind, nth, act):
        self._plans.append([kind, nth, act, True])

    def _planned(self, kind):
        first = []
        then = []
        for plan in self._plans:
            if plan[0] == kind:
                plan[1] -= 1
                if plan[1] == 0:
                    (then if plan[3] else first).append(plan[2])
        self._plans = [plan for plan in self._plans if plan[1] > 0]
        return first, then

    def deliver(self, label, frame):
        first, then = self._planned(frame[0] & 15)
        self._do(first)
        super().deliver(label, frame)
        for nick in self.order:
            self._remember(nick)
            if nick not in self.insiders:
                self._check_wiped(nick)
        self._do(then)

    def _do(self, acts):
        """What a cheat posts meanwhile is not counted."""
        for act in acts:
            plans = self._plans
            self._plans = []
            act()
            self._plans += plans

    def _remember(self, nick):
        person = self.people[nick]
        mine = self.kept.setdefault(nick, [])
        for attempt in [person._attempt] + person._candidates:
            if attempt and attempt.exchange not in [one.live for one in mine]:
                mine.append(Kept(attempt.exchange))

    def _check_wiped(self, nick):
        """After an ABORT: s, next keys and all that came of S at once; x as soon as the REVEAL is
        made, or not asked for. What serves another exchange of a joiner stays."""
        trial = self.people[nick]._trial
        for one in self.kept[nick]:
            exchange = one.live
            if exchange.dead:
                assert_zero(exchange.statement and exchange.statement[0], nick)
                assert_zero(exchange.next_keys and exchange.next_keys.x, nick)
                assert_zero(exchange._pair, nick)
                for secret in (exchange.chains, exchange.header_key, exchange.sas_key):
                    assert_zero(secret, nick)
                asked = trial and trial.exchange is exchange and not trial.over
                if asked and trial.may_reveal:
                    asked = exchange.me in trial.missing()
                if self.people[nick].session and exchange.keys and not asked:
                    assert_zero(exchange.keys.x, nick)
                    assert_zero(exchange.keys.t_secret, nick)

    def rekey(self, nick):
        """This one proposes, now."""
        self.people[nick].rekey(self.now)
        self.settle()

    def anyone_rekeys(self, *nicks):
        """The first of these whose turn it may be."""
        for nick in nicks:
            if self.people[nick]._last_rekey != self.key(nick):
                self.rekey(nick)
                return

    def index(self, nick):
        """The index of this member in the present session."""
        for who in self.people[self.order[0]].members:
            if who.nick == nick:
                return who.index

    def exchange(self, nick):
        """The exchange that runs for this person."""
        return self.people[nick]._attempt.exchange

    def names(self, nick, kind):
        """Whom the events of this kind name, sorted."""
        return sorted([one.nick for one in self.of(nick, kind)])

    # --- what must be true at the end

    def goes_on(
        self, *honest, convicted=(), newcomers=(), minutes=4, expelled=(), also=(), maybe=()
    ):
        """After so many minutes all of these are in one working session; none of them was blamed
        or removed; those who saw it (all but `newcomers`) convicted exactly `convicted`; nothing
        secret is left of any exchange. `also`: cheats that are in; `maybe`: that may be."""
        self.wait(minutes * MINUTE)
        also = tuple(also) + tuple([one for one in maybe if one in self.here(honest[0])])
        for one in self.insiders.values():
            assert not one._changes or one.changed, "nothing was spoilt"
        self.assert_one_session(*(honest + tuple(also)))
        for nick in honest:
            if nick not in newcomers:
                found = self.names(nick, events.Convicted)
                assert found == sorted(convicted), (nick, found)
                assert self.names(nick, events.Expelled) == sorted(expelled), nick
            self.fair_to(nick, honest)
            assert self.of(nick, events.Left) == [], nick
        self.talk(*honest)
        self.renews_keys(honest, also)
        for nick in honest:
            self.assert_clean(nick, newcomers)

    def renews_keys(self, honest, also=()):
        """Nothing is stuck: a re-key leads to another session for all of them."""
        before = self.people[honest[0]].session.sid
        for nick in honest:
            person = self.people[nick]
            if len(person.members) == 1 or person._last_rekey != self.key(nick):
                person.rekey(self.now)
                break
        self.wait(MINUTE)
        self.assert_one_session(*(honest + tuple(also)))
        assert self.people[honest[0]].session.sid != before

    def fair_to(self, nick, honest):
        """In the eyes of this one nothing is wrong with the honest ones."""
        for event in self.seen[nick]:
            if isinstance(event, (events.Convicted, events.Expelled) + _DISAGREEMENTS):
                assert event.nick not in honest, (nick, event)

    def talk(self, *honest):
        """Everyone says something; all see it in one order, once, and confirmed by all."""
        since = [len(self.texts(nick)) for nick in honest]
        for nick in honest:
            self.say(nick, "here is " + nick)
        said = [(nick, "here is " + nick) for nick in honest]
        for at in range(len(honest)):
            nick = honest[at]
            assert self.texts(nick)[since[at] :] == said, (nick, self.texts(nick))
        if len(honest) > 1:
            self.wait(MINUTE // 2)
        for nick in honest:
            last = self.of(nick, events.Text)[-1].number
            assert self.of(nick, events.Confirmed)[-1].number >= last, nick

    def talk_of(self, *honest):
        """These go on talking with each other, whatever somebody else in the room does."""
        since = [len(self.texts(nick)) for nick in honest]
        for nick in honest:
            self.say(nick, "here is " + nick)
        for at in range(len(honest)):
            said = [(nick, "here is " + nick) for nick in honest]
            assert self.texts(honest[at])[since[at] :] == said
            self.fair_to(honest[at], honest)
        first = self.people[honest[0]]
        for nick in honest:
            assert self.people[nick].transcript == first.transcript, nick

    def assert_clean(self, nick, newcomers=()):
        """No exchange of this one runs, and what is over has left no secret behind."""
        person = self.people[nick]
        assert person._attempt is None, nick
        assert person._trial is None or person._trial.over, nick
        session = person.session
        ys = []
        for one in self.kept[nick]:
            exchange = one.live
            if exchange.keys:
                ys.append(bytes(one.people[one.me].y))
                assert_zero(exchange.keys.x, nick)
                assert_zero(exchange.keys.t_secret, nick)
            for secret in (exchange.secret, exchange._pair, exchange._confirm_key):
                assert_zero(secret, nick)
            if exchange.sid != session.sid:
                for secret in (exchange.chains, exchange.header_key, exchange.sas_key):
                    assert_zero(secret, nick)
                assert_zero(exchange.statement and exchange.statement[0], nick)
        if nick not in newcomers:
            assert len(set(ys)) == len(ys), nick  # a y serves one sid (section 3)

    def nobody_proposes(self, *nicks):
        """These are slow to propose, until anybody_proposes()."""
        for nick in nicks:
            self.people[nick]._propose = lambda *what: False

    def anybody_proposes(self, *nicks):
        for nick in nicks:
            del self.people[nick]._propose

    def never_shown(self, text, *nicks):
        for nick in nicks:
            for _, shown in self.texts(nick):
                assert shown != text, nick


def assert_zero(secret, whose):
    assert secret is None or bytes(secret) == bytes(len(secret)), whose


class Insider:
    """A member whose Conversation keeps the rules but for what a story makes it do."""

    def __init__(self, house, nick):
        self.house = house
        self.nick = nick
        self.person = house[nick]
        self._changes = {}  # frame type -> [change, how many still]
        self._hushed = []
        self._muted = []
        self._replaced = {}
        self.hidden = []  # frames that it kept back
        self.changed = 0
        house.insiders[nick] = self
        post = self.person._post_message

        def post_message(kind, body, now):
            if kind not in self._muted:
                post(kind, body, now)

        self.person._post_message = post_message

    # --- what it does instead of what it should

    def spoil(self, kind, change, most=1):
        """change(kept, plain) for the next `most` frames of this type."""
        self._changes[kind] = [change, most]
        return self

    def instead(self, kind, act):
        """act(kept, frame) gives the frames that are posted for the next one of this type."""
        self._replaced[kind] = act
        return self

    def hush(self, *kinds):
        """No frames of these types any more."""
        self._hushed += kinds
        return self

    def mute(self, *kinds):
        """No messages of these kinds any more."""
        self._muted += kinds
        return self

    def behave(self):
        self._hushed = []
        del self._muted[:]
        self._changes = {}
        self._replaced = {}

    def pass_on(self, frame):
        kind = frame[0] & 15
        if kind in self._hushed:
            self.hidden.append(frame)
            return ()
        if kind in self._replaced:
            return self._replaced.pop(kind)(self.kept(frame), frame)
        plan = self._changes.get(kind)
        if not plan or plan[1] == 0:
            return (frame,)
        plan[1] -= 1
        self.changed += 1
        kept = self.kept(frame)
        spoilt = resealed(kept, frame, plan[0])
        self.adopt(kept, spoilt)
        return (spoilt,)

    def adopt(self, kept, frame):
        """It takes its own changed frame for its own, as a cheat would."""
        if frame[0] & 15 == wire.SHARE:
            kept.live.my_share = frame
        elif frame[0] & 15 == wire.CONFIRM:
            kept.live.my_confirm = frame
            kept.live.spoilt = True  # and knows that the others will not switch

    # --- what it knows

    def kept(self, frame=None):
        """The exchange of a frame, or the last one that it took part in."""
        self.house._remember(self.nick)
        for one in reversed(self.house.kept[self.nick]):
            if frame is None or one.tag == frame[1:5]:
                return one
        raise AssertionError("no exchange for this frame")

    @property
    def index(self):
        return self.person.session.me

    # --- what it says beside

    def post(self, frame):
        self.house.deliver(self.nick, frame)

    def message(self, kind, body=b""):
        """Says this in the session, right or not. Returns why the honest members refused it (all
        for the same reason), or None."""
        return self._refusal(self.person.session.seal(kind, body))

    def _refusal(self, frame):
        house = self.house
        judges = [nick for nick in house.order if nick not in house.insiders]
        judges = [nick for nick in judges if house[nick].session]
        before = [len(house.refusals(nick)) for nick in judges]
        self.post(frame)
        after = [house.refusals(judges[at])[before[at] :] for at in range(len(judges))]
        for reasons in after:
            assert reasons == after[0], after
        return after[0][0] if after[0] else None

    def propose(self, what=REKEY, removed=(), carried=(), seed=None):
        """A PROPOSE, with N and E from `seed`; returns why it was refused, or None."""
        return self.message(wire.PROPOSE, self.proposal(what, removed, carried, seed))

    def proposal(self, what=REKEY, removed=(), carried=(), seed=None):
        random = Seeded(seed) if seed else self.person._random
        nonce = random(16)
        check = self.person.room.psk_check(nonce)
        secret = bytearray(random(32))
        return bytes(Proposal(nonce, secret, check, what, removed, carried).encode())

    def suspect(self, kind, who, debt):
        return self.message(wire.SUSPECT, bytes((kind, who)) + wire.varint(debt))

    def signed(self, kept, kind, tag, body):
        """An ABORT or REVEAL of its own."""
        who = bytes((kept.me,))
        signature = sign(kept.keys.t_secret, H(tag, kept.sid, who, body))
        return sealed(kept, kind, kept.me, signature + body)

    def abort(self, reason, target, k=None, kept=None):
        """Posts an ABORT; returns why it was refused, or None."""
        if k is None:
            k = self.person.session.count if self.person.session else 0
        body = bytes((reason, target)) + wire.varint(k)
        return self._refusal(self.signed(kept or self.kept(), wire.ABORT, b"abort", body))

    def reveal(self, kept, x=None, digest=None, mine=3):
        body = (x or kept.keys.x) + (digest or bytes(32)) + bytes((mine,))
        return self._refusal(self.signed(kept, wire.REVEAL, b"reveal", body))


def beside(session, kind, body, counter=None, count=None, h=None, secret=None, index=None):
    """A MESSAGE that a member can make beside its own Session, which is left as it is; `index`,
    `secret`: in the place of another one, signed with this key."""
    index = session.me if index is None else index
    who = bytes((index,))
    first = session._counters[index]
    counter = first if counter is None else counter
    where = wire.varint(counter)
    count = session.count if count is None else count
    front = bytes((kind,)) + wire.varint(count) + (h or session.h[:16]) + wire.varint(len(body))
    rest = front + body + bytes(wire.padded_length(len(body)) - len(body))
    chain = bytearray(session._chain(index))
    for _ in range(counter - first):
        kdf(chain, chain, b"chain")
    head = bytes((wire.head(wire.MESSAGE),))
    digest = H(b"message", session.sid, who, where, rest)
    signature = sign(secret or session._statement, digest)
    key = kdf(32, chain, b"message")
    inner = bytes(seal(session.suite, key, head + who + where, signature + rest))
    frame = who + where + inner
    return head + mac(4, session._header_key, head, frame) + frame
