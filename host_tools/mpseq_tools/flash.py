"""`mpseq flash`: puts a MicroPython image onto a chip of Espressif, through esptool.

What can go wrong for ever is looked at before anything is erased: is the file a whole image, and
for which chip. esptool itself refuses when another chip answers. Not tried on hardware.
"""

import importlib.util
import pathlib
import struct
import subprocess
import sys

from .faults import Fault

# Name for esptool: chip id in an image's header, address of an image that begins with the
# bootloader. "flash_offset" in MicroPython's ports/esp32/boards/*/board.json.
CHIPS = {
    "esp32": (0, 0x1000),
    "esp32s2": (2, 0x1000),
    "esp32c3": (5, 0x0),
    "esp32s3": (9, 0x0),
    "esp32c2": (12, 0x0),
    "esp32c6": (13, 0x0),
    "esp32p4": (18, 0x2000),
    "esp32c5": (23, 0x2000),
}
BAUD = 460800

_IMAGE = 0xE9
_HEADER = struct.Struct("<BBBBIB3xH")  # magic, segments, mode, size, entry, WP pin, chip id
_PARTITIONS = 0x8000  # where the table of partitions is on the flash, and how it begins
_PARTITION = b"\xaa\x50"
_UF2 = b"UF2\n"
_UF2_FAMILIES = {
    0xE48BFF56: ("Raspberry Pi Pico (W)", "RPI-RP2"),
    0xE48BFF59: ("Raspberry Pi Pico 2 (W)", "RP2350"),
    0xE48BFF5A: ("Raspberry Pi Pico 2 (W), RISC-V", "RP2350"),
}


class FlashFault(Fault):
    """Nothing was flashed, or not well."""


def chip_of(path, chip: str | None = None) -> str:
    """The chip that the image in file `path` is for; FlashFault when it is no whole image, or not
    for `chip`."""
    take = "take the .bin of this board from MicroPython's download page"
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise FlashFault(f"{path}: {error.strerror}", "name the image with --firmware") from None
    if data.startswith(_UF2):
        raise _uf2(path, data)
    if len(data) < _HEADER.size or data[0] != _IMAGE:
        raise FlashFault(f"{path} is no image for an ESP32 (it must begin with E9)", take)
    number = _HEADER.unpack_from(data)[-1]
    names = [name for name, (known, _) in CHIPS.items() if known == number]
    if not names:
        raise FlashFault(f"{path} is for a chip that is unknown here (number {number})", take)
    name = names[0]
    if chip and chip != name:
        raise FlashFault(f"{path} is for {name}, not for {chip}", take)
    at = _PARTITIONS - CHIPS[name][1]
    if data[at : at + 2] != _PARTITION:
        raise FlashFault(
            f"{path} is an application for {name} without bootloader and partitions",
            "take the .bin, not the .app-bin, which is for updates over the air",
        )
    return name


def _uf2(path, data):
    family = struct.unpack_from("<I", data, 28)[0] if len(data) >= 32 else 0
    board, drive = _UF2_FAMILIES.get(family, ("a board with a UF2 bootloader", "its drive"))
    return FlashFault(
        f"{path} is for {board}, which needs no esptool",
        f"hold its BOOTSEL button while you plug it in, copy the file onto the drive that appears"
        f" ({drive}), wait until the drive is gone; then mpseq deploy",
    )


def command(port: str, path, chip: str, baud: int = BAUD) -> list[str]:
    """The call of esptool: erases everything, writes, and compares MD5s of itself.

    It is one call because each ends with a reset: an ESP32-S3 then runs MicroPython, which is
    another USB device, and a second call would not find its port.
    """
    return [
        sys.executable, "-m", "esptool", "--chip", chip, "--port", port, "--baud", str(baud),
        "write-flash", "--erase-all", hex(CHIPS[chip][1]), str(path),
    ]  # fmt: skip


def run(port: str, path, chip: str | None = None, baud: int = BAUD, say=print) -> str:
    """Flashes; returns the chip's name. `say` takes lines of progress. FlashFault."""
    chip = chip_of(path, chip)
    if importlib.util.find_spec("esptool") is None:
        raise FlashFault("esptool is not installed", "pip install 'mpseq[flash]'")
    say("esptool erases, writes and compares …")
    try:
        subprocess.run(command(port, path, chip, baud), check=True)
    except subprocess.CalledProcessError as error:
        raise FlashFault(
            f"esptool ended with {error.returncode}; its last lines say why",
            "hold BOOT (or 0) while you press RESET and try again; --baud 115200 for a bad"
            " cable; --port if that is another device",
        ) from None
    return chip
