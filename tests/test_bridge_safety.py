"""A board whose program has ended sits at its prompt: the room must not be able to type there."""

import asyncio
import os

import pytest
from relays import a_relay, enter, next_of, story
from test_chat_board import Bridged

from mpseq_aio import link
from mpseq_tools.qemu import BOARDS, Board
from mpseq_tools.serial_link import HostLink, SerialTransport

COMMAND = b"x\x03\r\nprint('INJ' + 'ECTED')\r\n\x05print('INJ' + 'ECTED')\r\n\x04"

ENDS = """
import asyncio
from mpseq_aio.serial import SerialRoom

async def main():
    room = SerialRoom("kitchen", "mini")
    await room.open()
    room.log("good-bye")

asyncio.run(main())
"""


@pytest.mark.parametrize("name", BOARDS)
@pytest.mark.parametrize("prompt", ["friendly", "raw"])
def test_a_frame_is_no_command_to_a_repl(name, prompt):
    async def tell(board):
        transport = SerialTransport(board.port)
        host = HostLink(transport)
        try:
            if prompt == "raw":
                await transport.write(b"\r\x01")
            for _ in range(3):
                await host.send((link.FRAME, "stranger", COMMAND))
            await asyncio.sleep(0.3)
            heard = ""
            while True:
                try:
                    heard += str(await asyncio.wait_for(host.recv(), 1.0))
                except asyncio.TimeoutError:
                    return heard
        finally:
            host.close()

    with Board(name, seed=os.urandom(64)) as board:
        assert "INJECTED" not in asyncio.run(tell(board))
        assert board.exec("print('INJ' + 'ECTED')") == "INJECTED\n"  # it would have been seen


def test_when_its_program_ends_a_device_leaves_the_room():
    @story
    async def tell():
        with Board("qemu-rv32", seed=os.urandom(64)) as board:
            async with a_relay() as relay:
                ana = await enter(relay, "ana")
                board.start(ENDS)
                async with Bridged(board, relay) as here:
                    assert await next_of(ana, link.ENTER) == (link.ENTER, "mini")
                    assert await next_of(ana, link.LEAVE) == (link.LEAVE, "mini")
                    assert any("has ended" in line for line in here.lines)
                    await ana.post(COMMAND)
                    await asyncio.sleep(0.5)
                    assert not [line for line in here.lines if "INJECTED" in line]

    tell()
