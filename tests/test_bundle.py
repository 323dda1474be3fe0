"""The library as .mpy files: small enough, and the same as its sources in all that it does."""

import os
import shutil

import pytest
from story_runs import CORE, ROOT, modules_in, on_unix

MPY = ROOT / "build" / "mpy" / "mpseq"
MOST = 45_000  # bytes of all of lib/mpseq
# What goes through the most different code; MPSEQ_TWINS=all takes every module.
MODULES = (
    "test_control", "test_insider_aborts", "test_insider_policies",
    "test_insider_silence", "test_parts", "test_parts_span", "test_rekeying", "test_same_identity",
    "test_suite_2", "test_testimony",
)  # fmt: skip


def modules():
    every = modules_in(CORE)
    if os.environ.get("MPSEQ_TWINS") == "all":
        return every
    return [module for module in MODULES if module in every]


@pytest.fixture(scope="module", autouse=True)
def built():
    if not MPY.is_dir():
        pytest.fail("no build/mpy. Cure: make mpy", pytrace=False)


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Folders with a package `twin`: the .mpy files, and the sources."""
    folder = tmp_path_factory.mktemp("twins")
    shutil.copytree(MPY, folder / "mpy" / "twin")
    sources = shutil.ignore_patterns("__pycache__", "*.md")
    shutil.copytree(ROOT / "lib" / "mpseq", folder / "sources" / "twin", ignore=sources)
    return folder


def compared(folder, module):
    """(pairs, calls, what differed) of the tests of a module with twins from this folder."""
    done = on_unix("--twin", "twin", module, folders=[folder], heap="64M")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, "\n".join(line for line in lines if not line.startswith("ok "))
    pairs, _, calls, _, _, _ = lines[-1].split()
    return int(pairs), int(calls), sorted(line for line in lines if line.startswith("differs "))


def test_it_is_small_enough():
    sizes = {path.name: path.stat().st_size for path in MPY.iterdir()}
    assert sum(sizes.values()) <= MOST, sizes


@pytest.mark.parametrize("module", modules())
def test_every_conversation_is_the_same_in_the_mpy_files(twins, module):
    """Tests that reach into a conversation make it differ from its twin: from a twin of the same
    sources in the same way, at the same call, as from the one in the .mpy files."""
    pairs, calls, differ = compared(twins / "mpy", module)
    assert pairs >= 2 and calls >= 20 * pairs / 2
    assert len(differ) <= pairs / 2
    assert not [line for line in differ if "NameError" in line or "AttributeError" in line]
    assert (pairs, calls, differ) == compared(twins / "sources", module)


def test_a_twin_that_is_not_the_same_is_found(twins):
    folder = twins / "other"
    shutil.copytree(twins / "sources", folder)
    file = folder / "twin" / "session.py"
    text = file.read_text()
    assert text.count('b"transcript"') >= 1
    file.write_text(text.replace('b"transcript"', 'b"transcripT"'))
    assert compared(folder, "test_two_people") != compared(twins / "sources", "test_two_people")
