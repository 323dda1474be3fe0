"""What the tests of the native module share: its builds, and `probe` (native/probe.c) with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mpseq_tools.qemu import BOARDS, Board, firmware_path

HERE = Path(__file__).parent
SCRIPTS = HERE / "native"
BUILD = firmware_path("").parents[1]
ARCH = {"unix": "x64", "qemu-rv32": "rv32imc", "qemu-cortex-m3": "armv7m"}
# Linked into a firmware, and as the .mpy; on this machine and on the emulated boards.
LINKS = ("linked", "mpy")
BOARD_BUILDS = [(name, link) for name in BOARDS for link in LINKS]


def built(path):
    if not path.is_file():
        pytest.fail(f"no {path}. Cure: make probes natmods firmware", pytrace=False)
    return path


def fill_folder(folder, machine, link):
    """Puts the module, unless it is linked, and `probe` where they can be imported."""
    arch = ARCH[machine]
    (folder / "probe.mpy").write_bytes(built(BUILD / "native" / f"probe-{arch}.mpy").read_bytes())
    if link == "mpy":
        module = built(BUILD / "natmod" / f"monocypher-mpy6.3-{arch}.mpy")
        (folder / "monocypher.mpy").write_bytes(module.read_bytes())


def unix_command(link):
    name = "mpseq-micropython" if link == "linked" else "micropython-plain"
    return [built(BUILD / "unix" / name), "-X", "heapsize=8M"]


def run_unix(command, folder, timeout=120):
    """Runs a script with the modules in `folder`; returns what it printed."""
    path = f"{folder}:{SCRIPTS}:.frozen"
    environment = dict(os.environ, MICROPYPATH=path)
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class ProbedBoard(Board):
    """A board on which `monocypher` and `probe` have been imported from `folder`."""

    def __init__(self, name, link, folder, **options):
        fill_folder(folder, name, link)
        built(firmware_path(name, link == "linked"))
        super().__init__(name, link == "linked", **options)
        # what was imported stays when the folder is taken away again
        done = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", self.port, "mount", ".", "exec"]
            + ["import monocypher, probe"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            self.close()
            pytest.fail(done.stdout + done.stderr)
