"""Deploying in tests: a board's folder, packages, `mpseq deploy` as a program or as a call."""

import asyncio
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from packages import ROOT
from relays import a_relay
from test_chat import Person
from unix_board import UnixBoard

from mpseq_board.entropy import Source
from mpseq_board.keystore import KeyStore
from mpseq_tools.deploy import Wanted, deploy

PLAIN = ROOT / "build" / "unix" / "micropython-plain"
FROZEN = ROOT / "build" / "unix" / "mpseq-micropython"


def command(port, packages, *options):
    """`mpseq deploy` with the nick porch, and the room kitchen if no carrier is among options."""
    line = [sys.executable, "-m", "mpseq_tools", "deploy", "--port", port, "--dist", packages]
    room = [] if "--carrier" in options else ["--room", "kitchen"]
    return [*map(str, line), "--nick", "porch", *room, *options]


def run(port, packages, *options, **more):
    """The program to its end."""
    return subprocess.run(
        command(port, packages, *options), capture_output=True, text=True, timeout=100, **more
    )


def call(port, packages, **wanted):
    """In this process; the member and the lines that were said."""
    lines = []
    whole = {"nick": "porch", "carrier": "serial:kitchen", **wanted}
    return deploy(port, Wanted(**whole), packages, say=lines.append), lines


def library(board: UnixBoard) -> dict:
    """Every file under the board's /lib."""
    folder = board.disk / "lib"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Deployment:
    """`mpseq deploy` beside a relay and ana, who does what it tells her to."""

    def __init__(self, port, packages, *options):
        self._options = (port, packages, *options)
        self.lines = []
        self.code = None

    async def tell(self, ana: Person, relay):
        """Runs it; ana is in the room already, and founds a conversation if she has none."""
        options = ["--relay", f"127.0.0.1:{relay.port}", "--patience", "60"]
        options += ["--invite-by", f"ana={ana.chat.identity.public.hex()}"]
        process = await asyncio.create_subprocess_exec(
            *command(*self._options, *options),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ),
        )  # fmt: skip
        try:
            while line := (await process.stdout.readline()).decode().rstrip("\n"):
                print(line)
                self.lines.append(line)
                if line.startswith("/invite "):
                    _, nick, key = line.split()
                    if not ana.chat.members:
                        ana.chat.create("kitchen")
                    ana.chat.invite([(nick, bytes.fromhex(key))], True)
                elif line.startswith("in the room, through this bridge"):
                    await ana.chat.send("hello porch")
                elif "<ana> hello porch" in line:
                    process.send_signal(signal.SIGINT)
            self.code = await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    @property
    def text(self):
        return "\n".join(self.lines)


@contextlib.asynccontextmanager
async def a_room():
    """A relay and ana in its room."""
    async with a_relay() as relay:
        ana = Person(relay, "ana")
        await ana.come()
        try:
            yield relay, ana
        finally:
            await ana.go()


def find_secret(folder: pathlib.Path) -> bytes:
    """The secret key of the identity in a board's folder, as only its owner can read it."""
    copy = str(shutil.copytree(folder, folder.with_name("copy of a flash"), dirs_exist_ok=True))
    return bytes(KeyStore(copy, Source(copy)).identity.secret)
