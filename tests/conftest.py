"""What every test file may rely on."""

import pathlib
import signal

import pytest

# A shell starts what runs in its background deaf to Ctrl-C, and so are all whom that starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def unix_micropython():
    """Path of the unix MicroPython the repository builds; its absence is a failure, not a skip."""
    path = ROOT / "build" / "unix" / "mpseq-micropython"
    if not path.exists():
        pytest.fail(f"{path.relative_to(ROOT)} is missing. Cure: make unix", pytrace=False)
    return path
