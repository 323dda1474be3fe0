"""Suite 2 between runtimes: a desktop, a MicroPython process and a board talk by it; a board whose
firmware has no AES says so, founds nothing and joins nothing."""

import asyncio
import contextlib
import os

import pytest

from mpseq_tools import devices
from mpseq_tools.devices import connect
from mpseq_tools.qemu import BOARDS, Board
from mpseq_tools.relay import Relay

ROOM = "sealed by AES"
SETTINGS = {"ack_after": 500, "batch_wait": 500}
REFUSAL = "suite 2 needs AES (cryptolib), which this MicroPython lacks"

# Some vendors' firmware is built without it: what is here hides the one there is.
HIDE_AES = """
import sys
class Missing:
    pass
sys.modules["cryptolib"] = Missing()
"""

ON_A_BOARD = """
from mpseq import Conversation, Identity, errors
import os
person = Conversation(Identity.generate(os.urandom), "roof", os.urandom)
for suite in (2, 1):
    try:
        person.create("test", 0, suite=suite)
        print(len(person.members), suite)
        break
    except errors.LocalError as error:
        print(error)
"""


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_founds_rooms_of_suite_2_if_it_has_aes(name):
    with Board(name, seed=os.urandom(64)) as board:
        assert board.exec(ON_A_BOARD, timeout=60).splitlines() == ["1 2"]
    with Board(name, seed=os.urandom(64)) as board:
        assert board.exec(HIDE_AES + ON_A_BOARD, timeout=60).splitlines() == [REFUSAL, "1 1"]


async def _room(stack, people):
    relay = Relay(port=0)
    await relay.start()
    stack.push_async_callback(relay.stop)
    room = []
    for name, kind in people:
        device = await stack.enter_async_context(await connect(kind, name, relay.port))
        way = {"tcp": ["127.0.0.1", relay.port]} if kind == "cpython" else {}
        await device.be(ROOM, settings=SETTINGS, **way)
        await device.do("open")
        room.append(device)
    founder = room[1]
    await founder.do("create", name=ROOM, suite=2)
    await founder.do("invite", people=[[d.name, d.key] for d in room if d is not founder])
    return room


async def _talk(members):
    for device in members:
        await device.expect("SessionStarted", lambda f: len(f[1]) == len(members))
    codes = {(await device.do("state"))["digits"] for device in members}
    assert len(codes) == 1 and codes.pop()
    for author in members:
        text = f"greetings from {author.name}"
        await author.do("send", text=text)
        for device in members:
            await device.expect("Text", lambda f, t=text: f[3] == t)
            await device.expect("Confirmed", lambda f: True)


def play(story):
    async def run():
        async with contextlib.AsyncExitStack() as stack:
            await story(stack)

    asyncio.run(asyncio.wait_for(run(), 120))


def test_a_desktop_micropython_and_a_board_talk_by_suite_2():
    async def story(stack):
        people = (("ana", "cpython"), ("porch", "unix"), ("cellar", "qemu-rv32"))
        await _talk(await _room(stack, people))

    play(story)


def test_a_board_without_aes_stays_out_of_a_room_of_suite_2(monkeypatch):
    async def story(stack):
        monkeypatch.setattr(devices, "AGENT", HIDE_AES + devices.AGENT)
        people = (("ana", "cpython"), ("eva", "cpython"), ("cellar", "qemu-rv32"))
        ana, eva, cellar = await _room(stack, people)
        await _talk([ana, eva])
        refused = [event["error"] for event in cellar.events if event["event"] == "Error"]
        assert refused == ["not accepted: " + REFUSAL]
        assert not cellar.seen("SessionStarted")

    play(story)
