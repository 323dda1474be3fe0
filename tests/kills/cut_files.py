"""Power cuts while a board writes: what is on its disk is always whole, and what it had said to be
stored is there. The board writes for ever, and is killed at a random moment, again and again."""

import json
import os
import select
import time

from boarding import install
from disks import dump

from mpseq_board.entropy import Source
from mpseq_board.keystore import KeyStore
from mpseq_board.store import Slots
from mpseq_tools.qemu import Board

MAGIC = b"killed\x01"
MAIN = """
from mpseq_board.entropy import Source
from mpseq_board.keystore import KeyStore
from mpseq_board.store import Slots
keys = KeyStore("/mpseq.d", Source("/mpseq.d"))
slots = Slots("/counter", %r, 400)
found = slots.read()
n = int.from_bytes(bytes(found[0][1][:4]), "big") if found else 0
found = None
print("at", n)
while True:
    n += 1
    with open("/plain", "wb") as file:
        file.write(b"%%d " %% n * (n %% 500 + 1))
    with open("/log", "wb" if n %% 100 == 0 else "ab") as file:
        file.write(b"%%d\\n" %% n)
    keys.accept_change("nick %%d" %% (n %% 5), bytes([9, n & 255, n >> 8 & 255]) + bytes(29))
    slots.write(n.to_bytes(4, "big") + bytes([n & 255]) * (n %% 300))
    print("done", n)
""" % (MAGIC,)


def listen(fd, heard, seconds):
    """Appends what the board says within this time, at most until it is gone."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            try:
                heard += os.read(fd, 4096)
            except OSError:
                return


def cut(name, disk, random):
    """Switches the board on and kills it; returns the number that it has said to be stored."""
    heard = bytearray()
    with Board(name, disk=disk, seed=random.randbytes(64), prompt=False) as board:
        fd = os.open(board.port, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            if random.random() < 0.3:  # while it starts
                listen(fd, heard, random.uniform(0, 0.3))
            else:
                end = time.monotonic() + 60
                while b"done" not in heard:
                    if time.monotonic() > end or b"Traceback" in heard:
                        raise AssertionError(f"the board does not write: {bytes(heard)!r}")
                    listen(fd, heard, 0.02)
                listen(fd, heard, random.uniform(0, 0.4))
        finally:
            os.close(fd)
    words = heard.decode(errors="replace").split("\n")[:-1]
    assert not [line for line in words if "Traceback" in line or "damaged" in line], words
    numbers = [line.split() for line in words]
    return max([int(one[1]) for one in numbers if len(one) == 2 and one[1].isdigit()], default=0)


def check(folder, stored, key):
    """All of the disk's files, copied into `folder`, are as they were or as they should be."""
    store = KeyStore(f"{folder}/mpseq.d", Source(f"{folder}/mpseq.d"))
    assert store.identity.public.hex() == key
    people = {nick: bytes(one) for nick, one, _ in store.people()}
    found = Slots(f"{folder}/counter", MAGIC, 400).read()
    if not found:
        assert not stored, f"nothing is older than {stored}"
        return 0
    content = bytes(found[0][1])
    n = int.from_bytes(content[:4], "big")
    assert n >= stored, f"{n} is older than {stored}"
    assert content[4:] == bytes([n & 255]) * (n % 300)
    # The step that was under way, n + 1, has been done in part, more than once perhaps.
    assert read(folder / "plain") in (plain(n), plain(n + 1))
    lines = list(dict.fromkeys(read(folder / "log").split(b"\n")))
    assert lines in (log(n), log(n + 1)), f"log at {n}: {lines}"
    for nick, one in people.items():
        last = max(m for m in range(n - 4, n + 1) if m % 5 == int(nick[5:]))
        assert one in (person(last), person(n + 1)), (nick, n, one[:3])
    return n


def read(path):
    return path.read_bytes() if path.exists() else b""


def plain(n):
    return b"%d " % n * (n % 500 + 1) if n else b""


def log(n):
    first = max(1, n // 100 * 100)
    return [b"%d" % one for one in range(first, n + 1)] + [b""]


def person(n):
    return bytes([9, n & 255, n >> 8 & 255]) + bytes(29)


def play(name, folder, kills, random, say=print, main=MAIN):
    """As many power cuts as `kills`; AssertionError tells what was lost."""
    disk = folder / "disk.img"
    settings = json.dumps({"nick": "mini", "carrier": "serial:kitchen"})
    key = install(name, disk, settings, json.dumps({"main.py": main}))
    n = 0
    for kill in range(kills):
        stored = max(n, cut(name, disk, random))
        copy = dump(disk, folder / f"files {kill}")
        n = check(copy, stored, key)
        if kill % 20 == 19:
            say(f"  {name}, files: {kill + 1} power cuts, {n} steps, all of it readable")
    return n
