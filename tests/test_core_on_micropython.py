"""The core's tests, tests/core/test_*.py, once more on unix MicroPython: one source for both."""

import os
import subprocess

import pytest
from story_runs import CORE, UNIX, check, modules_in, on_unix


@pytest.mark.parametrize("module", modules_in(CORE))
def test_on_micropython(module):
    check(on_unix(module, folders=()), CORE, module)


def test_a_failing_test_is_seen(tmp_path):
    """The runner itself: a failure, an empty module and a missing one are no success."""
    for name, source in (("bad", "def test_one():\n    assert 1 == 2\n"), ("empty", "")):
        (tmp_path / f"{name}.py").write_text(source)
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[:] = sys.argv[1:]"
    for name, want in (("bad", "AssertionError"), ("empty", "0 passed"), ("gone", "ImportError")):
        done = subprocess.run(
            [UNIX, "-c", f"{script}\nimport run\nsys.exit(0 if run.run([{name!r}]) else 1)"],
            env=dict(os.environ, MICROPYPATH=f"{CORE}:.frozen"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1, done.stdout
        assert want in done.stdout
