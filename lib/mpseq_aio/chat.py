"""`Chat`: a conversation and its carrier, run by asyncio. The same on CPython and MicroPython.

    chat = Chat(identity, "ana", "tcp://127.0.0.1:7676/kitchen")
    await chat.open()
    async for event in chat.events():
        ...

The core is never waited for: every call into it happens between two awaits, and what it wants
posted is posted in its order. What comes from the room can end in an event, never in an exception.
"""

import asyncio
import os
from collections import namedtuple

from mpseq import Conversation, Identity, errors, events

from . import link
from .clock import now

__all__ = ("Chat", "Identity")

# Events of this layer, beside those of mpseq.events. Labels are the carrier's word, no more.
# In the room: my label there and all labels, mine first.
Connected = namedtuple("Connected", ("label", "labels"))
# The way to the room is gone; it is tried again until close().
Disconnected = namedtuple("Disconnected", ("reason",))
# Somebody came into the room or left it, which says nothing about the conversation.
Entered = namedtuple("Entered", ("label",))
Gone = namedtuple("Gone", ("label",))
# So many events were thrown away because nobody took them.
Dropped = namedtuple("Dropped", ("count",))
# The core failed on a frame or a tick: a bug to report. The conversation goes on.
Fault = namedtuple("Fault", ("error",))

_MAX_EVENTS = 128
_MAX_FRAMES = 256  # waiting to be posted; the core posts again what was thrown away
_PING = 25000  # ms between signs of life
_DEAD = 70000  # ms of silence after which the carrier is given up: almost three pings
_BACK_OFF = (1, 2, 4, 8, 16, 30)  # seconds before the next try to connect


class Chat:
    """One member in one room.

    `identity`: a mpseq.Identity; `nick`: 1-32 bytes of UTF-8; `carrier`: an address (see
    mpseq_aio.address), a TcpRoom, a SerialRoom or anything with their `open`, `recv`, `post`,
    `ping`, `close`; `random(n)` returns n bytes fit for keys. `options` go to Conversation
    (`psk`, `settings`).
    """

    def __init__(self, identity, nick: str, carrier, random=os.urandom, **options):
        self.conversation = Conversation(identity, nick, random, **options)
        self.identity = identity
        if isinstance(carrier, str):
            from .address import room_at

            carrier = room_at(carrier, nick)
        self.carrier = carrier
        self.connected = False
        self.closed = False
        self._events = []
        self._lost_events = 0
        self._frames = []
        self._heard = 0
        self._left = True
        self._welcome = None  # while join() waits: says yes to an invitation, or no
        self._receiver = None
        self._tasks = []
        self._has_event = asyncio.Event()
        self._has_frame = asyncio.Event()
        self._changed = asyncio.Event()
        self._joined = asyncio.Event()
        self._posted = asyncio.Event()

    # --- what the application sees

    @property
    def nick(self):
        return self.conversation.nick

    @property
    def name(self):
        return self.conversation.name

    @property
    def members(self):
        """Members of the session (nick, key, index); empty outside."""
        return self.conversation.members

    @property
    def code(self):
        """The session code, `digits` and `words`, or None."""
        return self.conversation.code

    def events(self):
        """For `async for`: every event until close()."""
        return self

    def __aiter__(self):
        return self

    async def __anext__(self):
        event = await self.next_event()
        if event is None:
            raise StopAsyncIteration
        return event

    async def next_event(self):
        """The next event; None once closed and all were taken.

        Take them: of more than 128 waiting the oldest are thrown away, and Dropped says how many.
        """
        while not self._events:
            if self.closed:
                return None
            self._has_event.clear()
            await self._has_event.wait()
        if self._lost_events:
            lost, self._lost_events = self._lost_events, 0
            return Dropped(lost)
        return self._events.pop(0)

    # --- what the application asks for; mpseq.errors.LocalError when it cannot be done

    async def open(self):
        """Enters the room and starts to work; CarrierLost when there is no way to it."""
        await self._connect()
        self._receiver = asyncio.create_task(self._receive())
        self._tasks = [asyncio.create_task(self._post()), asyncio.create_task(self._tick())]

    def create(self, name: str, **options):
        """Founds a conversation of this name (1-64 bytes), alone at first."""
        self.conversation.create(name, now(), **options)
        self._flush()

    def invite(self, invitees):
        """Invites several at once: [(nick, 32-byte public key)]."""
        self.conversation.invite(invitees, now())
        self._flush()

    async def accept(self, invitation):
        """Joins by the invitation of an event Invited; SessionStarted comes when it worked."""
        self.conversation.accept(invitation, now())
        self._flush()

    async def join(self, welcome=lambda invitation: True):
        """Accepts the first invitation that `welcome` says yes to; returns once in a session.

        Enters the room first if need be. Who may invite is all that `welcome` decides: the session
        code still has to be compared. LocalError when already in a conversation.
        """
        if self.members:
            raise errors.LocalError("already in a conversation")
        self._joined.clear()
        self._welcome = welcome
        try:
            if self._receiver is None:
                await self.open()
            await self._joined.wait()
        finally:
            self._welcome = None

    def decline(self, invitation):
        """Ignores an invitation; nothing is sent."""
        self.conversation.decline(invitation)
        self._flush()

    async def send(self, text: str):
        """Sends a text to the conversation; returns when the carrier has taken what there is to
        post (at once while there is no connection)."""
        self.conversation.send(text, now())
        await self._sent()

    async def send_data(self, content_type: str, data):
        """Sends bytes with a content type, like "text/csv"."""
        self.conversation.send_data(content_type, data, now())
        await self._sent()

    def rekey(self):
        """Asks for a fresh group key."""
        self.conversation.rekey(now())
        self._flush()

    async def leave(self, patience=10):
        """Says good-bye; True once the room has heard it, False after `patience` seconds."""
        self._left = False
        self.conversation.leave(now())
        self._flush()
        until = now() + patience * 1000
        while not self._left or (self._frames and self.connected):
            if now() >= until:
                return False
            await asyncio.sleep(0.02)
        return True

    async def close(self):
        """Leaves the room (the conversation too, but without a word) and ends all work."""
        if self.closed:
            return
        self.closed = True
        for task in [self._receiver] + self._tasks:
            if task is not None:
                await _end(task)
        self.connected = False
        self._posted.set()
        await self.carrier.close()
        self._has_event.set()

    # --- the work

    async def _connect(self):
        labels = await self.carrier.open()
        self.connected = True
        self._heard = now()
        self._tell(Connected(labels[0], labels))
        for label in labels[1:]:
            self.conversation.carrier_enter(label, now())
        self._flush()
        self._has_frame.set()

    def _disconnected(self, error):
        if self.connected:
            self.connected = False
            self._posted.set()
            self._tell(Disconnected(str(error)))

    async def _receive(self):
        tries = 0
        while True:
            try:
                if not self.connected:
                    await self._connect()
                    tries = 0
                message = await self.carrier.recv()
            except (OSError, link.LinkError) as error:
                self._disconnected(error)
                await asyncio.sleep(_BACK_OFF[min(tries, len(_BACK_OFF) - 1)])
                tries += 1
                continue
            self._heard = now()
            try:
                self._take(message)
            except Exception as error:  # whatever a stranger's bytes do, the others go on
                self._tell(Fault(error))
            self._flush()
            # A full inbox must not keep the other tasks waiting.
            await asyncio.sleep(0)

    def _take(self, message):
        kind = message[0]
        if kind == link.FRAME:
            self.conversation.receive(message[1], message[2], now())
        elif kind == link.ENTER:
            self._tell(Entered(message[1]))
            self.conversation.carrier_enter(message[1], now())
        elif kind == link.LEAVE:
            self._tell(Gone(message[1]))
            self.conversation.carrier_leave(message[1], now())

    async def _post(self):
        while True:
            while self._frames and self.connected:
                try:
                    await self.carrier.post(self._frames[0])
                except OSError:
                    break  # the receiver finds out too, and connects again
                self._frames.pop(0)
            self._has_frame.clear()
            self._posted.set()
            await self._has_frame.wait()

    async def _tick(self):
        pinged = now()
        while True:
            time = now()
            due = self.conversation.next_tick()
            if due is not None and due <= time:
                try:
                    self.conversation.tick(time)
                except Exception as error:
                    self._tell(Fault(error))
                self._flush()
                due = self.conversation.next_tick()
            if self.connected and time - pinged >= _PING:
                pinged = time
                try:
                    await self.carrier.ping()
                except OSError:
                    pass
            if self.connected and time - self._heard >= _DEAD:
                await self._give_up()
            wait = pinged + _PING - now()
            if due is not None:
                # At least a little: a core that is always due must not stop everything else.
                wait = min(wait, due - now())
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), max(wait, 5) / 1000)
            except asyncio.TimeoutError:
                pass

    async def _give_up(self):
        # Nothing is heard although the carrier reports no fault: a cable or a NAT gone silent.
        await _end(self._receiver)
        self._disconnected("nothing heard for %d s" % (_DEAD // 1000))
        await self.carrier.close()
        self._receiver = asyncio.create_task(self._receive())

    async def _sent(self):
        self._flush()
        while self._frames and self.connected:
            self._posted.clear()
            await self._posted.wait()

    def _flush(self):
        for event in self.conversation.take_events():
            self._note(event)
        for frame in self.conversation.take_frames():
            # The core posts a frame again that it has not heard; it may still be waiting here.
            if len(self._frames) < _MAX_FRAMES and frame not in self._frames:
                self._frames.append(frame)
        if self._frames:
            self._has_frame.set()
        self._changed.set()

    def _note(self, event):
        if isinstance(event, events.Left):
            self._left = True
        elif isinstance(event, events.SessionStarted):
            self._joined.set()
        elif isinstance(event, events.Invited) and self._welcome:
            if self._welcome(event.invitation):
                self.conversation.accept(event.invitation, now())
        self._tell(event)

    def _tell(self, event):
        if len(self._events) >= _MAX_EVENTS:
            self._events.pop(0)
            self._lost_events += 1
        self._events.append(event)
        self._has_event.set()


async def _end(task):
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    except Exception:
        pass
