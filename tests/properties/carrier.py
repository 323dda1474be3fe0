"""A carrier that can do whatever a bad one does: hold, lose, repeat, reorder, show different
things to different members, cut the room in two. It knows frames as bytes and nothing else.

Everything posted waits in one line. `deliver` takes from its head, for all members alike: that is
the honest carrier. Faults change what stands in the line, each once.
"""


class Entry:
    def __init__(self, sender, frame, at, side):
        self.sender = sender
        self.frame = frame
        self.at = at  # when this was posted
        self.side = side  # who can hear it; None: all
        self.skips = set()  # who does not get it
        self.shown = {}  # nick -> bytes that it gets instead
        self.late = set()  # who gets it only after the next one


class Carrier:
    def __init__(self):
        self.line = []
        self.log = []  # frames delivered, in order
        self.sides = None  # (nicks, nicks) while the room is cut
        self.kept = []  # entries that wait for the other side of a cut
        self.behind = {}  # nick -> [(sender, frame)] that it gets after its next one
        self.first_posted = {}  # frame -> when

    def post(self, sender, frame, now):
        side = None
        if self.sides:
            side = self.sides[0] if sender in self.sides[0] else self.sides[1]
        self.first_posted.setdefault(frame, now)
        self.line.append(Entry(sender, frame, now, side))

    def take(self, at=0):
        """The entry at this place, off the line."""
        entry = self.line.pop(at)
        self.log.append(entry.frame)
        return entry

    def copies(self, entry, nick):
        """[(sender, frame)] that this member is given now."""
        if nick in entry.skips or (entry.side is not None and nick not in entry.side):
            return []
        mine = (entry.sender, entry.shown.get(nick, entry.frame))
        waiting = self.behind.pop(nick, [])
        if nick in entry.late:
            self.behind[nick] = waiting + [mine]
            return []
        return [mine] + waiting

    def entry(self, number):
        """The one a script means: counted from the head, around."""
        return self.line[number % len(self.line)] if self.line else None

    def cut(self, one_side, everyone):
        self.sides = (set(one_side), set(everyone) - set(one_side))

    def join(self):
        self.sides = None
