"""The core's tests on the emulated RV32IMC board: 32 bits, its own compiler, the linked module.

On a firmware with 1.5 MiB of heap, because a test holds a whole room in one interpreter; what one
member needs on a real board is measured by `make bench` and tests/test_mixed_room.py.
"""

import subprocess
import sys

import pytest
from test_core_on_micropython import CORE, MODULES, expected_of

from mpseq_tools.qemu import ROOMY, Board

# Not here: a room of 64 people needs more than the emulated machine has, and the checked-in
# transcript is compared on both boards, with their own heap, by test_conformance_everywhere. The
# emulated boards have no AES: test_suite_2_on_boards sees them refuse it.
ELSEWHERE = ("test_conformance", "test_full_room", "test_suite_2")


@pytest.mark.parametrize("module", [name for name in MODULES if name not in ELSEWHERE])
def test_on_the_board(module):
    with Board(ROOMY) as board:
        done = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", board.port, "mount", ".", "exec",
             f"import run; run.run([{module!r}])"],
            cwd=CORE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        )
    lines = done.stdout.splitlines()
    if done.returncode or f"{len(expected_of(module))} passed, 0 failed" not in lines:
        shown = "\n".join(line for line in lines if not line.startswith("ok "))
        pytest.fail(f"{module} on the board:\n{shown}", pytrace=False)
    assert {line[3:] for line in lines if line.startswith("ok ")} == expected_of(module)
