"""The published test vectors: every device must come to the same bytes.

In a checkout they lie in tests/; an installed mpseq has them beside this file (hatch_build.py).
"""

import base64
import zlib
from pathlib import Path

from ..devices import DeviceError
from .play import Failed, NotOffered, need
from .station import short

_BESIDE = Path(__file__).resolve().parent / "data"
_TESTS = Path(__file__).resolve().parents[3] / "tests"
FILES = {
    "conversation": "vectors/conversation.txt",
    "suite 2": "vectors/conversation_suite_2.txt",
    "primitives": "vectors/primitives.txt",
}
_SUITES = {"conversation": 1, "suite 2": 2}
_PIECE = 4000  # characters of vectors sent to a device at once
_WINDOW = 11  # bits: 2 KiB, which a device has to spare while it unpacks
_TIME = 120.0  # seconds for a script on a slow board

# Brings a source file onto a device as a module, without a file system.
MODULES = """
import sys
class Module:
    pass
def module(name, source):
    names = {"__name__": name}
    exec(source, names)
    made = Module()
    for key in names:
        setattr(made, key, names[key])
    sys.modules[name] = made
"""
# A whole room is in one heap here: it has to be collected in time.
_CONVERSATION = """
import gc, conformance
on_a_board = hasattr(gc, "mem_free")
if on_a_board:
    before = gc.threshold()
    gc.threshold(4096)
value = conformance.digest(%d)
if on_a_board:
    gc.threshold(before)
"""
_PRIMITIVES = """
import primitive_checks
checks = primitive_checks.Checks(primitive_checks.find())
"""
_FORGET = """
import sys
for name in ("house", "conformance", "primitive_checks"):
    sys.modules.pop(name, None)
"""


def file(name) -> Path:
    """A file of the tests, wherever this installation has it."""
    for folder in (_BESIDE, _TESTS):
        if (folder / name).is_file():
            return folder / name
    raise DeviceError(f"the test vectors are not in this installation ({name})")


def _source(name):
    folder = "" if name == "primitive_checks" else "core/"
    return short(file(f"{folder}{name}.py").read_text())


def expected(name):
    """The digest of the published lines of a conversation, or how many primitives there are."""
    lines = [
        line for line in file(FILES[name]).read_text().splitlines() if line and line[0] != "#"
    ]
    if name == "primitives":
        return len(lines)
    from mpseq.primitives import H

    value = bytes(32)
    for line in lines:
        value = H(b"conformance", value, line.encode())
    return value.hex()


async def vectors(play):
    """the published conversations of both suites and the primitives, byte for byte"""
    station = play.stations[0]
    name = play.part
    if name == "suite 2" and not (station.about or {}).get("aes"):
        raise NotOffered(f"no AES on {station.name}")
    try:
        await station.do("exec", source=MODULES)
        if name == "primitives":
            await _primitives(station, play)
        else:
            await _conversation(station, name)
    finally:
        station.worn = True
        if station.sound:
            await station.do("exec", source=_FORGET, forget=True)


async def _bring(station, *names):
    for name in names:
        await station.do("exec", source=f"module({name!r}, given)", given=_source(name))


async def _conversation(station, name):
    await _bring(station, "house", "conformance")
    answer = await station.do("exec", _TIME, source=_CONVERSATION % _SUITES[name])
    want = expected(name)
    got = answer["value"]
    need(got == want, f"{station.name}: another conversation, {got} instead of {want}")


async def _primitives(station, play):
    await _bring(station, "primitive_checks")
    await station.do("exec", source=_PRIMITIVES)
    piece = []
    size = 0
    want = 0
    for line in file(FILES["primitives"]).read_text().splitlines():
        if not line or line[0] == "#":
            continue
        want += 1
        piece.append(line)
        size += len(line)
        if size > _PIECE:
            await _check(station, piece)
            piece, size = [], 0
    await _check(station, piece)
    answer = await station.do("exec", source="value = checks.count")
    need(answer["value"] == want, f"{station.name}: {answer['value']} of {want} vectors")
    play.tell(f"{want} vectors hold")


async def _check(station, lines):
    given = "\n".join(lines)
    packed = bool((station.about or {}).get("unpacks"))
    if packed:  # the way to a board is slow
        packer = zlib.compressobj(9, zlib.DEFLATED, _WINDOW)
        data = packer.compress(given.encode()) + packer.flush()
        given = base64.b64encode(data).decode()
    try:
        source = "for line in given.split('\\n'): checks.line(line)"
        await station.do("exec", _TIME, source=source, given=given, packed=packed)
    except DeviceError as error:
        if "AssertionError" in str(error):
            raise Failed(str(error)) from None
        raise
