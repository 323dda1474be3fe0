"""A server that dies has shown the last frames to some people only. A desktop posts them again."""

import asyncio
import contextlib
import os

import pytest
from relays import story, until
from test_chat_robust import Carrier
from test_cut_in_mid_talk import TROUBLE, a_company

from mpseq import Identity
from mpseq_aio import chat as aio
from mpseq_aio import link
from mpseq_tools import recall


class Server:
    """A room that keeps one order. `shown`: to whom alone, or None for all."""

    def __init__(self):
        self.here = []
        self.shown = None

    def room(self, _, label):
        return Way(self, label)

    def tell(self, *message):
        for way in self.here:
            if message[0] != link.FRAME or self.shown is None or way.label in self.shown:
                way.come.put_nowait(message)

    def die(self):
        here, self.here, self.shown = self.here, [], None
        for way in here:
            way.come.put_nowait(link.CarrierLost("it died"))


class Way(Carrier):
    def __init__(self, server, label):
        super().__init__()
        self.server = server
        self.label = label

    async def open(self):
        self.server.tell(link.ENTER, self.label)
        self.server.here.append(self)
        self.come = asyncio.Queue()
        return (self.label, *[way.label for way in self.server.here[:-1]])

    async def post(self, frame):
        if self not in self.server.here:
            raise link.CarrierLost("gone")
        self.server.tell(link.FRAME, self.label, bytes(frame))


@contextlib.asynccontextmanager
async def company(kind, *nicks):
    server = Server()
    people = await a_company(server, *nicks, kind=kind)
    try:
        yield server, people
    finally:
        for person in people:
            await person.close()


async def half_told(kind, shown):
    """What each heard, and trouble, when of three texts the server shows the last two to `shown`
    only."""
    async with company(kind, "ana", "ben", "eva") as (server, people):
        ana, ben, eva = people
        await eva.chat.send("one")
        await until(lambda: all(one.texts == ["one"] for one in people))
        await asyncio.sleep(0.3)  # acknowledgements, if any
        server.shown = shown
        await ben.chat.send("two")
        await ana.chat.send("three")
        await asyncio.sleep(0.1)
        server.die()
        await until(lambda: all(one.chat.connected for one in people))
        await until(lambda: not any(one.chat._frames or one.chat._hold for one in people))
        await ana.chat.send("four")
        with contextlib.suppress(AssertionError):
            patience = 60 if kind is recall.Chat else 5  # the other loses some
            await until(lambda: all(len(one.texts) == 4 for one in people), patience)
        trouble = [one for person in people for one in person.seen if isinstance(one, TROUBLE)]
        return [one.texts for one in people], trouble


@pytest.mark.parametrize("shown", [(), ("ana",), ("ben",), ("eva",), ("ana", "eva")])
def test_what_only_some_had_seen_reaches_all_in_that_order(shown):
    @story
    async def tell():
        texts, trouble = await half_told(recall.Chat, shown)
        assert not trouble
        assert texts[0] == texts[1] == texts[2]
        assert sorted(texts[0]) == ["four", "one", "three", "two"]
        if shown:
            assert texts[0] == ["one", "two", "three", "four"]

    tell()


@story
async def test_without_it_that_is_named():
    """So that the test above can fail; boards are so, which keep nothing."""
    texts, trouble = await half_told(aio.Chat, ("ana",))
    assert trouble and texts[1] != texts[0]


@story
async def test_a_second_cut_while_it_posts_again_costs_nothing():
    async with company(recall.Chat, "ana", "ben", "eva") as (server, people):
        ana, ben, eva = people
        server.shown = ("ana",)
        await ana.chat.send("one")
        await asyncio.sleep(0.1)
        server.die()
        await until(lambda: ana.chat.connected and ana.chat._reposting)
        server.die()
        await until(lambda: all(one.texts == ["one"] for one in people))
        assert not [one for person in people for one in person.seen if isinstance(one, TROUBLE)]
        await until(lambda: not any(one.chat._again for one in people))
        await eva.chat.send("two")
        await until(lambda: all(one.texts == ["one", "two"] for one in people))


@story
async def test_what_is_kept_has_bounds_and_is_not_old():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recall, "ROUND", 200)
        carrier = Carrier()
        chat = recall.Chat(Identity.generate(os.urandom), "ana", carrier)
        await chat.open()
        ours = [bytes((255, n)) for n in range(200)]
        ours += [bytes((255, n)) + bytes(16000) for n in range(20)]
        chat._flying += ours + [b"\xff new"]
        carrier.hears(*ours)
        await until(lambda: carrier.come.empty())
        assert len(chat._heard_last) <= recall.MOST
        assert sum(len(one[1]) for one in chat._heard_last) <= recall.MOST_BYTES
        await asyncio.sleep(0.3)
        carrier.hears(b"\xff new")
        carrier.come.put_nowait(link.CarrierLost("cut"))
        await until(lambda: carrier.posted)
        await asyncio.sleep(0.1)
        assert carrier.posted == [b"\xff new"]
        await chat.close()


@story
async def test_what_strangers_post_is_not_posted_again():
    async with company(recall.Chat, "ana", "ben") as (server, people):
        await asyncio.sleep(0.3)
        junk = (b"", b"junk", b"\x11" + bytes(200), b"\x15" + bytes(300))
        for frame in junk:
            server.tell(link.FRAME, "eve", frame)
        await people[0].chat.send("one")
        await until(lambda: all(one.texts == ["one"] for one in people))
        for one in people:
            kept = [frame for _, frame, _ in one.chat._heard_last]
            assert kept and not [one for one in kept if one in junk]


@story
async def test_the_new_waits_also_for_what_others_post_again():
    """Ana saw what nobody else did; ben, who has heard nothing for long, has something to say."""
    async with company(recall.Chat, "ana", "ben", "eva") as (server, people):
        ana, ben, eva = people
        await asyncio.sleep(2 * recall.ROUND / 1000)
        server.shown = ("ana",)
        await ana.chat.send("one")
        await asyncio.sleep(0.1)
        server.shown = ()
        await ben.chat.send("two")
        await asyncio.sleep(0.1)
        server.die()
        await until(lambda: all(one.texts == ["one", "two"] for one in people))
        assert not [one for person in people for one in person.seen if isinstance(one, TROUBLE)]


@story
async def test_in_a_large_room_each_posts_only_their_own_again():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recall, "FEW", 2)
        async with company(recall.Chat, "ana", "ben", "eva") as (server, people):
            ana, ben, eva = people
            await asyncio.sleep(0.3)
            await ana.chat.send("one")
            await until(lambda: all(one.texts == ["one"] for one in people))
            last = ana.chat._heard_last[-1][1]
            server.die()
            await until(lambda: not any(one.chat.connected for one in people))
            assert last in ana.chat._again
            assert last not in ben.chat._again + eva.chat._again
            await until(lambda: not any(one.chat._again for one in people))
