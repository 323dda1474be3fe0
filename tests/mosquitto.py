"""A real Mosquitto for a test: own configuration, a free port, its files where the test says."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest

# What a room needs, and CARRIERS.md tells: no queue is cut, and small packets do not wait.
ROOM = ("max_queued_messages 0", "set_tcp_nodelay true")


def program() -> str:
    """Path of Mosquitto; its absence is a failure, not a skip."""
    path = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.fail("no mosquitto here. Cure: make deps", pytrace=False)
    return path


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as way:
        way.bind(("127.0.0.1", 0))
        return way.getsockname()[1]


class Mosquitto:
    """`with Mosquitto(tmp_path) as broker:`; `lines` of configuration come after the listener's.

    `users`: {name: password}, without them anyone may enter; `acl`: lines of its ACL file;
    `certificate`: (certificate, key) files, the broker is at "localhost" behind TLS then.
    """

    def __init__(self, folder, lines=ROOM, users=None, acl=(), certificate=None, name="broker"):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.port = free_port()
        self.certificate = certificate
        self.host = "localhost" if certificate else "127.0.0.1"
        self._process = None
        settings = [
            f"listener {self.port} {self.host}",
            f"log_dest file {self.folder / 'log'}",
            "connection_messages true",
        ]
        if hasattr(os, "getuid") and os.getuid() == 0:
            settings.append("user root")  # else it becomes somebody who cannot read these files
        if certificate:
            settings += [f"certfile {certificate[0]}", f"keyfile {certificate[1]}"]
        settings.append(f"allow_anonymous {'false' if users else 'true'}")
        if users:
            names = self.folder / "users"
            names.touch(0o600)
            for user, password in users.items():
                subprocess.run(
                    ["mosquitto_passwd", "-b", names, user, password], check=True, timeout=20
                )
            settings.append(f"password_file {names}")
        if acl:
            (self.folder / "acl").write_text("\n".join(acl) + "\n")
            (self.folder / "acl").chmod(0o600)
            settings.append(f"acl_file {self.folder / 'acl'}")
        (self.folder / "conf").write_text("\n".join((*settings, *lines)) + "\n")

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
        """What the broker has written."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self):
        """Starts it, and waits until it answers."""
        assert self._process is None, "it runs"
        self._process = subprocess.Popen(
            [program(), "-c", self.folder / "conf"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((self.host, self.port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    self.kill()
                    pytest.fail(f"Mosquitto does not start: {self.log}", pytrace=False)
            time.sleep(0.02)

    def kill(self, how=signal.SIGKILL):
        """Ends it, without a word to anyone; `start` starts it again at the same port."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            process.wait(20)

    def stop(self):
        """Halts it where it is, until `go`."""
        self._process.send_signal(signal.SIGSTOP)

    def go(self):
        self._process.send_signal(signal.SIGCONT)

    def address(self, room: str, who: str = "") -> str:
        """Of a room here; `who`: USER:PASSWORD."""
        kind = "mqtts" if self.certificate else "mqtt"
        user = f"{who}@" if who else ""
        file = f"#{self.certificate[-1]}" if self.certificate else ""
        return f"{kind}://{user}{self.host}:{self.port}/{room}{file}"
