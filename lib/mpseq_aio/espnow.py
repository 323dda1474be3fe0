"""A room among the ESP32 around, by ESP-NOW broadcasts: no access point, no relay, no cable.

All must be on one Wi-Fi channel: a board that is connected to an access point is on that one's.
An ESP8266 hears no broadcasts and cannot take part.
Tried with a stand-in for MicroPython's module `espnow` only; not tried on hardware.
"""

import asyncio

from .datagrams import DatagramRoom

_ALL = b"\xff\xff\xff\xff\xff\xff"
_BUFFER = 2640  # bytes, of the heap, for what comes while the loop is busy: ten datagrams


class EspNowRoom(DatagramRoom):
    """`channel`: of the Wi-Fi, 1-13; None: the one that it is on."""

    def __init__(self, room: str, label: str, channel=None, patience=30):
        super().__init__(room, label, patience)
        self.channel = channel
        self._radio = None

    def _no_way(self):
        return "ESP-NOW"

    def _start(self):
        try:
            import espnow
            import network
        except ImportError:
            raise OSError("no module espnow: only an ESP32 has it") from None
        try:
            station = network.WLAN(network.STA_IF)
            station.active(True)
        except RuntimeError as error:  # too late: all memory is taken
            raise OSError("the radio does not start: %s. Cure: RESET" % error) from None
        if self.channel is not None:
            station.config(channel=self.channel)
        station.config(pm=station.PM_NONE)  # a radio that sleeps misses what it does not expect
        self._radio = radio = espnow.ESPNow()
        radio.active(False)
        radio.config(rxbuf=_BUFFER)
        radio.active(True)
        radio.add_peer(_ALL)

    def _stop(self):
        radio, self._radio = self._radio, None
        if radio is not None:
            radio.active(False)

    def _send(self, datagram):
        # Without waiting: nobody acknowledges a broadcast.
        self._radio.send(_ALL, datagram, False)

    async def _next(self):
        # No waiting inside of the module: its buffer holds what comes meanwhile. Whoever fills it
        # without end must not keep everything else from running.
        await asyncio.sleep(0)
        while True:
            _, datagram = self._radio.irecv(0)
            if datagram:
                return datagram
            await asyncio.sleep(0.005)
