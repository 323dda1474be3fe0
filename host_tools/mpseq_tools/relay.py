"""A TCP room server that learns nothing: it orders frames it cannot read, and forgets them.

Rooms have a name and come and go with their members. Every frame goes to everyone in its room,
the sender included, in one order. Nobody can make it keep more than `max_waiting` bytes per
client: who reads too slowly is dropped, with the reason, and the others go on. What else it does
not take from a client stands in relay_limits.py; a connection's own affairs, in relay_client.py.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import itertools
import socket
import struct
from typing import TYPE_CHECKING

from mpseq_aio import link, tcp
from mpseq_aio.stream import with_number

from .relay_client import READ, REASONS, Client, Dropped
from .relay_limits import Addresses, Limits
from .relay_log import in_words
from .seat import fitting

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Any

    from .relay_tokens import Tokens

_BATCH = 65536  # bytes of frames that wait for the end of a turn
_SIZE = struct.Struct(">I")
_SPARE = 64  # connections over the limit that are told so; further ones are just closed
_BACKLOG = 1024
# Seconds; upper bounds of the classes in which `Counts.latency` counts frames.
LATENCIES = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)


class Counts:
    """What metrics show. Counts since the start, of nobody in particular."""

    def __init__(self):
        self.connections = 0
        self.posted = 0  # frames
        self.posted_bytes = 0
        self.delivered = 0
        self.delivered_bytes = 0
        self.held_back = 0  # times that a client was over its rates
        self.ended = dict.fromkeys(REASONS, 0)
        self.latency = [0] * (len(LATENCIES) + 1)
        self.latency_sum = 0.0


class Room(dict):
    """The members of a room by label, and what this turn of the loop brought for all of them."""

    def __init__(self, relay, number):
        self.number = number
        self.smallest = link.MAX_FRAME  # that one of them takes
        self._relay = relay
        self._batch = []
        self._size = 0
        self._read = []  # when each frame of the batch was
        self._flushing = False

    def post(self, sender, frame, now):
        """Passes a frame on, to everyone and in this order. `now`: when it was read."""
        head = sender.head
        size = len(head) + len(frame)
        if len(frame) > self.smallest:
            self._drop_small(len(frame))
        self._read.append(now)
        self._add(b"".join((_SIZE.pack(size), head, frame)))

    def say(self, message):
        """Tells everyone, in its place among the frames."""
        self._add(tcp.frame_message(message))

    def _add(self, data):
        if not self._batch:
            self._relay.wants_flush(self)
        self._batch.append(data)
        self._size += len(data)
        # Who is dropped while a batch goes round leaves after it, for all.
        if self._size >= _BATCH and not self._flushing:
            self.flush()

    def flush(self):
        """Gives what there is to everyone: joined once, one write for each."""
        if not self._batch:
            return
        data = b"".join(self._batch)
        read = self._read
        self._batch, self._read, self._size = [], [], 0
        self._flushing = True
        for member in list(self.values()):
            member.push(data)
        self._flushing = False
        if read:
            self._relay.passed(read, len(self), len(data))

    def _drop_small(self, size):
        self.flush()
        for member in list(self.values()):
            if size > member.max_frame:
                # A silent gap would look like an attack to its conversation; this does not.
                member.end("too_long", f"a frame of {size} bytes, you take {member.max_frame}")

    def measure(self):
        """After somebody came or went."""
        self.smallest = min((m.max_frame for m in self.values()), default=link.MAX_FRAME)


class Relay:
    """The server. Port 0 takes a free one; `port` holds the real one after `start`.

    `limits`: fields of relay_limits.Limits. `log` takes one line of text about each event, with
    names; `note(event, fields)` the same unwritten; frames never reach them. `tls`: an
    ssl.SSLContext, `tokens`: a relay_tokens.Tokens; both can be replaced while it runs.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = tcp.DEFAULT_PORT,
        *,
        log: Callable[[str], object] | None = None,
        note: Callable[[str, dict[str, Any]], object] | None = None,
        tls: ssl.SSLContext | None = None,
        tokens: Tokens | None = None,
        **limits: float,
    ) -> None:
        self.host = host
        self.port = port
        self.limits = Limits(**limits)
        self.tls = tls
        self.tokens = tokens
        self.rooms = {}  # name -> Room
        self.counts = Counts()
        self.waiting = 0  # bytes for and of all clients
        self.stopping = False
        self.loop = None
        self.buffer = memoryview(bytearray(READ))
        self._note = note or (lambda event, fields: log and log(in_words(event, fields)))
        self._clients = set()
        self._refused = set()
        self._addresses = Addresses(self.limits)
        self._numbers = itertools.count(1)
        self._room_numbers = itertools.count(1)
        self._tasks = set()
        self._servers = []
        self._dirty = []
        self._empty = None  # an event, while it stops

    async def start(self) -> None:
        """Starts to listen, again after `stop`; OSError when the address is taken or none of this
        machine."""
        self.loop = asyncio.get_running_loop()
        self.stopping = False
        self._empty = None
        places = await self.loop.getaddrinfo(
            None if self.host == "*" else self.host, self.port,
            type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE,
        )
        try:
            for *_, place in dict.fromkeys(places):
                server = await self.loop.create_server(
                    lambda: Client(self), place[0], self.port, backlog=_BACKLOG
                )
                self._servers.append(server)
                # With port 0 the next family would have another one: clients try the first.
                if self.port == 0:
                    self.port = server.sockets[0].getsockname()[1]
                    break
        except BaseException:
            self._close()
            raise

    async def stop(self, drain: float = 2.0) -> None:
        """Takes nobody new, writes everyone what is queued, and that it stops; closes everything
        after `drain` seconds."""
        self.stopping = True
        self._close()
        if self.loop is None:
            return
        # What was on its way in comes before the end, as far as it is here.
        await asyncio.sleep(0)
        self._flush()
        self._empty = asyncio.Event()
        for client in list(self._clients):
            client.end("shutdown", "the relay is shutting down; it may be back soon", keep=True)
        if self._clients or self._refused:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._empty.wait(), drain)
        self.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # connection_lost

    def abort(self):
        """Closes all connections at once."""
        for client in (*self._clients, *self._refused):
            client.abort()

    def _close(self):
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()

    def __len__(self):
        """Clients that are connected."""
        return len(self._clients)

    # --- for relay_client.py

    def number(self) -> int:
        """A number for a client."""
        return next(self._numbers)

    def spawn(self, coroutine):
        """Runs something that ends by itself."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def admit(self, client):
        """None for a client that may stay, else why not, and "" when it is not to be told."""
        self.counts.connections += 1
        address = self._addresses.at(client.peer)
        if self.stopping:
            reason = "the relay is shutting down"
        elif len(self._clients) >= self.limits.max_clients:
            reason = f"this relay is full ({self.limits.max_clients} clients)"
        else:
            reason = address.refusal(self.loop.time())
            if reason is None:
                address.connected += 1
                client.address = address
                self._clients.add(client)
                return None
        if len(self._refused) >= _SPARE:
            client.ended = reason
            self._end_of(client, "full")
            return ""
        self._refused.add(client)
        return reason

    def forget(self, client):
        """It is not connected any more."""
        if client.address is not None:
            client.address.connected -= 1
            client.address = None
        self._clients.discard(client)
        self._refused.discard(client)
        if self._empty is not None and not self._clients and not self._refused:
            self._empty.set()

    def refuse_token(self, client, name, now):
        """Why a client may not enter a room, or None."""
        tokens = self.tokens
        if tokens is None:
            return None
        address = self._addresses.at(client.peer)
        may_guess = address.may_guess(now)
        if client.token is not None and not may_guess and not address.knows(client.token):
            return "too many wrong tokens came from your address: try again in a minute"
        if tokens.allow(name, client.token):
            if client.token is not None:
                address.opened(client.token)
            return None
        if client.token is None:
            return (
                "this room wants a token. Cure: tcp://TOKEN@HOST:PORT/ROOM, or --password-file,"
                " with one from whoever runs the relay"
            )
        if may_guess:
            address.guessed(now)
        return "wrong token for this room. Cure: ask whoever runs the relay for the right one"

    def enter(self, client, name, wanted):
        """Gives a client its place in a room; Dropped when there is none."""
        room = self.rooms.get(name)
        if room is None:
            if len(self.rooms) >= self.limits.max_rooms:
                raise Dropped("full", f"this relay is full ({self.limits.max_rooms} rooms)")
            room = self.rooms[name] = Room(self, next(self._room_numbers))
        elif len(room) >= self.limits.max_members:
            raise Dropped("full", f"the room is full ({self.limits.max_members} members)")
        label = wanted
        number = 1
        while label in room:
            number += 1
            label = with_number(wanted, number)
        if room:
            room.say((link.ENTER, label))
            room.flush()
        client.room, client.name, client.label = room, name, label
        client.head = link.encode((link.FRAME, label, b""))
        room[label] = client
        room.smallest = min(room.smallest, client.max_frame)
        client.awaits_life()
        there = fitting((label, *(x for x in room if x != label)))
        client.push(tcp.frame_message((link.WELCOME, there)))
        self._tell("entered", client, members=len(room))

    def exit(self, client, kind):
        """An ended client leaves its room."""
        self._end_of(client, kind)
        room, client.room = client.room, None
        if room is None:
            return
        del room[client.label]
        if not room:
            del self.rooms[client.name]
        elif not self.stopping:
            room.measure()
            room.say((link.LEAVE, client.label))

    def _end_of(self, client, kind):
        self.counts.ended[kind] += 1
        if client.room is not None:
            self._tell("left", client, kind=kind, reason=client.ended)
        elif kind not in ("lost", "bye"):
            self._note(
                "refused",
                {"client": client.number, "address": client.peer, "kind": kind,
                 "reason": client.ended},
            )

    def _tell(self, event, client, **fields):
        room = client.room
        self._note(
            event,
            {"client": client.number, "label": client.label, "room": room.number,
             "room_name": client.name, **fields},
        )

    def count(self, size):
        """So many more bytes wait. Too many for all: who has the most of them goes."""
        self.waiting += size
        while size > 0 and self.waiting > self.limits.max_memory:
            most = max(self._clients, key=_backlog, default=None)
            if most is None or most.ended is not None or not most.waiting:
                return
            most.end(
                "memory",
                f"the relay's memory is full, and most of it ({most.waiting} bytes) is yours",
            )

    def wants_flush(self, room):
        """This room has something to pass on before the turn is over."""
        if not self._dirty:
            self.loop.call_soon(self._flush)
        self._dirty.append(room)

    def _flush(self):
        rooms, self._dirty = self._dirty, []
        for room in rooms:
            room.flush()

    def passed(self, read, members, size):
        """Frames went out: when each was read, how many members took them, bytes for each."""
        counts = self.counts
        now = self.loop.time()
        counts.posted += len(read)
        counts.posted_bytes += size
        counts.delivered += len(read) * members
        counts.delivered_bytes += size * members
        for at in read:
            counts.latency[bisect.bisect_left(LATENCIES, now - at)] += 1
            counts.latency_sum += now - at


def _backlog(client):
    return -1 if client.ended is not None else client.waiting
