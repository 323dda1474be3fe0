"""A real Prosody for a test: own configuration, a free port, its files where the test says."""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

import pytest
from names import Names

# Debian's default, and what a busy room needs instead: no module "limits".
DEBIAN_LIMITS = 'limits = { c2s = { rate = "10kb/s" }, s2sin = { rate = "30kb/s" } }'
ROOM = "muc_room_locking = false"
# Else a frame of over 8 kB takes 45 ms more.
NO_NAGLE = "network_settings = { nagle = false }"


def program() -> str:
    """Path of Prosody; its absence is a failure, not a skip."""
    path = shutil.which("prosody") or shutil.which("prosody", path="/usr/bin:/usr/local/bin")
    if path is None:
        pytest.fail("no prosody here. Cure: make deps", pytrace=False)
    return path


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port of `host` that was free a moment ago, none that connections are given."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as way, contextlib.suppress(OSError):
            way.bind((host, port))
            return port


class Prosody:
    """`with Prosody(tmp_path) as server:`; rooms are at `rooms.localhost`, and anyone may enter.

    `accounts`: {name: password} at `localhost`, without which nobody enters then; `limits`: with
    Debian's, or "mine", which `settings` has; `certificate`: (certificate, key) files, STARTTLS is
    offered then; `lines`: of configuration for the chat service; `settings`: for the whole server;
    `host`: another domain in the place of localhost; `s2s`: the port of the way from server to
    server; `given`: a whole configuration in the place of all that, the port is added.
    """

    def __init__(
        self,
        folder,
        accounts=None,
        limits=False,
        certificate=None,
        lines=(ROOM,),
        settings=(NO_NAGLE,),
        host="localhost",
        s2s=None,
        given=None,
        name="prosody",
    ):
        self.folder = pathlib.Path(folder) / name
        (self.folder / "data").mkdir(parents=True)
        self.port = free_port()
        self.host = host
        self.service = f"rooms.{host}"
        self.certificate = certificate
        self._process = None
        modules = ["disco", "roster", "saslauth", "ping"]
        config = [
            "run_as_root = true",
            f'pidfile = "{self.folder}/pid"',
            f'data_path = "{self.folder}/data"',
            f'log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = '
            f'"{self.folder}/log" }} }}',
            'interfaces = { "127.0.0.1" }',
            f"c2s_ports = {{ {self.port} }}",
            "c2s_require_encryption = false",
        ]
        if limits:
            modules.append("limits")
        if limits is True:
            config.append(DEBIAN_LIMITS)
        if certificate:
            modules.append("tls")
            config.append(
                f'ssl = {{ certificate = "{certificate[0]}", key = "{certificate[1]}" }}'
            )
        if s2s:
            modules.append("dialback")
            config.append(f"s2s_ports = {{ {s2s} }}")
            config.append("s2s_require_encryption = false; s2s_secure_auth = false")
        else:
            config.append('modules_disabled = { "s2s" }')
        names = ", ".join(f'"{module}"' for module in modules)
        config += [f"modules_enabled = {{ {names} }}", *settings, f'VirtualHost "{host}"']
        if accounts:
            config.append('authentication = "internal_hashed"')
            folder = self.folder / "data" / host.replace(".", "%2e") / "accounts"
            folder.mkdir(parents=True)
            for who, password in accounts.items():
                (folder / f"{who}.dat").write_text(f'return {{ ["password"] = "{password}" }}')
        else:
            config.append('authentication = "anonymous"; allow_anonymous_s2s = true')
        config += [f'Component "{self.service}" "muc"', *lines]
        if given:
            config = [f"c2s_ports = {{ {self.port} }}", given]
        self._log = self.folder / ("out" if given else "log")
        (self.folder / "conf.lua").write_text("\n".join(config) + "\n")

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

    def start(self):
        """Starts it, and waits until it answers."""
        assert self._process is None, "it runs"
        before = len(self.log)
        with open(self.folder / "out", "ab") as out:
            self._process = subprocess.Popen(
                [program(), "--config", self.folder / "conf.lua", "-F"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
        end = time.monotonic() + 20
        # Not by connecting: whoever has taken the port meanwhile would answer, too.
        while f"on [127.0.0.1]:{self.port}" not in self.log[before:]:
            if self._process.poll() is not None or time.monotonic() > end:
                said = (self.folder / "out").read_text(errors="replace") + self.log[before:]
                self.kill()
                pytest.fail(f"Prosody does not start: {said}", pytrace=False)
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

    def address(self, room: str, who: str = "") -> str:
        """Of a room here; `who`: ACCOUNT or ACCOUNT:PASSWORD."""
        who = f"{who}@" if who else ""
        file = f"#{self.certificate[0]}" if self.certificate else ""
        at = f"{who}{self.host}:{self.port}/{room}@{self.service}"
        if self.host != "localhost":
            at = f"{who}{self.host}/{room}@{self.service}?server=127.0.0.1:{self.port}"
        return f"xmpp://{at}{file}"


@contextlib.contextmanager
def federation(folder, *hosts, settings=(NO_NAGLE,)):
    """Servers of the domains `hosts` that reach each other: a list of Prosody. No certificates:
    they believe each other by dialback, and names are those of a name server of the test's."""
    ports = {host: free_port() for host in hosts}
    served = {
        name: ("127.0.0.1", ports[host]) for host in hosts for name in (host, f"rooms.{host}")
    }
    with Names(served) as names, contextlib.ExitStack() as running:
        asked = (
            "unbound = { resolvconf = false, hoststxt = false, "
            f'forward = "127.0.0.1@{names.port}", '
            'options = { ["do-not-query-localhost:"] = "no" } }'
        )
        yield [
            running.enter_context(
                Prosody(folder, host=host, s2s=port, settings=(*settings, asked), name=host)
            )
            for host, port in ports.items()
        ]
