"""One connection of a relay: bytes in, messages to the room; what the room says, out.

A protocol of asyncio without a task of its own: a frame passes in one turn of the loop. All
connections read into the same buffer, as each has taken what is in it before the next one reads.
"""

import asyncio
import collections
import contextlib
import hashlib
import socket
import struct

from mpseq_aio import link, tcp

from .relay_limits import Bucket

READ = 65536  # bytes in one turn
_WRITE = 65536  # bytes given to the transport at once
_FIRST = 512  # bytes of a message before the client is in
_SIZE = struct.Struct(">I")
_LINGER = 1  # seconds in which the other side may still take its last words and go
_MOST_IGNORED = 1 << 20  # bytes meanwhile
_SOON = 0.02  # seconds: shortest rest of a client that is held back
_GUESS = 1  # seconds that a wrong token has to wait for its answer

# Why a connection ended, as metrics count it.
REASONS = (
    "bye", "lost", "shutdown", "slow", "memory", "flood", "silent", "no_hello", "nonsense",
    "too_long", "full", "address", "token", "tls",
)


class Dropped(Exception):
    """Why the relay ends a connection: `kind`, one of REASONS; the text is sent to the client."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


class Client(asyncio.BufferedProtocol):
    """One connection: its place in a room, and what still has to be written to it."""

    def __init__(self, relay):
        self.relay = relay
        self.limits = limits = relay.limits
        self.number = relay.number()
        self.address = None  # a relay_limits.Address, once it counts there
        self.peer = ""
        self.room = None
        self.label = None
        self.head = b""  # of each FRAME of this client: type and label
        self.max_frame = link.MAX_FRAME
        self.token = None  # its digest
        self.ended = None  # the reason, once decided
        self.waiting = 0  # bytes kept here and in the transport, in both directions
        self._raw = None
        self._transport = None
        self._writable = False
        self._deaf = False  # reads nothing more, although the connection is not ended yet
        self._queue = collections.deque()
        self._queued = 0
        self._with_transport = 0
        self._rest = bytearray()  # a message that is not complete, or has to wait
        self._frames = Bucket(limits.frame_rate, limits.frame_burst)
        self._bytes = Bucket(limits.byte_rate, limits.byte_burst)
        self._held = None  # the timer of a client that is held back
        self._flood = None  # since when, with short rests
        self._rested = 0.0
        self._heard = 0.0
        self._timer = None
        self._ignored = 0

    # --- the connection

    def connection_made(self, transport):
        relay = self.relay
        self._raw = transport
        self.peer = (transport.get_extra_info("peername") or ("",))[0]
        self._heard = relay.loop.time()
        # What is not with the kernel is counted here, and the kernel does not get megabytes.
        transport.set_write_buffer_limits(high=0)
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDBUF, 131072
            )
        refusal = relay.admit(self)
        if refusal == "":
            transport.abort()
            return
        self._after(self.limits.patience, self._look)
        if relay.tls is None:
            self._connected(transport, refusal)
        else:
            transport.pause_reading()
            relay.spawn(self._handshake(transport, refusal))

    async def _handshake(self, transport, refusal):
        patience = self.limits.patience
        try:
            secured = await self.relay.loop.start_tls(
                transport,
                self,
                self.relay.tls,
                server_side=True,
                ssl_handshake_timeout=patience,
                ssl_shutdown_timeout=patience,
            )
        except (OSError, EOFError):  # ssl.SSLError and the time limit are OSErrors
            secured = None
        if secured is None or self._raw is None:
            self.end("tls", "no TLS", tell=False)
            self.connection_lost(None)
            return
        secured.set_write_buffer_limits(high=1)
        secured.set_read_buffer_limits(high=READ)
        self._connected(secured, refusal)

    def _connected(self, transport, refusal):
        self._transport = transport
        self._writable = True
        if refusal:
            self.end("full", refusal)
        elif self._rest:
            self._take(self._heard)

    def connection_lost(self, error):
        if self._raw is None:
            return
        self._raw = None
        self._transport = self._transport or _Nowhere
        self._writable = False
        self.end("lost", "connection lost", tell=False)
        self._transport = _Nowhere
        self._queue.clear()
        self._count(-self.waiting)
        self._cancel()
        self.relay.forget(self)

    def pause_writing(self):
        self._writable = False
        if self._transport is None:
            return
        size = self._transport.get_write_buffer_size()
        if self._transport is not self._raw and self._raw is not None:
            size += self._raw.get_write_buffer_size()
        self._with_transport = size
        self._count(size)

    def resume_writing(self):
        self._count(-self._with_transport)
        self._with_transport = 0
        if self._transport is not None:
            self._writable = True
            self._write_out()

    def get_buffer(self, sizehint):
        return self.relay.buffer

    def buffer_updated(self, size):
        if self.ended is not None or self._deaf:
            self._ignored += size
            if self._ignored > _MOST_IGNORED:
                self._raw.abort()
            return
        self._heard = now = self.relay.loop.time()
        calm = self._bytes.take(size, now)
        if self._transport is None:  # TLS has begun, and its task does not know yet
            self._rest += self.relay.buffer[:size]
            self._count(size)
            if len(self._rest) > READ:
                self.abort()
        elif self._rest:
            self._rest += self.relay.buffer[:size]
            self._count(size)
            self._take(now)
        else:
            taken = self._parse(self.relay.buffer, size, now)
            if taken < size and self.ended is None:
                self._rest += self.relay.buffer[taken:size]
                self._count(size - taken)
        if not calm and not self._held and self.ended is None:
            self._hold(now)

    def eof_received(self):
        return False

    # --- what it says

    def _take(self, now):
        rest, self._rest = self._rest, bytearray()
        taken = self._parse(rest, len(rest), now)
        if self.ended is not None:
            self._count(-len(rest))
            return
        del rest[:taken]
        self._count(-taken)
        self._rest = rest

    def _parse(self, data, size, now):
        """Handles the messages in `data`; returns how many bytes of it."""
        at = 0
        try:
            while size - at >= 4 and self.ended is None and not self._held and not self._deaf:
                (length,) = _SIZE.unpack_from(data, at)
                end = at + 4 + length
                if length > (_FIRST if self.room is None else link.MAX_MESSAGE):
                    raise link.TooLong("message of %d bytes" % length)
                if end > size:
                    break
                if self.room is not None and length and data[at + 4] == link.POST:
                    if length - 1 > link.MAX_FRAME:
                        raise link.TooLong(f"frame of {length - 1} bytes")
                    self.room.post(self, data[at + 5 : end], now)
                else:
                    self._message(link.decode(bytes(data[at + 4 : end])), now)
                at = end
                if not self._frames.take(1, now):
                    self._hold(now)
        except Dropped as error:
            self.end(error.kind, str(error))
        except link.LinkError as error:
            self.end("nonsense", f"{type(error).__name__}: {error}")
        return at

    def _message(self, message, now):
        kind = message[0]
        if self.room is None:
            if kind == link.TOKEN and self.token is None:
                self.token = hashlib.sha256(message[1].encode()).digest()
            elif kind == link.HELLO:
                self._enter(message, now)
            else:
                raise Dropped("nonsense", "the first message must be HELLO")
        elif kind == link.PING:
            self.push(tcp.frame_message((link.PONG,)))
        elif kind == link.BYE:
            self.end("bye", "said BYE", tell=False)
        else:
            raise Dropped("nonsense", "a client sends POST, PING or BYE here")

    def _enter(self, hello, now):
        _, version, self.max_frame, name, wanted = hello
        if version != link.VERSION:
            raise Dropped("nonsense", f"link version {version}, here it is {link.VERSION}")
        refusal = self.relay.refuse_token(self, name, now)
        if refusal:
            self._deaf = True  # whoever guesses is held up; so is who made a mistake, once
            self._transport.pause_reading()
            self.relay.loop.call_later(_GUESS, self.end, "token", refusal)
            return
        self.relay.enter(self, name, wanted)

    def _hold(self, now):
        """Over its rates: its bytes wait in the kernel, and with whoever sent them."""
        limits = self.limits
        wait = max(self._frames.wait(), self._bytes.wait(), _SOON)
        if self._flood is None or now - self._rested > limits.frame_burst / limits.frame_rate / 2:
            self._flood = now
        elif now - self._flood > limits.flood:
            return self.end(
                "flood",
                f"for {limits.flood:g} s more than {limits.frame_rate:g} messages or"
                f" {limits.byte_rate:g} bytes a second came from you",
            )
        self.relay.counts.held_back += 1
        if self._transport is not None:
            self._transport.pause_reading()
        self._held = self.relay.loop.call_later(wait, self._go_on)

    def _go_on(self):
        self._held = None
        self._rested = self._heard = now = self.relay.loop.time()
        if self.ended is not None or self._transport is None:
            return
        self._take(now)
        if not self._held and not self._deaf and self.ended is None:
            self._transport.resume_reading()

    # --- what it is told

    def push(self, data: bytes):
        """Writes bytes, or queues them; a client with too many waiting is ended here."""
        if self.ended is not None:
            return
        if self._writable:
            self._transport.write(data)
            return
        self._queue.append(data)
        self._queued += len(data)
        self._count(len(data))
        if self._queued + self._with_transport > self.limits.max_waiting:
            self.end("slow", f"too slow: {self.waiting} bytes were waiting for you")

    def _write_out(self):
        while self._queue and self._writable:
            size = 0
            some = []
            while self._queue and size < _WRITE:
                some.append(self._queue.popleft())
                size += len(some[-1])
            self._queued -= size
            self._count(-size)
            self._transport.write(b"".join(some))
        if self.ended is not None and not self._queue:
            self._hang_up()

    def _count(self, size):
        self.waiting += size
        self.relay.count(size)

    def end(self, kind: str, reason: str, tell: bool = True, keep: bool = False):
        """Ends the connection. With `tell`, what is queued makes way for an ERROR, or with `keep`
        is written before it."""
        if self.ended is not None:
            return
        self.ended = reason
        self.relay.exit(self, kind)
        if not keep:
            self._queue.clear()
            self._count(-self._queued)
            self._queued = 0
        self._count(-len(self._rest))
        self._rest = bytearray()
        if tell:
            data = tcp.frame_message((link.ERROR, reason[: link.MAX_REASON]))
            self._queue.append(data)
            self._queued += len(data)
            self._count(len(data))
        if self._transport is None:
            if self._raw is not None:
                self._raw.abort()
            return
        self._cancel()
        self._gives(self.limits.patience)
        self._deaf = False
        self._transport.resume_reading()  # to learn that the other side has gone
        if tell or self._queue:
            self._write_out()
        else:
            self._transport.close()

    def _hang_up(self):
        # To close a connection with unread bytes would take back the last words (RST).
        self._cancel()
        if self.relay.stopping or not self._transport.can_write_eof():
            self._gives(self.limits.patience)
            if not self._transport.is_closing():
                self._transport.close()
        else:
            self._gives(_LINGER if self._writable else self.limits.patience)
            self._transport.write_eof()

    def _gives(self, seconds):
        """So long for the last words; a relay that stops has a time for all."""
        if not self.relay.stopping:
            self._after(seconds, self.abort)

    def abort(self):
        """Closes the connection at once, whatever waits."""
        if self._raw is not None:
            self._raw.abort()

    # --- time

    def _look(self):
        """Now and then: is there still somebody?"""
        if self.room is None:
            if not self._deaf:
                self.end("no_hello", f"no HELLO within {self.limits.patience:g} s")
            return
        silent = self.relay.loop.time() - self._heard
        if silent >= self.limits.idle and not self._held:
            self.end("silent", f"no sign of life within {self.limits.idle:g} s")
        else:
            self._after(max(self.limits.idle - silent, _SOON), self._look)

    def awaits_life(self):
        """It is in: from now on it has to show that it lives."""
        self._cancel()
        self._after(self.limits.idle, self._look)

    def _after(self, seconds, function):
        self._timer = self.relay.loop.call_later(seconds, function)

    def _cancel(self):
        for timer in (self._timer, self._held):
            if timer is not None:
                timer.cancel()
        self._timer = self._held = None


class _Nowhere:
    """The transport of a connection that is no more."""

    @staticmethod
    def get_write_buffer_size():
        return 0

    write = close = pause_reading = resume_reading = write_eof = staticmethod(lambda *_: None)
    can_write_eof = is_closing = staticmethod(lambda: True)
