"""A node on an emulated board: switched on, it is in the room; so it is after every power cut."""

import asyncio
import json

import pytest
from boarding import FILES, Plugged, install
from nodes import here, quick, settle, until, write
from relays import a_relay

from mpseq import events
from mpseq_tools.qemu import BOARDS

MAIN = """
from mpseq_board.node import run

def on_text(node, event):
    if event.text == "hang":
        while True:
            pass

run(on_text=on_text)
"""


def with_a_board(name, tmp_path, story, **config):
    """`story(hub, plug)` with a host here, who knows the board, and the board, who knows
    the host; `plug()` switches it on."""

    async def tell():
        async with a_relay() as relay:
            folder = tmp_path / "hub"
            hub_key = settle(folder, "hub", f"tcp://127.0.0.1:{relay.port}/kitchen", host=True)
            disk = tmp_path / "disk.img"
            settings = {
                "nick": "mini", "carrier": "serial:kitchen",
                "people": [["hub", hub_key]], **config,
            }  # fmt: skip
            key = install(name, disk, json.dumps(settings), json.dumps({"main.py": MAIN}))
            data = json.loads((folder / "config.json").read_text())
            write(folder, **{**data, "people": [["mini", key]]})
            async with here(folder) as hub:
                await story(hub, lambda: Plugged(name, disk, relay))

    with quick():
        asyncio.run(asyncio.wait_for(tell(), 180))


def texts(node):
    return [(one.nick, one.text) for one in node.seen if isinstance(one, events.Text)]


@pytest.mark.parametrize("name", [*BOARDS, "qemu-rv32" + FILES])
def test_a_board_joins_by_itself_and_a_person_types_between_its_frames(name, tmp_path):
    async def story(hub, plug):
        async with plug() as board:
            await until(lambda: len(hub.members) == 2)
            await board.says("mpseq: joined room: ")
            # Key by key, while frames pass in both directions.
            for at, character in enumerate(
                "/verify hub %s\r/who\rhi\b\bhello\r" % hub.code.digits
            ):
                await board.type(character)
                if at % 8 == 0:
                    await hub.send("text %d" % at)
            await until(lambda: ("mini", "hello") in texts(hub))
            await board.says("verified: hub [")
            await board.says("2 in the conversation")
            assert [line for line in board.heard("hub [") if line.endswith("] +")]
            await board.says("<hub> text 32")
            assert board.bridge.link.frames.bad == 0 and not sum(
                hub.chat.conversation.refused.values()
            )
            await board.type("/stats\r/nonsense\r/code\r")
            await board.says("bytes free, up ")
            await board.type("/help\r/key\r")
            await board.says("/verify NICK [DIGITS]")
            await board.says(", fingerprint ")
            print(board.heard("bytes free"))
            await board.says("not done: /help")
            await board.says("code " + hub.code.digits)
            await board.type("x\b\x03")
            await board.says("Ctrl-C once more ends this")
            await board.type("\x03")
            await board.says("ended by Ctrl-C")
            await asyncio.sleep(0.3)
            # The REPL has its line again, and what was typed behind the Ctrl-C.
            await board.type("6 * 7\r")
            await board.says("42")

    with_a_board(name, tmp_path, story)


def test_a_board_is_back_after_a_power_cut_and_nothing_is_shown_twice(tmp_path):
    async def story(hub, plug):
        lines = []
        for cut in range(3):
            async with plug() as board:
                # Another session than the one with its ghost.
                await board.says("mpseq: joined room: ", 30)
                await until(lambda: len(hub.members) == 2 and hub.chat.labels)
                await hub.send("to the board %d" % cut)
                await board.says("to the board %d" % cut)
                await board.type("from the board %d\r" % cut)
                await until(lambda n=cut: ("mini", "from the board %d" % n) in texts(hub))
                lines += board.heard("<hub>")
        assert len(lines) == 3 and [one for one in texts(hub) if one[0] == "mini"] == [
            ("mini", "from the board %d" % cut) for cut in range(3)
        ]

    with_a_board("qemu-rv32", tmp_path, story)


def test_a_board_that_hangs_is_reset_by_its_watchdog_and_comes_back(tmp_path):
    async def story(hub, plug):
        async with plug() as board:
            await until(lambda: len(hub.members) == 2)
            await asyncio.sleep(6)  # longer than the watchdog waits
            assert len(board.heard("mpseq: key ")) == 1
            await hub.send("hang")
            await until(lambda: len(board.heard("mpseq: joined room: ")) == 2)
            await board.type("well again\r")
            await until(lambda: ("mini", "well again") in texts(hub))

    with_a_board("qemu-rv32", tmp_path, story, watchdog=5)
