"""`make mutants`: disables one check of the protocol core at a time and sees whether a test fails.

Each mutation of `mutations.py` is applied to a copy of lib/ and tests/core/; the tests that should
notice run first, then, if they do not, all of the core's. A mutant that no test fails for has
survived; one that does not even import is a mistake of the list. Words after the command choose
mutations by their name.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

from mutations import MUTATIONS

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TESTS_FAILED = 1  # pytest's exit status
PASSED = 0
# Slow, or about what no mutation of a check changes; the mutations name others.
LAST = ("test_full_room", "test_bad_frames", "test_conformance")


def copy_to(folder):
    """lib/ and tests/core/ as they are, in a folder of their own."""
    for part in ("lib/mpseq", "tests/core", "tests/vectors"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored, dirs_exist_ok=True)


def apply(mutation, source):
    """`source` with the mutation; ValueError unless its text is there exactly once."""
    changes = [(mutation.old, mutation.new)]
    if isinstance(mutation.old, tuple):
        changes = zip(mutation.old, mutation.new, strict=True)
    for old, new in changes:
        count = source.count(old)
        if count != 1:
            raise ValueError(f"{mutation.name}: its text is {count} times in {mutation.file}")
        source = source.replace(old, new)
    return source


def modules(folder):
    found = sorted(path.stem for path in (folder / "tests" / "core").glob("test_*.py"))
    return [name for name in found if name not in LAST] + [n for n in LAST if n in found]


def pytest(folder, names):
    """Runs these modules in `folder` until one fails; (exit status, the first failure)."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command + [f"tests/core/{name}.py" for name in names],
        cwd=folder,
        env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        timeout=900,
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode, failed[0].split(" - ")[0] if failed else done.stdout[-300:]


def try_one(mutation, folder):
    """(whether it was caught, what noticed it)"""
    path = folder / "lib" / "mpseq" / f"{mutation.file}.py"
    source = path.read_text()
    try:
        path.write_text(apply(mutation, source))
        first = list(mutation.tests)
        rest = [name for name in modules(folder) if name not in first]
        for names in (first, rest):
            status, shown = pytest(folder, names)
            if status == TESTS_FAILED:
                return True, shown.replace("FAILED tests/core/", "")
            if status != PASSED:
                return False, f"does not run: {shown}"
        return False, "no test fails"
    except (ValueError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    finally:
        path.write_text(source)


def main(words):
    chosen = [m for m in MUTATIONS if not words or any(word in m.name for word in words)]
    if not chosen:
        print("no mutation of that name")
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        free = []
        for number in range(min(len(chosen), os.cpu_count() or 1)):
            folder = pathlib.Path(temporary) / str(number)
            copy_to(folder)
            free.append(folder)
        used = sorted({name for mutation in chosen for name in mutation.tests})
        status, shown = pytest(free[0], used)
        if status != PASSED:
            print(f"the tests do not pass as they are: {shown}")
            return 2
        lock = threading.Lock()

        def work(mutation):
            with lock:
                folder = free.pop()
            try:
                return try_one(mutation, folder)
            finally:
                with lock:
                    free.append(folder)

        caught = 0
        with concurrent.futures.ThreadPoolExecutor(len(free)) as pool:
            for mutation, (good, shown) in zip(chosen, pool.map(work, chosen), strict=True):
                caught += good
                word = "caught" if good else "SURVIVED"
                print(f"{word:8}  {mutation.row:28}  {mutation.name}: {shown}", flush=True)
    print(f"{caught}/{len(chosen)} mutants caught")
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
