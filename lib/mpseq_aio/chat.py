"""`Chat`: a conversation and its carrier, run by asyncio. The same on CPython and MicroPython.

    chat = Chat(identity, "ana", "tcp://127.0.0.1:7676/kitchen")
    await chat.open()
    async for event in chat.events():
        ...

or `async with Chat(…) as chat:`, which opens, and says good-bye at the end.

The core is never waited for: every call into it happens between two awaits, and what it wants
posted is posted in its order. What comes from the room can end in an event, never in an exception.
"""

import asyncio
import gc

from mpseq import Conversation, Identity, errors, events

from . import link
from .clock import now
from .door import Door
from .entropy import urandom
from .inbox import (
    Connected,
    Disconnected,
    Dropped,
    Entered,
    Fault,
    Gone,
    Inbox,
    Unacceptable,
)

__all__ = (
    "Chat",
    "Identity",
    "Connected",
    "Disconnected",
    "Dropped",
    "Entered",
    "Fault",
    "Gone",
    "Unacceptable",
)

_MAX_FRAMES = 256  # waiting to be posted; the core posts again what was thrown away
_PING = 25000  # ms between signs of life
_DEAD = 70000  # ms of silence after which the carrier is given up: almost three pings
_DOOR = 5  # seconds between looks whether the next invitation has its turn
# The first byte of such a frame; the author's index is the sixth.
_MESSAGE = 0x11
_CONFIRM = 0x16
_BACK_OFF = (1, 2, 4, 8, 16, 30)  # seconds before the next try to connect
_COMING = 10000  # ms after a reconnect in which the others may still be on their way back


class Chat:
    """One member in one room.

    `identity`: a mpseq.Identity; `nick`: 1-32 bytes of UTF-8; `carrier`: an address (see
    mpseq_aio.address), a TcpRoom, a SerialRoom or anything with their `open`, `recv`, `post`,
    `ping`, `close`; `random(n)` returns n bytes fit for keys. `options` go to Conversation
    (`psk`, `settings`).
    """

    # Here, as most boards never need another one.
    _fell = (0, 0)  # until when people go with the server, how many were here before
    _hold = None  # (how many are waited for, until when) before anything is posted

    def __init__(self, identity, nick: str, carrier, random=urandom, **options):
        self.conversation = Conversation(identity, nick, random, **options)
        if not options.get("settings"):  # a board computes 40 ms on each, and others run
            self.conversation.settings.pairs_at_once = 1
        self.identity = identity
        if isinstance(carrier, str):
            from .address import room_at

            carrier = room_at(carrier)
        self.carrier = carrier
        # Key -> the carrier's label of what was heard last under it, as a hint; a dict to have it.
        self.labels = None
        self._confirmed = {}  # index -> label
        self.connected = False
        self.closed = False
        self._inbox = Inbox()
        self._frames = []
        self._flying = []  # posted, and not come back yet
        self._company = 0  # how many are in the room, or were when the way to it was lost
        self._heard = 0
        self._left = True
        self._door = None  # while join() waits
        self._opened = False
        self._ticker = None
        self._tasks = []  # those that use the carrier
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

        Take them: of more than 128 waiting some are thrown away, texts last, and Dropped says how
        many. Of Refused at most 8 wait; `conversation.refused` has counted them all.
        """
        return await self._inbox.take()

    # --- what the application asks for; mpseq.errors.LocalError when it cannot be done

    async def open(self):
        """Enters the room and starts to work; CarrierLost when there is no way to it. After that
        it may be called again. LocalError when open already, or closed."""
        if self._opened or self.closed:
            raise errors.LocalError("closed" if self.closed else "open already")
        self._opened = True
        try:
            await self._connect()
            if self.closed:  # while this was waiting
                raise errors.LocalError("closed")
        except BaseException:  # being cancelled too
            self._opened = self.connected = False
            await self.carrier.close()
            raise
        self._start()
        self._ticker = asyncio.create_task(self._tick())

    def create(self, name: str, **options):
        """Founds a conversation of this name (1-64 bytes), alone at first. `options` go to
        Conversation.create: `policy`, `suite`."""
        self.conversation.create(name, now(), **options)
        self._flush()

    def invite(self, invitees, replace=False):
        """Invites several at once: [(nick, 32-byte public key)]. `replace`: another device in the
        place of a member's that is here."""
        self.conversation.invite(invitees, now(), replace)
        self._flush()

    def approve(self, key: bytes):
        """Lets in whoever is invited under this key (policy UNANIMOUS)."""
        self.conversation.approve(key, now())
        self._flush()

    def cancel(self, key: bytes):
        """Takes an invitation back; with my own key: refuses a device in the place of mine."""
        self.conversation.cancel(key, now())
        self._flush()

    def expel(self, key: bytes):
        """Votes to remove a member."""
        self.conversation.expel(key, now())
        self._flush()

    async def accept(self, invitation):
        """Joins by the invitation of an event Invited; SessionStarted comes when it worked."""
        self.conversation.accept(invitation, now())
        self._flush()

    async def join(self, welcome=lambda invitation: True):
        """Accepts the first invitation that `welcome` says yes to; returns once in a session.

        Enters the room first if need be. Who may invite is all that `welcome` decides: the session
        code still has to be compared. An invitation that waits among the events counts. While one
        is accepted others wait, until 120 s have brought no session; only others of the same
        inviter or into the same conversation are accepted at once. Once cancelled it accepts no
        more, but what it accepted may still bring a session. LocalError when in a conversation,
        joining, or closed.
        """
        if self.members or self._door:
            raise errors.LocalError("joining" if self._door else "already in a conversation")
        self._joined.clear()
        self._door = door = Door(welcome, self._accept)
        try:
            for event in list(self._inbox.waiting):
                if isinstance(event, events.Invited):
                    self._try(door.knock, event.invitation, now())
            self._flush()
            if not self._opened:
                await self.open()
            while not self._joined.is_set():
                if self.closed:
                    raise errors.LocalError("closed")
                try:
                    await asyncio.wait_for(self._joined.wait(), _DOOR)
                except asyncio.TimeoutError:
                    self._try(door.next, now())
                    self._flush()
        finally:
            self._door = None
        if self.closed:
            raise errors.LocalError("closed")

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
            if self.closed or now() >= until:
                return self._left and not self._frames
            await asyncio.sleep(0.02)
        return True

    async def __aenter__(self):
        await self.open()
        return self

    async def __aexit__(self, *_):
        try:
            if self.members:
                await self.leave()
        finally:
            await self.close()

    async def close(self):
        """Leaves the room (the conversation too, but without a word) and ends all work. The events
        so far can still be taken."""
        if self.closed:
            return
        self.closed = True
        try:
            # First the one that starts others.
            await _end([self._ticker])
            await _end(self._tasks)
        finally:
            self.connected = False
            self._posted.set()
            self._joined.set()
            for event in self.conversation.take_events():
                self._note(event)
            self._inbox.close()
            await self.carrier.close()

    # --- the work: four tasks, which only close() ends

    def _start(self):
        self._tasks = [
            asyncio.create_task(work()) for work in (self._receive, self._post, self._ping)
        ]

    def _try(self, function, *arguments):
        """Whatever a stranger's bytes do, or a callback: the tasks go on."""
        try:
            function(*arguments)
        except Exception as error:
            self._fault(error)

    def _fault(self, error):
        _make_room(error)
        self._inbox.put(Fault(error))

    async def _connect(self):
        labels = await self.carrier.open()
        self.connected = True
        self._heard = now()
        self._inbox.put(Connected(labels[0], labels))
        # What was under way may be lost, for all or for some: it goes first, in its order. Not
        # before the others are there: a relay that was started anew keeps nothing for them.
        if self._frames and self._frames[0] in self._flying:  # was being posted
            self._frames.pop(0)
        self._frames = self._flying + self._frames
        self._flying = []
        wanted = self._hold[0] if self._hold else self._company
        self._hold = None
        if len(labels) < wanted:
            self._hold = (wanted, now() + _COMING)
        self._company = len(labels)
        for label in labels[1:]:
            self._try(self.conversation.carrier_enter, label, now())
        self._try(self._flush)
        self._has_frame.set()

    def _disconnected(self, reason):
        if self.connected:
            if now() <= self._fell[0]:
                self._company = max(self._company, self._fell[1])
            self.connected = False
            self._posted.set()
            self._inbox.put(Disconnected(reason))

    async def _receive(self):
        tries = 0
        while True:
            try:
                if not self.connected:
                    await self._connect()
                    tries = 0
                message = await self.carrier.recv()
            except Exception as error:  # no memory for a frame, too: its rest must not be read on
                _make_room(error)
                self._disconnected(_reason(error))
                await asyncio.sleep(_BACK_OFF[min(tries, len(_BACK_OFF) - 1)])
                tries += 1
                continue
            self._heard = now()
            self._try(self._take, message)
            self._try(self._flush)
            # A full inbox must not keep the other tasks waiting.
            await asyncio.sleep(0)

    def _take(self, message):
        kind = message[0]
        if kind == link.FRAME:
            if message[2] in self._flying:
                self._flying.remove(message[2])
            session = self.conversation.session
            self.conversation.receive(message[1], message[2], now())
            if self.labels is not None:
                self._locate(message[1], message[2], session)
        elif kind == link.ENTER:
            self._count(1)
            self._inbox.put(Entered(message[1]))
            self.conversation.carrier_enter(message[1], now())
        elif kind == link.LEAVE:
            self._count(-1)
            self._inbox.put(Gone(message[1]))
            self.conversation.carrier_leave(message[1], now())

    def _count(self, step):
        if step < 0 and now() > self._fell[0]:
            self._fell = (now() + 5000, self._company)
        self._company = max(1, self._company + step)
        if self._hold and self._company >= self._hold[0]:
            self._release()

    def _release(self):
        self._hold = None
        self._has_frame.set()

    def _locate(self, label, frame, session):
        """A MESSAGE tells where its author is, a CONFIRM the same of one in the next session."""
        kind = frame[0] if len(frame) > 5 else 0
        news = self.conversation.take_events()
        for event in news:
            if isinstance(event, events.Refused):
                kind = 0
        if kind == _CONFIRM:
            self._confirmed[frame[5]] = label
        elif kind == _MESSAGE and session and frame[5] < len(session.members):
            self.labels[session.members[frame[5]].key] = label
        for event in news:
            self._note(event)
            if isinstance(event, events.SessionStarted):
                for _, key, index in event.members:
                    if index in self._confirmed:
                        self.labels[key] = self._confirmed[index]
                self._confirmed = {}

    async def _post(self):
        while True:
            while self._frames and self.connected and not self._hold:
                frame = self._frames[0]
                flying = self._flying
                if frame not in flying:
                    if len(flying) >= 64:  # the core posts what is left out again, too
                        flying.pop(0)
                    flying.append(frame)
                try:
                    await self.carrier.post(frame)
                except OSError:
                    break  # the receiver finds out too, and connects again
                except Exception as error:  # this frame cannot be posted: the next one
                    self._fault(error)
                    if frame in self._flying:
                        self._flying.remove(frame)
                if flying is self._flying:  # a new connection has sorted them anew
                    self._frames.pop(0)
            self._has_frame.clear()
            self._posted.set()
            await self._has_frame.wait()

    async def _ping(self):
        # A task of its own: when the way out is blocked it waits, and the clock does not.
        while True:
            await asyncio.sleep(_PING / 1000)
            if self.connected:
                try:
                    await self.carrier.ping()
                except Exception as error:  # what it means will be heard, or nothing will
                    _make_room(error)

    async def _tick(self):
        while True:
            time = now()
            due = self.conversation.next_tick()
            if due is not None and due <= time:
                self._try(self.conversation.tick, time)
                self._try(self._flush)
                due = self.conversation.next_tick()
            if self.connected and time - self._heard >= _DEAD:
                await self._give_up()
            wait = _DEAD
            if self.connected:
                wait = self._heard + _DEAD - now()
            if self._hold:
                if now() >= self._hold[1]:
                    self._release()
                else:
                    wait = min(wait, self._hold[1] - now())
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
        await _end(self._tasks)
        self._disconnected("nothing heard for %d s" % (_DEAD // 1000))
        try:
            await self.carrier.close()
        except Exception as error:
            self._fault(error)
        self._start()

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
        self._inbox.put(event)
        if isinstance(event, events.Left):
            self._left = True
            self._flying = []
            if self._door:
                self._door.reset()
        elif isinstance(event, events.SessionStarted):
            self._joined.set()
        elif isinstance(event, events.Invited) and self._door:
            self._try(self._door.knock, event.invitation, now())

    def _accept(self, invitation):
        try:
            self.conversation.accept(invitation, now())
        except errors.LocalError as error:
            self._inbox.put(Unacceptable(invitation, str(error)))
            return False
        return True


async def _end(tasks):
    """Cancels tasks and waits until they are over. Not by awaiting them, which would hide it when
    the waiting itself is cancelled."""
    tasks = [task for task in tasks if task]
    for task in tasks:
        task.cancel()
    for task in tasks:
        turns = 0
        while not task.done():
            turns += 1
            # Again: a wait_for whose result comes at that moment swallows it (CPython 3.11).
            if turns % 100 == 0:
                task.cancel()
            await asyncio.sleep(0 if turns < 100 else 0.01)


def _make_room(error):
    if isinstance(error, MemoryError):
        gc.collect()


def _reason(error):
    if isinstance(error, (OSError, link.LinkError)):
        return str(error)
    return "%s: %s" % (type(error).__name__, error)
