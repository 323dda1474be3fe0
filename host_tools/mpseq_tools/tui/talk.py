"""All rooms of one run of `mpseq chat`: one identity, one list of known people.

The same identity in several conversations at once is fine: each has keys of its own, and what
one carrier or one set of members learns (the long-term key, if they are members) is what /me
shows to anybody. Whoever is a member of two rooms sees that it is the same person, and shall.
"""

import asyncio
import dataclasses
import os

from mpseq.errors import LocalError, MpseqError
from mpseq_aio import link

from .. import in_clear, keys, recall, rooms
from ..faults import Fault, split_cure
from ..people import People
from .once import Once
from .room import Room, Silent

PROBE_PATIENCE = 5  # seconds


class ChatFault(Fault):
    """A chat cannot begin, or go on."""

    def __init__(self, text, cure, code=2):
        super().__init__(text, cure)
        self.code = code


@dataclasses.dataclass
class Options:
    """What the command line says. `psk`: 32 bytes for the rooms named there, or none; `history`:
    a file that keeps what is shown, or None; `record`: a transcript's file, or None."""

    nick: str
    profile: str = "default"
    label: str | None = None
    psk: bytes = b""
    suite: int = 1
    record: str | None = None
    history: str | None = None
    probe: bool = True
    theme: str | None = None


class Talk:
    """`rooms` (each a Room), `current`, and `done` once somebody wants to quit."""

    def __init__(self, options, listener=None):
        self.options = options
        self.listener = listener or Silent()
        self.rooms = []
        self.current = None
        self.done = False
        self.identity = None
        self.people = None
        self.created = False
        self._tasks = {}  # room -> those that work for it
        self._recorder = None
        self.alone = True  # no other program holds a conversation with this profile
        self._mark = None

    def start(self):
        """Loads or makes the identity, and marks it as used until `quit`. Fault."""
        try:
            self.identity, self.created = keys.load(self.options.profile)
        except keys.KeyFault as fault:
            raise ChatFault(str(fault), fault.cure, 4) from None
        self.people = People.load(self.options.profile)
        if self._mark is None:  # a screen may try again
            self._mark = Once(self.options.profile)
            self.alone = self._mark.take()

    async def open(self, there, nick=None, psk=None, first=False):
        """Enters a room (`there`: mpseq_tools.rooms.Rooms with a name); returns the Room, which is
        listened to from now on. Fault."""
        options = self.options
        address = str(there)
        if any(room.address == address for room in self.rooms):
            raise ChatFault(f"{address} is open already", "turn to it with /room")
        recorded = options.record and first
        recorder = None
        draws = os.urandom
        if recorded:
            from .. import transcript

            draws = transcript.Draws()
        try:
            carrier = there.room(label=options.label)
            chat = recall.Chat(
                self.identity, nick or options.nick, carrier, draws,
                psk=options.psk if psk is None else psk,
            )
            if recorded:
                recorder = transcript.Recorder(chat.conversation, draws)
            await chat.open()
        except MpseqError as error:
            raise ChatFault(
                f"that nick cannot be used ({type(error).__name__}: {error})",
                "a nick has 1-32 bytes of printable text",
            ) from None
        except link.CarrierLost as error:
            text, cure = split_cure(str(error))
            cure = cure or getattr(error, "cure", None) or _cure_of(there)
            raise ChatFault(text, cure, 3) from None
        room = Room(chat, self.listener, options.suite, self.people, self._name(there), address)
        room.talk = self
        if recorder:
            self._recorder = recorder
        self.rooms.append(room)
        if self.current is None:
            self.current = room
        if there.kind == "serial":
            carrier.on_line = lambda line: room.say(f"* {line}")  # which is clean already
        if said := in_clear.warning(there):
            room.say(f"* {said}")
        works = [room.show_events()]
        if options.probe:
            works.append(self._probe(room, there))
        self._tasks[room] = [asyncio.ensure_future(work) for work in works]
        self.listener.changed(room)
        return room

    def _name(self, there):
        name = there.name or there.host
        number = 1
        while name in [room.name for room in self.rooms]:
            number += 1
            name = f"{there.name or there.host} {number}"
        return name

    async def _probe(self, room, there):
        """Says whether the carrier keeps order; nobody waits for that."""
        from .. import probe

        try:
            verdict = await asyncio.wait_for(
                probe.probe(there, there.name or there.host), PROBE_PATIENCE
            )
        except (TimeoutError, Fault, OSError, link.LinkError) as error:
            why = str(error) or f"no answer in {PROBE_PATIENCE} s"
            room.say(f"* order of this carrier: not known ({why})")
            return
        if verdict.good is False:
            room.warn(f"the probe of this carrier failed: {verdict}", "probe")
        else:
            room.say(f"* {verdict}")

    async def join(self, there, nick, psk_file=None):
        """Opens another room and turns to it. Fault."""
        from .. import psk

        if not there.name and there.kind != "serial":
            raise rooms.AddressFault(
                "that address names no room", "end it with the room's name, like tcp://HOST/ROOM"
            )
        if there.user is not None and there.secret is None:
            there.secret = there.ambient_secret() or await self.ask_password(there)
        try:
            key = psk.read(psk_file) if psk_file else b""
        except psk.PskFault as fault:
            raise ChatFault(str(fault), "`mpseq psk` makes such a file") from None
        room = await self.open(there, nick, key)
        self.turn_to(room)
        return room

    async def ask_password(self, there):
        """The password of an account; a screen that can ask has a way of its own. Fault."""
        raise ChatFault(
            f"{there} wants a password", "start with MPSEQ_PASSWORD or --password-file"
        )

    def turn_to(self, room):
        """Texts go to this one now."""
        self.current = room
        room.unread = 0
        room.say(f"* in {room.name} ({room.address}) as {room.chat.nick}")
        self.listener.changed(room)

    def room_of(self, which: str):
        """A room by its name or number. LocalError."""
        for number, room in enumerate(self.rooms, 1):
            if which in (room.name, str(number)):
                return room
        raise LocalError(f"there is no room {which}; /rooms shows them")

    async def part(self, room):
        """Leaves and closes one room."""
        await self._close(room)
        at = self.rooms.index(room)
        self.rooms.remove(room)
        if not self.rooms:
            self.current = None
            self.done = True
        elif self.current is room:
            self.turn_to(self.rooms[max(0, at - 1)])
        self.listener.changed(room)

    async def _close(self, room):
        tasks = self._tasks.pop(room, [])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await room.quit()

    async def quit(self):
        """Leaves everything, and keeps the record that was asked for."""
        try:
            await asyncio.gather(*[self._close(room) for room in self.rooms])
        finally:
            if self._mark:
                self._mark.release()
            if self._recorder:
                from .. import transcript

                transcript.save(self._recorder.transcript(), self.options.record)


def _cure_of(there):
    if there.kind == "tcp":
        return "start one with `mpseq relay`, or name it with --relay"
    return "is that address right, and its server running? `mpseq doctor` looks"
