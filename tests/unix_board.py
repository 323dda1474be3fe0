"""A board that is a MicroPython process of this machine, with a folder as its flash memory.

The unix port has neither a raw REPL nor a serial line, so both are played here: a pty, on which
mpremote and `mpseq deploy` find what a board's firmware does (boot.py, main.py, the REPL, raw
paste, Ctrl-C, soft reset), around the real interpreter, its import, files and native modules.
"""

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import threading
import time
import tty

FIRMWARE = """
import micropython, os, sys, vfs
disk, raw = sys.argv[1], sys.argv[2] == "raw"
vfs.umount("/")
vfs.mount(vfs.VfsPosix(disk), "/")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
del sys.argv[1:]

class Os:  # VfsPosix under another root mixes up the two paths of a rename
    def rename(self, old, new):
        real.rename(old.lstrip("/"), new.lstrip("/"))

    def __getattr__(self, name):
        return getattr(real, name)

class Micropython:  # after kbd_intr(-1) Ctrl-C would end the process
    def kbd_intr(self, key):
        pass

    def __getattr__(self, name):
        return getattr(micropython, name)

real, sys.modules["os"], sys.modules["micropython"] = os, Os(), Micropython()
line, out = sys.stdin.buffer, sys.stdout.buffer
one = bytearray(1)

class Reset(Exception):
    pass

def byte():
    if not line.readinto(one):
        raise Reset
    return one[0]

def paste():
    out.write(b"R\\x01\\x00\\x04")
    code = bytearray()
    while byte() != 4:
        code.append(one[0])
        if len(code) % 1024 == 0:
            out.write(b"\\x01")
    out.write(b"\\x04")
    return code

def execute(code):
    error = None
    try:
        exec(compile(str(code, "utf-8"), "<stdin>", "exec"), names)
    except BaseException as raised:
        error = raised
    out.write(b"\\x04")
    if error is not None:
        sys.print_exception(error)
    out.write(b"\\x04>")

def raw_repl(greet):
    if greet:
        out.write(b"raw REPL; CTRL-B to exit\\r\\n>")
    code = bytearray()
    while True:
        b = byte()
        if b == 2:
            return
        elif b == 1:
            code = bytearray()
            out.write(b"raw REPL; CTRL-B to exit\\r\\n>")
        elif b == 5 and bytes((byte(), byte())) == b"A\\x01":
            execute(paste())
        elif b == 4 and not code:
            out.write(b"OK\\r\\n")
            sys.exit(5)
        elif b == 4:
            out.write(b"OK")
            execute(code)
            code = bytearray()
        elif b >= 32 or b in b"\\n\\t":
            code.append(b)

def repl(greet):
    if greet:
        out.write(b"MicroPython on unix, as a board\\r\\n")
    out.write(b">>> ")
    while True:
        b = byte()
        if b == 1:
            return
        elif b == 4:
            out.write(b"\\r\\n")
            sys.exit(6)
        elif b == 13:
            out.write(b"\\r\\n>>> ")

def serve(raw):
    greet = True
    while True:
        try:
            (raw_repl if raw else repl)(greet)
            raw, greet = not raw, True
        except KeyboardInterrupt:  # wherever it came: the line that was typed is lost
            greet = False

names = {"__name__": "__main__"}
try:
    for name in ("boot.py", "main.py"):
        if name in os.listdir("/") and not (raw and name == "main.py"):
            try:
                with open("/" + name) as file:
                    exec(compile(file.read(), name, "exec"), names)
            except KeyboardInterrupt as error:
                sys.print_exception(error)
            except Exception as error:
                sys.print_exception(error)
    serve(raw)
except Reset:
    sys.exit(0)
"""


class UnixBoard:
    """Runs from construction until `close`; `port` is the device, `disk` the folder.

    `first`: a program that runs before anything else, to make it another board than it is.
    `started`: how often it was started; `tap`: when set, takes all bytes in both directions.
    """

    def __init__(self, executable, disk, first=""):
        self.disk = disk
        self.started = 0
        self.tap = None
        disk.mkdir(parents=True, exist_ok=True)
        self._executable = executable
        self._code = first + FIRMWARE
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._wake_r, self._wake_w = os.pipe()
        self._ending = False
        self._process = None
        self._last_break = 0.0
        self._start(False)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def cut_power(self):
        """Kills it at once; it starts anew, as from power."""
        self._process.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._ending = True
        os.write(self._wake_w, b"x")
        self._thread.join(10)
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        for fd in (self._master, self._slave, self._wake_r, self._wake_w):
            os.close(fd)

    def _start(self, raw):
        if self._process is not None:
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
        command = [self._executable, "-c", self._code, str(self.disk), "raw" if raw else ""]
        if setpriv := shutil.which("setpriv"):  # as for QEMU: it ends with the tests
            command = [setpriv, "--pdeathsig", "KILL", "--", *command]
        self._process = subprocess.Popen(
            command, cwd=self.disk, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, bufsize=0, env={"PATH": os.environ.get("PATH", "")},
        )  # fmt: skip
        self.started += 1

    def _serve(self):
        while not self._ending:
            output = self._process.stdout.fileno()
            ready, _, _ = select.select([self._master, output, self._wake_r], [], [])
            if self._master in ready:
                self._typed(os.read(self._master, 4096))
            if output in ready:
                data = os.read(output, 4096)
                if data:
                    self._write(data)
                else:
                    code = self._process.wait()
                    self._write(b"MPY: soft reboot\r\n" if code in (5, 6) else b"\r\n(reset)\r\n")
                    self._start(code == 5)

    def _typed(self, data):
        if self.tap is not None:
            self.tap.append(data)
        for part in re.split(b"(\x03)", data):
            if part == b"\x03":
                # Two at once would kill a MicroPython on unix: not so a board.
                if time.monotonic() - self._last_break > 0.1:
                    self._process.send_signal(signal.SIGINT)
                    self._last_break = time.monotonic()
            elif part:
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.write(part)

    def _write(self, data):
        if self.tap is not None:
            self.tap.append(data)
        while data:
            data = data[os.write(self._master, data) :]
