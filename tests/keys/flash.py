"""The real file systems over a flash memory in RAM, whose power goes at any byte: for MicroPython
with `vfs`. See on_littlefs.py and on_fat.py.
"""

import os

import vfs
from shop import Cut, Seeded, keys

from mpseq_board import wiping
from mpseq_board.entropy import Source
from mpseq_board.keystore import KeyStore

ANA, BEN, EVA = keys(3)
HOST = bytes(range(64))
FOLDER = "/flash/keep"
BLOCK = 512
STEP = 23  # bytes between two cuts


class Flash:
    """A block device. `left`: bytes until the power goes; what is programmed then is cut there,
    on FAT between two sectors (`whole`). After that nothing goes any more."""

    def __init__(self, blocks, data=None, whole=False):
        self.data = bytearray(data) if data else bytearray(b"\xff" * (blocks * BLOCK))
        self.left = None
        self.whole = whole
        self.dead = False
        self.gone = False

    def readblocks(self, number, out, offset=0):
        if self.gone:
            return
        if self.dead:
            raise Cut()
        at = number * BLOCK + offset
        out[:] = self.data[at : at + len(out)]

    def writeblocks(self, number, data, offset=0):
        if self.gone:
            return
        if self.dead:
            raise Cut()
        at = number * BLOCK + offset
        size = len(data)
        if self.left is not None:
            if self.left < size:
                size = 0 if self.whole else self.left
                self.dead = True
            else:
                self.left -= size
        self.data[at : at + size] = data[:size]
        if self.dead:
            raise Cut()

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self.data) // BLOCK
        if operation == 5:
            return BLOCK
        if operation == 6:
            if self.gone:
                return 0
            if self.dead:
                raise Cut()
            at = argument * BLOCK
            self.data[at : at + BLOCK] = b"\xff" * BLOCK
            return 0
        if operation < 4:
            return 0


class Mounted:
    """The flash as /flash, while this is entered."""

    def __init__(self, kind, flash):
        self.kind = kind
        self.flash = flash

    def __enter__(self):
        vfs.mount(self.kind(self.flash), "/flash")
        return self.flash

    def __exit__(self, *_):
        self.flash.gone = True  # what was open is closed some time, and must not be heard of
        vfs.umount("/flash")


def formatted(kind):
    flash = Flash(96, whole=kind.__name__ == "VfsFat")
    kind.mkfs(flash)
    return flash


def again(flash):
    return Flash(0, flash.data, flash.whole)


def state():
    opened = KeyStore(FOLDER, Seeded(9))
    return opened.identity and opened.identity.public, opened.people()


def at_every_place(kind, prepare, change):
    start = formatted(kind)
    with Mounted(kind, start):
        prepare()
        old = state()
    done = again(start)
    with Mounted(kind, done):
        change()
        new = state()
    assert old != new
    left = 0
    seen = set()
    cut = True
    while cut:
        cut = False
        flash = again(start)
        with Mounted(kind, flash):
            flash.left = left
            try:
                change()
            except Cut:
                cut = True
        with Mounted(kind, again(flash)):
            found = state()
            assert found in (old, new), (left, found)
            seen.add(found == old)
            if cut and found == old:
                change()
                assert state() == new
        left += BLOCK if flash.whole else STEP
    assert seen == {True, False} and left > 300, (seen, left)


def create():
    KeyStore(FOLDER, Seeded(1)).create_identity()


def some():
    create()
    store = KeyStore(FOLDER, Seeded(2))
    store.know("ana", ANA)
    store.know("ben", BEN)


def know():
    KeyStore(FOLDER, Seeded(3)).know("eva", EVA)


def verify():
    KeyStore(FOLDER, Seeded(4)).verify("ana", ANA)


def forget():
    KeyStore(FOLDER, Seeded(5)).forget("ben")


def wipe():
    KeyStore(FOLDER, Seeded(6)).wipe()


def everywhere(kind):
    at_every_place(kind, lambda: None, create)
    for change in (know, verify, forget, wipe):
        at_every_place(kind, some, change)


def pieces_of(folder, prefix):
    found = []
    for name in os.listdir(folder):
        if name.startswith(prefix):
            with open(folder + "/" + name, "rb") as file:
                data = file.read()
            found += [data[at : at + 12] for at in range(11, len(data) - 12, 12)]
    return found


def wiped_clean(kind):
    """Whether nothing of the store is left in the raw flash, after some history of it."""
    platform = wiping.platform
    wiping.platform = "board"
    try:
        flash = formatted(kind)
        seen = set()
        with Mounted(kind, flash):
            with open("/flash/main.py", "wb") as file:
                file.write(b"run()\n")
            source = Source(FOLDER)
            source.inject(HOST)
            some()
            with open(FOLDER + "/config.json", "w") as file:
                file.write('{"nick": "ana", "secret": "word"}')
            for number in range(12):
                for prefix in ("keys", "device", "seed"):
                    seen.update(pieces_of(FOLDER, prefix))
                KeyStore(FOLDER, source).know("p%d" % number, keys(number + 5)[-1])
                Source(FOLDER)
            seen.update(pieces_of(FOLDER, "config"))
            raw = bytes(flash.data)
            assert len([one for one in seen if one in raw]) > 20
            wipe()
            assert os.listdir("/flash") == ["main.py"]
            with open("/flash/main.py", "rb") as file:
                assert file.read() == b"run()\n"
        raw = bytes(flash.data)
        return [one for one in seen if one in raw and one != bytes(12)] == []
    finally:
        wiping.platform = platform
