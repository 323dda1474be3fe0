"""The addresses that are no cable's: a board at a cable never loads this."""

from . import link
from .address import named

PORTS = {"tcp": 7676, "tls": 7676, "udp": 7677, "mqtt": 1883, "mqtts": 8883}


def room_in(address: str, label: str):
    """The carrier for an address without a cable; ValueError."""
    kind, _, rest = address.partition(":")
    if "@" in address:  # a token is not for messages
        address = ("" if "@" in kind else kind + "://") + "..." + address[address.rfind("@") :]
    if kind == "espnow":
        from .espnow import EspNowRoom

        return EspNowRoom(named(address, rest), label)
    if kind not in PORTS or rest[:2] != "//":
        raise ValueError(
            "%s: an address is tcp://HOST:PORT/ROOM, tls://HOST:PORT/ROOM, mqtt://HOST/ROOM, "
            "mqtts://HOST/ROOM, udp://BROADCAST:PORT/ROOM, espnow:ROOM or serial:ROOM" % address
        )
    place, _, room = rest[2:].partition("/")
    token, _, place = place.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, str(PORTS[kind])
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("%s: no HOST:PORT in it" % address)
    port = int(port)
    if kind == "udp":
        from .udp import UdpRoom

        return UdpRoom(host, port, named(address, room), label)
    authority = None
    if kind in ("tls", "mqtts"):
        room, _, authority = room.partition("#")
    room = named(address, room)
    if kind[0] == "m":
        from .mqtt import MqttRoom

        user, colon, secret = token.partition(":")
        who = (user or None, secret if colon else None)
        try:
            return MqttRoom(host, port, room, label, *who, kind == "mqtts", authority or None)
        except link.LinkError as error:
            raise ValueError("%s: %s" % (address, error)) from None
    token = named(address, token, "token") if token else None
    if kind == "tls":
        from .tls import TlsRoom

        return TlsRoom(host, port, room, label, authority=authority or None, token=token)
    from .tcp import TcpRoom

    return TcpRoom(host, port, room, label, token=token)
