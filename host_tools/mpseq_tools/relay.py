"""A TCP room server that learns nothing: it orders frames it cannot read, and forgets them.

Rooms have a name and come and go with their members. Every frame goes to everyone in its room,
the sender included, in one order. Nobody can make it keep more than `max_waiting` bytes per
client: who reads too slowly is dropped, with the reason, and the others go on.
"""

import asyncio
import collections
import contextlib
import signal
import socket
import time

from mpseq_aio import link, tcp
from mpseq_aio.framing import clean


class Dropped(Exception):
    """Why the relay ends a connection; the text is sent to the client."""


class Client:
    """One connection: its place in a room, and what still has to be written to it."""

    def __init__(self, writer, max_waiting):
        self.writer = writer
        self.max_waiting = max_waiting
        self.room = None
        self.label = None
        self.max_frame = link.MAX_FRAME
        self.ended = None  # the reason, once decided
        self._queue = collections.deque()
        self._waiting = 0
        self._wake = asyncio.Event()
        self.over = asyncio.Event()  # set with `ended`

    def push(self, data: bytes):
        """Queues bytes to write; a client with too many waiting is ended here."""
        if self.ended is not None:
            return
        self._queue.append(data)
        self._waiting += len(data)
        if self._waiting > self.max_waiting:
            self.end(f"too slow: {self._waiting} bytes were waiting for you")
        self._wake.set()

    def end(self, reason: str, tell: bool = True):
        """Ends the connection. With `tell`, what is queued makes way for an ERROR."""
        if self.ended is not None:
            return
        self.ended = reason
        if tell:
            self._queue.clear()
            self._queue.append(tcp.frame_message((link.ERROR, reason[: link.MAX_REASON])))
        self._wake.set()
        self.over.set()

    async def write_out(self):
        """Writes the queue until the connection is ended and the queue empty."""
        try:
            while self._queue or self.ended is None:
                while self._queue:
                    data = self._queue.popleft()
                    self.writer.write(data)
                    await self.writer.drain()
                    self._waiting -= len(data)
                self._wake.clear()
                if self.ended is None:
                    await self._wake.wait()
        except OSError:
            pass
        finally:
            self.end("connection lost", tell=False)


class Relay:
    """The server. Port 0 takes a free one; `port` holds the real one after `start`.

    `max_clients` connections in all and `max_members` in a room; `max_waiting` bytes per client;
    `patience` seconds for HELLO and for the last words to a dropped client, `idle` seconds
    without a sign of life (clients PING). `log` takes one line of text; frames never reach it.
    """

    def __init__(
        self,
        host="127.0.0.1",
        port=tcp.DEFAULT_PORT,
        *,
        max_clients=1024,
        max_members=128,
        max_waiting=1 << 20,
        patience=10.0,
        idle=90.0,
        log=None,
    ):
        self.host = host
        self.port = port
        self.max_clients = max_clients
        self.max_members = max_members
        self.max_waiting = max_waiting
        self.patience = patience
        self.idle = idle
        self.rooms = {}  # name -> {label: Client}
        self._log = log or (lambda line: None)
        self._clients = set()
        self._tasks = set()
        self._server = None

    async def start(self):
        """Starts to listen; OSError when the address is taken."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self):
        """Tells everyone, closes everything."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.end("the relay is shutting down")
        if self._tasks:
            _, late = await asyncio.wait(list(self._tasks), timeout=2)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        writer.transport.set_write_buffer_limits(high=65536)
        # The kernel would hide megabytes of a slow reader's backlog from `max_waiting`.
        with contextlib.suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 131072)
        client = Client(writer, self.max_waiting)
        self._clients.add(client)
        writing = asyncio.ensure_future(client.write_out())
        reading = asyncio.ensure_future(self._read(client, reader))
        try:
            await client.over.wait()
            self._exit(client)
            await asyncio.wait((writing,), timeout=self.patience)
        finally:
            client.end("the relay is shutting down", tell=False)
            self._exit(client)
            reading.cancel()
            writing.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)
            self._clients.discard(client)
            await self._hang_up(writer)
            self._tasks.discard(task)

    async def _hang_up(self, writer):
        # Close politely so that the last words arrive, but wait for nobody.
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), 1)
        writer.transport.abort()

    async def _read(self, client, reader):
        try:
            if len(self._clients) > self.max_clients:
                raise Dropped(f"this relay is full ({self.max_clients} clients)")
            await self._enter(client, await self._next(reader, self.patience, "HELLO"))
            while True:
                message = await self._next(reader, self.idle, "sign of life")
                if message[0] == link.POST:
                    self._spread(client, message[1])
                elif message[0] == link.PING:
                    client.push(tcp.frame_message((link.PONG,)))
                elif message[0] == link.BYE:
                    return client.end("said BYE", tell=False)
                else:
                    raise Dropped("a client sends POST, PING or BYE here")
        except link.CarrierLost:
            pass
        except (Dropped, link.LinkError) as error:
            kind = "" if isinstance(error, Dropped) else f"{type(error).__name__}: "
            client.end(f"{kind}{error}")
        finally:
            client.end("connection lost", tell=False)

    async def _next(self, reader, seconds, what):
        try:
            return await asyncio.wait_for(tcp.read_message(reader), seconds)
        except asyncio.TimeoutError:
            raise Dropped(f"no {what} within {seconds:g} s") from None

    async def _enter(self, client, message):
        if message[0] != link.HELLO:
            raise Dropped("the first message must be HELLO")
        _, version, client.max_frame, name, wanted = message
        if version != link.VERSION:
            raise Dropped(f"link version {version}, here it is {link.VERSION}")
        room = self.rooms.setdefault(name, {})
        if len(room) >= self.max_members:
            raise Dropped(f"room {name} is full ({self.max_members} members)")
        label = wanted
        number = 1
        while label in room:
            number += 1
            label = with_number(wanted, number)
        self._push_all(room, (link.ENTER, label))
        client.room, client.label = name, label
        room[label] = client
        client.push(tcp.frame_message((link.WELCOME, (label, *(x for x in room if x != label)))))
        self._log(f"{label} entered room {name} ({len(room)} there)")

    def _spread(self, client, frame):
        room = self.rooms[client.room]
        data = tcp.frame_message((link.FRAME, client.label, frame))
        for member in list(room.values()):
            if len(frame) > member.max_frame:
                # A silent gap would look like an attack to its conversation; this does not.
                member.end(f"a frame of {len(frame)} bytes, you take {member.max_frame}")
            else:
                member.push(data)

    def _push_all(self, room, message):
        data = tcp.frame_message(message)
        for member in list(room.values()):
            member.push(data)

    def _exit(self, client):
        name, client.room = client.room, None
        if name is None:
            return
        room = self.rooms[name]
        del room[client.label]
        if room:
            self._push_all(room, (link.LEAVE, client.label))
        else:
            del self.rooms[name]
        self._log(f"{client.label} left room {name}: {clean(client.ended)}")


def with_number(label: str, number: int) -> str:
    """`label` with "-number" behind it, cut so that it stays within the limit of 64 bytes."""
    suffix = f"-{number}"
    room = link.MAX_LABEL - len(suffix)
    return label.encode()[:room].decode(errors="ignore") + suffix


async def run(host: str, port: int, quiet: bool) -> int:
    """The `mpseq relay` command: serves until SIGINT or SIGTERM; returns the exit code."""

    def log(line):
        if not quiet:
            print(time.strftime("%H:%M:%S "), line, sep="", flush=True)

    relay = Relay(host, port, log=log)
    try:
        await relay.start()
    except OSError as error:
        print(f"mpseq: cannot listen on {host} port {port}: {error.strerror or error}.")
        print("Cure: stop the other program there, or choose another --port (0 takes a free one).")
        return 1
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    print(f"relay at {host}:{relay.port}; stop with Ctrl-C", flush=True)
    await stopped.wait()
    await relay.stop()
    log("relay stopped")
    return 0
