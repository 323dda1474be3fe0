"""`serial:DEVICE`: a desktop and a board at the two ends of a cable, and nothing else. And the
gateway: whoever knows relays only, in a room that is elsewhere."""

import asyncio
import contextlib
import os
import subprocess
import sys

import pytest
from relays import a_relay, enter, next_of, story, until
from relays import answers as raw
from test_bridge_returns import running
from test_cable_pulled import MEMBER, Cable
from test_cut_in_mid_talk import TROUBLE, Person

from mpseq_aio import link, tcp
from mpseq_tools import gateway, rooms, seat
from mpseq_tools.qemu import Board


def test_a_desktop_and_a_board_talk_over_nothing_but_their_cable(tmp_path):
    async def tell(board):
        board.start(MEMBER)
        cable = Cable(board.port, tmp_path / "ttyUSB0")
        cable.plug()
        lines = []
        there = rooms.at(f"serial:{cable.path}")
        ana = Person(there, "ana")
        ana.chat.carrier.on_line = lines.append
        async with running(cable.carry()):
            await ana.chat.open()
            ana.chat.create("garden")
            await until(lambda: any("key " in line for line in lines))
            (key,) = [line.split("key ")[1] for line in lines if "key " in line]
            ana.chat.invite([("board", bytes.fromhex(key))])
            await ana.chat.send("alone")
            await until(lambda: "tick 0" in ana.texts)
            cable.pull()
            await ana.chat.send("are you there?")
            await asyncio.sleep(1)
            cable.plug()
            await until(lambda: any("heard are you there?" in line for line in lines))
            await until(lambda: "tick 4" in ana.texts)
            await ana.chat.leave()
            await ana.close()
            cable.pull()
        assert not [event for event in ana.seen if isinstance(event, TROUBLE)]
        assert ana.chat.carrier._relay is None

    with Board("qemu-rv32", seed=os.urandom(64)) as board:
        before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
        asyncio.run(asyncio.wait_for(tell(board), 100))
        assert not before or len(os.listdir("/proc/self/fd")) <= before + 1  # of the cable


@story
async def test_a_cable_that_is_not_there_is_told_with_the_cure():
    room = rooms.at("serial:/dev/nothing-here").room()
    with pytest.raises(link.CarrierLost, match="cannot open /dev/nothing-here") as lost:
        await room.open()
    assert lost.value.cure
    await room.close()


# --- the gateway


@contextlib.asynccontextmanager
async def a_gateway(**limits):
    """A relay, and a gateway before its room `shed`."""
    async with a_relay(**limits) as relay:
        there = rooms.Rooms.relay(port=relay.port)
        there.name = "shed"
        lines = []
        door = gateway.Gateway("127.0.0.1", 0, there, lines.append)
        await door.start()
        try:
            yield relay, door, lines
        finally:
            await door.stop()


@story
async def test_who_comes_through_a_gateway_sits_in_the_room_behind_it():
    async with a_gateway() as (relay, door, _):
        ana = await enter(relay, "ana", "shed")
        mini = tcp.TcpRoom("127.0.0.1", door.port, "any room", "mini", token="no use here")
        assert await mini.open() == ("mini", "ana")
        ben = tcp.TcpRoom("127.0.0.1", door.port, "another", "mini")
        assert set(await ben.open()) == {"mini-2", "mini", "ana"}
        assert await next_of(mini, link.ENTER) == (link.ENTER, "mini-2")
        for number, who in enumerate((mini, ana, ben) * 20):
            await who.post(b"%d" % number)
        seen = [[await next_of(who, link.FRAME) for _ in range(60)] for who in (ana, mini, ben)]
        assert seen[0] == seen[1] == seen[2]
        await mini.ping()
        assert await mini.recv() == (link.PONG,)
        await mini.close()
        assert await next_of(ana, link.LEAVE) == (link.LEAVE, "mini")
        await ben.close()


@story
async def test_a_gateway_without_its_room_says_so():
    async with a_gateway() as (relay, door, _):
        await relay.stop()
        mini = tcp.TcpRoom("127.0.0.1", door.port, "shed", "mini")
        with pytest.raises(link.CarrierLost, match="no relay at"):
            await mini.open()


@story
async def test_nonsense_at_a_gateway_ends_with_its_connection():
    async with a_gateway() as (relay, door, lines):
        ana = await enter(relay, "ana", "shed")
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff", b"\0\0\0\1\x77", b"\0\0\0\0"):
            await raw(door, data)
        mini = tcp.TcpRoom("127.0.0.1", door.port, "shed", "mini")
        await mini.open()
        await mini.post(b"still here")
        assert await next_of(ana, link.FRAME) == (link.FRAME, "mini", b"still here")
        assert lines
        await mini.close()


@story
async def test_a_full_gateway_says_so():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway, "MAX_CLIENTS", 1)
        async with a_gateway() as (_, door, _lines):
            first = tcp.TcpRoom("127.0.0.1", door.port, "shed", "mini")
            await first.open()
            with pytest.raises(link.CarrierLost, match="full"):
                await tcp.TcpRoom("127.0.0.1", door.port, "shed", "ben").open()
            await first.close()


@pytest.mark.parametrize("wrong", ([], ["--listen", "x"], ["--listen", ":1", "--device", "a"]))
def test_a_bridge_needs_one_side(wrong):
    command = [sys.executable, "-m", "mpseq_tools", "bridge", *wrong]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 2


class Crowd:
    """A room as a chat server or a broker may have it: full of strangers with long labels, and
    without a limit of ours for a frame."""

    room = "shed"
    label = "mini\u2066"

    def __init__(self, name, label, max_frame):
        self.said = asyncio.Queue()

    async def open(self):
        return ("mini", *(f"{number:04}".ljust(60, "x") for number in range(1000)))

    async def recv(self):
        return await self.said.get()

    async def post(self, frame):
        if frame == b"too long for it":
            raise link.TooLong("the broker refuses it")
        self.said.put_nowait((link.FRAME, "mini", frame))

    async def ping(self):
        pass

    async def close(self):
        pass


class Crowded:
    name = "shed"
    room = Crowd


@story
async def test_a_crowd_of_strangers_keeps_nobody_out():
    lines = []
    door = gateway.Gateway("127.0.0.1", 0, Crowded, lines.append)
    await door.start()
    for most in (link.MAX_FRAME, 2000):
        mini = tcp.TcpRoom("127.0.0.1", door.port, "shed", "mini", most, patience=5)
        labels = await mini.open()
        assert labels[0] == "mini" and 10 < len(labels) < 300
        assert sum(len(label.encode()) + 1 for label in labels) <= most + 512
        # A frame that is not taken there costs nobody the connection.
        await mini.post(b"too long for it")
        await mini.post(b"here")
        assert await next_of(mini, link.FRAME) == (link.FRAME, "mini", b"here")
        assert any("was not posted" in line for line in lines)
        # Names are those of others, and so is what is printed of them.
        assert any("mini\\u2066 is in room shed" in line for line in lines)
        await mini.close()
    await door.stop()


@story
async def test_a_room_of_many_long_labels_on_a_relay_can_be_entered():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "MAX_MESSAGE", 1000)  # instead of some hundred people
        async with a_relay() as relay:
            names = [f"{number:03}".ljust(64, "x") for number in range(20)]
            people = [await enter(relay, name) for name in names]
            assert people[-1].labels[0] == names[-1] and 10 < len(people[-1].labels) < 20
            for one in people:
                await one.close()


@story
async def test_whoever_takes_nothing_from_a_gateway_loses_its_place():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway, "IDLE", 1.0)
        async with a_gateway() as (relay, door, _):
            ana = await enter(relay, "ana", "shed")
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port, limit=1024)
            hello = (link.HELLO, link.VERSION, link.MAX_FRAME, "shed", "mini")
            writer.write(tcp.frame_message(hello))
            assert await next_of(ana, link.ENTER) == (link.ENTER, "mini")

            async def pings():  # it shows signs of life, and reads nothing
                with contextlib.suppress(OSError):
                    while True:
                        writer.write(tcp.frame_message((link.PING,)))
                        await writer.drain()
                        await asyncio.sleep(0.1)

            async def listens():
                while True:
                    if await ana.recv() == (link.LEAVE, "mini"):
                        return

            pinging = asyncio.ensure_future(pings())
            listening = asyncio.ensure_future(listens())
            for _ in range(600):
                await ana.post(bytes(16000))
            await asyncio.wait_for(listening, 60)
            async with asyncio.timeout(60):
                while door._tasks:
                    await asyncio.sleep(0.05)
            pinging.cancel()
            writer.transport.abort()
            await ana.close()


def test_mpseq_chat_over_nothing_but_a_cable_shows_what_the_board_prints(tmp_path):
    async def tell(board):
        board.start(MEMBER)
        cable = Cable(board.port, tmp_path / "ttyUSB0")
        cable.plug()
        chat = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mpseq_tools", "chat", "--nick", "ana",
            "--carrier", f"serial:{cable.path}",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "MPSEQ_HOME": str(tmp_path / "keys")},
        )
        shown = ""

        async def shows(words):
            nonlocal shown
            while words not in shown:
                line = await asyncio.wait_for(chat.stdout.readline(), 60)
                assert line, shown
                shown += line.decode()
            return shown.split(words)[1]

        async with running(cable.carry()):
            await shows("device| key ")
            key = shown.split("device| key ")[1].split()[0]
            chat.stdin.write(f"/create garden\n/invite board {key}\n".encode())
            await shows("<board> tick 0")
            chat.stdin.write(b"over the cable\n")
            await shows("device| heard over the cable")
            chat.stdin.write(b"/quit\n")
            assert await asyncio.wait_for(chat.wait(), 60) == 0
            cable.pull()

    with Board("qemu-rv32", seed=os.urandom(64)) as board:
        asyncio.run(asyncio.wait_for(tell(board), 100))


class Quiet:
    """A room where nobody speaks; one that has died without a word does not answer, either."""

    def __init__(self, answers):
        self._answers = answers
        self._news = asyncio.Queue()

    async def recv(self):
        return await self._news.get()

    async def ping(self):
        if self._answers:
            self._news.put_nowait((link.PONG,))


@story
async def test_a_room_that_has_died_without_a_word_is_given_up():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seat, "PING", 0.05)
        patch.setattr(seat, "DEAD", 0.5)
        hello = (link.HELLO, link.VERSION, link.MAX_FRAME, "shed", "mini")
        held = asyncio.Event()

        async def write(message):
            await held.wait()

        async def run(answers, *said):
            room = Quiet(answers)
            for one in said:
                room._news.put_nowait(one)
            await asyncio.wait_for(seat.Seat(room, ("mini",), hello).run(write), 5)

        with pytest.raises(link.CarrierLost, match="nothing heard from the room"):
            await run(False)
        # Neither one where nobody has anything to say, nor a device that takes long, is dead.
        frames = [(link.FRAME, "ana", b"%d" % number) for number in range(5)]
        for answers, *said in ((True,), (True, *frames), (False, *frames)):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(run(answers, *said), 1.5)


@story
async def test_an_emulated_board_is_no_cable():
    room = rooms.at("serial:qemu-rv32").room()
    with pytest.raises(link.CarrierLost, match="emulated board") as lost:
        await room.open()
    assert "deploy --port qemu-rv32" in lost.value.cure
