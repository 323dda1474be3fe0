"""What a board is, and the library onto it: file by file, whole or not at all.

Every file is first written under a name of its own (`….new`, which nothing imports) and its hash
read back from the board; only when all are there they are renamed into their places, within some
milliseconds. Whatever interrupts this, the board runs the old library, and the next time goes on
where this one stopped. What is there already, by its hash, is not sent.
"""

import ast
import dataclasses
import hashlib
import re
import textwrap

from . import mip
from .faults import Fault
from .repl import Repl

NEW = ".new"
PACKAGES = ("mpseq", "mpseq_aio", "mpseq_board")
_MODULES = (*PACKAGES, "monocypher")
_HIDING = rf"({'|'.join(_MODULES)})(\.m?py)?"  # in /, the current folder, which comes first

_LOOK = """
import sys, os
def inside(name, path):
    before = sys.path[:]
    sys.path[:] = path
    try:
        __import__(name)
        return True
    except ImportError:
        return False
    finally:
        sys.path[:] = before
def size():
    try:
        s = os.statvfs("/")
        return s[1], s[4]
    except (OSError, AttributeError):
        return None
i = sys.implementation
libs = [p for p in sys.path if p.endswith("/lib") and not p.startswith("/rom")]
print(repr((
    tuple(i.version[:3]), getattr(i, "_mpy", 0), getattr(i, "_machine", sys.platform),
    getattr(i, "_build", ""), libs, inside("monocypher", []),
    [name for name in MODULES if inside(name, [".frozen"])], size(), os.listdir("/"),
)))
"""

_WALK = """
import binascii, hashlib, os
def _hash(path):
    digest = hashlib.sha256()
    part = memoryview(bytearray(512))
    with open(path, "rb") as file:
        while True:
            n = file.readinto(part)
            if not n:
                break
            digest.update(part[:n])
    return binascii.hexlify(digest.digest()).decode()
def _walk(folder, wanted):
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = folder + "/" + name
        if not wanted or name.split(".")[0] in wanted:
            if os.stat(path)[0] & 0x4000:
                _walk(path, None)
            else:
                print(repr((path, _hash(path))), end=",")
"""

_PLACE = """
import os
for path in GONE:
    os.remove(path)
for path in FRESH:
    os.rename(path + NEW, path)
if hasattr(os, "sync"):
    os.sync()
"""


class InstallFault(Fault):
    """The library is not installed; the board is as it was."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a board says of itself. `space`: bytes of a block, free blocks; None without files."""

    version: tuple
    mpy: int
    machine: str
    build: str
    libs: list
    linked: bool
    frozen: list
    space: tuple | None
    root: list

    @property
    def board(self) -> str:
        """The name of its definition, without the variant: "ESP32_GENERIC_C3"; or ""."""
        return self.build.partition("-")[0]

    @property
    def lib(self) -> str:
        """Where modules are installed; where mip would."""
        return self.libs[0] if self.libs else "/lib"


def program(source: str, **values) -> str:
    """A program for the board with names set before it runs."""
    return "".join(f"{name} = {value!r}\n" for name, value in values.items()) + source


def look(repl: Repl) -> Facts:
    """Reads what the board is."""
    return Facts(*repl.ask(program(_LOOK, MODULES=list(PACKAGES))))


def check(facts: Facts) -> mip.Abi:
    """The board's Abi; MipFault or InstallFault when nothing can be installed there."""
    abi = mip.check_board(facts.version, facts.mpy)
    if facts.space is None:
        raise InstallFault(
            "the board has no file system",
            "format it (on a Pico or an ESP32: flash the stock image again, erased before)",
        )
    hiding = [name for name in facts.root if re.fullmatch(_HIDING, name)]
    if hiding:
        raise InstallFault(
            f"in / there is {', '.join(sorted(hiding))}, which hides the library",
            f"move it away: mpremote fs rm -r :/{min(hiding)}",
        )
    if facts.frozen and set(facts.frozen) != set(PACKAGES):
        missing = ", ".join(sorted(set(PACKAGES) - set(facts.frozen)))
        raise InstallFault(
            f"mpseq in this firmware is an older one, without {missing}",
            "build the firmware again, or flash the stock image",
        )
    if facts.frozen and not facts.linked:
        raise InstallFault(
            "this firmware has mpseq, but not Monocypher", "build it with the folder firmware/"
        )
    return abi


def install(repl: Repl, package: mip.Package, facts: Facts, say=print) -> int:
    """Brings the board's library to `package`; how many files were sent. InstallFault."""
    lib = facts.lib
    wanted = {
        f"{lib}/{path}": (data, hashlib.sha256(data).hexdigest())
        for path, data in package.files.items()
    }
    there = hashes(repl, lib)
    stale = [path for path in there if path not in wanted and not _staged(path, wanted)]
    fresh = [path for path, (_, digest) in wanted.items() if there.get(path) != digest]
    send = [path for path in fresh if there.get(path + NEW) != wanted[path][1]]
    leftover = [path + NEW for path in wanted if path + NEW in there and path not in fresh]
    if not fresh and not stale:
        repl.run(program(_PLACE, GONE=leftover, FRESH=[], NEW=NEW))
        say(f"the library is there already, {len(wanted)} files, unchanged")
        return 0
    _check_space(facts, [wanted[path][0] for path in send if path + NEW not in there])
    _make_folders(repl, fresh, lib)
    total = sum(len(wanted[path][0]) for path in send)
    say(f"sending {len(send)} of {len(wanted)} files, {total:,} bytes, into {lib}")
    for path in send:
        repl.put(path + NEW, wanted[path][0])
    there = hashes(repl, lib)
    wrong = [path for path in fresh if there.get(path + NEW) != wanted[path][1]]
    if wrong:
        raise InstallFault(
            f"the board has not kept what was sent: {', '.join(wrong)}",
            "deploy again; if it stays so, its flash memory is bad",
        )
    repl.run(program(_PLACE, GONE=stale + leftover, FRESH=fresh, NEW=NEW))
    there = hashes(repl, lib)
    if {path: digest for path, (_, digest) in wanted.items()} != there:
        raise InstallFault("the library on the board is not as sent", "deploy again")
    say(f"installed, and read back: {len(wanted)} files, {package.size:,} bytes")
    return len(send)


def hashes(repl: Repl, lib: str) -> dict:
    """SHA-256 in hex of every file of ours that is in the board's lib folder."""
    call = f"_walk({lib!r}, {_MODULES!r})\n"
    return dict(ast.literal_eval("[" + repl.run(_WALK + call) + "]"))


def has_file(repl: Repl, path: str, data: bytes) -> bool:
    """Whether a file of the board holds this."""
    call = f"try:\n print(repr(_hash({path!r})))\nexcept OSError:\n print(None)\n"
    return repl.ask(_WALK + call) == hashlib.sha256(data).hexdigest()


def put_file(repl: Repl, path: str, data: bytes) -> bool:
    """One file, atomically; False when it was there already."""
    if has_file(repl, path, data):
        return False
    repl.put(path + NEW, data)
    repl.run(program(_PLACE, GONE=[], FRESH=[path], NEW=NEW))
    return True


def _staged(path, wanted):
    return path.endswith(NEW) and path[: -len(NEW)] in wanted


def _check_space(facts, files):
    block, free = facts.space
    # Each file ends in the middle of a block; folders and the file system's own need some too.
    need = sum(-(-len(data) // block) for data in files) + 2 * len(PACKAGES) + 2
    if need > free:
        raise InstallFault(
            f"{need * block:,} bytes are needed, {free * block:,} are free on the board",
            "remove files from it (mpremote fs ls), or use firmware with mpseq inside",
        )


def _make_folders(repl, paths, lib):
    folders = sorted({path.rpartition("/")[0] for path in paths} | {lib})
    repl.run(
        textwrap.dedent(f"""
        import os
        for folder in {folders!r}:
            try:
                os.mkdir(folder)
            except OSError:
                pass
        """)
    )
