"""The load test of the relay, small: what `make load` does with 1,000 clients."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "bench"))
import relay_load  # noqa: E402


@pytest.mark.parametrize("tls", [False, True])
def test_many_rooms_lose_nothing_and_agree(tls):
    row = relay_load.measure("small", 8, 5, seconds=1, window=2, tls=tls)
    assert row["lost"] == "0" and row["order"] == "same"
    assert int(row["delivered/s"].replace(",", "")) > 100
    assert "| small |" in relay_load.table([row])[2]


def test_one_large_room_loses_nothing_and_agrees():
    row = relay_load.measure("small", 1, 60, seconds=1, rate=30, size=2000)
    assert row["lost"] == "0" and row["order"] == "same"


def test_who_stays_loses_nothing_while_others_are_killed():
    report = relay_load.soak(5, rooms=3, members=4, victims=2, seed=7)
    assert "nothing missing" in report[1]
    assert int(report[0].partition("stayed, ")[2].split()[0]) >= 2  # were killed


def test_the_judge_sees_what_is_missing_and_what_differs():
    good = {"room": "a", "number": 1, "seen": 10, "sum": 7, "lost": None, "faults": [],
            "wanted": 10}
    assert relay_load.judge([good, {**good, "number": 2}]) == (0, 0, [])
    lost, disorder, faults = relay_load.judge([good, {**good, "seen": 9}])
    assert (lost, disorder, len(faults)) == (1, 1, 1)
    assert relay_load.judge([good, {**good, "sum": 8}])[1] == 1
    assert relay_load.judge([good, {**good, "room": "b", "sum": 8}])[1] == 0
    assert relay_load.judge([{**good, "faults": ["5: frame 7, 6 was next"]}])[0] == 1
    assert relay_load.judge([{**good, "lost": "too slow"}])[2] == ["a 1: too slow"]
