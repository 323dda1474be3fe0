"""The identity on a desktop: one file per profile, readable by its owner only.

In the user's configuration folder by the platform's convention, or in `MPSEQ_HOME`. The file
holds one line: `mpseq-identity-1 ` and the secret key in hex (64 digits).
"""

import os
import pathlib
import sys

from mpseq import Identity

from . import private
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


def profiles() -> list[str]:
    """Names of the identities that are here, sorted."""
    try:
        return sorted(path.stem for path in folder().glob("*.key"))
    except OSError:
        return []


def load(profile: str = "default", create: bool = True) -> tuple[Identity, bool]:
    """`(identity, created)`: the profile's identity, made now when there is none, unless `create`
    is False. KeyFault."""
    path = path_of(profile)
    try:
        if not path.exists():
            if not create:
                raise absent(profile)
            _create(path, Identity.generate(os.urandom))
            return _read(path), True
        return _read(path), False
    except OSError as error:
        raise private.unusable(path, error, KeyFault) from None


def absent(profile: str) -> KeyFault:
    """What to say when it is not there."""
    here = ", ".join(profiles()) or "none"
    return KeyFault(
        f"there is no profile {profile!r}", f"take one that is here ({here}), or mpseq keys new"
    )


def store(profile: str, identity: Identity, replace: bool = False) -> bool:
    """Keeps an identity, of a backup, as a profile's; False when one is there and `replace` is
    not asked for. KeyFault."""
    path = path_of(profile)
    try:
        private.folder_of(path, KeyFault)
        return private.write(path, _line(identity), replace)
    except OSError as error:
        raise private.unusable(path, error, KeyFault) from None


def _read(path):
    private.refuse_wide(path.parent, 0o700, KeyFault)
    private.refuse_wide(path, 0o600, KeyFault)
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


def _create(path, identity):
    """Another process may have made one meanwhile: that stays."""
    private.folder_of(path, KeyFault)
    private.write(path, _line(identity), False)


def _line(identity):
    return f"{_HEAD}{bytes(identity.secret).hex()}\n".encode()
