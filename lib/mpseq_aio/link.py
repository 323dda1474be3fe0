"""The messages between a member and its room, the same over TCP and over a serial line.

A message is one type byte and its fields; a string is a length byte and UTF-8, frames and
texts run to the end. Decoded, a message is a tuple that starts with its type. The room sees
frames as bytes: nothing here knows what is in them.

| message                    | from   | tuple                                |
|----------------------------|--------|--------------------------------------|
| TOKEN, if any before HELLO | client | (TOKEN, text)                        |
| HELLO                      | client | (HELLO, version, max, room, label)   |
| POST                       | client | (POST, frame)                        |
| BYE, PING                  | client | (BYE,), (PING,)                      |
| WELCOME, own label first   | room   | (WELCOME, labels)                    |
| FRAME                      | room   | (FRAME, label, frame)                |
| ENTER, LEAVE               | room   | (ENTER, label), (LEAVE, label)       |
| ERROR: the link is over    | room   | (ERROR, reason)                      |
| PONG                       | room   | (PONG,)                              |
| COMMAND, only on a cable   | host   | (COMMAND, JSON text)                 |
| REPORT, only on a cable    | device | (REPORT, JSON text)                  |
| TAKEN, only on a cable     | device | (TAKEN, bytes)                       |

TAKEN says how many bytes the device has taken from the line since its last HELLO (or since its
start), modulo 2^32: a UART drops what comes too fast, so the host writes on when it has read this.

TOKEN, 1-64 bytes, opens a room of a relay that wants one.
"""

import os
from binascii import hexlify

VERSION = 1
MAX_FRAME = 16384  # bytes of a protocol frame
MAX_MESSAGE = MAX_FRAME + 512  # bytes of a link message
MAX_LABEL = 64  # bytes of a label or room name in UTF-8
MAX_REASON = 200  # characters of an ERROR's reason

HELLO = 0x01
POST = 0x02
BYE = 0x03
PING = 0x04
TOKEN = 0x05
COMMAND = 0x41
WELCOME = 0x81
FRAME = 0x82
ENTER = 0x83
LEAVE = 0x84
ERROR = 0x85
PONG = 0x86
REPORT = 0xC1
TAKEN = 0xC2

_BARE = (BYE, PING, PONG)
_LABEL = (ENTER, LEAVE, TOKEN)
_TEXT = (ERROR, COMMAND, REPORT)


class LinkError(Exception):
    """A message that is not one; the base of the reasons."""


class Truncated(LinkError):
    """It ends before its last field."""


class Trailing(LinkError):
    """Something follows its last field."""


class UnknownType(LinkError):
    """Its type byte means nothing in this version."""


class TooLong(LinkError):
    """A frame or message over its limit."""


class BadName(LinkError):
    """A label or room name that is empty, over 64 bytes, or holds control characters."""


class BadText(LinkError):
    """A text that is not UTF-8."""


class CarrierLost(OSError):
    """The way to the room is gone; the text says why."""


def any_label() -> str:
    """A label that says nothing: whoever is in the room, and the relay, sees labels."""
    return "peer-" + str(hexlify(os.urandom(3)), "ascii")


def check_name(name: str) -> str:
    """`name` when it may be a label or room name, else BadName: 1-64 bytes, all printable."""
    size = len(name.encode())
    if not 1 <= size <= MAX_LABEL:
        raise BadName("a name has 1 to %d bytes, not %d" % (MAX_LABEL, size))
    for character in name:
        code = ord(character)
        if code < 32 or 127 <= code < 160 or 0x2028 <= code <= 0x202E:
            raise BadName("a name holds no control characters")
    return name


def _string(name):
    data = check_name(name).encode()
    return bytes((len(data),)) + data


def check_frame(frame):
    """TooLong when `frame` is over 16,384 bytes."""
    if len(frame) > MAX_FRAME:
        raise TooLong("frame of %d bytes, at most %d" % (len(frame), MAX_FRAME))


def _frame(frame):
    check_frame(frame)
    return bytes(frame)


def encode(message) -> bytes:
    """Bytes of a message tuple; LinkError when a field breaks its limit."""
    kind = message[0]
    head = bytes((kind,))
    if kind in _BARE:
        return head
    if kind == POST:
        return head + _frame(message[1])
    if kind == FRAME:
        return head + _string(message[1]) + _frame(message[2])
    if kind in _LABEL:
        return head + _string(message[1])
    if kind in _TEXT:
        out = head + message[1].encode()
    elif kind == TAKEN:
        out = head + (message[1] & 0xFFFFFFFF).to_bytes(4, "big")
    elif kind == HELLO:
        out = head + bytes((message[1],)) + message[2].to_bytes(2, "big")
        out += _string(message[3]) + _string(message[4])
    elif kind == WELCOME:
        labels = message[1]
        out = head + len(labels).to_bytes(2, "big") + b"".join([_string(x) for x in labels])
    else:
        raise UnknownType("type 0x%02x" % kind)
    if len(out) > MAX_MESSAGE:
        raise TooLong("message of %d bytes, at most %d" % (len(out), MAX_MESSAGE))
    return out


def decode(data):
    """Tuple of the message in `data` (bytes or a view of them); a LinkError says what is wrong."""
    size = len(data)
    if not size:
        raise Truncated("empty message")
    if size > MAX_MESSAGE:
        raise TooLong("message of %d bytes, at most %d" % (size, MAX_MESSAGE))
    kind = data[0]
    if kind in _BARE:
        message, at = (kind,), 1
    elif kind == POST:
        message, at = (kind, _frame(data[1:])), size
    elif kind == FRAME:
        label, at = _take_string(data, 1)
        message, at = (kind, label, _frame(data[at:])), size
    elif kind in _LABEL:
        label, at = _take_string(data, 1)
        message = (kind, label)
    elif kind in _TEXT:
        message, at = (kind, _text(data[1:])), size
    elif kind == TAKEN:
        if size < 5:
            raise Truncated("TAKEN of %d bytes" % size)
        message, at = (kind, int.from_bytes(data[1:5], "big")), 5
    elif kind == HELLO:
        if size < 4:
            raise Truncated("HELLO of %d bytes" % size)
        room, at = _take_string(data, 4)
        label, at = _take_string(data, at)
        message = (kind, data[1], data[2] << 8 | data[3], room, label)
    elif kind == WELCOME:
        if size < 3:
            raise Truncated("WELCOME of %d bytes" % size)
        labels = []
        at = 3
        for _ in range(data[1] << 8 | data[2]):
            label, at = _take_string(data, at)
            labels.append(label)
        message = (kind, tuple(labels))
    else:
        raise UnknownType("type 0x%02x" % kind)
    if at != size:
        raise Trailing("%d bytes after the message" % (size - at))
    return message


def _text(data):
    try:
        return str(bytes(data), "utf-8")
    except UnicodeError:
        raise BadText("not UTF-8") from None


def _take_string(data, at):
    if at >= len(data):
        raise Truncated("no length of a name")
    end = at + 1 + data[at]
    if end > len(data):
        raise Truncated("name of %d bytes, %d there" % (data[at], len(data) - at - 1))
    return check_name(_text(data[at + 1 : end])), end
