"""What the stories of entropy and key store are told with: a disk in memory whose power can be
cut at any byte, and a board of which everything that is random or a clock is known.

For CPython and MicroPython, without pytest.
"""

import sys

from mpseq import Identity
from mpseq.primitives import H
from mpseq_board import entropy, gathering, keystore, store, wiping

FOLDER = "/keep"
STEP = 7 if sys.platform == "qemu" else 1  # between two cuts: an emulator is slow


class Cut(BaseException):
    """The power is gone. Not an Exception: no program can catch that."""


class Seeded:
    """Stands for an entropy.Source: what it gives is known and never the same."""

    problems = ()

    def __init__(self, seed=0):
        self._count = seed << 20

    def random(self, size):
        out = bytearray()
        while len(out) < size:
            self._count += 1
            out += H(b"seeded", str(self._count).encode())
        return out[:size]


# What is left of a file that was not flushed when the power went: all up to there; the file
# as it was (LittleFS); the right length with zeros behind there; the end without the beginning.
TEARS = ("prefix", "before", "zeros", "end")


class Disk:
    """A file system: `files` {path: bytes} and `folders`. `left`: steps until the power goes, each
    byte written and each change of a name or size is one; None for ever. `room`: bytes."""

    def __init__(self, files=(), folders=("",), room=1500):
        self.files = dict(files)
        self.folders = set(folders)
        self.room = room
        self.left = None
        self.tear = TEARS[0]
        self.writes = 0

    def copy(self):
        return Disk(self.files, self.folders, self.room)

    def step(self):
        if self.left is not None:
            if self.left == 0:
                raise Cut()
            self.left -= 1

    def used(self):
        return sum([len(data) for data in self.files.values()])

    # --- what mpseq_board calls as `open` and `os`

    def open(self, path, mode):
        if path not in self.files:
            if mode == "rb" or mode == "r+b":
                raise OSError(2, "ENOENT")
            if path.rsplit("/", 1)[0] not in self.folders:
                raise OSError(2, "ENOENT")
        if mode == "rb":
            return _Reader(self.files[path])
        self.writes += 1
        return _Writer(self, path, mode)

    def stat(self, path):
        if path in self.folders:
            return (0x4000, 0, 0, 0, 0, 0, 0)
        if path not in self.files:
            raise OSError(2, "ENOENT")
        return (0x8000, 0, 0, 0, 0, 0, len(self.files[path]))

    def listdir(self, path):
        both = list(self.files) + list(self.folders)
        return [one[len(path) + 1 :] for one in both if one.rsplit("/", 1)[0] == path and one]

    def mkdir(self, path):
        if path in self.folders:
            raise OSError(17, "EEXIST")
        self.step()
        self.folders.add(path)

    def rmdir(self, path):
        if self.listdir(path):
            raise OSError(39, "ENOTEMPTY")
        self.step()
        self.folders.remove(path)

    def remove(self, path):
        if path not in self.files:
            raise OSError(2, "ENOENT")
        self.step()
        del self.files[path]


class _Reader:
    def __init__(self, data):
        self._data = data
        self._at = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def seek(self, at, whence=0):
        self._at = at + (len(self._data) if whence == 2 else 0)
        return self._at

    def readinto(self, out):
        part = self._data[self._at : self._at + len(out)]
        out[: len(part)] = part
        return len(part)


class _Writer:
    def __init__(self, disk, path, mode):
        self._disk = disk
        self._path = path
        self._before = disk.files.get(path)
        disk.step()
        self._data = bytearray((self._before or b"") if mode == "r+b" else b"")
        self._at = 0
        disk.files[path] = bytes(self._data)
        self._flushed = False

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not Cut:
            self.flush()

    def write(self, data):
        disk = self._disk
        end = self._at + len(data)
        others = disk.used() - len(disk.files[self._path])
        if end > len(self._data) and others + end > disk.room:
            raise OSError(28, "ENOSPC")
        taken = len(data)
        if disk.left is not None:
            taken = min(taken, disk.left)
            disk.left -= taken
        self._data[self._at : self._at + taken] = data[:taken]
        self._at += taken
        if self._at < end:
            self._tear(data[taken:])
            raise Cut()
        return len(data)

    def flush(self):
        try:
            self._disk.step()
        except Cut:
            self._tear(b"")
            raise
        self._disk.files[self._path] = bytes(self._data)
        self._before = bytes(self._data)

    def _tear(self, rest):
        disk = self._disk
        whole = bytes(self._data[: self._at]) + bytes(rest)
        if disk.tear == "prefix":
            left = whole[: self._at]
        elif disk.tear == "zeros":
            left = whole[: self._at] + bytes(len(rest))
        elif disk.tear == "end":
            left = bytes(self._at) + whole[self._at :]
        elif self._before is None:
            del disk.files[self._path]
            return
        else:
            left = self._before
        disk.files[self._path] = left


class Board:
    """While it is entered, mpseq_board runs on this board: its disk, chip, clocks (that stand),
    platform, os.urandom (a function, or None for one that is missing)."""

    def __init__(self, disk, platform="board", urandom=None, chip=b"", clock=0):
        self.disk = disk
        self._new = (
            (store, "open", disk.open),
            (store, "os", disk),
            (wiping, "open", disk.open),
            (wiping, "os", disk),
            (wiping, "platform", platform),
            (gathering, "platform", platform),
            (gathering, "urandom", urandom or _missing),
            (gathering, "chip_id", lambda: chip),
            (gathering, "ticks", lambda: clock),
            (gathering, "_time", lambda: clock),
            (entropy, "urandom", urandom or _missing),
            (entropy, "chip_id", lambda: chip),
            (entropy, "ticks", lambda: clock),
            (keystore, "chip_id", lambda: chip),
        )
        self._old = []

    def __enter__(self):
        self._old = [(module, name, getattr(module, name, None)) for module, name, _ in self._new]
        for module, name, value in self._new:
            setattr(module, name, value)
        return self.disk

    def __exit__(self, *_):
        for module, name, value in self._old:
            if value is None:
                delattr(module, name)
            else:
                setattr(module, name, value)


def _missing(size):
    raise AttributeError("urandom")


def raises(error, call, *arguments):
    """The error that call(*arguments) raises, which must be of this kind."""
    try:
        call(*arguments)
    except error as caught:
        return caught
    raise AssertionError("nothing was raised")


def keys(count):
    """Public keys of this many people."""
    source = Seeded(77)
    return [Identity.generate(source.random).public for _ in range(count)]


def people_of(disk, folder=FOLDER):
    """(public key of the identity or None, sorted people) of a store that is opened anew."""
    opened = keystore.KeyStore(folder, Seeded(9))
    identity = opened.identity
    return (identity.public if identity else None), sorted(opened.people())
