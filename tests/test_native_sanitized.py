"""The C binding under the address and undefined-behaviour sanitizers: vectors, and random calls.

`make sanitize` makes more of the random ones.
"""

import os
import subprocess
import time

import pytest
from native_module import BUILD, HERE, SCRIPTS, built

CALLS = int(os.environ.get("MPSEQ_RANDOM_CALLS", "30000"))
PARTS = 2  # as many processes, one after the other: each with a seed of its own


def run(*arguments, timeout=100):
    program = built(BUILD / "native" / "micropython-sanitized")
    return subprocess.run(
        [program, "-X", "heapsize=4M", *arguments],
        # the interpreter itself is not checked, and does not free at its end
        env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0", UBSAN_OPTIONS="print_stacktrace=1"),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def test_the_vectors_hold():
    vectors = HERE / "vectors" / "primitives.txt"
    count = sum(1 for line in vectors.read_text().splitlines() if not line.startswith("#"))
    done = run(HERE / "primitive_checks.py", vectors)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == f"{count} vectors hold, built in"


@pytest.mark.parametrize("part", range(PARTS))
def test_random_calls(part):
    """Half of the seeds are always the same, half are new each time; a failure names its own."""
    seed = 1 + part if part % 2 == 0 else time.time_ns() & 0x3FFFFFFF
    script = SCRIPTS / "random_calls.py"
    done = run(script, str(seed), str(CALLS // PARTS), timeout=60 + CALLS // 500)
    assert done.returncode == 0, f"seed {seed}: {done.stdout}{done.stderr}"
    words = done.stdout.split()
    counts = {name: int(count) for name, count in zip(words[::2], words[1::2], strict=True)}
    assert sum(counts.values()) == CALLS // PARTS
    assert min(counts[name] for name in ("right", "refused", "overlapping")) > CALLS // PARTS // 50


LYING = """
import ffi, uctypes, monocypher as mc
block = ffi.open(None).func("P", "malloc", "L")(32)
%s
print("not seen")
"""


@pytest.mark.parametrize(
    "call,report",
    [
        ("mc.x25519_public_key(uctypes.bytearray_at(block + 1, 32))", "heap-buffer-overflow"),
        ("mc.wipe(uctypes.bytearray_at(block, 33))", "heap-buffer-overflow"),
        ("mc.wipe(uctypes.bytearray_at(0, 1))", "null pointer"),
    ],
)
def test_a_fault_would_be_seen(call, report):
    """Buffers that say they are longer than they are."""
    done = run("-c", LYING % call)
    assert done.returncode != 0 and "not seen" not in done.stdout
    assert report in done.stderr, done.stderr
