"""Members of any kind, driven alike: this process, a MicroPython process, a board on a cable.

    async with await connect("qemu-rv32", "cellar", relay_port) as device:
        await device.do("be", nick="cellar", room="garden")

The other end is `mpseq_aio.agent`; what it can be told stands there.
"""

import asyncio
import os
from pathlib import Path

from mpseq_aio import link
from mpseq_aio.agent import Agent

from . import checkout, serial_link
from .bridge import Bridge
from .qemu import BOARDS, Board
from .rooms import Rooms

AGENT = "import mpseq_aio.agent; mpseq_aio.agent.main()"
_UNIX_HEAP = "320K"  # 64-bit objects are twice as large: what 160 KiB are to a board
_PATIENCE = 60.0


class DeviceError(Exception):
    """A device answered with an error, with nothing in time, or went away."""


class LocalLine:
    """Takes the place of a cable for a member in this process."""

    def __init__(self):
        self.commands = asyncio.Queue()
        self.reports = asyncio.Queue()

    async def next_command(self):
        return await self.commands.get()

    async def report(self, value):
        self.reports.put_nowait(value)


class Device:
    """One member. `events`: every event it reported, as {"event": name, "fields": […], …}."""

    def __init__(self, name, kind, command, reports, tasks, release):
        self.name = name
        self.kind = kind
        self.key = None
        self.events = []
        self.lines = []
        self.on_event = None
        self._command = command
        self._reports = reports
        self._answers = asyncio.Queue()
        self._news = asyncio.Event()
        self._tasks = [*tasks, asyncio.ensure_future(self._sort())]
        self._release = release

    async def _sort(self):
        while True:
            report = await self._reports.get()
            if "re" in report:
                self._answers.put_nowait(report)
                continue
            self.events.append(report)
            if self.on_event:
                self.on_event(self, report)
            self._news.set()

    async def do(self, what, patience=_PATIENCE, **fields):
        """Sends a command and returns its answer; DeviceError."""
        waiting = asyncio.ensure_future(self._ask(what, fields))
        try:
            done, _ = await asyncio.wait(
                {waiting, *self._tasks}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.cancel()
        if waiting not in done:
            lines = "; ".join(self.lines[-5:])
            raise DeviceError(f"{self.name}: no answer to {what!r}. It printed last: {lines}")
        try:
            answer = waiting.result()
        except link.CarrierLost as error:
            raise DeviceError(f"{self.name}: {error}") from None
        if "error" in answer:
            raise DeviceError(f"{self.name}: {answer['error']}")
        return answer

    async def _ask(self, what, fields):
        await self._command({"do": what, **fields})
        while True:
            answer = await self._answers.get()
            # Not one that came too late for an earlier command; None: it could not read this one.
            if answer["re"] in (what, None):
                return answer

    async def be(self, room, **fields):
        """Gives the device its identity, named like itself; keeps its public key."""
        answer = await self.do("be", nick=self.name, room=room, **fields)
        self.key = answer["key"]
        return answer

    def seen(self, kind):
        """The fields of each event of this kind so far."""
        return [event.get("fields", event) for event in self.events if event["event"] == kind]

    async def expect(self, kind, matches=lambda fields: True, patience=_PATIENCE):
        """Waits for an event of this kind (seen ones count) whose fields match; returns them."""
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while True:
            for fields in self.seen(kind):
                if matches(fields):
                    return fields
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), end - loop.time())
            except asyncio.TimeoutError:
                kinds = [event["event"] for event in self.events]
                said = f"no {kind} in {patience} s, only {kinds}"
                raise DeviceError(f"{self.name}: {said}") from None

    async def close(self):
        """Ends the member and gives its resources back."""
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            await self._release()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()


def unix_program() -> Path:
    """The MicroPython of this machine with mpseq inside; DeviceError when it is not built."""
    program = checkout.build() / "unix" / "mpseq-micropython"
    if not program.is_file():
        raise DeviceError(f"no {program}. Cure: {checkout.cure('unix')}")
    return program


async def connect(kind: str, name: str, relay_port: int, relay_host: str = "127.0.0.1") -> Device:
    """A member: "cpython", "unix", one of qemu.BOARDS, or what is at a serial port (its path)."""
    if kind == "cpython":
        return _local(name)
    transport, first, release = await open_line(kind, AGENT)
    return _bridged(name, kind, transport, relay_host, relay_port, release, first)


async def open_line(kind, program, baudrate=115200, seed=None):
    """Starts what is no member yet (a process, an emulated board) and the program on it, given as
    MicroPython source. Returns its transport, the first bytes that it wrote, and a coroutine
    function that ends it. `seed`: 64 bytes for an emulated board's os.urandom, by default random.
    DeviceError, qemu.BoardError, CarrierLost.
    """
    if kind == "unix":
        process = await asyncio.create_subprocess_exec(
            unix_program(), "-X", f"heapsize={_UNIX_HEAP}", "-c", program,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is for us alone
        )
        return serial_link.ProcessTransport(process), b"", lambda: end_process(process)
    if kind in BOARDS:
        board = await asyncio.to_thread(Board, kind, seed=seed or os.urandom(64))
        try:
            await asyncio.to_thread(board.start, program)
            transport = serial_link.SerialTransport(board.port)
        except BaseException:
            board.close()
            raise

        async def switch_off():
            board.close()

        return transport, b"", switch_off
    transport = serial_link.SerialTransport(kind, baudrate)
    try:
        first = await serial_link.start_program(transport, program)
    except BaseException:
        transport.close()
        raise

    async def nothing():
        pass

    return transport, first, nothing


async def end_process(process):
    """Kills a process of asyncio, unless it has ended, and waits for its end."""
    if process.returncode is None:
        process.kill()
    await process.wait()


def _local(name):
    line = LocalLine()
    running = asyncio.ensure_future(Agent(line).run())

    async def nothing():
        pass

    return Device(name, "cpython", line.commands.put, line.reports, [running], nothing)


def _bridged(name, kind, transport, host, port, release, first=b""):
    lines = []
    bridge = Bridge(transport, Rooms.relay(host, port), console=lines.append)
    bridge.link.feed(first)
    running = asyncio.ensure_future(bridge.run())
    device = Device(name, kind, bridge.command, bridge.reports, [running], release)
    device.lines = lines
    return device
