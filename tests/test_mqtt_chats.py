"""Conversations in MQTT rooms: three kinds of members, brokers that die, cuts, a full queue."""

import asyncio
import contextlib
import os
import random
import socket

import pytest
from mosquitto import ROOM, Mosquitto
from mqtt_rooms import desktop, on_micropython, quiet
from mqtt_stories import frames, within

from mpseq import Identity, events
from mpseq_aio import link, mqtt, mqtt_wire
from mpseq_aio.address import room_at
from mpseq_aio.chat import Chat, Disconnected
from mpseq_tools import rooms


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


async def heard(chat, done, seconds=60):
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
            assert (await asyncio.wait_for(process.communicate(), 60))[0].split() == [b"well"]


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
            said = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
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


@quiet
async def test_connections_that_are_cut_cost_no_text(tmp_path, monkeypatch):
    monkeypatch.setattr("mpseq_aio.chat._BACK_OFF", (0.1, 0.2))
    with Mosquitto(tmp_path) as broker:
        address = broker.address("garden")
        carriers = [desktop(address, "ana"), room_at(address, "ben"), room_at(address, "eva")]
        chats = await a_conversation(broker, *carriers)
        for at in range(40):
            for chat in chats[:2]:
                await chat.send(f"{chat.nick} {at}")
            if at == 10:
                carriers[0]._way._paho.socket().shutdown(socket.SHUT_RDWR)
            if at == 20:
                carriers[1]._way._writer.transport.abort()
                await asyncio.sleep(0.05)
        seen = await asyncio.gather(*[heard(chat, so_many(80)) for chat in chats])
        for it in seen:
            assert texts(it) == texts(seen[0])
            assert not [e for e in it if isinstance(e, (events.Missing, events.Inconsistent))]
        for nick in ("m0", "m1"):
            said = [text for name, text in texts(seen[0]) if name == nick]
            assert said == [f"{nick} {at}" for at in range(40)]
        assert all(any(isinstance(e, Disconnected) for e in it) for it in seen[:2])
        for chat in chats:
            await chat.close()
