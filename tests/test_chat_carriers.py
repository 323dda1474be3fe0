"""`Chat` on carriers that fail, fall silent or take nothing, and calls that are cut short."""

import asyncio
import contextlib
import os
import socket
import subprocess
import time

import pytest
from changing import changed
from relays import story, until
from test_chat import LIB
from test_chat_robust import Carrier, Inviter, a_chat, accepted, joining, kinds, taken

from mpseq.errors import LocalError
from mpseq_aio import chat as aio
from mpseq_aio import framing, link, tcp
from mpseq_aio.serial import SerialRoom

# --- carriers that fail


@story
async def test_no_memory_for_a_frame_costs_the_connection_and_not_the_chat():
    with changed(aio, _BACK_OFF=(0.02,)):
        async with a_chat() as (chat, carrier):
            carrier.come.put_nowait(MemoryError("allocating 16384 bytes"))
            await until(lambda: carrier.opened == 2)
            lost = [event for event in taken(chat) if isinstance(event, aio.Disconnected)]
            assert lost == [aio.Disconnected("MemoryError: allocating 16384 bytes")]


@story
async def test_a_frame_that_cannot_be_posted_does_not_stop_the_others():
    class Picky(Carrier):
        async def post(self, frame):
            if not self.posted:
                self.posted.append(None)
                raise MemoryError
            await super().post(frame)

    async with a_chat(Picky()) as (chat, carrier):
        chat._frames = [b"first", b"second"]
        chat._has_frame.set()
        await until(lambda: carrier.posted == [None, b"second"])
        assert "Fault" in kinds(chat)


@contextlib.asynccontextmanager
async def a_deaf_relay():
    """It says WELCOME, then reads nothing; yields its port."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    writers = []

    async def serve(reader, writer):
        writers.append(writer)
        await reader.read(10)
        writer.transport.pause_reading()
        writer.write(tcp.frame_message((link.WELCOME, ("eva",))))

    server = await asyncio.start_server(serve, sock=listening, limit=64)
    try:
        yield listening.getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


async def stuffed(room):
    """A task that posts, and has filled the way out."""

    async def post():
        while True:
            await room.post(bytes(16384))

    task = asyncio.ensure_future(post())
    await asyncio.sleep(0.2)
    assert room._lock.locked()
    return task


@story
async def test_a_peer_that_takes_nothing_is_given_up_and_close_does_not_wait_for_it():
    with changed(aio, _PING=50, _DEAD=600):
        async with a_deaf_relay() as port:
            room = tcp.TcpRoom("127.0.0.1", port, "kitchen", "eva")
            async with a_chat(room) as (chat, _):
                ticks = []
                tick = chat.conversation.tick
                chat.conversation.tick = lambda time: ticks.append(time) or tick(time)
                chat.create("kitchen")
                chat._frames.extend([bytes(16384)] * 2000)
                chat._has_frame.set()
                await asyncio.sleep(0.3)
                assert room._lock.locked()
                chat.conversation._wake = 0
                chat._changed.set()
                await until(lambda: ticks, 0.2)
                await until(lambda: "Disconnected" in kinds(chat), 2)
                await until(lambda: chat.connected and room._lock.locked(), 2)
                await asyncio.wait_for(chat.close(), 1)


@story
async def test_closing_a_blocked_room_ends_who_posts():
    async with a_deaf_relay() as port:
        room = tcp.TcpRoom("127.0.0.1", port, "kitchen", "eva")
        await room.open()
        task = await stuffed(room)
        await asyncio.wait_for(room.close(), 0.5)
        with pytest.raises(link.CarrierLost):
            await asyncio.wait_for(task, 0.5)


@story
async def test_a_relay_that_never_answers_is_an_error_after_a_while():
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    room = tcp.TcpRoom("127.0.0.1", port, "kitchen", "eva", patience=0.1)
    with pytest.raises(link.CarrierLost, match="does not answer"):
        await room.open()
    assert room._writer is None
    server.close()


class Port:
    """A serial port that the test plays."""

    def __init__(self):
        self.come = asyncio.Queue()
        self.blocked = False
        self.open_now = 0
        self.written = b""

    def open(self):
        self.open_now = 1

    async def read(self):
        return await self.come.get()

    def write(self, data):
        if self.blocked:
            return None
        self.written += bytes(data)
        return len(data)

    def close(self):
        self.open_now = 0


@story
async def test_no_memory_for_a_frame_on_a_cable_costs_that_frame():
    port = Port()
    room = SerialRoom("kitchen", "eva", port)
    decode, failing = link.decode, [True, False]

    def poor(data):
        if failing.pop(0):
            raise MemoryError
        return decode(data)

    frames = [framing.encode(link.encode((link.ENTER, name))) for name in ("one", "two")]
    with changed(link, decode=poor):
        port.come.put_nowait(b"".join(frames))
        assert await asyncio.wait_for(room.recv(), 1) == (link.ENTER, "two")
    assert b"no memory" in port.written
    with changed(framing, _salvage=poor):
        failing[:] = [True]
        port.come.put_nowait(frames[0][:5] + b"\1\0" + frames[1])
        assert await asyncio.wait_for(room.recv(), 1) == (link.ENTER, "two")


@story
async def test_a_cable_that_takes_nothing_does_not_hold_up_close():
    port = Port()
    room = SerialRoom("kitchen", "eva", port)
    port.blocked = True
    await asyncio.wait_for(room.close(), 2)
    assert not port.open_now


# --- being cancelled, called twice, closed in between


class Slow(Carrier):
    """Opens only when `ready` is set."""

    def __init__(self):
        super().__init__()
        self.ready = asyncio.Event()
        self.ready.set()

    async def open(self):
        labels = await super().open()
        await self.ready.wait()
        return labels


@story
async def test_close_in_the_middle_of_reconnecting_ends_everything():
    with changed(aio, _BACK_OFF=(0,)):
        async with a_chat(Slow()) as (chat, carrier):
            carrier.ready.clear()
            carrier.come.put_nowait(link.CarrierLost("gone"))
            await until(lambda: carrier.opened == 2)
            await asyncio.wait_for(chat.close(), 1)
            assert carrier.closed == 1 and not chat.connected


@story
async def test_close_in_the_middle_of_giving_up_ends_everything():
    class Sticky(Carrier):
        async def close(self):
            await super().close()
            if self.closed == 1:
                await asyncio.sleep(0.2)

    with changed(aio, _DEAD=50):
        async with a_chat(Sticky()) as (chat, carrier):
            await until(lambda: carrier.closed == 1)
            await asyncio.wait_for(chat.close(), 1)
            assert carrier.opened == 1


@story
async def test_who_is_closed_while_opening_does_not_stay_in_the_room():
    async with a_chat(Slow(), open=False) as (chat, carrier):
        carrier.ready.clear()
        opening = asyncio.ensure_future(chat.open())
        await until(lambda: carrier.opened)
        await chat.close()
        carrier.ready.set()
        with pytest.raises(LocalError, match="closed"):
            await opening
        assert carrier.closed == 2 and not chat.connected


@story
async def test_open_twice_is_refused_and_a_failed_open_may_be_tried_again():
    async with a_chat(open=False) as (chat, carrier):

        async def fail():
            raise link.CarrierLost("not yet")

        carrier.open, real = fail, carrier.open
        with pytest.raises(link.CarrierLost):
            await chat.open()
        assert carrier.closed == 1
        carrier.open = real
        await chat.open()
        with pytest.raises(LocalError, match="open already"):
            await chat.open()
        assert carrier.opened == 1


@story
async def test_a_join_that_is_cancelled_or_closed_leaves_nothing_waiting():
    inviter = Inviter()
    async with a_chat() as (chat, carrier):
        async with joining(chat) as first:
            with pytest.raises(LocalError, match="joining"):
                await chat.join()
            assert not first.done()
        carrier.hears(inviter.invitation_to(chat))
        await until(lambda: "Invited" in kinds(chat))
        assert not accepted(chat)
        taken(chat)
        async with joining(chat) as second:
            await chat.close()
            with pytest.raises(LocalError, match="closed"):
                await asyncio.wait_for(second, 1)
        with pytest.raises(LocalError, match="closed"):
            await chat.open()


@story
async def test_a_close_that_is_cancelled_has_closed_the_carrier():
    class Stubborn(Carrier):
        async def recv(self):
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.3)
            raise asyncio.CancelledError

    async with a_chat(Stubborn()) as (chat, carrier):
        await asyncio.sleep(0)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(chat.close(), 0.05)
        assert carrier.closed == 1 and chat.closed and await chat.next_event() is not None
        await asyncio.sleep(0.4)


# --- the same on MicroPython

BOARD = """
import asyncio, os
from mpseq import Identity
from mpseq_aio import chat as aio
from mpseq_aio.tcp import TcpRoom

async def main():
    aio._PING, aio._DEAD = 50, 600
    room = TcpRoom("127.0.0.1", PORT, "kitchen", "eva")
    chat = aio.Chat(Identity.generate(os.urandom), "eva", room)
    await chat.open()
    chat._frames.extend([bytes(16384)] * 400)
    chat._has_frame.set()
    await asyncio.sleep(0.3)
    print("blocked", room._lock.locked())
    for _ in range(3):
        print(type(await chat.next_event()).__name__)
    await asyncio.sleep(0.3)
    print("blocked", room._lock.locked())
    await asyncio.wait_for(chat.close(), 1)
    print("closed", await room.close(), [task.done() for task in chat._tasks])

asyncio.run(main())
"""


def test_micropython_gives_up_a_peer_that_takes_nothing(unix_micropython):
    @story
    async def tell():
        async with a_deaf_relay() as port:
            process = await asyncio.create_subprocess_exec(
                str(unix_micropython),
                "-c",
                BOARD.replace("PORT", str(port)),
                stdout=subprocess.PIPE,
                env={**os.environ, "MICROPYPATH": f"{LIB}:.frozen"},
            )
            try:
                said = (await asyncio.wait_for(process.stdout.read(), 60)).decode().split("\n")
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()
            assert said == [
                "blocked True",
                "Connected",
                "Disconnected",
                "Connected",
                "blocked True",
                "closed None [True, True, True]",
                "",
            ]

    tell()
