"""One set of vectors and checks for `monocypher` on every runtime, linked and as a native module.

A module that does not fit or does not load fails here: nothing is skipped.
"""

import subprocess
import sys
from pathlib import Path

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
PIECE = 4000  # bytes of vectors a board takes at a time


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


def pieces():
    """The vectors in pieces of whole lines."""
    piece = []
    for line in LINES:
        if line.startswith("#"):
            continue
        if piece and sum(map(len, piece)) + len(line) > PIECE:
            yield "\n".join(piece)
            piece = []
        piece.append(line)
    yield "\n".join(piece)


def check_board(board):
    board.exec("import gc\ngc.collect()")
    board.exec(CHECKS.read_text().replace("__main__", "not here"), timeout=30)
    board.exec("checks = Checks(find())\nchecks.behaviour()", timeout=30)
    for piece in pieces():
        code = f'for line in """{piece}""".split("\\n"): checks.line(line)\ngc.collect()'
        board.exec(code, timeout=100)
    return board.exec('print(checks.count, getattr(checks.mc, "__file__", "built in"))').strip()


@pytest.mark.parametrize("name", BOARDS)
def test_board_linked(name):
    built(firmware_path(name))
    with Board(name) as board:
        assert check_board(board) == f"{COUNT} built in"


@pytest.mark.parametrize("name", BOARDS)
def test_board_native_module(name, native_folder):
    built(firmware_path(name, linked=False))
    folder = native_folder(name)
    with Board(name, linked=False) as board:
        # the module stays loaded when the folder is taken away again
        done = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", board.port, "mount", ".", "exec"]
            + ["import monocypher; print(monocypher.__file__)"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert check_board(board) == f"{COUNT} monocypher.mpy"
