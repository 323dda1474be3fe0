"""The packages of `make mip`, made for a test from what `make test` has built."""

import pathlib

from mpseq_tools import mip

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "build" / "mpy"
NATMODS = ROOT / "build" / "natmod"
VERSION = "0.0.1"


def make(folder):
    """Writes them into `folder`, and returns it."""
    mip.build(LIBRARY, NATMODS, folder, VERSION)
    return folder
