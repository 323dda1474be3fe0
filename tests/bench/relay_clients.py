"""Clients of a relay under load, many in one process, and what each saw.

Every member of a room must get the same bytes from the first FRAME on. So each keeps a checksum
of them; those that post read them, too, and see that no frame of anyone is missing.
"""

import asyncio
import collections
import os
import random
import ssl
import struct
import time
import zlib

from mpseq_aio import link, tcp

_HEAD = struct.Struct(">IIQ")  # who, which, when (ns of the clock that all processes share)
_LABEL = 8  # bytes: all have the same, so that all frames have the same size
_AT_ONCE = 40  # connections that are opened at the same time


def size_on_wire(size):
    """Bytes of a FRAME message with a frame of `size` bytes."""
    return 4 + 1 + 1 + _LABEL + size


class Client(asyncio.Protocol):
    """One member. With `window` it posts, that many frames ahead of its own echo; with `rate`,
    so many a second instead."""

    def __init__(self, room, number, size=138, window=0, rate=0.0):
        self.room = room
        self.number = number
        self.size = size
        self.window = window
        self.rate = rate
        self.posted = 0
        self.seen = 0  # bytes since the first FRAME
        self.sum = 0
        self.faults = []
        self.times = []  # seconds from post to here, of every frame
        self.labels = None
        self.lost = None
        self._echoes = 0
        self._next = collections.Counter()  # who -> which comes next; of strangers, from anywhere
        self._rest = b""
        self._posting = False
        self._writable = asyncio.Event()
        self.entered = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        label = f"c{self.number:07}"
        hello = (link.HELLO, link.VERSION, link.MAX_FRAME, self.room, label)
        transport.write(tcp.frame_message(hello))
        self._writable.set()

    def connection_lost(self, error):
        self.lost = self.lost or f"connection lost ({error})"
        if not self.entered.done():
            self.entered.set_exception(OSError(self.lost))

    def pause_writing(self):
        self._writable.clear()

    def resume_writing(self):
        self._writable.set()

    def data_received(self, data):
        if self.seen and not self.window and not self.rate:
            self.seen += len(data)
            self.sum = zlib.crc32(data, self.sum)
            return
        data = self._rest + data
        at = 0
        first = None if not self.seen else 0
        while len(data) - at >= 4:
            end = at + 4 + int.from_bytes(data[at : at + 4], "big")
            if end > len(data):
                break
            if data[at + 4] == link.FRAME and first is None:
                first = at
            self._message(data[at + 4], data, at, end)
            at = end
        if first is not None and not self.window and not self.rate:
            at = len(data)  # from here on it does not look at them
        self._rest = data[at:]
        if first is not None:
            self.seen += at - first
            self.sum = zlib.crc32(memoryview(data)[first:at], self.sum)

    def _message(self, kind, data, at, end):
        if kind == link.FRAME:
            if self.window or self.rate:
                self._frame(data, end - self.size)
        elif kind == link.WELCOME:
            self.labels = link.decode(data[at + 4 : end])[1]
            self.entered.set_result(None)
        elif kind == link.ERROR:
            self.lost = link.decode(data[at + 4 : end])[1]

    def _frame(self, data, at):
        who, which, when = _HEAD.unpack_from(data, at)
        self.times.append((time.monotonic_ns() - when) / 1e9)
        wanted = self._next.get(who, which)
        if which != wanted:
            self.faults.append(f"{who}: frame {which}, {wanted} was next")
        self._next[who] = which + 1
        if who == self.number:
            self._echoes += 1
            if self._posting and self.window:
                self._post()

    def _post(self):
        frame = _HEAD.pack(self.number, self.posted, time.monotonic_ns())
        self.transport.write(tcp.frame_message((link.POST, frame.ljust(self.size, b"."))))
        self.posted += 1

    async def post(self, seconds):
        """Posts for so long; until each echo came, or 30 s."""
        end = time.monotonic() + seconds
        self._posting = True
        if self.rate:
            await asyncio.sleep(random.random() / self.rate)
        for _ in range(self.window):
            self._post()
        due = time.monotonic()
        while (left := end - time.monotonic()) > 0:
            due += 1 / self.rate if self.rate else seconds
            await asyncio.sleep(min(left, max(due - time.monotonic(), 0)))
            if self.rate and due < end:
                await self._writable.wait()
                self._post()
        self._posting = False
        for _ in range(600):
            if self._echoes == self.posted or self.lost:
                break
            await asyncio.sleep(0.05)
        if self._echoes != self.posted:
            self.faults.append(f"{self._echoes} frames of its {self.posted} came back")

    async def sees(self, size, patience=30):
        """Waits until it saw so many bytes."""
        end = time.monotonic() + patience
        while self.seen < size and not self.lost and time.monotonic() < end:
            await asyncio.sleep(0.05)


async def enter(port, clients, authority=None):
    """Connects all and enters their rooms."""
    context = None
    if authority:
        context = ssl.create_default_context(cafile=authority)
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(client):
        async with gate:
            await loop.create_connection(
                lambda: client, "127.0.0.1", port, ssl=context,
                server_hostname="127.0.0.1" if context else None,
            )
            await asyncio.wait_for(client.entered, 60)

    await asyncio.gather(*(one(client) for client in clients))


def worker(pipe, port, jobs, authority=None):
    """A process of clients. `jobs`: keywords of Client. Over the pipe: "in"; then seconds to
    post; then who posted how much; then what everyone should see, by room; then the results; then
    None, and they leave."""
    asyncio.run(_worker(pipe, port, jobs, authority))


async def _worker(pipe, port, jobs, authority):
    loop = asyncio.get_running_loop()
    clients = [Client(**job) for job in jobs]
    await enter(port, clients, authority)
    pipe.send("in")
    seconds = await loop.run_in_executor(None, pipe.recv)
    posters = [client for client in clients if client.window or client.rate]
    await asyncio.gather(*(client.post(seconds) for client in posters))
    posted = collections.Counter()
    for client in posters:
        posted[client.room] += client.posted
    pipe.send(posted)
    wanted = await loop.run_in_executor(None, pipe.recv)
    if wanted is None:
        await _quiet(clients)
    else:
        await asyncio.gather(*(client.sees(wanted[client.room]) for client in clients))
    pipe.send([
        {"room": c.room, "number": c.number, "seen": c.seen, "sum": c.sum, "lost": c.lost,
         "faults": c.faults[:3], "times": c.times, "posted": c.posted}
        for c in clients
    ])
    await loop.run_in_executor(None, pipe.recv)  # the others have seen everything, too
    for client in clients:
        client.transport.close()
    await asyncio.sleep(0.2)


async def _quiet(clients):
    """Until nothing new came for a second."""
    before = None
    while before != (before := [client.seen for client in clients]):
        await asyncio.sleep(1)


def victim(port, rooms, first, seed, authority=None):
    """A process to be killed: clients that come, post, read or not, and go as bad clients do."""
    asyncio.run(_victim(port, rooms, first, random.Random(seed), authority))


async def _victim(port, rooms, first, dice, authority):
    numbers = iter(range(first, first + 100_000))

    async def one():
        while True:
            client = Client(dice.choice(rooms), next(numbers), rate=dice.choice((5, 20)))
            try:
                await enter(port, [client], authority)
            except OSError:
                await asyncio.sleep(dice.random())
                continue
            ending = dice.choice(("abort", "deaf", "half", "close", "rest"))
            if ending == "deaf":
                client.transport.pause_reading()
            await asyncio.wait({asyncio.ensure_future(client.post(dice.random() * 2))}, timeout=3)
            if ending == "half":  # in the midst of a message
                client.transport.write(b"\0\0\x40\0\x02" + os.urandom(500))
            await asyncio.sleep(dice.random())
            if ending in ("abort", "deaf"):
                client.transport.abort()
            else:
                client.transport.close()

    await asyncio.gather(*(one() for _ in range(8)))
