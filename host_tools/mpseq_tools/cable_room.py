"""`serial:DEVICE`: a room that is one cable, this desktop at one end and a board at the other.

Without any server of the user's: a relay of our own, on loopback and at no fixed port, lives as
long as the room does, and a bridge puts the board into it, whatever room the board asks for.
"""

import asyncio
import contextlib

from mpseq_aio import link
from mpseq_aio.tcp import TcpRoom

from . import qemu, replug, serial_link
from .bridge import Bridge, forever
from .relay import Relay
from .rooms import Rooms

_NAME = "cable"


class CableRoom:
    """`device`: a serial port. `on_line`, when set, takes each line that the board prints and what
    happens to the cable; a board that goes away is waited for. CarrierLost as with other carriers,
    with the attribute `cure` where the port cannot be opened."""

    def __init__(self, device: str, label: str, max_frame=link.MAX_FRAME, baudrate=115200):
        self.device = device
        self.room = _NAME
        self.label = self.wanted = label
        self.on_line = None
        self._baudrate = baudrate
        self._max_frame = max_frame
        self._relay = None
        self._inner = None
        self._bridging = None

    async def open(self):
        """Opens the port and enters; returns the labels present, the own one first."""
        if self._relay is None:
            await self._start()
        if self._bridging.done():  # it goes on by itself; a fault in it must not be hidden
            await self._stop()
            raise link.CarrierLost("the bridge to the board has ended")
        labels = await self._inner.open()
        self.label = self._inner.label
        return labels

    async def recv(self):
        """Next message; CarrierLost."""
        return await self._inner.recv()

    async def post(self, frame):
        """Posts a frame (at most 16,384 bytes) to the board and to oneself."""
        await self._inner.post(frame)

    async def ping(self):
        """Asks for a sign of life."""
        await self._inner.ping()

    async def close(self):
        """Leaves and gives the port back; never raises."""
        await self._stop()

    async def _start(self):
        if self.device in qemu.BOARDS:
            lost = link.CarrierLost(f"{self.device} is an emulated board, and switched off")
            lost.cure = f"mpseq deploy --port {self.device} --stay, and a relay for both"
            raise lost
        transport = serial_link.SerialTransport(self.device, self._baudrate)
        relay = Relay(port=0)
        try:
            await relay.start()
        except BaseException:
            transport.close()
            raise
        self._relay = relay
        rooms = Rooms.relay(port=relay.port)
        rooms.name = _NAME
        self._inner = TcpRoom("127.0.0.1", relay.port, _NAME, self.wanted, self._max_frame)
        place = replug.Place(self.device, self._baudrate)
        bridge = Bridge(transport, rooms, console=self._line)
        self._bridging = asyncio.ensure_future(forever(bridge, place, self._line))

    def _line(self, text):
        if self.on_line is not None:
            self.on_line(text)

    async def _stop(self):
        relay, self._relay = self._relay, None
        if relay is None:
            return
        await self._inner.close()
        self._bridging.cancel()
        await asyncio.gather(self._bridging, return_exceptions=True)
        with contextlib.suppress(OSError):
            await relay.stop()
