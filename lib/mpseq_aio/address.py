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


def room_at(address: str, label=None):
    """The carrier for an address, not opened yet; ValueError when it is not one.

    `label` is what everyone in the room, and the relay, sees of me: by default one that says
    nothing. Only the carrier that is needed is imported.
    """
    label = label or link.any_label()
    if address.startswith("serial:"):
        from .serial import SerialRoom

        return SerialRoom(named(address, address[7:]), label)
    from .places import room_in

    return room_in(address, label)


def named(address, name, what="room"):
    try:
        return link.check_name(name)
    except link.LinkError as error:
        raise ValueError("%s: no %s in it (%s)" % (address, what, error)) from None
