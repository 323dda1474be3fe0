"""A device on a serial line takes part in a room, whatever else is printed on that line."""

import asyncio
import contextlib
import os
import pathlib
import random
import subprocess
import sys
import tty

import pytest
from changing import changed
from relays import a_relay, enter, next_of, story, until

from mpseq_aio import link
from mpseq_aio.serial import SerialRoom
from mpseq_tools.bridge import Bridge, keyboard
from mpseq_tools.rooms import Rooms
from mpseq_tools.serial_link import (
    HostLink,
    ProcessTransport,
    SerialTransport,
    start_program,
)

LIB = pathlib.Path(__file__).resolve().parent.parent / "lib"


class PtyPort:
    """The device's end of a pty: what a board's driver is to SerialRoom."""

    def __init__(self, fd):
        self.fd = fd
        os.set_blocking(fd, False)

    def open(self):
        pass

    async def read(self):
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_reader(self.fd, lambda: ready.done() or ready.set_result(None))
        try:
            await ready
        finally:
            loop.remove_reader(self.fd)
        with contextlib.suppress(OSError):
            return os.read(self.fd, 256)
        return b""

    def write(self, data):
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return None

    def close(self):
        pass


class Noisy:
    """A transport that damages what passes, as long as `rate` is over zero."""

    def __init__(self, inner, seed):
        self.inner = inner
        self.rate = 0.0
        self.dice = random.Random(seed)

    def _spoil(self, data):
        out = bytearray(data)
        for at in range(len(data) - 1, -1, -1):
            if self.dice.random() < self.rate:
                what = self.dice.randrange(3)
                if what == 0:
                    del out[at]
                elif what == 1:
                    out[at] ^= 1 << self.dice.randrange(8)
                else:
                    out[at:at] = self.dice.randbytes(3)
        return bytes(out)

    async def read(self):
        return self._spoil(await self.inner.read())

    async def write(self, data):
        await self.inner.write(self._spoil(data))

    def close(self):
        self.inner.close()


class Setting:
    """A relay, and a device on a pty with its bridge."""

    def __init__(self, relay, bridge, device, lines, running):
        self.relay, self.bridge, self.device = relay, bridge, device
        self.lines, self.running = lines, running


@contextlib.asynccontextmanager
async def a_bridged_device(seed=1, room=None, **options):
    async with a_relay() as relay:
        master, slave = os.openpty()
        tty.setraw(slave)
        path = os.ttyname(slave)
        lines = []
        noisy = Noisy(SerialTransport(path), seed)
        rooms = Rooms.relay(port=relay.port)
        rooms.name = room
        bridge = Bridge(noisy, rooms, console=lines.append, **options)
        running = asyncio.ensure_future(bridge.run())
        device = SerialRoom("kitchen", "board", PtyPort(master), patience=10)
        setting = Setting(relay, bridge, device, lines, running)
        setting.noisy, setting.master = noisy, master
        try:
            yield setting
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            for fd in (master, slave):
                with contextlib.suppress(OSError):
                    os.close(fd)


@story
async def test_a_device_enters_speaks_hears_and_leaves():
    async with a_bridged_device() as here:
        ana = await enter(here.relay, "ana")
        assert await here.device.open() == ("board", "ana")
        assert await ana.recv() == (link.ENTER, "board")
        for size in (0, 1, 63, 142, 254, 1000, 16384):
            frame = random.Random(size).randbytes(size)
            await here.device.post(frame)
            assert await next_of(ana, link.FRAME) == (link.FRAME, "board", frame)
            assert await next_of(here.device, link.FRAME) == (link.FRAME, "board", frame)
            await ana.post(frame)
            assert await next_of(here.device, link.FRAME) == (link.FRAME, "ana", frame)
            await next_of(ana, link.FRAME)
        await here.device.ping()
        assert await here.device.recv() == (link.PONG,)
        await here.device.close()
        assert await ana.recv() == (link.LEAVE, "board")


@story
async def test_what_the_device_prints_is_shown_and_harms_no_frame():
    async with a_bridged_device() as here:
        await here.device.open()
        for number in range(20):
            here.device.log(f"temperature {number}")
            await here.device.post(b"%d" % number)
        os.write(here.master, b"a prompt without an end> ")
        got = [await next_of(here.device, link.FRAME) for _ in range(20)]
        assert [frame for _, _, frame in got] == [b"%d" % n for n in range(20)]
        await until(lambda: "device| a prompt without an end>" in here.lines)
        assert [x for x in here.lines if "temp" in x] == [
            f"device| temperature {n}" for n in range(20)
        ]


@story
async def test_a_log_line_waits_for_the_frame_that_is_being_written():
    async with a_bridged_device() as here:
        await here.device.open()
        posting = asyncio.ensure_future(here.device.post(bytes(16384)))
        await asyncio.sleep(0)
        here.device.log("meanwhile")
        await posting
        assert len((await next_of(here.device, link.FRAME))[2]) == 16384
        await until(lambda: "device| meanwhile" in here.lines)
        assert here.bridge.link.frames.bad == 0


@story
async def test_noise_on_the_line_loses_frames_but_never_changes_or_reorders_one():
    async with a_bridged_device(seed=4) as here:
        ana = await enter(here.relay, "ana")
        await here.device.open()
        here.noisy.rate = 0.002
        sent = [b"%d:" % n + random.Random(n).randbytes(100) for n in range(150)]
        heard, returned = [], []

        async def listen(client, out):
            while True:
                message = await client.recv()
                if message[0] == link.FRAME:
                    out.append(message[2])

        listening = [
            asyncio.ensure_future(listen(ana, heard)),
            asyncio.ensure_future(listen(here.device, returned)),
        ]
        for frame in sent:
            await here.device.post(frame)
            await asyncio.sleep(0)
        await asyncio.sleep(0.5)
        here.noisy.rate = 0.0
        last = [b"quiet %d" % n for n in range(3)]
        for frame in last:
            await here.device.post(frame)
        await until(lambda: last[-1] in heard and last[-1] in returned)
        for task in listening:
            task.cancel()
        assert heard[-2:] == returned[-2:] == last[-2:]
        for out in (heard, returned):
            assert out == [x for x in sent + last if x in out]
        assert 10 < len(returned) <= len(heard) < 153
        assert here.bridge.link.frames.bad > 0


@story
async def test_a_lost_hello_is_repeated():
    async with a_bridged_device() as here:
        here.noisy.rate = 1.0
        opening = asyncio.ensure_future(here.device.open())
        await asyncio.sleep(0.3)
        here.noisy.rate = 0.0
        assert await opening == ("board",)


@story
async def test_the_bridges_room_and_label_win_over_the_devices():
    async with a_bridged_device(room="cellar", label="mole") as here:
        assert await here.device.open() == ("mole",)
        assert list(here.relay.rooms) == ["cellar"]


@story
async def test_commands_and_reports_stay_on_the_cable():
    async with a_bridged_device() as here:
        await here.bridge.command({"do": "first"})
        assert await here.device.next_command() == {"do": "first"}
        ana = await enter(here.relay, "ana")
        await here.device.open()
        waiting = asyncio.ensure_future(here.device.next_command())
        hearing = asyncio.ensure_future(next_of(here.device, link.FRAME))
        await asyncio.sleep(0.05)
        await here.bridge.command({"do": "send", "text": "grüße"})
        assert await waiting == {"do": "send", "text": "grüße"}
        await here.device.report(["code", "123456"])
        assert await here.bridge.reports.get() == ["code", "123456"]
        await ana.post(b"x")
        assert await hearing == (link.FRAME, "ana", b"x")
        assert await ana.recv() == (link.ENTER, "board")
        assert await ana.recv() == (link.FRAME, "ana", b"x")


@story
async def test_when_the_relay_goes_the_device_is_told_and_may_come_back():
    async with a_bridged_device() as here:
        await here.device.open()
        await here.relay.stop()
        with pytest.raises(link.CarrierLost, match="the relay says: the relay is shutting down"):
            await here.device.recv()
        with pytest.raises(link.CarrierLost, match="no relay at"):
            await here.device.open()
        await here.relay.start()
        assert await here.device.open() == ("board",)


@story
async def test_a_device_that_restarts_enters_anew():
    async with a_bridged_device() as here:
        ana = await enter(here.relay, "ana")
        await here.device.open()
        again = SerialRoom("kitchen", "board", PtyPort(here.master))
        assert await again.open() == ("board", "ana")
        seen = [await ana.recv() for _ in range(3)]
        assert seen == [(link.ENTER, "board"), (link.LEAVE, "board"), (link.ENTER, "board")]


@story
async def test_a_post_before_hello_is_answered():
    async with a_bridged_device() as here:
        await here.device.post(b"x")
        with pytest.raises(link.CarrierLost, match="say HELLO"):
            await here.device.recv()


@story
async def test_an_unplugged_device_ends_the_bridge_and_its_place_in_the_room():
    async with a_bridged_device() as here:
        await here.device.open()
        os.close(here.master)
        with pytest.raises(link.CarrierLost, match="went away"):
            await here.running
        await until(lambda: not here.relay.rooms)


def test_a_missing_device_is_named_with_the_cure():
    command = [sys.executable, "-m", "mpseq_tools", "bridge", "--device", "/dev/nothing-here"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 3
    assert "cannot open /dev/nothing-here" in result.stdout
    assert "Cure: " in result.stdout


ECHO = """
import asyncio, sys
from mpseq_aio import link
from mpseq_aio.serial import SerialRoom

async def main():
    room = SerialRoom("kitchen", "mini")
    room.log("ready")
    await room.report({"labels": await room.open()})
    while True:
        message = await room.recv()
        if message[0] == link.FRAME and message[1] != "mini":
            room.log("got %d" % len(message[2]))
            await room.post(bytes(reversed(message[2])))

try:
    asyncio.run(main())
except link.CarrierLost as lost:
    print("lost:", lost)
"""


def test_micropython_takes_part_over_its_stdin_and_stdout(unix_micropython):
    @story
    async def tell():
        async with a_relay() as relay:
            process = await asyncio.create_subprocess_exec(
                str(unix_micropython),
                "-c",
                ECHO,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "MICROPYPATH": f"{LIB}:.frozen"},
            )
            lines = []
            bridge = Bridge(
                ProcessTransport(process),
                Rooms.relay("127.0.0.1", relay.port),
                console=lines.append
            )
            running = asyncio.ensure_future(bridge.run())
            try:
                ana = await enter(relay, "ana")
                report = await asyncio.wait_for(bridge.reports.get(), 60)
                assert report == {"labels": ["mini", "ana"]}
                for size in (0, 1, 64, 142, 255, 1000, 16384):
                    frame = random.Random(size).randbytes(size)
                    await ana.post(frame)
                    assert (await next_of(ana, link.FRAME))[1] == "ana"
                    assert await next_of(ana, link.FRAME) == (link.FRAME, "mini", frame[::-1])
                assert lines[0] == "device| ready" and "device| got 16384" in lines
                process.stdin.close()
                with pytest.raises(link.CarrierLost, match="ended with status 0"):
                    await asyncio.wait_for(running, 60)
                assert lines[-1] == "device| lost: the serial line has ended"
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()
                await asyncio.gather(running, return_exceptions=True)

    tell()


@story
async def test_a_program_is_started_through_the_raw_prompt():
    master, slave = os.openpty()
    tty.setraw(slave)
    transport = SerialTransport(os.ttyname(slave))
    board = PtyPort(master)

    async def prompt():
        seen = b""
        while b"\x01" not in seen:
            seen += await board.read()
        board.write(b"\r\n>>> \r\nraw REPL; CTRL-B to exit\r\n>")
        while b"\x04" not in seen:
            seen += await board.read()
        board.write(b"OKhello\r\n")
        return seen

    answering = asyncio.ensure_future(prompt())
    rest = await start_program(transport, "import main\n" * 50)
    assert (await answering).endswith(b"import main\n\x04")
    host = HostLink(transport)
    host.feed(rest)
    assert await host.recv() == "hello"
    host.close()
    for fd in (master, slave):
        os.close(fd)


@story
async def test_a_device_that_was_in_a_room_by_another_bridge_is_told_to_come_anew():
    async with a_bridged_device() as at:
        await at.device.ping()
        with pytest.raises(link.CarrierLost, match="not in a room: say HELLO"):
            await at.device.recv()
        assert await at.device.open() == ("board",)
        await at.device.ping()
        assert await at.device.recv() == (link.PONG,)


@story
async def test_what_is_typed_into_the_bridges_terminal_reaches_the_devices_console():
    ours, terminal = os.openpty()
    typed = []
    with open(terminal) as stdin, changed(sys, stdin=stdin):
        async with a_bridged_device() as at:
            at.device.console(typed.append)
            await at.device.open()
            listening = asyncio.ensure_future(at.device.recv())
            async with keyboard(at.bridge):
                os.write(ours, "/who\ngrüße\n".encode())
                await until(lambda: b"".join(typed).replace(b"\0", b"").count(b"\r") == 2)
                os.write(ours, b"\x04")  # the end of the input: nothing more is read
                await asyncio.sleep(0.1)
            os.write(ours, b"later\n")
            await asyncio.sleep(0.1)
            assert b"".join(typed).replace(b"\0", b"") == "/who\rgrüße\r".encode()
            listening.cancel()
    os.close(ours)


@story
async def test_what_is_left_of_a_damaged_frame_is_not_the_end_of_a_program():
    async with a_bridged_device() as at:
        assert await at.device.open() == ("board",)
        for said in (b"\x04\x02\x02\xc2\x01\x07\xa4,", b"\x04", b"\x04x>"):
            os.write(at.master, b"\r\n" + said + b"\r\n")
        await until(lambda: len([one for one in at.lines if "\\x04" in one]) == 3)
        await asyncio.sleep(0.1)
        assert at.bridge.connected and not any("has ended" in line for line in at.lines)
    for said in (b"\x04\x04>", b"\x04>", b"\x04Traceback (most recent call last):", b">>> "):
        async with a_bridged_device() as at:
            assert await at.device.open() == ("board",)
            os.write(at.master, b"\r\n" + said + b"\r\n")
            await until(lambda at=at: not at.bridge.connected)
            assert any("has ended" in line for line in at.lines)
