"""The stories of entropy and key store, tests/keys/*.py, on MicroPython: the unix port, and the
emulated RV32IMC board with its own LittleFS."""

import ast
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KEYS = os.path.join(ROOT, "tests", "keys")
MODULES = (
    "test_entropy_story",
    "test_keystore_story",
    "test_keystore_cuts",
    "on_littlefs",
    "on_fat",
)


def expected_of(module):
    with open(os.path.join(KEYS, f"{module}.py")) as file:
        tree = ast.parse(file.read())
    found = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {f"{module}.{name}" for name in found if name.startswith("test_")}


@pytest.mark.parametrize("module", MODULES)
def test_on_unix_micropython(unix_micropython, module):
    runner = os.path.join(ROOT, "tests", "core", "run.py")
    done = subprocess.run(
        [unix_micropython, "-X", "heapsize=8M", runner, module],
        env=dict(os.environ, MICROPYPATH=f"{ROOT}/lib:{KEYS}:.frozen"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    lines = done.stdout.splitlines()
    expected = expected_of(module)
    assert done.returncode == 0, done.stdout
    assert {line[3:] for line in lines if line.startswith("ok ")} == expected
    assert lines[-1] == f"{len(expected)} passed, 0 failed"
