"""`Chat`, the asyncio façade: people hold a conversation over a real relay."""

import asyncio
import contextlib
import os
import pathlib
import subprocess

import pytest
from relays import a_relay, story, until

from mpseq import Identity, events
from mpseq.errors import LocalError
from mpseq_aio import chat as aio
from mpseq_aio import link, tcp
from mpseq_tools.bridge import Bridge
from mpseq_tools.rooms import Rooms
from mpseq_tools.serial_link import ProcessTransport

LIB = pathlib.Path(__file__).resolve().parent.parent / "lib"


class Person:
    """A Chat, and everything that happened to it; accepts every invitation."""

    def __init__(self, relay, nick):
        self.seen = []
        self.chat = aio.Chat(
            Identity.generate(os.urandom),
            nick,
            tcp.TcpRoom("127.0.0.1", relay.port, "kitchen", nick),
        )
        self._watching = None

    @property
    def invitee(self):
        return self.chat.nick, self.chat.identity.public

    async def come(self):
        await self.chat.open()
        self._watching = asyncio.ensure_future(self._watch())

    async def _watch(self):
        async for event in self.chat.events():
            self.seen.append(event)
            if isinstance(event, events.Invited):
                await self.chat.accept(event.invitation)

    async def go(self):
        await self.chat.close()
        if self._watching is not None:
            await self._watching

    def all(self, kind):
        return [event for event in self.seen if isinstance(event, kind)]

    def texts(self):
        return [(event.nick, event.text) for event in self.all(events.Text)]

    def nicks(self):
        return sorted(member.nick for member in self.chat.members)


class Guest:
    """Somebody who runs elsewhere: enough to be invited."""

    def __init__(self, nick, key):
        self.invitee = nick, bytes.fromhex(key)


@contextlib.asynccontextmanager
async def people(relay, *nicks):
    those = [Person(relay, nick) for nick in nicks]
    try:
        for one in those:
            await one.come()
        yield those
    finally:
        for one in those:
            await one.go()


async def together(first, *others):
    """The first founds a conversation and invites the others in one batch."""
    first.chat.create("kitchen")
    first.chat.invite([one.invitee for one in others])
    nicks = sorted(one.invitee[0] for one in (first, *others))
    here = [one for one in (first, *others) if isinstance(one, Person)]
    await until(lambda: all(one.nicks() == nicks for one in here))


@story
async def test_three_people_meet_talk_and_one_leaves():
    async with a_relay() as relay, people(relay, "ana", "ben", "eve") as (ana, ben, eve):
        await together(ana, ben, eve)
        assert ana.chat.code and ana.chat.code == ben.chat.code == eve.chat.code
        assert ben.chat.name == "kitchen"
        await ben.chat.send("hello")
        await eve.chat.send("grüße\nan alle")
        await until(lambda: all(len(one.texts()) == 2 for one in (ana, ben, eve)))
        assert ana.texts() == ben.texts() == eve.texts()
        await ana.chat.send_data("text/csv", b"1,2")
        await until(lambda: ben.all(events.Data))
        assert ben.all(events.Data)[0].data == b"1,2"
        assert await eve.chat.leave()
        await until(lambda: ana.nicks() == ben.nicks() == ["ana", "ben"])
        await until(lambda: ana.all(events.Confirmed) and ben.all(events.Confirmed))
        assert eve.all(events.Left)[0].removed is False
        await ben.chat.send("now without eve")
        await until(lambda: ("ben", "now without eve") in ana.texts())
        assert len(eve.texts()) == 2
        for one in (ana, ben, eve):
            assert not one.all(aio.Fault) and not one.all(events.Refused)
            assert not one.all(events.Missing) and not one.all(events.Inconsistent)


@story
async def test_what_cannot_be_done_is_refused_to_the_caller():
    async with a_relay() as relay, people(relay, "ana") as (ana,):
        with pytest.raises(LocalError):
            await ana.chat.send("to nobody")
        with pytest.raises(LocalError):
            ana.chat.invite([("ben", bytes(32))])


@story
async def test_a_relay_that_goes_and_comes_back_is_reported_and_found_again():
    async with a_relay() as relay, people(relay, "ana", "ben") as (ana, ben):
        await together(ana, ben)
        await relay.stop()
        await until(lambda: ana.all(aio.Disconnected) and ben.all(aio.Disconnected))
        assert "shutting down" in ana.all(aio.Disconnected)[0].reason
        await ana.chat.send("written without a relay")
        await relay.start()
        await until(lambda: len(ana.all(aio.Connected)) == len(ben.all(aio.Connected)) == 2)
        await until(lambda: ("ana", "written without a relay") in ben.texts())


@story
async def test_no_relay_at_the_start_is_an_error_with_the_reason():
    async with a_relay() as relay:
        one = Person(relay, "ana")
        await relay.stop()
        with pytest.raises(link.CarrierLost, match="no relay at 127.0.0.1"):
            await one.chat.open()


@story
async def test_strangers_frames_do_not_disturb():
    async with a_relay() as relay, people(relay, "ana", "ben") as (ana, ben):
        stranger = tcp.TcpRoom("127.0.0.1", relay.port, "kitchen", "mallory")
        await stranger.open()
        await together(ana, ben)
        for size in (0, 1, 2, 40, 142, 400, 16384):
            for first in range(0, 256, 5):
                await stranger.post((bytes([first]) + os.urandom(size))[: max(size, 1)])
        await stranger.post(b"")
        await ana.chat.send("undisturbed")
        await until(lambda: ("ana", "undisturbed") in ben.texts())
        assert not ana.all(aio.Fault) and not ben.all(aio.Fault)
        await stranger.close()


@story
async def test_events_that_nobody_takes_are_bounded_and_counted():
    async with a_relay() as relay:
        lazy = Person(relay, "lazy")
        await lazy.chat.open()
        for _ in range(80):
            visitor = tcp.TcpRoom("127.0.0.1", relay.port, "kitchen", "visitor")
            await visitor.open()
            await visitor.close()
        await until(lambda: lazy.chat._inbox.lost == 1 + 160 - 128)
        assert await lazy.chat.next_event() == aio.Dropped(33)
        assert isinstance(await lazy.chat.next_event(), aio.Connected)
        assert isinstance(await lazy.chat.next_event(), aio.Gone)  # 16 pairs and this one went
        await lazy.chat.close()


class Silent:
    """A carrier that opens and then says nothing, whatever is asked."""

    opened = 0

    async def open(self):
        self.opened += 1
        return ("ana",)

    async def recv(self):
        await asyncio.Event().wait()

    async def post(self, frame):
        pass

    ping = close = open


@story
async def test_a_carrier_gone_silent_is_given_up_and_opened_again():
    before = aio._DEAD, aio._PING
    aio._DEAD, aio._PING = 300, 100
    try:
        carrier = Silent()
        chat = aio.Chat(Identity.generate(os.urandom), "ana", carrier)
        await chat.open()
        kinds = [type(await chat.next_event()) for _ in range(3)]
        assert kinds == [aio.Connected, aio.Disconnected, aio.Connected]
        await chat.close()
    finally:
        aio._DEAD, aio._PING = before


BOARD = """
import asyncio, os
from mpseq import Identity, events
from mpseq_aio.chat import Chat
from mpseq_aio.serial import SerialRoom

async def main():
    room = SerialRoom("kitchen", "mini")
    chat = Chat(Identity.generate(os.urandom), "mini", room)
    await room.report(["key", chat.identity.public.hex()])
    await chat.open()
    async for event in chat.events():
        if isinstance(event, events.Invited):
            await chat.accept(event.invitation)
        elif isinstance(event, events.SessionStarted):
            await room.report(["session", len(event.members), event.code.digits])
        elif isinstance(event, events.Text) and not event.own:
            room.log("heard " + event.text)
            await chat.send(event.text.upper())
            if event.text == "bye":
                await chat.leave()
                await chat.close()
        elif isinstance(event, events.Confirmed):
            await room.report(["confirmed"])
    print("closed")

asyncio.run(main())
"""


def test_the_same_class_runs_on_micropython(unix_micropython):
    @story
    async def tell():
        async with a_relay() as relay, people(relay, "ana", "ben") as (ana, ben):
            process = await asyncio.create_subprocess_exec(
                str(unix_micropython),
                "-c",
                BOARD,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "MICROPYPATH": f"{LIB}:.frozen"},
            )
            lines = []
            bridge = Bridge(
                ProcessTransport(process),
                Rooms.relay("127.0.0.1", relay.port),
                console=lines.append
            )
            running = asyncio.ensure_future(bridge.run())

            async def report(kind):
                while True:
                    value = await asyncio.wait_for(bridge.reports.get(), 60)
                    if value[0] == kind:
                        return value[1:]

            try:
                (key,) = await report("key")
                await until(lambda: bridge.connected)
                ana.chat.create("kitchen")
                ana.chat.invite([ben.invitee, ("mini", bytes.fromhex(key))])
                assert await report("session") == [3, ana.chat.code.digits]
                await ana.chat.send("drawer")
                await until(lambda: ("mini", "DRAWER") in ben.texts())
                await ana.chat.send("bye")
                await until(lambda: ana.nicks() == ben.nicks() == ["ana", "ben"])
                assert ana.texts() == ben.texts()
                with pytest.raises(link.CarrierLost, match="ended with status 0"):
                    await asyncio.wait_for(running, 60)
                assert "device| heard bye" in lines and lines[-1] == "device| closed"
            finally:
                print("\n".join(lines))
                if process.returncode is None:
                    process.kill()
                await process.wait()
                await asyncio.gather(running, return_exceptions=True)

    tell()


ECHO = """
import asyncio, os, sys
from mpseq import Identity, events
from mpseq_aio.chat import Chat, Connected, Disconnected
from mpseq_aio.tcp import TcpRoom

async def main():
    room = TcpRoom("127.0.0.1", PORT, "kitchen", "echo")
    chat = Chat(Identity.generate(os.urandom), "echo", room)
    await chat.open()
    print("key", chat.identity.public.hex())
    async for event in chat.events():
        if isinstance(event, events.Invited):
            await chat.accept(event.invitation)
        elif isinstance(event, (Connected, Disconnected)):
            print(event)
        elif isinstance(event, events.Text) and not event.own:
            await chat.send("you said: " + event.text)
            if event.text == "bye":
                await chat.leave()
                await chat.close()
    print("closed")

asyncio.run(main())
"""


def test_micropython_speaks_to_the_relay_itself(unix_micropython):
    @story
    async def tell():
        async with a_relay() as relay, people(relay, "ana") as (ana,):
            process = await asyncio.create_subprocess_exec(
                str(unix_micropython),
                "-c",
                ECHO.replace("PORT", str(relay.port)),
                stdout=subprocess.PIPE,
                env={**os.environ, "MICROPYPATH": f"{LIB}:.frozen"},
            )
            try:
                word, key = (await asyncio.wait_for(process.stdout.readline(), 60)).split()
                assert word == b"key"
                await together(ana, Guest("echo", key.decode()))
                await ana.chat.send("hello")
                await until(lambda: ("echo", "you said: hello") in ana.texts())
                await relay.stop()
                await until(lambda: ana.all(aio.Disconnected))
                await asyncio.sleep(0.2)
                await relay.start()
                await until(lambda: sorted(relay.rooms.get("kitchen", ())) == ["ana", "echo"])
                await ana.chat.send("bye")
                await until(lambda: ana.nicks() == ["ana"])
                rest = (await asyncio.wait_for(process.stdout.read(), 60)).decode()
                assert "the relay says: the relay is shutting down" in rest
                assert rest.endswith("closed\n") and rest.count("Connected(") == 2
                assert await process.wait() == 0
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    tell()
