"""Serial ports: which one the board is at, what is at each, and why one cannot be opened."""

import errno
import os
import stat

from serial.tools import list_ports

from .faults import Fault

# What a board says of itself on USB: (vendor, product), None for any product of that vendor.
_USB = {
    (0x2E8A, 0x0005): "Raspberry Pi Pico with MicroPython",
    (0x2E8A, 0x000A): "Raspberry Pi Pico with a program of the Pico SDK",
    (0x2E8A, 0x000C): "Raspberry Pi Debug Probe: the board is at its UART",
    (0x303A, 0x1001): "ESP32-C3, C6 or S3 at its own USB",
    (0x303A, 0x4001): "ESP32-S2 or S3 with MicroPython",
    (0x303A, None): "an ESP32 at its own USB",
    (0x10C4, 0xEA60): "CP210x: an ESP32 board, most likely",
    (0x1A86, 0x7523): "CH340: an ESP32 board, most likely",
    (0x1A86, 0x55D3): "CH343: an ESP32 board, most likely",
    (0x1A86, 0x55D4): "CH9102: an ESP32 board, most likely",
    (0x0403, None): "FTDI: a board behind a UART",
    (0xF055, None): "pyboard or alike with MicroPython",
}


class PortFault(Fault):
    """No port, or several."""

    code = 3


def usb() -> list:
    """pyserial's ports with a USB device behind them, by name."""
    # Ports of the mainboard have no vendor; nobody's MicroPython is there.
    return sorted((p for p in everyone() if p.vid is not None), key=lambda port: port.device)


def everyone() -> list:
    """All ports that pyserial knows; none while something is being unplugged, over which it
    stumbles when that goes away while it reads: there is a next look."""
    try:
        return list_ports.comports()
    except (OSError, TypeError, ValueError):
        return []


def guess(vid: int | None, pid: int | None) -> str | None:
    """Which board that probably is."""
    return _USB.get((vid, pid)) or _USB.get((vid, None))


def choose(port: str | None) -> str:
    """`port`, or the only USB serial port there is, as mpremote would take it. PortFault."""
    if port:
        return port
    found = usb()
    if not found:
        raise PortFault(
            "no board on USB",
            "plug it in with a cable that carries data (many only charge); or name the port with"
            " --port; mpseq doctor says more. Without hardware: --port qemu-rv32",
        )
    if len(found) > 1:
        ports = "".join(f"\n  --port {p.device}   {p.description}" for p in found)
        raise PortFault(f"{len(found)} boards on USB:{ports}", "say which one with --port")
    return found[0].device


def why(path: str, error=None) -> tuple[str, str]:
    """`(reason, cure)`: why a port cannot be opened. `error`: what opening it has raised."""
    if os.name == "posix":
        if not os.path.exists(path):
            from . import devices_here  # which looks at ports by this module

            names = ", ".join(one.name for one in devices_here.everything() if one.is_board)
            return "it is not there", (
                "plug it in, with a cable that carries data (many only charge); or take one that"
                f" is here: {names or 'none'}"
            )
        if not os.access(path, os.R_OK | os.W_OK):
            return _forbidden(path)
        if not stat.S_ISCHR(os.stat(path).st_mode):
            return "it is no serial port", "mpseq devices lists those that are here"
    said = str(getattr(error, "strerror", None) or error or "it does not open")
    if getattr(error, "errno", None) in (errno.EBUSY, errno.EAGAIN) or "use by another" in said:
        return "another program uses it", (
            "close that one (a bridge, mpremote, a serial monitor; ModemManager, for some seconds"
            " after it was plugged in), try again"
        )
    return said, "plug it in again, close other programs that use it"


def _forbidden(path):
    found = os.stat(path)
    group = str(found.st_gid)
    try:
        import grp

        group = grp.getgrgid(found.st_gid).gr_name
    except (ImportError, KeyError):
        pass
    if found.st_mode & 0o060 == 0o060 and found.st_gid != 0:
        return f"you may not: it is for the group {group}", (
            f"sudo usermod -aG {group} $USER, then log out and in again"
        )
    return f"you may not (mode {stat.S_IMODE(found.st_mode):o})", f"sudo chmod a+rw {path}"
