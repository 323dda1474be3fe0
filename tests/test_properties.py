"""Properties of a room that hold whatever carrier and cheats do (tests/properties): thousands of
seeded schedules, and those that once found a bug. `make soak` runs random ones for longer."""

import pathlib
import subprocess
import sys

import pytest

_HERE = pathlib.Path(__file__).resolve().parent / "properties"
sys.path.insert(0, str(_HERE))

import properties  # noqa: E402
import replay  # noqa: E402

FOUND = sorted((_HERE / "found").glob("*.txt"))


# About three minutes on one core, the same schedules on every machine with the same hypothesis.
@pytest.mark.parametrize(
    "kind, schedules",
    [("order", 500), ("loss", 700), ("split", 700), ("villains", 700), ("wild", 500)],
)
def test_seeded_schedules(kind, schedules):
    properties.examine(kind, schedules)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_a_schedule_that_once_found_a_bug(path):
    replay.play(replay.lines_of(path.read_text()))


def test_a_schedule_is_replayed_without_hypothesis(tmp_path):
    script = tmp_path / "schedule.txt"
    script.write_text("room ana ben  # two\nsay ana\ndeliver 0\nleave ben\nend\n")
    command = [sys.executable, "-c", _WITHOUT, str(_HERE / "replay.py"), str(script)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "all well after" in done.stdout


_WITHOUT = """
import runpy, sys
sys.modules["hypothesis"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


# Each lie is told to the model, which must notice: else the schedules above would prove nothing.
@pytest.mark.parametrize(
    "lie, words",
    [
        ("said", "which nobody said"),
        ("twice", "twice"),
        ("audience", "not meant for it"),
        ("order", "different orders"),
        ("transcript", "another transcript"),
        ("roster", "two rosters"),
        ("confirmed", "never shown it"),
        ("convicted", "is convicted by"),
        ("lost", "never shown to"),
        ("stuck", "not well after"),
        ("large", "parts"),
    ],
)
def test_the_model_notices(lie, words):
    import lies
    from world import Violated

    with pytest.raises(Violated, match=words):
        lies.tell(lie)
