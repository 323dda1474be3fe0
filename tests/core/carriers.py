"""Bad carriers for a House: they lose, repeat, delay and reorder frames, show each member
something else, and cut the room in two. None of them knows a key. For CPython and MicroPython.

    carrier = Lying(house).instead("ben", wire.SHARE, lambda frame: ())
    ...
    carrier.stop()
"""

from house import Seeded


class Carrier:
    """The honest one. `take(sender, frame)`: the frames that the room gets now; `show(nick,
    sender, frame)`: what this member gets of one of them."""

    def __init__(self, house):
        self.house = house
        house.hook = self

    def take(self, sender, frame):
        return ((sender, frame),)

    def show(self, nick, sender, frame):
        return (frame,)

    def __call__(self, sender, frame):
        for label, out in self.take(sender, frame):
            self.bring(label, out)
        return ()

    def bring(self, sender, frame):
        house = self.house
        house.frames.append(frame)
        for nick in list(house.order):
            for out in self.show(nick, sender, frame):
                house[nick].receive(sender, out, house.now)
        house.drain()

    def stop(self):
        """From here on the carrier is honest; what it still held comes now."""
        house = self.house
        house.hook = None
        self.release()
        house.settle()

    def release(self):
        pass


class Lying(Carrier):
    """Shows single members other frames: instead(nick, kind, lie) where lie(frame) gives the
    frames that this member gets in place of one of this type; `most`: so many times."""

    def __init__(self, house):
        super().__init__(house)
        self._lies = {}
        self.told = {}

    def instead(self, nick, kind, lie, most=1):
        self._lies[(nick, kind)] = [lie, most]
        return self

    def show(self, nick, sender, frame):
        what = (nick, frame[0] & 15)
        lie = self._lies.get(what)
        if nick == sender or not lie or not lie[1]:
            return (frame,)
        lie[1] -= 1
        self.told[what] = self.told.get(what, 0) + 1
        return lie[0](frame)


class Losing(Carrier):
    """Loses `losing` of 256 frames: for all alike, or (`each`) for each member by itself, but
    never a member's own echo."""

    def __init__(self, house, losing, each=False, seed="losing"):
        super().__init__(house)
        self._die = Seeded(seed)
        self._losing = losing
        self._each = each
        self.lost = 0

    def _unlucky(self):
        out = self._die(1)[0] < self._losing
        self.lost += out
        return out

    def take(self, sender, frame):
        if not self._each and self._unlucky():
            return ()
        return ((sender, frame),)

    def show(self, nick, sender, frame):
        if self._each and nick != sender and self._unlucky():
            return ()
        return (frame,)


class Doubling(Carrier):
    """Brings every frame twice, the second time at once or `later` frames on, and old ones again
    under another label."""

    def __init__(self, house, later=0):
        super().__init__(house)
        self._later = later
        self._kept = []

    def take(self, sender, frame):
        self._kept.append(("again", frame))
        out = [(sender, frame)]
        if len(self._kept) > self._later:
            out.append(self._kept.pop(0))
        return out


class Late(Carrier):
    """Holds back the frames of one member, or of some types, until release()."""

    def __init__(self, house, sender=None, kinds=None):
        super().__init__(house)
        self._sender = sender
        self._kinds = kinds
        self.held = []

    def take(self, sender, frame):
        mine = self._sender in (None, sender)
        if mine and (self._kinds is None or frame[0] & 15 in self._kinds):
            self.held.append((sender, frame))
            return ()
        return ((sender, frame),)

    def release(self):
        held = self.held
        self.held = []
        for sender, frame in held:
            self.bring(sender, frame)


class Shuffling(Carrier):
    """Brings each member the frames in an order of its own, `window` of them at a time."""

    def __init__(self, house, window=4, seed="shuffle"):
        super().__init__(house)
        self._die = Seeded(seed)
        self._window = window
        self._waiting = {}

    def show(self, nick, sender, frame):
        waiting = self._waiting.setdefault(nick, [])
        waiting.append((sender, frame))
        if len(waiting) < self._window:
            return ()
        return self._shuffled(nick)

    def _shuffled(self, nick):
        waiting = self._waiting.pop(nick, [])
        out = []
        while waiting:
            out.append(waiting.pop(self._die(1)[0] % len(waiting))[1])
        return out

    def release(self):
        for nick in list(self.house.order):
            for frame in self._shuffled(nick):
                self.house[nick].receive("late", frame, self.house.now)
        self.house.drain()


class Cut(Carrier):
    """The room in two, or more, parts that do not hear one another: Cut(house, ("ana", "ben"),
    ("eva",)). Those named nowhere hear nobody but themselves."""

    def __init__(self, house, *parts):
        super().__init__(house)
        self._parts = parts

    def show(self, nick, sender, frame):
        if nick == sender:
            return (frame,)
        for part in self._parts:
            if nick in part and sender in part:
                return (frame,)
        return ()


class Outage(Carrier):
    """Nothing comes through; with `keeps` everything comes late, in order, at stop()."""

    def __init__(self, house, keeps=False):
        super().__init__(house)
        self._keeps = keeps
        self._kept = []
        self.tried = 0

    def take(self, sender, frame):
        self.tried += 1
        if self._keeps:
            self._kept.append((sender, frame))
        return ()

    def release(self):
        for sender, frame in self._kept:
            self.bring(sender, frame)
