"""Some power cuts at random moments; `make kills` does 200 of each kind."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "kills"))

import cut_files
import cut_rooms
from cuts import BOARD, NODES


def test_what_a_board_has_stored_is_there_after_a_power_cut(tmp_path):
    cut_files.play(BOARD, tmp_path, 12, random.Random(1))


def test_a_board_that_promises_too_early_is_found_out(tmp_path):
    say = '    print("done", n)\n'
    early = cut_files.MAIN.replace(say, "").replace("    n += 1\n", "    n += 1\n" + say)
    with pytest.raises(AssertionError, match="is older than"):
        cut_files.play(BOARD, tmp_path, 5, random.Random(1), main=early)


def test_the_room_recovers_and_nothing_is_shown_twice(tmp_path):
    stories = []
    for seed, (name, node) in enumerate(NODES.items()):
        folder = tmp_path / name
        folder.mkdir()
        stories.append((node, folder, 4, random.Random(seed), print))
    cut_rooms.play(stories)
