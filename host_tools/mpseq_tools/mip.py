"""The library as packages for `mip`, one per native architecture, and what a board can take.

    python -m mpseq_tools.mip --library build/mpy --natmods dist/natmod --out dist/mip

`mip` and `mpremote mip` choose no architecture and compare no hash of what they copy from a
folder: therefore a folder for each, and SHA-256 in `package.json` (under "sha256", which mip
passes over) and in `MANIFEST.sha256` (for `sha256sum -c`). `mpseq deploy` checks the former.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import sys
import tomllib

from . import checkout
from .faults import Fault

ABI = (6, 3)  # .mpy version and, for native code, sub-version: MicroPython 1.23 and later
OLDEST = (1, 24)  # before it, the collector could free a native module's data
LINKED = "linked"  # the package without native code, for firmware that has Monocypher inside
NATIVE = "monocypher.mpy"
PACKAGE = "package.json"
MANIFEST = "MANIFEST.sha256"

# By number: docs/reference/mpyfiles.rst and py/persistentcode.h of MicroPython.
ARCHITECTURES = (
    "", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp",
    "xtensa", "xtensawin", "rv32imc", "rv64imc",
)  # fmt: skip
# An ARM loads the code of lesser ones too (MPY_FEATURE_ARCH_TEST): the best first.
_ARMS = ("armv7emdp", "armv7emsp", "armv7em", "armv7m", "armv6m")


class MipFault(Fault):
    """A package that cannot be made or used."""


@dataclasses.dataclass(frozen=True)
class Abi:
    """What `sys.implementation._mpy` says: version and sub-version of .mpy, architecture."""

    version: int
    sub_version: int
    arch: str

    @classmethod
    def decode(cls, value: int):
        """Of the integer: version in bits 0-7, sub-version in 8-9, architecture in 10-13; above
        these, newer firmware tells of extensions of the architecture, which we need not."""
        number = value >> 10 & 0x0F
        known = number < len(ARCHITECTURES)
        return cls(
            value & 0xFF, value >> 8 & 3, ARCHITECTURES[number] if known else f"number {number}"
        )

    @classmethod
    def of_file(cls, data: bytes):
        """Of the head of an .mpy file; MipFault when it is none."""
        if len(data) < 4 or data[0] != ord("M"):
            raise MipFault("not an .mpy file", "make mip")
        return cls.decode(data[1] | data[2] << 8)

    def __str__(self):
        return f"{self.version}.{self.sub_version} {self.arch or 'without native code'}"

    def loadable(self) -> tuple[str, ...]:
        """Architectures whose code this one runs, the best first."""
        if self.arch in _ARMS:
            return _ARMS[_ARMS.index(self.arch) :]
        return (self.arch,) if self.arch else ()


@dataclasses.dataclass(frozen=True)
class Package:
    """A verified package: `files` maps the path under the board's lib folder to its bytes."""

    arch: str
    version: str
    files: dict[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))


def build(library, natmods, out, version: str) -> list[str]:
    """Writes a package for each native module in `natmods` and one without; their names.

    `library`: the tree of `make mpy`. Each is complete before it gets its name. MipFault.
    """
    library, out = pathlib.Path(library), pathlib.Path(out)
    files = {
        path.relative_to(library).as_posix(): path.read_bytes()
        for path in sorted(library.rglob("*.mpy"))
    }
    if "mpseq/__init__.mpy" not in files:
        raise MipFault(f"no library in {library}", "make mpy")
    for path, data in files.items():
        _check_head(path, data, "")
    pattern = f"monocypher-mpy{ABI[0]}.{ABI[1]}-*.mpy"
    modules = {path.stem.rpartition("-")[2]: path for path in pathlib.Path(natmods).glob(pattern)}
    if not modules:
        raise MipFault(f"no native module in {natmods}", "make natmods")
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():  # of an earlier time, with an architecture that is no more
        if old.is_dir() and old.name not in modules and (old / PACKAGE).exists():
            shutil.rmtree(old)
    for arch, path in sorted(modules.items()):
        native = path.read_bytes()
        _check_head(NATIVE, native, arch)
        _write(out / arch, arch, version, {NATIVE: native, **files})
    _write(out / LINKED, LINKED, version, files)
    return [*sorted(modules), LINKED]


def _write(folder, arch, version, files):
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for path, data in files.items():
        (fresh / path).parent.mkdir(parents=True, exist_ok=True)
        (fresh / path).write_bytes(data)
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    package = {
        "urls": [[path, path] for path in files],
        "deps": [],
        "version": version,
        "arch": arch,
        "mpy": f"{ABI[0]}.{ABI[1]}",
        "sha256": hashes,
    }
    text = json.dumps(package, indent=1) + "\n"
    (fresh / PACKAGE).write_text(text)
    hashes[PACKAGE] = hashlib.sha256(text.encode()).hexdigest()
    lines = [f"{digest}  {path}\n" for path, digest in sorted(hashes.items())]
    (fresh / MANIFEST).write_text("".join(lines))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(fresh, folder)


def load(folder) -> Package:
    """A package, every file of it compared with its hash and its head; MipFault."""
    folder = pathlib.Path(folder)
    cure = "run `make mip` again; if you did not change it, ask who did"
    try:
        package = json.loads((folder / PACKAGE).read_text("utf-8"))
        arch, version, hashes = package["arch"], package["version"], package["sha256"]
        urls = dict(package["urls"])
        if package["mpy"] != f"{ABI[0]}.{ABI[1]}" or urls.keys() != hashes.keys():
            raise ValueError("hashes and files do not belong together")
    except OSError as error:
        raise MipFault(f"no package in {folder}: {error.strerror}", "make mip") from None
    except (ValueError, KeyError, TypeError) as error:
        raise MipFault(f"{folder / PACKAGE} is damaged ({error})", cure) from None
    files = {}
    for path, url in urls.items():
        if not all(re.fullmatch(r"[A-Za-z0-9_][\w.]*", part) for part in path.split("/")):
            raise MipFault(f"{folder / PACKAGE} names a path {path!r}", cure)
        try:
            if url != path:
                raise OSError(f"elsewhere: {url}")
            data = (folder / path).read_bytes()
        except OSError as error:
            raise MipFault(f"{folder / path}: {error.strerror or error}", cure) from None
        if hashlib.sha256(data).hexdigest() != hashes[path]:
            raise MipFault(f"{folder / path} is not what its hash says", cure)
        _check_head(path, data, arch if path == NATIVE else "")
        files[path] = data
    if "mpseq/__init__.mpy" not in files or (NATIVE in files) != (arch != LINKED):
        raise MipFault(f"{folder / PACKAGE} is not complete", cure)
    return Package(arch, version, files)


def _check_head(path, data, arch):
    """MipFault unless an .mpy is of our version and, if native, for `arch`."""
    abi = Abi.of_file(data)
    if abi.version != ABI[0] or abi.arch != arch or (arch and abi.sub_version != ABI[1]):
        wanted = f"{ABI[0]}.{ABI[1]} {arch or 'without native code'}"
        raise MipFault(
            f"{path} is .mpy {abi}, not {wanted}", "run `make mip` again; do not rename files"
        )


def choose(folder, abi: Abi, linked: bool) -> pathlib.Path:
    """The package's folder for a board; MipFault when there is none for it."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise MipFault(
            f"no packages in {folder}", f"{checkout.cure('mip')}; or name the folder with --dist"
        )
    if linked:
        return folder / LINKED
    for arch in abi.loadable():
        if (folder / arch / PACKAGE).exists():
            return folder / arch
    there = ", ".join(sorted(path.parent.name for path in folder.glob(f"*/{PACKAGE}")))
    cure = f"make natmod ARCH={abi.arch} and make mip, or firmware with Monocypher linked in"
    if not abi.arch:
        cure = "use firmware that loads native code, or one with Monocypher linked in"
    raise MipFault(
        f"no package for {abi.arch or 'a board that loads no native code'} (there are {there})",
        cure,
    )


def check_package(package: Package, abi: Abi, linked: bool):
    """MipFault unless a package runs on a board: its folder's name is nobody's word."""
    if package.arch != LINKED and package.arch not in abi.loadable():
        raise MipFault(
            f"the package says that it is for {package.arch}, this board is {abi.arch}",
            "run `make mip` again; do not rename folders",
        )
    if package.arch == LINKED and not linked:
        raise MipFault("the package is for firmware with Monocypher inside", "make mip")


def check_board(version: tuple, mpy: int | None) -> Abi:
    """The board's Abi; MipFault when its MicroPython is too old, or another ABI than ours."""
    spoken = ".".join(map(str, version[:3]))
    if tuple(version[:2]) < OLDEST:
        raise MipFault(
            f"MicroPython {spoken} is too old: native modules need {OLDEST[0]}.{OLDEST[1]}",
            "flash a newer image: mpseq flash --firmware FILE",
        )
    if not mpy:
        raise MipFault(
            f"this MicroPython {spoken} imports no .mpy files",
            "flash the stock image, or one with mpseq inside",
        )
    abi = Abi.decode(mpy)
    if (abi.version, abi.sub_version) != ABI:
        raise MipFault(
            f"this board loads .mpy {abi.version}.{abi.sub_version}, the packages are"
            f" {ABI[0]}.{ABI[1]}",
            "flash a MicroPython with that .mpy version (as 1.24 has), or take the mpseq for it",
        )
    return abi


def _main():
    parser = argparse.ArgumentParser(description="Write the packages for mip.")
    for name in ("library", "natmods", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--project", required=True, help="the pyproject.toml with the version")
    given = parser.parse_args()
    with open(given.project, "rb") as file:
        version = tomllib.load(file)["project"]["version"]
    try:
        names = build(given.library, given.natmods, given.out, version)
    except MipFault as fault:
        sys.exit(f"{fault}\nCure: {fault.cure}")
    print(f"mpseq {version} for {', '.join(names)}")


if __name__ == "__main__":
    _main()
