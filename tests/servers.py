"""What real servers for tests share: a program of this machine, a free port, a process."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time

import pytest


def program(name: str, folders: str) -> str:
    """Path of a server, on PATH or in `folders`; its absence is a failure, not a skip."""
    path = shutil.which(name) or shutil.which(name, path=folders)
    if path is None:
        pytest.fail(f"no {name} here. Cure: make deps", pytrace=False)
    return path


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port of `host` that was free a moment ago, none that connections are given."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as way, contextlib.suppress(OSError):
            way.bind((host, port))
            return port


def listens(host: str, port: int) -> bool:
    """Whether somebody takes TCP connections there."""
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


class Server:
    """A process that the test starts and ends, and may start again. A subclass has `name`,
    `start`, and in `_log` the path of the file that it writes."""

    _process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has written."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _run(self, command, **options):
        assert self._process is None, "it runs"
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, **options
        )

    def _until(self, answers, said):
        """Waits until `answers()`; `said()` is shown when it does not come to that."""
        end = time.monotonic() + 60
        while not answers():
            if self._process.poll() is not None or time.monotonic() > end:
                text = said()
                self.kill()
                pytest.fail(f"{self.name} does not start: {text}", pytrace=False)
            time.sleep(0.02)

    def kill(self, how=signal.SIGKILL):
        """Ends it, without a word to anyone; `start` starts it again at the same port."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            process.wait(20)

    def halt(self):
        """Stops it where it is, until `go`."""
        self._process.send_signal(signal.SIGSTOP)

    def go(self):
        self._process.send_signal(signal.SIGCONT)

    def memory(self) -> int:
        """Bytes of the machine's memory that it has."""
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
