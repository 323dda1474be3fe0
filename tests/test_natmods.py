"""The native module for each architecture: whether it is what its name says, fits, and computes.

x64, rv32imc and armv7m run in test_primitives. Here run those whose machine is built for this
alone: the other Arm cores on QEMU, and x86 on this machine. xtensa is linked and never run:
there is no machine for it here.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_primitives import CHECKS, COUNT, UNIX_HEAP, VECTORS, run_on_board

from mpseq_tools.qemu import firmware_path

ROOT = Path(__file__).resolve().parents[1]
BUILD = firmware_path("").parents[1]
# MicroPython's numbers, and the most bytes that the module may take of a board's heap.
ARCHS = {
    "x86": (1, None), "x64": (2, 23_500), "armv6m": (4, 23_000), "armv7m": (5, 19_500),
    "armv7emsp": (7, 19_500), "armv7emdp": (8, 19_500), "xtensa": (9, None),
    "rv32imc": (11, 25_000),
}  # fmt: skip
CORES = {"armv6m": "m0", "armv7emsp": "m4", "armv7emdp": "m7"}


def natmod(arch):
    path = BUILD / "natmod" / f"monocypher-mpy6.3-{arch}.mpy"
    if not path.is_file():
        pytest.fail(f"no {path}. Cure: make natmods", pytrace=False)
    return path.read_bytes()


@pytest.mark.parametrize("arch", [arch for arch in ARCHS if arch != "xtensa"])
def test_its_header_its_size_and_no_path_of_this_machine(arch):
    number, most = ARCHS[arch]
    module = natmod(arch)
    assert module[:4] == bytes([ord("M"), 6, number << 2 | 3, 31])
    assert most is None or len(module) <= most
    assert b"monocypher.mpy" in module[:40] and os.fsencode(ROOT) not in module


@pytest.mark.parametrize("arch", CORES)
def test_on_another_arm_core(arch, tmp_path):
    arch_and_words = run_on_board(f"qemu-cortex-{CORES[arch]}", False, tmp_path, natmod(arch))
    assert arch_and_words == (ARCHS[arch][0], f"{COUNT} monocypher.mpy")


def test_on_this_machine_with_32_bits(tmp_path):
    (tmp_path / "monocypher.mpy").write_bytes(natmod("x86"))
    program = BUILD / "unix" / "micropython-x86"
    done = subprocess.run(
        [program, "-X", f"heapsize={UNIX_HEAP}", CHECKS, VECTORS],
        env={"MICROPYPATH": f"{tmp_path}:.frozen"}, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.stdout.strip() == f"{COUNT} vectors hold, {tmp_path}/monocypher.mpy", done.stderr


def make(*arguments, path):
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "MAKEFLAGS": ""}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def test_the_esp32_module_is_made_where_its_compiler_is(tmp_path):
    done = make("-n", "natmods", path=tmp_path)
    assert "Not made: xtensawin" in done.stdout and "xtensa-esp32-elf-gcc" in done.stdout
    assert done.returncode == 0 and "ARCH=xtensawin" not in done.stdout
    # Somebody insists: what is missing, and no more.
    folder = ["-C", "firmware/monocypher/natmod", f"MPY_DIR={BUILD}/micropython"]
    folder += [f"MONOCYPHER_DIR={BUILD}/monocypher", f"BUILD={tmp_path}", "ARCH=xtensawin"]
    folder += [f"PYTHON={sys.executable}"]
    done = make(*folder, path=tmp_path)
    assert done.returncode != 0 and "needs xtensa-esp32-elf-gcc of the ESP-IDF" in done.stderr
    # With a compiler of that name it is asked to compile.
    compiler = tmp_path / "xtensa-esp32-elf-gcc"
    answers = "case $* in *libgcc* | *libm*) echo /dev/null ;; *) exit 1 ;; esac"
    compiler.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{answers}\n')
    compiler.chmod(0o755)
    done = make("-n", "natmods", path=tmp_path)
    assert "ARCH=xtensawin" in done.stdout and "Not made" not in done.stdout
    make(*folder, path=tmp_path)
    assert "-fwhole-program" in (tmp_path / "calls").read_text()
