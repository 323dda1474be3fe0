"""MQTT rooms when something is wrong: who may not enter, brokers that die, lose or fall silent."""

import asyncio
import contextlib
import os
import random
import signal
import time

import pytest
from mosquitto import ROOM, Mosquitto, free_port
from mqtt_rooms import CLIENTS, desktop, on_micropython, quiet
from mqtt_stories import frames, lost, until, within
from test_tls import certificate

from mpseq import Identity, events
from mpseq_aio import link, mqtt, mqtt_wire
from mpseq_aio.address import room_at
from mpseq_aio.chat import Chat, Disconnected
from mpseq_tools import rooms


@pytest.fixture(params=CLIENTS)
def client(request):
    """The desktop's client, and the board's on CPython."""
    return CLIENTS[request.param]


ENTER = """
import asyncio
from mpseq_aio.address import room_at
async def main():
    room = room_at(%r, "board")
    try:
        print("in", await room.open())
        await room.post(bytes(16384))
        message = await room.recv()
        print("heard", len(message[2]))
        await room.close()
    except OSError as error:
        print("lost", error)
asyncio.run(main())
"""


async def said_on_micropython(program, address):
    process = await on_micropython(program, ENTER, address)
    return (await asyncio.wait_for(process.communicate(), 20))[0].decode()


# --- who may not


@quiet
async def test_a_password_is_asked_for_and_no_secret_is_shown(tmp_path, client, unix_micropython):
    with Mosquitto(tmp_path, users={"ana": "open:sesame"}) as broker:
        room = client(broker.address("garden", "ana:open:sesame"), "ana")
        assert await room.open() == ("ana",)
        await room.close()
        for who in ("", "ana", "ana:wrong", "eva:open:sesame"):
            reason = await lost(client(broker.address("garden", who), "ana").open())
            assert "does not let me in: " in reason and "Cure: " in reason, reason
            assert "not authorised" in reason or "bad user name or password" in reason
            assert "wrong" not in reason and "sesame" not in reason
        if client is room_at:
            said = await said_on_micropython(
                unix_micropython, broker.address("garden", "ana:open:sesame")
            )
            assert said.split()[0] == "in" and "heard 16384" in said, said
            said = await said_on_micropython(unix_micropython, broker.address("x", "ana:no"))
            assert said.startswith("lost the broker at 127.0.0.1 port"), said


@pytest.mark.parametrize(
    "acl",
    (
        ("topic read garden", "topic readwrite garden/here/+"),
        ("topic write garden", "topic readwrite garden/here/+"),
        ("topic readwrite garden", "topic write garden/here/+"),
        ("topic readwrite garden", "topic read garden/here/+"),
        ("topic readwrite other",),
    ),
)
@quiet
async def test_what_an_acl_forbids_is_said_with_its_cure(tmp_path, client, acl):
    with Mosquitto(tmp_path, acl=acl) as broker:
        room = client(broker.address("garden"), "ana")
        begin = time.monotonic()
        with_short_echo = mqtt._ECHO
        mqtt._ECHO = 0.5
        try:
            reason = await lost(room.open())
        finally:
            mqtt._ECHO = with_short_echo
        assert "garden" in reason and "not authorised. Cure: " in reason, reason
        assert time.monotonic() - begin < 5


@quiet
async def test_rights_on_the_topic_and_below_it_are_enough(tmp_path, client):
    acl = ("topic readwrite garden", "topic readwrite garden/#")
    with Mosquitto(tmp_path, acl=acl) as broker:
        room = client(broker.address("garden"), "ana")
        await room.open()
        await room.post(b"here")
        await room.ping()
        assert await frames(room, 1) == [("ana", b"here")]
        await room.close()


@quiet
async def test_a_broker_behind_tls(tmp_path, client, unix_micropython):
    files = certificate(tmp_path)
    other = certificate(tmp_path, "elsewhere")
    with Mosquitto(tmp_path, certificate=files) as broker:
        address = broker.address("garden")
        assert address.startswith("mqtts://localhost:") and address.endswith(".der")
        ana, ben = client(address, "ana"), client(address, "ben")
        await ana.open()
        await ben.open()
        hearing = [asyncio.create_task(frames(it, 20)) for it in (ana, ben)]
        for _ in range(20):
            await ben.post(bytes(16384))
        assert [len(await within(it)) for it in hearing] == [20, 20]
        await ana.close()
        await ben.close()
        wrong = address.replace("localhost.der", "elsewhere.der")
        reason = await lost(client(wrong, "ana").open())
        assert (
            f"the broker's certificate is not for localhost, or not signed by {other[2]}" in reason
        )
        reason = await lost(client(address.partition("#")[0], "ana").open())
        assert "certificate" in reason
        if client is room_at:
            said = await said_on_micropython(unix_micropython, address)
            assert "heard 16384" in said, said
            said = await said_on_micropython(unix_micropython, wrong)
            assert said.startswith("lost the broker's certificate is not for localhost"), said
        plain = f"mqtt://localhost:{broker.port}/garden"
        assert await lost(client(plain, "ana").open())


@quiet
async def test_topics_that_cannot_be_rooms_are_refused(client):
    for name in ("garden/+", "$SYS/broker", "+"):
        with pytest.raises((ValueError, rooms.AddressFault)):
            client(f"mqtt://127.0.0.1/{name}", "ana")
    with pytest.raises(ValueError, match="no room in it") as error:
        room_at("mqtt://ana:sesame@127.0.0.1/", "ana")
    assert "sesame" not in str(error.value)
    assert room_at("mqtts://ana:a:b@127.0.0.1/garden#file").secret == "a:b"
    assert room_at("mqtts://127.0.0.1/garden#file").authority == "file"
    assert room_at("mqtt://127.0.0.1/garden").port == 1883
    assert room_at("mqtts://127.0.0.1/garden").port == 8883


# --- brokers that are none, or fall silent


@quiet
async def test_nobody_there(client):
    reason = await lost(client(f"mqtt://127.0.0.1:{free_port()}/garden", "ana").open())
    assert reason.startswith("no broker at 127.0.0.1 port"), reason


@contextlib.asynccontextmanager
async def a_server(*answers):
    """It gives the first answer when something comes, the next with what comes then, and so on."""

    async def serve(reader, writer):
        for answer in answers:
            await reader.read(5000)
            writer.write(answer)
        with contextlib.suppress(OSError):
            while await reader.read(5000):
                pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}/garden"
    finally:
        server.close()


CONNACK = b"\x20\x03\0\0\0"


@pytest.mark.parametrize(
    "answers, reason",
    (
        ((b"\x20\x02\0\x01",), "does not let me in: it speaks no MQTT 5"),
        ((b"\x20\x03\0\x97\0",), "does not let me in: a quota is used up. Cure"),
        ((b"\x20\x03\0\x9f\0",), "does not let me in: reason 0x9f"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), ""),
        ((b"\xff" * 9,), ""),
        ((b"\x20\x08\0\0\x05\x27\0\0\x10\0",), "the packet is too large. Cure"),
        ((CONNACK, b"\xe0\x02\x8b\0"), "it is shutting down"),
        ((CONNACK, b"\x90\x05\0\x01\0\x87\0"), "does not let me read garden: not authorised"),
        ((CONNACK, b"\x90\x05\0\x01\0\0\0"), "it has no QoS 1. Cure"),
    ),
)
@quiet
async def test_what_a_broker_refuses_is_said(client, answers, reason):
    async with a_server(*answers) as address:
        room = client(address, "ana")
        room.patience = 3
        said = await lost(room.open())
        assert reason in said, said
        assert await lost(room.recv())
        await room.close()


@quiet
async def test_who_never_answers_is_given_up(client):
    async with a_server() as address:
        room = client(address, "ana")
        room.patience = 0.3
        assert "does not answer" in await lost(room.open())
        await within(room.close(), 2)


@quiet
async def test_a_broker_that_takes_nothing_fills_no_memory_and_does_not_hold_up_close(
    tmp_path, client
):
    with Mosquitto(tmp_path) as broker:
        ana, ben = client(broker.address("garden"), "ana"), client(broker.address("garden"), "ben")
        await ana.open()
        await ben.open()
        broker.stop()
        posted = 0

        async def post():
            nonlocal posted
            while True:
                await ana.post(bytes(16384))
                posted += 1

        tasks = [asyncio.create_task(lost(post())) for _ in range(5)]
        await asyncio.sleep(0.3)
        assert posted == 0  # each waits until the broker has it, and only one is on its way
        begin = time.monotonic()
        await asyncio.gather(ana.close(), ben.close())
        assert time.monotonic() - begin < 2.5
        assert [await within(task) for task in tasks] == ["closed"] * 5
        broker.go()
        await ana.open()
        await ana.post(b"back")
        while (await frames(ana, 1))[0] != ("ana", b"back"):
            pass
        await ana.close()


# --- who is here


@quiet
async def test_whoever_crashes_is_gone_for_the_others(tmp_path, client, unix_micropython):
    with Mosquitto(tmp_path) as broker:
        address = broker.address("garden")
        ana = client(address, "ana")
        await ana.open()
        source = ENTER.replace("await room.close()", "await asyncio.sleep(60)")
        process = await on_micropython(unix_micropython, source, address)
        await until(ana, (link.ENTER, "board"))
        await frames(ana, 1)
        process.kill()
        await process.wait()
        await until(ana, (link.LEAVE, "board"))
        late = client(address, "board")
        assert await late.open() == ("board", "ana")
        await ana.close()
        await late.close()


@quiet
async def test_whom_a_dead_broker_left_behind_is_gone_after_a_while(tmp_path, client):
    """A broker with a memory on disk, and a member that dies with it: nobody says good-bye."""
    lines = (*ROOM, "persistence true", f"persistence_location {tmp_path}/")
    with Mosquitto(tmp_path, lines) as broker:
        ghost = room_at(broker.address("garden"), "ghost")
        await ghost.open()
        os.kill(broker.pid, signal.SIGUSR1)  # write what you know
        while not (tmp_path / "mosquitto.db").exists():
            await asyncio.sleep(0.02)
        broker.kill()  # nobody's will is published
        await lost(until(ghost, None))
        await ghost.close()
        broker.start()
        ana = client(broker.address("garden"), "ana")
        assert await ana.open() == ("ana", "ghost")
        ana._there = {topic: (label, 0) for topic, (label, _) in ana._there.items()}
        await ana.ping()  # 300 s later
        await until(ana, (link.LEAVE, "ghost"))
        await ana.close()


@quiet
async def test_the_broker_is_told_how_long_a_presence_holds(tmp_path, client):
    import aiomqtt

    with Mosquitto(tmp_path) as broker:
        ana = client(broker.address("garden"), "ana")
        await ana.open()
        watch = aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5)
        async with watch:
            await watch.subscribe("garden/#", qos=1)
            async for message in watch.messages:
                assert str(message.topic) == ana.topic and message.retain
                assert 0 < message.properties.MessageExpiryInterval <= mqtt.EXPIRY
                break
            await ana.close()
            async for message in watch.messages:
                assert str(message.topic) == ana.topic and not message.payload
                break


# --- conversations


async def a_conversation(broker, *carriers):
    """Members of one conversation, the first of them its founder; all in."""
    chats = [Chat(Identity.generate(os.urandom), f"m{at}", it) for at, it in enumerate(carriers)]
    for chat in chats:
        await chat.open()
    chats[0].create("house")
    chats[0].invite([(chat.nick, chat.identity.public) for chat in chats[1:]])
    await asyncio.gather(*[within(chat.join(), 20) for chat in chats[1:]])
    for chat in chats:
        while len(chat.members) < len(chats):
            await asyncio.sleep(0.02)
    return chats


async def heard(chat, done, seconds=30):
    """Events up to and with the one for which `done(event)` is true."""
    out = []

    async def read():
        async for event in chat.events():
            out.append(event)
            if done(event):
                return

    try:
        await asyncio.wait_for(read(), seconds)
    except asyncio.TimeoutError:
        raise AssertionError(f"{chat.nick} heard only {out}") from None
    return out


def texts(seen):
    return [(event.nick, event.text) for event in seen if isinstance(event, events.Text)]


def is_text(text):
    return lambda event: isinstance(event, events.Text) and event.text == text


def so_many(count):
    """`done` of the so-manieth text."""
    left = [count]

    def done(event):
        left[0] -= isinstance(event, events.Text)
        return not left[0]

    return done


MEMBER = """
import asyncio, os
from mpseq import Identity, events
from mpseq_aio import chat as aio
aio._BACK_OFF = (0.1, 0.2)
async def main():
    chat = aio.Chat(Identity.generate(os.urandom), "porch", %r)
    print("key", chat.identity.public.hex())
    await chat.join()
    await chat.send("here I am")
    bad = 0
    async for event in chat.events():
        if isinstance(event, (events.Missing, events.Inconsistent, aio.Fault, aio.Dropped)):
            print("bad", event)
        if isinstance(event, events.Text) and event.nick != "porch":
            if event.text == "bye":
                break
            await chat.send("heard " + event.text)
    await chat.leave()
    await chat.close()
    print("well")
asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def three(broker, program):
    """A desktop, a board's client on CPython and one on MicroPython in a conversation."""
    address = broker.address("garden")
    desk = Chat(Identity.generate(os.urandom), "desk", rooms.at(address).room())
    shed = Chat(Identity.generate(os.urandom), "shed", address)
    process = await on_micropython(program, MEMBER, address)
    try:
        key = bytes.fromhex((await process.stdout.readline()).split()[1].decode())
        await desk.open()
        await shed.open()
        while len(desk.carrier._there) < 2:
            await asyncio.sleep(0.02)
        desk.create("house")
        desk.invite([("porch", key), ("shed", shed.identity.public)])
        await within(shed.join(), 20)
        await heard(desk, is_text("here I am"))
        yield desk, shed, process
    finally:
        await desk.close()
        await shed.close()
        if process.returncode is None:
            process.kill()
        await process.communicate()


@quiet
async def test_three_kinds_of_members_talk_and_confirm(tmp_path, unix_micropython):
    with Mosquitto(tmp_path) as broker:
        async with three(broker, unix_micropython) as (desk, shed, process):
            mine = [f"text {at}" for at in range(10)]
            for text in mine:
                await desk.send(text)
            seen = await heard(desk, is_text("heard text 9"))
            assert [text for nick, text in texts(seen) if nick == "porch"] == [
                f"heard {text}" for text in mine
            ]
            last = [event.number for event in seen if is_text("text 9")(event)][-1]
            await shed.send("so did I")  # and with it, that it has seen all that
            await heard(
                desk, lambda event: isinstance(event, events.Confirmed) and event.number >= last
            )
            assert not [it for it in seen if isinstance(it, (events.Missing, events.Inconsistent))]
            theirs = texts(await heard(shed, is_text("heard text 9")))
            assert theirs[-len(texts(seen)) :] == texts(seen)
            await desk.send("bye")
            assert (await asyncio.wait_for(process.communicate(), 20))[0].split() == [b"well"]


@quiet
async def test_a_broker_killed_in_mid_conversation_costs_no_text(
    tmp_path, unix_micropython, monkeypatch
):
    monkeypatch.setattr("mpseq_aio.chat._BACK_OFF", (0.1, 0.2))
    with Mosquitto(tmp_path) as broker:
        async with three(broker, unix_micropython) as (desk, shed, process):
            for at in range(30):
                await desk.send(f"desk {at}")
                await shed.send(f"shed {at}")
                if at in (10, 20):
                    broker.kill()
                    await asyncio.sleep(0.3)
                    broker.start()
            # "here I am" was taken from the desk's events before.
            seen, theirs = await asyncio.gather(
                heard(desk, so_many(120)), heard(shed, so_many(121))
            )
            for who in (seen, theirs):
                assert not [
                    it for it in who if isinstance(it, (events.Missing, events.Inconsistent))
                ]
                assert [it for it in who if isinstance(it, Disconnected)]
                for nick in ("desk", "shed"):
                    assert [text for name, text in texts(who) if name == nick] == [
                        f"{nick} {at}" for at in range(30)
                    ]
                said = [text for name, text in texts(who) if name == "porch"]
                assert sorted(set(said)) == sorted(said) and len(said) >= 60
            assert texts(seen) == texts(theirs)[1:]
            await desk.send("bye")
            said = (await asyncio.wait_for(process.communicate(), 30))[0].decode()
            assert said.split() == ["well"], said


@quiet
async def test_slow_readers_of_bursts_hear_one_order(tmp_path):
    """With a Receive Maximum of 2 they do not: Mosquitto 2.0.11 lets the new overtake the old."""
    dice = random.Random(7)
    with Mosquitto(tmp_path) as broker:
        makers = [room_at, room_at, desktop, desktop]
        readers = [make(broker.address("garden"), f"r{at}") for at, make in enumerate(makers)]
        talkers = [room_at(broker.address("garden"), f"t{at}") for at in range(2)]
        for room in readers + talkers:
            await room.open()

        async def listen(room, count, slow):
            out = []
            while len(out) < count:
                out += await frames(room, 1)
                if slow and dice.random() < 0.03:
                    await asyncio.sleep(dice.random() * 0.01)
            return out

        async def talk(room):
            for burst in range(60):
                packets = b""
                for at in range(3):  # at once, as a bridge or another program does
                    number = 1000 + 3 * burst + at
                    payload = link.encode((link.FRAME, room.label, b"%d" % number))
                    body = (
                        mqtt_wire.string(room.room) + number.to_bytes(2, "big") + b"\0" + payload
                    )
                    packets += b"\x32" + mqtt_wire.varint(len(body)) + body
                room._way._writer.write(packets)
                await asyncio.sleep(dice.random() * 0.01)

        heard = await asyncio.gather(
            *[listen(room, 360, True) for room in readers],
            *[listen(room, 360, False) for room in talkers],
            *[talk(room) for room in talkers],
        )
        assert all(it == heard[0] for it in heard[:6])
        for room in readers + talkers:
            await room.close()


class Gate:
    """A member's carrier whose `recv` gives out nothing while the gate is shut."""

    def __init__(self, carrier):
        self._carrier = carrier
        self.open_now = asyncio.Event()
        self.open_now.set()
        self._recv = carrier.recv
        carrier.recv = self.recv

    async def recv(self):
        await self.open_now.wait()
        message = await self._recv()
        await self.open_now.wait()
        return message


@pytest.mark.parametrize(
    "lines, ahead, kept", ((("set_tcp_nodelay true",), 20, False), (ROOM, mqtt.AHEAD, True))
)
@quiet
async def test_what_a_full_queue_loses_is_named(tmp_path, monkeypatch, lines, ahead, kept):
    """Mosquitto's own default is a queue of 1,000 behind 20 on the way: a slow reader loses what
    does not fit, in silence. A room wants no limit; Chat names what is missing."""
    monkeypatch.setattr(mqtt, "AHEAD", ahead)
    with Mosquitto(tmp_path, lines) as broker:
        address = broker.address("garden")
        carriers = [rooms.at(address).room() for _ in range(2)]
        gate = Gate(carriers[1])
        ana, ben = await a_conversation(broker, *carriers)
        gate.open_now.clear()
        flood = rooms.at(address).room(label="flood")
        await flood.open()

        async def swallow():
            while True:
                await flood.recv()

        swallowing = asyncio.create_task(swallow())
        big = bytes(12000)
        for _ in range(100):  # until ben reads no more
            await flood.post(big)
        for _ in range(1100):
            await flood.post(b"junk")
        for at in range(3):
            await ana.send(f"lost {at}")
        gate.open_now.set()
        while not carriers[1]._inbox or b"junk" not in carriers[1]._inbox[-1][0]:
            await asyncio.sleep(0.01)
        while carriers[1]._inbox:
            await asyncio.sleep(0.01)
        await ana.send("afterwards")
        seen = await heard(ben, is_text("afterwards"))
        got = [text for nick, text in texts(seen) if nick == "m0"]
        named = [event for event in seen if isinstance(event, events.Missing)]
        if kept:
            assert got == ["lost 0", "lost 1", "lost 2", "afterwards"] and not named
        else:
            assert got[-1] == "afterwards" and len(got) < 4
            assert sum(event.last - event.first + 1 for event in named) == 4 - len(got), seen
        swallowing.cancel()
        for it in (flood, ana, ben):
            await it.close()
