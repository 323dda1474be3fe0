"""Frames on a serial line shared with a console: COBS, CRC-32, text in between.

One frame on the wire is `00 02 COBS(payload + CRC-32 of payload, big-endian) 00`. Whatever else
stands between zeros is text: log lines, tracebacks, the REPL. A damaged or cut frame is dropped
and counted, the next one comes through. Knows bytes only; `link` knows what they mean.

Towards a device the same frame goes shielded: `00 1E …`, with each byte that a REPL obeys (Ctrl-A
to Ctrl-E, line ends) as `1F` and itself xor 40. When the program on the device has ended, its
prompt listens on this line: what strangers post in the room must not be a command to it.
"""

from binascii import crc32

from .plain import clean, printable

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


__all__ = ("FrameReader", "FrameWriter", "clean", "encode", "printable", "shield")
MAX_PAYLOAD = 16384 + 512  # a 16 KiB frame and the link message around it
MAX_LINE = 512  # bytes of text after which a line is handed on unfinished

_TEXT = const(0)
_ZERO = const(1)  # a zero was the last byte: the next one says what follows
_FRAME = const(2)
_SKIP = const(3)  # inside a frame that grew too long
_MARK = const(2)
_SHIELD = const(0x1E)
_ESCAPE = const(0x1F)
_OBEYED = b"\x01\x02\x03\x04\x05\n\r\x1f"
_CHUNK = const(240)  # bytes from which a part of a frame is handed on to be written
_FIRST = const(512)  # bytes of a frame before more is asked for
_SALVAGE = const(16)  # so many printable bytes in a row are text: chance in ciphertext 1e-7


def encode(payload) -> bytes:
    """The bytes to write for `payload` (bytes, at most `MAX_PAYLOAD`); ValueError when longer."""
    return b"".join([bytes(chunk) for chunk in FrameWriter().chunks(payload)])


def shield(frame) -> bytes:
    """A frame as `encode` makes it, with nothing in it that a REPL would obey."""
    out = bytearray((0, _SHIELD))
    for byte in frame[2:].rstrip(b"\0"):
        if byte in _OBEYED:
            out.append(_ESCAPE)
            byte ^= 0x40
        out.append(byte)
    out.append(0)
    return bytes(out)


class FrameWriter:
    """Encodes payloads of any size piece by piece in a buffer of half a kilobyte."""

    def __init__(self):
        self._out = bytearray(_CHUNK + 258)
        self._view = memoryview(self._out)

    def chunks(self, *parts):
        """Yields views of 1 to 500 bytes to write one after the other: a frame around the joined
        `parts` (each bytes or bytearray), 8 bytes longer than they and one more per 254.

        A view holds only until the next. ValueError when the parts are over `MAX_PAYLOAD`.
        """
        crc = 0
        size = 0
        for part in parts:
            crc = crc32(part, crc)
            size += len(part)
        if size > MAX_PAYLOAD:
            raise ValueError("payload of %d bytes, at most %d" % (size, MAX_PAYLOAD))
        out = self._out
        out[0] = 0
        out[1] = _MARK
        code = 2  # where the length byte of the running group will stand
        fill = 3
        written = 0
        full = False  # the last group ended at its 254 bytes and not at a zero
        for part in parts + (crc.to_bytes(4, "big"),):
            at = 0
            size = len(part)
            while at < size:
                end = min(at + 255 - fill + code, size)
                zero = part.find(b"\0", at, end)
                if zero >= 0:
                    end = zero
                out[fill : fill + end - at] = part[at:end]
                fill += end - at
                at = end
                if zero >= 0:
                    at += 1
                elif fill - code < 255:
                    continue
                full = zero < 0
                out[code] = fill - code
                code = fill
                if code >= _CHUNK:
                    yield self._view[:code]
                    written += code
                    code = 0
                fill = code + 1
        if full and fill == code + 1:
            fill = code
        else:
            out[code] = fill - code
        out[fill] = 0
        fill += 1
        if (written + fill) & 63 == 0:
            # A USB endpoint may stall after a multiple of 64; readers ignore another zero.
            out[fill] = 0
            fill += 1
        yield self._view[:fill]


class FrameReader:
    """Takes what a serial line brings, in any pieces; gives payloads and lines of text.

    Memory is bounded: `max_payload` + 0.4 % and `MAX_LINE` bytes. It begins with 4 KiB, enough for
    the frames of 25 people, and grows when a longer frame comes. `take` makes what is handed out
    from a view of the payload, which is overwritten afterwards. `typed`, when it is set, is called
    with the text instead, piece by piece, and with a zero where a frame ends it.
    `bad` counts frames with a wrong CRC or encoding (a cut frame shows up here too), `overlong`
    frames over the cap, `good` the ones handed out, `begun` all that have begun.
    """

    def __init__(self, max_payload: int = MAX_PAYLOAD, take=bytes):
        self.good = 0
        self.bad = 0
        self.overlong = 0
        self.begun = 0
        self._take = take
        size = max_payload + 4
        self._cap = size + size // 254 + 1
        self._frame = bytearray(min(self._cap, _FIRST))
        self._view = memoryview(self._frame)
        self._line = bytearray(MAX_LINE)
        self._fill = 0  # bytes used in _frame or _line, whichever the state needs
        self._state = _TEXT
        self._shielded = False
        self._escaped = False  # the last byte was _ESCAPE
        self.typed = None

    def hand_over(self, typed):
        """From now on text goes to `typed`, in pieces; there are no lines here any more."""
        self.typed = typed
        self._line = b""

    def feed(self, data):
        """Yields `bytes` (or what `take` makes) for each payload in `data` (bytes), and `str` for
        each line of text.

        Run it to its end: what it has not looked at when abandoned is lost.
        """
        at = 0
        size = len(data)
        while at < size:
            if self._state == _ZERO:
                if data[at] == _MARK or data[at] == _SHIELD:
                    self._state = _FRAME
                    self.begun += 1
                    self._shielded = data[at] == _SHIELD
                    self._escaped = False
                    at += 1
                elif data[at] == 0:
                    at += 1
                else:
                    self._state = _TEXT
                self._fill = 0
                continue
            zero = data.find(b"\0", at)
            end = zero if zero >= 0 else size
            if self._state == _TEXT:
                if self.typed:
                    self.typed(data[at:end])
                else:
                    yield from self._take_text(data, at, end)
            elif self._state == _FRAME:
                piece = data[at:end]
                if self._shielded:
                    piece = self._unshield(piece)
                if not self._has_room(self._fill + len(piece)):
                    self.overlong += 1
                    self._state = _SKIP
                else:
                    self._view[self._fill : self._fill + len(piece)] = piece
                    self._fill += len(piece)
            at = end
            if zero >= 0:
                at += 1
                yield from self._finish()

    def inside(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._state == _FRAME or self._state == _SKIP

    def _unshield(self, piece):
        out = bytearray()
        at = 0
        if self._escaped and piece:
            self._escaped = False
            out.append(piece[0] ^ 0x40)
            at = 1
        while at < len(piece):
            escape = piece.find(b"\x1f", at)
            if escape < 0:
                escape = len(piece)
            out += piece[at:escape]
            at = escape + 2
            if escape + 1 < len(piece):
                out.append(piece[escape + 1] ^ 0x40)
            elif escape < len(piece):
                self._escaped = True
        return out

    def _has_room(self, size):
        """Room for `size` bytes of a frame, grown if need be and if there is memory."""
        have = len(self._frame)
        if size <= have:
            return True
        if size > self._cap:
            return False
        try:
            larger = bytearray(min(self._cap, max(size, 2 * have)))
        except MemoryError:
            return False
        larger[: self._fill] = self._view[: self._fill]
        self._frame = larger
        self._view = memoryview(larger)
        return True

    def idle(self):
        """Yields what was held back; to be called when the line has been quiet for a while.

        An unfinished line is handed on, and a frame that was cut (a board that was reset or
        crashed) is given up, so that the text which follows it is seen.
        """
        if self._state == _TEXT:
            yield from self._flush_line()
        elif self._state != _ZERO:
            yield from self._finish()
            self._state = _TEXT
        if len(self._frame) > _FIRST:  # the room of a long frame is given back
            self._frame = bytearray(_FIRST)
            self._view = memoryview(self._frame)

    def _take_text(self, data, at, end):
        while at < end:
            newline = data.find(b"\n", at, end)
            stop = newline if newline >= 0 else end
            count = min(stop - at, MAX_LINE - self._fill)
            self._line[self._fill : self._fill + count] = data[at : at + count]
            self._fill += count
            at += count
            if at == newline:
                at += 1
                yield from self._flush_line(True)
            elif self._fill == MAX_LINE:
                yield from self._flush_line()

    def _flush_line(self, complete=False):
        if self._fill or complete:
            line = printable(bytes(memoryview(self._line)[: self._fill]))
            self._fill = 0
            yield line

    def _finish(self):
        # A zero has come: what stood before it is complete.
        if self._state == _TEXT:
            if self.typed:
                self.typed(b"\0")
            yield from self._flush_line()
        elif self._state == _FRAME and self._fill:
            size = self._decode()
            if size >= 0:
                self.good += 1
                yield self._take(self._view[:size])
            else:
                self.bad += 1
                try:
                    text = _salvage(bytes(self._view[: self._fill]))
                except MemoryError:
                    text = ""
                if text:
                    yield text
        self._state = _ZERO
        self._fill = 0

    def _decode(self) -> int:
        # COBS in place (the result is never longer); size of the payload, -1 when damaged.
        # The buffer must stay as received when the answer is -1 because of its encoding.
        frame = self._frame
        view = self._view
        fill = self._fill
        at = 0
        while at < fill:
            if not frame[at]:
                return -1
            at += frame[at]
        if at != fill:
            return -1
        at = 0
        to = 0
        while at < fill:
            code = frame[at]
            view[to : to + code - 1] = view[at + 1 : at + code]
            to += code - 1
            at += code
            if code < 255 and at < fill:
                frame[to] = 0
                to += 1
        to -= 4
        if to < 0 or crc32(view[:to]) != int.from_bytes(view[to : to + 4], "big"):
            return -1
        return to


def _salvage(data) -> str:
    # The text at the end of a cut frame: the traceback of what cut it.
    start = len(data)
    while start and (32 <= data[start - 1] < 127 or data[start - 1] in b"\r\n\t"):
        start -= 1
    if len(data) - start < _SALVAGE:
        return ""
    return printable(data[start:].replace(b"\r", b"")).replace("\\x0a", "\n")
