"""The writable memory of another process, and a search in it (Linux)."""

_WORD = 8


class Memory:
    """A copy of all that a process could have written to: heaps, stacks, static data.

    Looked for are 8 bytes that lie on an 8-byte boundary: any 15 bytes in a row of a secret hold
    such a word, wherever they stand, and what frees a block overwrites no more than its beginning.
    """

    def __init__(self, pid):
        self.pieces = []
        with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
            for line in maps:
                where, rights, *_ = line.split()
                if "w" not in rights:
                    continue
                begin, end = (int(part, 16) for part in where.split("-"))
                memory.seek(begin)
                piece = memory.read(end - begin)
                assert len(piece) == end - begin, line
                self.pieces.append((line.strip(), piece))
        self._words = set()
        for _, piece in self.pieces:
            self._words.update(memoryview(piece).cast("Q"))

    def has(self, value):
        return any(value in piece for _, piece in self.pieces)

    def has_part(self, value):
        for at in range(len(value) - _WORD + 1):
            word = int.from_bytes(value[at : at + _WORD], "little")
            if word in self._words:
                return True
        return False

    def where(self, value):
        """For people: where parts of it stand, and what is around them."""
        found = []
        for line, piece in self.pieces:
            for at in range(0, len(value) - _WORD + 1, _WORD):
                place = piece.find(value[at : at + _WORD])
                if place >= 0:
                    around = piece[max(0, place - at - 32) : place + 48]
                    found.append("%s +%#x, from byte %d: %s" % (line, place, at, around.hex()))
        return found
