"""One set of vectors and checks for `monocypher` on every runtime, linked and as a native module.

A module that does not fit or does not load fails here: nothing is skipped.
"""

import subprocess
from pathlib import Path

import disks
import primitive_checks
import pytest

from mpseq_tools.qemu import BOARDS, Board, firmware_path

HERE = Path(__file__).parent
VECTORS = HERE / "vectors" / "primitives.txt"
CHECKS = HERE / "primitive_checks.py"
LINES = VECTORS.read_text().splitlines()
COUNT = sum(1 for line in LINES if not line.startswith("#"))
BUILD = firmware_path("").parents[1]
NATMOD_ARCH = {"unix": "x64", "qemu-rv32": "rv32imc", "qemu-cortex-m3": "armv7m"}
UNIX_HEAP = "320K"  # 64-bit objects are twice as large: what 160 KiB are to a board


def built(path):
    if not path.is_file():
        pytest.fail(f"no {path}. Cure: make unix firmware natmods", pytrace=False)
    return path


@pytest.fixture
def native_folder(request, tmp_path):
    """A folder with the native module of a runtime under the name by which it is imported."""

    def folder(runtime):
        arch = NATMOD_ARCH[runtime]
        module = built(BUILD / "natmod" / f"monocypher-mpy6.3-{arch}.mpy")
        (tmp_path / "monocypher.mpy").write_bytes(module.read_bytes())
        return tmp_path

    return folder


def test_there_are_as_many_vectors_as_were_published():
    published = {"x25519": 518 + 5, "seal": 246 + 11, "open_refused": 60, "nonce_refused": 9}
    for operation, count in published.items():
        assert sum(1 for line in LINES if line.startswith(operation + " ")) == count, operation


def test_cpython():
    from mpseq import _pymonocypher

    checks = primitive_checks.Checks(_pymonocypher)
    checks.behaviour()
    checks.large()
    for line in LINES:
        checks.line(line)
    assert checks.count == COUNT


def run_unix(program, environment):
    program = built(BUILD / "unix" / program)
    command = [program, "-X", f"heapsize={UNIX_HEAP}", CHECKS, VECTORS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_unix_linked():
    assert run_unix("mpseq-micropython", {}) == f"{COUNT} vectors hold, built in"


def test_unix_native_module(native_folder):
    folder = native_folder("unix")
    output = run_unix("micropython-plain", {"MICROPYPATH": str(folder)})
    assert output == f"{COUNT} vectors hold, {folder}/monocypher.mpy"


def run_on_board(name, linked, folder, module=None):
    """What the checks print on a board that has them and the vectors, and `module` if it is
    given, on its disk; MicroPython's number of its architecture before it."""
    built(firmware_path(name, linked))
    files = folder / "files"
    files.mkdir()
    for file in (CHECKS, VECTORS):
        (files / file.name).write_bytes(file.read_bytes())
    if module:
        (files / "monocypher.mpy").write_bytes(module)
    with Board(name, linked, disk=disks.fill(folder / "disk", files)) as board:
        arch = board.exec("import sys\nprint(sys.implementation._mpy >> 10 & 15)")
        board.exec("import primitive_checks as checks\nchecks = checks.Checks(checks.find())")
        board.exec("checks.behaviour()", timeout=60)
        board.exec(f"file = open({VECTORS.name!r})")
        board.exec("for line in file: checks.line(line)", timeout=200)
        where = 'getattr(checks.mc, "__file__", "built in")'
        return int(arch), board.exec(f"print(checks.count, {where})").strip()


@pytest.mark.parametrize("name", BOARDS)
def test_board_linked(name, tmp_path):
    assert run_on_board(name, True, tmp_path)[1] == f"{COUNT} built in"


@pytest.mark.parametrize("name", BOARDS)
def test_board_native_module(name, native_folder, tmp_path):
    module = (native_folder(name) / "monocypher.mpy").read_bytes()
    assert run_on_board(name, False, tmp_path, module)[1] == f"{COUNT} monocypher.mpy"
