"""What is installed on a board, build/mpy, does all that the sources do: every carrier, and a node
with Wi-Fi, run on the MicroPython of this machine. (The core itself: tests/test_bundle.py; what a
node does on a board: test_node_board.py and test_examples.py.)"""

import asyncio
import json
import os

import pytest
from nodes import here, settle, until, write
from relays import a_relay
from story_runs import ROOT
from test_tls import a_tls_relay, certificate, told
from test_udp import free_port

from mpseq import Identity, events
from mpseq_aio.chat import Chat, Entered

FILES = dict(os.environ, MICROPYPATH=f"{ROOT / 'build' / 'mpy'}:.frozen")

MEMBER = """
import asyncio, os
from mpseq import Identity, events
from mpseq_aio.chat import Chat

async def main():
    chat = Chat(Identity.generate(os.urandom), nick="porch", carrier=%r)
    print("key", chat.identity.public.hex())
    await chat.join()
    await chat.send("here I am")
    async for event in chat.events():
        if isinstance(event, events.Text) and event.nick != "porch":
            if event.text == "bye":
                break
            await chat.send("heard " + event.text)
    await chat.leave()
    await chat.close()
    print("well")
asyncio.run(main())
"""

# Three in one process, because the stand-in for the radio is one process's.
RADIO = """
import sys
sys.path[:0] = [%r, %r]
import test_ordered_espnow
test_ordered_espnow.test_three_boards_without_any_network()
print("well")
"""

NODE = """
import sys

class Wlan:
    PM_NONE = 0

    def __init__(self, interface):
        self._in = False

    def active(self, on=None):
        return True

    def config(self, *names, **values):
        return 0

    def connect(self, ssid, password):
        self._in = (ssid, password) == ("home", "secret")

    def isconnected(self):
        return self._in

network = type("network", (), {"WLAN": Wlan, "STA_IF": 0})
sys.modules["network"] = network

async def on_text(node, event):
    await node.send("heard " + event.text)

from mpseq_board.node import run
run(%r, on_text=on_text)
"""


async def start(program):
    return await asyncio.create_subprocess_exec(
        ROOT / "build" / "unix" / "mpseq-micropython", "-X", "heapsize=512K", "-c", program,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, env=FILES,
    )  # fmt: skip


async def converse(ours, theirs):
    """A desktop and a member from files, at two addresses of one room, talk."""
    async with Chat(Identity.generate(os.urandom), "desk", ours) as chat:
        process = await start(MEMBER % theirs)
        try:
            key = bytes.fromhex((await process.stdout.readline()).split()[1].decode())
            chat.create("house")
            heard = []
            async for event in chat.events():
                if isinstance(event, Entered):
                    chat.invite([("porch", key)])
                if isinstance(event, events.Text):
                    heard.append((event.nick, event.text))
                    if len(heard) == 1:
                        await chat.send("one")
                    if event.text == "heard one":
                        break
            assert heard == [("porch", "here I am"), ("desk", "one"), ("porch", "heard one")]
            await chat.send("bye")
            assert (await asyncio.wait_for(process.communicate(), 60))[0].split() == [b"well"]
        finally:
            if process.returncode is None:
                process.kill()


@told
async def test_over_tcp():
    async with a_relay() as relay:
        address = f"tcp://127.0.0.1:{relay.port}/garden"
        await converse(address, address)


@told
async def test_over_tls(tmp_path):
    files = certificate(tmp_path)
    async with a_tls_relay(files) as port:
        address = f"tls://localhost:{port}/garden#"
        await converse(address + str(files[0]), address + str(files[2]))


@told
async def test_over_udp():
    address = f"udp://127.255.255.255:{free_port()}/garden"
    await converse(address, address)


@told
async def test_over_the_radio():
    ordered = ROOT / "tests" / "ordered"
    process = await start(RADIO % (str(ordered), str(ordered / "radio")))
    said = (await process.communicate())[0].decode()
    assert said.split() == ["well"], said


@told
async def test_a_node_with_wifi_and_its_console(tmp_path):
    async with a_relay() as relay:
        carrier = f"tcp://127.0.0.1:{relay.port}/garden"
        hub, mini = tmp_path / "hub", tmp_path / "mini"
        hub_key = settle(hub, "hub", carrier, host=True)
        wifi = {"ssid": "home", "password": "secret"}
        key = settle(mini, "mini", carrier, people=[["hub", hub_key]], wifi=wifi)
        write(hub, **{**json.loads((hub / "config.json").read_text()), "people": [["mini", key]]})
        async with here(hub) as host:
            # Else the other one is there first, and a host who finds somebody waits for them.
            await until(lambda: any("connected" in line for line in host.lines))
            process = await start(NODE % str(mini))
            lines = []

            async def read():
                async for line in process.stdout:
                    lines.append(line.decode().strip())

            def says(words):
                return until(lambda: any(words in line for line in lines))

            reading = asyncio.create_task(read())
            try:
                await says("connected to Wi-Fi home")
                await says("joined room: ")
                await until(lambda: len(host.members) == 2)
                await host.send("hello")
                await until(lambda: "heard hello" in [
                    one.text for one in host.seen if isinstance(one, events.Text)
                ])  # fmt: skip
                digits = host.code.digits
                process.stdin.write(f"/verify hub {digits}\n/who\n/leave\n".encode())
                await says("verified: hub [")
                await says("2 in the conversation")
                await says("mpseq: left")
                assert not [line for line in lines if "fault" in line or "not done" in line], lines
            finally:
                process.kill()
                await process.wait()
                await reading
                print("\n".join(lines))


@pytest.fixture(scope="module", autouse=True)
def built():
    if not (ROOT / "build" / "mpy").is_dir():
        pytest.fail("no build/mpy. Cure: make mpy", pytrace=False)
