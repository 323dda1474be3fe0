"""What every test file may rely on."""

import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def unix_micropython():
    """Path of the unix MicroPython the repository builds; its absence is a failure, not a skip."""
    path = ROOT / "build" / "unix" / "mpseq-micropython"
    if not path.exists():
        pytest.fail(f"{path.relative_to(ROOT)} is missing. Cure: make unix", pytrace=False)
    return path
