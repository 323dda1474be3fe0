"""People at screens of `mpseq chat` (Textual's pilots) around a real relay, in one process."""

import asyncio
import contextlib

from servers import free_port

from mpseq_tools import rooms
from mpseq_tools.chat import open_rooms
from mpseq_tools.relay import Relay
from mpseq_tools.tui import panes
from mpseq_tools.tui.app import ChatApp
from mpseq_tools.tui.conversation import Conversation
from mpseq_tools.tui.entry import Entry
from mpseq_tools.tui.talk import Options, Talk


class Person:
    """Somebody at a screen."""

    def __init__(self, app, pilot):
        self.app = app
        self.pilot = pilot
        self.talk = app.talk

    @property
    def room(self):
        return self.talk.current

    @property
    def key(self):
        return self.talk.identity.public.hex()

    @property
    def said(self):
        """The conversation as it stands on the screen."""
        return self.app.query_one(Conversation).text

    @property
    def code(self):
        return str(self.app.query_one(panes.Code).content)

    @property
    def people(self):
        return str(self.app.query_one(panes.People).query_one("Static").content)

    @property
    def alerts(self):
        pane = self.app.query_one(panes.Alerts)
        return [str(one.content) for one in pane.query("Alert > Static")]

    @property
    def tabs(self):
        return [str(tab.content) for tab in self.app.query_one(panes.Tabs).query(panes.Tab)]

    @property
    def hints(self):
        pane = self.app.query_one(panes.Hints)
        return str(pane.content) if pane.display else ""

    async def type(self, text):
        """Into the entry, and Enter; whatever lies over it."""
        self.app.query_one(Entry).put(text)
        self.app.query_one(Entry).submit()
        await self.pilot.pause()

    async def click(self, selector):
        """With the mouse, once it has its place."""
        await self.until(lambda: any(one.region.height for one in self.app.query(selector)))
        await self.pilot.pause()
        assert await self.pilot.click(selector)

    async def until(self, true, seconds=60):
        """Waits for something to be so."""
        try:
            async with asyncio.timeout(seconds):
                while not true():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError("never came:\n" + "\n".join([self.said, *self.alerts])) from None

    async def shows(self, words, seconds=60):
        """Waits for words in the conversation, however they are broken into rows."""
        wanted = "".join(words.split())
        await self.until(lambda: wanted in joined(self.said), seconds)


def joined(text):
    """Without what breaks it into rows, and without spaces."""
    rows = [row.strip().removeprefix("│ ").removeprefix("! ") for row in text.splitlines()]
    return "".join("".join(rows).split())


class House:
    """A relay, and whoever sits down; all end with the `async with`."""

    def __init__(self, tmp_path, monkeypatch):
        self.tmp_path = tmp_path
        self.monkeypatch = monkeypatch

    async def __aenter__(self):
        self.stack = contextlib.AsyncExitStack()
        self.relay = Relay(port=free_port())
        await self.relay.start()
        self.port = self.relay.port
        self.stack.push_async_callback(self.stop_relay)
        return self

    async def __aexit__(self, *error):
        await self.stack.aclose()

    async def stop_relay(self):
        if self.relay:
            relay, self.relay = self.relay, None
            await relay.stop()

    async def restart_relay(self):
        self.relay = Relay(port=self.port)
        await self.relay.start()

    def address(self, room="garden"):
        return f"tcp://127.0.0.1:{self.port}/{room}"

    def talk_of(self, nick, app, **options):
        self.monkeypatch.setenv("MPSEQ_HOME", str(self.tmp_path / options.pop("home", nick)))
        talk = Talk(Options(nick, **{"probe": False, "label": nick} | options), app)
        talk.start()
        return talk

    async def sit_down(self, nick, size=(80, 24), rooms_of=("garden",), **options):
        app = ChatApp()
        app.talk = talk = self.talk_of(nick, app, **options)
        self.stack.push_async_callback(talk.quit)
        await open_rooms(talk, [rooms.at(self.address(room)) for room in rooms_of])
        pilot = await self.stack.enter_async_context(app.run_test(size=size))
        return Person(app, pilot)


def story(tmp_path, monkeypatch, tell, seconds=180):
    """Runs `await tell(house)`."""
    monkeypatch.delenv("MPSEQ_PASSWORD", raising=False)

    async def main():
        async with House(tmp_path, monkeypatch) as house:
            await tell(house)

    asyncio.run(asyncio.wait_for(main(), seconds))


async def meet(ana, *others):
    """Ana founds a conversation, and everyone accepts with a key."""
    await ana.type("/create The garden")
    await ana.shows("session 1 of 'The garden'")
    await ana.type("/invite " + " ".join(f"{one.room.chat.nick} {one.key}" for one in others))
    for one in others:
        await one.until(lambda one=one: one.app.query_one(panes.Invitations).display)
        await one.pilot.press("f2")
    for one in (ana, *others):
        await one.until(lambda one=one: len(one.room.chat.members) == len(others) + 1)
        await one.until(lambda one=one: one.code.startswith("code "))
