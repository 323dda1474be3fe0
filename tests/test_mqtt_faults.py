"""MQTT rooms when something is wrong: who may not enter, who is gone, brokers that fall silent."""

import asyncio
import contextlib
import os
import signal
import threading
import time

import aiomqtt
import pytest
from mosquitto import ROOM, Mosquitto
from mqtt_rooms import CLIENTS, on_micropython, quiet
from mqtt_stories import frames, lost, until, within
from servers import free_port
from test_tls import certificate

from mpseq_aio import link, mqtt
from mpseq_aio.address import room_at
from mpseq_tools import mqtt_room, rooms


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
    return (await asyncio.wait_for(process.communicate(), 60))[0].decode()


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


class _Refused:
    """A connection of MicroPython's behind TLS, when who reads is the first to be told that the
    certificate is refused: a writer then hears a number only."""

    async def readexactly(self, size):
        raise ValueError("The certificate is not correctly signed by the trusted CA")

    def write(self, data):
        pass

    async def drain(self):
        await asyncio.sleep(0.05)
        raise OSError(-9984)

    def close(self):
        pass

    async def wait_closed(self):
        pass


@quiet
async def test_a_refused_certificate_is_named_whoever_is_told_first(tmp_path, monkeypatch):
    async def refused(*place, **options):
        return (_Refused(),) * 2

    monkeypatch.setattr(asyncio, "open_connection", refused)
    *_, file = certificate(tmp_path)
    reason = await lost(room_at(f"mqtts://localhost:1/garden#{file}", "ana").open())
    assert reason.startswith("the broker's certificate is not for localhost"), reason


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
async def test_a_refusal_is_said_if_the_thread_that_connects_is_late(monkeypatch):
    connect = aiomqtt.Client._client_connect

    def late(self):
        connect(self)
        time.sleep(0.5)

    monkeypatch.setattr(aiomqtt.Client, "_client_connect", late)
    async with a_server(b"\x20\x03\0\x97\0") as address:
        room = CLIENTS["aiomqtt"](address, "ana")
        assert "does not let me in: a quota is used up. Cure" in await lost(room.open())
        await room.close()


@quiet
async def test_a_connection_closed_in_the_turn_in_which_it_opens_is_not_looked_at(monkeypatch):
    closing, opened = threading.Event(), threading.Event()
    open_socket, close = mqtt_room._Way._socket_opened, mqtt_room._Way.close

    def socket_opened(self, *arguments):  # in aiomqtt's thread
        closing.wait(60)
        open_socket(self, *arguments)
        opened.set()

    async def close_then(self, good_bye):
        closing.set()
        opened.wait(60)
        await close(self, good_bye)

    monkeypatch.setattr(mqtt_room._Way, "_socket_opened", socket_opened)
    monkeypatch.setattr(mqtt_room._Way, "close", close_then)
    async with a_server() as address:
        opening = asyncio.create_task(CLIENTS["aiomqtt"](address, "ana").open())
        await asyncio.sleep(0.05)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        assert opened.is_set()
        await asyncio.sleep(0.05)  # @quiet hears what the loop complains about


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
        broker.halt()
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
