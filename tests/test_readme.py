"""What the README shows works as it stands there. What holds for every page, like its commands and
links, is looked at in test_docs.py."""

import asyncio
import os
import pathlib
import re
import sys

import pytest

from mpseq import Identity, events
from mpseq_aio.chat import Chat
from mpseq_tools.relay import Relay

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def program():
    (text,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    return text


def test_the_program_has_eight_lines():
    assert len(program().strip().splitlines()) == 8


async def _invite_and_hear(command, path):
    relay = Relay(port=0)
    await relay.start()
    path.write_text(program().replace("127.0.0.1:7676", f"127.0.0.1:{relay.port}"))
    process = await asyncio.create_subprocess_exec(
        *command, path, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    ana = Chat(Identity.generate(os.urandom), "ana", f"tcp://127.0.0.1:{relay.port}/garden")
    try:
        await ana.open()
        ana.create("garden")
        async for event in ana.events():
            if len(getattr(event, "labels", ())) == 2 or type(event).__name__ == "Entered":
                break
        line = (await process.stdout.readline()).decode()
        key = bytes.fromhex(line.removeprefix("my key: ").strip())
        ana.invite([("porch", key)])
        async for event in ana.events():
            if isinstance(event, events.Text):
                return event.nick, event.text, event.key == key
    finally:
        await ana.close()
        if process.returncode is None:
            process.kill()
        await process.wait()
        await relay.stop()


@pytest.mark.parametrize("runtime", ["cpython", "unix"])
def test_the_program_is_invited_and_speaks(runtime, unix_micropython, tmp_path):
    command = [sys.executable] if runtime == "cpython" else [unix_micropython]
    heard = asyncio.run(asyncio.wait_for(_invite_and_hear(command, tmp_path / "p.py"), 180))
    assert heard == ("porch", "21.5 C out here", True)


async def _bridge_and_hear(path):
    relay = Relay(port=0)
    await relay.start()
    path.write_text(program().replace("tcp://127.0.0.1:7676/garden", "serial:garden"))
    bridge = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mpseq_tools", "bridge", "--device", "qemu-rv32",
        "--program", path, "--relay", f"127.0.0.1:{relay.port}",
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    said = []
    try:
        async with Chat(
            Identity.generate(os.urandom), "ana", f"tcp://127.0.0.1:{relay.port}/garden"
        ) as ana:
            ana.create("garden")
            while not said or "my key: " not in said[-1]:
                said.append((await bridge.stdout.readline()).decode())
                assert said[-1], f"the bridge has ended: {said}"
            key = bytes.fromhex(said[-1].split("my key: ")[1].strip())
            ana.invite([("porch", key)])
            async for event in ana.events():
                if isinstance(event, events.Text) and not event.own:
                    assert (event.text, event.key) == ("21.5 C out here", key)
                if isinstance(event, events.SessionStarted) and event.left:
                    break  # the program's end said good-bye
    finally:
        bridge.terminate()
        await bridge.wait()
        await relay.stop()


def test_the_program_runs_on_an_emulated_board_behind_the_bridge(tmp_path):
    asyncio.run(asyncio.wait_for(_bridge_and_hear(tmp_path / "porch.py"), 180))
