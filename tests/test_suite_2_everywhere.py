"""Suite 2 between runtimes: a desktop and a MicroPython process talk by it; a board whose firmware
has no AES says so, founds nothing and joins nothing."""

import asyncio
import os

import pytest

from mpseq_tools.devices import connect
from mpseq_tools.qemu import BOARDS, Board
from mpseq_tools.relay import Relay

ROOM = "sealed by AES"
SETTINGS = {"ack_after": 500, "batch_wait": 500}
REFUSAL = "suite 2 needs AES (cryptolib), which this MicroPython lacks"

ON_A_BOARD = """
from mpseq import Conversation, Identity, errors
import os
try:
    import cryptolib
    print("cryptolib is here")
except ImportError:
    person = Conversation(Identity.generate(os.urandom), "roof", os.urandom)
    try:
        person.create("test", 0, suite=2)
    except errors.LocalError as error:
        print(error)
    person.create("test", 0)
    print(len(person.members))
"""


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_without_aes_founds_rooms_of_suite_1_only(name):
    with Board(name, seed=os.urandom(64)) as board:
        assert board.exec(ON_A_BOARD, timeout=60).splitlines() == [REFUSAL, "1"]


async def _play():
    relay = Relay(port=0)
    await relay.start()
    devices = {}
    try:
        for name, kind in (("ana", "cpython"), ("porch", "unix"), ("cellar", "qemu-rv32")):
            devices[name] = await connect(kind, name, relay.port)
            way = {"tcp": ["127.0.0.1", relay.port]} if kind == "cpython" else {}
            await devices[name].be(ROOM, settings=SETTINGS, **way)
            await devices[name].do("open")
        ana, porch, cellar = devices.values()
        await porch.do("create", name=ROOM, suite=2)
        await porch.do("invite", people=[["ana", ana.key], ["cellar", cellar.key]])
        for device in (ana, porch):
            await device.expect("SessionStarted", lambda f: len(f[1]) == 2)
        codes = [(await device.do("state"))["digits"] for device in (ana, porch)]
        assert codes[0] == codes[1] and codes[0]
        for author in (ana, porch):
            text = f"greetings from {author.name}"
            await author.do("send", text=text)
            for device in (ana, porch):
                await device.expect("Text", lambda f, t=text: f[3] == t)
                await device.expect("Confirmed", lambda f: True)
        refused = [event["error"] for event in cellar.events if event["event"] == "Error"]
        assert refused == ["not accepted: " + REFUSAL]
        assert not cellar.seen("SessionStarted")
    finally:
        for device in devices.values():
            await device.close()
        await relay.stop()


def test_a_desktop_and_micropython_talk_by_suite_2_and_a_board_without_aes_stays_out():
    asyncio.run(asyncio.wait_for(_play(), 120))
