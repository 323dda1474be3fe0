"""`mpseq bridge --listen`: a relay's door in front of a room that is elsewhere.

Who speaks the relay's language only (a board on Wi-Fi, a desktop without an account) connects
here and gets a seat of its own in an XMPP room, a broker's topic, another relay: one each, so that
the order of that room is the order of all. Two rooms with an order each cannot become one.
"""

import asyncio
import contextlib
import time

from mpseq_aio import link, tcp
from mpseq_aio.framing import clean

from .bridge import Bridge, looked_at, say

MAX_CLIENTS = 64
IDLE = 90.0  # seconds without a sign of life; clients PING
_LAST_WORDS = 2  # seconds


class _Line:
    """A connection, as `Bridge` sees a device's line."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer
        self.is_inside = lambda: False  # in a room
        self._outside = time.monotonic()  # since when it is in none

    async def recv(self):
        if self.is_inside():
            self._outside = time.monotonic()
        elif time.monotonic() - self._outside > IDLE:  # it must not take others' place here
            raise link.CarrierLost(f"in no room for {IDLE:g} s")
        try:
            return await asyncio.wait_for(tcp.read_message(self._reader), IDLE)
        except asyncio.TimeoutError:
            raise link.CarrierLost(f"no sign of life within {IDLE:g} s") from None
        except link.LinkError as error:
            raise link.CarrierLost(f"it speaks another language ({error})") from None

    async def send(self, message):
        try:
            self._writer.write(tcp.frame_message(message))
            async with asyncio.timeout(IDLE):
                await self._writer.drain()
        except TimeoutError:
            self._writer.transport.abort()
            raise link.CarrierLost(f"it has taken nothing for {IDLE:g} s") from None
        except OSError as error:
            raise link.CarrierLost(f"connection lost ({error})") from None

    def close(self):
        self._writer.close()
        # What is still in its buffer is written first, for whoever takes it within a moment.
        asyncio.get_running_loop().call_later(_LAST_WORDS, self._writer.transport.abort)


class Gateway:
    """Listens at `host` and `port` (0 takes a free one) and seats whoever comes in `rooms`, a
    mpseq_tools.rooms.Rooms. `say` takes lines of text."""

    def __init__(self, host, port, rooms, say=say):
        self.host = host
        self.port = port
        self.rooms = rooms
        self._say = say
        self._tasks = set()
        self._server = None

    async def start(self):
        """Starts to listen; OSError when the address is taken."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self):
        """Closes everything."""
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        line = _Line(reader, writer)
        if len(self._tasks) >= MAX_CLIENTS:
            with contextlib.suppress(link.CarrierLost):
                await line.send((link.ERROR, f"this gateway is full ({MAX_CLIENTS} clients)"))
            line.close()
            return
        task = asyncio.current_task()
        self._tasks.add(task)
        bridge = Bridge(None, self.rooms, console=self._say, line=line)
        line.is_inside = lambda: bridge.connected
        try:
            await bridge.run()
        except link.CarrierLost as error:
            self._say(clean(f"a client is gone: {error}"))
        except asyncio.CancelledError:
            pass  # asyncio's own server would log it
        finally:
            self._tasks.discard(task)


async def listen(host, port, rooms, probing=True) -> int:
    """`mpseq bridge --listen`; returns the exit code."""
    door = Gateway(host, port, rooms, say)
    try:
        await door.start()
    except OSError as error:
        say(f"mpseq: cannot listen on {host} port {port}: {error.strerror or error}.")
        say("Cure: stop the other program there, or choose another port (0 takes a free one).")
        return 3
    try:
        async with looked_at(rooms, probing):
            say(f"bridge: {host}:{door.port} into {rooms}; stop with Ctrl-C")
            await asyncio.Event().wait()
    finally:
        await door.stop()
