"""What the head of an ordered room does: the places of frames, the list of who is in. A part of
`ordered`.
"""

from struct import pack, unpack_from

from . import link
from .ordered_heir import const, tag
from .ordered_pieces import Entry, Pieces

# As in ordered.py.
_MAX_MEMBERS = const(32)
_WINDOW = const(16)  # entries that not all have
_HELD = const(4096)  # bytes of them, unless it is one alone
_MESSAGES = const(16)  # waiting to be taken; then nothing more is delivered
_PULLED = const(8)  # fragments asked for at once
_WELCOME = const(2)
_BEACON = const(3)
_RECORDS = const(4)
_PULL = const(6)
_T_WATCH = const(4)
_T_BEACON = const(5)
_T_RECORDS = const(6)
_T_PULL = const(7)
_T_REPAIR = const(8)
_T_CALL = const(9)
_GONE = const(8000)  # a member
_STUCK = const(15000)  # a member that does not get on, and holds up everyone
_NONE = const(1 << 29)
_NOBODY = b"\0\0\0\0"


class Head(Pieces):
    """The head's work; every member can do it."""

    def _lead(self, gid, people, now):
        self._previous = self._group
        self._gid = gid
        self._epoch = self._epoch + 1 & 0xFFFF
        self._head = self._source = self.id
        self._group = tag(gid, self._epoch, self.id)
        self._start = self._last + 1
        self._drop()
        self._due = [None] * 10
        self._frozen = 0
        self._view(people, now)
        self._beacon(now)
        self._set(_T_WATCH, now, 500)
        self._submit(now)

    def _drop(self):
        # What has no place that counts in the new epoch.
        self._parts = {}  # key: entry in assembly, with or without a place in the log
        self._ready = []  # head: keys that wait for their place, in their order
        self._new = []  # head: (id, label) that want to come in
        self._mend = []  # (seq, fragment) to be sent again
        self._pulled = None  # the one long entry that has no place yet
        self._candidate = None
        self._answers = {}  # candidate: id -> last
        self._left = b""  # or b"\1": the head has said good-bye
        self._known = self._last
        self._asked = 0
        self._foreign = 0  # signs of a room that ours should join
        for seq in list(self._log):
            if seq > self._last:
                del self._log[seq]

    def _view(self, people, now):
        """Puts the list [(id, label)] of members into the log."""
        labels = []
        out = pack(">I", self._chain)
        for id, label in people:
            peer = self._peer(id)
            base = label if len(label.encode()) < 61 else label[:15]
            more = 1
            while label in labels:
                more += 1
                label = "%s-%d" % (base, more)
            labels.append(label)
            label = label.encode()
            out += id + pack(">HB", peer.number if peer else 0, len(label)) + label
        seq = self._last + 1
        self._place(_NOBODY + pack(">H", seq & 0xFFFF), out, now)

    def _place(self, key, data, now):
        entry = Entry(key, len(data))
        entry.data = data
        entry.missing = 0
        self._log[self._last + 1] = entry
        self._deliver(now)
        if key[:4] in (_NOBODY, self.id):  # nobody has heard it yet
            for at in range(entry.count):
                self._mend.append((self._last, at))
            self._sooner(_T_REPAIR, now, 6)  # behind its record
        self._records_from = min(self._records_from, self._last)
        self._sooner(_T_RECORDS, now, 4)
        self._sooner(_T_BEACON, now, 150)

    def _on_join(self, sender, group, body, now):
        if self._head != self.id:
            return
        if group != self._group:
            self._sooner(_T_BEACON, now, 5, 20)
            return
        peer = self._peer(sender)
        if peer:
            self._send(_WELCOME, sender + pack(">I", peer.since))
            return
        try:
            label = link.check_name(str(body, "utf-8"))
        except (UnicodeError, link.LinkError):
            return
        for id, _ in self._new:
            if id == sender:
                return
        if len(self._peers) + len(self._new) < _MAX_MEMBERS:
            self._new.append((sender, label))
            self._sooner(_T_RECORDS, now, 50)

    def _advance(self, now):
        """Frees what all have, and gives places to what waits."""
        if len(self._messages) >= _MESSAGES:
            return
        stable = self._last
        gone = 0
        for peer in self._peers:
            if peer.id != self.id:
                stable = min(stable, peer.last)
                gone += self._is_gone(peer, now)
        if gone or (self._new and self._due[_T_RECORDS] is None):
            people = [
                (p.id, p.label)
                for p in self._peers
                if p.id == self.id or not self._is_gone(p, now)
            ]
            new, self._new = self._new, []
            self._view(people + new, now)
            for id, _ in new:
                self._send(_WELCOME, id + pack(">I", self._last))
            self._advance(now)
            return
        if stable > self._stable:
            self._free(stable)
        while self._ready and len(self._messages) < _MESSAGES:
            key = self._ready[0]
            mine = key[:4] == self.id
            entry = self._parts.get(key)
            if mine:
                size = len(self._outbox[0])
            elif entry is None:  # its author is gone
                self._ready.pop(0)
                continue
            else:
                size = entry.size
            if not self._has_room(size):
                self._sooner(_T_BEACON, now, 5)
                return
            if not mine and entry.missing:
                if self._due[_T_PULL] is None:
                    self._tries = 0
                    self._pull(now)
                return
            self._ready.pop(0)
            self._place(key, self._outbox[0] if mine else bytes(entry.data or b""), now)

    def _is_gone(self, peer, now):
        return now - peer.heard >= _GONE or (peer.last < self._last and now - peer.moved >= _STUCK)

    def _has_room(self, size):
        held = 0
        for seq in self._log:
            held += len(self._log[seq][1])
        return self._last == self._stable or (
            self._last - self._stable < _WINDOW and held + size <= _HELD
        )

    def _pull(self, now):
        if not self._ready:
            return
        key = self._ready[0]
        entry = self._parts.get(key)
        self._tries += 1
        if entry and entry.missing and self._tries < 40:
            at, mask = entry.wanted(_PULLED)
            self._asked = mask << at
            self._send(_PULL, key + pack(">HBH", entry.size, at, mask))
            self._set(_T_PULL, now, 80, 30)
            return
        if entry and entry.missing:
            self._ready.pop(0)
            del self._parts[key]
        self._advance(now)

    def _records(self, now):
        if self._head == self.id:
            # Some older ones with them: for who has missed the last datagram.
            self._records_from = min(self._records_from, max(self._stable + 1, self._last - 2))
        first = max(self._records_from, self._stable + 1)
        out = pack(">I", first)
        while first <= self._last and len(out) < 190:
            entry = self._log.get(first)
            if entry is None:
                break
            out += entry[0] + pack(">H", len(entry[1]))
            first += 1
        self._records_from = _NONE
        if len(out) > 4:
            self._send(_RECORDS, out)
        if self._head == self.id:
            self._advance(now)

    def _beacon(self, now):
        flags = 0
        busy = self._last > self._stable
        if self._ready or self._last - self._stable >= _WINDOW // 2:
            flags = 1
        for peer in self._peers:
            if peer.id != self.id and now - peer.heard > 2500:
                flags = 1
        self._send(
            _BEACON,
            self._gid
            + pack(">H", self._epoch)
            + self._previous
            + pack(">IIIBB", self._start, self._last, self._stable, len(self._peers), flags),
        )
        self._set(_T_BEACON, now, 100 if flags else 150 if busy else 500, 20)

    def _on_status(self, peer, sender, body, now):
        last = unpack_from(">I", body, 4)[0]
        if body[:4] != self.id:
            return
        if self._head == self.id:
            if peer:
                self._heard_of(peer, last, now)
                self._advance(now)
        elif self._due[_T_CALL] is not None and len(self._answers) < _MAX_MEMBERS:
            self._answers[sender] = last

    def _heard_of(self, peer, last, now):
        if peer.last < last <= self._last:
            peer.last = last
            peer.moved = now
        elif peer.last == self._last:
            peer.moved = now
