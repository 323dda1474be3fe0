"""The cable of a board that has power of its own is pulled in mid-conversation, and put back: both
sides talk on, and nothing is lost or doubled."""

import asyncio
import contextlib
import os
import tty

import pytest
from relays import until
from test_bridge_returns import running
from test_cut_in_mid_talk import TROUBLE, KillableRelay, Person

from mpseq_tools import bridge
from mpseq_tools.qemu import BOARDS, Board

MEMBER = """
import asyncio, os
from mpseq import Identity, events
from mpseq_aio.chat import Chat

async def main():
    chat = Chat(Identity.generate(os.urandom), "board", "serial:garden")
    await chat.open()
    chat.carrier.log("key " + chat.identity.public.hex())
    await chat.join()
    async def count():
        for number in range(20):
            await chat.send("tick %d" % number)
            await asyncio.sleep(1)
    asyncio.create_task(count())
    async for event in chat.events():
        if isinstance(event, events.Text):
            chat.carrier.log("heard " + event.text)
        elif not isinstance(event, events.Confirmed):
            chat.carrier.log(type(event).__name__)

asyncio.run(main())
"""


class Cable:
    """Between a board's port and the port that the bridge sees, at `path`."""

    def __init__(self, port, path):
        self.path = str(path)
        self._board = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._board)
        self._ends = ()

    def plug(self):
        self._ends = os.openpty()
        for end in self._ends:
            tty.setraw(end)
        os.set_blocking(self._ends[0], False)
        os.symlink(os.ttyname(self._ends[1]), self.path)

    def pull(self):
        os.unlink(self.path)
        ends, self._ends = self._ends, ()
        for end in ends:
            os.close(end)

    async def carry(self):
        """Bytes both ways while it is plugged; into nothing while it is not."""
        while True:
            await asyncio.sleep(0.002)
            with contextlib.suppress(BlockingIOError, OSError):
                data = os.read(self._board, 4096)
                if self._ends:
                    os.write(self._ends[0], data)
            if self._ends:
                with contextlib.suppress(BlockingIOError, OSError):
                    os.write(self._board, os.read(self._ends[0], 64))


@pytest.mark.parametrize("name", BOARDS[:1])
def test_a_conversation_outlives_the_pulling_of_a_boards_cable(name, tmp_path, capsys):
    async def tell(board):
        relay = KillableRelay()
        await relay.start()
        board.start(MEMBER)
        cable = Cable(board.port, tmp_path / "ttyUSB0")
        cable.plug()
        ana = Person(relay.rooms, "ana")
        said = ""

        def screen():
            nonlocal said
            said += capsys.readouterr().out
            return said

        async with running(cable.carry()), running(
            bridge.run(cable.path, relay.rooms, None, 115200, None)
        ):
            await ana.chat.open()
            ana.chat.create("garden")
            await until(lambda: "key " in screen())
            key = bytes.fromhex(screen().split("key ")[1].split()[0])
            ana.chat.invite([("board", key)])
            await until(lambda: "tick 1" in ana.texts)
            for number in range(20):
                await ana.chat.send(f"tock {number}")
                if number in (3, 12):
                    cable.pull()
                if number in (8, 15):
                    cable.plug()
                await asyncio.sleep(0.5)
            await until(lambda: len(ana.texts) == 40, 60)
            await until(lambda: screen().count("heard") == 40)
        heard = [line.split("heard ")[1] for line in screen().splitlines() if "heard " in line]
        assert heard == ana.texts and len(set(heard)) == 40
        trouble = [kind.__name__ for kind in TROUBLE]
        assert not [line for line in screen().splitlines() if line.split("| ")[-1] in trouble]
        assert not [event for event in ana.seen if isinstance(event, TROUBLE)]
        assert screen().count("its seat in the room is kept") == 2
        assert screen().count("the device is back at") == 2
        await ana.close()
        await relay.kill()

    with Board(name, seed=os.urandom(64)) as board:
        asyncio.run(asyncio.wait_for(tell(board), 120))
