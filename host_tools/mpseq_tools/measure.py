"""`mpseq bench`: how long a device takes for what a conversation consists of, and its heap.

A room of two on a relay in this process: the device, and a peer that is this Python. What is
measured is what somebody would feel, cable and emulation included; `make bench` in a checkout
counts instructions instead.
"""

import dataclasses
import statistics
import time

from mpseq_aio import link

from . import devices_here
from .devices import DeviceError, connect
from .faults import Fault
from .qemu import BOARDS, BoardError
from .relay import Relay

_ROOM = "bench"
_SETTINGS = {"batch_wait": 0}  # ms for more people to come along
_TEXT = "x" * 22  # and 10 digits: 32 bytes


class BenchFault(Fault):
    """A device did not do its part."""

    code = 4


@dataclasses.dataclass
class Row:
    """Of one device. Times in milliseconds: `join` from the invitation to the session on both
    sides, `send` and `receive` from a text's being handed over on one side to its being shown on
    the other, medians; heap in bytes, None where there is none to be told of: free before, in a
    session after the texts."""

    device: str
    runtime: str
    join: float
    send: float
    receive: float
    texts: int
    free_before: int | None
    free_after: int | None


async def measure(kinds, texts, say=print) -> list[Row]:
    """A Row for each device: names as --device takes them. BenchFault, NoDevice."""
    for kind in kinds:
        if kind != "cpython":
            devices_here.check_runtime(kind)
    relay = Relay(port=0)
    await relay.start()
    rows = []
    try:
        for number, kind in enumerate(kinds):
            say(f"measuring {kind} …")
            try:
                rows.append(await _one(kind, f"{_ROOM}{number}", relay.port, texts))
            except (DeviceError, BoardError, link.CarrierLost, OSError) as error:
                cure = getattr(error, "cure", "mpseq doctor --device looks at it")
                raise BenchFault(f"{kind}: {error}", cure) from None
    finally:
        await relay.stop()
    return rows


async def _one(kind, room, port, texts):
    async with await connect("cpython", "peer", port) as peer:
        async with await connect(kind, "device", port) as device:
            first = {}
            for one in (peer, device):
                first[one] = await one.be(room, settings=_SETTINGS, **_way(one, port))
                await one.do("open")
            await peer.do("create", name=room)
            begin = time.monotonic()
            await peer.do("invite", people=[["device", device.key]])
            for one in (peer, device):
                await one.expect("SessionStarted", lambda fields: len(fields[1]) == 2)
            join = time.monotonic() - begin
            sent = await _texts(device, peer, texts)
            received = await _texts(peer, device, texts)
            after = await device.do("state")
            for one in (device, peer):
                await one.do("quit")
            return Row(
                kind, first[device]["runtime"], _ms(join), _ms(statistics.median(sent)),
                _ms(statistics.median(received)), texts, first[device]["free"], after["free"],
            )  # fmt: skip


async def _texts(one, other, count):
    """Seconds for each text from `one` until `other` shows it."""
    took = []
    for number in range(count):
        text = f"{_TEXT}{number:010}"
        begin = time.monotonic()
        await one.do("send", text=text)
        await other.expect("Text", lambda f, text=text: f[0] == one.name and f[3] == text)
        took.append(time.monotonic() - begin)
    return took


def _way(device, port):
    """Processes reach the relay by themselves, boards through their cable."""
    serial = device.kind in BOARDS or device.kind not in ("cpython", "unix")
    return {} if serial else {"tcp": ["127.0.0.1", port]}


def _ms(seconds):
    return round(1000 * seconds, 1)


def table(rows) -> str:
    """For people."""
    head = ("device", "runtime", "join", "send", "receive", "heap free before", "after")
    lines = [head]
    for row in rows:
        heap = [f"{value:,}" if value is not None else "-"
                for value in (row.free_before, row.free_after)]  # fmt: skip
        times = [f"{value:,.1f} ms" for value in (row.join, row.send, row.receive)]
        lines.append((row.device, row.runtime, *times, *heap))
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join(
        "  ".join(
            word.ljust(width) if at < 2 else word.rjust(width)
            for at, (word, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
