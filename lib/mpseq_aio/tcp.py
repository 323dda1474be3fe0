"""A room on a relay over TCP: each link message behind its length (u32, big-endian).

Runs on CPython and on MicroPython with a network. Every carrier has the same five methods:
`open`, `recv`, `post`, `ping`, `close`; the way being lost is always CarrierLost.
"""

import asyncio

from . import link
from .plain import clean
from .stream import hang_up

DEFAULT_PORT = 7676
_GOOD_BYE = 1  # seconds for the last words; a relay that does not take them must not hold us up


async def read_message(reader):
    """Next message tuple from an asyncio stream; CarrierLost at its end, LinkError when bad.

    Must not be cancelled and called again: part of a message would be lost.
    """
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        if size > link.MAX_MESSAGE:
            raise link.TooLong("message of %d bytes, at most %d" % (size, link.MAX_MESSAGE))
        data = await reader.readexactly(size)
    except EOFError:
        raise link.CarrierLost("the other side closed the connection") from None
    except OSError as error:
        raise link.CarrierLost("connection lost (%s)" % error) from None
    return link.decode(data)


def frame_message(message) -> bytes:
    """A message tuple with its length in front, as it goes over TCP."""
    data = link.encode(message)
    return len(data).to_bytes(4, "big") + data


class TcpRoom:
    """Client of a relay: one room, one label.

    `label` is what was asked for until `open`, then what the relay gave (it adds a number when
    the label is taken). `room` and `label`: 1-64 bytes of UTF-8. `max_frame`: the longest frame,
    in bytes, this client can take; the relay ends the connection rather than leave one out.
    `patience`: seconds `open` waits. `token`: what a relay wants for this room, if it wants
    something. After `post` or `ping` was cancelled only `close` and `open`
    make sense: part of a message may have been sent.
    """

    def __init__(
        self,
        host: str,
        port: int,
        room: str,
        label: str,
        max_frame=link.MAX_FRAME,
        patience=30,
        token=None,
    ):
        self.host = host
        self.port = port
        self.room = link.check_name(room)
        self.label = self.wanted = link.check_name(label)
        self.max_frame = max_frame
        self.patience = patience
        self.token = token
        self._reader = None
        self._writer = None
        self._blocked = False  # a message is on its way, or its sender was cancelled
        self._lock = asyncio.Lock()

    async def open(self):
        """Connects and enters; returns the labels present, the own one first. CarrierLost."""
        await self._drop()
        self._blocked = False
        try:
            labels = await asyncio.wait_for(self._enter(), self.patience)
        except BaseException as error:  # being cancelled too
            await self._drop()
            if isinstance(error, asyncio.TimeoutError):
                raise link.CarrierLost(
                    "the relay at %s port %d does not answer" % (self.host, self.port)
                ) from None
            raise
        self.label = labels[0]
        return labels

    async def _enter(self):
        try:
            self._reader, self._writer = await self._connect()
        except OSError as error:
            raise link.CarrierLost(
                "no relay at %s port %d (%s)" % (self.host, self.port, error)
            ) from None
        if self.token:
            await self._send((link.TOKEN, self.token))
        await self._send((link.HELLO, link.VERSION, self.max_frame, self.room, self.wanted))
        message = await self.recv()
        if message[0] != link.WELCOME or not message[1]:
            raise link.CarrierLost("the relay did not say WELCOME")
        return message[1]

    def _connect(self):
        return asyncio.open_connection(self.host, self.port)

    async def recv(self):
        """Next message tuple; CarrierLost when the room is gone, with the relay's reason."""
        reader = self._reader
        if reader is None:
            raise link.CarrierLost("not connected")
        try:
            message = await read_message(reader)
        except link.LinkError as error:
            raise link.CarrierLost("the relay speaks another language (%s)" % error) from None
        if message[0] == link.ERROR:
            raise link.CarrierLost("the relay says: " + clean(message[1][: link.MAX_REASON]))
        return message

    async def post(self, frame):
        """Posts a frame (at most 16,384 bytes) to everyone in the room, oneself included."""
        await self._send((link.POST, frame))

    async def ping(self):
        """Shows the relay that this client lives; it answers with PONG."""
        await self._send((link.PING,))

    async def close(self):
        """Leaves the room; never raises, and takes two seconds at most."""
        try:
            # Behind a message that nobody takes, or half of one, there is no good-bye.
            if not self._blocked:
                await asyncio.wait_for(self._send((link.BYE,)), _GOOD_BYE)
        except Exception:
            pass
        finally:
            await self._drop()

    async def _send(self, message):
        data = frame_message(message)
        async with self._lock:
            writer = self._writer
            if writer is None:
                raise link.CarrierLost("not connected")
            self._blocked = True
            try:
                writer.write(data)
                await writer.drain()
                self._blocked = False
            except OSError as error:
                raise link.CarrierLost("connection lost (%s)" % error) from None
            except MemoryError:  # half a message may be out: nothing can follow it
                await self._drop()
                raise link.CarrierLost("no memory to send a message") from None

    async def _drop(self):
        writer, self._reader, self._writer = self._writer, None, None
        if writer is None:
            return
        await hang_up(writer, self._blocked)
