"""What lies between a device and the others, with the faults that the bench makes there.

Which bytes and which frames are hit follows from a `random.Random` and from their place in the
stream alone, not from when they come or in what pieces.
"""

import asyncio
import contextlib
import json

from mpseq import wire
from mpseq_aio import link

from .. import serial_link
from ..bridge import Bridge
from ..rooms import Rooms

# Why a byte of a cable is hit: how many bytes at most, and what becomes of them.
FAULTS = ("drop", "damage", "repeat", "delay")
_MOST = 12  # bytes hit by one fault
_KINDS = {
    link.HELLO: "HELLO", link.POST: "POST", link.BYE: "BYE", link.PING: "PING",
    link.COMMAND: "COMMAND", link.WELCOME: "WELCOME", link.FRAME: "FRAME", link.ENTER: "ENTER",
    link.LEAVE: "LEAVE", link.ERROR: "ERROR", link.PONG: "PONG", link.REPORT: "REPORT",
}
_FRAME_KINDS = {
    wire.MESSAGE: "MESSAGE", wire.INVITATION: "INVITATION", wire.JOIN: "JOIN",
    wire.ROSTER: "ROSTER", wire.SHARE: "SHARE", wire.CONFIRM: "CONFIRM", wire.ABORT: "ABORT",
    wire.WITNESS: "WITNESS", wire.REVEAL: "REVEAL",
}


class Noise:
    """Faults of one direction of a cable: one in about `every` bytes."""

    def __init__(self, random, every: int):
        self._random = random
        self._every = every
        self._place = 0  # bytes that have passed
        self._repeat = b""
        self.hits = []  # (place, fault, bytes)
        self._next()

    def _next(self):
        self._at = self._place + 1 + int(self._random.expovariate(1 / self._every))
        self._fault = self._random.choice(FAULTS)
        self._size = self._random.randint(1, _MOST)
        self._bits = self._random.randint(1, 255)
        self._pause = self._random.uniform(0.02, 0.15)
        self._past = bytearray()

    def spoil(self, data: bytes):
        """(what comes of these bytes, seconds that they are late)."""
        out = bytearray()
        late = 0.0
        for byte in data:
            here = self._place
            self._place += 1
            self._past.append(byte)
            del self._past[:-_MOST]
            if here < self._at:
                out.append(byte)
                continue
            if self._fault == "damage":
                out.append(byte ^ self._bits)
            elif self._fault != "drop":
                out.append(byte)
            if here < self._at + self._size - 1:
                continue
            if self._fault == "repeat":
                out += self._past[-self._size :]
            elif self._fault == "delay":
                late += self._pause
            self.hits.append((self._at, self._fault, self._size))
            self._next()
        return bytes(out), late


class Cable:
    """A transport of serial_link with faults, as long as `into` and `out` say so."""

    def __init__(self, transport):
        self._transport = transport
        self.into = None  # Noise towards the device
        self.out = None  # Noise from it

    async def read(self):
        while True:
            data = await self._transport.read()
            if self.out is None:
                return data
            data, late = self.out.spoil(data)
            if late:
                await asyncio.sleep(late)
            if data:
                return data

    async def write(self, data):
        if self.into is not None:
            data, late = self.into.spoil(data)
            if late:
                await asyncio.sleep(late)
        if data:
            await self._transport.write(data)

    def close(self):
        self._transport.close()


class Losses:
    """Faults of a room for one member: frames that it never gets, gets twice, or late."""

    def __init__(self, random, share: float = 0.3):
        self._random = random
        self._share = share
        self._held = None
        self.hits = []  # (number of the frame, fault)
        self._number = 0

    def spoil(self, message):
        """What comes of this message: a list."""
        if message[0] != link.FRAME:
            return [message]
        self._number += 1
        chance = self._random.random()
        fault = self._random.choice(("lost", "doubled", "swapped"))
        held, self._held = self._held, None
        after = [held] if held else []
        if chance >= self._share:
            return [message, *after]
        self.hits.append((self._number, fault))
        if fault == "lost":
            return after
        if fault == "doubled":
            return [message, message, *after]
        self._held = message
        return after


class _Room:
    """A carrier with the losses of its place."""

    def __init__(self, inner, place):
        self._inner = inner
        self._place = place
        self._ready = []

    def __getattr__(self, name):
        return getattr(self._inner, name)

    async def recv(self):
        while not self._ready:
            message = await self._inner.recv()
            losses = self._place.losses
            self._ready += losses.spoil(message) if losses else [message]
        return self._ready.pop(0)


class Place(Rooms):
    """Where a device's rooms are: on a relay, behind faults if there are `losses`."""

    def __init__(self, host, port):
        super().__init__("tcp", host, port)
        self.losses = None

    def room(self, *arguments, **options):
        return _Room(super().room(*arguments, **options), self)


class WatchedLink(serial_link.HostLink):
    """A HostLink that tells `note` of each message, and that can be cut.

    `trip(way, message)`, when it is set, is asked of each message, way ">" to the device or "<"
    from it; from the one on for which it says yes only commands and reports pass.
    """

    def __init__(self, transport, note):
        super().__init__(transport)
        self._note = note
        self.trip = None
        self.cut = asyncio.Event()

    async def recv(self):
        while True:
            item = await super().recv()
            if isinstance(item, str) or self._passes("<", item):
                return item

    async def send(self, message):
        if self._passes(">", message):
            await super().send(message)

    def _passes(self, way, message):
        carries = message[0] in (link.COMMAND, link.REPORT)
        if self.trip and not carries and self.trip(way, message):
            self.trip = None
            self.cut.set()
            self._note("!", "the bench cuts the line here")
        lost = self.cut.is_set() and not carries
        if not carries:
            self._note(way + "~", described(message) + (" (cut off)" if lost else ""))
        return not lost


def described(message) -> str:
    """A link message in words, without what is sealed in it."""
    kind = _KINDS.get(message[0], hex(message[0]))
    if message[0] in (link.POST, link.FRAME):
        frame = message[-1]
        name = _FRAME_KINDS.get(frame[0] & 15, "frame") if frame else "empty"
        label = f" from {message[1]}" if message[0] == link.FRAME else ""
        return f"{kind} {name} of {len(frame)} bytes{label}"
    return " ".join([kind, *map(str, message[1:])])


class Wire:
    """One device's cable and its bridge into the bench's relay."""

    def __init__(self, transport, port, note, first=b"", host="127.0.0.1"):
        self.cable = Cable(transport)
        self.place = Place(host, port)
        self._bridge = Bridge(self.cable, self.place, console=lambda line: note("|", line))
        self.link = self._bridge.link = WatchedLink(self.cable, note)
        self.link.feed(first)
        self.reports = self._bridge.reports
        self.running = asyncio.ensure_future(self._bridge.run())

    async def command(self, value):
        # As UTF-8: MicroPython's json makes no one character of two escaped surrogates.
        await self.link.send((link.COMMAND, json.dumps(value, ensure_ascii=False)))

    async def close(self):
        self.running.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self.running
