"""What the carrier sees: joins a room without a key and keeps the frames. For demo and tests."""

import asyncio

from mpseq_aio import link
from mpseq_aio.tcp import TcpRoom


class Eavesdropper:
    """`frames`: every frame posted while it was there."""

    def __init__(self, port: int, room: str, host: str = "127.0.0.1", label: str = "eve"):
        self.frames = []
        self._room = TcpRoom(host, port, room, label)
        self._task = None

    async def __aenter__(self):
        await self._room.open()
        self._task = asyncio.ensure_future(self._listen())
        return self

    async def _listen(self):
        while True:
            message = await self._room.recv()
            if message[0] == link.FRAME:
                self.frames.append(message[2])

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._room.close()
