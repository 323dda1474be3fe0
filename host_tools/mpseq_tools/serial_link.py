"""The host's side of a serial line: link messages in frames, and the device's text around them.

A transport moves bytes: `SerialTransport` over a tty (a board's USB port, the pty of an
emulator), `ProcessTransport` over a program's stdin and stdout. `HostLink` speaks through either.
"""

import asyncio
import concurrent.futures
import time

import serial

from mpseq_aio import framing, link

from . import ports

QUIET = 0.5  # seconds after which an unfinished line of text is shown
REPLY = 5.0  # seconds for a board to answer at its prompt
# Bytes on the way to a device at most, as far as it has told (link.TAKEN). An ESP32 behind a UART
# keeps 259 (MicroPython, ports/esp32/mphalport.c) and drops the rest, while it computes for up to
# 40 ms: 460 bytes at 115200 baud. The others are for what was on the way when it said HELLO.
WINDOW = 200
PATIENCE = 0.5  # seconds without a word of what it has taken, then that is forgotten
DRAIN = 2.0  # seconds of traffic, then it may take all there is: what it does not tell of is lost


class SerialTransport:
    """A tty opened with pyserial, read and written in threads so that it works everywhere.

    CarrierLost, from anywhere, when the device is not there, goes away, or takes no data for
    10 s. `baudrate` matters for a real UART only.
    """

    def __init__(self, path: str, baudrate: int = 115200):
        self.path = path
        self._closed = False
        try:
            self._serial = serial.Serial(
                path, baudrate, timeout=0.2, write_timeout=10, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
            reason, cure = ports.why(path, error)
            lost = link.CarrierLost(f"cannot open {path}: {reason}")
            lost.cure = cure  # for commands; whoever does not know it loses nothing
            raise lost from None
        # One thread each, so that writes cannot pass one another when a task is cancelled.
        self._in = concurrent.futures.ThreadPoolExecutor(1, "mpseq-serial-in")
        self._out = concurrent.futures.ThreadPoolExecutor(1, "mpseq-serial-out")

    async def read(self) -> bytes:
        """What has come, one byte at least; waits for it."""
        while True:
            data = await self._call(self._in, self._read_some)
            if data:
                return data

    async def write(self, data: bytes):
        """Writes all of `data`."""
        await self._call(self._out, self._serial.write, data)

    def close(self):
        """Gives the tty back; whoever waits in `read` gets CarrierLost."""
        if not self._closed:
            self._closed = True
            # Who waits in the system for this tty keeps it open, and its lock, after close().
            self._serial.cancel_read()
            self._serial.cancel_write()
            self._in.shutdown(cancel_futures=True)
            self._out.shutdown(cancel_futures=True)
            self._serial.close()

    def _read_some(self):
        data = self._serial.read(1)
        return data + self._serial.read(self._serial.in_waiting) if data else data

    async def _call(self, threads, function, *arguments):
        try:
            if self._closed:
                raise OSError("closed here")
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(threads, function, *arguments)
        except serial.SerialTimeoutException:
            raise link.CarrierLost(f"the device at {self.path} takes no data") from None
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():
                raise
            # Closed before its thread came to it, which is nobody's wish to cancel who waits.
            raise link.CarrierLost(f"the device at {self.path} was closed here") from None
        # RuntimeError and TypeError: pyserial's and the pool's ways of saying "closed meanwhile".
        except (OSError, RuntimeError, TypeError) as error:
            reason = f"the device at {self.path} went away ({_reason(error)})"
            raise link.CarrierLost(reason) from None


class ProcessTransport:
    """A program started with `asyncio.create_subprocess_exec` and pipes for stdin and stdout."""

    def __init__(self, process):
        self.process = process

    async def read(self) -> bytes:
        """What has come, one byte at least; CarrierLost when the program has ended."""
        data = await self.process.stdout.read(4096)
        if not data:
            raise link.CarrierLost(f"the program ended with status {await self.process.wait()}")
        return data

    async def write(self, data: bytes):
        """Writes all of `data`."""
        try:
            self.process.stdin.write(data)
            await self.process.stdin.drain()
        except (OSError, RuntimeError) as error:
            raise link.CarrierLost(f"the program takes no more input ({error})") from None

    def close(self):
        """Closes its stdin, which asks it to end."""
        self.process.stdin.close()


class Window:
    """How much may be written to a device that tells by and by what it has taken of it."""

    def __init__(self):
        self.begin()

    def begin(self):
        """The device has begun anew."""
        self.out = 0  # bytes that it has not told of
        self.counts = False  # it has told something
        self._total = 0

    @property
    def room(self) -> int:
        """Bytes that may be written now."""
        return WINDOW - self.out

    def tell(self, total: int):
        """The device has taken `total` bytes since it began, modulo 2^32."""
        step = (total - self._total) & 0xFFFFFFFF
        self._total = total
        self.counts = True
        # Otherwise this counts what was forgotten, too, or from elsewhere: nothing follows.
        if step <= self.out:
            self.out -= step


class HostLink:
    """Messages to and from a device over a transport; what is not a frame is its text.

    No more than `WINDOW` bytes are on the way to a device. One that does not tell what it has
    taken gets so many each `PATIENCE`.

    Counters in `frames.good`, `frames.bad`, `frames.overlong`; `refused` counts frames that came
    whole but held no message.
    """

    def __init__(self, transport):
        self.transport = transport
        self.frames = framing.FrameReader()
        self.window = Window()
        self.refused = 0
        self._pending = []
        self._reading = None
        self._lock = asyncio.Lock()
        self._moved = 0.0  # when something was written or taken
        self._dry = 0.0  # when nothing was out

    async def recv(self):
        """Next message (tuple) or line of text (str) from the device; CarrierLost."""
        while not self._pending:
            if not await self._read(QUIET):
                self._pending.extend(self.frames.idle())
        return self._pending.pop(0)

    async def _read(self, patience):
        # Takes what comes within so many seconds; False when nothing does. Whoever waits, to hear
        # or to write, reads for all.
        if self._reading is None:
            # A read survives the time-out: bytes must not be lost with it.
            self._reading = asyncio.ensure_future(self.transport.read())
        reading = self._reading
        done, _ = await asyncio.wait((reading,), timeout=patience)
        if reading.cancelled():
            raise link.CarrierLost("the line was closed here")
        if done and reading is self._reading:
            data = reading.result()  # CarrierLost stays here for the others
            self._reading = None
            self.feed(data)
        return bool(done)

    def feed(self, data: bytes):
        """Takes bytes that were read from the transport elsewhere."""
        for item in self.frames.feed(data):
            if isinstance(item, bytes):
                try:
                    item = link.decode(item)
                except link.LinkError as error:
                    self.refused += 1
                    item = f"(bad message from the device: {type(error).__name__}, {error})"
                if item[0] == link.TAKEN:
                    self.window.tell(item[1])
                    self._moved = time.monotonic()
                    continue
                if item[0] == link.HELLO:
                    self.window.begin()
            self._pending.append(item)
        # Who counts cannot tell before its frame has ended.
        if self.window.counts and self.frames.inside():
            self._moved = time.monotonic()

    async def send(self, message):
        """Sends a message tuple when the device has room for it; CarrierLost, LinkError."""
        await self._write(framing.shield(framing.encode(link.encode(message))))

    async def type(self, data: bytes):
        """Writes bytes between the frames: what somebody types at a console; CarrierLost."""
        await self._write(data)

    async def _write(self, data):
        async with self._lock:
            at = 0
            while at < len(data):
                piece = data[at : at + await self._room()]
                self.window.out += len(piece)
                self._moved = time.monotonic()
                await self.transport.write(piece)
                at += len(piece)

    async def _room(self):
        # Waits until something may be written; how much.
        while True:
            now = time.monotonic()
            left = self._moved + PATIENCE - now
            if left <= 0:
                self.window.out = 0  # lost on the line, or nobody counts: it cannot be waited for
            if not self.window.out:
                self._dry = now
            if self.window.room and now - self._dry < DRAIN:
                return self.window.room
            await self._read(left)

    def close(self):
        if self._reading is not None:
            self._reading.cancel()
        self.transport.close()


async def start_program(transport, source: str) -> bytes:
    """Runs MicroPython `source` on the board at the other end, over the raw REPL.

    Interrupts what runs there. Returns what the program printed before this function was done
    listening (give it to `HostLink.feed`). CarrierLost when no prompt answers within 5 s.
    """
    try:
        await transport.write(b"\r\x03\x03")
        await asyncio.sleep(0.1)
        await transport.write(b"\r\x01")
        await asyncio.wait_for(_until(transport, b"raw REPL; CTRL-B to exit\r\n>"), REPLY)
        data = source.encode()
        for at in range(0, len(data), 200):
            await transport.write(data[at : at + 200])
            await asyncio.sleep(0.01)  # a UART's buffer is small and nothing holds us back
        await transport.write(b"\x04")
        return await asyncio.wait_for(_until(transport, b"OK"), REPLY)
    except asyncio.TimeoutError:
        raise link.CarrierLost(
            "no MicroPython prompt answers. Cure: reset the board and try again"
        ) from None


async def _until(transport, mark):
    seen = b""
    while mark not in seen:
        seen = seen[-len(mark) :] + await transport.read()
    return seen.split(mark, 1)[1]


def _reason(error):
    return str(getattr(error, "strerror", None) or error)
