"""Stands in for MicroPython's module of this name: as much as its documentation promises."""

MAX_DATA_LEN = 250
everyone = []  # the radios that are switched on
stats = {"sent": 0, "dropped": 0}


class ESPNow:
    def __init__(self):
        self._size = 526
        self._on = False
        self._peers = []
        self._come = []
        self._pair = [None, None]
        self._buffer = bytearray(MAX_DATA_LEN)

    def active(self, on=None):
        if on is None:
            return self._on
        if self in everyone:
            everyone.remove(self)
        if on:
            everyone.append(self)
        self._on = on
        self._peers = []
        self._come = []

    def config(self, rxbuf):
        assert not self._on, "without effect until the next active(True)"
        self._size = rxbuf

    def add_peer(self, mac):
        self._check()
        assert len(mac) == 6
        self._peers.append(bytes(mac))

    def send(self, mac, data, sync=True):
        self._check()
        if mac not in self._peers:
            raise OSError(-12393, "ESP_ERR_ESPNOW_NOT_FOUND")
        if not 0 < len(data) <= MAX_DATA_LEN:
            raise ValueError("message size")
        stats["sent"] += 1
        for radio in everyone:
            if radio is not self:
                if (len(radio._come) + 1) * (MAX_DATA_LEN + 14) > radio._size:
                    stats["dropped"] += 1
                elif stats["sent"] * 7 % 10 > 0:  # every tenth is lost
                    radio._come.append(bytes(data))
        return True

    def irecv(self, timeout):
        self._check()
        assert timeout == 0, "would block"
        if not self._come:
            return (None, None)
        data = self._come.pop(0)
        # One buffer for all: who keeps it without a copy is found out.
        for at in range(len(self._buffer)):
            self._buffer[at] = 0xEE
        self._buffer[: len(data)] = data
        self._pair[0] = b"\x02\0\0\0\0\1"
        self._pair[1] = memoryview(self._buffer)[: len(data)]
        return self._pair

    def _check(self):
        if not self._on:
            raise OSError(-12389, "ESP_ERR_ESPNOW_NOT_INIT")
