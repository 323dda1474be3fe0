"""Finds a device again that went away with its port, and perhaps comes back under another name.

A board with USB of its own (Pico W, Pico 2 W, ESP32-S3) takes its port away whenever it resets. It
is back within seconds, or after minutes when somebody pulled the cable.
"""

import asyncio
import os

try:
    from termios import error as TermiosError
except ImportError:  # Windows
    TermiosError = OSError

from mpseq_aio import link
from mpseq_aio.framing import clean

from . import ports, serial_link

LOOK = 0.5  # seconds between two looks for a device that is away
_STUCK = 6  # looks at a port that is there and cannot be opened, then the user is told


class Place:
    """Where a device is plugged in; to be made while it is there.

    It is known by its USB serial number, if it has one that no other port here has too, and
    otherwise by the name of its port.
    """

    def __init__(self, path: str, baudrate: int = 115200):
        self.path = path
        self.baudrate = baudrate
        self._who = None
        everyone = [(_who(port), port) for port in ports.everyone()]
        for who, port in everyone:
            if port.serial_number and _same(port.device, path):
                # Some makers give all their devices the same one.
                if [other for other, _ in everyone].count(who) == 1:
                    self._who = who

    def find(self) -> str | None:
        """The name of its port now; None while it is away."""
        if self._who is None:
            listed = [port.device for port in ports.everyone()]
            return self.path if os.path.exists(self.path) or self.path in listed else None
        for port in ports.everyone():
            if _who(port) == self._who:
                # The name that the user gave may be a link to it.
                return self.path if _same(port.device, self.path) else port.device
        return None

    async def back(self, say) -> serial_link.SerialTransport:
        """Waits until it is there, for ever if need be, and opens it. `say` takes lines."""
        where = f" at {self.path}"
        if self._who is not None:
            where = f" (serial number {clean(self._who[2])}, at any port)"
        say(f"waiting until it is back{where}; stop with Ctrl-C")
        refused = 0
        while True:
            await asyncio.sleep(LOOK)
            path = self.find()
            if path is None:
                refused = 0
                continue
            try:
                transport = serial_link.SerialTransport(path, self.baudrate)
            except (link.CarrierLost, TermiosError) as error:
                # A new port belongs to root for a moment, some programs look at it first, and a
                # board that resets again takes it away while it is being opened (TermiosError).
                refused += 1
                if refused == _STUCK:
                    say(f"it is there, but {error}; trying on")
                continue
            self.path = path
            say(f"the device is back at {path}")
            return transport


def _who(port):
    # Of a location only the interface: the cable may go into another socket, but a board with two
    # ports has the same serial number at both.
    interface = (port.location or "").partition(":")[2]
    return port.vid, port.pid, port.serial_number, interface


def _same(one, other):
    one, other = (os.path.normcase(os.path.realpath(path)) for path in (one, other))
    return one == other
