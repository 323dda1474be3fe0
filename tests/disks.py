"""A board's disk, filled and read without the board: by MicroPython on this machine, whose
LittleFS is the same code as the boards'. Files of 100 kB take minutes on an emulated serial line.
"""

import subprocess

import pytest

from mpseq_tools.qemu import DISK_SIZE, firmware_path

MICROPYTHON = firmware_path("").parents[1] / "unix" / "micropython-plain"

SCRIPT = """
import os, sys, vfs
do, image, folder = sys.argv[1:]
class Disk:
    def __init__(self):
        self.file = open(image, "r+b")
    def readblocks(self, block, buffer, offset=0):
        self.file.seek(block * 4096 + offset)
        self.file.readinto(buffer)
    def writeblocks(self, block, buffer, offset=0):
        self.file.seek(block * 4096 + offset)
        self.file.write(buffer)
    def ioctl(self, command, argument):
        if command == 4:
            return SIZE // 4096
        if command == 5:
            return 4096
        if command == 6:
            self.writeblocks(argument, b"\\xff" * 4096)
            return 0
def copy(source, target):
    with open(source, "rb") as file, open(target, "wb") as out:
        while part := file.read(4096):
            out.write(part)
def walk(root, way=""):
    for name, kind, *_ in os.ilistdir(root + way):
        yield way + "/" + name, kind == 0x4000
        if kind == 0x4000:
            yield from walk(root, way + "/" + name)
disk = Disk()
if do == "fill":
    vfs.VfsLfs2.mkfs(disk)
vfs.mount(vfs.VfsLfs2(disk), "/disk")
if do == "fill":
    source, target = folder, "/disk"
else:
    source, target = "/disk", folder
for name, is_folder in walk(source):
    if is_folder:
        os.mkdir(target + name)
    else:
        copy(source + name, target + name)
vfs.umount("/disk")
"""


def _run(do, image, folder):
    if not MICROPYTHON.is_file():
        pytest.fail(f"no {MICROPYTHON}. Cure: make unix", pytrace=False)
    done = subprocess.run(
        [MICROPYTHON, "-c", SCRIPT.replace("SIZE", str(DISK_SIZE)), do, image, folder],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def fill(image, folder):
    """Makes `image` a disk with the files that are in `folder`."""
    with open(image, "wb") as file:
        file.truncate(DISK_SIZE)
    _run("fill", image, folder)
    return image


def dump(image, folder):
    """Copies all files of the disk into `folder`, which is empty or not there."""
    folder.mkdir(exist_ok=True)
    _run("dump", image, folder)
    return folder
