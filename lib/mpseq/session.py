"""Messages of one session: PROTOCOL.md section 4. Knows keys, counters and the transcript;
knows nothing of what a message means, of time, or of who comes and goes.
"""

from . import errors, wire
from .primitives import (
    KEY,
    SIGNATURE,
    TAG,
    H,
    H_pieces,
    equal,
    kdf,
    mac,
    seal,
    sign,
    unseal,
    verify,
    wipe,
)

_FILTER = 4
_HEAD = 1 + _FILTER  # the index follows
_ACK_H = 16
_RING = 64  # transcript hashes remembered: acknowledgements may be this old
MAX_SKIP = 1000

EQUAL = 0
DIFFERENT = 1
TOO_OLD = 2


class Message:
    """An opened MESSAGE. `body`: view into a bytearray of its own, wiped by wipe()."""

    def __init__(self, index, counter, plain, skipped):
        self.index = index
        self.counter = counter
        self.skipped = skipped  # counters before this one that never came
        self._plain = plain
        reader = wire.Reader(plain, SIGNATURE)
        self.kind = reader.byte()
        self.ack_n = reader.varint()
        self.ack_h = reader.take(_ACK_H)
        self.body = reader.padding(reader.varint())

    def wipe(self):
        wipe(self._plain)


class Session:
    """`members`: Member list by index; `keys`: my key pairs for the next exchange."""

    def __init__(self, sid, members, me):
        n = len(members)
        self.sid = sid
        self.members = members
        self.me = me
        self.keys = None
        self.next_keys = [None] * n  # (y, t) of each member for the next exchange
        self.code = None
        self.suite = None
        self._statement = None
        self._statements = None
        self._header_key = None
        self._chains = None
        self._counters = [0] * n  # next counter expected from each; mine: next to send
        self._posted = []  # my messages whose echo has not come: (frame, Message)
        self.lost = []  # (frame, Message) of mine that the carrier lost: a later one came back
        self.h = H(b"transcript", sid)
        self.count = 0  # frames in h
        self._ring = bytearray(_ACK_H * _RING)
        self._remember()
        self.acked = [0] * n  # how far each member acknowledged a transcript equal to mine
        self._ack_n = [0] * n  # the last ack_n of each, equal or not
        self._last = [0] * n  # frames in h when the last message of each had come
        self.sent_ack = 0
        self.differs = bytearray(n)

    @classmethod
    def from_exchange(cls, exchange, members):
        """The session that a complete exchange leads to; takes its keys over."""
        self = cls(exchange.sid, members, exchange.me)
        self._take_keys(exchange)
        self.keys = exchange.next_keys
        self.next_keys = exchange.opened
        self._statement = exchange.statement[0]
        self._statements = exchange.statements
        return self

    @classmethod
    def alone(cls, exchange, statement, members):
        """A session of one: S is random, there was no ring (section 4)."""
        self = cls(exchange.sid, members, 0)
        self._take_keys(exchange)
        self._statement = statement[0]
        self._statements = bytearray(statement[1])
        return self

    def _take_keys(self, exchange):
        self.suite = exchange.suite
        self._header_key = exchange.header_key
        self._chains = exchange.chains

    def _chain(self, index):
        return memoryview(self._chains)[KEY * index : KEY * index + KEY]

    # --- sending

    def seal(self, kind, body):
        """A MESSAGE of mine: 106 + body padded + varints, bytes. Posting it is the caller's duty;
        it counts when its echo comes to receive()."""
        me = self.me
        counter = self._counters[me]
        who = bytes((me,))
        where = wire.varint(counter)
        front = b"".join(
            (bytes((kind,)), wire.varint(self.count), self.h[:_ACK_H], wire.varint(len(body)))
        )
        start = SIGNATURE + len(front)
        plain = bytearray(start + wire.padded_length(len(body)))
        plain[SIGNATURE:start] = front
        plain[start : start + len(body)] = body
        rest = memoryview(plain)[SIGNATURE:]
        plain[:SIGNATURE] = sign(
            self._statement, H(b"message", self.sid, who, where, rest)
        )
        first = bytes((wire.head(wire.MESSAGE),))
        chain = self._chain(me)
        key = bytearray(KEY)
        kdf(key, chain, b"message")
        sealed = seal(self.suite, key, first + who + where, plain)
        wipe(key)
        # As in `concerns`, without another copy: long ones find little room in a board's heap.
        check = H_pieces(first, [who, where, sealed], self._header_key)
        frame = b"".join((first, check[:_FILTER], who, where, sealed))
        kdf(chain, chain, b"chain")
        self._counters[me] = counter + 1
        self.sent_ack = self.count
        self._posted.append((frame, Message(me, counter, plain, 0)))
        return frame

    # --- receiving

    def concerns(self, frame):
        """The cheap check that drops strangers: one keyed hash."""
        return equal(
            mac(_FILTER, self._header_key, frame[:1], memoryview(frame)[_HEAD:]),
            frame[1:_HEAD],
        )

    def open(self, frame):
        """Checks a MESSAGE and enters it into the transcript; returns the Message.

        Raises a FrameError and changes nothing when the frame is not valid here.
        """
        if len(frame) < _HEAD + 2 + SIGNATURE + TAG:
            raise errors.Truncated()
        if not self.concerns(frame):
            raise errors.Stranger()
        message = self._own(frame) if frame[_HEAD] == self.me else self._open(frame)
        self.h = H(b"frame", self.h, frame)
        self.count += 1
        self._remember()
        return message

    def _open(self, frame, closing=False):
        reader = wire.Reader(frame, _HEAD)
        index = reader.byte()
        counter = reader.varint()
        if index >= len(self.members):
            raise errors.BadIndex()
        expected = self._counters[index]
        if counter < expected:
            raise errors.Duplicate()
        if counter - expected > MAX_SKIP:
            raise errors.SkippedTooFar()
        at = reader.at
        chain = bytearray(self._chain(index))
        key = bytearray(KEY)
        plain = None
        try:
            for _ in range(counter - expected):
                kdf(chain, chain, b"chain")
            kdf(key, chain, b"message")
            plain = unseal(self.suite, key, frame[:1] + frame[_HEAD:at], reader.rest())
            if len(plain) < SIGNATURE:
                raise errors.Truncated()
            view = memoryview(plain)
            public = memoryview(self._statements)[KEY * index : KEY * index + KEY]
            digest = H(
                b"message", self.sid, frame[_HEAD : _HEAD + 1], frame[_HEAD + 1 : at],
                view[SIGNATURE:],
            )
            verify(view[:SIGNATURE], public, digest)
            message = Message(index, counter, plain, counter - expected)
            if closing and message.kind != wire.ACK:
                raise errors.OutOfPlace()
        except errors.FrameError:
            wipe(chain)
            if plain is not None:
                wipe(plain)
            raise
        finally:
            wipe(key)
        kdf(self._chain(index), chain, b"chain")
        wipe(chain)
        self._counters[index] = counter + 1
        return message

    def _own(self, frame):
        for at in range(len(self._posted)):
            if self._posted[at][0] == frame:
                message = self._posted[at][1]
                self.lost.extend(self._posted[:at])
                del self._posted[: at + 1]
                return message
        if wire.Reader(frame, _HEAD + 1).varint() < self.heard()[self.me]:
            raise errors.Duplicate()
        raise errors.NotMine()

    def open_closing(self, frame, index):
        """The last ACK of a parent session, carried by a CONFIRM; never judged: None if not good.
        It does not enter the transcript."""
        try:
            if wire.frame_type(frame) != wire.MESSAGE or len(frame) <= _HEAD:
                return None
            if frame[_HEAD] != index:
                return None
            if not self.concerns(frame):
                return None
            return self._own(frame) if index == self.me else self._open(frame, True)
        except errors.FrameError:
            return None

    def ack_of(self, index):
        """How many frames this member says it has seen. When what it saw differs, that is named,
        and any word of it will do: a lossy carrier is no silence."""
        return max(self._ack_n[index], self._last[index]) if self.differs[index] else (
            self._ack_n[index]
        )

    def mark(self, sid):
        """The span of texts ends, or opens again, by the exchange `sid`: that is a step of the
        transcript, so that whoever saw it at another place is found to differ."""
        self.h = H(b"span", self.h, sid)
        self.count += 1
        self._remember()

    @property
    def waiting(self):
        """How many messages of mine were posted and did not come back yet."""
        return len(self._posted)

    @property
    def counter(self):
        """The counter of my next message."""
        return self._counters[self.me]

    def unechoed(self):
        """My Messages that were posted and did not come back, in order."""
        return [message for _, message in self._posted]

    def heard(self):
        """By index: the counter after the last message that came; of mine, that came back."""
        out = list(self._counters)
        if self._posted:
            out[self.me] = self._posted[0][1].counter
        return out

    # --- transcript and acknowledgements

    def _remember(self):
        at = _ACK_H * (self.count % _RING)
        self._ring[at : at + _ACK_H] = self.h[:_ACK_H]

    def _compare(self, message, count):
        """What the sender had seen against what I had, of the first `count` frames."""
        n = message.ack_n
        if n > count or n < self._ack_n[message.index]:
            return DIFFERENT
        if n <= self.count - _RING:
            return TOO_OLD
        at = _ACK_H * (n % _RING)
        return EQUAL if self._ring[at : at + _ACK_H] == message.ack_h else DIFFERENT

    def judge_ack(self, message):
        """Takes the acknowledgement of the message that came last: EQUAL, DIFFERENT or TOO_OLD."""
        index = message.index
        self._last[index] = self.count
        verdict = self._compare(message, self.count - 1)
        if verdict == DIFFERENT:
            self.differs[index] = 1
        else:
            self._ack_n[index] = message.ack_n
        if verdict == EQUAL and not self.differs[index]:
            self.acked[index] = message.ack_n
        return verdict

    def take_closing_ack(self, message):
        """The same for a closing one, which is believed or ignored but never judged (5.5)."""
        index = message.index
        if not self.differs[index] and self._compare(message, self.count) == EQUAL:
            self.acked[index] = message.ack_n

    def wipe(self):
        """At the switch: chains, header key, statement key."""
        for secret in (self._chains, self._header_key, self._statement):
            if secret is not None:
                wipe(secret)
        for _, message in self._posted:
            message.wipe()
        self._posted = []
