"""An ordered room whose head is silent, or that has two: who goes on. A part of `ordered`.

Of two rooms of one name the larger one swallows the other, whose members come in again. Of two
parts of one room that is the one which the greater half went on with, as the later epoch.
"""

from binascii import crc32
from struct import pack, unpack_from

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


# As in ordered.py.
_MESSAGES = const(16)  # waiting to be taken; then nothing more is delivered
_CALL = const(9)
_BYE = const(10)
_T_JOIN = const(0)
_T_SUBMIT = const(1)
_T_NACK = const(2)
_T_STATUS = const(3)
_T_WATCH = const(4)
_T_BEACON = const(5)
_T_CALL = const(9)
_SILENT = const(4500)  # a head that is gone; its successor waits less than those behind it
_TURN = const(700)
_STUCK = const(15000)  # a member that does not get on, and holds up everyone
_COLLECT = const(3500)  # for answers to CALL
_FROZEN = const(1500)  # after a CALL


class Heir:
    """Beacons, the watch over the head, and the calling of another one."""

    def _on_beacon(self, sender, group, body, now):
        gid = body[:4]
        epoch = unpack_from(">H", body, 4)[0]
        previous = body[6:10]
        start, last, stable, count, flags = unpack_from(">IIIBB", body, 10)
        if group != tag(gid, epoch, sender):
            return
        rank = (gid, epoch, sender, count)
        if self._head is None:
            if self._gid is None or stronger(
                rank, (self._gid, self._epoch, self._target, self._count)
            ):
                self._gid, self._epoch, self._target, self._count = rank
                self._group = group
                self._set(_T_JOIN, now, 10, 60)
            if group == self._group:  # another one's beacons are no sign of life of this
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
        elif stronger(rank, (self._gid, self._epoch, self._head, len(self._peers))):
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


def tag(gid, epoch, head):
    return pack(">I", crc32(gid + pack(">H", epoch) + head))


def stronger(one, other):
    """Whether the first of two (gid, epoch, head, members) should swallow the second."""
    if one[0] == other[0]:
        return (-one[1], one[2]) < (-other[1], other[2])
    return (-one[3], one[0]) < (-other[3], other[0])
