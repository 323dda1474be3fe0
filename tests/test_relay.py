"""A room on the relay: one order for everyone, and nobody can spoil it for the others."""

import asyncio
import contextlib
import random
import signal
import socket
import subprocess
import sys

import pytest
from relays import a_relay, enter, next_of, story
from relays import answers as raw

from mpseq_aio import link, tcp
from mpseq_tools.relay import with_number


@story
async def test_everyone_sees_the_same_order_and_the_sender_sees_itself():
    async with a_relay() as relay:
        people = [await enter(relay, label) for label in ("ana", "ben", "eve", "joe")]

        async def talk(client, number):
            for count in range(100):
                await client.post(b"%d/%d" % (number, count))
                if count % 7 == number:
                    await asyncio.sleep(0)

        async def listen(client):
            return [await next_of(client, link.FRAME) for _ in range(400)]

        heard = await asyncio.gather(
            *(listen(c) for c in people), *(talk(c, i) for i, c in enumerate(people))
        )
        assert heard[0] == heard[1] == heard[2] == heard[3]
        assert {label for _, label, _ in heard[0]} == {"ana", "ben", "eve", "joe"}
        own = [frame for _, label, frame in heard[0] if label == "eve"]
        assert own == [b"2/%d" % count for count in range(100)]


@story
async def test_people_come_and_go_and_the_others_are_told():
    async with a_relay() as relay:
        ana = await enter(relay, "ana")
        assert ana.labels == ("ana",)
        ben = await enter(relay, "ben")
        assert ben.labels == ("ben", "ana")
        assert await ana.recv() == (link.ENTER, "ben")
        await ben.close()
        assert await ana.recv() == (link.LEAVE, "ben")
        await ana.close()
        eve = await enter(relay, "eve")
        assert eve.labels == ("eve",)
        assert list(relay.rooms) == ["kitchen"]
        assert relay.lines[-1] == "eve entered room kitchen (1 there)"


@story
async def test_a_taken_label_gets_a_number():
    async with a_relay() as relay:
        anas = [await enter(relay, "ana") for _ in range(3)]
        assert [ana.label for ana in anas] == ["ana", "ana-2", "ana-3"]
        assert len(with_number("ä" * 32, 12).encode()) <= link.MAX_LABEL


@story
async def test_rooms_do_not_hear_each_other():
    async with a_relay() as relay:
        ana = await enter(relay, "ana", "kitchen")
        ben = await enter(relay, "ben", "cellar")
        await ana.post(b"in the kitchen")
        await ben.post(b"in the cellar")
        assert await ana.recv() == (link.FRAME, "ana", b"in the kitchen")
        assert await ben.recv() == (link.FRAME, "ben", b"in the cellar")


@story
async def test_a_frame_of_16_kib_passes_and_a_longer_one_is_refused():
    async with a_relay() as relay:
        ana, ben = await enter(relay, "ana"), await enter(relay, "ben")
        await ana.post(bytes(16384))
        assert (await next_of(ben, link.FRAME))[2] == bytes(16384)
        with pytest.raises(link.TooLong):
            await ana.post(bytes(16385))
        hello = tcp.frame_message((link.HELLO, 1, 16384, "kitchen", "eve"))
        too_long = (16386).to_bytes(4, "big") + b"\x02" + bytes(16385)
        answers = await raw(relay, hello + too_long)
        assert answers[-1][0] == link.ERROR and "TooLong" in answers[-1][1]
        await ana.post(b"still here")
        assert await next_of(ben, link.FRAME) == (link.FRAME, "ana", b"still here")


@story
async def test_who_takes_only_short_frames_is_told_instead_of_missing_one():
    async with a_relay() as relay:
        ana = await enter(relay, "ana")
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(tcp.frame_message((link.HELLO, 1, 1000, "kitchen", "small")))
        assert await tcp.read_message(reader) == (link.WELCOME, ("small", "ana"))
        await ana.post(bytes(1001))
        reason = (link.ERROR, "a frame of 1001 bytes, you take 1000")
        assert await tcp.read_message(reader) == reason
        assert await next_of(ana, link.LEAVE) == (link.LEAVE, "small")
        writer.close()


@story
async def test_a_slow_reader_is_dropped_with_the_reason_and_the_others_go_on():
    async with a_relay(max_waiting=200_000, byte_rate=1e9) as relay:
        ana, ben = await enter(relay, "ana"), await enter(relay, "ben")
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(tcp.frame_message((link.HELLO, 1, 16384, "kitchen", "slow")))
        assert (await tcp.read_message(reader))[0] == link.WELCOME
        reader._transport.pause_reading()

        async def read_on(client):
            told = False
            while (message := await client.recv()) != (link.FRAME, "ana", b"end"):
                told = told or message == (link.LEAVE, "slow")
            return told

        listening = [asyncio.ensure_future(read_on(client)) for client in (ana, ben)]
        while "slow" in relay.rooms["kitchen"]:
            await ana.post(bytes(16000))
            await asyncio.sleep(0)
        assert any("slow left room kitchen: too slow" in line for line in relay.lines)
        reader._transport.resume_reading()
        last = None
        with contextlib.suppress(link.CarrierLost):
            while True:
                last = await tcp.read_message(reader)
        assert last[0] == link.ERROR and last[1].startswith("too slow: ")
        writer.close()
        await ana.post(b"end")
        assert await asyncio.gather(*listening) == [True, True]


@story
async def test_clients_that_talk_nonsense_are_told_and_closed_and_disturb_nobody():
    async with a_relay(patience=0.3) as relay:
        ana = await enter(relay, "ana")
        hello = tcp.frame_message((link.HELLO, 1, 16384, "kitchen", "eve"))
        cases = [
            (b"GET / HTTP/1.0\r\n\r\n", "TooLong"),
            (b"\0\0\0\0", "Truncated"),
            (b"\0\0\0\x01\x99", "UnknownType"),
            (tcp.frame_message((link.PING,)), "HELLO"),
            (tcp.frame_message((link.POST, b"x")), "HELLO"),
            (tcp.frame_message((link.HELLO, 9, 9, "kitchen", "eve")), "version 9"),
            (b"\0\0\0\x0a\x01\x01\x40\0\x01k\x03a\x1bx", "BadName"),
            (hello + hello, "POST, PING or BYE"),
            (hello + tcp.frame_message((link.WELCOME, ("eve",))), "POST, PING or BYE"),
            (hello + tcp.frame_message((link.COMMAND, "{}")), "POST, PING or BYE"),
            (b"", "no HELLO within 0.3 s"),
        ]
        for data, reason in cases:
            answers = await raw(relay, data)
            assert answers[-1][0] == link.ERROR, data
            assert reason in answers[-1][1]
        await ana.post(b"still here")
        assert await next_of(ana, link.FRAME) == (link.FRAME, "ana", b"still here")
        assert list(relay.rooms["kitchen"]) == ["ana"]


@story
async def test_noise_from_many_clients_never_stops_the_room():
    async with a_relay(patience=1) as relay:
        ana = await enter(relay, "ana")
        dice = random.Random(5)

        async def noise(data):
            _, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            with contextlib.suppress(OSError):
                writer.write(data)
                await writer.drain()
                writer.transport.abort()

        await asyncio.gather(*(noise(dice.randbytes(dice.randrange(3000))) for _ in range(100)))
        await ana.post(b"still here")
        assert await next_of(ana, link.FRAME) == (link.FRAME, "ana", b"still here")


@story
async def test_limits_on_clients_members_and_silence_are_named():
    async with a_relay(max_clients=3, max_members=2, idle=3) as relay:
        ana = await enter(relay, "ana")
        ben = await enter(relay, "ben")
        with pytest.raises(link.CarrierLost, match="the room is full"):
            await enter(relay, "eve")
        joe = await enter(relay, "joe", "cellar")
        with pytest.raises(link.CarrierLost, match="relay is full"):
            await enter(relay, "eve", "cellar")
        for _ in range(8):
            await asyncio.sleep(0.5)
            await ana.ping()
        assert await next_of(ana, link.PONG)
        with pytest.raises(link.CarrierLost, match="no sign of life within 3 s"):
            await next_of(ben, link.FRAME)
        await joe.close()


@story
async def test_a_relay_that_stops_says_so():
    async with a_relay() as relay:
        ana = await enter(relay, "ana")
        await relay.stop()
        with pytest.raises(link.CarrierLost, match="shutting down"):
            await next_of(ana, link.FRAME)
        with pytest.raises(link.CarrierLost, match="no relay at 127.0.0.1"):
            await enter(relay, "ben")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_and_ends_cleanly_on_a_signal(number):
    command = [sys.executable, "-m", "mpseq_tools", "relay", "--port", "0", "--log-names"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            first = process.stdout.readline()
            assert first.startswith("relay at 127.0.0.1:")
            port = int(first.split(":")[1].split(";")[0])

            async def visit():
                room = tcp.TcpRoom("127.0.0.1", port, "kitchen", "ana")
                await room.open()
                process.send_signal(number)
                with pytest.raises(link.CarrierLost, match="shutting down"):
                    await room.recv()

            asyncio.run(asyncio.wait_for(visit(), 60))
            rest, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "ana left room kitchen: the relay is shutting down" in rest


def test_the_command_says_what_to_do_when_the_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "mpseq_tools", "relay", "--port", port]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 3
    assert "Cure: " in result.stdout + result.stderr
