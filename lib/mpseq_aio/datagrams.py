"""A carrier over anything that throws datagrams at everybody: `OrderedRoom`, run by asyncio.

Whoever carries the datagrams (udp.py, espnow.py) gives `_start()`, `_stop()`, `_send(datagram)`
and `_next()`, which waits for one. What cannot be sent now is lost, like so much on the air.
"""

import asyncio
import gc

from . import link
from .clock import now
from .entropy import urandom
from .ordered import OrderedRoom

_TURN = 0.01  # seconds between looks at the clock
_MANY = 16  # messages waiting; the engine keeps what follows, and the room waits for us
_MUTE = 4000  # ms in which nothing could be sent: the way out is gone


class DatagramRoom:
    """The five methods of every carrier. `room`, `label`: 1-64 bytes of UTF-8; `patience`: seconds
    that `open` waits, of which up to 4 go by before an empty room is believed to be empty."""

    def __init__(self, room: str, label: str, patience=30):
        self.room = link.check_name(room)
        self.label = self.wanted = link.check_name(label)
        self.patience = patience
        self._engine = None
        self._tasks = ()
        self._pending = []
        self._lost = None
        self._sent = 0
        self._change = asyncio.Event()

    async def open(self):
        """Enters the room; returns the labels present, the own one first. CarrierLost."""
        await self.close()
        self._lost = None
        self._sent = now()
        self._pending = []
        try:
            self._start()
        except OSError as error:
            self._stop()
            raise link.CarrierLost("%s (%s)" % (self._no_way(), error)) from None
        self._engine = self._begin()
        self._tasks = [asyncio.create_task(work()) for work in (self._hear, self._watch)]
        until = now() + self.patience * 1000
        try:
            while not self._engine.joined:
                if self._lost is None and now() >= until:
                    self._lost = "%s: people are there, but nobody lets us in" % self._no_way()
                if self._lost is not None:
                    raise link.CarrierLost(self._lost)
                await asyncio.sleep(_TURN)
        except BaseException:
            await self.close()
            raise
        self.label = self._engine.label
        return self._engine.labels

    async def recv(self):
        """Next message tuple; CarrierLost when the room is gone, or went on without us."""
        while not self._pending:
            if self._engine is None or self._lost is not None:
                raise link.CarrierLost(self._lost or "not connected")
            self._change.clear()
            await self._change.wait()
        return self._pending.pop(0)

    async def post(self, frame):
        """Posts a frame (at most 16,384 bytes) to everyone in the room, oneself included. Waits
        until the two before it have their place."""
        link.check_frame(frame)
        while True:
            engine = self._engine
            if engine is None or self._lost is not None:
                raise link.CarrierLost(self._lost or "not connected")
            if engine.ready:
                engine.post(frame, now())
                self._work()
                return
            await asyncio.sleep(_TURN)

    async def ping(self):
        """Answered at once: the engine itself finds out when nobody is there any more."""
        if self._engine is not None and self._lost is None:
            self._pending.append((link.PONG,))
            self._change.set()

    async def close(self):
        """Leaves the room; never raises."""
        tasks, self._tasks = self._tasks, ()
        for task in tasks:
            task.cancel()
            while not task.done():  # else CPython looks after a socket that is closed already
                await asyncio.sleep(0)
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.leave(now())
            for datagram in engine.take_datagrams():
                self._try(datagram)
            self._stop()
        self._change.set()

    def _begin(self):
        return OrderedRoom(self.room, self.wanted, urandom, now())

    async def _hear(self):
        while True:
            try:
                datagram = await self._next()
            except (OSError, ValueError):  # nobody listened to what was sent before; a bad buffer
                await asyncio.sleep(_TURN)
                continue
            self._safely(self._receive, datagram)

    async def _watch(self):
        while True:
            self._safely(self._work)
            await asyncio.sleep(_TURN)

    def _receive(self, datagram):
        self._engine.receive(datagram, now())
        self._work()

    def _safely(self, work, *arguments):
        try:
            work(*arguments)
        except MemoryError:  # as if it had been lost
            gc.collect()
        except Exception as error:  # a bug: it is told, and another engine begins
            self._lost = "%s: %s" % (type(error).__name__, error)
            self._change.set()

    def _work(self):
        engine = self._engine
        if engine is None:
            return
        due = engine.next_tick()
        if due is not None and due <= now():
            engine.tick(now())
        for datagram in engine.take_datagrams():
            self._try(datagram)
        if engine.joined and len(self._pending) < _MANY:
            self._pending.extend(engine.take_messages())
        if engine.lost is not None and not engine.joined:
            self._engine = self._begin()  # open() waits for it as long as it has patience
        elif engine.lost is not None and self._lost is None:
            self._lost = engine.lost
        if self._pending or self._lost is not None:
            self._change.set()

    def _try(self, datagram):
        try:
            self._send(datagram)
            self._sent = now()
        except OSError as error:
            if now() - self._sent > _MUTE and self._lost is None:
                self._lost = "%s (%s)" % (self._no_way(), error)
