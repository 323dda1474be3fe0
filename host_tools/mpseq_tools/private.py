"""Files that only their owner may read, written so that a reader sees the old or the new one.

`fault` in these functions is the subclass of Fault that the caller raises.
"""

import contextlib
import os
import pathlib
import stat
import tempfile


def refuse_wide(path: pathlib.Path, mode: int, fault):
    """A fault when others may do more with `path` than `mode` says, or it is somebody else's."""
    if os.name != "posix":
        return
    found = path.stat()
    if found.st_uid != os.getuid():
        raise fault(f"{path} belongs to another user", "set MPSEQ_HOME to a folder of yours")
    wide = stat.S_IMODE(found.st_mode) & ~mode
    if wide:
        raise fault(
            f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):o})",
            f"chmod {mode:o} '{path}'; if others use this machine, start with a new identity",
        )


def unusable(path: pathlib.Path, error: OSError, fault):
    """The fault for a file beside the identity."""
    return fault(
        f"cannot use {path}: {error.strerror or error}", "check the folder, or set MPSEQ_HOME"
    )


def folder_of(path: pathlib.Path, fault):
    """Makes the folder of a file, mode 0700, when it is not there; refuses it when it is open."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_wide(path.parent, 0o700, fault)


def narrow(fd: int):
    """Nobody but its owner may read an open file from now on, also one that was there before;
    pipes and terminals stay as they are. OSError."""
    if os.name == "posix" and stat.S_ISREG(os.fstat(fd).st_mode):
        os.fchmod(fd, 0o600)


def write(path: pathlib.Path, data: bytes, replace: bool) -> bool:
    """Writes a whole file, mode 0600, at once. Without `replace` a file that is there, even one
    made by another process meanwhile, stays as it is: then the answer is False. OSError."""
    fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, path)
            done = True
        else:
            done = _publish(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    _settle(path.parent)
    return done


def _publish(temporary, path):
    # A link, unlike a rename, never replaces what another process made meanwhile.
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if path.exists():
            return False
        os.replace(temporary, path)
    return True


def _settle(folder):
    """The name, too, survives a power cut."""
    if os.name == "posix":
        with contextlib.suppress(OSError):  # some network file systems refuse
            fd = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
