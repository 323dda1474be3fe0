"""Where a room is, in one line of text.

| address                          |                                                             |
|----------------------------------|-------------------------------------------------------------|
| `tcp://HOST[:PORT]/ROOM`         | on a relay                                                  |
| `tls://HOST[:PORT]/ROOM[#FILE]`  | the same under TLS; FILE: whose signature its certificate   |
|                                  | needs, or itself. A board must have one                     |
| `udp://ADDRESS[:PORT]/ROOM`      | among all who hear this broadcast or multicast address      |
| `espnow:ROOM`                    | among the ESP32 around, without any network                 |
| `serial:ROOM`                    | behind the bridge at the other end of the cable             |
"""

from . import link


def room_at(address: str, label=None):
    """The carrier for an address, not opened yet; ValueError when it is not one.

    `label` is what everyone in the room, and the relay, sees of me: by default one that says
    nothing. Only the carrier that is needed is imported.
    """
    label = label or link.any_label()
    kind, colon, rest = address.partition(":")
    if kind == "serial":
        from .serial import SerialRoom

        return SerialRoom(_name(address, rest), label)
    if kind == "espnow":
        from .espnow import EspNowRoom

        return EspNowRoom(_name(address, rest), label)
    if kind not in ("tcp", "tls", "udp") or rest[:2] != "//":
        raise ValueError(
            "%s: an address is tcp://HOST:PORT/ROOM, tls://HOST:PORT/ROOM, "
            "udp://BROADCAST:PORT/ROOM, espnow:ROOM or serial:ROOM" % address
        )
    place, _, room = rest[2:].partition("/")
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, "7677" if kind == "udp" else "7676"
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("%s: no HOST:PORT in it" % address)
    port = int(port)
    if kind == "udp":
        from .udp import UdpRoom

        return UdpRoom(host, port, _name(address, room), label)
    if kind == "tls":
        from .tls import TlsRoom

        room, _, authority = room.partition("#")
        return TlsRoom(host, port, _name(address, room), label, authority=authority or None)
    from .tcp import TcpRoom

    return TcpRoom(host, port, _name(address, room), label)


def _name(address, room):
    try:
        return link.check_name(room)
    except link.LinkError as error:
        raise ValueError("%s: no room in it (%s)" % (address, error)) from None
