"""`mpseq deploy` onto emulated boards with an empty disk: a stock one, one with mpseq inside."""

import asyncio
import os
import time

import pytest
from deploying import Deployment, a_room, call
from packages import make
from relays import story, until

from mpseq_tools import deploy as deploy_module
from mpseq_tools.bridge import Bridge
from mpseq_tools.qemu import Board
from mpseq_tools.rooms import Rooms
from mpseq_tools.serial_link import SerialTransport


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return make(tmp_path_factory.mktemp("mip"))


@pytest.mark.parametrize(
    "name, linked", [("qemu-rv32", False), ("qemu-cortex-m3", True)], ids=("plain", "linked")
)
def test_an_empty_board_joins_and_comes_back_by_itself(name, linked, packages, tmp_path):
    disk = tmp_path / "flash.img"

    @story
    async def tell():
        async with a_room() as (relay, ana):
            with Board(name, linked, seed=os.urandom(64), disk=disk) as board:
                deployment = Deployment(board.port, packages)
                await deployment.tell(ana, relay)
                assert deployment.code == 0, deployment.text
                assert ana.nicks() == ["ana", "porch"]
                assert ("no library to install" in deployment.text) == linked
                assert ("installed, and read back" in deployment.text) != linked
            (key,) = [one.key for one in ana.chat.members if one.nick == "porch"]
            # Its power was cut. It starts main.py, a bridge is there, ana invites it again.
            with Board(name, linked, seed=os.urandom(64), disk=disk, prompt=False) as board:
                lines = []
                bridge = Bridge(
                    SerialTransport(board.port),
                    Rooms.relay("127.0.0.1", relay.port),
                    console=lines.append
                )
                running = asyncio.ensure_future(bridge.run())
                try:
                    await until(lambda: any("connected as" in line for line in lines))
                    ana.chat.invite([("porch", key)], True)
                    await until(lambda: any("joined kitchen" in line for line in lines))
                    await ana.chat.send("welcome back")
                    await until(lambda: any("<ana> welcome back" in line for line in lines))
                finally:
                    running.cancel()
                    await asyncio.gather(running, return_exceptions=True)
                    print("\n".join(lines))

    tell()


def test_a_running_watchdog_does_not_bite_while_it_works(tmp_path, monkeypatch):
    """The hardware's cannot be stopped, and a board that resets itself loses what is sent."""
    identify = deploy_module._identify

    def take_time(repl, *arguments):
        for _ in range(14):
            time.sleep(0.5)
            repl.run("")
        return identify(repl, *arguments)

    with Board("qemu-rv32", True, seed=os.urandom(64), disk=tmp_path / "flash.img") as board:
        call(board.port, tmp_path, watchdog=5)
        board.press("\x04")  # the node starts, and its watchdog
        time.sleep(1)
        monkeypatch.setattr(deploy_module, "_identify", take_time)
        call(board.port, tmp_path)
        assert board.exec("import machine\nprint(machine.reset_cause())") == "1\n"  # power on
