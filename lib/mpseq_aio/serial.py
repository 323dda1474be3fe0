"""A room at the other end of a serial line, where `mpseq bridge` listens: the device's side.

The line may be the REPL's own stdin and stdout, shared with whatever else prints. Bytes may be
lost; a frame lost with them is noticed by the conversation, not here. So that a UART need not lose
any, the host is told how much was taken (`link`, TAKEN), and writes on when it has room.
"""

import asyncio
import gc
import json

from . import framing, link
from .ports import StdioPort, UartPort

__all__ = ("SerialRoom", "StdioPort", "UartPort")

_AGAIN = 2  # seconds between HELLOs while nobody answers
_MAX_KEPT = 16  # commands and log lines waiting
_TELL = 64  # bytes taken after which the host is told: a third of what it may have on the way
_QUIET = 0.02  # seconds after which it is told of fewer
_GOOD_BYE = 1  # seconds for the last words on a line that takes nothing


def _to_nobody(typed):
    pass


class SerialRoom:
    """One room through a serial line. The interface of every carrier, and more.

    `next_command` and `report` speak with the program that runs the bridge, `log` and `console`
    with the person in front of it. `port` is by default the REPL's own line; `max_frame` (bytes)
    can be set lower on a small board, and bounds the memory for reading. `patience`: seconds
    `open` waits.
    """

    def __init__(self, room: str, label: str, port=None, max_frame=link.MAX_FRAME, patience=60):
        self.room = link.check_name(room)
        self.label = self.wanted = link.check_name(label)
        self.max_frame = max_frame
        self.patience = patience
        self._port = port or StdioPort()
        self._port.open()
        self._frames = framing.FrameReader(max_frame + 512, self._decode)
        self._frames.hand_over(_to_nobody)  # until `console`: no lines are kept for it
        self._writer = framing.FrameWriter()
        self._pending = []
        self._commands = []
        self._lines = []
        self._input = asyncio.Lock()
        self._output = asyncio.Lock()
        self._taken = 0  # bytes read from the port since the last HELLO
        self._untold = 0  # of these, how many the host does not know of
        self._telling = None  # the task that will tell of a few

    async def open(self):
        """Enters the room; returns the labels present, the own one first. CarrierLost."""
        self._port.open()
        asking = asyncio.create_task(self._ask())
        try:
            labels = await asyncio.wait_for(self._welcome(), self.patience)
        except asyncio.TimeoutError:
            raise link.CarrierLost("no bridge on the serial line. Cure: mpseq bridge") from None
        finally:
            asking.cancel()
        self.label = labels[0]
        return labels

    async def recv(self):
        """Next message tuple for the conversation; CarrierLost when the room is gone."""
        while True:
            message = await self._next()
            if message[0] == link.ERROR:
                raise link.CarrierLost("the bridge says: " + message[1])
            if message[0] != link.WELCOME:
                return message

    async def post(self, frame):
        """Posts a frame (at most 16,384 bytes) to everyone in the room, oneself included."""
        link.check_frame(frame)
        await self._write_frame(b"\x02", frame)  # as link.encode, without a copy

    async def ping(self):
        """Asks the bridge for a sign of life."""
        await self._send((link.PING,))

    async def close(self):
        """Leaves the room and gives the line back to the REPL; never raises, takes a second at
        most."""
        try:
            await asyncio.wait_for(self._send((link.BYE,)), _GOOD_BYE)
        except Exception:
            pass
        finally:
            self.release()

    def release(self):
        """Gives the line back to the REPL without a word."""
        telling, self._telling = self._telling, None
        if telling:
            telling.cancel()
        self._port.close()

    def listen(self):
        """Takes the line from the REPL, for `next_command` without `open`."""
        self._port.open()

    async def next_command(self):
        """The next COMMAND from the host, decoded from JSON; waits for it.

        Works before `open` and beside `recv`: whoever waits reads for both.
        """
        while not self._commands:
            await self._fill(self._commands)
        return json.loads(self._commands.pop(0))

    async def report(self, value):
        """Sends anything JSON can hold (16 KiB) to the program at the other end."""
        await self._send((link.REPORT, json.dumps(value)))

    def log(self, text: str):
        """Prints a line between frames; while a frame is being written it waits behind it."""
        if self._output.locked():
            if len(self._lines) < _MAX_KEPT:
                self._lines.append(text)
        else:
            self._write(text.encode() + b"\r\n")

    def console(self, typed):
        """From now on `typed(data)` is called with the bytes that stand between frames, as they
        come, and with b"\\0" where a frame cuts them. KeyboardInterrupt goes through."""

        def safe(data):
            try:
                typed(data)
            except Exception as error:  # the frame behind it must not be lost
                self.log("serial: %s" % error)

        self._frames.hand_over(safe)

    def echo(self, data):
        """Writes bytes of a line that is being typed, unless a frame is on its way out."""
        if not self._output.locked():
            self._write(data)

    async def _ask(self):
        while True:
            self._taken = self._untold = 0  # as the host will, when it reads this
            await self._send((link.HELLO, link.VERSION, self.max_frame, self.room, self.wanted))
            await asyncio.sleep(_AGAIN)

    async def _welcome(self):
        while True:
            message = await self._next()
            if message[0] == link.WELCOME and message[1]:
                return message[1]
            if message[0] == link.ERROR:
                raise link.CarrierLost("the bridge says: " + message[1])

    async def _next(self):
        while not self._pending:
            await self._fill(self._pending)
        return self._pending.pop(0)

    async def _fill(self, wanted):
        # Reads once, unless another reader has brought what is wanted meanwhile.
        async with self._input:
            if wanted:
                return
            try:
                data = await self._port.read()
                if not data:
                    raise link.CarrierLost("the serial line has ended")
                self._taken = (self._taken + len(data)) & 0xFFFFFFFF
                self._untold += len(data)
                for message in self._frames.feed(data):
                    # Text on the way in is somebody typing: not for us, see `console`.
                    if isinstance(message, tuple):
                        self._keep(message)
                self._count()
            except MemoryError:
                self._no_memory()

    def _count(self):
        # Who only types has not asked for it.
        if not self._frames.begun:
            return
        if self._untold >= _TELL and not self._output.locked():
            self._tell()
        elif not self._telling or self._telling.done():
            self._telling = asyncio.create_task(self._tell_soon())

    async def _tell_soon(self):
        await asyncio.sleep(_QUIET)
        async with self._output:
            self._tell()

    def _tell(self):
        # Only where no frame is on its way out. One that is lost costs nothing: the next says all.
        if not self._untold:
            return
        self._untold = 0
        try:
            for chunk in self._writer.chunks(b"\xc2", self._taken.to_bytes(4, "big")):
                self._write(chunk)  # as link.encode
        except (MemoryError, OSError):  # who waits for more, or has more to say, finds out
            pass

    def _decode(self, data):
        try:
            return link.decode(data)
        except link.LinkError as error:
            self.log("serial: bad message (%s)" % error)
        except MemoryError:  # here, so that what stands behind this frame is not lost
            self._no_memory()

    def _no_memory(self):
        gc.collect()
        self.log("serial: no memory for what came, dropped")

    def _keep(self, message):
        if message[0] != link.COMMAND:
            self._pending.append(message)
        elif len(self._commands) < _MAX_KEPT:
            self._commands.append(message[1])
        else:
            self.log("serial: too many commands at once, one dropped")

    async def _send(self, message):
        await self._write_frame(link.encode(message))

    async def _write_frame(self, *parts):
        async with self._output:
            for chunk in self._writer.chunks(*parts):
                at = 0
                while at < len(chunk):
                    count = self._port.write(chunk[at:])
                    if count:
                        at += count
                    else:
                        await asyncio.sleep(0.005)
                # Others run between chunks: who only writes loses what comes in meanwhile.
                await asyncio.sleep(0)
            while self._lines:
                self._write(self._lines.pop(0).encode() + b"\r\n")
            if self._untold >= _TELL:
                self._tell()

    def _write(self, data):
        view = memoryview(data)
        while len(view):
            count = self._port.write(view)
            if not count:
                return
            view = view[count:]
