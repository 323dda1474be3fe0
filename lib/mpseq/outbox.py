"""My own frames and texts until it is certain what became of them.

A posted frame is kept until its echo comes and is posted again, the same bytes, when it does not
(PROTOCOL.md 3). A text is kept until it counts: one that fell outside its session goes back into
the queue with the place where it was posted first, so that it cannot show twice (4, Span).
"""

from . import errors, wire

MAX_QUEUE = 32
_MARK = 8  # bytes of the sid in which a text was posted first


class Queued:
    """`kind`: TEXT or DATA; `mark`: None, or (8 bytes of sid, counter) of its first posting."""

    def __init__(self, kind, body, mark=None):
        self.kind = kind
        self.body = body
        self.mark = mark

    def encode(self):
        """(kind, body) of the MESSAGE to post."""
        if self.mark is None:
            return self.kind, self.body
        sid, counter = self.mark
        return self.kind | wire.AGAIN, sid + wire.varint(counter) + self.body


def decode_text(kind, body):
    """(kind, mark or None, body as bytes) of a TEXT or DATA message."""
    if not kind & wire.AGAIN:
        return kind, None, bytes(body)
    reader = wire.Reader(body)
    mark = (reader.take(_MARK), reader.varint())
    return kind & ~wire.AGAIN, mark, bytes(reader.rest())


def text_again(message, sid):
    """The Queued for a text of mine that was posted as `message` in session `sid` in vain."""
    kind, mark, body = decode_text(message.kind, message.body)
    return Queued(kind, body, mark or (sid[:_MARK], message.counter))


def is_text(kind):
    return kind & ~wire.AGAIN in (wire.TEXT, wire.DATA)


class Outbox:
    """`repost_after`: ms after which a frame without echo is posted again; doubles each time."""

    def __init__(self, repost_after):
        self.repost_after = repost_after
        self.frames = []  # to be posted by the carrier, in order
        self._unechoed = []  # [frame, when to post again, wait]
        self.texts = []  # Queued, parts.Long

    def post(self, frame, now):
        self.frames.append(frame)
        self._unechoed.append([frame, now + self.repost_after, self.repost_after])

    def echoed(self, frame):
        """Whether `frame` is one that I posted; it is then no longer waited for."""
        for at in range(len(self._unechoed)):
            if self._unechoed[at][0] == frame:
                del self._unechoed[at]
                return True
        return False

    def forget(self, frame_types):
        """Frames of these types are not worth posting again."""
        self._unechoed = [e for e in self._unechoed if e[0][0] & 15 not in frame_types]

    def forget_all_but(self, frame_type):
        """At a switch nothing else of mine is worth posting again."""
        self._unechoed = [e for e in self._unechoed if e[0][0] & 15 == frame_type]

    def repost(self, now):
        """Posts again what has no echo for too long; returns when the next one falls due."""
        wake = None
        for entry in self._unechoed:
            if now >= entry[1]:
                entry[2] *= 2
                entry[1] = now + entry[2]
                self.frames.append(entry[0])
            if wake is None or entry[1] < wake:
                wake = entry[1]
        return wake

    def unheard(self):
        """Whether something was posted again already and is still without echo: the carrier, or
        my line to it, is away."""
        for entry in self._unechoed:
            if entry[2] > self.repost_after:
                return True
        return False

    def take_frames(self):
        frames = self.frames
        self.frames = []
        return frames

    def queue(self, text):
        """`text`: a Queued, or a parts.Long."""
        if len(self.texts) >= MAX_QUEUE:
            raise errors.LocalError("%d texts wait already; try again later" % MAX_QUEUE)
        self.texts.append(text)

    def clear(self):
        self._unechoed = []
        self.texts = []


class Withheld:
    """A text that came after the span: `place` is the number of frames of the session then."""

    def __init__(self, message, place):
        self.kind = message.kind
        self.body = bytes(message.body)
        self.index = message.index
        self.counter = message.counter
        self.place = place


class Shown:
    """Which messages of a past or present session were shown: for texts that are posted again."""

    _MOST = 32

    def __init__(self, sid):
        self.sid = sid[:_MARK]
        self._gaps = []  # (index, first, last): never came
        self._later = []  # (index, counter): shown when it was posted again
        self.members = None  # of a past session
        self._upto = None  # per member: counters from here on fell outside

    def gap(self, index, first, last):
        self._gaps.append((index, first, last))
        del self._gaps[: -self._MOST]

    def close(self, counters):
        """The span ends: what comes after these counters is not shown (4, Span)."""
        self._upto = list(counters)

    def reopen(self):
        """An ABORT: what came since the span ended counts after all."""
        self._upto = None

    def has_or_show(self, index, counter, counters):
        """Whether it was shown; if it was not, then it is now. `counters`: so far, in a session
        whose span is open."""
        if (index, counter) in self._later:
            return True
        upto = counters if self._upto is None else self._upto
        shown = counter < upto[index]
        for who, first, last in self._gaps:
            if who == index and first <= counter <= last:
                shown = False
        if not shown:
            self._later.append((index, counter))
            del self._later[: -self._MOST]
        return shown
