"""How a folder is destroyed: what a panic does. Loaded only then."""

import os

from .store import platform, write


def erase(folder, feed=None):
    """Destroys a folder, and what LittleFS has left of it where nothing shows it.

    Every file is overwritten and removed; then, but for a desktop, all free space is written once,
    which takes some 10 s for each MB of flash. `feed()` is called for each 512 bytes of that. Out
    of reach are flash outside of the file system, worn-out blocks, and what an SD card's own
    controller keeps. When a cut ends it, store.resume() goes on.
    """
    mark = folder + ".wipe"
    try:
        write(mark, b"")
    except OSError:
        pass  # a full disk; then a cut will leave what is left
    try:
        _destroy(folder)
    except OSError as error:
        if error.errno != 2:  # ENOENT: this far it was before a cut
            raise
    try:
        if platform != "system":
            with open(mark, "wb") as file:
                while True:
                    file.write(bytes(512))
                    if feed:
                        feed()
    except OSError:
        pass  # full
    os.remove(mark)


def _destroy(path):
    status = os.stat(path)
    if status[0] & 0xF000 == 0x4000:  # a folder
        for name in os.listdir(path):
            try:
                _destroy(path + "/" + name)
            except OSError:
                pass  # the others; it is told below
        os.rmdir(path)
        return
    try:  # on FAT this hits the very sectors
        write(path, bytes(256), "r+b", (status[6] + 255) // 256)
    except OSError:
        pass  # a full disk, of which LittleFS needs some
    os.remove(path)
