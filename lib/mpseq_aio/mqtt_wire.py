"""MQTT 5 as far as a room needs it: QoS 1, one request at a time, on asyncio streams.

For boards, in the manner of umqtt. Knows packets; what is in them is the room's (mqtt.py). A
length is checked before memory is taken for it; whatever comes ends in CarrierLost at worst.
"""

import asyncio
import gc
import socket

from . import link, mqtt
from .stream import hang_up

_CONNACK = 2
_PUBLISH = 3
_PUBACK = 4
_SUBACK = 9
_PONG = 13
_DISCONNECT = 14
_MAX_CONTROL = 2048  # bytes of a packet that carries no frame
_MAX_TOPIC = 128
_PIECE = 1024  # bytes of one read
_GOOD_BYE = 1  # seconds
# With the will, which says that I am gone; the session ends.
_BYE = b"\x04\x05\x11\0\0\0\0"


def varint(number: int) -> bytes:
    """A length as MQTT has it: 7 bits a byte, the lowest first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def string(text) -> bytes:
    """A text, or bytes, with its length (u16) in front."""
    data = text if isinstance(text, bytes) else text.encode()
    return len(data).to_bytes(2, "big") + data


def take_varint(data, at):
    """(number, where it ends) of a length in `data`; link.Truncated, link.TooLong."""
    number = 0
    for shift in (0, 7, 14, 21):
        if at >= len(data):
            raise link.Truncated("a length has no end")
        number |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return number, at
    raise link.TooLong("a length of more than 4 bytes")


def connect(room, max_packet: int) -> bytes:
    """What a CONNECT packet holds."""
    flags = 0x2C  # a will at QoS 1, retained; no clean start
    flags |= 0x80 if room.user is not None else 0
    flags |= 0x40 if room.secret is not None else 0
    properties = b"\x11" + mqtt.SESSION.to_bytes(4, "big")
    properties += b"\x21" + mqtt.AHEAD.to_bytes(2, "big")
    properties += b"\x27" + max_packet.to_bytes(4, "big")
    out = b"\0\x04MQTT\x05" + bytes((flags,)) + mqtt.KEEP_ALIVE.to_bytes(2, "big")
    out += varint(len(properties)) + properties + string(room.identifier)
    out += b"\0" + string(room.topic) + b"\0\0"
    for word in (room.user, room.secret):
        if word is not None:
            out += string(word)
    return out


def largest(data) -> int:
    """The Maximum Packet Size that the properties of a CONNACK name, 2^28 without one."""
    end, at = take_varint(data, 2)
    end += at
    while at < end:
        kind = data[at]
        at += 1
        if kind == 0x27:
            return int.from_bytes(data[at : at + 4], "big")
        if kind in (0x13, 0x21, 0x22):
            at += 2
        elif kind in (0x24, 0x25, 0x28, 0x29, 0x2A):
            at += 1
        elif kind == 0x11:
            at += 4
        else:
            for _ in range(2 if kind == 0x26 else 1):
                at += 2 + int.from_bytes(data[at : at + 2], "big")
    return 1 << 28


class Way:
    """One connection to a broker, for `room` (an MqttRoom), behind TLS if there is a context.

    Only `ack` and `ping` may be called while another call is under way. `largest`: bytes of a
    packet that the broker takes.
    """

    def __init__(self, room, context):
        self._room = room
        self._context = context
        self._reader = None
        self._writer = None
        self._task = None
        self._lock = asyncio.Lock()
        self._cut = False  # a packet is on its way, or its sender was cancelled
        self._over = False
        self._came = asyncio.Event()
        self._wanted = None  # kind and number of the packet that is waited for
        self._answer = None
        self._number = 0
        self.largest = 1 << 28
        self.left_out = 0  # frames for which there was no memory

    async def open(self) -> int:
        """Connects; the reason code of the broker's answer. CarrierLost."""
        room = self._room
        options = {"ssl": self._context, "server_hostname": room.host} if self._context else {}
        try:
            self._reader, self._writer = await asyncio.open_connection(
                room.host, room.port, **options
            )
        except OSError as error:
            raise link.CarrierLost(
                "no broker at %s port %d (%s)" % (room.host, room.port, error)
            ) from None
        if hasattr(self._writer, "s"):  # CPython does it by itself
            try:  # else what follows an acknowledgement waits for 40 ms
                self._writer.s.setsockopt(6, getattr(socket, "TCP_NODELAY", 1), 1)
            except (AttributeError, OSError):  # behind TLS; a port without it
                pass
        self._task = asyncio.create_task(self._run())
        data = await self._ask(0x10, _CONNACK, None, connect(room, self._cap()))
        if not data[1] and len(data) > 2:
            self.largest = largest(data)
        return data[1] if data[1] & 0x80 else data[1] and 0x84  # older brokers count from 1

    async def subscribe(self, topics) -> list:
        """Reason codes, one a topic: at QoS 1, one's own words too, retained messages only of the
        last topic."""
        number = self._next()
        out = number.to_bytes(2, "big") + b"\0"
        for topic in topics:
            out += string(topic) + (b"\x01" if topic == topics[-1] else b"\x21")
        data = await self._ask(0x82, _SUBACK, number, out)
        size, at = take_varint(data, 2)
        return list(data[at + size :]) or [0x80]

    async def publish(self, topic, head, body, here) -> int:
        """Publishes head + body; the reason code once the broker has it. `here`: retained, until
        it expires."""
        number = self._next()
        out = string(topic) + number.to_bytes(2, "big")
        out += b"\x05\x02" + mqtt.EXPIRY.to_bytes(4, "big") if here else b"\0"
        data = await self._ask(0x33 if here else 0x32, _PUBACK, number, out + head, body)
        return data[2] if len(data) > 2 else 0

    async def ack(self, number):
        """Acknowledges what `take` was shown."""
        await self._send(0x40, number.to_bytes(2, "big"))

    async def ping(self):
        """The broker answers with a pong."""
        await self._send(0xC0, b"")

    async def close(self, good_bye):
        """Ends it, in two seconds at most; `good_bye`: for good, or the session stays."""
        try:
            if good_bye and not self._cut:
                await asyncio.wait_for(self._send(0xE0, _BYE), _GOOD_BYE)
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            await self._end()

    async def _end(self):
        task, self._task = self._task, None
        writer, self._writer = self._writer, None
        self._over = True
        self._came.set()
        if task:
            task.cancel()
            while not task.done():
                await asyncio.sleep(0)
        if writer:
            await hang_up(writer, self._cut)

    def _cap(self):
        return self._room.max_frame + mqtt.OVERHEAD

    def _next(self):
        self._number = self._number % 65535 + 1
        return self._number

    async def _ask(self, kind, answer, number, *parts):
        self._wanted = (answer, number)
        self._answer = None
        await self._send(kind, *parts)
        while self._answer is None:
            if self._over:
                raise link.CarrierLost(self._room.why())
            self._came.clear()
            await self._came.wait()
        return self._answer

    async def _send(self, kind, head, body=b""):
        head = bytes((kind,)) + varint(len(head) + len(body)) + head
        if len(body) < _PIECE:  # where that is not, two small writes cost 40 ms
            head += body
            body = b""
        async with self._lock:
            writer = self._writer
            if self._over or self._cut:
                raise link.CarrierLost(self._room.why())
            self._cut = True
            try:
                writer.write(head)
                if body:
                    writer.write(body)
                await writer.drain()
                self._cut = False
            except OSError as error:
                if self._over:  # who reads knows why, who writes only that: MicroPython's TLS
                    raise link.CarrierLost(self._room.why()) from None
                raise link.CarrierLost("connection lost (%s)" % error) from None
            except MemoryError:  # half a packet may be out: nothing can follow it
                raise link.CarrierLost("no memory to send a message") from None

    # --- what comes

    async def _run(self):
        try:
            while True:
                await self._packet()
        except link.CarrierLost as error:
            text = str(error)
        except EOFError:
            text = "the broker closed the connection"
        except OSError as error:
            text = "connection lost (%s)" % error
        except (link.LinkError, ValueError, IndexError) as error:
            text = "the broker speaks another language (%s)" % error
        except MemoryError:
            text = "no memory for what the broker says"
        self._over = True
        self._room.lost(text)
        self._came.set()

    async def _exactly(self, size):
        return await self._reader.readexactly(size) if size else b""

    async def _skip(self, size):
        while size:
            data = await self._reader.read(min(size, _PIECE))
            if not data:
                raise EOFError
            size -= len(data)

    async def _packet(self):
        kind = (await self._exactly(1))[0]
        size = 0
        for shift in (0, 7, 14, 21, 28):
            byte = (await self._exactly(1))[0]
            size |= (byte & 127) << shift
            if byte < 128:
                break
        flags = kind & 15
        kind >>= 4
        if size > (self._cap() if kind == _PUBLISH else _MAX_CONTROL):
            raise link.TooLong("packet of %d bytes" % size)
        if kind == _PUBLISH:
            await self._published(flags, size)
            return
        data = await self._exactly(size)
        if kind == _PONG:
            self._room.pong()
        elif kind == _DISCONNECT:
            raise link.CarrierLost(
                "the broker ends the connection: " + mqtt.reason(data[0] if data else 0)
            )
        elif kind in (_CONNACK, _PUBACK, _SUBACK):
            if size < 2:
                raise link.Truncated("answer of %d bytes" % size)
            number = None if kind == _CONNACK else data[0] << 8 | data[1]
            if (kind, number) == self._wanted:  # else of somebody who was cancelled
                self._wanted = None
                self._answer = data
                self._came.set()
        else:
            raise link.UnknownType("packet of type %d" % kind)

    async def _published(self, flags, size):
        """A PUBLISH whose `size` bytes are still to be read."""
        if flags & 6 == 0:  # of no member
            await self._skip(size)
            return
        length = int.from_bytes(await self._exactly(2), "big")
        size -= 4 + length
        if flags & 4 or size < 1:
            raise link.TooLong("PUBLISH with flags %d, topic of %d bytes" % (flags, length))
        if length > _MAX_TOPIC:  # of no member; retained it would come again each time
            await self._skip(length)
            number = int.from_bytes(await self._exactly(2), "big")
            await self._skip(size)
            await self.ack(number)
            return
        topic = await self._exactly(length)
        number = int.from_bytes(await self._exactly(2), "big")
        await self._room.room_left()
        try:
            data = _room_for(size)
        except MemoryError:  # costs this frame: Chat says that it is missing
            await self._skip(size)
            self.left_out += 1
            await self.ack(number)
            return
        view = memoryview(data)
        at = 0
        while at < size:
            piece = await self._reader.read(min(size - at, _PIECE))
            if not piece:
                raise EOFError
            view[at : at + len(piece)] = piece
            at += len(piece)
        skip, at = take_varint(data, 0)
        if at + skip > size:
            raise link.Truncated("properties of %d bytes" % skip)
        if self._room.take(str(topic, "utf-8"), view[at + skip :], flags & 1, number):
            await self.ack(number)


def _room_for(size):
    try:
        return bytearray(size)
    except MemoryError:
        gc.collect()
        return bytearray(size)
