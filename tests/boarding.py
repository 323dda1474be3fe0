"""Emulated boards with a node on their disk, bridged into the room of a relay: for tests."""

import asyncio
import contextlib
import functools
import os
import pathlib
import shutil
import tempfile

import packages
from longroom import room
from relays import until

from mpseq_aio import link
from mpseq_tools.bridge import Bridge
from mpseq_tools.qemu import Board
from mpseq_tools.rooms import Rooms
from mpseq_tools.serial_link import SerialTransport

# Behind the name of a board: plain MicroPython, and the library as files on its disk.
FILES = " with files"

INSTALL = """
import json, os
from mpseq_board.entropy import Source
from mpseq_board.keystore import KeyStore
source = Source("/mpseq.d")
source.inject(bytes.fromhex("%s"))
print(KeyStore("/mpseq.d", source).create_identity().public.hex())
from mpseq_board.config import save
save("/mpseq.d", json.loads(%r))
for name, text in json.loads(%r).items():
    with open(name, "w") as file:
        file.write(text)
"""


def board_of(name, disk, **options):
    plain = name.endswith(FILES)
    return Board(name.removesuffix(FILES), not plain, disk=disk, seed=os.urandom(64), **options)


@functools.cache
def disk_with_library():
    """The disk of an RV32IMC board onto which mpremote has installed the library."""
    folder = tempfile.TemporaryDirectory(prefix="mpseq-disk-")
    disk = pathlib.Path(folder.name) / "disk.img"
    with board_of("qemu-rv32" + FILES, disk) as board:
        room.install(board, packages.make(pathlib.Path(folder.name) / "mip"))
    return folder, disk


def install(name, disk, config, files):
    """What `mpseq deploy` does, over the raw REPL; returns the board's key in hex.
    `config` and `files` (path: text) as JSON."""
    if name.endswith(FILES):
        shutil.copy(disk_with_library()[1], disk)
    with board_of(name, disk) as board:
        code = INSTALL % (os.urandom(64).hex(), config, files)
        return board.exec(code, timeout=60).strip()


class Plugged:
    """A board that runs its main.py, and its bridge; `lines`: what it printed."""

    def __init__(self, name, disk, relay):
        self.lines = []
        self._relay = relay
        self.board = board_of(name, disk, prompt=False)

    async def __aenter__(self):
        self.line = SerialTransport(self.board.port)
        self.bridge = Bridge(
            self.line,
            Rooms.relay(port=self._relay.port),
            console=self.lines.append,
            label="board",
        )
        self._running = asyncio.ensure_future(self._run())
        return self

    async def _run(self):
        with contextlib.suppress(link.CarrierLost):
            await self.bridge.run()

    async def __aexit__(self, *_):
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self.board.close()
        print("\n".join(self.lines))  # seen when a test fails

    async def type(self, text):
        await self.bridge.link.type(text.encode())

    def heard(self, words):
        return [line for line in self.lines if words in line]

    async def says(self, words, seconds=60):
        await until(lambda: self.heard(words), seconds)
