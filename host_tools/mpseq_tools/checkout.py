"""What only a clone of the repository has: emulated boards, MicroPython, boards' programs."""

import os
import pathlib

_ABOVE = pathlib.Path(__file__).resolve().parents[2]
# The folder of a checkout that this runs in, or None: it is installed on its own.
ROOT = _ABOVE if (_ABOVE / "firmware" / "manifest.py").is_file() else None
ELSEWHERE = (
    "it is in a clone of the repository, after `make firmware unix mip` there; then set"
    " MPSEQ_BUILD=CLONE/build"
)


def build() -> pathlib.Path:
    """Where `make` has built, by MPSEQ_BUILD or in this checkout; else a place with nothing."""
    return pathlib.Path(os.environ.get("MPSEQ_BUILD") or _ABOVE / "build")


def root() -> pathlib.Path | None:
    """The checkout: this one, or that of MPSEQ_BUILD."""
    if ROOT:
        return ROOT
    place = os.environ.get("MPSEQ_BUILD")
    return pathlib.Path(place).resolve().parent if place else None


def cure(target: str) -> str:
    """How what is missing is made."""
    return f"make {target}" if ROOT else ELSEWHERE
