"""Where rooms are, in one line of text, for whatever carries them. The one form of address.

| address                                  |                                                      |
|------------------------------------------|------------------------------------------------------|
| `tcp://HOST[:PORT]/ROOM`, `HOST[:PORT]`  | a relay                                              |
| `tls://HOST[:PORT]/ROOM[#FILE]`          | a relay behind TLS; FILE: whose signature its        |
|                                          | certificate needs, or the certificate                |
| `mqtt://[USER@]HOST[:PORT]/ROOM`         | a topic of an MQTT 5 broker; `mqtts://` behind TLS   |
| `xmpp:ROOM@SERVICE`                      | a chat room (XEP-0045), entered without an account   |
| `xmpp://ACCOUNT@HOST[:PORT]/ROOM@SERVICE`| the same with one (the form of RFC 5122); without    |
|                                          | `ACCOUNT@` anonymous at HOST; `?server=HOST:PORT`:   |
|                                          | where that server is; `#FILE` as with `tls://`       |
| `udp://ADDRESS[:PORT]/ROOM`              | all who hear a broadcast or multicast address        |
| `serial:DEVICE`                          | a board at this port, without any server             |

Without ROOM an address says where rooms are, and the room's name is told apart from it. What a
board understands of these stands in lib/mpseq_aio/address.py.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from mpseq_aio import link
from mpseq_aio.places import PORTS

from .faults import Fault

if TYPE_CHECKING:
    from mpseq_aio._types import Carrier

_PORTS = {**PORTS, "xmpp": 5222}
FORMS = (
    "tcp://HOST:PORT/ROOM, tls://HOST:PORT/ROOM, mqtt://HOST/ROOM, mqtts://HOST/ROOM, "
    "xmpp:ROOM@SERVICE, udp://BROADCAST/ROOM or serial:DEVICE"
)


class AddressFault(Fault):
    """No address, or not a whole one."""


class Rooms:
    """Where rooms are. `kind`: tcp, tls, mqtt, mqtts, xmpp, udp or serial; `host`: the machine, of
    xmpp the chat service, of serial the device; `name`: the room that the address names, or None.

    `user`: an MQTT user, or an XMPP account; `secret`: its password, or a relay's token, or None;
    `authority`: of TLS, the certificate's file; `domain`: of xmpp, where to enter without an
    account, or None; `server`: the machine to connect to when that is told, else DNS is asked.
    """

    def __init__(
        self,
        kind: str,
        host: str,
        port: int | None = None,
        name: str | None = None,
        user: str | None = None,
        secret: str | None = None,
        authority: str | None = None,
    ) -> None:
        self.kind = kind
        self.host = host
        self.port = port or _PORTS.get(kind)
        self.name = name
        self.user = user
        self.secret = secret
        self.authority = authority
        self.domain: str | None = None
        self.server: str | None = None

    @classmethod
    def relay(cls, host: str = "127.0.0.1", port: int = PORTS["tcp"]) -> Rooms:
        """A relay's."""
        return cls("tcp", host, port)

    def room(
        self, name: str | None = None, label: str | None = None, max_frame: int = link.MAX_FRAME
    ) -> Carrier:
        """The carrier for a room here, not opened yet: an object with `open`, `recv`, `post`,
        `ping`, `close`. `label` is what everyone in the room sees of me, by default one that says
        nothing; `max_frame` the longest frame, in bytes, that can be taken. AddressFault."""
        name = name or self.name or ("cable" if self.kind == "serial" else None)
        label = label or link.any_label()
        try:
            return self._room(link.check_name(name or ""), link.check_name(label), max_frame)
        except link.LinkError as error:
            raise AddressFault(
                f"room or label cannot be used ({error})",
                "name a room in the address or with --room: 1 to 64 bytes of printable text",
            ) from None

    def _room(self, name, label, max_frame):
        if self.kind == "tcp":
            from mpseq_aio.tcp import TcpRoom

            return TcpRoom(self.host, self.port, name, label, max_frame, token=self._token())
        if self.kind == "tls":
            from mpseq_aio.tls import TlsRoom

            return TlsRoom(
                self.host, self.port, name, label, authority=self.authority, max_frame=max_frame,
                token=self._token(),
            )
        if self.kind == "udp":
            from mpseq_aio.udp import UdpRoom

            return UdpRoom(self.host, self.port, name, label)
        if self.kind in ("mqtt", "mqtts"):
            from .mqtt_room import MqttRoom

            secure = self.kind == "mqtts"
            who = (self.user, self.secret)
            return MqttRoom(
                self.host, self.port, name, label, *who, secure, self.authority, max_frame
            )
        if self.kind == "serial":
            from .cable_room import CableRoom

            return CableRoom(self.host, label, max_frame)
        from .xmpp_room import XmppRoom

        at = (self.server, self.port) if self.server else (None, None)
        who = (self.user or self.domain, self.secret)
        return XmppRoom(name, self.host, label, *who, *at, self.authority, max_frame)

    def ambient_secret(self) -> str | None:
        """What the environment has for a place like this: a relay, perhaps without TLS, must not
        get the password of an account elsewhere."""
        name = "MPSEQ_TOKEN" if self.kind in ("tcp", "tls") else "MPSEQ_PASSWORD"
        return os.environ.get(name)

    def _token(self):
        try:
            return link.check_name(self.secret) if self.secret else None
        except link.LinkError:
            raise AddressFault(
                "that is no token of a relay: one has 1 to 64 printable bytes",
                "see what --password-file or MPSEQ_TOKEN holds; whoever runs the relay has it",
            ) from None

    def __str__(self) -> str:
        """The address, without its secret."""
        place = f"[{self.host}]" if ":" in self.host and self.kind != "serial" else self.host
        if self.kind == "serial":
            return f"serial:{self.host}"
        if self.kind == "xmpp":
            return self._xmpp_address()
        user = f"{self.user}@" if self.user else ""
        port = "" if self.port == _PORTS[self.kind] else f":{self.port}"
        authority = f"#{self.authority}" if self.authority else ""
        return f"{self.kind}://{user}{place}{port}/{self.name or ''}{authority}"

    def _xmpp_address(self):
        there = f"{self.name}@{self.host}" if self.name else self.host
        who = self.user or self.domain
        text = f"xmpp://{who}" if who else "xmpp:"
        beside = bool(self.server)  # the server's name stands not in the account
        if who and self.server == who.rpartition("@")[2].strip("[]"):
            text += f":{self.port}"
            beside = False
        text += f"/{there}" if who else there
        if beside:
            place = f"[{self.server}]" if ":" in self.server else self.server
            text += f"?server={place}:{self.port}"
        return text + (f"#{self.authority}" if self.authority else "")


def at(text: str) -> Rooms:
    """Where an address points; AddressFault says what is wrong with it."""
    kind, colon, rest = text.partition(":")
    if kind == "serial" and colon and rest:
        return Rooms("serial", rest)
    if kind == "xmpp" and colon:
        return _xmpp(text, rest)
    if rest[:2] != "//":
        return _relay(text)
    if kind not in _PORTS:
        raise _bad(text)
    place, _, name = rest[2:].partition("/")
    user, secret, place = _user(place)
    name, _, authority = name.partition("#")
    host, port = _host_port(text, place, _PORTS[kind])
    if kind in ("tcp", "tls") and user is not None:
        user, secret = None, user  # a token has no name
    return Rooms(kind, host, port, name or None, user, secret, authority or None)


def _relay(text):
    if "/" in text or "@" in text:
        raise _bad(text)
    return Rooms.relay(*_host_port(text, text, PORTS["tcp"]))


def _xmpp(text, rest):
    account = domain = secret = server = port = None
    rest, _, authority = rest.partition("#")
    rest, _, query = rest.partition("?")
    if rest.startswith("//"):
        place, slash, rest = rest[2:].partition("/")
        before, secret, place = _user(place)
        if not slash or before == "":
            raise _bad(text)
        domain, port = _host_port(text, place, 0) if ":" in place else (place, None)
        server = domain if port else None
        account = None if before is None else f"{before}@{domain}"
        if not domain:
            raise _bad(text)
    for word in query.split(";"):
        key, _, value = word.partition("=")
        if key == "server":
            server, port = _host_port(text, value, _PORTS["xmpp"])
    name, _, service = rest.rpartition("@")
    if not service or "/" in service:
        raise _bad(text)
    there = Rooms("xmpp", service, port, name or None, account, secret, authority or None)
    there.domain = None if account else domain
    there.server = server
    return there


def _user(place):
    before, at_sign, host = place.rpartition("@")
    if not at_sign:
        return None, None, place
    user, colon, secret = before.partition(":")
    return user, secret if colon else None, host


def _host_port(text, place, default):
    found = re.fullmatch(r"(\[[^\]]+\]|[^\[\]:]+)(?::(\d+))?", place)
    if found is None and place.count(":") > 1 and "[" not in place:
        found = re.fullmatch(r"([0-9A-Fa-f:.]+)()", place)  # IPv6 without its brackets
    host = found and found[1].strip("[]")
    port = int(found[2] or default) if found else 0
    if not host or not 0 < port < 65536:
        raise AddressFault(f"{_shown(text)!r} has no HOST:PORT in it", f"an address is {FORMS}")
    return host, port


def _bad(text):
    return AddressFault(f"{_shown(text)!r} is no address", f"one is {FORMS}")


def _shown(text):
    """What was typed, as far as it cannot be a secret."""
    before, at_sign, rest = text.rpartition("@")
    if not at_sign or before.startswith("xmpp:") and "//" not in before:
        return text
    kind, slashes, _ = before.rpartition("//")
    return f"{kind}{slashes}...@{rest}"
