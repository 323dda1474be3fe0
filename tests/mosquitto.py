"""A real Mosquitto for a test: own configuration, a free port, its files where the test says."""

import os
import pathlib
import subprocess

import servers
from servers import Server, free_port, listens

# What a room needs, and CARRIERS.md tells: no queue is cut, and small packets do not wait.
ROOM = ("max_queued_messages 0", "set_tcp_nodelay true")


def program() -> str:
    """Path of Mosquitto."""
    return servers.program("mosquitto", "/usr/sbin:/usr/local/sbin")


class Mosquitto(Server):
    """`with Mosquitto(tmp_path) as broker:`; `lines` of configuration come after the listener's.

    `users`: {name: password}, without them anyone may enter; `acl`: lines of its ACL file;
    `certificate`: (certificate, key) files, the broker is at "localhost" behind TLS then.
    """

    name = "Mosquitto"

    def __init__(self, folder, lines=ROOM, users=None, acl=(), certificate=None, name="broker"):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.port = free_port()
        self.certificate = certificate
        self.host = "localhost" if certificate else "127.0.0.1"
        self._log = self.folder / "log"
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

    def start(self):
        """Starts it, and waits until it answers."""
        self._run([program(), "-c", self.folder / "conf"], stdout=subprocess.DEVNULL)
        self._until(lambda: listens(self.host, self.port), lambda: self.log)

    def address(self, room: str, who: str = "") -> str:
        """Of a room here; `who`: USER:PASSWORD."""
        kind = "mqtts" if self.certificate else "mqtt"
        user = f"{who}@" if who else ""
        file = f"#{self.certificate[-1]}" if self.certificate else ""
        return f"{kind}://{user}{self.host}:{self.port}/{room}{file}"
