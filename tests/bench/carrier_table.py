"""What carriers do in figures: python tests/bench/carrier_table.py [NAME ...]

For each carrier, with 3 and with 20 clients in one room: messages a second that everyone has heard
(all clients post at once), the time from a post until all have heard it (one at a time), whether
all heard one order and their own, and the memory of the server. A message is 138 bytes, a text of
32. The clients run in this process: a figure is the server's, or this program's where that is the
slower one. A further carrier is a further entry in CARRIERS.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from mosquitto import ROOM, Mosquitto
from prosody import Prosody, federation

from mpseq_aio import link
from mpseq_tools import rooms

_SIZE = 138
_ALONE = 60  # messages whose time is taken


def memory(pid: int) -> int:
    """Bytes of the machine's memory that a process has."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def processor(pid: int) -> float:
    """Seconds of a processor that a process has used."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def a_relay(folder):
    command = [sys.executable, "-m", "mpseq_tools", "relay", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline().split(":")[1].split(";")[0])
        try:
            yield [f"tcp://127.0.0.1:{port}/garden"], process.pid
        finally:
            process.terminate()


def a_prosody(**options):
    @contextlib.contextmanager
    def run(folder):
        with Prosody(folder, **options) as server:
            yield [server.address("garden")], server.pid

    return run


@contextlib.contextmanager
def two_prosody(folder):
    """The room is at the first, every other client at the second."""
    with federation(folder, "left.example", "right.example") as (left, right):
        there = right.address("garden").replace(right.service, left.service)
        yield [left.address("garden"), there], left.pid


def a_mosquitto(*lines):
    @contextlib.contextmanager
    def run(folder):
        with Mosquitto(folder, lines) as broker:
            yield [broker.address("garden")], broker.pid

    return run


@contextlib.contextmanager
def two_mosquitto(folder):
    """One passes the room on to the other and back (a bridge); every other client is there."""
    with Mosquitto(folder, ROOM, name="left") as left:
        bridge = (
            "connection both",
            f"address 127.0.0.1:{left.port}",
            "bridge_protocol_version mqttv50",
            "topic garden/# both 1",
        )
        with Mosquitto(folder, (*ROOM, *bridge), name="right") as right:
            time.sleep(1)
            yield [left.address("garden"), right.address("garden")], left.pid


# Name -> (a context manager of a folder that gives the room's addresses and the server's process,
# messages that are posted by all together).
CARRIERS = {
    "tcp: mpseq relay": (a_relay, 6000),
    "xmpp: Prosody without limits": (a_prosody(), 3000),
    "xmpp: Prosody, Debian's limits": (a_prosody(limits=True), 600),
    "xmpp: two federated Prosody": (two_prosody, 3000),
    "mqtt: Mosquitto set up for rooms": (a_mosquitto(*ROOM), 1500),
    "mqtt: Mosquitto as it comes": (a_mosquitto(), 900),
    "mqtt: two Mosquitto, bridged": (two_mosquitto, 900),
}


async def measure(addresses, pid, clients, messages):
    """(messages/s, the server's ms of processor for each, ms of each one alone, one order, own
    back, bytes of the server)."""
    inside = [rooms.at(addresses[at % len(addresses)]).room() for at in range(clients)]
    try:
        for room in inside:
            await room.open()
        alone = await one_at_a_time(inside)
        await asyncio.sleep(2)  # a limit of bytes a second has recovered
        start, used = time.perf_counter(), processor(pid)
        heard, *_ = await asyncio.gather(
            asyncio.gather(*(listen(room, messages // clients * clients) for room in inside)),
            *(talk(room, messages // clients, who) for who, room in enumerate(inside)),
        )
        count = messages // clients * clients
        rate = count / (time.perf_counter() - start)
        cost = (processor(pid) - used) * 1000 / count
        order = all(kept == heard[0] for kept in heard)
        echo = all(
            sum(label == room.label for label, _ in kept) == messages // clients
            for room, kept in zip(inside, heard, strict=True)
        )
        return rate, cost, alone, order, echo, memory(pid)
    finally:
        await asyncio.gather(*(room.close() for room in inside))


async def one_at_a_time(inside):
    times = []
    for number in range(_ALONE):
        start = time.perf_counter()
        await inside[number % len(inside)].post(bytes(_SIZE))
        await asyncio.gather(*(listen(room, 1) for room in inside))
        times.append((time.perf_counter() - start) * 1000)
        await asyncio.sleep(0.02)
    return times


async def listen(room, count):
    kept = []
    while len(kept) < count:
        message = await room.recv()
        if message[0] == link.FRAME:
            kept.append((message[1], bytes(message[2])))
    return kept


async def talk(room, count, who):
    for number in range(count):
        await room.post(b"%04d%06d" % (who, number) + bytes(_SIZE - 10))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="only carriers with this in their name")
    names = parser.parse_args().names
    print(
        "| carrier | clients | messages/s | server's ms each | ms to all: median | 95 % | 99 % "
        "| order | own | memory |"
    )
    print("|---" * 10 + "|")
    for name, (start, messages) in CARRIERS.items():
        if names and not any(word in name for word in names):
            continue
        for clients in (3, 20):
            with tempfile.TemporaryDirectory() as folder, start(folder) as (addresses, pid):
                rate, cost, alone, order, echo, size = asyncio.run(
                    measure(addresses, pid, clients, messages)
                )
            points = statistics.quantiles(alone, n=100)
            print(
                f"| {name} | {clients} | {rate:,.0f} | {cost:.2f} "
                f"| {points[49]:.1f} | {points[94]:.1f} | {points[98]:.1f} "
                f"| {'one' if order else 'DIFFERENT'} | {'yes' if echo else 'NO'} "
                f"| {size / 1e6:.0f} MB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
