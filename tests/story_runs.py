"""Running stories on MicroPython: modules of test_* functions that need no pytest, as in core/."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

from mpseq_tools.qemu import ROOMY, Board

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORE = ROOT / "tests" / "core"
RUNNER = CORE / "run.py"
UNIX = ROOT / "build" / "unix" / "mpseq-micropython"


def modules_in(folder):
    return sorted(path.stem for path in folder.glob("test_*.py"))


def names_of(folder, module):
    """The names that pytest finds in a module: those MicroPython must have run."""
    tree = ast.parse((folder / f"{module}.py").read_text())
    found = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {f"{module}.{name}" for name in found if name.startswith("test_")}


def on_unix(*arguments, folders, heap="32M"):
    """Calls run.py with these arguments; modules are looked for in `folders`, then in lib."""
    if not UNIX.exists():
        pytest.fail(f"{UNIX.relative_to(ROOT)} is missing. Cure: make unix", pytrace=False)
    path = ":".join(map(str, [*folders, ROOT / "lib", CORE, ".frozen"]))
    return subprocess.run(
        [UNIX, "-X", f"heapsize={heap}", RUNNER, *arguments],
        env=dict(os.environ, MICROPYPATH=path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


def on_board(folder, module):
    """The stories of a module on an emulated board, with more heap than real ones have: one may
    hold a whole room, or several disks."""
    program = RUNNER.read_text().split("if __name__")[0]
    with Board(ROOMY) as board:
        return subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", board.port, "mount", folder, "exec",
             f"{program}\nrun([{module!r}])"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        )  # fmt: skip


def check(done, folder, module):
    """Every story of the module was run, and each went well."""
    lines = done.stdout.splitlines()
    expected = names_of(folder, module)
    if done.returncode or lines[-1:] != [f"{len(expected)} passed, 0 failed"]:
        shown = "\n".join(line for line in lines if not line.startswith("ok "))
        pytest.fail(f"{module} on MicroPython:\n{shown}", pytrace=False)
    assert expected, f"{module} holds no test"
    assert {line[3:] for line in lines if line.startswith("ok ")} == expected
