"""A board with 160 KiB of heap and a stock MicroPython, on which `mpseq deploy` put everything as
files: its node sits in a room of five, on a cable."""

import asyncio
import contextlib
import os
import sys

from packages import make
from relays import until

from mpseq import Identity, events
from mpseq_aio.chat import Chat
from mpseq_tools.qemu import Board
from mpseq_tools.relay import Relay

OTHERS = 3  # and ana, who invites, and the board


async def watch(chat, seen):
    async for event in chat.events():
        seen.append(event)


async def story(port, packages, disk_says):
    relay = Relay(port=0)
    await relay.start()
    address = f"tcp://127.0.0.1:{relay.port}/garden"
    people = [Chat(Identity.generate(os.urandom), name, address)
              for name in ["ana"] + [f"d{number}" for number in range(OTHERS)]]  # fmt: skip
    ana, others = people[0], people[1:]
    tasks = []
    command = ("-m", "mpseq_tools", "deploy", "--port", port, "--nick", "porch")
    more = ("--room", "garden", "--invite-by", f"ana={ana.identity.public.hex()}", "--stay")
    more += ("--dist", packages)
    deploy = None
    try:
        for one in people:
            await one.open()
        ana.create("garden")
        joins = [asyncio.create_task(one.join()) for one in others]
        ana.invite([(one.nick, one.identity.public) for one in others])
        await asyncio.gather(*joins)
        seen = []
        tasks = [asyncio.create_task(watch(one, [])) for one in others]
        tasks.append(asyncio.create_task(watch(ana, seen)))
        deploy = await asyncio.create_subprocess_exec(
            sys.executable, *command, *more, "--relay", f"127.0.0.1:{relay.port}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

        async def listen():
            async for line in deploy.stdout:
                text = line.decode().strip()
                disk_says.append(text)
                if text.startswith("/invite porch "):
                    ana.invite([("porch", bytes.fromhex(text.split()[2]))])

        tasks.append(asyncio.create_task(listen()))
        await until(lambda: len(ana.members) == OTHERS + 2, 90)
        for number in range(5):
            await ana.send(f"hello {number}")

        def sessions():
            return sum(isinstance(event, events.SessionStarted) for event in seen)

        before = sessions()
        others[0].rekey()
        await until(lambda: sessions() > before)
        await others[1].send("after it")
        await until(lambda: any("<d1> after it" in text for text in disk_says))
        assert len(ana.members) == OTHERS + 2
    finally:
        if deploy:
            with contextlib.suppress(ProcessLookupError):
                deploy.terminate()
            await deploy.wait()
        for task in tasks:
            task.cancel()
        for one in people:
            await one.close()
        await relay.stop()


def test_a_whole_node_from_files_in_a_room_of_five(tmp_path):
    said = []
    disk = tmp_path / "flash.img"
    with Board("qemu-rv32", linked=False, disk=disk, seed=bytes(range(64))) as board:
        asyncio.run(story(board.port, make(tmp_path / "mip"), said))
    assert not [text for text in said if "fault" in text or "MemoryError" in text], said
    shown = [text for text in said if text.startswith("device| ") and "<ana> hello 4" in text]
    assert len(shown) == 1, "\n".join(said)
