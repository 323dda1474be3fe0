"""CPython, MicroPython and an emulated board in one lossy air, with whole conversations."""

import asyncio
import collections
import contextlib
import json
import os
import pathlib
import random
import time

from air_member import run
from relays import story, until

from mpseq_aio import link
from mpseq_tools import serial_link
from mpseq_tools.devices import Device, LocalLine, unix_program
from mpseq_tools.qemu import Board

SOURCE = (pathlib.Path(__file__).parent / "air_member.py").read_text() + "\nmain()\n"
LOSS, TWICE, LATE = 0.2, 0.05, 0.03  # of each datagram for each receiver; seconds
WAITING = 16  # datagrams on their way to one receiver: what it cannot take is lost, as on a radio


class Radio:
    """The air between devices. Loses, repeats and delays for each receiver by itself."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.ears = {}  # name: coroutine function that takes a datagram
        self.count = self.bytes = 0
        self.waiting = collections.Counter()  # name: datagrams that it has still to take
        self._tasks = set()

    def send(self, name, data):
        self.count += 1
        self.bytes += len(data) // 2
        for other, ear in self.ears.items():
            for _ in range(2 if self.dice.random() < TWICE else 1):
                if other != name and self.dice.random() >= LOSS:
                    if self.waiting[other] < WAITING:
                        self._later(other, ear, data)

    def _later(self, name, ear, data):
        async def arrive(wait):
            try:
                await asyncio.sleep(wait)
                await ear({"air": data})
            except link.CarrierLost:
                pass  # a member that is switched off
            finally:
                self.waiting[name] -= 1

        self.waiting[name] += 1
        task = asyncio.ensure_future(arrive(self.dice.random() * LATE))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self):
        self.ears = {}
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- members

    def _join(self, name, kind, incoming, command, task, release):
        reports = asyncio.Queue()

        async def sort():
            while True:
                report = await incoming()
                if isinstance(report, dict) and "air" in report:
                    self.send(name, report["air"])
                elif isinstance(report, dict):
                    reports.put_nowait(report)

        self.ears[name] = command
        tasks = [asyncio.ensure_future(sort())] + ([task] if task else [])
        return Device(name, kind, command, reports, tasks, release)

    def here(self, name):
        line = LocalLine()
        running = asyncio.ensure_future(run(line))

        async def nothing():
            pass

        return self._join(name, "cpython", line.reports.get, line.commands.put, running, nothing)

    def _cabled(self, name, kind, transport, release):
        cable = serial_link.HostLink(transport)

        async def incoming():
            while True:
                message = await cable.recv()
                if not isinstance(message, str) and message[0] == link.REPORT:
                    return json.loads(message[1])
                device.lines.append(str(message))

        async def command(value):
            await cable.send((link.COMMAND, json.dumps(value)))

        async def end():
            cable.close()
            await release()

        device = self._join(name, kind, incoming, command, None, end)
        return device

    async def unix(self, name):
        process = await asyncio.create_subprocess_exec(
            unix_program(),
            "-X",
            "heapsize=320K",
            "-c",
            SOURCE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

        async def end():
            if process.returncode is None:
                process.kill()
            await process.wait()

        return self._cabled(name, "unix", serial_link.ProcessTransport(process), end)

    async def board(self, name, kind):
        board = await asyncio.to_thread(Board, kind, seed=os.urandom(64))
        await asyncio.to_thread(board.start, SOURCE)

        async def off():
            board.close()

        return self._cabled(name, kind, serial_link.SerialTransport(board.port), off)


def texts(device):
    """(nick, text) of each text that it showed."""
    return [(fields[0][0], fields[1]) for fields in device.seen("Text")]


async def expect_texts(devices, wanted):
    """Waits until all of these show so many texts; all must show the same, in one order."""
    with contextlib.suppress(AssertionError):  # what is missing says more
        await until(lambda: all(len(texts(device)) >= wanted for device in devices))
    for device in devices:
        assert texts(device) == texts(devices[0]), f"{device.name} differs"
        assert len(texts(device)) == wanted, (device.name, texts(device), device.lines)


@story
async def test_a_desktop_a_process_and_a_board_in_a_lossy_air():
    radio = Radio(7)
    desk, porch = radio.here("desk"), await radio.unix("porch")
    cellar = await radio.board("cellar", "qemu-rv32")
    devices = [desk, porch, cellar]
    try:
        for device in devices:
            await device.be("garden")
        await asyncio.gather(*[device.do("open") for device in devices])
        await desk.do("create", name="house")
        await desk.do("invite", people=[[d.name, d.key] for d in (porch, cellar)])
        for device in devices:
            await device.expect("SessionStarted", lambda fields: "cellar" in str(fields))
        for at in range(12):
            await devices[at % 3].do("send", text=f"text {at}")
        await expect_texts(devices, 12)
        old = (await desk.do("state"))["digits"]
        await cellar.do("rekey")
        end = time.monotonic() + 60
        while time.monotonic() < end:
            states = [await device.do("state") for device in devices]
            if len({state["digits"] for state in states} - {old}) == 1 and old not in str(states):
                break
            await asyncio.sleep(0.1)
        assert {len(state["members"]) for state in states} == {3}
        assert len({state["digits"] for state in states}) == 1
        await desk.do("send", text="a long one: " + "x" * 3000)
        await expect_texts(devices, 13)
        # The board is switched off; whether it was the head or not, the others go on.
        await cellar.close()
        await porch.do("send", text="still here?")
        await desk.do("send", text="yes")
        await expect_texts([desk, porch], 15)
        for device in (desk, porch):
            await device.expect("Gone")
            assert not device.seen("Inconsistent") and not device.seen("Missing")
            assert not device.seen("Disconnected")
    finally:
        for device in devices:
            await device.close()
        await radio.close()
