"""A board whose reset takes its USB port away, and with it the cable's name, is bridged again.

The port is a link to a pty: it goes, and comes back as another pty, under this name or another.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import termios
import time
import tty

import pytest
from relays import a_relay, enter, next_of, story, until
from test_bridge import PtyPort

from mpseq_aio import link
from mpseq_aio.serial import SerialRoom
from mpseq_tools import bridge, qemu, replug, seat, serial_link, start
from mpseq_tools import ports as port_list
from mpseq_tools.deploy import Member
from mpseq_tools.rooms import Rooms


class Socket:
    """A place in `folder` where a board is plugged in and pulled out."""

    def __init__(self, folder, name="ttyACM0"):
        self.path = str(folder / name)
        self.room = None
        self._fds = ()

    def plug(self):
        """A board that has just been reset."""
        self._fds = os.openpty()
        tty.setraw(self._fds[1])
        os.symlink(os.ttyname(self._fds[1]), self.path)
        self.master = self._fds[0]
        self.room = SerialRoom("kitchen", "board", PtyPort(self.master), patience=20)
        return self

    def pull(self):
        os.unlink(self.path)
        fds, self._fds = self._fds, ()
        for fd in fds:
            os.close(fd)

    def __enter__(self):
        return self.plug()

    def __exit__(self, *_):
        if self._fds:
            self.pull()


class Usb:
    """What pyserial tells of a port."""

    def __init__(self, socket, serial_number, location="1-2:1.0", pid=5):
        self.device = socket.path
        self.vid, self.pid = 0x2E8A, pid
        self.serial_number, self.location = serial_number, location


@pytest.fixture
def usb(monkeypatch):
    """All ports of this machine: a list to change. `usb.looks` counts who asked."""

    class Ports(list):
        looks = 0
        fault = None

    ports = Ports()

    def comports():
        ports.looks += 1
        fault, ports.fault = ports.fault, None
        if fault:
            raise fault
        return list(ports)

    monkeypatch.setattr(port_list.list_ports, "comports", comports)
    return ports


@contextlib.asynccontextmanager
async def running(coroutine):
    task = asyncio.ensure_future(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def bridging(socket, relay, start=None, device=None):
    """The `mpseq bridge` command."""
    rooms = Rooms.relay("127.0.0.1", relay.port)
    return running(bridge.run(device or socket.path, rooms, None, 115200, start))


class Screen:
    """What was printed up to now."""

    def __init__(self, capsys):
        self._capsys = capsys
        self._text = ""

    @property
    def text(self):
        self._text += self._capsys.readouterr().out
        return self._text

    async def shows(self, words):
        await until(lambda: words in self.text)


@pytest.fixture
def screen(capsys):
    return Screen(capsys)


async def talk(board, ana, label="board"):
    """A frame each way."""
    await board.post(b"up")
    assert await next_of(ana, link.FRAME) == (link.FRAME, label, b"up")
    assert await next_of(board, link.FRAME) == (link.FRAME, label, b"up")
    await ana.post(b"down")
    assert await next_of(board, link.FRAME) == (link.FRAME, "ana", b"down")
    await next_of(ana, link.FRAME)


def test_a_board_that_resets_is_in_its_room_again(tmp_path, screen):
    @story
    async def tell():
        async with a_relay() as relay:
            ana = await enter(relay, "ana")
            with Socket(tmp_path) as board:
                async with bridging(board, relay) as task:
                    for _ in range(2):
                        assert await board.room.open() == ("board", "ana")
                        await talk(board.room, ana)
                        board.pull()
                        await asyncio.sleep(1.2)
                        assert not task.done()
                        board.plug()
                    assert await board.room.open() == ("board", "ana")
                    await talk(board.room, ana)
                said = screen.text.splitlines()
                order = (
                    "board is in room kitchen",
                    f"mpseq: the device at {board.path} went away",
                    f"waiting until it is back at {board.path}",
                    f"the device is back at {board.path}",
                )
                kept = [first for line in said for first in order if line.startswith(first)]
                assert kept == [*order, *order[1:]]
                assert said.count("board is back in room kitchen") == 2

    tell()


def test_it_is_found_under_another_name(tmp_path, usb, screen):
    """ttyACM0 → ttyACM1, because something still holds the old one, or another board took it."""

    @story
    async def tell():
        first, other = Socket(tmp_path).plug(), Socket(tmp_path, "ttyACM1")
        usb.append(Usb(first, "E66\x1b"))
        async with a_relay() as relay:
            ana = await enter(relay, "ana")
            async with bridging(first, relay):
                await first.room.open()
                await talk(first.room, ana)
                first.pull()
                usb.clear()
                usb.fault = TypeError("int() argument must be … not 'NoneType'")  # so pyserial
                await screen.shows("until it is back (serial number E66\\x1b, at any port)")
                with Socket(tmp_path) as stranger, other:
                    usb.append(Usb(stranger, "E67"))
                    usb.append(Usb(stranger, "E66\x1b", pid=3))  # its boot loader, not itself
                    await asyncio.sleep(1.2)
                    usb.append(Usb(other, "E66\x1b", "3-1:1.0"))  # at another socket, too
                    await other.room.open()
                    await talk(other.room, ana)
                    assert f"the device is back at {other.path}" in screen.text
                    other.pull()
                    await screen.shows(f"the device at {other.path} went away")
                    del usb[-1]

    tell()


def test_of_a_board_with_two_ports_the_same_one_is_taken(tmp_path, usb, screen):
    @story
    async def tell():
        console, data = Socket(tmp_path).plug(), Socket(tmp_path, "ttyACM1").plug()
        usb.extend((Usb(console, "E66", "1-2:1.0"), Usb(data, "E66", "1-2:1.2")))
        async with a_relay() as relay, bridging(data, relay):
            await data.room.open()
            data.pull()
            console.pull()
            usb.clear()
            await screen.shows("went away")
            with Socket(tmp_path, "ttyACM1") as console, Socket(tmp_path, "ttyACM2") as data:
                usb.append(Usb(console, "E66", "1-2:1.0"))
                await asyncio.sleep(1.2)
                usb.append(Usb(data, "E66", "1-2:1.2"))
                await data.room.open()
                assert f"is back at {data.path}" in screen.text

    tell()


def test_a_serial_number_that_others_have_too_says_nothing(tmp_path, usb, screen):
    """Cheap converters, and old MicroPython on an ESP32-S3: all of them are 123456."""

    @story
    async def tell():
        board = Socket(tmp_path).plug()
        with Socket(tmp_path, "ttyACM1") as other:
            usb.extend((Usb(board, "123456"), Usb(other, "123456", "1-3:1.0")))
            async with a_relay() as relay, bridging(board, relay):
                await board.room.open()
                board.pull()
                del usb[0]
                await screen.shows(f"waiting until it is back at {board.path}")
                await asyncio.sleep(1.2)
                assert "the device is back" not in screen.text
                with board:
                    await board.room.open()

    tell()


def test_it_looks_twice_a_second(tmp_path, usb, screen):
    @story
    async def tell():
        board = Socket(tmp_path).plug()
        usb.append(Usb(board, "E66"))
        async with a_relay() as relay, bridging(board, relay):
            await board.room.open()
            usb.clear()
            board.pull()
            await screen.shows("went away")
            before, spent = usb.looks, time.process_time()
            await asyncio.sleep(2)
            assert 2 <= usb.looks - before <= 5
            assert time.process_time() - spent < 0.5

    tell()


def test_a_port_that_cannot_be_opened_yet_is_tried_on_and_said(tmp_path, screen, monkeypatch):
    monkeypatch.setattr(replug, "LOOK", 0.05)

    @story
    async def tell():
        board = Socket(tmp_path).plug()
        async with a_relay() as relay, bridging(board, relay):
            await board.room.open()
            board.pull()
            await screen.shows("went away")
            with board:
                fcntl.flock(board._fds[1], fcntl.LOCK_EX)  # as another program does
                await screen.shows(f"but cannot open {board.path}: ")
                await asyncio.sleep(0.3)
                assert screen.text.count("but cannot open") == 1
                assert "is back at" not in screen.text.replace("until it is back at", "")
                fcntl.flock(board._fds[1], fcntl.LOCK_UN)
                assert await board.room.open() == ("board",)

    tell()


def test_a_port_that_goes_while_it_is_opened_is_waited_for(tmp_path, screen, monkeypatch):
    open_port, failed = replug.serial_link.SerialTransport, []

    def open_late(path, baudrate):
        if not failed:
            failed.append(path)
            raise termios.error(5, "Input/output error")  # pyserial lets this one through
        return open_port(path, baudrate)

    @story
    async def tell():
        board = Socket(tmp_path).plug()
        async with a_relay() as relay, bridging(board, relay):
            await board.room.open()
            monkeypatch.setattr(replug.serial_link, "SerialTransport", open_late)
            board.pull()
            with board:
                assert await board.room.open() == ("board",)
                assert failed

    tell()


def test_what_was_started_on_it_is_started_again(tmp_path, screen):
    """A reset has ended it, and a board that was given a program has none of its own."""

    async def prompt(board, answers=True):
        port, seen = PtyPort(board.master), b""
        while b"\x01" not in seen:
            seen += await port.read()
        if not answers:
            return
        port.write(b"\r\nraw REPL; CTRL-B to exit\r\n>")
        while b"\x04" not in seen:
            seen += await port.read()
        port.write(b"OKhello\r\n")
        assert seen.endswith(b"\x01import porch\x04")

    @story
    async def tell():
        board = Socket(tmp_path).plug()
        async with a_relay() as relay, bridging(board, relay, "import porch"):
            await prompt(board)
            await screen.shows("device| hello")
            board.pull()
            board.plug()
            await prompt(board, False)  # it goes once more, before it has begun
            board.pull()
            with board:
                await prompt(board)
                assert await board.room.open() == ("board",)
                assert screen.text.count("went away") == 2

    tell()


def test_an_emulated_boards_end_is_the_end(tmp_path, screen, monkeypatch):
    board = Socket(tmp_path)
    board.port = board.path
    monkeypatch.setattr(qemu, "Board", lambda name, seed: board)

    @story
    async def tell():
        async with a_relay() as relay, bridging(board, relay, device="qemu-rv32") as task:
            await screen.shows("stop with Ctrl-C")
            await board.room.open()
            board.pull()
            assert await task == 3
        assert "Cure: " in screen.text and "waiting until" not in screen.text

    tell()


def test_a_room_is_named_before_the_board_can_be_gone_from_it(tmp_path, screen, monkeypatch):
    named = []
    send = serial_link.HostLink.send

    async def sending(self, message):
        if message[0] == link.WELCOME:
            named.append("board is in room kitchen" in screen.text)
        await send(self, message)

    monkeypatch.setattr(serial_link.HostLink, "send", sending)

    @story
    async def tell():
        with Socket(tmp_path) as board:
            async with a_relay() as relay, bridging(board, relay):
                await board.room.open()
        assert named == [True]

    tell()


def test_ctrl_c_ends_the_waiting(tmp_path):
    @story
    async def tell():
        board = Socket(tmp_path).plug()
        async with a_relay() as relay:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "mpseq_tools", "bridge", "--device", board.path,
                "--relay", f"127.0.0.1:{relay.port}", "--no-probe",
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            try:
                await board.room.open()
                board.pull()
                while b"waiting until" not in await process.stdout.readline():
                    pass
                await asyncio.sleep(1)
                process.send_signal(signal.SIGINT)
                assert await asyncio.wait_for(process.communicate(), 60) == (b"", b"")
                assert process.returncode == 0
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()

    tell()


def member(carrier="serial:kitchen"):
    return Member("board", bytes(32), "", carrier, False, [("ana", bytes(32))])


@pytest.mark.parametrize("reset", ("before", "after"))
def test_a_deployed_board_has_its_bridge_again_where_deploy_stays(tmp_path, reset):
    @story
    async def tell():
        lines = []
        board = Socket(tmp_path).plug()
        async with a_relay() as relay:
            ana = await enter(relay, "ana")
            rooms = Rooms.relay("127.0.0.1", relay.port)
            staying = start.start(board.path, 115200, rooms, member(), 20, True, lines.append)
            async with running(staying) as task:
                await board.room.open()
                if reset == "after":
                    board.room.log("mpseq: joined ana's room")
                    await until(lambda: "in the room, through this bridge" in "".join(lines))
                board.pull()
                with board:
                    await board.room.open()
                    await talk(board.room, ana)
                    board.room.log("mpseq: joined ana's room")
                    await until(lambda: "in the room, through this bridge" in "".join(lines))
                    assert f"the device is back at {board.path}" in lines
                    assert not task.done()

    tell()


def test_a_deployed_board_that_goes_away_where_deploy_does_not_stay_is_a_fault(tmp_path):
    @story
    async def tell():
        board = Socket(tmp_path).plug()
        async with a_relay() as relay:
            rooms = Rooms.relay("127.0.0.1", relay.port)
            async with running(start.start(board.path, 115200, rooms, member(), 20)) as task:
                await board.room.open()
                board.pull()
                with pytest.raises(start.StartFault, match="went away"):
                    await task

    tell()


# --- its seat while it is away


def test_what_was_said_while_the_cable_was_out_comes_when_it_is_back(tmp_path):
    """The board has power of its own, and never knew."""

    @story
    async def tell():
        async with a_relay() as relay:
            ana = await enter(relay, "ana")
            board = Socket(tmp_path).plug()
            async with bridging(board, relay):
                await board.room.open()
                await talk(board.room, ana)
                room = board.room
                board.pull()
                for number in range(300):
                    await ana.post(b"%d" % number)
                    await next_of(ana, link.FRAME)
                board.plug()
                room._port = PtyPort(board.master)
                with pytest.raises(link.CarrierLost, match="the cable was out"):
                    await next_of(room, link.FRAME)
                assert await room.open() == ("board", "ana")
                for number in range(300):
                    heard = await next_of(room, link.FRAME)
                    while heard[2] in (b"up", b"down"):  # which were on their way then
                        heard = await next_of(room, link.FRAME)
                    assert heard == (link.FRAME, "ana", b"%d" % number)
                await talk(room, ana)
            board.pull()

    tell()


def test_a_board_that_began_anew_takes_another_seat(tmp_path):
    @story
    async def tell():
        async with a_relay() as relay:
            ana = await enter(relay, "ana")
            with Socket(tmp_path) as board:
                async with bridging(board, relay):
                    await board.room.open()
                    assert await next_of(ana, link.ENTER) == (link.ENTER, "board")
                    board.pull()
                    await ana.post(b"not for the next one")
                    board.plug()
                    board.room.wanted = "board again"  # as any_label() would be
                    assert await board.room.open() == ("board again", "ana")
                    assert await next_of(ana, link.LEAVE) == (link.LEAVE, "board")
                    assert await next_of(ana, link.ENTER) == (link.ENTER, "board again")
                    await ana.post(b"down")
                    assert (await next_of(board.room, link.FRAME))[2] == b"down"
                    await next_of(ana, link.FRAME)
                    # What it posts is of this room: nobody asks it to come back to the other.
                    await talk(board.room, ana, "board again")

    tell()


@pytest.mark.parametrize("why", ("time", "size"))
def test_the_seat_of_a_board_that_stays_away_is_given_up(tmp_path, monkeypatch, why):
    monkeypatch.setattr(seat, "HOLD", 0.5 if why == "time" else 60)
    monkeypatch.setattr(seat, "MAX_KEPT", 1 << 20 if why == "time" else 20000)

    @story
    async def tell():
        async with a_relay() as relay:
            ana = await enter(relay, "ana")
            board = Socket(tmp_path).plug()
            async with bridging(board, relay):
                await board.room.open()
                await next_of(ana, link.ENTER)
                board.pull()
                await asyncio.sleep(0.1)
                for _ in range(2):
                    await ana.post(bytes(16000))
                heard = []  # in any order: on a busy machine its time may be up before the frames
                while (link.LEAVE, "board") not in heard or len(heard) < 3:
                    heard.append(await asyncio.wait_for(ana.recv(), 60))
                board.plug()
                board.room = SerialRoom("kitchen", "board", PtyPort(board.master), patience=20)
                await board.room.open()
                await talk(board.room, ana)
            board.pull()

    tell()


def test_where_deploy_stays_a_board_that_nobody_invites_is_waited_for(tmp_path):
    @story
    async def tell():
        lines = []
        board = Socket(tmp_path).plug()
        async with a_relay() as relay:
            rooms = Rooms.relay(port=relay.port)
            staying = start.start(board.path, 115200, rooms, member(), 1, True, lines.append)
            async with running(staying) as task:
                await board.room.open()
                await until(lambda: "waiting on, until Ctrl-C" in "".join(lines))
                assert not task.done()
                board.room.log("mpseq: joined ana's room")
                await until(lambda: "in the room, through this bridge" in "".join(lines))
            board.pull()

    tell()
