"""host_tools/examples, as a developer starts them: processes of their own, over a real relay."""

import asyncio
import contextlib
import json
import os
import pathlib
import re
import signal
import stat
import sys

import pytest
from mosquitto import Mosquitto
from PIL import Image

from mpseq import Identity, events
from mpseq_aio.chat import Chat
from mpseq_tools import rooms
from mpseq_tools.relay import Relay

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "host_tools" / "examples"
PATIENCE = 240


class Program:
    """An example that runs, and what it has printed."""

    def __init__(self, process):
        self.process = process
        self.said = ""

    async def says(self, pattern):
        """The match of a pattern in what it prints."""
        while not (found := re.search(pattern, self.said)):
            more = await self.process.stdout.readline()
            assert more, f"{pattern!r} never came: {self.said}"
            self.said += more.decode()
        return found

    async def invitee(self):
        """(nick, key) of the line with which somebody is to invite it."""
        found = await self.says(r"/invite (\S+) ([0-9a-f]{64})\n")
        return found[1], bytes.fromhex(found[2])

    async def ends(self):
        """What it prints until its end, after Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        self.said += (await self.process.stdout.read()).decode()
        assert await self.process.wait() == 0, self.said


class Place:
    """A relay, a conversation of ana's there, and the examples that run."""

    def __init__(self, home, relay, address, ana, stack):
        self.home = home
        self.ana = ana
        self.relay = relay
        self.address = address
        self._stack = stack

    async def member(self, nick):
        """A member in this process, not in the conversation yet."""
        chat = Chat(Identity.generate(os.urandom), nick, self.address)
        await self._stack.enter_async_context(chat)
        return chat

    async def start(self, name, *options):
        """An example that ana may invite."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, EXAMPLES / f"{name}.py", self.address, *options,
            "--invited-by", self.ana.identity.public.hex(), cwd=self.home,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=dict(os.environ, MPSEQ_HOME=str(self.home / "keys"), COLUMNS="100", LINES="30"),
        )

        async def end():
            if process.returncode is None:
                process.kill()
            await process.wait()

        self._stack.push_async_callback(end)
        return Program(process)

    async def hears(self, kind, true):
        """The next event of this kind at ana's for which `true` holds."""
        async for event in self.ana.events():
            if isinstance(event, kind) and true(event):
                return event

    async def comes(self, *nicks):
        """Waits until these are in ana's session."""
        while not set(nicks) <= {member.nick for member in self.ana.members}:
            await self.hears(events.SessionStarted, lambda event: True)


def story(tmp_path, scene, address=None):
    """Plays a scene in a place of its own, at a relay unless there is another address."""

    async def play():
        relay = Relay(port=0)
        await relay.start()
        place = address or f"tcp://127.0.0.1:{relay.port}/garden"
        try:
            async with contextlib.AsyncExitStack() as stack:
                ana = Chat(Identity.generate(os.urandom), "ana", rooms.at(place).room())
                await stack.enter_async_context(ana)
                ana.create("garden")
                await scene(Place(tmp_path, relay, place, ana, stack))
        finally:
            await relay.stop()

    asyncio.run(asyncio.wait_for(play(), PATIENCE))


def test_the_bot_answers_whom_it_knows(tmp_path):
    async def scene(place):
        ben = await place.member("ben")
        bot = await place.start("bot")
        place.ana.invite([await bot.invitee(), ("ben", ben.identity.public)])
        await ben.join()
        await place.comes("bot", "ben")
        await bot.says(rf"in a session with [^;]+; code {place.ana.code.digits}\n")
        await ben.send("!ping")
        await bot.says("not answered, because unknown: ben\n")
        await place.ana.send("good morning")
        await place.ana.send(" !ping ")
        said = await place.hears(events.Text, lambda event: event.nick == "bot")
        assert said.text == "pong"
        await place.ana.send("!who")
        said = await place.hears(events.Text, lambda event: event.nick == "bot")
        assert said.text == "here: ana, ben, bot"
        await bot.ends()
        await place.hears(events.LeaveSeen, lambda event: event.nick == "bot")

    story(tmp_path, scene)


def test_a_bot_for_all_comes_back_when_it_is_invited_again(tmp_path):
    async def scene(place):
        ben = await place.member("ben")
        bot = await place.start("bot", "--anyone", "--nick", "robot")
        invitee = await bot.invitee()
        ben.create("ben's own")
        ben.invite([invitee])  # nobody whom it was told to follow
        place.ana.invite([invitee])
        await place.comes("robot")
        assert [member.nick for member in ben.members] == ["ben"]
        place.ana.expel(invitee[1])
        await place.hears(events.SessionStarted, lambda event: event.left)
        await ben.leave()
        place.ana.invite([invitee, ("ben", ben.identity.public)])
        await ben.join(lambda invitation: invitation.inviter_nick == "ana")
        await place.comes("robot", "ben")
        await ben.send("!ping")
        said = await place.hears(events.Text, lambda event: event.nick == "robot")
        assert said.text == "pong"

    story(tmp_path, scene)


def test_the_logger_says_so_and_writes_everything_down(tmp_path):
    async def scene(place):
        logger = await place.start("logger", "log.jsonl")
        place.ana.invite([await logger.invitee()])
        said = await place.hears(events.Text, lambda event: event.nick == "logger")
        assert said.text.startswith("I keep a log") and "/expel logger" in said.text
        await place.ana.send('line\nbreak, "quotes" and ü')
        await place.ana.send_data("image/png", b"\x00\xff")
        ben = await place.member("ben")
        place.ana.invite([("ben", ben.identity.public)])
        await ben.join()
        said = await place.hears(events.Text, lambda event: event.nick == "logger")
        await logger.ends()

    story(tmp_path, scene)
    path = tmp_path / "log.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    (text,) = [line for line in lines if line["event"] == "Text" and line["nick"] == "ana"]
    assert text["text"] == 'line\nbreak, "quotes" and ü' and text["own"] is False
    assert len(bytes.fromhex(text["key"])) == 32 and text["time"] > 1e9
    (data,) = [line for line in lines if line["event"] == "Data"]
    assert (data["content_type"], data["data"]) == ("image/png", "00ff")
    started = [line for line in lines if line["event"] == "SessionStarted"]
    assert [one["nick"] for one in started[-1]["joined"]] == ["ben"]
    assert len([line for line in lines if line["event"] == "Text" and line["own"]]) == 2
    assert lines[-1]["event"] == "Left"


@pytest.mark.parametrize("carrier", ["relay", "mosquitto"])
def test_the_dashboard_plots_what_sensors_send(carrier, tmp_path):
    async def scene(place):
        board = await place.start("dashboard", "--png", "now.png")
        porch = await place.start("sensor", "--nick", "porch", "--period", "0.2")
        place.ana.invite([await board.invitee(), await porch.invitee()])
        await place.comes("dashboard", "porch")
        reading = await place.hears(events.Data, lambda event: event.nick == "porch")
        assert reading.content_type == "text/csv"
        seconds, celsius = reading.data.decode().split(",")
        assert int(seconds) > 1e9 and 10 < float(celsius) < 26
        for text in ("12.5", "nan", "13.5", "no number"):
            await place.ana.send(text)
        await place.ana.send_data("text/csv", b"0,1,2,3,4,5,6")
        await place.ana.send_data("text/csv", b"\xff,,inf,-5")
        await board.says(r"porch \[\w{4}\] 1")
        await board.says(r"ana \[\w{4}\] 4")
        while not (tmp_path / "now.png").exists():
            await asyncio.sleep(0.1)
        await porch.ends()
        await place.hears(events.SessionStarted, lambda event: event.left)
        await board.ends()
        assert not re.search(r"\] 5|nan|inf|Traceback|\x1b", board.said)
        axes = [line for line in board.said.splitlines() if re.match(r" *-?[0-9.]+┤", line)]
        assert len(axes) > 4 and "seconds" in board.said

    if carrier == "relay":
        story(tmp_path, scene)
    else:
        with Mosquitto(tmp_path) as broker:
            story(tmp_path, scene, broker.address("garden"))
    with Image.open(tmp_path / "now.png") as picture:
        assert picture.size == (800, 450)
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 20  # not an empty sheet


def test_without_a_relay_or_with_a_wrong_address_they_say_what_to_do(tmp_path):
    async def scene(place):
        await place.relay.stop()
        for name, more in (("bot", ()), ("logger", ("log.jsonl",))):
            program = await place.start(name, *more)
            assert await program.process.wait() == 1
            said = (await program.process.stdout.read()).decode()
            assert "no relay at 127.0.0.1" in said and "\nCure: start the relay" in said
            assert "Traceback" not in said
        place.address = "garden/shed"
        program = await place.start("sensor")
        assert await program.process.wait() == 1
        said = (await program.process.stdout.read()).decode()
        assert "is no address" in said and "\nCure: " in said and "Traceback" not in said

    story(tmp_path, scene)


def test_each_is_short_and_shows_how_it_is_run():
    for path in EXAMPLES.glob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) < 100, path.name
        assert f"    python {path.name} tcp://" in text.split('"""')[1], path.name
