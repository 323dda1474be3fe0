"""`mpremote mip install` from a local folder, then a program that imports mpseq from the files.

On an emulated board with a disk, and on unix MicroPython: there mpremote speaks to a raw REPL in
front of the interpreter (unix_board), since the unix port has none of its own.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys

import pytest
from packages import make
from relays import a_relay, story, until
from test_chat import BOARD, people
from unix_board import UnixBoard

from mpseq_tools import mip, serial_link
from mpseq_tools.bridge import Bridge
from mpseq_tools.qemu import Board, firmware_path
from mpseq_tools.repl import Repl
from mpseq_tools.rooms import Rooms

PLAIN = firmware_path("").parents[1] / "unix" / "micropython-plain"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return make(tmp_path_factory.mktemp("mip"))


@contextlib.contextmanager
def on_unix(folder):
    with UnixBoard(PLAIN, folder / "disk") as board:
        yield board.port


@contextlib.contextmanager
def on_rv32(folder):
    with Board("qemu-rv32", False, seed=os.urandom(64), disk=folder / "disk.img") as board:
        yield board.port


def mpremote(port, *arguments, cwd=None):
    command = [sys.executable, "-m", "mpremote", "connect", port, "resume", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("place, arch", [(on_unix, "x64"), (on_rv32, "rv32imc")])
def test_a_program_chats_after_mpremote_mip_install(packages, tmp_path, place, arch):
    with place(tmp_path) as port:
        code, said = mpremote(port, "mip", "install", f"{packages / arch / mip.PACKAGE}")
        assert code == 0, said
        assert said.count("Installing: /lib/") == len(mip.load(packages / arch).files)
        code, said = mpremote(port, "exec", "import mpseq_aio; print(mpseq_aio.__file__)")
        assert said.strip() == "/lib/mpseq_aio/__init__.mpy"

        with Repl(port) as repl:
            repl.enter()
            repl.reset()

        @story
        async def tell():
            line = serial_link.SerialTransport(port)
            async with a_relay() as relay, people(relay, "ana") as (ana,):
                bridge = Bridge(line, Rooms.relay("127.0.0.1", relay.port), console=print)
                bridge.link.feed(await serial_link.start_program(line, BOARD))
                running = asyncio.ensure_future(bridge.run())
                try:
                    key = (await asyncio.wait_for(bridge.reports.get(), 60))[1]
                    await until(lambda: bridge.connected)
                    ana.chat.create("kitchen")
                    ana.chat.invite([("mini", bytes.fromhex(key))])
                    session = await asyncio.wait_for(bridge.reports.get(), 60)
                    assert session == ["session", 2, ana.chat.code.digits]
                    await ana.chat.send("installed")
                    await until(lambda: ("mini", "INSTALLED") in ana.texts())
                finally:
                    running.cancel()
                    await asyncio.gather(running, return_exceptions=True)

        tell()


def test_mip_alone_does_not_see_what_was_tampered_with(packages, tmp_path):
    """What README says of it: it copies; `mpseq deploy` and sha256sum are who compare."""
    folder = shutil.copytree(packages / "x64", tmp_path / "x64")
    (folder / "mpseq" / "__init__.mpy").write_bytes(b"M\x06\x00\x1f what it wants")
    with on_unix(tmp_path) as port:
        code, said = mpremote(port, "mip", "install", mip.PACKAGE, cwd=folder)
        assert code == 0, said
    with pytest.raises(mip.MipFault):
        mip.load(folder)
    checked = subprocess.run(["sha256sum", "-c", mip.MANIFEST], cwd=folder, capture_output=True)
    assert checked.returncode == 1
