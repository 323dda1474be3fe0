"""Bytes to fields and back: PROTOCOL.md section 3. It knows encodings and nothing else.

Integers are big-endian; a varint is base 128, most significant group first, without leading zero
groups; padding is zero and minimal; nothing may trail.
"""

from . import errors

VERSION = 1

# The first byte of a frame: version in the high four bits, type in the low four.
MESSAGE = 1
INVITATION = 2
JOIN = 3
ROSTER = 4
SHARE = 5
CONFIRM = 6
ABORT = 7
REVEAL = 8
WITNESS = 9

# Kinds of message inside a session.
TEXT = 1
DATA = 2
ACK = 3
INVITE = 4
APPROVE = 5
CANCEL = 6
ADMIT = 7
LEAVE = 8
PROPOSE = 9
SUSPECT = 10
KEYS = 11
EXPEL = 12
PART = 13
AGAIN = 0x80  # added to TEXT or DATA: the body begins with the place it was posted first

MAX_FRAME = 16384
MAX_PARTICIPANTS = 64
MAX_NICK = 32
MAX_NAME = 64
_MAX_VARINT = 5


def head(frame_type):
    """The first byte of a frame of this type."""
    return VERSION << 4 | frame_type


def frame_type(frame):
    """The type of a frame of this version; checks size and version."""
    if len(frame) == 0:
        raise errors.Truncated()
    if len(frame) > MAX_FRAME:
        raise errors.Oversized()
    if frame[0] >> 4 != VERSION:
        raise errors.WrongVersion()
    kind = frame[0] & 15
    if not MESSAGE <= kind <= WITNESS:
        raise errors.UnknownType()
    return kind


def varint(value):
    """Encodes 0 <= value < 2^35."""
    out = bytes((value & 127,))
    value >>= 7
    while value:
        out = bytes((value & 127 | 128,)) + out
        value >>= 7
    return out


def sized(data):
    """`data` behind its length as a varint."""
    return varint(len(data)) + data


def packed(*parts):
    """The parts one after the other, with secrets among them: a bytearray, to be wiped, and no
    other copy."""
    out = bytearray(sum([len(part) for part in parts]))
    at = 0
    for part in parts:
        out[at : at + len(part)] = part
        at += len(part)
    return out


# In a string whose bytes fit together: the second bytes that make a sequence overlong, a surrogate
# or larger than U+10FFFF. MicroPython does not look at that, and all runtimes must agree.
_NEVER = (b"\xc0", b"\xc1", b"\xf5", b"\xf6", b"\xf7")
_SECOND = (
    (b"\xe0", 0xA0, 0xBF),
    (b"\xed", 0x80, 0x9F),
    (b"\xf0", 0x90, 0xBF),
    (b"\xf4", 0x80, 0x8F),
)
_NO_C1 = (b"\xc2", 0xA0, 0xBF)


def encoded(text):
    """UTF-8 of a str; LocalError when it has none (half of a surrogate pair)."""
    try:
        return text.encode()
    except UnicodeError:
        raise errors.LocalError("a text that has no UTF-8") from None


def decoded(raw):
    """The str in `raw` (bytes), strictly UTF-8; raises BadText."""
    try:
        text = str(raw, "utf-8")
    except (UnicodeError, ValueError):
        raise errors.BadText() from None
    for lead in _NEVER:
        if lead in raw:
            raise errors.BadText()
    for rule in _SECOND:
        _check_second(raw, *rule)
    return text


def _check_second(raw, lead, low, high):
    at = raw.find(lead)
    while at >= 0:
        if not low <= raw[at + 1] <= high:
            raise errors.BadText()
        at = raw.find(lead, at + 2)


def numbered(nick, number):
    """`nick` itself for 1, else with the number behind it, cut to stay within 32 bytes."""
    if number == 1:
        return nick
    number = str(number)
    while len((nick + number).encode()) > MAX_NICK:
        nick = nick[:-1]
    return nick + number


def text_bytes(text, limit):
    """Checks a nick or a name and encodes it with its length; LocalError when it is not right."""
    raw = encoded(text)
    try:
        _checked_text(raw, limit)
    except errors.BadText:
        why = "a name has 1-%d bytes and no control characters" % limit
        raise errors.LocalError(why) from None
    return sized(raw)


def _checked_text(raw, limit):
    if not 1 <= len(raw) <= limit:
        raise errors.BadText()
    for byte in raw:
        if byte < 32 or byte == 127:
            raise errors.BadText()
    text = decoded(raw)
    _check_second(raw, *_NO_C1)  # U+0080 to U+009F are control characters too
    return text


def padded_length(length):
    """32, 64, … 1024, then multiples of 1024."""
    if length > 1024:
        return (length + 1023) & ~1023
    size = 32
    while size < length:
        size *= 2
    return size


class Reader:
    """Takes fields off the front of `data`; raises Truncated, TrailingBytes and the like."""

    def __init__(self, data, at=0):
        self.data = memoryview(data)
        self.at = at

    def view(self, size):
        end = self.at + size
        if size < 0 or end > len(self.data):
            raise errors.Truncated()
        out = self.data[self.at : end]
        self.at = end
        return out

    def take(self, size):
        return bytes(self.view(size))

    def secret(self, size):
        """A bytearray of its own, to be wiped."""
        return bytearray(self.view(size))

    def byte(self):
        if self.at >= len(self.data):
            raise errors.Truncated()
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = self.byte()
        if value == 0x80:
            raise errors.BadVarint()
        if value < 0x80:
            return value
        value &= 127
        for _ in range(_MAX_VARINT - 1):
            byte = self.byte()
            value = value << 7 | byte & 127
            if byte < 0x80:
                return value
        raise errors.BadVarint()

    def sized(self, limit=MAX_FRAME):
        size = self.varint()
        if size > limit:
            raise errors.Oversized()
        return self.view(size)

    def text(self, limit):
        return _checked_text(bytes(self.sized(limit)), limit)

    def rest(self):
        return self.view(len(self.data) - self.at)

    def end(self):
        if self.at != len(self.data):
            raise errors.TrailingBytes()

    def padding(self, length):
        """The body of `length` bytes and its padding, to the end."""
        body = self.view(length)
        size = padded_length(length)
        if len(self.data) - self.at != size - length:
            raise errors.BadPadding()
        for at in range(self.at, len(self.data)):
            if self.data[at]:
                raise errors.BadPadding()
        self.at = len(self.data)
        return body
