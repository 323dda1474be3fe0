"""`mpseq flash` looks at the file first, then erases, writes and compares through esptool.

No chip is here: esptool is a stand-in that notes how it is called. What the real one would say to
such a call is asked of its own argument parser.
"""

import contextlib
import hashlib
import json
import os
import struct
import subprocess
import sys
from unittest import mock

import pytest

from mpseq_tools import flash, ports

STAND_IN = """
import json, os, sys
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
sys.exit(3 if os.environ.get("FAIL", "-") in sys.argv else 0)
"""


def image(chip, whole=True):
    number, offset = flash.CHIPS[chip]
    head = struct.pack("<BBBBIB3xH", 0xE9, 3, 2, 0x20, 0x40380000, 0xEE, number)
    data = bytearray(head.ljust(0x9000, b"\xff"))
    if whole:
        at = 0x8000 - offset
        data[at : at + 2] = b"\xaa\x50"
    return bytes(data)


def uf2(family):
    return (b"UF2\n" + bytes(24) + struct.pack("<I", family)).ljust(512, b"\0")


@pytest.fixture
def esptool(tmp_path, monkeypatch):
    """A stand-in; calls what it was called with, and `mpseq flash` on a file."""
    package = tmp_path / "stand-in" / "esptool"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(STAND_IN)
    calls = tmp_path / "calls"
    calls.touch()
    environment = dict(os.environ, PYTHONPATH=str(package.parent), CALLS=str(calls))

    class Tool:
        def flash(self, data, *options, answer="y\n", **variables):
            file = tmp_path / "image.bin"
            file.write_bytes(data)
            command = [sys.executable, "-m", "mpseq_tools", "flash", "--port", "/dev/ttyNO"]
            return subprocess.run(
                [*command, "--firmware", str(file), *options],
                env={**environment, **variables}, input=answer, capture_output=True, text=True,
            )  # fmt: skip

        def calls(self):
            return [json.loads(line) for line in calls.read_text().splitlines()]

    return Tool()


@pytest.mark.parametrize(
    "chip, address",
    [("esp32", "0x1000"), ("esp32s2", "0x1000"), ("esp32c3", "0x0"), ("esp32s3", "0x0"),
     ("esp32c6", "0x0")],
)  # fmt: skip
def test_an_image_is_erased_for_written_and_compared_at_its_chips_address(esptool, chip, address):
    result = esptool.flash(image(chip))
    assert result.returncode == 0, result.stderr
    (call,) = esptool.calls()  # a second one would find MicroPython there, at another port
    assert call[:4] == ["--chip", chip, "--port", "/dev/ttyNO"]
    assert call[6:-1] == ["write-flash", "--erase-all", address]
    assert call[-1].endswith("image.bin")


def test_nothing_is_erased_without_a_yes(esptool):
    result = esptool.flash(image("esp32c3"), answer="n\n")
    assert result.returncode == 1 and "identity" in result.stdout
    assert not esptool.calls()
    assert esptool.flash(image("esp32c3"), "--yes", answer="").returncode == 0


@pytest.mark.parametrize(
    "data, options, words",
    [
        (b"\x7fELF" + bytes(100), (), "no image for an ESP32"),
        (b"", (), "no image for an ESP32"),
        (image("esp32c3"), ("--chip", "esp32s3"), "is for esp32c3, not for esp32s3"),
        (image("esp32c3").replace(b"\x05\x00", b"\x63\x00", 1), (), "unknown here (number 99)"),
        (image("esp32c3", whole=False), (), "not the .app-bin"),
        (image("esp32", whole=False), (), "without bootloader"),
        (uf2(0xE48BFF56), (), "RPI-RP2"),
        (uf2(0xE48BFF59), (), "RP2350"),
        (uf2(1), (), "BOOTSEL"),
    ],
)
def test_a_file_that_is_not_for_the_chip_is_refused_before_anything_happens(
    esptool, data, options, words
):
    result = esptool.flash(data, *options)
    assert result.returncode == 2 and words in result.stderr and "Cure: " in result.stderr
    assert not esptool.calls()


def test_when_esptool_fails_the_flash_has_failed(esptool):
    result = esptool.flash(image("esp32c6"), FAIL="write-flash")
    assert result.returncode == 2 and "esptool ended with 3" in result.stderr
    assert "Cure: " in result.stderr and "MicroPython is on it" not in result.stdout


def test_without_esptool_it_says_how_to_get_it(tmp_path, monkeypatch):
    file = tmp_path / "image.bin"
    file.write_bytes(image("esp32"))
    monkeypatch.setattr(flash.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(flash.FlashFault) as caught:
        flash.run("/dev/ttyNO", file)
    assert "mpseq[flash]" in caught.value.cure


def test_the_real_esptool_knows_these_chips_addresses_and_words():
    from esptool import targets

    theirs = {
        rom.CHIP_NAME.lower().replace("-", ""): (rom.IMAGE_CHIP_ID, rom.BOOTLOADER_FLASH_OFFSET)
        for rom in vars(targets).values()
        if getattr(rom, "IMAGE_CHIP_ID", None) is not None
    }
    assert {name: theirs[name] for name in flash.CHIPS} == flash.CHIPS
    command = flash.command("/dev/mpseq-no-such-port", __file__, "esp32c3")
    # Its parser takes the whole line; only then it finds that the port is not there.
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2 and "No such option" not in result.stdout + result.stderr
    assert "mpseq-no-such-port" in result.stdout + result.stderr


@pytest.mark.parametrize("kept", (True, False))
def test_the_real_esptool_erases_first_and_compares_in_the_one_call(monkeypatch, kept):
    """What the one call rests on: it has no word for comparing."""
    from esptool import cmds, util

    data = image("esp32c3")
    chip = mock.MagicMock(CHIP_NAME="ESP32-C3", IS_STUB=True, secure_download_mode=False)
    chip.configure_mock(FLASH_WRITE_SIZE=0x4000, FLASH_SECTOR_SIZE=4096, WRITE_FLASH_ATTEMPTS=1)
    for asked in ("secure_boot", "secure_boot_v1", "flash_encryption", "encrypted_download"):
        getattr(chip, f"get_{asked}_enabled").return_value = False
        getattr(chip, f"get_{asked}_disabled").return_value = False
    chip.flash_md5sum.return_value = hashlib.md5(data if kept else data[:-1]).hexdigest()
    monkeypatch.setattr(cmds, "detect_flash_size", lambda esp: "4MB")
    with contextlib.nullcontext() if kept else pytest.raises(util.FatalError, match="MD5"):
        cmds.write_flash(chip, [(0, data)], erase_all=True)
    steps = ("erase_flash", "flash_defl_block", "flash_md5sum")
    assert [name for name, *_ in chip.method_calls if name in steps] == list(steps)
    assert chip.flash_md5sum.call_args.args == (0, len(data))


class Port:
    def __init__(self, device, vid):
        self.device = device
        self.vid = vid
        self.description = f"thing at {device}"


@pytest.mark.parametrize(
    "there, words",
    [
        ([], "no board on USB"),
        ([Port("/dev/ttyS0", None)], "no board on USB"),
        ([Port("/dev/ttyACM1", 9), Port("/dev/ttyACM0", 9)], "2 boards on USB"),
    ],
)
def test_no_port_or_several_are_said_with_the_cure(monkeypatch, there, words):
    monkeypatch.setattr(ports.list_ports, "comports", lambda: there)
    with pytest.raises(ports.PortFault) as caught:
        ports.choose(None)
    assert words in str(caught.value) and "--port" in caught.value.cure + str(caught.value)
    assert ports.choose("/dev/ttyACM1") == "/dev/ttyACM1"


def test_the_only_board_is_taken(monkeypatch):
    there = [Port("/dev/ttyS0", None), Port("/dev/ttyACM0", 9)]
    monkeypatch.setattr(ports.list_ports, "comports", lambda: there)
    assert ports.choose(None) == "/dev/ttyACM0"
