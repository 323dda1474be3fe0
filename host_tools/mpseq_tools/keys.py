"""The identity on a desktop: one file per profile, readable by its owner only.

In the user's configuration folder by the platform's convention, or in `MPSEQ_HOME`. The file
holds one line: `mpseq-identity-1 ` and the secret key in hex (64 digits).
"""

import contextlib
import os
import pathlib
import stat
import sys
import tempfile

from mpseq import Identity

from .faults import Fault

_HEAD = "mpseq-identity-1 "


class KeyFault(Fault):
    """The identity cannot be used."""


def folder() -> pathlib.Path:
    """Where identities are kept."""
    if home := os.environ.get("MPSEQ_HOME"):
        return pathlib.Path(home)
    if sys.platform == "win32":
        return pathlib.Path(os.environ.get("APPDATA") or pathlib.Path.home()) / "mpseq"
    if sys.platform == "darwin":
        return pathlib.Path.home() / "Library" / "Application Support" / "mpseq"
    base = os.environ.get("XDG_CONFIG_HOME") or pathlib.Path.home() / ".config"
    return pathlib.Path(base) / "mpseq"


def path_of(profile: str) -> pathlib.Path:
    """File of a profile; KeyFault when the name cannot be a file's."""
    if not profile or not all(c.isalnum() or c in "-_" for c in profile) or len(profile) > 64:
        raise KeyFault(
            f"{profile!r} cannot name a profile", "use letters, digits, - and _ (at most 64)"
        )
    return folder() / f"{profile}.key"


def load(profile: str = "default"):
    """`(identity, created)`: the profile's identity, made now when there is none. KeyFault."""
    path = path_of(profile)
    try:
        if not path.exists():
            _create(path, Identity.generate(os.urandom))
            return _read(path), True
        return _read(path), False
    except OSError as error:
        raise KeyFault(
            f"cannot use {path}: {error.strerror or error}", "check the folder, or set MPSEQ_HOME"
        ) from None


def _read(path):
    _refuse_wide(path.parent, 0o700)
    _refuse_wide(path, 0o600)
    text = path.read_text("ascii", errors="replace").strip()
    try:
        if not text.startswith(_HEAD):
            raise ValueError
        secret = bytes.fromhex(text[len(_HEAD) :])
        if len(secret) != 32:
            raise ValueError
    except ValueError:
        raise KeyFault(
            f"{path} holds no identity",
            "restore it from a copy, or move it away to get a new identity",
        ) from None
    return Identity(secret)


def _refuse_wide(path, mode):
    """KeyFault when others may do anything with `path`, or it belongs to somebody else."""
    if os.name != "posix":
        return
    found = path.stat()
    if found.st_uid != os.getuid():
        raise KeyFault(f"{path} belongs to another user", "set MPSEQ_HOME to a folder of yours")
    wide = stat.S_IMODE(found.st_mode) & ~mode
    if wide:
        raise KeyFault(
            f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):o})",
            f"chmod {mode:o} '{path}'; if others use this machine, start with a new identity",
        )


def _create(path, identity):
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_wide(path.parent, 0o700)
    fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(fd, "w") as file:
            file.write(f"{_HEAD}{bytes(identity.secret).hex()}\n")
            file.flush()
            os.fsync(file.fileno())
        _publish(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _publish(temporary, path):
    # A link, unlike a rename, never replaces an identity that another process made meanwhile.
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        os.replace(temporary, path)
