"""Relays for tests: as an object with its clients in one process, or as the command."""

import asyncio
import contextlib
import functools
import os
import subprocess
import sys
import threading

from servers import free_port

from mpseq_aio import link, tcp
from mpseq_tools.relay import Relay


@contextlib.asynccontextmanager
async def a_relay(**options):
    """A Relay at a free port, at which it can start again; `lines` of it are what it logged, with
    names."""
    lines = []
    relay = Relay(port=free_port(), log=lines.append, **options)
    relay.lines = lines
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


async def enter(relay, label, room="kitchen", **options):
    """A member of a room."""
    client = tcp.TcpRoom("127.0.0.1", relay.port, room, label, **options)
    client.labels = await client.open()
    return client


async def next_of(client, kind):
    """The next message of that kind, whatever stands before it."""
    while True:
        message = await asyncio.wait_for(client.recv(), 60)
        if message[0] == kind:
            return message


async def answers(relay, data):
    """What the relay says to these bytes, until it closes: list of message tuples."""
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(data)
    found = []
    try:
        while True:
            found.append(await asyncio.wait_for(tcp.read_message(reader), 60))
    except link.CarrierLost:
        writer.close()
        return found


async def last_word(reader):
    """The last message of a connection, once it has ended; None when there was none."""
    word = None
    with contextlib.suppress(link.CarrierLost):
        while True:
            word = await asyncio.wait_for(tcp.read_message(reader), 60)
    return word


def hello(label="eve", room="kitchen", token=None):
    """The bytes that enter a room."""
    data = tcp.frame_message((link.HELLO, link.VERSION, link.MAX_FRAME, room, label))
    return (tcp.frame_message((link.TOKEN, token)) if token else b"") + data


def post(frame):
    """The bytes that post a frame."""
    return tcp.frame_message((link.POST, frame))


def most_waiting(relay):
    """A function that says how many bytes waited in this relay at most since now."""
    most = 0
    count = relay.count

    def counting(size):
        nonlocal most
        count(size)
        most = max(most, relay.waiting)

    relay.count = counting
    return lambda: most


async def until(condition, seconds=60):
    """Waits until it holds."""
    for _ in range(int(seconds * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true within %g s" % seconds)


def story(function):
    """Runs an async test with its fixtures; one that takes over 180 s is a failure."""

    @functools.wraps(function)
    def run(**fixtures):
        asyncio.run(asyncio.wait_for(function(**fixtures), 180))

    return run


class Command:
    """`mpseq relay` as a process: its `port`, and its `lines` so far."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self.port = None

    def line(self, part):
        """The next line with that in it; a failure if there is none in 60 s."""
        late = threading.Timer(60, self.process.kill)
        late.start()
        try:
            for line in self.process.stdout:
                self.lines.append(line.rstrip("\n"))
                if part in line:
                    return self.lines[-1]
        finally:
            late.cancel()
        raise AssertionError(f"no line with {part!r}: {self.lines}")

    def signal(self, number):
        """Sends it a signal."""
        self.process.send_signal(number)

    def end(self, seconds=60):
        """Its exit code, once it has ended by itself."""
        rest, _ = self.process.communicate(timeout=seconds)
        self.lines += rest.splitlines()
        return self.process.returncode


def arguments(*options):
    """The command with options."""
    return [sys.executable, "-m", "mpseq_tools", "relay", *map(str, options)]


@contextlib.contextmanager
def a_command(*options, **environment):
    """`mpseq relay` at a free port."""
    process = subprocess.Popen(
        arguments("--port", 0, *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
    )
    command = Command(process)
    try:
        line = command.line("relay at ")
        command.port = int(line.partition("127.0.0.1:")[2].split(";")[0].split(",")[0])
        yield command
    finally:
        process.kill()
        process.communicate()
