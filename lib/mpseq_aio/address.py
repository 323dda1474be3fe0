"""Where a room is, in one line of text: `tcp://HOST[:PORT]/ROOM` or `serial:ROOM`."""

from . import link


def room_at(address: str, label=None):
    """The carrier for an address, not opened yet; ValueError when it is not one.

    `label` is what everyone in the room, and the relay, sees of me: by default one that says
    nothing. Only the carrier that is needed is imported.
    """
    label = label or link.any_label()
    if address.startswith("serial:"):
        from .serial import SerialRoom

        return SerialRoom(_name(address, address[7:]), label)
    if not address.startswith("tcp://"):
        raise ValueError("%s: an address is tcp://HOST:PORT/ROOM or serial:ROOM" % address)
    from .tcp import DEFAULT_PORT, TcpRoom

    place, _, room = address[6:].partition("/")
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, str(DEFAULT_PORT)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("%s: no HOST:PORT in it" % address)
    return TcpRoom(host, int(port), _name(address, room), label)


def _name(address, room):
    try:
        return link.check_name(room)
    except link.LinkError as error:
        raise ValueError("%s: no room in it (%s)" % (address, error)) from None
