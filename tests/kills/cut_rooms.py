"""Power cuts of a member that talks: the room recovers by itself, and nothing is shown twice.

A host here, on CPython, and a node on an emulated board (its files on a disk) or in a MicroPython
process (a folder). The node is killed at random moments: while it starts, joins, talks.
"""

import asyncio
import json
import shutil
import time

from boarding import Plugged, install
from changing import changed
from disks import dump
from nodes import Elsewhere, here, quick, settle, write
from relays import a_relay

from mpseq import conversation, errors, events
from mpseq_board.config import load
from mpseq_board.entropy import Source
from mpseq_board.keystore import KeyStore
from mpseq_tools.devices import unix_program

RECOVERY = 120  # seconds that the room may take, on a busy machine too
# The host's patience with one who falls silent in a key exchange, in ms. By the default, 60 s, the
# room is back after 110 s; it is waited for here as often as it happens, so it is made shorter.
PATIENCE = 6000


class OnBoard:
    """The node on an emulated board, whose main.py is the one in boards/."""

    def __init__(self, name, folder, relay, main):
        self._name, self._relay = name, relay
        self._folder, self._main = folder, main
        self.disk = folder / "disk.img"
        self._number = 0
        self.lines = []

    def settle(self, people):
        settings = {"nick": "mini", "carrier": "serial:kitchen", "people": people}
        files = json.dumps({"main.py": self._main})
        return install(self._name, self.disk, json.dumps(settings), files)

    async def on(self):
        self._plugged = Plugged(self._name, self.disk, self._relay)
        self._plugged.lines = self.lines
        await self._plugged.__aenter__()

    async def type(self, line):
        await self._plugged.type(line + "\r")

    async def kill(self):
        self._plugged.board.close()
        self._plugged.lines = []
        await self._plugged.__aexit__()
        self._number += 1
        return dump(self.disk, self._folder / f"files {self._number}") / "mpseq.d"

    def off(self):
        """Nothing runs any more, whatever happened."""
        self._plugged.board.close()


class OnUnix:
    """The node in a process with the MicroPython of this machine."""

    def __init__(self, folder, relay):
        self._folder = folder
        self._carrier = f"tcp://127.0.0.1:{relay.port}/kitchen"
        self._number = 0
        self.lines = []

    def settle(self, people):
        folder = self._folder / "mini"
        folder.mkdir()
        return settle(folder, "mini", self._carrier, people=people)

    async def on(self):
        self._node = Elsewhere(unix_program(), self._folder / "mini")
        self._node.lines = self.lines
        await self._node.start()

    async def type(self, line):
        self._node.type(line)

    async def kill(self):
        self._node.process.kill()
        await self._node.process.wait()
        await self._node._reading
        self._number += 1
        # a copy: to open the store writes the seed anew
        return shutil.copytree(self._folder / "mini", self._folder / f"files {self._number}")

    def off(self):
        if self._node.process.returncode is None:
            self._node.process.kill()


class Impatient(conversation.Settings):
    def __init__(self):
        super().__init__()
        self.suspect_after = self.suspect_ack_after = PATIENCE


def play(stories):
    """All of [(node, folder, kills, random, say)] at once: so many power cuts of that node.
    AssertionError tells what went wrong."""

    async def together():
        await asyncio.gather(*(_play(*story) for story in stories))

    with quick(), changed(conversation, Settings=Impatient):
        asyncio.run(together())


async def _play(node, folder, kills, random, say):
    hub_folder = folder / "hub"
    async with a_relay() as relay:
        node = node(folder, relay)
        hub_key = settle(hub_folder, "hub", f"tcp://127.0.0.1:{relay.port}/kitchen", host=True)
        key = node.settle([["hub", hub_key]])
        settings = json.loads((hub_folder / "config.json").read_text())
        write(hub_folder, **{**settings, "people": [["mini", key]]})
        async with here(hub_folder) as hub:
            try:
                await _Story(node, hub, key, random, say).tell(kills)
            finally:
                node.off()


class _Story:
    def __init__(self, node, hub, key, random, say):
        self.node, self.hub, self.key = node, hub, key
        self.random, self.say = random, say
        self.sent = self.typed = 0
        self.slowest = 0

    async def tell(self, kills):
        for kill in range(kills):
            await self.node.on()
            if self.random.random() < 0.3:
                await self.recover()
                await self.talk(self.random.uniform(0, 0.5))
            else:
                await self.talk(self.random.uniform(0, 3))
            self.check_files(await self.node.kill())
            self.check_texts()
            if kill % 20 == 19:
                self.say(
                    f"  {kill + 1} power cuts, {len(self.told())} texts came here and"
                    f" {len(self.shown())} were shown there, none twice;"
                    f" back after {self.slowest:.0f} s at most"
                )
        await self.node.on()
        await self.recover()
        self.check_texts()
        self.check_files(await self.node.kill())

    async def talk(self, seconds):
        """Both say what they can for a time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await self.say_here()
            await self.say_there()
            await asyncio.sleep(min(left, 0.15))

    async def say_here(self):
        if len(self.hub.members) == 2:
            try:
                await self.hub.send(f"text {self.sent}.")
                self.sent += 1
            except errors.LocalError:
                pass  # out meanwhile

    async def say_there(self):
        await self.node.type(f"word {self.typed}.")
        self.typed += 1

    async def recover(self):
        """Until each hears the other, in a session of this start of the node."""
        begin = time.monotonic()
        came, went = len(self.told()), len(self.shown())
        while len(self.told()) == came or len(self.shown()) == went:
            took = time.monotonic() - begin
            assert took < RECOVERY, f"not back: {self.node.lines[-12:]}, {self.hub.lines[-12:]}"
            self.slowest = max(took, self.slowest)
            await self.talk(0.3)

    def told(self):
        """The node's words that came here."""
        return [
            one.text
            for one in self.hub.seen
            if isinstance(one, events.Text) and one.nick == "mini" and one.text[:5] == "word "
        ]

    def shown(self):
        """The host's texts that the node showed."""
        return [line for line in self.node.lines if "<hub> text " in line]

    def check_texts(self):
        for texts in (self.told(), [one[one.index("<hub>") :] for one in self.shown()]):
            assert len(set(texts)) == len(texts), f"twice: {sorted(texts)}"

    def check_files(self, folder):
        """Settings and keys can be read after each cut."""
        assert load(str(folder))["nick"] == "mini"
        store = KeyStore(str(folder), Source(str(folder)))
        assert store.identity.public.hex() == self.key
