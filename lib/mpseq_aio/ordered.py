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

While the room is cut in two each part goes on, after 5 to 8 seconds, and a head that is cut off
gives places until it notices. When they meet, the members of the smaller part are `lost`; what
they saw alone the larger part has not seen, and the protocol names it.

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
from .ordered_head import Head
from .ordered_heir import const

MTU = 250
_MAX_MEMBERS = const(32)
_WINDOW = const(16)  # entries that not all have
_MESSAGES = const(16)  # waiting to be taken; then nothing more is delivered
_OUTBOX = const(2)  # frames of mine waiting
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
# Bytes after the header: at least so many, and in steps of so many; 0: no more.
_LEAST = (0, 1, 8, 24, 12, 9, 11, 11, 8, 0, 0)
_STEP = (0, 1, 0, 0, 8, 1, 0, 7, 0, 1, 1)
_T_JOIN = const(0)
_T_SUBMIT = const(1)
_T_NACK = const(2)
_T_STATUS = const(3)
_T_WATCH = const(4)
_T_BEACON = const(5)
_T_RECORDS = const(6)
_FOUND = const(2500)  # nobody answered: the room is mine
_SILENT = const(4500)  # a head that is gone; its successor waits less than those behind it
_GONE = const(8000)  # a member
_NONE = const(1 << 29)
_NOBODY = b"\0\0\0\0"


class Peer:
    def __init__(self, id, number, label, since, now):
        self.id = id
        self.number = number  # of its last frame in the log
        self.label = label
        self.since = since  # the VIEW that brought it
        # What its head keeps of it:
        self.last = since - 1
        self.heard = self.moved = now


class OrderedRoom(Head):
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
        self._epoch = self._start = self._last = self._stable = self._chain = 0
        self._number = 1  # of my first frame in the outbox
        self._log = {}  # seq: entry, or (key, data) once delivered
        self._mended = {}  # (seq, fragment): when it was sent again
        self._source = None  # who repairs what I lack: the head, or who knows most
        self._frozen = self._since = self._tries = 0
        self._records_from = _NONE
        self._drop()
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
        if not 0 < kind < len(_LEAST):
            return
        more = size - 13 - _LEAST[kind]
        if more < 0 or (more and (not _STEP[kind] or more % _STEP[kind])):
            return
        if sender in (self.id, _NOBODY):  # the latter's frames would be lists of members
            return
        group = bytes(datagram[9:13])
        body = bytes(datagram[13:])
        if kind >= _CALL and body not in (b"", b"\1"):
            return
        if self._head is None and (group != _NOBODY or sender < self.id):
            # There is a room, or one who founds it before me.
            self._begin = max(self._begin, now - _FOUND + 1500)
        if kind == _BEACON:
            self._on_beacon(sender, group, body, now)
        elif kind == _JOIN:
            self._on_join(sender, group, body, now)
        elif kind == _WELCOME:
            if self._head is None and self._gid and group == self._group and body[:4] == self.id:
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

    def _on_welcome(self, body, now):
        since = unpack_from(">I", body, 4)[0]
        if not 0 < since < _NONE:
            return
        self._since = since
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
            peer = self._peer(key[:4])
            if peer:
                # First: when there is no memory for it nothing has happened yet.
                self._messages.append((link.FRAME, peer.label, data))
            self._parts.pop(key, None)
            self._last += 1
            self._known = max(self._known, self._last)
            self._moved = now
            self._log[self._last] = (key, data)
            if peer is None:
                self._on_view(key, data, now)
                if self.lost:
                    return
            else:
                peer.number = unpack_from(">H", key, 4)[0]
                if peer.id == self.id:
                    self._outbox.pop(0)
                    self._number = self._number + 1 & 0xFFFF
                    self._tries = 0
                    if self._outbox:
                        self._set(_T_SUBMIT, now, 0)
            self._chain = crc32(data, crc32(key, self._chain))
        if self._last < self._known:
            self._sooner(_T_NACK, now, 10, 30)

    def _on_view(self, key, data, now):
        old = self._peers
        people = _people(data) if key[:4] == _NOBODY else None
        if people is None:
            self._lose("what is not a list of members took its place: forged, or a bug")
            return
        peers = []
        for id, number, label in people:
            peer = self._peer(id)
            if peer is None:
                peer = Peer(id, number, label, self._last, now)
                if self.joined:
                    self._messages.append((link.ENTER, label))
            peers.append(peer)
            if id == self.id:
                self.label = label
        self._peers = peers
        chain = unpack_from(">I", data)[0]
        if not self._peer(self.id):
            self._lose("the room went on without this member")
        elif not self.joined:
            self.joined = True
            self._chain = chain
        elif self._chain != chain:
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
            key = body[at : at + 6]
            size = unpack_from(">H", body, at + 6)[0]
            if size > link.MAX_FRAME:
                return
            if self._last < seq <= self._last + 2 * _WINDOW and seq not in self._log:
                self._log[seq] = self._entry(key, size)
                if key == self._pulled:
                    self._pulled = None
            seq += 1
        self._known = max(self._known, seq - 1)
        self._deliver(now)

    def _status(self, now):
        to = self._candidate if now < self._frozen else self._head
        if to != self.id:
            self._send(_STATUS, to + pack(">I", self._last))
            self._set(_T_STATUS, now, 800, 400)


def _people(data):
    """(id, number, label) of each in a VIEW; None when it is none."""
    people = []
    at = 4
    try:
        while at != len(data):
            id = data[at : at + 4]
            number = data[at + 4] << 8 | data[at + 5]
            size = data[at + 6]
            at += 7 + size
            label = link.check_name(str(data[at - size : at], "utf-8"))
            people.append((id, number, label))
            if at > len(data) or len(people) > _MAX_MEMBERS or id == _NOBODY:
                return None
    except (IndexError, UnicodeError, link.LinkError):
        return None
    return people
