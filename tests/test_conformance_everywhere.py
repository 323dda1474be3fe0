"""The conformance script gives the same bytes on every runtime: CPython, unix, both boards."""

import subprocess
import sys
from pathlib import Path

import pytest

from mpseq_tools.devices import unix_program
from mpseq_tools.interop.vectors import MODULES
from mpseq_tools.qemu import BOARDS, Board

CORE = Path(__file__).resolve().parent / "core"
VECTORS = CORE.parent / "vectors"
SUITES = {1: "conversation.txt", 2: "conversation_suite_2.txt"}


@pytest.fixture(params=SUITES, ids="suite_{}".format)
def suite(request):
    return request.param


@pytest.fixture
def expected(suite):
    """The digest of the lines that are checked in."""
    sys.path.insert(0, str(CORE))
    from conformance import digest_of

    lines = (VECTORS / SUITES[suite]).read_text().splitlines()
    return digest_of(line for line in lines if not line.startswith("#"))


def test_cpython(suite, expected):
    from conformance import digest

    assert digest(suite) == expected


def test_unix_micropython(suite, expected):
    run = subprocess.run(
        [unix_program(), "-c", f"import conformance; print(conformance.digest({suite}))"],
        env={"MICROPYPATH": f"{CORE}:.frozen"}, capture_output=True, text=True, timeout=120,
    )
    assert run.stdout.strip() == expected, run.stderr


@pytest.mark.parametrize("name", BOARDS)
def test_board(name, suite, expected):
    with Board(name) as board:
        board.exec(MODULES)
        for module in ("house", "conformance"):
            source = (CORE / f"{module}.py").read_text()
            board.exec(f"module({module!r}, {source!r})", timeout=60)
        # A whole room is in one heap of 160 KiB here: it has to be collected in time.
        program = "import gc; gc.threshold(4096); import conformance"
        program += f"; print(conformance.digest({suite}))"
        digest = board.exec(program, timeout=240)
        assert digest.strip() == expected
