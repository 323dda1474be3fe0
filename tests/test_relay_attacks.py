"""Whatever somebody does to a relay: the room beside it goes on, and the relay stays small."""

import asyncio
import contextlib
import random
import resource
import socket
import time

import pytest
from relays import (
    a_relay,
    answers,
    enter,
    hello,
    last_word,
    most_waiting,
    next_of,
    post,
    story,
    until,
)

from mpseq_aio import link, tcp
from mpseq_tools.relay_limits import Addresses, Bucket, Limits


async def goes_on(*people):
    """Each of these hears each other."""
    for number, client in enumerate(people):
        frame = b"still here %d" % number
        await client.post(frame)
        for other in people:
            while (await next_of(other, link.FRAME))[2] != frame:
                pass


async def silent_connection(relay):
    return await asyncio.open_connection("127.0.0.1", relay.port)


@story
async def test_a_hello_byte_by_byte_has_its_time_in_all_not_for_each_byte():
    async with a_relay(patience=1.0) as relay:
        ana, ben = await enter(relay, "ana"), await enter(relay, "ben")
        reader, writer = await silent_connection(relay)

        async def trickle():
            for byte in hello() * 100:
                writer.write(bytes((byte,)))
                await asyncio.sleep(0.1)

        trickling = asyncio.ensure_future(trickle())
        begun = time.monotonic()
        word = await last_word(reader)
        assert word == (link.ERROR, "no HELLO within 1 s")
        assert time.monotonic() - begun < 10
        trickling.cancel()
        writer.close()
        await goes_on(ana, ben)


@story
async def test_before_hello_a_client_may_keep_almost_nothing_here():
    async with a_relay() as relay:
        for data in (
            b"\0\0\x42\0\x02" + bytes(20000),  # as long as a message may be, later
            b"\0\0\x02\x01\x01",
            b"\xff\xff\xff\xff",
        ):
            assert "TooLong" in (await answers(relay, data))[-1][1]
        name = b"\x40" + b"a" * 64
        longest = b"\0\0\0\x86\x01\x01\x40\0" + name + name
        answer = (await answers(relay, longest + tcp.frame_message((link.BYE,))))[0]
        assert answer == (link.WELCOME, ("a" * 64,))
        huge = b"\xff" + b"a" * 255
        for data in (huge + b"\1a", b"\1a" + huge, b"\1a\x50" + b"a" * 80):
            data = b"\x01\x01\x40\0" + data
            answer = (await answers(relay, len(data).to_bytes(4, "big") + data))[-1]
            assert answer[0] == link.ERROR and "BadName" in answer[1]


@story
async def test_thousands_of_connections_at_once_leave_the_room_alone():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # as `mpseq relay` does
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    async with a_relay(max_clients=200, max_per_address=0, patience=5) as relay:
        ana, ben = await enter(relay, "ana"), await enter(relay, "ben")
        sockets = []
        try:
            for _ in range(10_000):
                one = socket.socket()
                sockets.append(one)
                one.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    one.connect(("127.0.0.1", relay.port))
                if len(sockets) % 500 == 0:
                    await goes_on(ana, ben)
                    for old in sockets[:-1000]:
                        old.close()
                    del sockets[:-1000]
            await goes_on(ana, ben)
            assert len(relay) <= 200
            assert len(relay._refused) <= 64
        finally:
            for one in sockets:
                one.close()
        await until(lambda: len(relay) == 2 and not relay._refused)
        assert relay.counts.ended["full"] > 5000
        eve = await enter(relay, "eve")
        await goes_on(ana, ben, eve)


@story
async def test_one_address_cannot_take_all_places_nor_come_too_often():
    async with a_relay(max_per_address=3, connect_burst=6, connect_rate=0.01) as relay:
        people = [await enter(relay, "ana") for _ in range(3)]
        with pytest.raises(link.CarrierLost, match="3 connections of your address"):
            await enter(relay, "eve")
        for one in people:
            await one.close()
        await until(lambda: not len(relay))
        for _ in range(3):
            one = await enter(relay, "ana")
            await one.close()
        await until(lambda: not len(relay))
        with pytest.raises(link.CarrierLost, match="too many new connections"):
            await enter(relay, "eve")
    async with a_relay(max_per_address=0, connect_burst=1, connect_rate=0.01) as relay:
        await goes_on(*[await enter(relay, "ana") for _ in range(5)])


@story
async def test_a_flood_of_room_names_ends_at_the_limit_and_rooms_end_with_their_people():
    async with a_relay(max_rooms=20, max_members=2) as relay:
        ana, ben = await enter(relay, "ana"), await enter(relay, "ben")
        crowd = [await enter(relay, "eve", f"room {number}") for number in range(19)]
        with pytest.raises(link.CarrierLost, match="full .20 rooms"):
            await enter(relay, "eve", "one more")
        with pytest.raises(link.CarrierLost, match="the room is full .2 members"):
            await enter(relay, "eve")
        await goes_on(ana, ben)
        for one in crowd:
            await one.close()
        await until(lambda: list(relay.rooms) == ["kitchen"])
        await (await enter(relay, "eve", "one more")).close()


@story
async def test_who_never_reads_costs_what_it_may_and_no_more():
    async with a_relay(max_waiting=200_000, patience=0.5, byte_rate=1e9) as relay:
        ana, ben = await enter(relay, "ana"), await enter(relay, "ben")
        deaf = []
        for number in range(5):
            reader, writer = await silent_connection(relay)
            writer.transport.pause_reading()
            writer.write(hello(f"deaf{number}"))
            deaf.append(writer)
        await until(lambda: len(relay.rooms["kitchen"]) == 7)
        heard = [asyncio.ensure_future(count_frames(one)) for one in (ana, ben)]
        most = most_waiting(relay)
        sent = 0
        while len(relay.rooms["kitchen"]) > 2:
            await ana.post(bytes(16000))
            sent += 1
        await ana.post(b"end")
        assert await asyncio.gather(*heard) == [sent, sent]
        assert 200_000 < most() < 5 * (200_000 + 100_000) + 200_000
        assert relay.counts.ended["slow"] == 5
        await until(lambda: len(relay) == 2)  # they are closed although they never read
        assert relay.waiting == 0
        for writer in deaf:
            writer.transport.abort()


async def count_frames(client):
    count = 0
    while (message := await client.recv())[-1] != b"end":
        count += message[0] == link.FRAME
    return count


@story
async def test_when_memory_is_full_the_largest_backlog_goes_first():
    async with a_relay(max_memory=1_000_000, byte_rate=1e9) as relay:
        ana, ben = await enter(relay, "ana"), await enter(relay, "ben")
        reader, deaf = await silent_connection(relay)
        deaf.transport.pause_reading()
        deaf.write(hello("deaf"))
        others = []
        for number in range(5):
            _, writer = await silent_connection(relay)
            writer.transport.pause_reading()
            writer.write(hello("deaf", f"room {number}"))
            others.append(writer)
        await until(lambda: len(relay) == 8)
        heard = [asyncio.ensure_future(count_frames(one)) for one in (ana, ben)]
        while "deaf" in relay.rooms["kitchen"]:
            await ana.post(bytes(16000))
        assert relay.counts.ended["memory"] == 1 and len(relay.rooms) == 6
        await ana.post(b"end")
        await asyncio.gather(*heard)
        deaf.transport.resume_reading()
        word = await last_word(reader)
        assert word[0] == link.ERROR and "memory is full" in word[1]
        for writer in (deaf, *others):
            writer.transport.abort()


@story
async def test_who_posts_too_fast_waits_and_loses_nothing():
    async with a_relay(frame_rate=200, frame_burst=20, byte_rate=1e6) as relay:
        ana, ben = await enter(relay, "ana"), await enter(relay, "ben")
        begun = time.monotonic()
        posting = asyncio.ensure_future(post_all(ana, 120))
        heard = [(await next_of(ben, link.FRAME))[2] for _ in range(120)]
        await posting
        assert heard == [b"%d" % number for number in range(120)]
        assert time.monotonic() - begun > 0.25  # 100 of them over the 20, at 200 a second
        assert relay.counts.held_back > 0
        await ana.ping()
        assert await next_of(ana, link.PONG)


async def post_all(client, count):
    for number in range(count):
        await client.post(b"%d" % number)


@story
async def test_a_flood_without_end_is_ended_with_the_reason():
    limits = {"frame_rate": 50, "frame_burst": 10, "byte_rate": 100_000, "byte_burst": 20_000}
    async with a_relay(flood=1.0, **limits) as relay:
        ana, ben = await enter(relay, "ana"), await enter(relay, "ben")
        for frame in (b"x", bytes(5000)):
            reader, writer = await silent_connection(relay)
            writer.write(hello("eve", "cellar"))

            async def flood(writer=writer, frame=frame):
                with contextlib.suppress(OSError):
                    while True:
                        writer.write(post(frame) * 10)
                        await writer.drain()

            flooding = asyncio.ensure_future(flood())
            word = await last_word(reader)
            assert word[0] == link.ERROR and word[1].startswith("for 1 s more than 50 messages")
            flooding.cancel()
            writer.transport.abort()
        await goes_on(ana, ben)
        assert relay.counts.ended["flood"] == 2
        await until(lambda: relay.waiting == 0)


@story
async def test_a_room_that_founds_a_session_of_many_is_not_held_back():
    """153 frames, 68 kB, for a batch of 50: with the limits as they are nobody waits."""
    async with a_relay() as relay:
        people = [await enter(relay, f"member{number}") for number in range(64)]

        async def take(client):
            return [(await next_of(client, link.FRAME))[1:] for _ in range(64 * 4)]

        async def give(client):
            for size in (120, 2000, 600, 400):
                await client.post(bytes(size))

        got = await asyncio.gather(*map(take, people), *map(give, people))
        assert all(one == got[0] for one in got[1:64])
        for _ in range(20):  # and a body of 10,000 bytes, some times
            await people[0].post(bytes(10_000))
        assert [len((await next_of(people[1], link.FRAME))[2]) for _ in range(20)] == [10_000] * 20
        assert relay.counts.held_back == 0


@story
async def test_half_of_a_connection_is_noticed():
    async with a_relay(idle=2) as relay:
        ana, ben = await enter(relay, "ana"), await enter(relay, "ben")
        reader, writer = await silent_connection(relay)
        writer.write(hello() + post(b"whole") + b"\0\0\0\x10\x02half")
        assert (await next_of(ana, link.FRAME))[2] == b"whole"
        pings = asyncio.ensure_future(keep_alive(ana, ben))
        assert await next_of(ana, link.LEAVE) == (link.LEAVE, "eve")
        assert (await last_word(reader))[1] == "no sign of life within 2 s"
        writer.close()
        # Who says that it will send nothing more has gone: nobody could tell it from a dead one.
        reader, writer = await silent_connection(relay)
        writer.write(hello() + post(b"last"))
        writer.write_eof()
        assert (await next_of(ana, link.FRAME))[2] == b"last"
        assert await next_of(ana, link.LEAVE) == (link.LEAVE, "eve")
        writer.close()
        pings.cancel()
        await goes_on(ana, ben)


async def keep_alive(*people):
    while True:
        await asyncio.sleep(0.1)
        for one in people:
            await one.ping()


def test_a_bucket():
    bucket = Bucket(rate=10, burst=5)
    assert [bucket.take(1, 100.0) for _ in range(6)] == [True] * 5 + [False]
    assert bucket.wait() == pytest.approx(0.1)
    assert not bucket.take(1, 100.1) and bucket.take(1, 100.31)
    assert bucket.take(5, 1000.0) and not bucket.take(0.1, 1000.0)


def test_addresses_are_told_apart_by_their_networks_and_do_not_pile_up():
    addresses = Addresses(Limits())
    home = addresses.at("192.0.2.7")
    assert addresses.at("::ffff:192.0.2.7") is home
    assert addresses.at("192.0.2.8") is not home
    customer = addresses.at("2001:db8:1:2:3::1")
    assert addresses.at("2001:db8:1:2:ffff::9%eth0") is customer
    assert addresses.at("2001:db8:1:3::1") is not customer
    home.connected = 1
    for number in range(20_000):
        addresses.at(f"10.0.{number >> 8}.{number & 255}")
    assert addresses.at("192.0.2.7") is home  # while it is connected it is not forgotten
    assert addresses.at("2001:db8:1:2:3::1") is not customer
    assert len(addresses._known) <= 8192


@story
async def test_messages_may_come_in_any_pieces():
    dice = random.Random(8)
    frames = [dice.randbytes(dice.choice((0, 1, 30, 700))) for _ in range(60)]
    whole = hello() + b"".join(map(post, frames))
    async with a_relay(frame_rate=2000, frame_burst=20) as relay:
        for most in (1, 5, 900):
            ana = await enter(relay, "ana")
            reader, writer = await silent_connection(relay)
            at = 0
            while at < len(whole):
                size = dice.randint(1, most) if at < 800 else 2000
                writer.write(whole[at : at + size])
                at += size
                await asyncio.sleep(0)
            for client in (ana.recv, lambda reader=reader: tcp.read_message(reader)):
                heard = []
                while len(heard) < len(frames):
                    message = await client()
                    if message[0] == link.FRAME:
                        heard.append(message[2])
                assert heard == frames
            writer.close()
            await ana.close()
            await until(lambda: not len(relay))
        assert relay.waiting == 0 and not relay.rooms
