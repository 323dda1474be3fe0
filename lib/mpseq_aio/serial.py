"""A room at the other end of a serial line, where `mpseq bridge` listens: the device's side.

The line may be the REPL's own stdin and stdout, shared with whatever else prints. Bytes may be
lost; a frame lost with them is noticed by the conversation, not here.
"""

import asyncio
import gc
import json

from . import framing, link

_AGAIN = 2  # seconds between HELLOs while nobody answers
_MAX_KEPT = 16  # commands and log lines waiting
_GOOD_BYE = 1  # seconds for the last words on a line that takes nothing


class StdioPort:
    """The REPL's own line, raw: Ctrl-C is a byte like any other until `close`."""

    def __init__(self):
        import select
        import sys

        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        self._one = bytearray(1)
        self._buffer = bytearray(256)
        self._poll = select.poll()
        self._poll.register(self._in, select.POLLIN)
        self._stream = asyncio.StreamReader(self._in)

    def open(self):
        _interrupt_key(-1)

    async def read(self) -> bytes:
        """Waits for the first byte, then takes what is there, up to 256; b"" at the end."""
        # read(n) would block until all n have come; only poll knows that one more is there.
        first = await self._stream.read(1)
        if not first:
            return b""
        buffer = self._buffer
        one = self._one
        buffer[0] = first[0]
        count = 1
        while count < len(buffer):
            # A millisecond: bytes come slower than this loop turns, and each turn through the
            # scheduler costs more memory than they do.
            for _ in self._poll.ipoll(1):
                break
            else:
                break
            if not self._in.readinto(one):
                break
            buffer[count] = one[0]
            count += 1
        return bytes(memoryview(buffer)[:count])

    def write(self, data) -> int:
        """Writes; returns how many bytes were taken, or None when there is no room now."""
        return self._out.write(data)

    def close(self):
        _interrupt_key(3)


class UartPort:
    """A `machine.UART` (or a stream like it: asyncio-readable, `write` returns a count)."""

    def __init__(self, uart):
        self._uart = uart
        self._stream = asyncio.StreamReader(uart)

    def open(self):
        pass

    async def read(self) -> bytes:
        """What has come, up to 256 bytes; waits for the first."""
        return await self._stream.read(256)

    def write(self, data) -> int:
        """Writes; returns how many bytes were taken, or None when there is no room now."""
        return self._uart.write(data)

    def close(self):
        pass


def _interrupt_key(code):
    try:
        import micropython

        micropython.kbd_intr(code)
    except (ImportError, AttributeError):  # CPython; a build without it
        pass


class SerialRoom:
    """One room through a serial line. The interface of every carrier, and three things more.

    `next_command` and `report` speak with the program that runs the bridge, `log` with the person
    in front of it. `port` is by default the REPL's own line; `max_frame` (bytes) can be set lower
    on a small board, and bounds the memory for reading. `patience`: seconds `open` waits.
    """

    def __init__(self, room: str, label: str, port=None, max_frame=link.MAX_FRAME, patience=60):
        self.room = link.check_name(room)
        self.label = self.wanted = link.check_name(label)
        self.max_frame = max_frame
        self.patience = patience
        self._port = port or StdioPort()
        self._port.open()
        self._frames = framing.FrameReader(max_frame + 512, self._decode)
        self._writer = framing.FrameWriter()
        self._pending = []
        self._commands = []
        self._lines = []
        self._input = asyncio.Lock()
        self._output = asyncio.Lock()

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

    async def _ask(self):
        while True:
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
                for message in self._frames.feed(data):
                    # Text on the way in is somebody typing: not for us.
                    if isinstance(message, tuple):
                        self._keep(message)
            except MemoryError:
                self._no_memory()

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

    def _write(self, data):
        view = memoryview(data)
        while len(view):
            count = self._port.write(view)
            if not count:
                return
            view = view[count:]
