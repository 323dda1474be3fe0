"""The stories of the ordered room, tests/ordered/test_*.py, once more on unix MicroPython."""

import pytest
from story_runs import ROOT, check, modules_in, on_unix

from mpseq_aio import ordered, ordered_head, ordered_heir, ordered_pieces

ORDERED = ROOT / "tests" / "ordered"


@pytest.mark.parametrize("module", modules_in(ORDERED))
def test_on_micropython(module):
    check(on_unix(module, folders=[ORDERED]), ORDERED, module)


def test_constants_agree():
    """MicroPython has constants of its own for each file, so they stand in several."""
    seen = {}
    for module in (ordered, ordered_head, ordered_heir, ordered_pieces):
        for name, value in vars(module).items():
            if name.strip("_").isupper() or name.startswith("_T_"):
                assert seen.setdefault(name, value) == value, f"{name} in {module.__name__}"
    timers = [name for name in seen if name.startswith("_T_")]
    assert sorted(seen[name] for name in timers) == list(range(10))
