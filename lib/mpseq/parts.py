"""Bodies that are too long for one frame go in parts (PROTOCOL.md 4). Cuts mine, puts those of
others together. Knows bytes, keys of authors and bounds; nothing of sessions, order or time.

Content: salt (8), kind (1), body. A PART: digest of the content (16), its length, the offset of
this part, and CHUNK bytes of it (the last one: what is left). There is one way to cut a content.
"""

from . import errors, wire
from .primitives import H_pieces, wipe

ONE_FRAME = 15000  # bytes of a body that goes in one frame, and therefore not in parts
CHUNK = 4064  # with what stands before it no padding; several members' parts fit a board's memory
WINDOW = 3  # parts of mine without echo: the memory that sending takes
SALT = 8
_DIGEST = 16
_FRONT = SALT + 1
_REMEMBERED = 4  # digests of each author: an honest one posts again only its latest body


class Long:
    """A body of mine, TEXT or DATA, until all its parts count in one session. It stays at the head
    of the queue; nothing of mine may come between its parts."""

    def __init__(self, kind, body, salt):
        self.kind = kind
        self.body = body  # not copied: it is long
        self._front = salt + bytes((kind,))
        self._total = _FRONT + len(body)
        self.digest = H_pieces(b"long", [self._front, body])[:_DIGEST]
        self.restart()

    def restart(self):
        """All parts are posted again: one was lost, or fell outside the span."""
        self.first = None  # my counter of the part at offset 0
        self.at = 0  # posted so far
        self._heard = 0  # of these came back

    @property
    def length(self):
        """Bytes of the body."""
        return self._total - _FRONT

    def may_post(self, waiting):
        """Whether the next part may be posted while so many messages of mine have no echo."""
        if self.at == 0:
            return waiting == 0
        return self.at < self._total and waiting < WINDOW

    def next_part(self):
        """The body of the next PART."""
        at = self.at
        lead = self.digest + wire.varint(self._total) + wire.varint(at)
        if at == 0:
            lead += self._front
        return lead + self.body[max(0, at - _FRONT) : at - _FRONT + CHUNK]

    def posted(self, counter):
        """It is posted, as my message of this counter."""
        if self.at == 0:
            self.first = counter
        self.at = min(self.at + CHUNK, self._total)

    def heard(self, part):
        """A part of this posting came back; whether that was all of it."""
        if part.offset == self._heard:
            self._heard += len(part.chunk)
        return self._heard == self._total

    def take_body(self):
        """The body, of which nothing is left here."""
        body = self.body
        self.wipe()
        return body

    def wipe(self):
        self.body = b""


class Part:
    """A PART's body, checked as far as it can be by itself. `chunk`: a view into it."""

    def __init__(self, body):
        reader = wire.Reader(body)
        self.digest = reader.take(_DIGEST)
        self.total = reader.varint()
        self.offset = reader.varint()
        self.chunk = reader.rest()
        if self.total <= _FRONT + ONE_FRAME or self.offset >= self.total or self.offset % CHUNK:
            raise errors.WrongLength()
        if len(self.chunk) != min(CHUNK, self.total - self.offset):
            raise errors.WrongLength()

    @property
    def is_last(self):
        return self.offset + len(self.chunk) == self.total


class _Assembly:
    def __init__(self, nick, key, part):
        self.nick = nick
        self.key = key
        self.digest = part.digest
        self.total = part.total
        self.chunks = []
        self.size = 0
        self.broken = False  # only its offset 0 helps

    def wipe(self):
        for chunk in self.chunks:
            wipe(chunk)
        self.chunks = []
        self.size = 0
        self.broken = True

    def add(self, part):
        """False if this is not the part that must come next."""
        if self.broken or part.total != self.total or part.offset != self.size:
            self.wipe()
            return False
        chunk = part.chunk
        if part.offset == 0:  # MicroPython joins no views, so salt and kind stand alone
            self.chunks.append(bytearray(chunk[:_FRONT]))
            chunk = chunk[_FRONT:]
        self.chunks.append(bytearray(chunk))
        self.size += len(part.chunk)
        return True

    def fits(self):
        """All is there, and it is what was announced."""
        return H_pieces(b"long", self.chunks)[:_DIGEST] == self.digest

    @property
    def kind(self):
        return self.chunks[0][SALT]

    @property
    def length(self):
        """Bytes of the body."""
        return self.total - _FRONT

    def take_body(self):
        """The body, of which nothing is left here."""
        body = b"".join(self.chunks[1:])
        self.wipe()
        return body


class Parts:
    """The unfinished bodies of others: one of each author, at most `most` bytes each and
    `together` bytes of all. `lost`: (nick, key, bytes of the body) of what was given up."""

    def __init__(self, most, together):
        self._most = most
        self._together = max(together, most + _FRONT)
        self._open = []  # _Assembly, the one that grew last at the end
        self._shown = []  # (key, digest) of bodies that were shown
        self._told = []  # the same of those given up
        self.lost = []

    @property
    def size(self):
        return sum([one.size for one in self._open])

    def take(self, nick, key, part):
        """The next part of an author. If it completes a body that was not shown yet, that body:
        `kind`, `length`, take_body(), wipe(). A board that has no memory for it gives it up."""
        try:
            return self._take(nick, key, part)
        except MemoryError:
            self.interrupt(key)
            return None

    def _take(self, nick, key, part):
        mark = (key, part.digest)
        if mark in self._shown:
            return None
        one = self._of(key)
        if one and one.digest != part.digest:
            self._give_up(one)
            one = None
        if part.offset == 0:
            if one:
                self._forget(one)
            one = _Assembly(nick, key, part)
            if part.total > self._most + _FRONT:
                self._give_up(one)
                return None
        elif one is None:
            if mark in self._told:
                return None
            one = _Assembly(nick, key, part)  # its beginning was lost, or fell outside the span
            one.broken = True
        if one in self._open:
            self._open.remove(one)
        self._open.append(one)
        if not one.add(part):
            return None
        for other in list(self._open):
            if other is not one and other.size and self.size > self._together:
                self._give_up(other)
        if one.size < one.total:
            return None
        if not one.fits():
            self._give_up(one)
            return None
        self._open.remove(one)
        self._shown = _remember(self._shown, mark)
        return one

    def interrupt(self, key):
        """The author says something else: what it began will not be completed."""
        one = self._of(key)
        if one:
            self._give_up(one)

    def start_session(self, keys):
        """All begins anew: authors post again what was not complete, those who are gone do not."""
        for one in list(self._open):
            if one.key in keys:
                one.wipe()
            else:
                self._give_up(one)
        self._shown = [mark for mark in self._shown if mark[0] in keys]
        self._told = [mark for mark in self._told if mark[0] in keys]

    def wipe(self):
        for one in self._open:
            one.wipe()
        self._open = []

    def _of(self, key):
        for one in self._open:
            if one.key == key:
                return one
        return None

    def _forget(self, one):
        one.wipe()
        if one in self._open:
            self._open.remove(one)

    def _give_up(self, one):
        mark = (one.key, one.digest)
        if mark not in self._told:
            self._told = _remember(self._told, mark)
            self.lost.append((one.nick, one.key, one.length))
        self._forget(one)


def _remember(marks, mark):
    """A few of each author, so that none can make me forget those of another."""
    mine = [one for one in marks if one[0] == mark[0]]
    if len(mine) >= _REMEMBERED:
        marks = [one for one in marks if one != mine[0]]
    return marks + [mark]
