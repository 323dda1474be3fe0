"""XMPP: a chat room of a real Prosody as a carrier, and who else may be in it."""

import asyncio
import contextlib
import random
from xml.etree import ElementTree

import pytest
from prosody import Prosody
from test_tls import told

from mpseq_aio import link
from mpseq_tools import rooms, xmpp_stream


async def enter(server, label, room="garden", who="", **options):
    """A room that is open."""
    client = rooms.at(server.address(room, who)).room(label=label, **options)
    client.labels = await client.open()
    return client


@contextlib.asynccontextmanager
async def people(server, *labels, who=""):
    """Several in one room, each told of those before it; all gone at the end, and nothing of
    theirs runs on."""
    inside = []
    try:
        for label in labels:
            inside.append(await enter(server, label, who=who))
        yield inside
    finally:
        await asyncio.gather(*(client.close() for client in inside))
    await nothing_runs()


async def nothing_runs():
    """Only the test does."""
    await asyncio.sleep(0)
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]
    assert [name for name in names if not name.startswith(("wait_for", "test_"))] == []


async def next_of(client, kind):
    while True:
        message = await asyncio.wait_for(client.recv(), 60)
        if message[0] == kind:
            return message


async def lost(client):
    """The reason for which the room is lost."""
    with pytest.raises(link.CarrierLost) as reason:
        while True:
            await asyncio.wait_for(client.recv(), 60)
    return str(reason.value)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Prosody(tmp_path_factory.mktemp("prosody")) as prosody:
        yield prosody


# --- the carrier's contract


@told
async def test_people_come_and_go_and_a_taken_label_gets_a_number(server):
    async with people(server, "ana", "ben", "ana") as (ana, ben, other):
        assert ana.labels == ("ana",)
        assert ben.labels == ("ben", "ana")
        assert other.labels[0] == other.label == "ana-2" and set(other.labels) > {"ana", "ben"}
        assert await ana.recv() == (link.ENTER, "ben")
        assert await ana.recv() == (link.ENTER, "ana-2")
        await ben.close()
        assert await ana.recv() == (link.LEAVE, "ben")
        with pytest.raises(link.CarrierLost):
            await ben.post(b"gone")
        with pytest.raises(link.CarrierLost):
            await ben.recv()
        back = await ben.open()
        assert back[0] == "ben" and sorted(back[1:]) == ["ana", "ana-2"]
        assert await ana.recv() == (link.ENTER, "ben")
        await ana.ping()
        assert await ana.recv() == (link.PONG,)


@told
async def test_a_frame_of_16_kib_passes_and_a_longer_one_is_refused(server):
    async with people(server, "ana", "ben") as (ana, ben):
        long = random.Random(1).randbytes(16384)
        for frame in (long, b"", b"\0"):
            await ana.post(frame)
            for client in (ana, ben):
                assert await next_of(client, link.FRAME) == (link.FRAME, "ana", frame)
        with pytest.raises(link.TooLong):
            await ana.post(bytes(16385))
        small = await enter(server, "small", max_frame=1000)
        await ana.post(bytes(1001))
        assert "a frame of 1001 bytes, 1000 can be taken here" in await lost(small)
        await small.close()
        await ana.post(b"still here")
        while (await next_of(ben, link.FRAME))[2] != b"still here":
            pass


@told
async def test_everyone_sees_one_order_and_the_sender_sees_itself(server):
    async with people(server, "ana", "ben", "eve") as inside:

        async def talk(client, count):
            for number in range(count):
                await client.post(b"%s %d" % (client.label.encode(), number))
                if number % 7 == 0:
                    await asyncio.sleep(0)

        async def listen(client):
            return [await next_of(client, link.FRAME) for _ in range(500)]

        heard = await asyncio.gather(
            *(listen(client) for client in inside),
            *(talk(client, count) for client, count in zip(inside, (200, 200, 100), strict=True)),
        )
        assert heard[0] == heard[1] == heard[2]
        own = [frame for _, label, frame in heard[2] if label == "eve"]
        assert own == [b"eve %d" % number for number in range(100)]


@told
async def test_who_comes_later_hears_nothing_of_before(server):
    async with people(server, "ana") as (ana,):
        await ana.post(b"before")
        await next_of(ana, link.FRAME)
        late = await enter(server, "late")
        await ana.post(b"after")
        assert await late.recv() == (link.FRAME, "ana", b"after")
        await late.close()


@told
async def test_who_does_not_read_costs_no_memory_and_misses_nothing(server):
    async with people(server, "ana", "slow") as (ana, slow):
        for number in range(100):
            await ana.post(number.to_bytes(2, "big") * 8192)
            await next_of(ana, link.FRAME)
        assert slow._waiting < 1_200_000
        heard = [(await next_of(slow, link.FRAME))[2][:2] for _ in range(100)]
        assert heard == [number.to_bytes(2, "big") for number in range(100)]
        assert not slow._inbox and not slow._waiting


@told
async def test_a_server_that_takes_nothing_makes_the_sender_wait(server):
    async with people(server, "ana", "ben") as (ana, ben):
        transport = ana._stream.transport
        with contextlib.suppress(asyncio.TimeoutError):
            server.halt()
            await asyncio.wait_for(flood(ana), 0.5)
        assert 0 < transport.get_write_buffer_size() < 200_000
        blocked = asyncio.ensure_future(ana.post(b"waits"))
        await asyncio.sleep(0.05)
        assert not blocked.done()
        await asyncio.wait_for(ana.close(), 2)
        with pytest.raises(link.CarrierLost):
            await blocked
        server.go()


async def flood(client):
    while True:
        await client.post(bytes(16384))


@told
async def test_calls_that_are_cut_short_leave_nothing_behind(server):
    for delay in (0, 0.001, 0.005, 0.02):
        client = rooms.at(server.address("short")).room(label="ana")
        opening = asyncio.ensure_future(client.open())
        await asyncio.sleep(delay)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        if not opening.cancelled():  # it was faster
            await client.close()
        await nothing_runs()
    assert await client.open() == ("ana",)
    hearing = asyncio.ensure_future(client.recv())
    await asyncio.sleep(0)
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    await client.post(b"heard")
    assert await client.recv() == (link.FRAME, "ana", b"heard")
    await client.close()
    await client.close()
    await nothing_runs()


@told
async def test_an_open_that_is_cut_short_in_the_turn_of_the_servers_features(server, monkeypatch):
    received = xmpp_stream.Stream.data_received

    def data_received(self, data):
        if b"xmpp-bind" in data:
            opening.cancel()
        received(self, data)

    monkeypatch.setattr(xmpp_stream.Stream, "data_received", data_received)
    opening = asyncio.ensure_future(rooms.at(server.address("short")).room(label="ana").open())
    await asyncio.gather(opening, return_exceptions=True)
    assert opening.cancelled()
    await nothing_runs()


# --- strangers, and those who have power over the room


FORGED = (
    "<f xmlns='urn:mpseq:0' size='3'>&lt;not base64&gt;</f>",
    "<f xmlns='urn:mpseq:0' size='3'>YWJj",  # the rest is in the element below
    "<f xmlns='urn:mpseq:0' size='4'>YWJj</f>",
    "<f xmlns='urn:mpseq:0'>YWJj</f>",
    "<f xmlns='urn:mpseq:0' size='3'>YWJj</f><delay xmlns='urn:xmpp:delay'/>",
    "<f xmlns='urn:mpseq:1' size='3'>YWJj</f>",
    "<body>hello</body>",
    "<f xmlns='urn:mpseq:0' size='17000'>%s</f>" % ("AAAA" * 5667),
)


@told
async def test_strangers_can_send_anything(server):
    async with people(server, "ana", "eve") as (ana, eve):
        to = f"garden@{server.service}"
        for inside in FORGED:
            inside = inside if inside.count("<f") == inside.count("</f") else inside + "</f>"
            for kind in ("groupchat", "chat", "headline"):
                await eve._stream.say(f"<message to='{to}/ana' type='chat'>{inside}</message>")
                await eve._stream.say(f"<message to='{to}' type='{kind}'>{inside}</message>")
        await eve._stream.say(
            f"<presence to='{to}/eve'><x xmlns='http://jabber.org/protocol/muc#user'>"
            "<status code='110'/><status code='307'/></x></presence>"
        )
        await eve._stream.say(f"<presence to='{to}/{'long' * 20}'/>")
        whole = [(await next_of(ana, link.FRAME))[1:]]
        await ana.post(b"still here")
        whole.append((await next_of(ana, link.FRAME))[1:])
        assert whole == [("eve", b"abc"), ("ana", b"still here")]


@told
async def test_what_others_in_the_room_send_is_no_answer_of_the_room(server):
    """Prosody keeps most of this from us; other servers pass it on."""
    async with people(server, "ana", "eve") as (ana, eve):
        assert await next_of(ana, link.ENTER) == (link.ENTER, "eve")
        to = f"garden@{server.service}"
        stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"
        gone = f"<error type='cancel'><item-not-found xmlns='{stanzas}'/></error>"
        put_out = "<x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x>"
        for text in (
            f"<iq from='{to}/eve' type='result' id='mpseq-ping'/>",
            f"<iq from='{to}/eve' type='error' id='mpseq-ping'>{gone}</iq>",
            f"<iq from='{to}/eve' type='error' id='mpseq-open'>{gone}</iq>",
            f"<message from='{to}/eve' type='error' id='mpseq-1'>{gone}</message>",
            f"<presence from='{to}/eve'>{put_out}</presence>",
            f"<presence from='{to}/eve' type='unavailable'>{put_out}</presence>",
        ):
            head, space, rest = text.partition(" ")
            ana._hear(ElementTree.fromstring(f"{head} xmlns='jabber:client' {rest}"))
            if head == "<iq":  # for the others Prosody would put eve out
                await eve._stream.say(text.replace(f"from='{to}/eve'", f"to='{to}/ana'"))
        await eve.post(b"end")
        heard = []
        while (link.FRAME, "eve", b"end") not in heard:
            heard.append(await asyncio.wait_for(ana.recv(), 60))
        assert heard == [(link.LEAVE, "eve"), (link.FRAME, "eve", b"end")]
        await ana.ping()
        assert await next_of(ana, link.PONG)


USER = "http://jabber.org/protocol/muc"
CONFIG = (
    f"<query xmlns='{USER}#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
    f"<value>{USER}#roomconfig</value></field><field var='muc#roomconfig_%s'><value>1</value>"
    "</field></x></query>"
)
ADMIN = f"<query xmlns='{USER}#admin'><item %s/></query>"
DESTROY = f"<query xmlns='{USER}#owner'><destroy/></query>"


@pytest.mark.parametrize(
    "order, said",
    [
        (ADMIN % "nick='ben' role='none'", "you were kicked out"),
        (ADMIN % "jid='{jid}' affiliation='outcast'", "you were banned"),
        (CONFIG % "membersonly", "for its members only now"),
        (DESTROY, "it was destroyed"),
    ],
)
@told
async def test_who_is_put_out_is_told_why(server, order, said):
    async with people(server, "ana", "ben") as (ana, ben):
        order = order.format(jid=ben._stream.boundjid.bare)
        await ana._stream.say(f"<iq to='garden@{server.service}' type='set' id='x'>{order}</iq>")
        assert said in await lost(ben)
        with pytest.raises(link.CarrierLost, match=said):
            await ben.post(b"x")


@told
async def test_who_has_no_voice_is_told(server):
    async with people(server, "ana", "ben") as (ana, ben):
        to = f"garden@{server.service}"
        order = ADMIN % "nick='ben' role='visitor'"
        await ana._stream.say(f"<iq to='{to}' type='set' id='x'>{CONFIG % 'moderatedroom'}</iq>")
        await ana._stream.say(f"<iq to='{to}' type='set' id='y'>{order}</iq>")
        await ana.ping()
        await next_of(ana, link.PONG)
        await ben.post(b"may I?")
        assert "you have no voice in it" in await lost(ben)


@told
async def test_a_room_that_is_closed_to_us_says_why(server):
    async with people(server, "ana") as (ana,):
        order = CONFIG % "membersonly"
        await ana._stream.say(f"<iq to='garden@{server.service}' type='set' id='x'>{order}</iq>")
        with pytest.raises(link.CarrierLost, match="for its members only. Cure: ask its owner"):
            await enter(server, "ben")
        order = (CONFIG % "roomsecret").replace("<value>1<", "<value>sesame<")
        await ana._stream.say(f"<iq to='garden@{server.service}' type='set' id='x'>{order}</iq>")
        order = CONFIG.replace("<value>1<", "<value>0<") % "membersonly"
        await ana._stream.say(f"<iq to='garden@{server.service}' type='set' id='x'>{order}</iq>")
        await ana.ping()
        await next_of(ana, link.PONG)
        with pytest.raises(link.CarrierLost, match="it has a password"):
            await enter(server, "ben")
    await nothing_runs()


@pytest.mark.parametrize("others", [(), ("ben",)])
@told
async def test_a_room_that_does_not_know_us_any_more_is_lost(server, others):
    async with people(server, "ana", *others) as (ana, *_):
        to = f"garden@{server.service}/ana"
        hear, ana._stream._hear = ana._stream._hear, lambda xml: xml.tag.endswith("presence")
        await ana._stream.say(f"<presence to='{to}' type='unavailable'/>")
        await asyncio.sleep(0.1)
        ana._stream._hear = hear
        await ana.ping()
        assert ("not in it any more" if others else "not there any more") in await lost(ana)


@told
async def test_a_server_that_cuts_frames_is_found_out(server):
    async with people(server, "ana") as (ana,):
        to = f"garden@{server.service}"
        await ana._stream.say(
            f"<message to='{to}' type='groupchat' id='mpseq-1'>"
            "<f xmlns='urn:mpseq:0' size='300'>YWJj</f></message>"
        )
        assert "a frame of 300 bytes came back broken" in await lost(ana)
