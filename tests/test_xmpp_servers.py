"""XMPP servers as people run them, what is none, and whole conversations over one."""

import asyncio
import contextlib
import os
import pathlib

import pytest
from prosody import Prosody, federation
from relays import until
from test_tls import certificate, told
from test_xmpp import enter, lost, next_of, nothing_runs, people

from mpseq import Identity, events
from mpseq_aio import chat as aio
from mpseq_aio import link
from mpseq_tools import probe, rooms, xmpp_stream

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Prosody(tmp_path_factory.mktemp("prosody")) as prosody:
        yield prosody


# --- servers as people run them


@told
async def test_what_carriers_md_tells_a_server_is_understood_by_it(tmp_path):
    text = (ROOT / "host_tools" / "CARRIERS.md").read_text().partition("## XMPP")[2]
    settings, service = (part.partition("```")[0] for part in text.split("```lua\n")[1:])
    lines = service.splitlines()[1:]
    with Prosody(tmp_path, limits="mine", settings=[settings], lines=lines) as server:
        client = await enter(server, "ana")
        for _ in range(4):  # 88 kB: what is burst now took 7 s
            await client.post(bytes(16384))
        for _ in range(4):
            await asyncio.wait_for(next_of(client, link.FRAME), 3)
        await client.close()
        assert "rror parsing" not in server.log and "nable to parse" not in server.log


@told
async def test_debians_limits_and_locked_rooms_slow_a_room_down_and_break_nothing(tmp_path):
    with Prosody(tmp_path, limits=True, lines=()) as server:
        # Both at once: one of them makes the room, which is locked for a moment.
        inside = await asyncio.gather(enter(server, "ana"), enter(server, "ben"))
        posting = asyncio.ensure_future(
            asyncio.gather(*(client.post(bytes(9000)) for client in inside for _ in range(3)))
        )
        for client in inside:
            heard = [await next_of(client, link.FRAME) for _ in range(6)]
            assert [len(frame) for _, _, frame in heard] == [9000] * 6
        await posting
        await asyncio.gather(*(client.close() for client in inside))
    await nothing_runs()


@told
async def test_the_example_of_a_configuration_is_enough(tmp_path):
    example = (ROOT / "host_tools" / "examples" / "prosody.cfg.lua").read_text()
    example = example.replace("warn =", "info =")
    with Prosody(tmp_path, given=example) as server:
        verdict = await probe.probe(rooms.at(server.address("garden")), patience=20)
        assert verdict.good, verdict
        assert "error" not in server.log
    # On a disk another user's would be in the way.
    assert 'storage = "memory"' in example and "data_path" not in example


@told
async def test_an_account_its_password_and_a_certificate(tmp_path):
    files, other = certificate(tmp_path), certificate(tmp_path, "elsewhere")
    with Prosody(tmp_path, accounts={"ana": "sesame"}, certificate=files) as server:
        async with people(server, "ana", who="ana:sesame") as (ana,):
            assert ana._stream.transport.get_extra_info("ssl_object").version() == "TLSv1.3"
            await ana.post(b"sealed")
            assert (await next_of(ana, link.FRAME))[2] == b"sealed"
        async with people(server, "ana", "ana", who="ana:sesame") as both:
            # Prosody seats two of one account under one nick.
            assert [client.label for client in both] == ["ana", "ana"]
            await both[0].close()
            await both[1].post(b"still here")
            assert await next_of(both[1], link.FRAME) == (link.FRAME, "ana", b"still here")
            assert await both[0].open() == ("ana",)
            await both[0].post(b"again")
            assert await next_of(both[1], link.FRAME) == (link.FRAME, "ana", b"again")
        with pytest.raises(link.CarrierLost, match="refuses ana@localhost .not-auth.*Cure: the r"):
            await enter(server, "ana", who="ana:wrong")
        with pytest.raises(link.CarrierLost, match="lets nobody in without an account. Cure: xm"):
            await enter(server, "ana")
        wrong = server.address("garden", "ana:sesame").replace(str(files[0]), str(other[0]))
        with pytest.raises(link.CarrierLost, match="certificate of .* is not for localhost"):
            await rooms.at(wrong).room().open()
        plain = rooms.at(server.address("garden", "ana:sesame").partition("#")[0])
        room = plain.room()  # on this machine nobody is on the way
        await room.open()
        await room.close()
        xmpp_stream.is_local, real = (lambda host: False), xmpp_stream.is_local
        try:
            with pytest.raises(link.CarrierLost, match="signed by nobody trusted here.*Cure: if"):
                await plain.room().open()
        finally:
            xmpp_stream.is_local = real
        for missing in (tmp_path / "none", tmp_path / "prosody" / "conf.lua"):
            there = rooms.at(f"xmpp://ana:x@localhost:1/garden@rooms.localhost#{missing}")
            with pytest.raises(link.CarrierLost, match="no certificate"):
                await there.room().open()
    await nothing_runs()


@told
async def test_a_password_is_not_shown_to_a_server_without_tls_elsewhere(server):
    xmpp_stream.is_local, real = (lambda host: False), xmpp_stream.is_local
    try:
        with pytest.raises(link.CarrierLost, match="offers no TLS: .*Cure: give it a certificate"):
            await enter(server, "ana", who="ana:sesame")
    finally:
        xmpp_stream.is_local = real
    await nothing_runs()


HEAD = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='1' version='1.0' "
    "xmlns:stream='http://etherx.jabber.org/streams' from='localhost'>"
)
ERROR = HEAD + "<stream:error><%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
NONE = {
    "HTTP/1.1 400 Bad Request\r\n\r\n<html>": "does not speak XMPP",
    "": "does not answer",
    HEAD + "</stream:stream>": "the connection to .* was lost",
    ERROR % "see-other-host": "ended the connection: see-other-host",
    ERROR % "host-unknown": "does not serve that domain. Cure: check",
    HEAD + "<message><body>" + "x" * 2_000_000: "sends over 1048576 bytes without an end",
}


@pytest.mark.parametrize("says", NONE, ids=range(len(NONE)))
@told
async def test_what_is_no_xmpp_server_is_said(says):
    writers = []

    async def serve(reader, writer):
        writers.append(writer)
        await reader.read(100)
        with contextlib.suppress(OSError):
            writer.write(says.encode())
            await writer.drain()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    room = rooms.at(f"xmpp://localhost:{port}/garden@rooms.localhost").room()
    room.patience = 0.5 if not says else 10
    with pytest.raises(link.CarrierLost, match=NONE[says]):
        await room.open()
    listening.close()
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0.01)
    await nothing_runs()


@told
async def test_no_server_or_no_room_service_is_said_with_its_cure(server):
    room = rooms.at("xmpp://localhost:1/garden@rooms.localhost").room()
    with pytest.raises(link.CarrierLost, match="no XMPP server at localhost port 1 .*Cure: "):
        await room.open()
    elsewhere = server.address("garden").replace("@rooms.", "@nowhere.")
    with pytest.raises(link.CarrierLost, match="lets you not in .*remote domains"):
        await rooms.at(elsewhere).room().open()
    await nothing_runs()


@told
async def test_a_room_of_two_federated_servers_is_one_room(tmp_path):
    with federation(tmp_path, "left.example", "right.example") as (left, right):
        there = rooms.at(right.address("garden").replace(right.service, left.service))
        inside = [await enter(left, "ana"), there.room(label="ben"), there.room(label="eve")]
        for client in inside[1:]:
            await client.open()

        async def talk(client):
            for number in range(50):
                await client.post(b"%s %d" % (client.label.encode(), number))
                await asyncio.sleep(0)

        async def listen(client):
            return [await next_of(client, link.FRAME) for _ in range(150)]

        heard = await asyncio.gather(*map(listen, inside), *map(talk, inside))
        assert heard[0] == heard[1] == heard[2]
        # The server with the room forgets it: who posts at the other one is told.
        left.kill()
        left.start()
        with pytest.raises(link.CarrierLost):
            await inside[0].recv()
        await inside[1].post(b"anybody?")
        reason = await lost(inside[1])
        assert "it is not there any more" in reason or "cannot be reached" in reason
        await asyncio.gather(*(client.close() for client in inside))
    await nothing_runs()


# --- whole conversations


class Talker:
    """Somebody in a conversation, who accepts every invitation, and what happened."""

    def __init__(self, server, nick):
        room = rooms.at(server.address("house")).room(label=nick)
        self.chat = aio.Chat(Identity.generate(os.urandom), nick, room)
        self.seen = []
        self._watching = asyncio.ensure_future(self._watch())

    async def _watch(self):
        async for event in self.chat.events():
            self.seen.append(event)
            if isinstance(event, events.Invited):
                await self.chat.accept(event.invitation)

    def all(self, kind):
        return [event for event in self.seen if isinstance(event, kind)]

    def texts(self):
        return [(event.nick, event.text) for event in self.all(events.Text)]

    def trouble(self):
        return self.all((events.Inconsistent, events.Missing, aio.Fault))


@contextlib.asynccontextmanager
async def conversation(server, *nicks):
    talkers = [Talker(server, nick) for nick in nicks]
    try:
        for talker in talkers:
            await talker.chat.open()
        host = talkers[0].chat
        host.create("house")
        host.invite([(t.chat.nick, t.chat.identity.public) for t in talkers[1:]])
        await until(lambda: all(len(t.chat.members) == len(nicks) for t in talkers))
        yield talkers
    finally:
        for talker in talkers:
            await talker.chat.close()
        await asyncio.gather(*(talker._watching for talker in talkers))
    await nothing_runs()


@told
async def test_three_people_hold_a_conversation(server):
    async with conversation(server, "ana", "ben", "eve") as talkers:
        assert len({t.chat.code.digits for t in talkers}) == 1
        for number in range(5):
            await asyncio.gather(*(t.chat.send(f"text {number}") for t in talkers))
        await until(lambda: all(len(t.texts()) == 15 for t in talkers))
        assert talkers[0].texts() == talkers[1].texts() == talkers[2].texts()
        await until(lambda: all(t.all(events.Confirmed) for t in talkers))
        assert [t.trouble() for t in talkers] == [[], [], []]


def asking(talkers, count):
    """A task in which each says `count` texts; `said` of it counts rounds."""

    async def talk():
        for number in range(count):
            for talker in talkers:
                await talker.chat.send(f"{talker.chat.nick} {number}")
            task.said = number + 1
            await asyncio.sleep(0.01)

    task = asyncio.ensure_future(talk())
    task.said = 0
    return task


async def killed_and_back(server, talkers):
    server.kill()
    await until(lambda: all(t.all(aio.Disconnected) for t in talkers))
    talking = asking(talkers, 5)
    await asyncio.sleep(0.1)
    server.start()
    await until(lambda: all(t.chat.connected for t in talkers))
    await talking


@told
async def test_a_server_that_is_killed_and_comes_back_costs_nothing(tmp_path):
    with Prosody(tmp_path) as server:
        async with conversation(server, "ana", "ben", "eve") as talkers:
            await asking(talkers, 5)
            await until(lambda: all(len(t.texts()) == 15 for t in talkers))
            await killed_and_back(server, talkers)
            await until(lambda: all(len(t.texts()) >= 30 for t in talkers))
            await asking(talkers, 5)
            await until(lambda: all(len(t.texts()) >= 45 for t in talkers))
            for talker in talkers:
                for nick in ("ana", "ben", "eve"):
                    heard = [text for who, text in talker.texts() if who == nick]
                    assert heard == [f"{nick} {number}" for number in range(5)] * 3
            assert [t.trouble() for t in talkers] == [[], [], []]


@told
async def test_what_a_killed_server_had_shown_to_some_only_is_named_and_never_doubled(tmp_path):
    """It writes to one after the other: what it was about may have reached some, and its author
    among them, who then does not post it again."""
    with Prosody(tmp_path) as server:
        async with conversation(server, "ana", "ben", "eve") as talkers:
            talking = asking(talkers, 40)
            await until(lambda: talking.said > 10)
            server.kill()
            await until(lambda: all(t.all(aio.Disconnected) for t in talkers))
            server.start()
            await talking
            ends = {(nick, f"{nick} 39") for nick in ("ana", "ben", "eve")}
            await until(lambda: all(ends <= set(t.texts()) for t in talkers))
            for talker in talkers:
                for nick in ("ana", "ben", "eve"):
                    heard = [text for who, text in talker.texts() if who == nick]
                    said = [f"{nick} {number}" for number in range(40)]
                    assert heard == [text for text in said if text in heard]
                    missing = [event for event in talker.all(events.Missing) if event.nick == nick]
                    assert sum(event.last - event.first + 1 for event in missing) == 40 - len(
                        heard
                    )
            assert not any(t.all(aio.Fault) for t in talkers)
