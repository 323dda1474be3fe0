"""Nodes for tests: a folder with settings and keys, and a Node that runs here or elsewhere."""

import asyncio
import contextlib
import json
import os

from changing import changed
from relays import until

from mpseq_board import company
from mpseq_board.entropy import Source
from mpseq_board.keystore import KeyStore
from mpseq_board.node import Node

__all__ = ("Elsewhere", "here", "quick", "settle", "until")


def settle(folder, nick, carrier, **more):
    """A board's folder as `mpseq deploy` leaves it, without its people; returns its key in hex."""
    source = Source(str(folder))
    store = KeyStore(str(folder), source)
    identity = store.identity or store.create_identity()
    write(folder, nick=nick, carrier=carrier, **more)
    return identity.public.hex()


def write(folder, **config):
    (folder / "config.json").write_text(json.dumps(config))


def befriend(folders):
    """Every one of these folders gets all others as its people: {nick: folder} and keys."""
    keys = {
        nick: KeyStore(str(f), Source(str(f))).identity.public.hex() for nick, f in folders.items()
    }
    for nick, folder in folders.items():
        config = json.loads((folder / "config.json").read_text())
        config["people"] = [[one, key] for one, key in keys.items() if one != nick]
        write(folder, **config)
    return keys


def household(tmp_path, carrier, *nicks):
    """Folders of several who know one another; the first is the host."""
    folders = {nick: tmp_path / nick for nick in nicks}
    for nick, folder in folders.items():
        settle(folder, nick, carrier, host=nick == nicks[0], name="kitchen")
    return folders, befriend(folders)


# Patience of people in tests, in ms.
TIMES = {
    "_AGAIN": 3000, "_LISTEN": 12000, "_READY": 5000,
    "_ALONE": 3000, "_DESERTED": 6000, "_ORPHANED": 9000, "_HOST": 12000,
}  # fmt: skip


def quick():
    """While this lasts, nodes of this process are as impatient as that."""
    return changed(company, **TIMES)


@contextlib.asynccontextmanager
async def here(folder, **options):
    """A Node in this process. `seen`: its events; `lines`: what it printed."""
    node = Node(str(folder), **{"console": False, **options})
    node.seen, node.lines = [], []
    node.log = node.lines.append
    tell = node._tell

    async def tell_too(event):
        node.seen.append(event)
        await tell(event)

    node._tell = tell_too
    task = asyncio.ensure_future(node.main())
    try:
        yield node
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with contextlib.suppress(asyncio.CancelledError):
            await node._end()


QUICK = "import mpseq_board.company as c\n" + "".join(
    f"c.{name} = {value}\n" for name, value in TIMES.items()
)
PROGRAM = QUICK + "from mpseq_board.node import run; run(%r)"


class Elsewhere:
    """A node in a MicroPython process; `type` types a line at its console, `lines` it printed."""

    def __init__(self, executable, folder, program=None):
        self.lines = []
        self._program = program or PROGRAM % str(folder)
        self._executable = executable
        self._reading = None
        self.process = None

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            str(self._executable), "-X", "heapsize=1M", "-c", self._program,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, env=dict(os.environ),
        )  # fmt: skip
        self._reading = asyncio.ensure_future(self._read(self.process.stdout))

    async def _read(self, stream):
        async for line in stream:
            self.lines.append(line.decode().rstrip())

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    async def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self._reading
        print("\n".join(self.lines))  # seen when a test fails

    async def says(self, words, since=0, seconds=60):
        await until(lambda: self.heard(words, since), seconds)

    def heard(self, words, since=0):
        return [line for line in self.lines[since:] if words in line]
