"""UDP broadcast: whole conversations between CPython and MicroPython, without any relay."""

import asyncio
import os
import random
import socket
import subprocess
import sys

import pytest
from test_tls import told

from mpseq import Identity, events
from mpseq_aio.address import room_at
from mpseq_aio.chat import Chat
from mpseq_aio.link import CarrierLost
from mpseq_aio.udp import UdpRoom

# Each datagram that leaves is lost, held back behind the next, or sent twice. None leaves the
# machine: IP_MULTICAST_TTL is 0.
LOSSY = """
def lossy(room, below):
    send = room._send
    begin = room._start
    def start():
        begin()
        room._socket.setsockopt(0, 33, 0)
    room._start = start
    held = []
    def bad(datagram):
        dice = below(100)
        if dice < 15:
            return
        if dice < 25:
            held.append(bytes(datagram))
            return
        send(datagram)
        if dice < 30:
            send(datagram)
        while held:
            send(held.pop(0))
    room._send = bad
    return room
"""
exec(LOSSY)

MEMBER = (
    LOSSY
    + """
import asyncio, os
from mpseq import Identity, events
from mpseq_aio.address import room_at
from mpseq_aio.chat import Chat

def below(limit):
    return int.from_bytes(os.urandom(2), "big") %% limit

async def main():
    chat = Chat(Identity.generate(os.urandom), "porch", lossy(room_at(%r), below))
    print("key", chat.identity.public.hex())
    await chat.join()
    await chat.send("here I am")
    async for event in chat.events():
        if isinstance(event, events.Text):
            if event.text == "bye":
                break
            if event.nick != "porch":
                await chat.send("heard " + event.text)
    await chat.leave()
    await chat.close()
asyncio.run(main())
"""
)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.bind(("", 0))
        return way.getsockname()[1]


async def start(program, address):
    """A MicroPython member and its public key."""
    process = await asyncio.create_subprocess_exec(
        program,
        "-X",
        "heapsize=320K",
        "-c",
        MEMBER % address,
        stdout=asyncio.subprocess.PIPE,
        env=dict(os.environ, MICROPYPATH="lib:.frozen"),
    )
    return process, bytes.fromhex((await process.stdout.readline()).split()[1].decode())


@pytest.mark.parametrize("place", ("127.255.255.255", "239.77.77.77"))
@told
async def test_a_conversation_by_broadcast_with_micropython(unix_micropython, place):
    address = f"udp://{place}:{free_port()}/garden"
    dice = random.Random(3)
    process, key = await start(unix_micropython, address)
    room = lossy(room_at(address), dice.randrange)  # noqa: F821
    async with Chat(Identity.generate(os.urandom), "desk", room) as chat:
        while len(chat.carrier._engine.labels) < 2:
            await asyncio.sleep(0.05)
        chat.create("house")
        chat.invite([("porch", key)])
        heard = []
        async for event in chat.events():
            assert not isinstance(event, (events.Inconsistent, events.Missing))
            if isinstance(event, events.Text):
                heard.append((event.nick, event.text))
                if len(heard) == 1:
                    for at in range(10):
                        await chat.send(f"text {at}")
                if len(heard) == 21:
                    break
        assert heard[0] == ("porch", "here I am")
        assert [t for n, t in heard if n == "desk"] == [f"text {at}" for at in range(10)]
        assert [t for n, t in heard[1:] if n == "porch"] == [
            f"heard text {at}" for at in range(10)
        ]
        await chat.send("bye")
        assert await asyncio.wait_for(process.wait(), 60) == 0


BURST = """
import asyncio, time
from mpseq_aio.udp import UdpRoom

async def main():
    room = UdpRoom("127.255.255.255", %d, "garden", "porch")
    room._start()
    for size in (1, 250, 24, 24, 250, 3):
        room._send(bytes(size))
    time.sleep(0.1)
    for _ in range(6):
        print(len(await asyncio.wait_for(room._next(), 60)))
    room._stop()
asyncio.run(main())
"""


def test_datagrams_that_come_at_once_stay_apart(unix_micropython):
    """MicroPython's streams read on until they have as much as was asked for."""
    for program in (unix_micropython, sys.executable):
        done = subprocess.run(
            [program, "-c", BURST % free_port()],
            env=dict(os.environ, MICROPYPATH="lib:.frozen"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout.split() == ["1", "250", "24", "24", "250", "3"], done.stderr


@told
async def test_two_in_turn_and_one_that_comes_back():
    port = free_port()
    ana = UdpRoom("127.255.255.255", port, "garden", "ana")
    ben = UdpRoom("127.255.255.255", port, "garden", "ben")
    assert await ana.open() == ["ana"]
    assert await ben.open() == ["ben", "ana"]
    await asyncio.gather(*[room.post(b"%d" % at) for at in range(10) for room in (ana, ben)])
    heard = [[], []]
    for kept, room in zip(heard, (ana, ben), strict=True):
        while len(kept) < 20:
            message = await room.recv()
            if message[0] == 0x82:
                kept.append(message[1:])
    assert heard[0] == heard[1]
    await ben.close()
    with pytest.raises(CarrierLost):
        await ben.post(b"closed")
    while (await ana.recv()) != (0x84, "ben"):
        pass
    assert await ben.open() == ["ben", "ana"]
    await ben.post(b"again")
    while (await ana.recv())[-1] != b"again":
        pass
    await ana.close()
    await ben.close()


@told
async def test_no_way_out_is_said():
    room = UdpRoom("not.a.place.invalid", 7677, "garden", "ana", patience=6)
    with pytest.raises(CarrierLost, match="not.a.place.invalid port 7677"):
        await room.open()


def test_addresses():
    for address, host, port in (
        ("udp://255.255.255.255/garden", "255.255.255.255", 7677),
        ("udp://192.168.1.255:9000/garden", "192.168.1.255", 9000),
    ):
        room = room_at(address, "ana")
        assert (room.host, room.port, room.room, room.label) == (host, port, "garden", "ana")
    for bad in ("udp:garden", "udp://1.2.3.4:0/x", "udp://1.2.3.4:9000/", "quic://x/y", "espnow:"):
        with pytest.raises(ValueError, match=bad.replace("?", ".")):
            room_at(bad)
