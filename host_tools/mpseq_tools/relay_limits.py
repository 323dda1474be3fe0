"""What a relay takes from its clients at most: the limits, and the buckets that measure them.

Knows clocks and addresses as numbers and texts, no sockets.
"""

import collections
import dataclasses
import hmac
import ipaddress

_MOST_ADDRESSES = 8192  # remembered at once; of more, those that were silent for longest are not
_MOST_OPENED = 16  # tokens of an address


@dataclasses.dataclass
class Limits:
    """Each of these is an option of `mpseq relay`; host_tools/RELAY.md says why it is so."""

    max_clients: int = 1024  # connections in all
    max_rooms: int = 1024
    max_members: int = 128  # in a room
    max_per_address: int = 256  # connections of one address (of IPv6: one /64); 0: any number
    max_waiting: int = 1 << 20  # bytes that wait for one client
    max_memory: int = 128 << 20  # bytes that wait for all, and of all
    frame_rate: float = 100.0  # messages a second of one client, on average
    frame_burst: int = 2000  # messages at once
    byte_rate: float = 1 << 18  # bytes a second of one client, on average
    byte_burst: int = 4 << 20  # bytes at once
    flood: float = 60.0  # seconds a client may be over its rates, and be held back, without a rest
    connect_rate: float = 10.0  # new connections a second of one address, on average
    connect_burst: int = 512  # at once
    guesses: int = 10  # wrong tokens of one address at once, and so many more a minute
    patience: float = 10.0  # seconds for TLS, HELLO, and the last words to a dropped client
    idle: float = 90.0  # seconds without a sign of life (clients PING every 25 s)


class Bucket:
    """`burst` at once, `rate` a second on average."""

    __slots__ = ("rate", "burst", "_level", "_at")

    def __init__(self, rate: float, burst: float):
        self.rate = rate
        self.burst = burst
        self._level = burst
        self._at = 0.0

    def take(self, count: float, now: float) -> bool:
        """Takes `count`, whether that many are there or not; False when they were not."""
        level = self._level + (now - self._at) * self.rate
        if level > self.burst:
            level = self.burst
        self._at = now
        self._level = level = level - count
        return level >= 0

    def wait(self) -> float:
        """Seconds from the last `take` until there is something again."""
        return max(0.0, -self._level / self.rate)


class Address:
    """What is known of one address while it is connected, and a while longer."""

    __slots__ = ("connected", "_limits", "_connects", "_guesses", "_opened")

    def __init__(self, limits):
        self.connected = 0
        self._limits = limits
        self._connects = Bucket(limits.connect_rate, limits.connect_burst)
        self._guesses = Bucket(limits.guesses / 60, limits.guesses)
        self._opened = []  # digests of tokens that have opened a room, the latest last

    def refusal(self, now: float):
        """Why a new connection is not taken, or None."""
        most = self._limits.max_per_address
        if not most:
            return None
        if self.connected >= most:
            return f"{most} connections of your address are all that this relay takes"
        if not self._connects.take(1, now):
            self._connects.take(-1, now)  # who is refused does not owe it
            return "too many new connections of your address: try again in a minute"
        return None

    def may_guess(self, now: float) -> bool:
        """Whether a token of this address is looked at."""
        allowed = self._guesses.take(1, now)
        self._guesses.take(-1, now)
        return allowed

    def knows(self, digest: bytes) -> bool:
        """Whether this token has opened a room from here: whoever has it does not guess, and must
        not be shut out by another who does."""
        return any([hmac.compare_digest(one, digest) for one in self._opened])

    def opened(self, digest: bytes):
        """A token was right."""
        if digest in self._opened:
            self._opened.remove(digest)
        self._opened = [*self._opened[1 - _MOST_OPENED :], digest]

    def guessed(self, now: float):
        """A token was wrong."""
        self._guesses.take(1, now)


class Addresses:
    """All addresses that came lately."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._known = collections.OrderedDict()

    def at(self, text: str) -> Address:
        """The one that this belongs to, as a socket names it ("" for none: all those are one)."""
        name = _network(text)
        address = self._known.pop(name, None) or Address(self._limits)
        self._known[name] = address
        while len(self._known) > _MOST_ADDRESSES:
            self._forget()
        return address

    def _forget(self):
        for name, address in self._known.items():
            if not address.connected:
                del self._known[name]
                return
        # All are connected: max_clients bounds how many that can be.
        self._known.popitem(last=False)


def _network(text):
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if address.version == 4:
        return int(address)
    if address.ipv4_mapped:
        return int(address.ipv4_mapped)
    return "/64", int(address) >> 64  # one customer's, all of it
