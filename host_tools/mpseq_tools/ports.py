"""Which serial port the board is at, when nobody says."""

from serial.tools import list_ports

from .faults import Fault


class PortFault(Fault):
    """No port, or several."""

    code = 3


def choose(port: str | None) -> str:
    """`port`, or the only USB serial port there is, as mpremote would take it. PortFault."""
    if port:
        return port
    # Ports of the mainboard have no vendor; nobody's MicroPython is there.
    found = sorted((p for p in list_ports.comports() if p.vid is not None), key=lambda p: p.device)
    if not found:
        raise PortFault(
            "no board on USB",
            "plug it in with a cable that carries data (many only charge); on Linux you must be"
            " in the group dialout; or name the port with --port",
        )
    if len(found) > 1:
        ports = "".join(f"\n  --port {p.device}   {p.description}" for p in found)
        raise PortFault(f"{len(found)} boards on USB:{ports}", "say which one with --port")
    return found[0].device
