"""The bytes of a serial line: the REPL's own or a UART's. Knows nothing of frames."""

import asyncio

# Bytes of one `read`. Small, because the host hears only behind it that they were taken.
_READ = 64


class StdioPort:
    """The REPL's own line, raw: Ctrl-C is a byte like any other until `close`."""

    def __init__(self):
        import select
        import sys

        self._in = sys.stdin.buffer
        self._out = sys.stdout.buffer
        self._one = bytearray(1)
        self._buffer = bytearray(_READ)
        self._poll = select.poll()
        self._poll.register(self._in, select.POLLIN)
        self._stream = asyncio.StreamReader(self._in)

    def open(self):
        _interrupt_key(-1)

    async def read(self) -> bytes:
        """Waits for the first byte, then takes what is there, up to 64; b"" at the end."""
        # read(n) would block until all n have come; only poll knows that one more is there.
        first = await self._stream.read(1)
        if not first:
            return b""
        buffer = self._buffer
        one = self._one
        buffer[0] = first[0]
        count = 1
        # Nothing is taken behind a Ctrl-C: when that ends the program, the rest is the REPL's.
        while count < len(buffer) and buffer[count - 1] != 3:
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
        """What has come, up to 64 bytes; waits for the first."""
        return await self._stream.read(_READ)

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
