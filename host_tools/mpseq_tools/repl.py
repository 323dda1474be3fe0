"""Programs run on a board over its raw REPL, through mpremote's transport; files put there whole.

    with Repl("/dev/ttyACM0") as repl:
        repl.enter()
        print(repl.run("print(1 + 1)"))

mpremote does the talking. What is ours: a program that does not heed the first Ctrl-C is asked
again, nothing waits for ever (on a pty mpremote's reads would), and every failure is a ReplFault.
"""

import ast
import base64
import contextlib
import io
import struct
import time

import serial
from mpremote import transport, transport_serial

from mpseq_aio.plain import clean

from . import ports
from .faults import Fault

_BANNER = b"raw REPL; CTRL-B to exit\r\n"
_READ = 2  # seconds that a read of the line waits
_TRIES = 6  # Ctrl-C, before we give up
_CHUNK = 512  # bytes of a file at once
_WRITE = 5  # seconds that one takes at most
_LOST = "plug it in, close other programs that use the port, press its RESET, try again"


class ReplFault(Fault):
    """The board is not there, or did not do it."""

    code = 3


class Refused(Exception):
    """A program on the board has ended with an exception: its last line."""


class _Line:
    """pyserial's port with an end: mpremote's reads go on as long as anything comes, which is for
    ever when a board has been reset and its own program talks."""

    def __init__(self, port):
        self.port = port
        self.until = 0.0

    def read(self, size=1):
        if time.monotonic() > self.until:
            raise transport.TransportError("too late")
        return self.port.read(size)

    def __getattr__(self, name):
        return getattr(self.port, name)

    def wait(self, seconds):
        """Seconds that a read waits."""
        self.port.timeout = seconds


class Repl:
    """A board's REPL at a serial port. ReplFault from every call when the line fails.

    `before`: a line that is run before every program, until the next reset.
    """

    def __init__(self, port: str, baud: int = 115200):
        self.port = port
        self.before = ""
        try:
            self._line = transport_serial.SerialTransport(port, baud, timeout=_READ)
            self._line.serial.write_timeout = 10
            self._line.serial = _Line(self._line.serial)
        except (transport.TransportError, OSError, ValueError) as error:
            reason, cure = ports.why(port, error)
            raise ReplFault(f"cannot open {port}: {reason}", cure) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Gives the port back; the board stays as it is."""
        # mpremote sets control lines of it, in an order that does not reset an ESP32.
        self._line.serial = self._line.serial.port
        with contextlib.suppress(OSError):
            self._line.close()

    def enter(self):
        """Interrupts what runs and takes the raw REPL; its variables are still there."""
        with self._guarded():
            for _ in range(_TRIES):
                self._line.serial.write(b"\r\x03\x03")
                time.sleep(0.2)
                self._line.serial.write(b"\r\x01")
                if self._read_to(_BANNER, 2):
                    self._drain()  # another banner, maybe: mpremote wants to see just one
                    self._line.serial.write(b"\x01")
                    if self._read_to(_BANNER, 2):
                        self._line.in_raw_repl = True
                        return
        raise ReplFault(
            f"no MicroPython answers at {self.port}",
            "press RESET on the board and try again; is it the right port? Without MicroPython"
            " on it: mpseq flash",
        )

    def reset(self):
        """A soft reset within the raw REPL: boot.py runs, main.py does not, the heap is empty."""
        self.before = ""
        with self._guarded():
            self._line.read_until(1, b">", timeout=_READ)
            self._line.serial.write(b"\x04")
            if self._read_to(b"soft reboot\r\n", 10) and self._read_to(_BANNER, 20):
                return
        raise ReplFault(f"the board at {self.port} does not come back from a soft reset", _LOST)

    def leave(self):
        """Back to the prompt for people, where Ctrl-D starts boot.py and main.py."""
        with self._guarded():
            self._line.read_until(1, b">", timeout=_READ)
            self._line.serial.write(b"\r\x02")
            self._line.in_raw_repl = False
            if self._read_to(b">>> ", 5):
                return
        raise ReplFault(f"no prompt at {self.port}", _LOST)

    def restart(self):
        """Boot.py and main.py from the beginning; whoever opens the port next hears of it."""
        self.leave()
        with self._guarded():
            self._line.serial.write(b"\x04")

    def run(self, program: str, timeout: float = 20) -> str:
        """Runs a program to its end; what it printed. Refused when it raised an exception;
        `timeout`: seconds that it may take."""
        with self._guarded(timeout):
            printed, raised = self._line.exec_raw(self.before + program, timeout)
        if raised:
            lines = raised.decode(errors="replace").strip().splitlines()
            raise Refused(clean(lines[-1]) if lines else "an exception without a word")
        return printed.decode(errors="replace").replace("\r\n", "\n")

    def ask(self, program: str, timeout: float = 20):
        """Runs a program whose last line printed is the repr of a value; that value, whose texts
        may be shown."""
        printed = self.run(program, timeout).strip().splitlines()
        try:
            return _harmless(ast.literal_eval(printed[-1]))
        except (IndexError, ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            said = clean(printed[-1]) if printed else "nothing"
            raise ReplFault(f"the board answers {said!r}", "press its RESET, try again") from None

    def put(self, path: str, data: bytes):
        """Writes a file; until this returns it may be empty, or half of it."""
        start = "import binascii, os\n_b = binascii.a2b_base64\n"
        self.run(f"{start}_f = open({path!r}, 'wb')", _WRITE)
        for at in range(0, len(data), _CHUNK):
            # Half as long as their repr would be.
            part = base64.b64encode(data[at : at + _CHUNK])
            self.run(f"_f.write(_b({part!r}))", _WRITE)
        self.run("_f.close()\nif hasattr(os, 'sync'): os.sync()")

    def _drain(self):
        self._line.serial.wait(0.15)
        while self._line.serial.read(256):
            pass
        self._line.serial.wait(_READ)

    def _read_to(self, ending, patience):
        got = self._line.read_until(1, ending, timeout=patience, timeout_overall=patience)
        return got.endswith(ending)

    @contextlib.contextmanager
    def _guarded(self, timeout=60):
        self._line.serial.until = time.monotonic() + timeout
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # mpremote prints what it finds odd
                yield
        except transport.TransportError as error:
            text = f"the board at {self.port} stopped answering ({error})"
            raise ReplFault(text, _LOST) from None
        # struct.error: mpremote's word for a window size that never came.
        except (serial.SerialException, OSError, ValueError, TypeError, struct.error) as error:
            raise ReplFault(f"the board at {self.port} went away ({error})", _LOST) from None


def _harmless(value):
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list | tuple):
        return type(value)(map(_harmless, value))
    if isinstance(value, dict):
        return {_harmless(name): _harmless(one) for name, one in value.items()}
    return value
