"""Who suspects whom of silence, and who is therefore together: PROTOCOL.md section 6.

Knows members by index and guests by key; knows nothing of time or of frames. A suspicion stands as
long as what it is about is owed.
"""

# What is owed.
FRAME = 1  # of the running exchange; debt: twice its number in the session, 1 more for CONFIRM
KEYS = 2  # after an ABORT; debt: the number of the exchange
REVEAL = 3  # the same
ACK = 4  # debt: the place of a text
SUSPECT = 5  # of the member `debt`, whom the author suspects for a minute already
STRIKES = 6  # nothing: twice it disowned its own frames, or saw others than everyone


class Suspicions:
    """`stands`: [(author, target, kind, debt)], where `target` is a member's index or the key of
    a guest."""

    def __init__(self, n):
        self._n = n
        self.stands = []

    def add(self, author, target, kind, debt):
        """Returns whether it is new: one of a kind is enough."""
        for one in self.stands:
            if one[:3] == (author, target, kind):
                return False
        self.stands.append((author, target, kind, debt))
        return True

    def keep(self, is_open):
        """Drops those whose debt is paid: is_open(author, target, kind, debt)."""
        count = -1
        while count != len(self.stands):  # a SUSPECT that is owed falls with the one it is about
            count = len(self.stands)
            self.stands = [one for one in self.stands if is_open(*one)]

    def suspects(self, author, target):
        for one in self.stands:
            if one[0] == author and one[1] == target:
                return True
        return False

    def all_suspect(self, authors, target):
        for author in authors:
            if not self.suspects(author, target):
                return False
        return bool(authors)

    def group(self, me, alive):
        """Those of `alive` in my strongly connected component of the graph in which an edge goes
        from P to Q unless P suspects Q: ascending."""
        if not self.stands:
            return list(alive)
        out = self._reach(me, alive, False)
        back = self._reach(me, alive, True)
        return [index for index in alive if out[index] and back[index]]

    def _reach(self, start, alive, backwards):
        n = self._n
        doubts = bytearray(n * n)
        for author, target, _, _ in self.stands:
            if isinstance(target, int):
                doubts[target * n + author if backwards else author * n + target] = 1
        seen = bytearray(n)
        seen[start] = 1
        found = [start]
        for here in found:
            for other in alive:
                if not seen[other] and not doubts[here * n + other]:
                    seen[other] = 1
                    found.append(other)
        return seen
