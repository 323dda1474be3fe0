"""The host's side of a serial line: link messages in frames, and the device's text around them.

A transport moves bytes: `SerialTransport` over a tty (a board's USB port, the pty of an
emulator), `ProcessTransport` over a program's stdin and stdout. `HostLink` speaks through either.
"""

import asyncio
import concurrent.futures

import serial

from mpseq_aio import framing, link

QUIET = 0.5  # seconds after which an unfinished line of text is shown
REPLY = 5.0  # seconds for a board to answer at its prompt


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
            raise link.CarrierLost(f"cannot open {path}: {_reason(error)}") from None
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
            self._in.shutdown(wait=False)
            self._out.shutdown(wait=False)
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


class HostLink:
    """Messages to and from a device over a transport; what is not a frame is its text.

    Counters in `frames.good`, `frames.bad`, `frames.overlong`; `refused` counts frames that came
    whole but held no message.
    """

    def __init__(self, transport):
        self.transport = transport
        self.frames = framing.FrameReader()
        self.refused = 0
        self._pending = []
        self._reading = None
        self._lock = asyncio.Lock()

    async def recv(self):
        """Next message (tuple) or line of text (str) from the device; CarrierLost."""
        while not self._pending:
            # A read survives the time-out: bytes must not be lost with it.
            if self._reading is None:
                self._reading = asyncio.ensure_future(self.transport.read())
            done, _ = await asyncio.wait((self._reading,), timeout=QUIET)
            if done:
                reading, self._reading = self._reading, None
                self.feed(reading.result())
            else:
                self._pending.extend(self.frames.idle())
        return self._pending.pop(0)

    def feed(self, data: bytes):
        """Takes bytes that were read from the transport elsewhere."""
        for item in self.frames.feed(data):
            if isinstance(item, bytes):
                try:
                    item = link.decode(item)
                except link.LinkError as error:
                    self.refused += 1
                    item = f"(bad message from the device: {type(error).__name__}, {error})"
            self._pending.append(item)

    async def send(self, message):
        """Sends a message tuple; CarrierLost, LinkError."""
        data = framing.shield(framing.encode(link.encode(message)))
        async with self._lock:
            await self.transport.write(data)

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
