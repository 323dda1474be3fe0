"""`make mip`: a package for each architecture, whole, with hashes; and what a board may take."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest
from packages import LIBRARY, NATMODS, ROOT, VERSION, make

from mpseq_tools import mip

RV32, X64 = 11, 2


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return make(tmp_path_factory.mktemp("mip"))


@pytest.fixture
def package(packages, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(packages / "rv32imc", tmp_path / "rv32imc")


@pytest.mark.parametrize(
    "value, version, sub_version, arch",
    [
        (12038, 6, 3, "rv32imc"),  # the emulated RV32IMC board of MicroPython 1.25
        (2822, 6, 3, "x64"),  # the unix port
        (0x1F06, 6, 3, "armv7emsp"),
        (0x2B06, 6, 3, "xtensawin"),
        (0x0306, 6, 3, ""),
        (0x1A06, 6, 2, "armv7em"),
        (0x0105, 5, 1, ""),
        (12038 | 0x70000, 6, 3, "rv32imc"),  # with extensions, as newer firmware tells them
        (0x3F06, 6, 3, "number 15"),
    ],
)
def test_what_a_board_says_of_itself_is_understood(value, version, sub_version, arch):
    assert mip.Abi.decode(value) == mip.Abi(version, sub_version, arch)


def test_the_numbers_of_the_architectures_are_micropythons():
    sources = pathlib.Path((ROOT / "build" / ".stamps" / "config").read_text().split()[0])
    text = (sources / "py" / "persistentcode.h").read_text()
    numbered = text.split("MP_NATIVE_ARCH_NONE = 0,")[1].split("MP_NATIVE_ARCH_DEBUG")[0]
    theirs = [word.strip().removeprefix("mp_native_arch_") for word in numbered.lower().split(",")]
    theirs = ["", *theirs[:-1]]
    assert list(mip.ARCHITECTURES[: len(theirs)]) == theirs


def test_each_package_is_whole_and_says_its_version(packages):
    there = sorted(folder.name for folder in packages.iterdir())
    natmods = sorted(file.stem.rpartition("-")[2] for file in NATMODS.glob("*.mpy"))
    assert {"x64", "rv32imc", "armv7m"} <= set(natmods)
    assert there == sorted([*natmods, mip.LINKED])
    library = {path.relative_to(LIBRARY).as_posix() for path in LIBRARY.rglob("*.mpy")}
    for name in there:
        package = mip.load(packages / name)
        assert (package.arch, package.version) == (name, VERSION)
        native = set() if name == mip.LINKED else {mip.NATIVE}
        assert set(package.files) == library | native
        assert package.size == sum(len(data) for data in package.files.values())


def test_the_manifest_is_for_sha256sum(packages):
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", mip.MANIFEST],
        cwd=packages / "x64", capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    lines = (packages / "x64" / mip.MANIFEST).read_text().splitlines()
    files = [path for path in (packages / "x64").rglob("*") if path.is_file()]
    assert len(lines) == len(files) - 1  # all but itself


def test_the_makefiles_command_takes_the_version_of_the_project(tmp_path):
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nversion = "7.8.9"\n')
    command = [sys.executable, "-m", "mpseq_tools.mip", "--library", LIBRARY, "--natmods", NATMODS]
    command += ["--out", tmp_path / "out", "--project", project]
    old = tmp_path / "out" / "an-architecture-of-old"
    old.mkdir(parents=True)
    (old / mip.PACKAGE).write_text("{}")
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0 and "7.8.9" in result.stdout
    assert mip.load(tmp_path / "out" / "x64").version == "7.8.9"
    assert not old.exists()
    command[command.index(LIBRARY)] = tmp_path
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1 and "Cure: make mpy" in result.stderr


def spoil_a_byte(folder):
    file = folder / "mpseq" / "__init__.mpy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def lose_a_file(folder):
    (folder / "mpseq_aio" / "chat.mpy").unlink()


def change_a_hash(folder):
    change(folder, lambda package: package["sha256"].update({"mpseq/__init__.mpy": "0" * 64}))


def leave_out_a_hash(folder):
    change(folder, lambda package: package["sha256"].pop("mpseq/__init__.mpy"))


def fetch_from_elsewhere(folder):
    change(folder, lambda package: package["urls"].__setitem__(0, ["monocypher.mpy", "/etc/x"]))


def write_elsewhere(folder):
    def point(package):
        path, url = package["urls"][0]
        package["urls"][0] = ["../main.py", url]
        package["sha256"]["../main.py"] = package["sha256"].pop(path)

    change(folder, point)


def be_no_json(folder):
    (folder / mip.PACKAGE).write_text("{")


def be_of_another_version(folder):
    change(folder, lambda package: package.update(mpy="6.2"))


def change(folder, how):
    package = json.loads((folder / mip.PACKAGE).read_text())
    how(package)
    (folder / mip.PACKAGE).write_text(json.dumps(package))


@pytest.mark.parametrize(
    "spoil",
    [spoil_a_byte, lose_a_file, change_a_hash, leave_out_a_hash, fetch_from_elsewhere,
     write_elsewhere, be_no_json, be_of_another_version],
)  # fmt: skip
def test_a_package_that_was_tampered_with_is_refused(package, spoil):
    mip.load(package)
    spoil(package)
    with pytest.raises(mip.MipFault) as caught:
        mip.load(package)
    assert "make mip" in caught.value.cure


def test_a_native_module_under_a_wrong_name_is_refused(packages, package, tmp_path):
    """Its hash is right, as if somebody had renamed files: the file's own head says what it is."""
    wrong = mip.load(packages / "x64").files[mip.NATIVE]
    (package / mip.NATIVE).write_bytes(wrong)
    digest = mip.hashlib.sha256(wrong).hexdigest()
    change(package, lambda it: it["sha256"].update({mip.NATIVE: digest}))
    with pytest.raises(mip.MipFault, match="6.3 x64, not 6.3 rv32imc"):
        mip.load(package)
    natmods = tmp_path / "natmods"
    natmods.mkdir()
    (natmods / "monocypher-mpy6.3-rv32imc.mpy").write_bytes(wrong)
    with pytest.raises(mip.MipFault, match="not 6.3 rv32imc"):
        mip.build(LIBRARY, natmods, tmp_path / "out", "1")


def test_a_board_gets_the_best_package_that_runs_on_it(tmp_path):
    for arch in ("armv6m", "armv7m", "armv7emsp", "rv32imc", "xtensa", mip.LINKED):
        (tmp_path / arch).mkdir()
        (tmp_path / arch / mip.PACKAGE).touch()
    for board, package in {
        "armv7emdp": "armv7emsp",
        "armv7emsp": "armv7emsp",
        "armv7em": "armv7m",
        "armv7m": "armv7m",
        "armv6m": "armv6m",
        "rv32imc": "rv32imc",
    }.items():
        assert mip.choose(tmp_path, mip.Abi(6, 3, board), False).name == package
    assert mip.choose(tmp_path, mip.Abi(6, 3, "xtensawin"), True).name == mip.LINKED
    # A call convention that is not the same: an ESP32 does not load an ESP8266's code.
    with pytest.raises(mip.MipFault, match="no package for xtensawin") as caught:
        mip.choose(tmp_path, mip.Abi(6, 3, "xtensawin"), False)
    assert "ARCH=xtensawin" in caught.value.cure
    with pytest.raises(mip.MipFault, match="loads no native code"):
        mip.choose(tmp_path, mip.Abi(6, 3, ""), False)
    with pytest.raises(mip.MipFault, match="no packages in"):
        mip.choose(tmp_path / "nowhere", mip.Abi(6, 3, "x64"), False)


@pytest.mark.parametrize(
    "version, mpy, words",
    [
        ((1, 23, 0), 12038, "1.23.0 is too old"),
        ((1, 9, 4), 0, "too old"),
        ((1, 25, 0), 0, "imports no .mpy"),
        ((1, 30, 0), 0x2E06, "loads .mpy 6.2"),
        ((2, 0, 0), 0x2F07, "loads .mpy 7.3"),
    ],
)
def test_a_board_that_is_too_old_or_another_abi_is_refused(version, mpy, words):
    with pytest.raises(mip.MipFault, match=words) as caught:
        mip.check_board(version, mpy)
    assert "flash" in caught.value.cure
    assert mip.check_board((1, 24, 0), 12038) == mip.Abi(6, 3, "rv32imc")
