"""Where a room is, in one line of text.

| address                          |                                                             |
|----------------------------------|-------------------------------------------------------------|
| `tcp://HOST[:PORT]/ROOM`         | on a relay                                                  |
| `tls://HOST[:PORT]/ROOM[#FILE]`  | the same under TLS; FILE: whose signature its certificate   |
|                                  | needs, or itself. A board must have one                     |
| `mqtt://HOST[:PORT]/ROOM`        | a topic of an MQTT 5 broker; USER:PASSWORD@ before HOST if  |
|                                  | it wants that. `mqtts://`, `#FILE`: under TLS, as above     |
| `udp://ADDRESS[:PORT]/ROOM`      | among all who hear this broadcast or multicast address      |
| `espnow:ROOM`                    | among the ESP32 around, without any network                 |
| `serial:ROOM`                    | behind the bridge at the other end of the cable             |

A relay that wants a token for the room: `tcp://TOKEN@HOST…`, and the same with `tls://`.
"""

from . import link

_PORTS = {"tcp": "7676", "tls": "7676", "udp": "7677", "mqtt": "1883", "mqtts": "8883"}


def room_at(address: str, label=None):
    """The carrier for an address, not opened yet; ValueError when it is not one.

    `label` is what everyone in the room, and the relay, sees of me: by default one that says
    nothing. Only the carrier that is needed is imported.
    """
    label = label or link.any_label()
    kind, colon, rest = address.partition(":")
    if "@" in address:  # a token is not for messages
        address = ("" if "@" in kind else kind + "://") + "..." + address[address.rfind("@") :]
    if kind == "serial":
        from .serial import SerialRoom

        return SerialRoom(_name(address, rest), label)
    if kind == "espnow":
        from .espnow import EspNowRoom

        return EspNowRoom(_name(address, rest), label)
    if kind not in _PORTS or rest[:2] != "//":
        raise ValueError(
            "%s: an address is tcp://HOST:PORT/ROOM, tls://HOST:PORT/ROOM, mqtt://HOST/ROOM, "
            "mqtts://HOST/ROOM, udp://BROADCAST:PORT/ROOM, espnow:ROOM or serial:ROOM" % address
        )
    place, _, room = rest[2:].partition("/")
    token, _, place = place.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, _PORTS[kind]
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("%s: no HOST:PORT in it" % address)
    port = int(port)
    if kind == "udp":
        from .udp import UdpRoom

        return UdpRoom(host, port, _name(address, room), label)
    authority = None
    if kind in ("tls", "mqtts"):
        room, _, authority = room.partition("#")
    room = _name(address, room)
    if kind[0] == "m":
        from .mqtt import MqttRoom

        user, colon, secret = token.partition(":")
        who = (user or None, secret if colon else None)
        try:
            return MqttRoom(host, port, room, label, *who, kind == "mqtts", authority or None)
        except link.LinkError as error:
            raise ValueError("%s: %s" % (address, error)) from None
    token = _name(address, token, "token") if token else None
    if kind == "tls":
        from .tls import TlsRoom

        return TlsRoom(host, port, room, label, authority=authority or None, token=token)
    from .tcp import TcpRoom

    return TcpRoom(host, port, room, label, token=token)


def _name(address, name, what="room"):
    try:
        return link.check_name(name)
    except link.LinkError as error:
        raise ValueError("%s: no %s in it (%s)" % (address, what, error)) from None
