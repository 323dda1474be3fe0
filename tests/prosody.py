"""A real Prosody for a test: own configuration, a free port, its files where the test says."""

import contextlib
import pathlib

import servers
from names import Names
from servers import Server, free_port

# Debian's default, and what a busy room needs instead: no module "limits".
DEBIAN_LIMITS = 'limits = { c2s = { rate = "10kb/s" }, s2sin = { rate = "30kb/s" } }'
ROOM = "muc_room_locking = false"
# Else a frame of over 8 kB takes 45 ms more.
NO_NAGLE = "network_settings = { nagle = false }"


def program() -> str:
    """Path of Prosody."""
    return servers.program("prosody", "/usr/bin:/usr/local/bin")


class Prosody(Server):
    """`with Prosody(tmp_path) as server:`; rooms are at `rooms.localhost`, and anyone may enter.

    `accounts`: {name: password} at `localhost`, without which nobody enters then; `limits`: with
    Debian's, or "mine", which `settings` has; `certificate`: (certificate, key) files, STARTTLS is
    offered then; `lines`: of configuration for the chat service; `settings`: for the whole server;
    `host`: another domain in the place of localhost; `s2s`: the port of the way from server to
    server; `given`: a whole configuration in the place of all that, the port is added.
    """

    name = "Prosody"

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

    def start(self):
        """Starts it, and waits until it answers."""
        before = len(self.log)
        command = [program(), "--config", self.folder / "conf.lua", "-F"]
        with open(self.folder / "out", "ab") as out:
            self._run(command, stdout=out, cwd=self.folder)
        # Not by connecting: whoever has taken the port meanwhile would answer, too.
        self._until(
            lambda: f"on [127.0.0.1]:{self.port}" in self.log[before:],
            lambda: (self.folder / "out").read_text(errors="replace") + self.log[before:],
        )

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
