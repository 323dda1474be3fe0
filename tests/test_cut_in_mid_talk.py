"""The room's server is killed while people talk, and started again: everything said is heard once,
by all, in one order, and nobody is warned of anything."""

import asyncio
import os
import random
import signal
import sys

import pytest
from relays import story, until
from servers import free_port
from test_chat_robust import Carrier

from mpseq import Identity, events
from mpseq_aio import chat as aio
from mpseq_aio import link
from mpseq_tools import recall
from mpseq_tools.rooms import Rooms

TROUBLE = (
    events.Missing, events.Inconsistent, events.Unverifiable, events.Unsent, events.Undelivered,
    events.Unconfirmed, aio.Fault, aio.Dropped,
)


class KillableRelay:
    """`mpseq relay`, to be killed and started again at the same port."""

    def __init__(self):
        self.port = free_port()
        self._process = None

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mpseq_tools", "relay", "--port", str(self.port),
            stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        line = (await self._process.stdout.readline()).decode()
        self.port = int(line.split(";")[0].rsplit(":", 1)[1])

    async def kill(self):
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    @property
    def rooms(self):
        return Rooms.relay(port=self.port)


async def a_company(rooms, *nicks, kind=aio.Chat):
    """People in one conversation of the room `garden`."""
    company = [Person(rooms, nick, kind) for nick in nicks]
    for person in company:
        await person.chat.open()
    first, *others = company
    first.chat.create("garden")
    first.chat.invite([(one.chat.nick, one.chat.identity.public) for one in others])
    joining = [asyncio.ensure_future(one.chat.join()) for one in others]
    await asyncio.gather(*joining)
    await until(lambda: all(len(one.chat.members) == len(company) for one in company))
    return company


class Person:
    def __init__(self, rooms, nick, kind=aio.Chat):
        self.chat = kind(Identity.generate(os.urandom), nick, rooms.room("garden", nick))
        self.seen = []
        self.task = asyncio.ensure_future(self._watch())

    async def _watch(self):
        async for event in self.chat.events():
            self.seen.append(event)

    def all(self, kind):
        return [event for event in self.seen if isinstance(event, kind)]

    @property
    def texts(self):
        return [event.text for event in self.all(events.Text)]

    async def close(self):
        await self.chat.close()
        await self.task


async def talk_through_cuts(server, seed, cuts=2, texts=20, kind=aio.Chat, pause=0.6):
    """Three people talk while `server` (`start`, `kill`, `rooms`) is killed; what went wrong."""
    dice = random.Random(seed)
    await server.start()
    company = await a_company(server.rooms, "ana", "ben", "eva", kind=kind)

    async def talk(person):
        for number in range(texts):
            await person.chat.send(f"{person.chat.nick} {number}")
            await asyncio.sleep(dice.uniform(0.02, pause))

    async def cut():
        for _ in range(cuts):
            await asyncio.sleep(dice.uniform(0.3, 2))
            await server.kill()
            await asyncio.sleep(dice.uniform(0, 2.5))
            await server.start()

    try:
        talking = [talk(person) for person in company]
        await asyncio.gather(cut(), *talking)
        try:
            await until(lambda: all(len(one.texts) >= 3 * texts for one in company))
        except AssertionError:
            pass
        said = {f"{one.chat.nick} {number}" for one in company for number in range(texts)}
        wrong = [
            f"{one.chat.nick}: {event}" for one in company for event in one.seen
            if isinstance(event, TROUBLE)
        ]
        for one in company:
            lost = said - set(one.texts)
            if lost or len(one.texts) != len(said):
                wrong.append(f"{one.chat.nick}: {len(one.texts)} texts, lost {sorted(lost)}")
        if len({tuple(one.texts) for one in company}) > 1:
            wrong.append("different orders")
        return wrong
    finally:
        for one in company:
            await one.close()
        await server.kill()


@pytest.mark.parametrize(
    ("kind", "seed"), [(aio.Chat, 0), (aio.Chat, 3), (recall.Chat, 1), (recall.Chat, 2)]
)
def test_a_relay_killed_in_mid_talk_costs_nothing(kind, seed):
    @story
    async def tell():
        assert await talk_through_cuts(KillableRelay(), seed, kind=kind) == []

    tell()


class Played(Carrier):
    """A room that the test plays, with ben in it, and in which nothing comes back."""

    def __init__(self):
        super().__init__()
        self.labels = ("eva", "ben")

    async def open(self):
        await super().open()
        return self.labels

    def echo(self, frame):
        self.come.put_nowait((link.FRAME, "eva", frame))

    def cut(self, *labels):
        self.labels = labels
        self.posted = []
        self.come.put_nowait(link.CarrierLost("cut"))


async def posting(carrier, *frames):
    """A chat that wants these frames posted."""
    chat = aio.Chat(Identity.generate(os.urandom), "ana", carrier)
    await chat.open()
    chat._frames.extend(frames)
    chat._has_frame.set()
    await until(lambda: len(carrier.posted) == len(frames))
    return chat


@story
async def test_what_did_not_come_back_is_posted_again_first_and_in_its_order():
    carrier = Played()
    chat = await posting(carrier, b"1", b"2", b"3")
    carrier.echo(b"2")
    await until(lambda: chat._flying == [b"1", b"3"])
    carrier.cut("eva", "ben")
    await until(lambda: not chat.connected)
    chat._frames.append(b"4")
    await until(lambda: carrier.posted == [b"1", b"3", b"4"])
    await chat.close()


@pytest.mark.parametrize(("cuts", "told"), [(1, False), (2, False), (1, True)])
def test_after_a_cut_nothing_is_posted_before_the_others_are_back(cuts, told):
    """Nor after a second one, at which there was nobody yet; nor when the server said good-bye for
    them first, as one does that is stopped."""

    @story
    async def tell():
        carrier = Played()
        chat = await posting(carrier, b"1")
        if told:
            carrier.come.put_nowait((link.LEAVE, "ben"))
        for _ in range(cuts):
            carrier.cut("eva")
            await until(lambda: not chat.connected)
            await until(lambda: chat.connected)
        await asyncio.sleep(0.1)
        assert carrier.posted == []
        carrier.come.put_nowait((link.ENTER, "ben"))
        await until(lambda: carrier.posted == [b"1"], 2)
        await chat.close()

    tell()


@story
async def test_those_who_do_not_come_back_are_not_waited_for_long():
    carrier = Played()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aio, "_COMING", 300)
        chat = await posting(carrier, b"1")
        carrier.cut("eva")
        await until(lambda: not chat.connected)
        await until(lambda: carrier.posted == [b"1"], 5)
        await chat.close()
