"""Puts a device on a serial line into a room, anywhere. It reads nothing but the envelope."""

import asyncio
import contextlib
import json
import os
import re
import sys

from mpseq_aio import link
from mpseq_aio.framing import clean

from . import in_clear, probe, qemu, replug, serial_link
from .rooms import AddressFault
from .seat import Seat, fitting

# What a device prints when no program of ours runs on it any more: a prompt, the end of a program
# that was started through the raw REPL (Ctrl-D; what is left of a damaged frame may begin so too),
# or the banner after a reset.
_PROMPT = re.compile(r">>> |>>>$|\\x04(\\x04)?>|\\x04Traceback |MicroPython v\d")
_AWAY = "the cable was out: say HELLO"  # what Chat does then, with all that was under way
_ASKED, _WELCOME = 1, 2
HINT = 8.0  # seconds without a word of the device, then the user is told what is missing


class Bridge:
    """One device, one room at a time. `run` serves until the device goes away.

    `rooms`: where its room is, a mpseq_tools.rooms.Rooms. The device's HELLO names room and label;
    a room that `rooms` names and a `label` given here win over it.
    `console` takes a line of text: what the device prints, and what happens to the connection.
    For programs that drive a device: `await command(value)`, and `reports`, an asyncio.Queue of
    decoded REPORTs (the oldest of over 1,000 are dropped).
    """

    def __init__(self, transport, rooms, *, label=None, console=print, line=None):
        self.rooms = rooms
        self.label = label
        self.reports = asyncio.Queue(1000)
        self.link = line or serial_link.HostLink(transport)
        self._console = lambda line: console(clean(line))  # names of others, too
        self.holds = False  # its seat, when the device goes away: somebody will call `resume`
        self._seat = None
        self._serving = None
        self._hello = None  # the HELLO being answered
        self._back = None  # or _ASKED or _WELCOME: the device has come back to its seat
        self.asked = False  # a program on the device has asked for a room, and has not ended
        self.spoke = False  # one has, at any time

    @property
    def connected(self) -> bool:
        """True while the device is in a room."""
        return self._seat is not None

    async def run(self):
        """Serves the device; ends only with CarrierLost, when it goes away. Its room is left then,
        or where it `holds` a minute later."""
        asking = asyncio.ensure_future(self._ask_back())
        try:
            while True:
                item = await self.link.recv()
                if isinstance(item, str):
                    ended = _PROMPT.match(item)
                    shown = item.replace("\\x04", "") if ended else item
                    if shown != ">":  # all that is left where a program has ended well
                        self._console(f"{self.label or 'device'}| {shown}")
                    if self.asked and ended:
                        self.asked = False
                        self._console("the program on the device has ended: it leaves the room")
                        await self.leave()
                else:
                    await self._from_device(item)
        except link.CarrierLost:
            if self.holds and self._seat is not None:
                self._seat.away()
                self._console("its seat in the room is kept for a minute")
            else:
                await self.leave()
            raise
        except BaseException:
            await self.leave()
            raise
        finally:
            asking.cancel()
            self.link.close()

    async def _ask_back(self):
        await asyncio.sleep(2.5)  # one that was reset says HELLO by itself, every 2 s
        if self._back == _ASKED:
            with contextlib.suppress(link.CarrierLost):
                await self._error(_AWAY)

    def resume(self, transport, first=b""):
        """The device is back, on this transport, from which `first` was read already; `run` may
        be called again."""
        self.link = serial_link.HostLink(transport)
        self.link.feed(first)
        self._back = _ASKED if self._seat is not None else None

    async def command(self, value):
        """Sends a COMMAND: anything JSON can hold, 16 KiB."""
        # MicroPython does not join the escapes of what is beyond 16 bits.
        await self.link.send((link.COMMAND, json.dumps(value, ensure_ascii=False)))

    async def _from_device(self, message):
        kind = message[0]
        if kind != link.HELLO and self._back == _WELCOME:
            self._back = None
        if self._back == _ASKED and kind in (link.POST, link.PING):
            # What it posted while the cable was out is lost, and must come before what follows.
            await self._error(_AWAY)
        elif kind == link.POST:
            if self._seat is None:
                await self._error("not in a room: say HELLO")
            else:
                # When it fails, the receiving side tells the device.
                try:
                    await self._seat.room.post(message[1])
                except link.CarrierLost:
                    pass
                except link.LinkError as error:  # a broker that takes no such frame
                    self._console(f"a frame was not posted: {error}")
        elif kind == link.HELLO:
            # The device repeats HELLO until it is answered; being at it is enough.
            self.asked = self.spoke = True
            if self._back and self._seat is not None and self._seat.hello == message:
                self._back = _WELCOME
                self._seat.back()
                self._console(f"{self._seat.room.label} is back in room {self._seat.room.room}")
            elif message != self._hello:
                await self.leave()
                self._back = None
                self._hello = message
                self._serving = asyncio.ensure_future(self._serve(message))
        elif kind == link.PING:
            if self._seat is None and self._hello is None:  # it was in one with another bridge
                await self._error("not in a room: say HELLO")
            else:
                await self.link.send((link.PONG,))
        elif kind == link.BYE:
            await self.leave()
        elif kind == link.TOKEN:
            pass  # of a relay; the way from here into the room has its own
        elif kind == link.REPORT:
            self._report(message[1])
        else:
            self._console(f"(the device sent a message 0x{kind:02x} that is not its to send)")

    def _report(self, text):
        try:
            value = json.loads(text)
        except ValueError:
            self._console(f"(a report that is not JSON: {text[:80]})")
            return
        if self.reports.full():
            self.reports.get_nowait()
        self.reports.put_nowait(value)

    async def _serve(self, hello):
        _, version, max_frame, name, label = hello
        room = None
        try:
            if version != link.VERSION:
                raise link.CarrierLost(f"link version {version}, here it is {link.VERSION}")
            room = self.rooms.room(self.rooms.name or name, self.label or label, max_frame)
            labels = await room.open()
            self._seat = Seat(room, labels, hello)
            self._hello = None
            # First: behind the answer, that the board has gone again could be told before it.
            self._console(f"{room.label} is in room {room.room}")
            await self.link.send((link.WELCOME, fitting(labels, max_frame)))
            await self._seat.run(self._write)
        except (link.CarrierLost, link.LinkError, AddressFault) as error:
            self._console(str(error))
            with contextlib.suppress(link.CarrierLost):
                await self._error(str(error))
        finally:
            self._hello = None
            self._seat = None
            if room is not None:
                await room.close()

    async def _write(self, message):
        await self.link.send(message)

    async def _error(self, reason):
        await self.link.send((link.ERROR, reason[: link.MAX_REASON]))

    async def leave(self):
        """Leaves the room, for good."""
        serving, self._serving = self._serving, None
        if self._seat is not None:
            self._seat.stop()  # at once: the device may have begun anew
        if serving is not None:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def _hint(bridge, say):
    if not bridge.spoke:
        say("nothing on the device has asked for a room yet: start a program on it that uses the")
        say('address "serial:ROOM", or give one here with --program FILE')


@contextlib.asynccontextmanager
async def keyboard(bridge):
    """What is typed into this terminal goes to the device's console, line by line."""
    here = sys.stdin
    if os.name != "posix" or here is None or not here.isatty():
        yield
        return
    loop = asyncio.get_running_loop()
    typing = []

    async def write(line):
        with contextlib.suppress(link.CarrierLost):  # which is told elsewhere
            await bridge.link.type(line.rstrip("\n").encode() + b"\r")

    def read():
        if not _in_front(here.fileno()):
            return
        line = here.readline()
        if not line:
            loop.remove_reader(here.fileno())
            return
        typing[:] = [one for one in typing if not one.done()] + [loop.create_task(write(line))]

    loop.add_reader(here.fileno(), read)
    try:
        yield
    finally:
        loop.remove_reader(here.fileno())
        for one in typing:
            one.cancel()


def _in_front(terminal):
    """Whether it is for us: in a shell's background the line is somebody else's."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # not the terminal that we were started at
        return True


async def attend(bridge):
    """Runs a bridge, with this terminal as its device's console."""
    async with keyboard(bridge):
        await bridge.run()


async def forever(bridge, place, say, prepare=None, attend=attend):
    """Runs `bridge`; whenever its device went away, waits until it is back in its `place` and goes
    on. Ends only by being cancelled.

    For a minute its seat in the room is kept; a device that was reset asks for its room anew.
    `say` takes lines; `await prepare(transport)` may start a program on the device and returns
    what it has said; `attend(bridge)` may do something around a run.
    """
    bridge.holds = True
    transport = None
    try:
        while True:
            try:
                if transport is not None:
                    bridge.resume(transport, await prepare(transport) if prepare else b"")
                await attend(bridge)
            except link.CarrierLost as error:
                say(f"mpseq: {error}.")
            finally:
                if transport is not None:
                    transport.close()
            transport = await place.back(say)
    finally:
        await bridge.leave()


@contextlib.asynccontextmanager
async def looked_at(rooms, probing):
    """Meanwhile it is shown what is to be known of a carrier; with `probing`, what the probe
    finds."""
    if said := in_clear.warning(rooms):
        say(f"mpseq: {said}")

    async def look():
        if probing:
            say(str(await probe.probe(rooms)))

    looking = asyncio.ensure_future(look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def say(line):
    """Prints a line at once."""
    print(line, flush=True)


async def run(device, rooms, label, baudrate, start, probing=True) -> int:
    """The `mpseq bridge` command; returns the exit code: 3 when the device is not there.

    A device that goes away later is waited for. An emulated board is not: its end is the end.
    With `probing` the carrier is probed, and what was found is shown.
    """
    async with looked_at(rooms, probing):
        return await _device(device, rooms, label, baudrate, start)


async def _device(device, rooms, label, baudrate, start):
    if device not in qemu.BOARDS:
        return await _run(device, rooms, label, baudrate, start, True)
    try:
        with qemu.Board(device, seed=os.urandom(qemu.SEED_SIZE)) as board:
            say(f"bridge: an emulated board, {device}, is switched on at {board.port}")
            return await _run(board.port, rooms, label, baudrate, start, False)
    except qemu.BoardError as error:
        say(f"mpseq: {error}.")
        return 3


async def _run(device, rooms, label, baudrate, start, comes_back):
    async def prepare(transport):
        # After a reset as well, which has ended it.
        return await serial_link.start_program(transport, start) if start else b""

    async def attend_with_hint(bridge):
        hint = asyncio.get_running_loop().call_later(HINT, _hint, bridge, say)
        try:
            await attend(bridge)
        finally:
            hint.cancel()

    try:
        transport = serial_link.SerialTransport(device, baudrate)
    except link.CarrierLost as error:
        say(f"mpseq: {error}.")
        say(f"Cure: {error.cure}.")
        return 3
    try:
        place = replug.Place(device, baudrate) if comes_back else None
        bridge = Bridge(transport, rooms, label=label, console=say)
        bridge.link.feed(await prepare(transport))
        say(f"bridge: {device} into {rooms}; stop with Ctrl-C")
        if place is not None:
            await forever(bridge, place, say, prepare, attend_with_hint)
        else:
            await attend_with_hint(bridge)
    except link.CarrierLost as error:
        say(f"mpseq: {error}.")
        say("Cure: plug the device in again and start the bridge again.")
        return 3
    finally:
        transport.close()
    return 0
