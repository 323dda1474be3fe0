"""The core's tests, tests/core/test_*.py, once more on unix MicroPython: one source for both."""

import ast
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORE = ROOT / "tests" / "core"
BINARY = ROOT / "build" / "unix" / "mpseq-micropython"
MODULES = sorted(path.stem for path in CORE.glob("test_*.py"))


def expected_of(module):
    """The names that pytest finds in a module: those MicroPython must have run."""
    tree = ast.parse((CORE / f"{module}.py").read_text())
    found = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {f"{module}.{name}" for name in found if name.startswith("test_")}


def run(*arguments):
    if not BINARY.exists():
        pytest.fail(f"{BINARY.relative_to(ROOT)} is missing: run `make unix`", pytrace=False)
    return subprocess.run(
        [BINARY, "-X", "heapsize=32M", CORE / "run.py", *arguments],
        env=dict(os.environ, MICROPYPATH=f"{ROOT / 'lib'}:{CORE}:.frozen"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("module", MODULES)
def test_on_micropython(module):
    done = run(module)
    lines = done.stdout.splitlines()
    if done.returncode:
        shown = "\n".join(line for line in lines if not line.startswith("ok "))
        pytest.fail(f"{module} on MicroPython:\n{shown}", pytrace=False)
    expected = expected_of(module)
    assert expected, f"{module} holds no test"
    assert {line[3:] for line in lines if line.startswith("ok ")} == expected
    assert lines[-1] == f"{len(expected)} passed, 0 failed"


def test_a_failing_test_is_seen(tmp_path):
    """The runner itself: a failure, an empty module and a missing one are no success."""
    for name, source in (("bad", "def test_one():\n    assert 1 == 2\n"), ("empty", "")):
        (tmp_path / f"{name}.py").write_text(source)
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[:] = sys.argv[1:]"
    for name, want in (("bad", "AssertionError"), ("empty", "0 passed"), ("gone", "ImportError")):
        if not BINARY.exists():
            pytest.fail(f"{BINARY.relative_to(ROOT)} is missing: run `make unix`", pytrace=False)
        done = subprocess.run(
            [BINARY, "-c", f"{script}\nimport run\nsys.exit(0 if run.run([{name!r}]) else 1)"],
            env=dict(os.environ, MICROPYPATH=f"{CORE}:.frozen"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1, done.stdout
        assert want in done.stdout
