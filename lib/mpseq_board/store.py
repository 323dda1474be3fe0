"""Small records in files that survive a power cut, and files that are destroyed.

A record lies in two files, `<path>.0` and `<path>.1`, and a write goes into the older one. A cut
at any byte spoils that one at most, and the other holds what was there before. This asks nothing
of a file system but that it leaves other files alone: LittleFS would do with a rename, but on FAT
MicroPython's rename first removes what is in its place, and may leave two names of one file.

The check at a record's end tells one that was cut off; it is no seal. What is secret is sealed by
who writes it, and nobody can tell here whether an older copy of the whole flash was put back.
"""

import os
import sys

from mpseq.primitives import H, wipe

# Where the program runs: "system" on a desktop's operating system, or the board's family.
platform = sys.platform
if platform in ("linux", "darwin", "win32") or sys.implementation.name == "cpython":
    platform = "system"

_MAGIC = 7  # bytes, the last of them the version of what is in the record
_HEAD = 11
_CHECK = 8


class StoreError(Exception):
    """A record cannot be read or written; nothing was changed."""


def chip_id():
    """What is different on each board, machine.unique_id(); empty where there is no such thing."""
    try:
        import machine

        return machine.unique_id()
    except (ImportError, AttributeError):
        return b""


def write(path, data, mode="wb", times=1):
    """Writes a file, and returns once the file system says that it is on the medium."""
    with open(path, mode) as file:
        for _ in range(times):
            file.write(data)
        file.flush()
        if hasattr(os, "fsync"):
            os.fsync(file.fileno())
        elif hasattr(os, "sync"):
            os.sync()


class Slots:
    """`magic`: 7 bytes, the last one the version; `limit`: bytes of the largest content."""

    def __init__(self, path, magic, limit):
        self._paths = (path + ".0", path + ".1")
        self._magic = magic
        self._limit = limit
        self._next = 0  # the file that is written next
        self._counter = 0

    def read(self):
        """The contents that are whole, newest first: [(head, content)], at most two. `content` is
        a memoryview that can be wiped.

        StoreError when one is of another version, and when there were two and both are damaged.
        One alone that is damaged was cut off while the first was written: that counts as none.
        """
        found = []
        seen = self._next = self._counter = 0
        for index in (0, 1):
            try:
                with open(self._paths[index], "rb") as file:
                    size = file.seek(0, 2)
                    data = bytearray(min(size, _HEAD + self._limit + _CHECK))
                    file.seek(0)
                    file.readinto(data)
            except OSError:
                continue
            seen += 1
            view = memoryview(data)
            at = len(data) - _CHECK
            if at < _HEAD or size > len(data) or H(view[:at])[:_CHECK] != data[at:]:
                if not found:
                    self._next = index
            elif data[: _MAGIC - 1] == self._magic[:-1]:
                if data[_MAGIC - 1] != self._magic[-1]:
                    raise StoreError(
                        "%s is of version %d, and this program reads %d"
                        % (self._paths[index], data[_MAGIC - 1], self._magic[-1])
                    )
                found.append((bytes(data[:_HEAD]), view[_HEAD:at], index))
        if found:
            found.sort(key=lambda one: one[0], reverse=True)
            self._counter = int.from_bytes(found[0][0][_MAGIC:], "big")
            self._next = 1 - found[0][2]
        elif seen == 2:
            raise StoreError("%s and %s are damaged" % self._paths)
        return [one[:2] for one in found]

    def head(self):
        """What the next record begins with: who seals its content seals this with it."""
        return self._magic + (self._counter + 1).to_bytes(4, "big")

    def write(self, content):
        """Writes the next record. OSError leaves what was there before. Two writes leave nothing
        of what was there before but what the file system keeps."""
        data = bytearray(_HEAD + len(content) + _CHECK)
        data[:_HEAD] = self.head()
        data[_HEAD:-_CHECK] = content
        data[-_CHECK:] = H(memoryview(data)[:-_CHECK])[:_CHECK]
        try:
            first = not self._counter
            write(self._paths[self._next], data)
            self._counter += 1
            self._next = 1 - self._next
            if first:  # so that one that is damaged later is not taken for one never finished
                write(self._paths[self._next], data)
        finally:
            wipe(data)


def destroy(path):
    """Overwrites and removes a file, or a folder with all that is in it.

    On FAT the zeros hit the very sectors. LittleFS writes them elsewhere, and leaves the old
    blocks until it needs them: see keystore.erase.
    """
    status = os.stat(path)
    if status[0] & 0xF000 == 0x4000:
        for name in os.listdir(path):
            destroy(path + "/" + name)
        os.rmdir(path)
    else:
        try:
            write(path, bytes(256), "r+b", (status[6] + 255) // 256)
        except OSError:
            pass  # a full disk, of which LittleFS needs some
        os.remove(path)
