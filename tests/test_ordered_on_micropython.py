"""The stories of the ordered room, tests/ordered/test_*.py, once more on unix MicroPython."""

import os
import subprocess

import pytest
from test_core_on_micropython import ROOT, expected_of

from mpseq_aio import ordered, ordered_head, ordered_heir, ordered_pieces

ORDERED = ROOT / "tests" / "ordered"
MODULES = sorted(path.stem for path in ORDERED.glob("test_*.py"))


def expected(module):
    return expected_of(f"../ordered/{module}")


@pytest.mark.parametrize("module", MODULES)
def test_on_micropython(module, unix_micropython):
    runner = ROOT / "tests" / "core" / "run.py"
    done = subprocess.run(
        [unix_micropython, "-X", "heapsize=32M", runner, module],
        env=dict(os.environ, MICROPYPATH=f"{ROOT / 'lib'}:{ORDERED}:{runner.parent}:.frozen"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    lines = done.stdout.splitlines()
    shown = "\n".join(line for line in lines if not line.startswith("ok "))
    assert done.returncode == 0, f"{module} on MicroPython:\n{shown}"
    names = {name.removeprefix("../ordered/") for name in expected(module)}
    assert names and {line[3:] for line in lines if line.startswith("ok ")} == names


def test_constants_agree():
    """MicroPython has constants of its own for each file, so they stand in several."""
    seen = {}
    for module in (ordered, ordered_head, ordered_heir, ordered_pieces):
        for name, value in vars(module).items():
            if name.strip("_").isupper() or name.startswith("_T_"):
                assert seen.setdefault(name, value) == value, f"{name} in {module.__name__}"
    timers = [name for name in seen if name.startswith("_T_")]
    assert sorted(seen[name] for name in timers) == list(range(10))
