"""Members that cheat, with the keys that they really have. A Villain stands between a Conversation
and the carrier: it changes, keeps back or adds frames of its own.

    cheat eva wrong_z 1         the next 1 SHAREs have a wrong z, well signed
    cheat eva wrong_auth 2      … a wrong auth to one other participant
    cheat eva wrong_check 1     the next CONFIRMs have another c
    cheat eva wrong_opening 1   … open what was not committed to
    cheat eva wrong_witness 1   the next WITNESSes tell of other slots
    cheat eva wrong_reveal 1    the next REVEALs do
    cheat eva two_shares 1      two SHAREs with different signed parts
    cheat eva hush SHARE        posts no more frames of this type (MESSAGE, ROSTER, … or ALL)
    cheat eva speak             posts everything again
    cheat eva abort RING        a false ABORT of the exchange that runs
    cheat eva disown            cries that its own SHARE is not its own
    cheat eva suspect ana       a SUSPECT that nothing justifies
    cheat eva propose           one more PROPOSE, whosever turn it is
    cheat eva double            two texts under one counter
    cheat eva junk              a MESSAGE with a body that cannot be read
    cheat eva fork              a text that acknowledges another transcript
    cheat eva accuse            SUSPECTs of everyone, for everything
    cheat eva replay            its last frame once more
"""

from cheats import exchange_of, resealed, wrong_auth_to, wrong_check, wrong_slots, wrong_z

from mpseq import errors, wire
from mpseq.bodies import REKEY, Proposal
from mpseq.primitives import H, kdf, mac, seal, sign

_TYPES = {
    "MESSAGE": (wire.MESSAGE,), "JOIN": (wire.JOIN,), "ROSTER": (wire.ROSTER,),
    "SHARE": (wire.SHARE,), "CONFIRM": (wire.CONFIRM,), "REVEAL": (wire.REVEAL,),
    "WITNESS": (wire.WITNESS,), "ALL": tuple(range(1, 10)),
}
_REASONS = {"REMOVED": 1, "NOT_MINE": 2, "AUTH": 3, "RING": 4, "CHECK": 5}




def _wrong_opening(exchange, plain):
    plain[:32], plain[32:64] = exchange.keys.y, exchange.keys.t
    digest = H(b"confirm", exchange.sid, bytes((exchange.me,)), plain[:32], plain[32:64])
    plain[64:128] = sign(exchange.keys.t_secret, digest)


def _other_commitment(exchange, plain):
    plain[32] ^= 1
    digest = H(b"share", exchange.sid, bytes((exchange.me,)), plain[:32], plain[32:64])
    plain[64:128] = sign(exchange.keys.t_secret, digest)


class Villain:
    def __init__(self, world, person):
        self.world = world
        self.person = person
        self.spoils = {}  # frame type -> (change, how many still)
        self.silent = set()
        self.extra = []  # frames to post beside
        self.last = None
        self.broken = False  # its own cheating confused it: from here on it is silent

    @property
    def talk(self):
        return self.person.talk

    def receive(self, label, frame, now):
        if not self.broken:
            try:
                self.talk.receive(label, frame, now)
            except Exception:  # what a cheat does to itself is no bug
                self.broken = True

    def tick(self, now):
        if not self.broken:
            try:
                self.talk.tick(now)
            except Exception:
                self.broken = True
        if self.broken:
            self.talk._wake = None

    # --- the frames of its Conversation on their way out

    def changed(self, frames):
        out = []
        for frame in frames:
            kind = frame[0] & 15
            if kind in self.silent or self.broken:
                continue
            change, left = self.spoils.get(kind, (None, 0))
            if left:
                self.spoils[kind] = (change, left - 1)
                frame, more = self._spoilt(frame, change)
                out += more
            out.append(frame)
            self.last = frame
        out += self.extra
        self.extra = []
        return out

    def _spoilt(self, frame, change):
        """(the frame to post, others beside it)"""
        try:
            exchange = exchange_of(self.talk, frame)
            spoilt = resealed(exchange, frame, change)
        except (AssertionError, errors.FrameError, IndexError, ValueError):
            return frame, []
        if change is _other_commitment:
            return frame, [spoilt]
        if frame[0] & 15 == wire.SHARE:
            exchange.my_share = spoilt
        elif frame[0] & 15 == wire.CONFIRM:
            exchange.my_confirm = spoilt
        return spoilt, []

    # --- cheat lines

    def cheat(self, what, *words):
        if not self.broken:
            getattr(self, "_" + what)(*words)

    def _spoil(self, kind, change, count):
        self.spoils[kind] = (change, int(count))

    def _wrong_z(self, count):
        self._spoil(wire.SHARE, wrong_z, count)

    def _wrong_auth(self, count):
        def change(exchange, plain):
            wrong_auth_to((exchange.me + 1) % len(exchange.people))(exchange, plain)

        self._spoil(wire.SHARE, change, count)

    def _two_shares(self, count):
        self._spoil(wire.SHARE, _other_commitment, count)

    def _wrong_check(self, count):
        self._spoil(wire.CONFIRM, wrong_check, count)

    def _wrong_opening(self, count):
        self._spoil(wire.CONFIRM, _wrong_opening, count)

    def _wrong_reveal(self, count):
        self._spoil(wire.REVEAL, wrong_slots, count)

    def _wrong_witness(self, count):
        self._spoil(wire.WITNESS, wrong_slots, count)

    def _hush(self, *kinds):
        for kind in kinds:
            self.silent.update(_TYPES[kind])

    def _speak(self):
        self.silent = set()

    def _running(self):
        attempt = self.talk._attempt if self.talk.session else None
        exchange = attempt.exchange if attempt else None
        return exchange if exchange and exchange.keys and exchange.me >= 0 else None

    def _abort(self, reason):
        exchange = self._running()
        if exchange:
            target = 0 if reason == "RING" else (exchange.me + 1) % len(exchange.people)
            mine = exchange.my_abort
            self.extra.append(exchange.abort(_REASONS[reason], target, self.talk.session.count))
            exchange.my_abort = mine

    def _disown(self):
        exchange = self._running()
        if exchange:
            self.extra.append(exchange.abort(_REASONS["NOT_MINE"], exchange.me))

    # --- messages

    def _message(self, kind, body, **how):
        session = self.talk.session
        if session and len(session.members) > 1:
            self.extra.append(sealed_message(session, kind, body, **how))

    def _body(self, kind, target, debt):
        return bytes((kind, target)) + wire.varint(debt)

    def _suspect(self, nick):
        session = self.talk.session
        if session and nick in self.world.people:
            key = self.world.people[nick].talk.identity.public
            for who in session.members:
                if who.key == key:
                    self._message(wire.SUSPECT, self._body(1, who.index, self.talk._exchanges))

    def _accuse(self):
        session = self.talk.session
        if session and len(session.members) > 1:
            counter = session._counters[session.me]
            for index in range(len(session.members)):
                for kind in range(1, 7):
                    body = self._body(kind, index, (kind == 4) + self.talk._exchanges)
                    self._message(wire.SUSPECT, body, counter=counter)
                    counter += 1

    def _propose(self):
        if self.talk.session:
            random = self.talk._random
            nonce, secret = random(16), bytearray(random(32))
            check = self.talk.room.psk_check(nonce)
            self._message(wire.PROPOSE, bytes(Proposal(nonce, secret, check, REKEY).encode()))

    def _double(self):
        session = self.talk.session
        if session and len(session.members) > 1:
            for text in (b"one", b"two"):
                self._message(wire.TEXT, b"%s of %d" % (text, len(self.world.script)))

    def _junk(self):
        self._message(wire.TEXT, b"\xff\xfe")

    def _fork(self):
        self._message(wire.TEXT, b"fork %d" % len(self.world.script), ack_h=bytes(16))

    def _replay(self):
        if self.last:
            self.extra.append(self.last)


def sealed_message(session, kind, body, counter=None, ack_h=None):
    """A MESSAGE that this member can make beside its own Session, which is left as it is."""
    who = bytes((session.me,))
    first_counter = session._counters[session.me]
    counter = first_counter if counter is None else counter
    where = wire.varint(counter)
    front = b"".join((
        bytes((kind,)), wire.varint(session.count), ack_h or session.h[:16],
        wire.varint(len(body)),
    ))
    rest = front + body + bytes(wire.padded_length(len(body)) - len(body))
    chain = bytearray(session._chain(session.me))
    for _ in range(counter - first_counter):
        kdf(chain, chain, b"chain")
    head = bytes((wire.head(wire.MESSAGE),))
    signature = sign(session._statement, H(b"message", session.sid, who, where, rest))
    key = kdf(32, chain, b"message")
    inner = bytes(seal(session.suite, key, head + who + where, signature + rest))
    frame = who + where + inner
    return head + mac(4, session._header_key, head, frame) + frame
