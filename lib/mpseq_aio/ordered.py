"""One ordered room over a link that loses, repeats and reorders datagrams; the engine, no I/O.

    room = OrderedRoom("garden", "peer-1", random, now)
    room.receive(datagram, now); room.tick(now); room.post(frame, now)
    send(room.take_datagrams()); room.take_messages(); sleep until room.next_tick()

One member, the head, gives every frame its place in the log. It sends places out as RECORDS, asks
for what it lacks (PULL) and repairs what others lack (they NACK). An entry is forgotten when all
members have it, and no more than a window of them is open, so memory is bounded and nobody who is
present misses anything. Who is in is an entry of the log as well, the VIEW: all see people come
and go at the same place. When the head falls silent another member CALLs, hears how far each has
come (STATUS), fetches what somebody has and it lacks, and goes on as head of a new epoch. Whoever
cannot follow without a gap is `lost`, and has to come in again.

Anyone on the air can disturb the room, by noise or by forged datagrams. It cannot read or forge
what people say: that is the protocol's work, as is noticing what a dishonest member of the room
does with the order. Not for more than 32 members.

A datagram has at most 250 bytes (that is what ESP-NOW takes); numbers are big-endian.

    header   0xA0 + type 1 | room 4: CRC-32 of its name | sender 4: random, new at each entry
             | group 4: CRC-32 of gid, epoch, head (zero while joining)
    JOIN     label                                         group zero: who is head here?
    WELCOME  to 4 | seq 4: of the VIEW that lets it in
    BEACON   gid 4 | epoch 2 | previous group 4 | start 4: first seq of the epoch | last 4
             | stable 4: all have it | members 1 | flags 1: 1 = tell me how far you are
    RECORDS  first seq 4 | (origin 4, number 2, size 2) for each seq from there
    DATA     origin 4 | number 2 | size 2 | fragment 1 | 228 bytes of the frame, the last one less;
             without any: a long frame that waits for the head's PULL
    PULL     origin 4 | number 2 | size 2 | fragment 1 | mask 2: the fragments from there on
    NACK     to 4 | (seq 4, fragment 1, mask 2) …: fragments wanted; mask 0: its record. All before
             the first seq has come
    STATUS   to 4: the head, or who called | last 4: all up to there has come
    CALL     1: the head has said good-bye; or nothing. (The group is the one of the silent head)
    BYE      1: all of this group go to a larger one; or nothing
    VIEW     (in the log, origin zero) chain 4: CRC-32 over all before | (id 4, number 2: of its
             last frame, length 1, label) for each member
"""

from binascii import crc32
from struct import pack, unpack_from

from . import link

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


MTU = 250
_MAX_MEMBERS = const(32)
_PART = const(228)  # bytes of a frame in a DATA
_WINDOW = const(16)  # entries that not all have
_HELD = const(4096)  # bytes of them, unless it is one alone
_MESSAGES = const(16)  # waiting to be taken; then nothing more is delivered
_OUTBOX = const(2)  # frames of mine waiting
_PULLED = const(8)  # fragments asked for at once

_JOIN = const(1)
_WELCOME = const(2)
_BEACON = const(3)
_RECORDS = const(4)
_DATA = const(5)
_PULL = const(6)
_NACK = const(7)
_STATUS = const(8)
_CALL = const(9)
_BYE = const(10)
_LEAST = (0, 1, 8, 24, 12, 9, 11, 11, 8, 0, 0)  # bytes after the header

# Timers, by their place in OrderedRoom._due; milliseconds.
_T_JOIN = const(0)
_T_SUBMIT = const(1)
_T_NACK = const(2)
_T_STATUS = const(3)
_T_WATCH = const(4)
_T_BEACON = const(5)
_T_RECORDS = const(6)
_T_PULL = const(7)
_T_REPAIR = const(8)
_T_CALL = const(9)
_FOUND = const(2500)  # nobody answered: the room is mine
_SILENT = const(4500)  # a head that is gone; its successor waits less than those behind it
_TURN = const(700)
_GONE = const(8000)  # a member
_STUCK = const(15000)  # a member that does not get on, and holds up everyone
_COLLECT = const(3500)  # for answers to CALL
_FROZEN = const(1500)  # after a CALL

_NONE = const(1 << 29)
_NOBODY = b"\0\0\0\0"


class _Peer:
    def __init__(self, id, number, label, since, now):
        self.id = id
        self.number = number  # of its last frame in the log
        self.label = label
        self.since = since  # the VIEW that brought it
        # What its head keeps of it:
        self.last = since - 1
        self.heard = self.moved = now


class _Entry:
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


class OrderedRoom:
    """`room`, `label`: 1-64 bytes of UTF-8; `random(n)` gives n bytes; `now`: ms, never back.

    `joined` once in, `label` and `labels` (mine first) are right then. `lost`: None, or why this
    one is over; its memory is best let go and another one begun. Before it is let go: `leave`.
    """

    def __init__(self, room: str, label: str, random, now: int):
        self.label = link.check_name(label)
        self.joined = False
        self.lost = None
        self.sent = 0  # datagrams so far
        self._room = pack(">I", crc32(link.check_name(room).encode()))
        self._random = random
        seed = random(6)
        self.id = bytes(seed[:4])
        self._noise = seed[4] << 8 | seed[5] | 1
        self._out = []
        self._messages = []
        self._outbox = []
        self._due = [None] * 10
        self._work = (
            self._join,
            self._submit,
            self._nack,
            self._status,
            self._watch,
            self._beacon,
            self._records,
            self._pull,
            self._repair,
            self._call,
        )
        self._peers = []
        self._group = _NOBODY
        self._gid = self._head = None
        self._previous = _NOBODY
        self._epoch = self._start = self._last = self._known = self._stable = self._chain = 0
        self._number = 1  # of my first frame in the outbox
        self._log = {}  # seq: entry, or (key, data) once delivered
        self._parts = {}  # key: entry in assembly, with or without a place in the log
        self._pulled = None  # the one long entry that has no place yet
        self._ready = []  # head: keys that wait for their place, in their order
        self._tries = self._asked = 0
        self._records_from = _NONE
        self._mend = []  # (seq, fragment) to be sent again
        self._mended = {}
        self._new = []  # head: (id, label) that want to come in
        self._answers = {}  # candidate: id -> last
        self._source = None  # who repairs what I lack: the head, or who knows most
        self._candidate = None
        self._frozen = self._since = 0
        self._left = b""  # or b"\1": the head has said good-bye
        self._foreign = 0  # signs of a room that ours should join
        self._heard = self._moved = self._begin = now
        self._set(_T_JOIN, now, 0, 60)

    # --- what the carrier's adapter uses

    @property
    def labels(self):
        """Who is in, as far as the messages have come; the own label first."""
        return [self.label] + [peer.label for peer in self._peers if peer.id != self.id]

    @property
    def ready(self):
        """Whether `post` takes another frame."""
        return self.joined and len(self._outbox) < _OUTBOX

    def post(self, frame, now: int):
        """Posts a frame (bytes, at most 16,384) to all, oneself included. Only when `ready`."""
        link.check_frame(frame)
        self._outbox.append(frame)
        if len(self._outbox) == 1:
            self._tries = 0
            self._submit(now)

    def leave(self, now: int):
        """Says good-bye, which is all that can be done; nothing else works afterwards."""
        if self.joined:
            self._bye()
        self._lose("left")

    def take_datagrams(self):
        """What is to be sent now, to everyone, in this order."""
        out, self._out = self._out, []
        self.sent += len(out)
        return out

    def take_messages(self):
        """Link messages FRAME, ENTER, LEAVE since the last call. Take them often: when 16 wait
        no more are delivered, and after a while the room goes on without this member."""
        out, self._messages = self._messages, []
        return out

    def next_tick(self):
        """When `tick` wants to be called, or None."""
        due = None
        for time in self._due:
            if time is not None and (due is None or time < due):
                due = time
        return due

    def tick(self, now: int):
        """Does what is due."""
        for at, work in enumerate(self._work):
            due = self._due[at]
            if due is not None and due <= now:
                self._due[at] = None
                work(now)

    def receive(self, datagram, now: int):
        """Takes a datagram, whatever it is; what does not belong here is ignored."""
        size = len(datagram)
        if not 13 <= size <= MTU or self.lost or datagram[1:5] != self._room:
            return
        kind = datagram[0] ^ 0xA0
        sender = bytes(datagram[5:9])
        if not 0 < kind < len(_LEAST) or size < 13 + _LEAST[kind] or sender == self.id:
            return
        group = bytes(datagram[9:13])
        body = bytes(datagram[13:])
        if self._head is None and (group != _NOBODY or sender < self.id):
            # There is a room, or one who founds it before me.
            self._begin = max(self._begin, now - _FOUND + 1500)
        if kind == _BEACON:
            self._on_beacon(sender, group, body, now)
        elif kind == _JOIN:
            self._on_join(sender, group, body, now)
        elif kind == _WELCOME:
            if self._head is None and group == self._group and body[:4] == self.id:
                self._on_welcome(body, now)
        elif group == self._group and self._head:
            peer = self._peer(sender)
            if peer:
                peer.heard = now
            if sender == self._head:
                self._heard = now
            if kind == _DATA:
                self._on_data(body, now)
            elif kind == _RECORDS:
                if sender == self._source:
                    self._on_records(body, now)
            elif kind == _PULL:
                if sender == self._head:
                    self._on_pull(body, now)
            elif kind == _NACK:
                self._on_nack(peer, body, now)
            # These two may come from somebody whose VIEW has not reached me.
            elif kind == _STATUS:
                self._on_status(peer, sender, body, now)
            elif kind == _CALL:
                self._on_call(sender, body, now)
            elif peer is None:
                return
            elif kind == _BYE:
                if sender == self._head and body:
                    self._merge()
                elif sender == self._head:
                    self._heard = now - _SILENT
                    self._left = b"\1"
                    self._set(_T_WATCH, now, 0, 1)
                elif self._head == self.id:
                    peer.heard = now - _GONE
                    self._advance(now)

    # --- small things

    def _jitter(self, span):
        noise = self._noise
        noise ^= noise << 7 & 0xFFFF
        noise ^= noise >> 9
        noise ^= noise << 8 & 0xFFFF
        self._noise = noise
        return noise % span

    def _set(self, timer, now, wait, span=1):
        self._due[timer] = now + wait + self._jitter(span)

    def _sooner(self, timer, now, wait, span=1):
        due = self._due[timer]
        time = now + wait + self._jitter(span)
        if due is None or time < due:
            self._due[timer] = time

    def _send(self, kind, body=b""):
        # Bounded for an adapter that does not take them; it is a lossy link anyway.
        if len(self._out) < 48:
            self._out.append(
                bytes((0xA0 + kind,)) + self._room + self.id + self._group + bytes(body)
            )

    def _peer(self, id):
        for peer in self._peers:
            if peer.id == id:
                return peer

    def _lose(self, reason):
        self.lost = reason
        self._due = [None] * 10
        self._log = {}
        self._parts = {}
        self._outbox = []

    def _mine(self):
        return self.id + pack(">H", self._number)

    # --- coming in

    def _join(self, now):
        if self._gid is None and now - self._begin >= _FOUND + self._noise % 1000:
            self._found(now)
            return
        if self._gid is not None and now - self._heard > 3000:
            self._gid = None
            self._group = _NOBODY
            self._begin = now
        self._send(_JOIN, self.label.encode())
        self._set(_T_JOIN, now, 200, 100)

    def _found(self, now):
        self._peers = []
        self._lead(bytes(self._random(4)), [(self.id, self.label)], now)

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

    def _on_welcome(self, body, now):
        self._since = unpack_from(">I", body, 4)[0]
        self._last = self._stable = self._since - 1
        self._head = self._source = self._target
        self._due[_T_JOIN] = None
        self._heard = self._moved = now
        self._known = self._last + 1
        self._set(_T_WATCH, now, 500)
        self._set(_T_STATUS, now, 500, 500)
        self._set(_T_NACK, now, 5, 20)

    # --- the log

    def _deliver(self, now):
        lead = self._head == self.id
        while now >= self._frozen and (lead or len(self._messages) < _MESSAGES):
            entry = self._log.get(self._last + 1)
            if entry is None:
                break
            key = entry.key
            if key == self._mine() and self._outbox:
                data = self._outbox[0]
            elif entry.missing:
                break
            else:
                data = bytes(entry.data or b"")
            self._parts.pop(key, None)
            self._last += 1
            self._known = max(self._known, self._last)
            self._moved = now
            self._log[self._last] = (key, data)
            if key[:4] == _NOBODY:
                self._on_view(data, now)
                if self.lost:
                    return
            else:
                peer = self._peer(key[:4])
                peer.number = unpack_from(">H", key, 4)[0]
                self._messages.append((link.FRAME, peer.label, data))
                if peer.id == self.id:
                    self._outbox.pop(0)
                    self._number = self._number + 1 & 0xFFFF
                    self._tries = 0
                    if self._outbox:
                        self._set(_T_SUBMIT, now, 0)
            self._chain = crc32(data, crc32(key, self._chain))
        if self._last < self._known:
            self._sooner(_T_NACK, now, 10, 30)

    def _on_view(self, data, now):
        old = self._peers
        peers = []
        at = 4
        while at < len(data):
            id = data[at : at + 4]
            number, size = unpack_from(">HB", data, at + 4)
            at += 7 + size
            label = str(data[at - size : at], "utf-8")
            peer = self._peer(id)
            if peer is None:
                peer = _Peer(id, number, label, self._last, now)
                if self.joined:
                    self._messages.append((link.ENTER, label))
            peers.append(peer)
            if id == self.id:
                self.label = label
        self._peers = peers
        if not self._peer(self.id):
            self._lose("the room went on without this member")
        elif not self.joined:
            self.joined = True
            self._chain = unpack_from(">I", data)[0]
        elif self._chain != unpack_from(">I", data)[0]:
            self._lose("the room has another past")
        for peer in old:
            if peer not in peers:
                self._messages.append((link.LEAVE, peer.label))
        for key in list(self._parts):
            if key[:4] != _NOBODY and not self._peer(key[:4]):
                del self._parts[key]

    def _free(self, stable):
        self._stable = stable
        for seq in list(self._log):
            if seq <= stable:
                del self._log[seq]

    def _on_records(self, body, now):
        seq = unpack_from(">I", body)[0]
        for at in range(4, len(body) - 7, 8):
            if self._last < seq <= self._last + 2 * _WINDOW and seq not in self._log:
                key = body[at : at + 6]
                self._log[seq] = self._entry(key, unpack_from(">H", body, at + 6)[0])
                if key == self._pulled:
                    self._pulled = None
            seq += 1
        self._known = max(self._known, seq - 1)
        self._deliver(now)

    def _entry(self, key, size):
        entry = self._parts.get(key)
        if entry is None or entry.size != size:
            self._parts[key] = entry = _Entry(key, size)
        return entry

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
            if head and ahead == 0:  # it has not heard of its place
                self._sooner(_T_RECORDS, now, 20)
            if not 1 <= ahead <= (1 if head else 2) or (size > _PART and not head):
                return
            entry = self._entry(key, size)
        if entry.size != size or not entry.put(at, body[9:]):
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

    # --- a member's work

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
        wait = 60 << self._tries
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

    def _status(self, now):
        to = self._candidate if now < self._frozen else self._head
        if to != self.id:
            self._send(_STATUS, to + pack(">I", self._last))
            self._set(_T_STATUS, now, 800, 400)

    # --- the head's work

    def _lead(self, gid, people, now):
        self._previous = self._group
        self._gid = gid
        self._epoch += 1
        self._head = self._source = self.id
        self._group = _tag(gid, self._epoch, self.id)
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
        self._parts = {}
        self._ready = []
        self._new = []
        self._mend = []
        self._pulled = self._candidate = None
        self._answers = {}
        self._left = b""
        self._known = self._last
        self._asked = self._foreign = 0
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
        entry = _Entry(key, len(data))
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

    # --- other heads

    def _on_beacon(self, sender, group, body, now):
        gid = body[:4]
        epoch = unpack_from(">H", body, 4)[0]
        previous = body[6:10]
        start, last, stable, count, flags = unpack_from(">IIIBB", body, 10)
        if group != _tag(gid, epoch, sender):
            return
        rank = (gid, epoch, sender, count)
        if self._head is None:
            if self._gid is None or _stronger(
                rank, (self._gid, self._epoch, self._target, self._count)
            ):
                self._gid, self._epoch, self._target, self._count = rank
                self._group = group
                self._set(_T_JOIN, now, 10, 60)
            self._heard = now
        elif group == self._group:
            self._heard = now
            self._due[_T_CALL] = None
            self._source = self._head
            if stable > self._last:
                self._lose("the room could not wait for this member")
                return
            self._known = max(self._known, last)
            self._free(max(stable, self._stable))
            if flags:
                self._sooner(_T_STATUS, now, 5, 45)
            self._deliver(now)
        elif (
            previous == self._group
            and self._last < start
            and (gid == self._gid or sender == self._candidate)
        ):
            self._head = self._source = sender
            self._gid = gid
            self._epoch = epoch
            self._group = group
            self._start = start
            self._previous = previous
            self._heard = self._moved = now
            self._frozen = 0
            self._drop()
            self._due = [None] * 10
            self._known = last
            self._set(_T_WATCH, now, 500)
            self._set(_T_STATUS, now, 5, 45)
            self._deliver(now)
            if self._outbox:
                self._tries = 0
                self._set(_T_SUBMIT, now, 20, 80)
        elif previous == self._group and gid == self._gid:
            self._lose("the room was ordered anew without this member")
        elif _stronger(rank, (self._gid, self._epoch, self._head, len(self._peers))):
            self._foreign += 2
            if self._foreign > 5:
                self._merge()
        elif self._head == self.id:
            self._sooner(_T_BEACON, now, 20, 80)

    def _bye(self, why=b""):
        for _ in range(3):  # one may come
            self._send(_BYE, why)

    def _merge(self):
        self._bye(b"\1")
        self._lose("there is a larger part of this room")

    def _watch(self, now):
        self._set(_T_WATCH, now, 500)
        self._foreign = max(0, self._foreign - 1)
        if self._head == self.id:
            self._advance(now)
            return
        self._deliver(now)
        electing = now < self._frozen or self._due[_T_CALL] is not None
        if electing or self._last >= self._known:
            self._moved = now
        elif now - self._moved > _STUCK - 3000:
            self._lose("what was missed cannot be had any more")
            return
        if electing:
            return
        ids = sorted([peer.id for peer in self._peers if peer.id != self._head])
        rank = ids.index(self.id) if self.id in ids else 9
        if self._stable < self._since:  # others may need what was said before I came
            rank += 6
        silent = now - self._heard - _SILENT
        if not self.joined:
            if silent > _COLLECT:
                self._lose("the room went silent before it let this member in")
        elif silent >= rank * _TURN:
            self._answers = {}
            self._begin = now
            self._call(now)

    def _on_call(self, sender, body, now):
        if self._head == self.id:
            self._sooner(_T_BEACON, now, 2, 10)
            return
        if not body and now - self._heard < 2000:
            return
        if self._due[_T_CALL] is not None:
            if sender > self.id:
                return
            self._due[_T_CALL] = None
            self._source = self._head
        if now < self._frozen and self._candidate and sender > self._candidate:
            return
        self._candidate = sender
        self._frozen = now + _FROZEN
        self._sooner(_T_STATUS, now, 0, 40)

    def _call(self, now):
        self._candidate = None
        self._frozen = 0
        answers = self._answers
        waiting = 0
        for peer in self._peers:
            if peer.id not in answers and peer.id != self.id and peer.id != self._head:
                waiting += 1
        age = now - self._begin
        best = max([self._last] + list(answers.values()))
        if best > self._last:
            for id in answers:
                if answers[id] == best:
                    self._source = id
            if age > _COLLECT + 2500:  # then it will have to come in again
                del answers[self._source]
            elif best > self._known or self._due[_T_NACK] is None:
                self._known = best
                self._sooner(_T_NACK, now, 0)
        if best > self._last or (age < _COLLECT and waiting) or len(self._messages) >= _MESSAGES:
            self._send(_CALL, self._left)
            self._set(_T_CALL, now, 120, 40)
            return
        stay = [p for p in self._peers if p.id == self.id or p.id in answers]
        # Less than half of the room is another room, which may meet the rest again.
        whole = 2 * len(stay) > len(self._peers)
        for peer in stay:
            peer.last = answers.get(peer.id, 0)
            peer.heard = peer.moved = now
        people = [(p.id, p.label) for p in stay]
        self._lead(self._gid if whole else bytes(self._random(4)), people, now)


def _tag(gid, epoch, head):
    return pack(">I", crc32(gid + pack(">H", epoch) + head))


def _stronger(one, other):
    """Whether the first of two (gid, epoch, head, members) should swallow the second."""
    if one[0] == other[0]:
        return (-one[1], one[2]) < (-other[1], other[2])
    return (-one[3], one[0]) < (-other[3], other[0])
