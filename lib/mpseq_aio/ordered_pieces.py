"""The pieces of frames in an ordered room: said, asked for, repaired. A part of `ordered`."""

from struct import pack, unpack_from

from . import link
from .ordered_heir import Heir, const

# As in ordered.py.
_OPEN = const(28672)  # bytes of unfinished frames: a long one, the window, one of each member
_PART = const(228)  # bytes of a frame in a DATA
_WINDOW = const(16)  # entries that not all have
_DATA = const(5)
_NACK = const(7)
_T_SUBMIT = const(1)
_T_NACK = const(2)
_T_RECORDS = const(6)
_T_PULL = const(7)
_T_REPAIR = const(8)


class Entry:
    """A frame in assembly: `data` is None until the first of its fragments has come."""

    def __init__(self, key, size):
        self.key = key  # origin and number
        self.size = size
        self.count = max(1, (size + _PART - 1) // _PART)
        self.missing = (1 << self.count) - 1
        self.data = None

    def put(self, at, part):
        """True when this fragment was wanted and fits."""
        if not self.missing >> at & 1 or len(part) != min(_PART, self.size - at * _PART):
            return False
        if self.data is None:
            self.data = bytearray(self.size)
        self.data[at * _PART : at * _PART + len(part)] = part
        self.missing ^= 1 << at
        return True

    def wanted(self, most=16):
        """The first missing fragment, and a mask of the missing ones from there on."""
        at = 0
        while not self.missing >> at & 1:
            at += 1
        return at, self.missing >> at & ((1 << most) - 1)


class Pieces(Heir):
    """What every member does with the pieces of frames."""

    def _on_data(self, body, now):
        key = body[:6]
        number, size, at = unpack_from(">HHB", body, 4)
        entry = self._parts.get(key)
        head = self._head == self.id
        if entry is None:
            peer = self._peer(key[:4])
            if peer is None or peer.id == self.id or size > link.MAX_FRAME:
                return
            ahead = number - peer.number & 0xFFFF
            if not 1 <= ahead <= (1 if head else 2) or (size > _PART and not head):
                return
            entry = self._entry(key, size)
        if entry.size != size or not self._put(entry, at, body[9:]):
            if size <= _PART:
                return
        elif not head:
            if self._due[_T_NACK] is not None:
                self._set(_T_NACK, now, 20, 40)
            self._deliver(now)
        if head and key not in self._ready:
            self._ready.append(key)
        if head:
            if key == self._ready[0] and not entry.missing & self._asked:
                self._asked = 0
                self._due[_T_PULL] = None
            self._advance(now)

    def _put(self, entry, at, part):
        if entry.data is None:
            # More than this an honest head never lets be open at once.
            held = entry.size
            for other in self._parts.values():
                held += len(other.data or b"")
            if held > _OPEN:
                return False
        return entry.put(at, part)

    def _entry(self, key, size):
        entry = self._parts.get(key)
        if entry is None or entry.size != size:
            self._parts[key] = entry = Entry(key, size)
        return entry

    def _submit(self, now):
        if not self._outbox:
            return
        key = self._mine()
        frame = self._outbox[0]
        if self._head == self.id:
            if key not in self._ready:
                self._ready.append(key)
            self._advance(now)
            return
        for seq in self._log:
            if seq > self._last and self._log[seq].key == key:
                return  # it has its place
        size = len(frame)
        part = frame if size <= _PART else b""
        self._send(_DATA, key + pack(">HB", size, 0) + part)
        self._tries = min(self._tries + 1, 3)
        wait = 30 << self._tries
        self._set(_T_SUBMIT, now, wait, wait)

    def _on_pull(self, body, now):
        key = body[:6]
        size, at, mask = unpack_from(">HBH", body, 6)
        if key == self._mine() and self._outbox and len(self._outbox[0]) == size:
            while mask:
                if mask & 1:
                    self._send_part(key, self._outbox[0], at)
                mask >>= 1
                at += 1
            self._set(_T_SUBMIT, now, 1000, 500)
        elif key[:4] != self.id and key != self._pulled and size <= link.MAX_FRAME:
            if self._peer(key[:4]) and key not in self._parts:
                self._parts.pop(self._pulled, None)
                self._pulled = key
                self._entry(key, size)

    def _send_part(self, key, data, at):
        part = data[at * _PART : (at + 1) * _PART]
        if part or not (at or data):
            self._send(_DATA, key + pack(">HB", len(data), at) + part)

    def _nack(self, now):
        if self._last >= self._known or now < self._frozen:
            return
        out = self._source
        for seq in range(self._last + 1, min(self._known, self._last + _WINDOW) + 1):
            entry = self._log.get(seq)
            if entry is None:
                out += pack(">IBH", seq, 0, 0)
                break
            if entry.missing and entry.key != self._mine():
                at, mask = entry.wanted()
                out += pack(">IBH", seq, at, mask)
        self._send(_NACK, out)
        self._set(_T_NACK, now, 80, 60)

    def _on_nack(self, peer, body, now):
        seq = unpack_from(">I", body, 4)[0]
        if body[:4] != self.id:
            # Somebody else asks for the same: what comes serves both.
            if seq == self._last + 1 and self._due[_T_NACK] is not None:
                self._set(_T_NACK, now, 50, 40)
            return
        if peer and self._head == self.id:
            self._heard_of(peer, seq - 1, now)
        for item in range(4, len(body) - 6, 7):
            seq, at, mask = unpack_from(">IBH", body, item)
            if not mask:
                self._records_from = min(self._records_from, seq)
                self._sooner(_T_RECORDS, now, 5)
            while mask:
                if mask & 1 and (seq, at) not in self._mend and len(self._mend) < 96:
                    self._mend.append((seq, at))
                mask >>= 1
                at += 1
        if self._mend:
            self._sooner(_T_REPAIR, now, 3)
        if self._head == self.id:
            self._advance(now)

    def _repair(self, now):
        count = 0
        while self._mend and count < 4:
            seq, at = self._mend.pop(0)
            entry = self._log.get(seq)
            # Two who ask one after the other for the same are served by one answer.
            if type(entry) is tuple and now - self._mended.get((seq, at), -99) >= 40:
                if len(self._mended) > 64:
                    self._mended = {}
                self._mended[seq, at] = now
                self._send_part(entry[0], entry[1], at)
                count += 1
        if self._mend:
            self._set(_T_REPAIR, now, 12)
