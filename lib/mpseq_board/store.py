"""Small records in files that survive a power cut, and what all files here are written with.

A record lies in two files, `<path>.0` and `<path>.1`, and a write goes into the older one. A cut
at any byte spoils that one at most, and the other holds what was there before. This asks nothing
of a file system but that it leaves other files alone: LittleFS would do with a rename, but on FAT
MicroPython's rename first removes what is in its place, and may leave two names of one file.

A record is: magic 7, the last byte its version | counter 4 | content | hash of all that 8.
The hash tells one that was cut off; it is no seal. What is secret is sealed by who writes it, and
nobody can tell here whether an older copy of the whole flash was put back.
"""

import os
import sys
import time

from mpseq.primitives import H, wipe

# Where the program runs: "system" on a desktop's operating system, or the board's family.
platform = sys.platform
if platform in ("linux", "darwin", "win32") or sys.implementation.name == "cpython":
    platform = "system"
ticks = getattr(time, "ticks_cpu", None) or time.perf_counter_ns


class KeyStoreError(Exception):
    """It cannot be done, and nothing was changed. The text says why; no secret is in it."""


def chip_id():
    """What is different on each board, machine.unique_id(); empty where there is no such thing."""
    try:
        import machine

        return machine.unique_id()
    except (ImportError, AttributeError):
        return b""


def make(folder):
    """Makes a folder, if need be and if it can be: else nothing can be written there, which is
    told then."""
    try:
        os.mkdir(folder)
    except OSError:
        pass


def write(path, data, mode="wb", times=1):
    """Writes a file, and returns once the file system says that it is on the medium."""
    with open(path, mode) as file:
        if hasattr(os, "fchmod"):  # where others may use the machine
            os.fchmod(file.fileno(), 0o600)
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

        KeyStoreError when one is of another version, and when there were two and both are damaged.
        One alone that is damaged was cut off while the first was written: that counts as none.
        """
        found = []
        seen = 0
        for path in self._paths:
            try:
                with open(path, "rb") as file:
                    size = min(file.seek(0, 2), self._limit + 20)
                    data = memoryview(bytearray(size))
                    file.seek(0)
                    file.readinto(data)
            except OSError:
                continue
            seen += 1
            if size > 18 and H(data[:-8])[:8] == data[-8:]:
                if data[:7] != self._magic:
                    raise KeyStoreError("%s is of another version" % path)
                found.append((bytes(data[:11]), data[11:-8], path))
            else:
                torn = path
        if found:
            if found[0][0] < found[-1][0]:
                found.reverse()
            self._counter = int.from_bytes(found[0][0][7:], "big")
            self._next = int(found[0][2] == self._paths[0])
        elif seen == 2:
            raise KeyStoreError("%s and %s are damaged" % self._paths)
        elif seen:
            self._next = int(torn == self._paths[1])
        return found

    def head(self):
        """What the next record begins with: who seals its content seals this with it."""
        return self._magic + (self._counter + 1).to_bytes(4, "big")

    def write(self, content):
        """Writes the next record; KeyStoreError leaves what was there before. Two writes leave
        nothing of what was there before but what the file system keeps."""
        end = 11 + len(content)
        data = bytearray(end + 8)
        data[:11] = self.head()
        data[11:end] = content
        data[end:] = H(memoryview(data)[:end])[:8]
        try:
            write(self._paths[self._next], data)
            self._next = 1 - self._next
            self._counter += 1
            if self._counter == 1:  # else damage later would look like a first one cut off
                try:
                    write(self._paths[self._next], data)
                except OSError:
                    pass
        except OSError as error:
            raise KeyStoreError("%s cannot be written (%s)" % (self._paths[0], error)) from None
        finally:
            wipe(data)


def resume(folder, feed=None):
    """Brings a wipe that a cut ended to its end, if there is one (see wiping). Call it before
    anything in the folder is read."""
    try:
        os.stat(folder + ".wipe")
    except OSError:
        return
    from .wiping import erase

    erase(folder, feed)
