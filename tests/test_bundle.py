"""The library as .mpy files: small enough, and the same as its sources in all that it does."""

import ast
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


class Api:
    """Parameters of what is public in a package, by its source files or by those of a bundle."""

    def __init__(self, folder):
        self.trees = {path.stem: ast.parse(path.read_text()) for path in folder.glob("*.py")}
        self.classes = {}
        for tree in self.trees.values():
            self.classes.update({n.name: n for n in tree.body if isinstance(n, ast.ClassDef)})

    def of(self, module, name):
        """{what: its parameters} of a function, or of a class and its public methods."""
        for node in self.trees[module].body:
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                for one in node.names:
                    if (one.asname or one.name) == name:
                        return self.of(node.module, one.name)
            if getattr(node, "name", None) == name:
                if isinstance(node, ast.ClassDef):
                    return self.methods(node)
                return {"": [one.arg for one in node.args.args]}
        return {}

    def methods(self, node):
        found = {}
        for base in node.bases:
            if base.id in self.classes:
                found |= self.methods(self.classes[base.id])
        for one in node.body:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                if not one.name.startswith("_") or one.name == "__init__":
                    found[one.name] = [argument.arg for argument in one.args.args]
        return found


# Of the core what programs are given; of the others all that has no underscore.
PUBLIC = {
    "mpseq": [
        ("conversation", "Conversation"), ("conversation", "Settings"),
        ("identity", "Identity"), ("identity", "fingerprint"),
    ],
    "mpseq_aio": None,
    "mpseq_board": None,
}  # fmt: skip


@pytest.mark.parametrize("package", PUBLIC)
def test_parameters_have_the_same_names(package):
    sources = Api(ROOT / "lib" / package)
    bundled = Api(MPY.parent.parent / "mpy-sources" / package)
    public = PUBLIC[package] or [
        (module, node.name)
        for module, tree in sources.trees.items()
        for node in tree.body
        if hasattr(node, "name") and not node.name.startswith("_")
    ]
    seen = 0
    for module, name in public:
        there = module if module in bundled.trees else "core"
        want, have = sources.of(module, name), bundled.of(there, name)
        assert want == {what: have.get(what) for what in want}, (module, name)
        seen += len(want)
    assert seen > 20


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
