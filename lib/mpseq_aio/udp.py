"""A room without a relay on a local network: datagrams to a broadcast or multicast address.

All who use one address and port hear each other, whatever their room. On a Wi-Fi the access point
sends broadcasts once and to all; it repeats none of them, but `ordered` does.

On a Pico it wants MicroPython 1.26 or later: up to 1.25 a socket there holds one datagram, and
what comes before that one is read is lost (extmod/modlwip.c); later ones hold four.
"""

import asyncio
import socket
import sys

from .datagrams import DatagramRoom
from .ordered import MTU

DEFAULT_PORT = 7677
_IP_ADD_MEMBERSHIP = getattr(socket, "IP_ADD_MEMBERSHIP", 35)


def _address(host, port):
    kind = (socket.AF_INET, socket.SOCK_DGRAM)
    if sys.implementation.name == "micropython":
        kind = ()  # a Pico warns of what it does not know
    return socket.getaddrinfo(host, port, *kind)[0][-1]


class UdpRoom(DatagramRoom):
    """`host`: a broadcast address (192.168.1.255, 255.255.255.255) or a multicast group
    (224.0.0.0 to 239.255.255.255); IPv4."""

    def __init__(self, host: str, port: int, room: str, label: str, patience=30):
        super().__init__(room, label, patience)
        self.host = host
        self.port = port
        self._socket = None

    def _no_way(self):
        return "udp %s port %d" % (self.host, self.port)

    def _start(self):
        self._to = _address(self.host, self.port)
        here = _address("0.0.0.0", self.port)
        self._socket = way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        way.setblocking(False)
        # Several members on one machine share the port; each hears every broadcast.
        way.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        first = int(self.host.split(".")[0]) if self.host[:1].isdigit() else 0
        if 224 <= first < 240:
            group = bytes([int(part) for part in self.host.split(".")])
            way.setsockopt(0, _IP_ADD_MEMBERSHIP, group + b"\0\0\0\0")
        else:
            way.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        way.bind(here)
        # CPython has a loop to ask; in MicroPython a stream waits.
        self._reader = None
        if not hasattr(asyncio, "get_running_loop"):
            self._reader = asyncio.StreamReader(way)

    def _stop(self):
        way, self._socket = self._socket, None
        if way is not None:
            way.close()

    def _send(self, datagram):
        self._socket.sendto(datagram, self._to)

    async def _next(self):
        if self._reader is None:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(0)  # sock_recv waits for nobody when something is there
            return await loop.sock_recv(self._socket, MTU + 1)
        await self._reader.read(0)  # with more it would join datagrams until it had so much
        return self._socket.recv(MTU + 1)
