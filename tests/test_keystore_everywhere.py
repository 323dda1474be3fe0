"""The stories of entropy and key store, tests/keys/*.py, on MicroPython: the unix port, and the
emulated RV32IMC board with its own LittleFS."""

import pytest
from story_runs import ROOT, check, on_unix

KEYS = ROOT / "tests" / "keys"
MODULES = (
    "test_entropy_story",
    "test_keystore_story",
    "test_keystore_cuts",
    "on_littlefs",
    "on_fat",
)


@pytest.mark.parametrize("module", MODULES)
def test_on_unix_micropython(module):
    check(on_unix(module, folders=[KEYS], heap="8M"), KEYS, module)
