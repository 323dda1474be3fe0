"""Each folder of boards/ is whole, names a board that MicroPython has, and its build files are
read by the programs that build firmware: CMake, and makemanifest.py with mpy-cross."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mpseq_tools.qemu import firmware_path

ROOT = Path(__file__).resolve().parents[1]
BUILD = firmware_path("").parents[1]
MICROPYTHON = BUILD / "micropython"
BOARDS = sorted(path.parent for path in ROOT.glob("boards/*/manifest.py"))
CMAKE = [board for board in BOARDS if (board / "mpconfigboard.cmake").exists()]
NAMES = {
    "ESP32_GENERIC", "ESP32_GENERIC_C3", "ESP32_GENERIC_C6", "ESP32_GENERIC_S3",
    "RPI_PICO_W", "RPI_PICO2_W", "QEMU_RV32", "QEMU_CORTEX_M3",
}  # fmt: skip
ARCHS = ("xtensawin", "rv32imc", "armv6m", "armv7m", "armv7emsp")


def port(board):
    first = board.name.split("_")[0]
    return MICROPYTHON / "ports" / {"ESP32": "esp32", "RPI": "rp2", "QEMU": "qemu"}[first]


def by_name(boards):
    return pytest.mark.parametrize("board", boards, ids=lambda board: board.name)


def test_they_are_all_here():
    assert {board.name for board in BOARDS} == NAMES and len(CMAKE) == 6


@by_name(BOARDS)
def test_its_files_and_what_its_readme_tells(board):
    assert (board / "main.py").is_file()
    readme = (board / "README.md").read_text()
    for title in ("## Pins", "## Memory", "## Entropy"):
        assert title in readme, title
    tested = re.search(r"^\*\*Tested on:(.*)", readme, re.MULTILINE)[1]
    assert "QEMU 7.2" in tested if "QEMU" in board.name else "not tried on hardware yet" in tested
    assert any(f"**{arch}**" in readme for arch in ARCHS)
    # the pins of the program are those of the table
    pins = re.findall(r'"(?:led|neopixel|button)": ("?\w+"?),', (board / "main.py").read_text())
    for pin in pins:
        assert re.search(rf"\| `?(GP)?{pin}`? \|", readme), pin


# What has another use: flash, USB, console, buttons, what is read at a reset, another chip.
TAKEN = {
    "ESP32_GENERIC": [0, 1, 3, *range(6, 13), 15, *range(34, 40)],
    "ESP32_GENERIC_C3": [8, 9, *range(11, 22)],
    "ESP32_GENERIC_C6": [8, 9, 12, 13, 15, 16, 17, *range(24, 31)],
    "ESP32_GENERIC_S3": [0, 3, 19, 20, *range(26, 38), 43, 44, 45, 46, 48],
    "RPI_PICO_W": [0, 1, 15, 23, 24, 25, 29],
    "RPI_PICO2_W": [0, 1, 15, 23, 24, 25, 29],
}


@pytest.mark.parametrize("board", TAKEN)
def test_the_pins_of_the_examples_are_free(board):
    pins = []
    for name in ("lamp", "pager"):
        text = (ROOT / "boards" / "examples" / f"{name}.py").read_text()
        pins += re.findall(r"(?:\bPin\(|GPIO = )(\d+)", text)
    assert len(pins) == 4 and not {int(pin) for pin in pins} & set(TAKEN[board])


def stub_library(board, folder):
    """A checkout of MicroPython has micropython-lib; Debian's sources leave it out."""
    boards = port(board) / "boards"
    for manifest in (boards / "manifest.py", boards / board.name / "manifest.py"):
        if manifest.is_file():
            for name in re.findall(r'require\("(.*?)"\)', manifest.read_text()):
                package = folder / "micropython" / name
                package.mkdir(parents=True, exist_ok=True)
                (package / "manifest.py").write_text("")


@by_name(BOARDS)
def test_its_manifest_freezes_the_library(board, tmp_path):
    library = tmp_path / "lib"
    stub_library(board, library)
    # the names that MicroPython has anyway: any firmware's list of them does
    shutil.copytree(BUILD / "firmware" / "obj-qemu-rv32" / "genhdr", tmp_path / "genhdr")
    out = tmp_path / "frozen_content.c"
    command = [
        sys.executable,
        MICROPYTHON / "tools" / "makemanifest.py",
        "-o",
        out,
        "-b",
        tmp_path,
    ]
    for value in (f"MPY_DIR={MICROPYTHON}", f"MPY_LIB_DIR={library}", f"PORT_DIR={port(board)}"):
        command += ["-v", value]
    done = subprocess.run(
        [*command, "--mpy-tool-flags=-mlongint-impl=mpz", board / "manifest.py"],
        env={**os.environ, "MICROPY_MPYCROSS": str(BUILD / "mpy-cross" / "mpy-cross")},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    frozen = out.read_text()
    for name in ("mpseq/session", "mpseq_aio/chat", "mpseq_board/node", "asyncio/core"):
        assert f"{name}.py" in frozen, name
    assert "mpseq/_pymonocypher.py" not in frozen


LISTS = """
cmake_minimum_required(VERSION 3.12)
get_filename_component(MICROPY_BOARD_DIR ${MICROPY_BOARD_DIR} ABSOLUTE)
include(${MICROPY_BOARD_DIR}/mpconfigboard.cmake)
project(test C)
include(${MICROPY_DIR}/py/usermod.cmake)
foreach(name MICROPY_BOARD_DIR MICROPY_FROZEN_MANIFEST IDF_TARGET PICO_BOARD SDKCONFIG_DEFAULTS
        MICROPY_SOURCE_USERMOD MICROPY_INC_USERMOD)
    message(STATUS "${name}=${${name}}")
endforeach()
"""


def configured(board, folder):
    """What the board's definition says to CMake, read as the port reads it."""
    folder.mkdir(exist_ok=True)
    (folder / "CMakeLists.txt").write_text(LISTS)
    (folder / "boards").symlink_to(port(board) / "boards")
    command = ["cmake", "-S", folder, "-B", folder / "build"]
    command += [f"-DMICROPY_BOARD_DIR={board}", f"-DMICROPY_DIR={MICROPYTHON}"]
    command += [f"-DMONOCYPHER_DIR={BUILD / 'monocypher'}"]
    done = subprocess.run(command, capture_output=True, text=True)
    values = dict(re.findall(r"^-- ([A-Z_]+)=(.*)$", done.stdout, re.MULTILINE))
    return done, values


@by_name(CMAKE)
def test_cmake_reads_its_definition(board, tmp_path):
    done, values = configured(board, tmp_path)
    assert done.returncode == 0, done.stderr
    # its header and pins are those of MicroPython's own board
    upstream = Path(values["MICROPY_BOARD_DIR"])
    assert upstream.samefile(port(board) / "boards" / board.name)
    assert (upstream / "mpconfigboard.h").is_file()
    assert Path(values["MICROPY_FROZEN_MANIFEST"]).samefile(board / "manifest.py")
    assert values["MICROPY_SOURCE_USERMOD"].endswith("firmware/monocypher/binding.c")
    assert (Path(values["MICROPY_INC_USERMOD"]) / "monocypher.c").is_file()
    if port(board).name == "rp2":
        assert (upstream / "pins.csv").is_file()
        assert values["PICO_BOARD"] == {"RPI_PICO_W": "pico_w"}.get(board.name, "pico2_w")
    else:
        chip = board.name.removeprefix("ESP32_GENERIC").replace("_", "").lower()
        assert values["IDF_TARGET"] == ("esp32" + chip if chip else "")
        for name in values["SDKCONFIG_DEFAULTS"].split(";"):
            assert (port(board) / name).is_file(), name


def test_a_board_that_micropython_has_not_is_told(tmp_path):
    board = tmp_path / "ESP32_IMAGINED"
    board.mkdir()
    text = (CMAKE[0] / "mpconfigboard.cmake").read_text().replace(CMAKE[0].name, board.name)
    folder = "${CMAKE_CURRENT_LIST_DIR}/../.."
    (board / "mpconfigboard.cmake").write_text(text.replace(folder, str(ROOT)))
    done, _ = configured(board, tmp_path / "project")
    assert done.returncode != 0 and "has no board ESP32_IMAGINED" in done.stderr


@by_name([board for board in BOARDS if board not in CMAKE])
def test_make_knows_the_board_that_its_definition_takes(board):
    text = (board / "mpconfigboard.mk").read_text()
    (upstream,) = re.findall(r"^include (boards/\S+)$", text, re.MULTILINE)
    assert (port(board) / upstream).is_file()
