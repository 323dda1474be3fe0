"""The core's tests on the emulated RV32IMC board: 32 bits, its own compiler, the linked module.

On a firmware with 1.5 MiB of heap, because a test holds a whole room in one interpreter; what one
member needs on a real board is measured by `make bench` and tests/test_mixed_room.py.
"""

import pytest
from story_runs import CORE, check, modules_in, on_board

# Not here: a room of 64 people needs more than the emulated machine has, and the checked-in
# transcript is compared on both boards, with their own heap, by test_conformance_everywhere.
ELSEWHERE = ("test_conformance", "test_full_room")
# The long stories of bad people and bad carriers run on CPython and on unix MicroPython. Here a
# few of each kind do (test_cheaters, test_testimony, test_bad_*): the emulator is slow.
LONG = (
    "test_audit", "test_carriers", "test_cut_rooms", "test_equivocating", "test_insider_",
    "test_np1sec", "test_outsiders", "test_parts_", "test_ring_attacks", "test_rosters_again",
    "test_same_identity", "test_section9_", "test_small_order",
)
HERE = [name for name in modules_in(CORE) if name not in ELSEWHERE and not name.startswith(LONG)]


@pytest.mark.parametrize("module", HERE)
def test_on_the_board(module):
    check(on_board(CORE, module), CORE, module)
