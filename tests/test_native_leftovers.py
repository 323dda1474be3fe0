"""The native module leaves nothing of a secret on the C stack, here and on the boards."""

import pytest
from native_module import (
    BOARD_BUILDS,
    LINKS,
    SCRIPTS,
    ProbedBoard,
    fill_folder,
    run_unix,
    unix_command,
)

DEEP = {"unix": 4000, "board": 2600}  # bytes of stack that are looked at: more than anything takes
CALLS = 15


def check(output, deep):
    """`output` of leftovers.py: a line for each call."""
    found = {}
    for line in output.splitlines():
        name, said = line.rsplit(": ", 1)
        left, _, depth, _ = said.split()
        found[name] = int(left)
        assert int(depth) < deep, line
    assert found.pop("control") == 32
    assert len(found) == CALLS and not any(found.values()), output


@pytest.mark.parametrize("link", LINKS)
def test_no_secret_stays_on_the_stack_of_this_machine(link, tmp_path):
    fill_folder(tmp_path, "unix", link)
    script = f"import leftovers; leftovers.main({DEEP['unix']})"
    check(run_unix([*unix_command(link), "-c", script], tmp_path), DEEP["unix"])


@pytest.mark.parametrize("name,link", BOARD_BUILDS)
def test_no_secret_stays_on_the_stack_of_a_board(name, link, tmp_path):
    with ProbedBoard(name, link, tmp_path) as board:
        board.exec((SCRIPTS / "leftovers.py").read_text())
        check(board.exec(f"main({DEEP['board']})", timeout=100), DEEP["board"])
