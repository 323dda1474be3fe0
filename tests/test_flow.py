"""A board behind a UART loses nothing: the bridge writes what the board has told it has room for.

Losses that the line itself brings cost a pause and a frame, never the connection.
"""

import asyncio
import contextlib
import json
import os
import random
from subprocess import PIPE

import pytest
from relays import a_relay, enter, next_of, story, until
from test_chat import Person, people, together
from uart import Uart

from mpseq import Identity, events
from mpseq_aio import framing, link
from mpseq_aio.chat import Chat
from mpseq_aio.serial import SerialRoom
from mpseq_tools import serial_link
from mpseq_tools.bridge import Bridge
from mpseq_tools.qemu import BOARDS, Board
from mpseq_tools.rooms import Rooms
from mpseq_tools.serial_link import (
    PATIENCE,
    WINDOW,
    HostLink,
    ProcessTransport,
    SerialTransport,
    Window,
)

SIZES = (0, 1, 40, 186, 187, 188, 255, 260, 700, 2000)


def frames(*sizes):
    return [random.Random(size).randbytes(size) for size in sizes]


@contextlib.asynccontextmanager
async def bridged(uart):
    """A relay, and the bridge of whatever is on this line."""
    async with a_relay() as relay:
        bridge = Bridge(uart.host, Rooms.relay("127.0.0.1", relay.port), console=lambda line: None)
        running = asyncio.ensure_future(bridge.run())
        try:
            yield relay, bridge
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@contextlib.asynccontextmanager
async def listening(room):
    """A list that grows by the frames which come into this room."""
    heard = []

    async def listen():
        while True:
            heard.append((await next_of(room, link.FRAME))[2])

    task = asyncio.ensure_future(listen())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def spoken_to(uart, sent, patience=60):
    """What a device on this line hears of these frames, all posted at once."""
    async with bridged(uart) as (relay, bridge):
        device = SerialRoom("kitchen", "board", uart.board)
        ana = await enter(relay, "ana")
        await device.open()
        async with listening(device) as heard:
            for frame in sent:
                await ana.post(frame)
            with contextlib.suppress(AssertionError):
                await until(lambda: len(heard) == len(sent), patience)
            return heard


@pytest.fixture
def patient(monkeypatch):
    """A host that forgets nothing when this process, in which the line is too, stands still."""
    monkeypatch.setattr(serial_link, "PATIENCE", 10)


# --- with and without


def test_who_does_not_wait_loses_on_this_line(monkeypatch):
    monkeypatch.setattr(serial_link, "WINDOW", 1_000_000)

    @story
    async def tell():
        uart = Uart()
        heard = await spoken_to(uart, frames(*SIZES), patience=1)
        assert uart.dropped and len(heard) < len(SIZES)

    tell()


@pytest.mark.usefixtures("patient")
@story
async def test_who_waits_loses_nothing():
    uart = Uart()
    sent = frames(*SIZES, *SIZES)
    assert await spoken_to(uart, sent) == sent
    assert uart.dropped == 0 and uart.most <= WINDOW


def a_room_with_a_board(*nicks):
    """Everybody comes in, the board last, and every text reaches everybody."""

    async def tell():
        uart = Uart(seed=len(nicks))
        async with bridged(uart) as (relay, bridge), people(relay, *nicks) as here:
            board = Person(relay, "board")
            board.chat = Chat(
                Identity.generate(os.urandom), "board", SerialRoom("kitchen", "board", uart.board)
            )
            await board.come()
            await together(*here, board)
            await until(lambda: board.nicks() == sorted((*nicks, "board")))
            for number in range(3):
                for one in (*here, board):
                    await one.chat.send(f"text {number} of {one.chat.nick}, as long as others")
            count = 3 * (len(here) + 1)
            await until(lambda: all(len(one.texts()) == count for one in (*here, board)))
            assert board.texts() == here[0].texts()
            for one in (*here, board):
                assert not one.all(events.Missing) and not one.all(events.Inconsistent)
            assert uart.dropped == 0 and uart.most <= WINDOW
            assert bridge.link.frames.bad == 0
            await board.go()

    story(tell)()


@pytest.mark.usefixtures("patient")
def test_a_board_comes_into_a_room_of_four_and_hears_every_text():
    a_room_with_a_board("ana", "ben", "eve")


@pytest.mark.usefixtures("patient")
def test_a_board_comes_into_a_room_of_six_and_hears_every_text():
    a_room_with_a_board("ana", "ben", "eve", "joe", "zoe")


# --- what a line loses


@story
async def test_lost_words_of_what_was_taken_cost_no_frame():
    uart = Uart(busy=(0, 0.02))
    dice = random.Random(5)
    lost = []

    def hush(data):
        if data[3:4] != bytes((link.TAKEN,)):
            return False
        lost.append(dice.random() < 0.5)
        return lost[-1]

    uart.hush = hush
    sent = frames(*SIZES)
    assert await spoken_to(uart, sent) == sent
    assert uart.dropped == 0 and any(lost) and not all(lost)


@story
async def test_bytes_lost_on_the_line_do_not_stop_it():
    uart = Uart(busy=(0,))
    async with bridged(uart) as (relay, bridge):
        device = SerialRoom("kitchen", "board", uart.board)
        ana = await enter(relay, "ana")
        await device.open()
        async with listening(device) as heard:
            uart.spoil = lambda data: data[:50]
            await ana.post(bytes(150))
            await until(lambda: bridge.link.window.out > 100)
            uart.spoil = lambda data: data
            sent = frames(*SIZES)
            for frame in sent:
                await ana.post(frame)
            await until(lambda: heard == sent)
            # When the line has been quiet for a while, it is as wide as before.
            await asyncio.sleep(PATIENCE + 0.3)
            uart.most = 0
            await ana.post(bytes(300))
            await until(lambda: heard[-1] == bytes(300))
            assert uart.most == WINDOW and uart.dropped == 0


@story
async def test_a_line_that_is_never_quiet_is_wide_again_after_a_loss():
    uart = Uart(busy=(0.002,))
    host = HostLink(uart.host)
    device = SerialRoom("kitchen", "board", uart.board)

    async def talk():
        while True:
            await host.send((link.COMMAND, '"%s"' % ("x" * 1000)))

    async def listen():
        while True:
            await device.next_command()

    uart.spoil = lambda data: data[:20]
    tasks = [asyncio.ensure_future(talk()), asyncio.ensure_future(listen())]
    await until(lambda: uart.taken)
    uart.spoil = lambda data: data
    await asyncio.sleep(0.1)
    uart.most = 0
    await until(lambda: uart.most > 150)
    assert uart.dropped == 0
    for task in tasks:
        task.cancel()
    host.close()


@story
async def test_a_device_that_tells_nothing_hears_everything_slowly():
    uart = Uart(busy=(0,))
    reader = framing.FrameReader()
    host = HostLink(uart.host)
    sent = frames(0, 100, 700)
    sending = [asyncio.ensure_future(host.send((link.FRAME, "ana", frame))) for frame in sent]
    heard = []
    while len(heard) < len(sent):
        heard += [link.decode(data)[2] for data in reader.feed(await uart.board.read())]
    assert heard == sent and uart.dropped == 0
    await asyncio.gather(*sending)
    host.close()


@pytest.mark.usefixtures("patient")
@story
async def test_a_device_that_was_reset_has_all_its_room_again():
    uart = Uart(busy=(0,))
    async with bridged(uart) as (relay, bridge):
        ana = await enter(relay, "ana")
        await SerialRoom("kitchen", "board", uart.board).open()
        await ana.post(bytes(1000))
        await until(lambda: len(uart.ring) >= WINDOW)  # nobody reads any more
        uart.ring.clear()
        uart.dropped = 0
        again = SerialRoom("kitchen", "board", uart.board)
        await again.open()
        sent = frames(*SIZES)
        async with listening(again) as heard:
            for frame in sent:
                await ana.post(frame)
            await until(lambda: heard[-len(sent) :] == sent)
        await until(lambda: bridge.link.window.out == 0)
        assert uart.dropped == 0


# --- the host


def test_the_window_counts_what_is_out():
    window = Window()
    assert window.room == WINDOW
    window.out = 150
    window.tell(64)
    assert (window.out, window.room) == (86, WINDOW - 86)
    window.tell(64)  # again
    window.tell(128)
    assert window.out == 22
    window.tell(1000)  # more than was written: nothing follows
    assert window.out == 22
    window.tell(1022)
    assert window.out == 0
    window.begin()
    window.tell(0xFFFFFFF0)
    window.out = 40
    window.tell(0x10)
    assert window.out == 8


@pytest.mark.usefixtures("patient")
@story
async def test_who_writes_hears_meanwhile_what_was_taken():
    """The bridge answers a PING where it reads: that must not keep it from reading."""
    uart = Uart(busy=(0,))
    host = HostLink(uart.host)
    device = SerialRoom("kitchen", "board", uart.board)
    hearing = asyncio.ensure_future(device.next_command())
    await device.ping()
    await host.send((link.COMMAND, '"%s"' % ("x" * 3000)))
    assert await hearing == "x" * 3000
    assert await host.recv() == (link.PING,)
    assert uart.dropped == 0 and host.window.counts
    sending = asyncio.ensure_future(host.send((link.COMMAND, "x" * 3000)))
    await until(lambda: len(uart.ring) == WINDOW)  # nobody takes it
    host.close()
    with pytest.raises(link.CarrierLost, match="closed"):
        await sending


@pytest.mark.usefixtures("patient")
@story
async def test_who_types_does_so_between_the_frames():
    uart = Uart(busy=(0,))
    host = HostLink(uart.host)
    device = SerialRoom("kitchen", "board", uart.board)
    typed = bytearray()
    device.console(typed.extend)
    words = [b"%d " % number for number in range(100)]
    sending = asyncio.gather(
        *(host.send((link.COMMAND, '"%s"' % ("x" * 500))) for _ in words[::10]),
        *(host.type(word) for word in words),
    )
    for _ in words[::10]:
        assert await device.next_command() == "x" * 500
    reading = asyncio.ensure_future(device.recv())
    await sending
    await until(lambda: not uart.ring)
    assert typed.replace(b"\0", b"") == b"".join(words)
    assert device._frames.bad == 0 and uart.dropped == 0
    reading.cancel()
    host.close()


# --- the device


async def all_told(host, uart):
    """The host knows of every byte, although it has written the last long ago."""
    while host.window.out:
        assert await host._read(60)
    assert not uart.ring and host.window._total == uart.taken


@story
async def test_a_device_tells_before_it_is_in_a_room_and_at_the_end():
    uart = Uart(busy=(0,))
    host = HostLink(uart.host)
    device = SerialRoom("kitchen", "board", uart.board)
    for size in (1, 62, 63, 64, 65, 300):
        sending = asyncio.ensure_future(host.send((link.COMMAND, "1" * size)))
        await device.next_command()
        await sending
        await all_told(host, uart)


@story
async def test_a_device_to_which_nothing_is_said_tells_nothing():
    uart = Uart(busy=(0,))
    device = SerialRoom("kitchen", "board", uart.board)
    reading = asyncio.ensure_future(device.recv())
    await asyncio.sleep(0.1)
    assert uart.back.empty()
    # Nor one at whose console somebody types: no bridge is there to hear it.
    uart.arrive(b"hello, who is there?\r\n" * 5)
    await until(lambda: not uart.ring)
    await asyncio.sleep(0.1)
    assert uart.back.empty()
    # Few words of it, when much has come.
    uart.arrive(framing.encode(bytes(30)) * 5)
    await until(lambda: not uart.ring)
    await asyncio.sleep(0.1)
    assert 1 <= uart.back.qsize() <= 8
    reading.cancel()


@story
async def test_nothing_is_told_inside_a_frame_and_a_closed_room_is_silent():
    uart = Uart(busy=(0,))
    host = HostLink(uart.host)
    device = SerialRoom("kitchen", "board", uart.board)
    posting = asyncio.ensure_future(device.post(bytes(range(256)) * 64))
    commands = asyncio.gather(*(host.send((link.COMMAND, "%d" % n)) for n in range(20)))
    for number in range(20):
        assert await device.next_command() == number
    await posting
    await commands
    assert (await host.recv())[1] == bytes(range(256)) * 64
    await all_told(host, uart)
    assert host.frames.bad == 0
    await host.send((link.COMMAND, "1"))
    await device.next_command()
    device.release()
    await asyncio.sleep(0.1)
    assert uart.back.empty()
    host.close()


COUNTS = """
import asyncio
from mpseq_aio.serial import SerialRoom

async def main():
    room = SerialRoom("kitchen", "mini")
    await room.report("ready")
    while True:
        await room.report(len(await room.next_command()))

asyncio.run(main())
"""


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("name", ["unix", *BOARDS])
def test_micropython_tells_of_every_byte(name, unix_micropython):
    @story
    async def tell():
        async with contextlib.AsyncExitStack() as stack:
            if name == "unix":
                process = await asyncio.create_subprocess_exec(
                    unix_micropython, "-c", COUNTS, stdin=PIPE, stdout=PIPE
                )
                stack.push_async_callback(process.wait)
                stack.callback(process.kill)
                transport = ProcessTransport(process)
            else:
                board = stack.enter_context(Board(name, seed=os.urandom(64)))
                transport = SerialTransport(board.port)  # first: it throws away what stands there
                board.start(COUNTS)
            host = HostLink(transport)
            stack.callback(host.close)

            async def reported():
                while True:
                    message = await host.recv()
                    if message[0] == link.REPORT:
                        return json.loads(message[1])

            assert await reported() == "ready"
            for size in (1, 50, 51, 52, 100, 5000):
                await host.send((link.COMMAND, '"%s"' % ("x" * size)))
                assert await reported() == size
                while host.window.out:
                    assert await host._read(60)
            assert host.window.counts and host.frames.bad == 0

    tell()
