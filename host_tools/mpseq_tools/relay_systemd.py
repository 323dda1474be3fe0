"""A relay as a service of systemd: its unit, and what it tells systemd."""

import os
import pathlib
import shlex
import socket
import sys

from . import relay_tokens
from .faults import Fault

_UNIT = """\
# mpseq relay, made by `mpseq relay --systemd`. To install it:
#   sudo cp mpseq-relay.service /etc/systemd/system/
#   sudo systemctl daemon-reload && sudo systemctl enable --now mpseq-relay
[Unit]
Description=mpseq relay: rooms that it cannot read
Documentation=https://pypi.org/project/mpseq/
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
{credentials}Restart=on-failure
RestartSec=2
# The relay writes what is queued, and tells everyone, before it ends.
TimeoutStopSec={stop}
LimitNOFILE=65536
MemoryMax={memory}M

# It needs a socket and nothing else of this machine.
DynamicUser=yes
ProtectSystem=strict
ProtectHome={home}
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers={users}
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
# @resources, but for the number of files that may be open.
SystemCallFilter=prlimit64 setrlimit
CapabilityBoundingSet={capability}
AmbientCapabilities={capability}
UMask=0077

[Install]
WantedBy=multi-user.target
"""
_FILES = {"--tls-cert": "relay.pem", "--tls-key": "relay.key", "--tokens": "tokens"}


class UnitFault(Fault):
    """No unit can be made of these options."""


def unit(options, port: int, drain: float, memory: int) -> str:
    """The text of a unit that starts a relay with these options, [(name, value)]; names with a
    value of None stand alone. Files become credentials, so that nobody but root need read them.
    UnitFault when one cannot be read, which is better known now."""
    words = [*_program(), "relay"]
    credentials = []
    for name, value in options:
        if name in _FILES:
            path = os.path.abspath(value)
            if name == "--tokens":
                relay_tokens.load(path)
            elif not os.path.isfile(path):
                raise UnitFault(f"{path} is not there", f"a file for {name}, or no {name}")
            credentials.append(f"LoadCredential={_FILES[name]}:{path.replace('%', '%%')}\n")
            words += [name, "${CREDENTIALS_DIRECTORY}/" + _FILES[name]]
        else:
            words.append(name)
            if value is not None:
                words.append(_quoted(str(value)))
    low = 0 < port < 1024
    return _UNIT.format(
        command=" ".join(words),
        credentials="".join(credentials),
        stop=int(drain) + 10,
        memory=(memory >> 20) * 2 + 256,
        home="read-only" if _at_home(words[0]) else "yes",
        capability="CAP_NET_BIND_SERVICE" if low else "",
        users="no" if low else "yes",  # in a user namespace that right would be none
    )


def _program():
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.executable)), "mpseq")
    if os.access(beside, os.X_OK):
        return [_quoted(beside)]
    return [_quoted(os.path.abspath(sys.executable)), "-m", "mpseq_tools"]


def _at_home(program):
    # What ProtectHome hides.
    where = pathlib.Path(program.strip('"'))
    return any(where.is_relative_to(home) for home in ("/home", "/root", "/run/user"))


def advice(text: str):
    """What to know before this unit is installed, or None."""
    if "ProtectHome=read-only" not in text:
        return None
    return (
        "the program is in a home folder, where the service's user cannot read it as a rule."
        " Cure: sudo python3 -m venv /opt/mpseq, install mpseq with /opt/mpseq/bin/pip, and run"
        " /opt/mpseq/bin/mpseq relay --systemd"
    )


def _quoted(word):
    """As systemd.syntax(7) wants it."""
    word = word.replace("%", "%%").replace("$", "$$")
    return word if shlex.quote(word) == word else '"%s"' % word.replace("\\", r"\\").replace(
        '"', r"\""
    )


def notify(*lines: str):
    """Tells systemd, if it started this: "READY=1", "STOPPING=1" (sd_notify(3))."""
    place = os.environ.get("NOTIFY_SOCKET")
    if not place:
        return
    if place.startswith("@"):  # abstract
        place = "\0" + place[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.connect(place)
            out.sendall("\n".join(lines).encode())
    except OSError:
        pass  # systemd will notice
