"""A device's place in a room, which outlives the pulling of its cable for a minute.

What comes from the room meanwhile is kept, and given to the device when it is back, behind what
was on the way to it. Frames that it gets twice do no harm: the protocol knows them.
"""

import asyncio
import collections
import contextlib
import time

from mpseq_aio import link

HOLD = 60.0  # seconds; after that the others have parted from it, or are about to
MAX_KEPT = 512 * 1024  # bytes that are kept for a device that is away
PING = 20.0  # seconds between signs of life to the room
DEAD = 70.0  # seconds of silence after which the room is given up, as Chat does; to the device the
# bridge answers, so that it would never notice
_MOST_LABELS = 4096  # of people who are in the room
_OVERHEAD = 64  # bytes of a message that are not its frame, at most about
# Bytes behind which what was written has reached the device: more than are ever on the way to it.
_UNSURE = 1024


def fitting(labels, max_frame=link.MAX_FRAME):
    """As many of these labels as a WELCOME can hold for whom no longer frame is meant: a crowd of
    strangers must not keep anyone out."""
    left = min(max_frame, link.MAX_FRAME) + link.MAX_MESSAGE - link.MAX_FRAME - 3
    out = []
    for label in labels:
        left -= 1 + len(label.encode())
        if left < 0:
            break
        out.append(label)
    return tuple(out)


class Seat:
    """`room`: an open carrier, with `labels` as its `open` returned them; `hello`: the device's.

    `run(write)` brings what comes to the device by `await write(message)`, which may raise
    CarrierLost when the device is away; `back()` says that it is there again. Ends with
    CarrierLost: the room is gone, or the device was away for too long.
    """

    def __init__(self, room, labels, hello):
        self.room = room
        self.hello = hello
        self.labels = list(labels)
        self._kept = collections.deque()  # not written yet
        self._sent = collections.deque()  # written last
        self._news = asyncio.Event()
        self._here = asyncio.Event()
        self._here.set()
        self._gone = asyncio.Event()
        self._heard = time.monotonic()  # from the room; None while nothing is asked of it
        self._tasks = []

    def away(self):
        """The device is gone: what may not have reached it is kept, too."""
        if self._here.is_set():
            self._here.clear()
            self._gone.set()
            self._news.set()
            self._kept.extendleft(reversed(self._sent))
            self._sent.clear()

    def back(self):
        """It is there again, has asked for its room, and is told who is there."""
        self._kept.appendleft((link.WELCOME, fitting(self.labels, self.hello[2])))
        self._gone.clear()
        self._here.set()
        self._news.set()

    async def run(self, write):
        """Serves until CarrierLost."""
        self._tasks = tasks = [
            asyncio.ensure_future(work)
            for work in (
                self._hear(), self._bring(write), self._patience(), _ping(self.room), self._watch()
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self.stop()
            # Again: a wait_for whose result comes at that moment swallows it (CPython 3.11).
            while left := [task for task in tasks if not task.done()]:
                await asyncio.wait(left, timeout=1)
                self.stop()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self):
        """Nothing more is written from now on; `run` is to be cancelled."""
        for task in self._tasks:
            task.cancel()

    async def _hear(self):
        while True:
            # Who takes nothing for long is the room's to judge, as before there was a bridge.
            while self._here.is_set() and len(self._kept) > 1:
                self._heard = None
                self._news.clear()
                await self._news.wait()
            self._heard = self._heard or time.monotonic()
            message = await self.room.recv()
            self._heard = time.monotonic()
            if message[0] == link.PONG:
                continue
            if message[0] == link.ENTER:
                if len(self.labels) < _MOST_LABELS:
                    self.labels.append(message[1])
            elif message[0] == link.LEAVE and message[1] in self.labels[1:]:
                self.labels.remove(message[1])
            self._keep(message)

    def _keep(self, message):
        self._kept.append(message)
        self._news.set()
        if not self._here.is_set() and sum(map(_size, self._kept)) > MAX_KEPT:
            raise link.CarrierLost("the device is away, and too much was said for it")

    async def _bring(self, write):
        while True:
            await self._here.wait()
            if not self._kept:
                self._news.clear()
                await self._news.wait()
                continue
            message = self._kept[0]
            try:
                await write(message)
            except link.CarrierLost:
                self.away()  # whoever owns the line tells when it is back
                continue
            if self._kept and self._kept[0] is message:
                self._kept.popleft()
                self._news.set()
                if message[0] != link.WELCOME:
                    self._sent.append(message)
                while self._sent and sum(map(_size, self._sent)) - _size(self._sent[0]) > _UNSURE:
                    self._sent.popleft()

    async def _watch(self):
        while True:
            await asyncio.sleep(PING / 4)
            if self._heard and time.monotonic() - self._heard > DEAD:
                raise link.CarrierLost(f"nothing heard from the room for {DEAD:g} s")

    async def _patience(self):
        while True:
            await self._gone.wait()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._here.wait(), HOLD)
            if not self._here.is_set():
                raise link.CarrierLost(f"the device was away for {HOLD:g} s: it leaves the room")


def _size(message):
    return _OVERHEAD + (len(message[2]) if message[0] == link.FRAME else 0)


async def _ping(room):
    while True:
        await asyncio.sleep(PING)
        with contextlib.suppress(link.CarrierLost):  # which is heard elsewhere
            await room.ping()
