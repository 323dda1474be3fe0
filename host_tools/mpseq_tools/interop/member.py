"""A desktop as one more device: CPython in a process of its own, its frames on stdin and stdout.

    python -m mpseq_tools.interop.member [SOURCE]

SOURCE is run first; the tests of the bench make devices with it that do something wrong.
"""

import asyncio
import os
import sys

from mpseq_aio.serial import SerialRoom

from . import on_device


class PipePort:
    """stdin and stdout as a port of mpseq_aio.serial."""

    def __init__(self):
        self._reader = None

    def open(self):
        pass

    async def read(self) -> bytes:
        if self._reader is None:
            loop = asyncio.get_running_loop()
            self._reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(self._reader)
            await loop.connect_read_pipe(lambda: protocol, sys.stdin)
        return await self._reader.read(64)

    def write(self, data) -> int:
        return os.write(sys.stdout.fileno(), data)

    def close(self):
        pass


def main():
    """Serves until stdin ends."""
    if len(sys.argv) > 1:
        exec(sys.argv[1], vars(on_device))
    line = SerialRoom("-", "-", port=PipePort())
    asyncio.run(on_device.agent.Agent(line).run())


if __name__ == "__main__":
    main()
