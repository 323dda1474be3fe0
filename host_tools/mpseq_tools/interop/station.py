"""One device of the bench: started, driven, watched, reset and started again."""

import ast
import asyncio
import contextlib
import os
import re
import sys
import time
from pathlib import Path

from mpseq_aio import link
from mpseq_aio.framing import clean

from .. import faults, ports, replug, serial_link
from ..devices import DeviceError, end_process, open_line
from ..qemu import BOARDS, BoardError
from .line import Wire

PATIENCE = 30.0  # seconds for an answer or an event, if nothing else is said
_AGAIN = 1.5  # seconds after which a command is sent again over a line that loses bytes
_BACK = 45.0  # seconds for a real board to come back from a reset
_START = 20.0  # seconds for a device to say what it is, once its program runs
_KEPT = 6000  # lines of what happened to a device that are remembered
_NO_MPSEQ = re.compile(r"ImportError|ModuleNotFoundError|no module named|AttributeError")
_ENDED = re.compile(r"^device\| (Import|Memory|Syntax|Attribute|OS|Value|Runtime|Name)Error")
STARTED = ("cpython", "unix", *BOARDS)  # kinds that the bench starts by itself


class NotThere(faults.Fault):
    """A device that cannot be used; says which and how to mend it."""

    code = 3


class TooSmall(DeviceError):
    """The device ran out of memory."""


def short(source) -> str:
    """Python source as a device gets it: without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant):
                body[:] = body[1:] or [ast.Pass()]
    return ast.unparse(tree) + "\n"


class Station:
    """`name`: in reports and on the command line, and the device's nick; `kind`: one of STARTED or
    a serial port. `log`: everything that happened, as (seconds, mark, text).

    `extra`: source run on the device first, for tests of the bench itself.
    """

    def __init__(self, name, kind, relay_port, baudrate=115200, seed=None, extra=""):
        self.name = name
        self.kind = kind
        self.baudrate = baudrate
        self.about = None
        self.heap_low = None
        self.log = []
        self.began = time.monotonic()
        self.sound = False  # running, and nothing is wrong with it
        self.worn = False  # its heap is no more as it was at the start
        self.lives = 0  # identities that it has had since the start
        self._away = False  # it was not there when it was looked for
        self._extra = extra
        self._seed = seed
        self._relay_port = relay_port
        self._place = None
        self._wire = None
        self._release = None
        self._sorting = None
        self._id = 0
        self._answer = None  # (id, future)
        self._one_at_a_time = asyncio.Lock()
        self._news = asyncio.Event()
        self._forget()

    def _forget(self):
        self.key = None
        self.events = []
        self._early = {}

    def note(self, mark, text):
        """Adds a line to what happened."""
        if len(self.log) >= _KEPT:
            del self.log[: _KEPT // 4]
        self.log.append((time.monotonic() - self.began, mark, clean(str(text))))

    # --- from nothing to a program that answers, and back

    async def start(self):
        """Starts the device and its program; NotThere with the cure when that fails."""
        await self.stop()
        self.note("!", f"the bench starts {self.kind}")
        try:
            transport, first, self._release = await self._open()
        except (DeviceError, BoardError, OSError) as error:
            self._away = True
            raise NotThere(f"{self.name}: {clean(str(error))}", self._cure()) from None
        self._away = False
        self._wire = Wire(transport, self._relay_port, self.note, first)
        self._sorting = asyncio.ensure_future(self._sort())
        mark = len(self.log)
        try:
            self.about = await self._first_answer(mark)
        except DeviceError as error:
            await asyncio.sleep(0.6)  # its last words
            said = [text for _, kind, text in self.log[mark:] if kind == "|"]
            await self.stop()
            raise self._not_usable(error, said) from None
        for word in ("re", "id"):
            self.about.pop(word, None)
        self.sound = True
        self.worn = False
        self.lives = 0

    async def _first_answer(self, mark):
        asking = asyncio.ensure_future(self.do("about", patience=_START))
        try:
            while not asking.done():
                await asyncio.wait({asking}, timeout=0.3)
                said = [text for _, kind, text in self.log[mark:] if kind == "|"]
                if not asking.done() and any(_ENDED.search(text) for text in said):
                    raise DeviceError(f"{self.name}: its program has ended")
            return asking.result()
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _open(self):
        from . import on_device

        if self.kind == "cpython":
            return await self._own_process()
        program = short(Path(on_device.__file__).read_text()) + self._extra + "\nagent.main()\n"
        if self.kind in STARTED:
            return await open_line(self.kind, program, seed=self._seed)
        if self._place is None:
            self._place = replug.Place(self.kind, self.baudrate)
        patience = _BACK if self.about and not self._away else 5.0
        end = time.monotonic() + patience
        while True:
            # A board that is just starting, or that is kept busy, needs a while.
            try:
                path = self._place.find() or self._place.path
                return await open_line(path, program, self.baudrate)
            except link.CarrierLost:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.5)

    async def _own_process(self):
        command = [sys.executable, "-m", "mpseq_tools.interop.member", self._extra]
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return serial_link.ProcessTransport(process), b"", lambda: end_process(process)

    def _cure(self):
        if self.kind in STARTED:
            return "make unix firmware, in a checkout; an installed mpseq has `cpython` alone"
        return (
            "plug it in, close other programs that use the port, press its RESET; MicroPython"
            " must be on it: mpseq flash"
        )

    def _not_usable(self, error, said):
        words = "; ".join(said[-3:]) or str(error)
        text = f"{self.name}: {clean(words)}"
        if any("MemoryError" in line for line in said):
            return NotThere(text, faults.SMALL_HEAP)
        if any(_NO_MPSEQ.search(line) for line in said):
            return NotThere(
                f"{self.name} has no mpseq, or one that is too old ({clean(words)})",
                f"mpseq deploy --port {self.kind} …, or firmware with mpseq inside (boards/)",
            )
        return NotThere(text, self._cure())

    async def stop(self):
        """Ends it, or its program's line; again does nothing."""
        self.sound = False
        wire, self._wire = self._wire, None
        release, self._release = self._release, None
        sorting, self._sorting = self._sorting, None
        if sorting:
            sorting.cancel()
            await asyncio.gather(sorting, return_exceptions=True)
        if wire:
            if self.kind not in STARTED:  # else its program is killed anyway
                with contextlib.suppress(link.CarrierLost, asyncio.TimeoutError):
                    await asyncio.wait_for(wire.command({"do": "quit"}), 1)
                    await asyncio.sleep(0.3)
                    await wire.cable.write(b"\r\x02")  # the prompt for people
            await wire.close()
        if release:
            await release()
        self._forget()

    async def reset(self):
        """Really resets it, whatever it does, and starts its program anew: a process is killed, an
        emulated board's power cut, a real board told to reset. NotThere."""
        self.note("!", "the bench resets it")
        if self.kind not in STARTED and self._wire:
            with contextlib.suppress(link.CarrierLost, asyncio.TimeoutError):
                await asyncio.wait_for(self._wire.command({"do": "reset"}), 5)
            await self._wire.close()
            self._wire = None
            await asyncio.sleep(1.0)
        await self.start()

    # --- commands and events

    async def do(self, what, patience=None, **fields):
        """Sends a command and returns its answer, which comes within `patience` seconds;
        DeviceError."""
        async with self._one_at_a_time:
            return await self._do(what, PATIENCE if patience is None else patience, fields)

    async def _do(self, what, patience, fields):
        if not self._wire:
            raise DeviceError(f"{self.name} is not running")
        self._id += 1
        command = {"do": what, "id": self._id, **fields}
        quiet = what == "log"  # asked for again and again, and mostly in vain
        if not quiet:
            self.note(">", _shown(command))
        answer = asyncio.get_running_loop().create_future()
        self._answer = (self._id, answer)
        wire = self._wire
        end = time.monotonic() + patience
        try:
            while not answer.done():
                left = end - time.monotonic()
                if left <= 0:
                    said = [text for _, mark, text in self.log[-8:] if mark == "|"]
                    kind = TooSmall if any("no memory" in one for one in said) else DeviceError
                    last = f"; it printed last: {said[-1]}" if said else ""
                    raise kind(f"{self.name}: no answer to {what!r} in {patience:g} s{last}")
                await self._try(wire, command, answer, min(left, _AGAIN) if self.noisy else left)
        finally:
            self._answer = None
        answer = answer.result()
        if not quiet:
            self.note("<", _shown(answer))
        if "error" in answer:
            kind = TooSmall if "MemoryError" in str(answer["error"]) else DeviceError
            raise kind(f"{self.name}: {clean(str(answer['error']))} (to {what!r})")
        return answer

    @property
    def noisy(self):
        """Whether its cable has faults now."""
        return bool(self._wire and (self._wire.cable.into or self._wire.cable.out))

    async def _try(self, wire, command, answer, patience):
        sending = asyncio.ensure_future(wire.command(command))
        try:
            end = time.monotonic() + patience
            waited = {answer, wire.running, sending}
            while not (answer.done() or wire.running.done()) and time.monotonic() < end:
                done, _ = await asyncio.wait(
                    waited, timeout=end - time.monotonic(), return_when=asyncio.FIRST_COMPLETED
                )
                if sending in done:
                    sending.result()
                    waited.discard(sending)
        except link.LinkError as error:
            raise DeviceError(f"{self.name}: the command cannot be sent ({error})") from None
        except link.CarrierLost as error:
            raise DeviceError(f"{self.name}: {clean(str(error))}") from None
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        if wire.running.done() and not answer.done():
            reason = "its line was closed"
            if not wire.running.cancelled() and wire.running.exception():
                reason = str(wire.running.exception())
            raise DeviceError(f"{self.name}: {clean(reason)}")

    async def _sort(self):
        while True:
            report = await self._wire.reports.get()
            if not isinstance(report, dict):
                self.note("?", report)
            elif "re" in report:
                if self._answer and report.get("id") == self._answer[0]:
                    if not self._answer[1].done():
                        self._answer[1].set_result(report)
            else:
                self._take(report)

    def _take(self, report):
        number = report.get("n")
        if not isinstance(number, int) or number <= len(self.events):
            return  # told again
        self._early[number] = report
        while len(self.events) + 1 in self._early:
            event = self._early.pop(len(self.events) + 1)
            self.events.append(event)
            self.note("*", f"{event.get('event')} {event.get('fields', event)}")
        self._news.set()

    async def be(self, room, **fields):
        """Gives the device its identity and settings; keeps its public key."""
        self._forget()
        self.lives += 1
        answer = await self.do("be", nick=self.name[-32:], room=room, **fields)
        self._forget()
        self.key = answer["key"]

    async def catch_up(self):
        """Asks for reports that the line has lost; afterwards all so far are there."""
        while True:
            # A long answer does not get through a line on which every 700th byte is hit.
            most = 2 if self.noisy else 8
            told = await self.do("log", **{"from": len(self.events) + 1, "most": most})
            before = len(self.events)
            for report in told["reports"]:
                self._take(report)
            if len(self.events) >= told["last"]:
                return
            if len(self.events) == before:
                raise DeviceError(f"{self.name}: reports are lost that it no longer has")

    async def state(self):
        """Its state; notes how low its heap has been."""
        state = await self.do("state")
        low = state.get("low")
        if low is not None and (self.heap_low is None or low < self.heap_low):
            self.heap_low = low
        return state

    def seen(self, kind):
        """The fields of each event of this kind so far."""
        return [one.get("fields", one) for one in self.events if one.get("event") == kind]

    async def expect(self, kind, matches=lambda fields: True, patience=None):
        """Waits for an event of this kind (seen ones count) whose fields match; returns them."""
        patience = PATIENCE if patience is None else patience
        end = time.monotonic() + patience
        while True:
            for fields in self.seen(kind):
                if matches(fields):
                    return fields
            if time.monotonic() > end:
                told = ", ".join(f"{one.get('event')}" for one in self.events[-12:]) or "nothing"
                raise DeviceError(f"{self.name}: no {kind} in {patience:g} s; seen last: {told}")
            await self.wait_for_news()

    async def wait_for_news(self, patience=1.0):
        """Waits until another event has come; at most so long, then it asks for lost ones."""
        self._news.clear()
        try:
            await asyncio.wait_for(self._news.wait(), patience)
        except asyncio.TimeoutError:
            if not self._wire or self._wire.running.done():
                raise DeviceError(f"{self.name}: it went away") from None
            await self.catch_up()

    # --- faults

    def make_noise(self, into, out):
        """Faults on its cable from now on (line.Noise), or None."""
        for noise in (self._wire.cable.into, self._wire.cable.out):
            if noise:
                self.note("!", f"the bench hit the cable: {noise.hits}")
        self._wire.cable.into = into
        self._wire.cable.out = out

    def lose(self, losses):
        """Faults of the room for this member from now on (line.Losses), or None."""
        if self._wire.place.losses:
            self.note("!", f"the bench hit the room: {self._wire.place.losses.hits}")
        self._wire.place.losses = losses

    def clean_up(self) -> int:
        """No faults any more; returns how many there were."""
        if not self._wire:
            return 0
        cable, place = self._wire.cable, self._wire.place
        count = sum(len(one.hits) for one in (cable.into, cable.out, place.losses) if one)
        self.make_noise(None, None)
        self.lose(None)
        return count

    def cut_when(self, trip):
        """Cuts its line at a message; see line.WatchedLink. Returns an asyncio.Event."""
        self._wire.link.trip = trip
        return self._wire.link.cut


def _shown(message):
    """A command or an answer for the log: seeds of identities are secrets of the run."""
    return {
        name: "…" if name == "seed" else value
        for name, value in message.items()
        if name not in ("id", "re") or (name == "re" and len(message) < 3)
    }


def names_of(kinds):
    """A name for each device: as it was given, short and once only."""
    names = []
    for kind in kinds:
        name = kind
        if kind not in STARTED:
            parts = [part for part in re.split(r"[\\/]", kind) if part not in ("", "dev", ".")]
            name = "-".join(parts) or "port"
        name = re.sub(r"[^A-Za-z0-9._-]", "_", name)[-28:]
        number = 1
        while (f"{name}-{number}" if number > 1 else name) in names:
            number += 1
        names.append(f"{name}-{number}" if number > 1 else name)
    return names


def port_of(kind):
    """What a `--device` names: a kind that the bench starts, a port, or the port of the device
    with this USB serial number. NotThere."""
    if kind in STARTED or os.path.exists(kind):
        return kind
    found = ports.everyone()
    for port in found:
        if kind in (port.device, port.serial_number):
            return port.device
    seen = "".join(
        f"\n  {port.device}  {clean(str(port.serial_number or ''))}  {clean(port.description)}"
        for port in found
        if port.vid is not None
    )
    raise NotThere(
        f"no device {clean(kind)}",
        f"name one of {', '.join(STARTED)}, a serial port, or a USB serial number; seen here:"
        + (seen or " no board on USB"),
    )
