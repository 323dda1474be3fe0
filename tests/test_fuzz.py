"""A short, seeded run of every fuzz target (tests/fuzz); `make fuzz` runs them for longer."""

import pathlib
import re
import subprocess
import sys

import pytest

_FUZZ = pathlib.Path(__file__).resolve().parent / "fuzz"
sys.path.insert(0, str(_FUZZ))

import fuzzing  # noqa: E402


@pytest.mark.parametrize("name", fuzzing.names())
def test_every_target_takes_some_of_its_seeds_and_stands_what_was_found(name):
    """A target whose seeds are all refused at the door would fuzz nothing behind it."""
    function, seeds = fuzzing.target(name)
    assert any(function(seed) for seed in seeds)
    for seed in fuzzing.regressions(name):
        function(seed)


def test_the_insider_gets_behind_the_seal_of_every_type():
    """Each maker has a seed that some honest member takes."""
    import conversations
    from makers import MAKERS

    taken = set()
    for seed in conversations.seeds("insider"):
        maker = sorted(MAKERS)[seed[1]]
        if maker not in taken and conversations.insider(seed):
            taken.add(maker)
    assert taken == set(MAKERS)


def test_a_moved_state_and_an_exception_would_be_noticed():
    """The oracles can fail: else the runs below would prove nothing."""
    import conversations
    import rooms

    scene = rooms.scene("in")
    house = rooms.clone(scene.house)
    house["ana"].send("a stranger's?", house.now)
    frame = house["ana"].take_frames()[0]
    at = rooms.NAMES.index("in")
    who = house.order.index("ben")
    with pytest.raises(AssertionError, match="moved by a stranger"):
        conversations.stranger(bytes((at, who, 0)) + frame)
    with pytest.raises(AssertionError, match="came back as"):
        fuzzing.modules()[0][0]["link_message"](_Lying(b"\x02frame"))


class _Lying(bytes):
    """Bytes that look longer by slices than they are: what is decoded is not what was there."""

    def __getitem__(self, key):
        found = super().__getitem__(key)
        return found + b"!" if isinstance(key, slice) else found


# The same runs on every machine with the same atheris: figures for about 30 s in all.
@pytest.mark.parametrize(
    "name, runs", [("decoders", 12000), ("stranger", 10000), ("insider", 1500)]
)
def test_a_short_seeded_run_finds_nothing(name, runs):
    command = [sys.executable, str(_FUZZ / "fuzzing.py"), "one", name, "--runs", str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=170)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-4000:]
    units = re.search(r"number_of_executed_units: (\d+)", told)
    assert units and int(units[1]) >= runs, told[-2000:]
