"""An emulated board in a room: carrier and façade over its pty, with full frames and noise."""

import asyncio
import os
import random

import pytest
from relays import a_relay, enter, next_of, story, until
from test_bridge import Noisy
from test_chat import BOARD, people

from mpseq import events
from mpseq_aio import link
from mpseq_tools.bridge import Bridge
from mpseq_tools.qemu import BOARDS, Board
from mpseq_tools.rooms import Rooms
from mpseq_tools.serial_link import SerialTransport

ECHO = """
import asyncio, gc
from mpseq_aio import link
from mpseq_aio.serial import SerialRoom

async def main():
    room = SerialRoom("kitchen", "mini")
    await room.report({"labels": await room.open()})
    while True:
        message = await room.recv()
        if message[0] == link.FRAME and message[1] != "mini":
            room.log("got %d, %d free" % (len(message[2]), gc.mem_free()))
            await room.post(message[2])

asyncio.run(main())
"""


class Bridged:
    """A program on a board, bridged into the room of a relay. `program`: one that says something
    but once is started here, since opening a port throws away what has come."""

    def __init__(self, board, relay, program=None):
        self._start = (lambda: board.start(program)) if program else None
        self.lines = []
        self.line = Noisy(SerialTransport(board.port), 1)
        self.bridge = Bridge(self.line, Rooms.relay(port=relay.port), console=self.lines.append)

    async def __aenter__(self):
        if self._start:
            self._start()
        self._running = asyncio.ensure_future(self.bridge.run())
        return self

    async def __aexit__(self, *_):
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        print("\n".join(self.lines))

    async def report(self, kind):
        while True:
            value = await asyncio.wait_for(self.bridge.reports.get(), 60)
            if value[0] == kind:
                return value[1:]


@pytest.mark.parametrize("name", BOARDS)
def test_frames_of_every_size_and_byte_go_through_a_boards_repl_line(name):
    @story
    async def tell():
        with Board(name, seed=os.urandom(64)) as board:
            board.start(ECHO)
            async with a_relay() as relay, Bridged(board, relay) as here:
                ana = await enter(relay, "ana")
                assert await asyncio.wait_for(here.bridge.reports.get(), 60) == {
                    "labels": ["mini", "ana"]
                }
                for size in (0, 1, 59, 64, 142, 255, 1000, 16384):
                    frame = random.Random(size).randbytes(size)
                    await ana.post(frame)
                    assert (await next_of(ana, link.FRAME))[1] == "ana"
                    assert await next_of(ana, link.FRAME) == (link.FRAME, "mini", frame)
                await ana.post(bytes(range(256)))
                assert (await next_of(ana, link.FRAME))[1] == "ana"
                assert (await next_of(ana, link.FRAME))[2] == bytes(range(256))
                assert here.bridge.link.frames.bad == 0
                assert any("got 16384" in line for line in here.lines)
                here.line.rate = 0.005
                for _ in range(30):
                    await ana.post(os.urandom(100))
                    assert (await next_of(ana, link.FRAME))[1] in ("ana", "mini")
                await asyncio.sleep(0.5)
                here.line.rate = 0.0
                for word in (b"first", b"second"):
                    await ana.post(word)
                while (await next_of(ana, link.FRAME)) != (link.FRAME, "mini", b"second"):
                    pass

    tell()


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_joins_talks_and_leaves(name):
    @story
    async def tell():
        with Board(name, seed=os.urandom(64)) as board:
            async with (
                a_relay() as relay,
                people(relay, "ana", "ben") as (ana, ben),
                Bridged(board, relay, BOARD) as here,
            ):
                (key,) = await here.report("key")
                await until(lambda: here.bridge.connected)
                ana.chat.create("kitchen")
                ana.chat.invite([ben.invitee, ("mini", bytes.fromhex(key))])
                assert await here.report("session") == [3, ana.chat.code.digits]
                await ana.chat.send("drawer")
                await until(lambda: ("mini", "DRAWER") in ben.texts())
                await ana.chat.send("bye")
                await until(lambda: ana.nicks() == ben.nicks() == ["ana", "ben"])
                assert ana.texts() == ben.texts()
                assert not ana.all(events.Missing) and not ana.all(events.Refused)

    tell()
