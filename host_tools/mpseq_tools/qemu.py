"""Starts the emulated boards and runs Python on them; knows nothing of the protocol.

    with Board("qemu-rv32", seed=os.urandom(64)) as board:
        print(board.exec("import os; print(os.urandom(8))"))

    with Board("qemu-rv32", disk="porch.img", prompt=False) as board:
        ...  # runs the main.py that it finds on its disk

``board.port`` is a serial device like any real board's. Anyone may open it while no call of this
class is running; what the board writes goes to whoever reads first.
"""

import os
import re
import select
import shutil
import subprocess
import time
import weakref
from pathlib import Path
from types import TracebackType

from . import checkout

SEED_SIZE = 64
DISK_SIZE = 1 << 20

# QEMU's program and machine, and where the firmware looks for its seed.
_MACHINES = {
    "qemu-rv32": ("qemu-system-riscv32", ["-machine", "virt", "-bios", "none"], 0x80700000),
    "qemu-cortex-m3": ("qemu-system-arm", ["-machine", "mps2-an385"], 0x21000000),
}
BOARDS = tuple(_MACHINES)
# Not a board that there is: 1.5 MiB of heap, for tests that hold a whole room in one interpreter.
ROOMY = "qemu-rv32-roomy"
_MACHINES[ROOMY] = _MACHINES["qemu-rv32"]
# Nor these: other Arm cores, plain, on which the tests run native modules.
for _core, _machine in (("m0", "mps2-an385"), ("m4", "mps2-an386"), ("m7", "mps2-an500")):
    _MACHINES[f"qemu-cortex-{_core}"] = ("qemu-system-arm", ["-machine", _machine], 0x21000000)

_CTRL_A, _CTRL_B, _CTRL_C, _CTRL_D = b"\x01", b"\x02", b"\x03", b"\x04"
_START_TIMEOUT = 60.0


class BoardError(Exception):
    """The board or the emulator did not do what was asked; the message says what it said."""


def firmware_path(name: str, linked: bool = True) -> Path:
    """The board's firmware: with mpseq frozen and Monocypher linked, or plain."""
    return checkout.build() / "firmware" / f"{name}{'' if linked else '-plain'}.elf"


def program_of(name: str) -> str:
    """QEMU's program for a board."""
    return _MACHINES[name][0]


def _made_disk(path: Path) -> Path:
    path = path.absolute()
    if len(os.fsencode(path)) > 500:
        raise ValueError(f"the path of a disk must not be longer than 500 bytes: {path}")
    if not path.exists():
        with path.open("xb") as file:
            file.truncate(DISK_SIZE)
    return path


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


class Board:
    """One emulated board, running from construction until :meth:`close`.

    A board that nobody closes ends with the object, and on Linux, whatever happens to this
    process, with the thread that made it.

    :param name: one of :data:`BOARDS`, or :data:`ROOMY`.
    :param linked: the firmware with mpseq frozen and Monocypher linked in, else the plain one.
    :param icount: let one instruction take one nanosecond of the board's time, whatever the host
        does; the clocks then count instructions.
    :param seed: 64 bytes for ``os.urandom``; without them it raises RuntimeError on the board.
    :param disk: a file that is the board's flash memory, with LittleFS at ``/``, and outlives
        it; made with 1 MiB if it is not there. With one the board runs its boot.py and main.py
        like a real one, and killing it is a power cut. One board at a time may have it.
    :param prompt: wait for the prompt, at most ``start_timeout`` seconds. Without, a main.py
        that runs for ever goes on: read what it says from ``port``, or call :meth:`start`,
        which interrupts it.
    """

    def __init__(
        self,
        name: str,
        linked: bool = True,
        icount: bool = False,
        seed: bytes | None = None,
        disk: str | os.PathLike[str] | None = None,
        prompt: bool = True,
        start_timeout: float = _START_TIMEOUT,
    ) -> None:
        if name not in _MACHINES:
            raise ValueError(f"no board {name!r}; there are {', '.join(BOARDS)}")
        if seed is not None and len(seed) != SEED_SIZE:
            raise ValueError(f"seed must be {SEED_SIZE} bytes")
        self.name = name
        self.port = ""
        self._fd = -1
        place = None if disk is None else _made_disk(Path(disk))
        self._process = self._start(name, firmware_path(name, linked), icount, seed, place)
        weakref.finalize(self, _kill, self._process)
        try:
            self._open_port(time.monotonic() + start_timeout)
            if prompt:
                self.await_prompt(start_timeout)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _start(
        name: str, firmware: Path, icount: bool, seed: bytes | None, disk: Path | None
    ) -> "subprocess.Popen[bytes]":
        program, machine, seed_address = _MACHINES[name]
        if not firmware.is_file():
            raise BoardError(f"no {firmware}. Cure: {checkout.cure('firmware')}")
        found = shutil.which(program)
        if found is None:
            raise BoardError(f"no {program}: run `make deps`")
        semihosting = "enable=on,target=native"
        if disk is not None:
            semihosting += ",arg=disk=" + str(disk).replace(",", ",,")
        command = [found, *machine, "-nographic", "-monitor", "none"]
        command += ["-semihosting-config", semihosting]
        command += ["-serial", "pty", "-kernel", str(firmware)]
        setpriv = shutil.which("setpriv")
        if setpriv:  # not a preexec_fn, which may hang in a process with threads
            command = [setpriv, "--pdeathsig", "KILL", "--", *command]
        if icount:
            command += ["-icount", "shift=0"]
        fds: list[int] = []
        try:
            if disk is not None:
                import fcntl  # not on every system that this package is for

                # Nothing is read through it: the lock stays as long as QEMU has it open.
                fds.append(os.open(disk, os.O_RDONLY))
                fcntl.flock(fds[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
            if seed is not None:
                # A file without a name: the seed never touches a disk and nobody else can open it.
                fds.append(os.memfd_create("seed"))
                os.write(fds[-1], seed)
                source = f"file=/proc/self/fd/{fds[-1]},addr={seed_address:#x}"
                command += ["-device", f"loader,{source},force-raw=on"]
            # In a session of its own, so that Ctrl-C in a terminal reaches only us.
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=fds,
                start_new_session=True,
            )
        except BlockingIOError:
            raise BoardError(f"another board has the disk {disk}") from None
        finally:
            for fd in fds:
                os.close(fd)

    def _open_port(self, deadline: float) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        said = b""
        while not (match := re.search(rb"redirected to (/dev/\S+)", said)):
            if not select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise BoardError(f"QEMU names no port: {said.decode(errors='replace')}")
            part = os.read(stdout.fileno(), 4096)
            if not part:
                raise BoardError(f"QEMU ended: {said.decode(errors='replace').strip()}")
            said += part
        self.port = match[1].decode()
        # Held open to the end: when the last reader goes, QEMU stops looking for a second.
        self._fd = os.open(self.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def await_prompt(self, timeout: float = 10.0) -> None:
        """Wait until the board is at its prompt, after a reset perhaps; what it said is gone."""
        deadline = time.monotonic() + timeout
        # What the board says before somebody listens is lost, its first prompt perhaps with it.
        while True:
            try:
                self._read_until(b">>> ", min(deadline, time.monotonic() + 1.0))
                return
            except BoardError:
                if self._process.poll() is not None or time.monotonic() >= deadline:
                    raise
            self._write(b"\r", deadline)

    # --- the line ---

    def _write(self, data: bytes, deadline: float) -> None:
        while data:
            if not select.select([], [self._fd], [], max(0.0, deadline - time.monotonic()))[1]:
                raise BoardError(f"{self.name} takes no input")
            data = data[os.write(self._fd, data) :]

    def _read(self, size: int, deadline: float) -> bytes:
        """What is there, at most size bytes; waits for the first."""
        if not select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise BoardError(f"{self.name} is silent")
        try:
            part = os.read(self._fd, size)
        except OSError as error:
            part = b""
            cause: OSError | None = error
        else:
            cause = None
        if not part:
            raise BoardError(f"{self.name} has ended") from cause
        return part

    def _read_until(self, ending: bytes, deadline: float) -> bytes:
        got = bytearray()
        while not got.endswith(ending):
            try:
                # Never past the ending: the next byte may be somebody else's.
                got += self._read(1, deadline)
            except BoardError as error:
                raise BoardError(f"{error}; last heard: {bytes(got[-400:])!r}") from None
        return bytes(got[: -len(ending)])

    def drain(self) -> bytes:
        """Take and return what the board has written and nobody has read."""
        got = b""
        while select.select([self._fd], [], [], 0.02)[0]:
            got += os.read(self._fd, 4096)
        return got

    # --- programs ---

    def start(self, code: str, timeout: float = 10.0) -> None:
        """Start a program and return at once; from here on the port is its stdin and stdout.

        Whatever ran before is interrupted, its variables stay. When the program ends, the board
        writes 0x04, the traceback if there is one, 0x04 and ``>``.
        """
        deadline = time.monotonic() + timeout
        self.drain()
        self._write(b"\r" + _CTRL_C + _CTRL_C + _CTRL_A, deadline)
        self._read_until(b"raw REPL; CTRL-B to exit\r\n>", deadline)
        # Raw paste: compiled as it comes, so the text itself takes no room on the board.
        self._write(b"\x05A\x01", deadline)
        self._read_until(b"R\x01", deadline)
        window = room = int.from_bytes(self._read_exactly(2, deadline), "little")
        data = code.encode()
        while data:
            while room == 0 or select.select([self._fd], [], [], 0)[0]:
                if self._read(1, deadline) == _CTRL_D:  # it has seen an error and wants no more
                    self._write(_CTRL_D, deadline)
                    return
                room += window
            part, data = data[:room], data[room:]
            room -= len(part)
            self._write(part, deadline)
        self._write(_CTRL_D, deadline)
        self._read_until(_CTRL_D, deadline)

    def _read_exactly(self, size: int, deadline: float) -> bytes:
        got = b""
        while len(got) < size:
            got += self._read(size - len(got), deadline)
        return got

    def wait(self, timeout: float = 10.0) -> str:
        """Wait for the end of the started program and return what it has written.

        :raises BoardError: with the board's traceback.
        """
        deadline = time.monotonic() + timeout
        output = self._read_until(_CTRL_D, deadline).decode(errors="replace")
        error = self._read_until(_CTRL_D + b">", deadline).decode(errors="replace")
        self._write(_CTRL_B, deadline)
        self._read_until(b">>> ", deadline)
        if error:
            raise BoardError(f"{output}{error}".replace("\r\n", "\n"))
        return output.replace("\r\n", "\n")

    def exec(self, code: str, timeout: float = 10.0) -> str:
        """Run a program to its end and return what it has written.

        :raises BoardError: with the board's traceback, or when the time is over.
        """
        self.start(code, timeout)
        return self.wait(timeout)

    def press(self, text: str, timeout: float = 10.0) -> None:
        """Press keys; "\\x04" at the prompt is a soft reset."""
        self._write(text.encode(), time.monotonic() + timeout)

    def interrupt(self, timeout: float = 10.0) -> None:
        """Press Ctrl-C: KeyboardInterrupt in the running program."""
        self._write(_CTRL_C, time.monotonic() + timeout)

    # --- the end ---

    def close(self) -> None:
        """Switch the board off; again does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        _kill(self._process)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> "Board":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
