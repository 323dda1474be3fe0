"""Who may enter which room of a relay: a file of tokens, of which only hashes are kept."""

import hashlib
import hmac
import os
import pathlib
import re
import secrets
import stat

from mpseq_aio import link

from .faults import Fault

SHORTEST = 16  # characters
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")  # what an address can hold as it is
_PROBE = re.compile(r"(.+)-probe-[0-9a-f]{4,16}")  # what probe.py tries a carrier with
_CUT = link.MAX_LABEL - 4  # bytes; in a name over this the room's own may have been cut
_LONGEST_FILE = 1 << 20  # bytes


class TokenFault(Fault):
    """The file of tokens cannot be used."""


def new() -> str:
    """A token that cannot be guessed: 24 characters, 144 bits."""
    return secrets.token_urlsafe(18)


def digest(token: str) -> bytes:
    """What is kept and compared in the place of a token, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()


class Tokens:
    """The tokens by room. A room may have several, so that they can be changed one by one."""

    def __init__(self, by_room):
        self._by_room = by_room  # name, or "*" for all that have none -> [digest]

    def allow(self, room: str, given) -> bool:
        """Whether the digest that a client gave (None: it gave none) opens this room."""
        wanted = self._of(room)
        if wanted is None:
            return True
        opens = False
        for one in wanted:  # all of them, whichever it is
            opens |= hmac.compare_digest(one, given or b"")
        return opens

    def _of(self, room):
        if room in self._by_room:
            return self._by_room[room]
        probe = _PROBE.fullmatch(room)
        if probe:
            if probe[1] in self._by_room:
                return self._by_room[probe[1]]
            for name, digests in self._by_room.items():
                if len(room.encode()) > _CUT and name.startswith(probe[1]):
                    return digests
        return self._by_room.get("*")


def load(path) -> Tokens:
    """The tokens of a file with lines `ROOM TOKEN`, ROOM `*` for all others; TokenFault."""
    path = pathlib.Path(path)
    try:
        with open(path, "rb") as file:
            _refuse_wide(path, os.fstat(file.fileno()))
            data = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise TokenFault(
            f"cannot read the tokens in {path}: {error.strerror or error}",
            "lines ROOM TOKEN in a file that only the relay's user may read",
        ) from None
    if len(data) > _LONGEST_FILE:
        raise TokenFault(f"{path} has over {_LONGEST_FILE} bytes", "name the file of tokens")
    by_room = {}
    for number, line in enumerate(data.decode(errors="replace").splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            room, token = _pair(line, f"{path} line {number}")
            by_room.setdefault(room, []).append(digest(token))
    if not by_room:
        raise TokenFault(f"{path} holds no token", "a line * TOKEN is one for every room")
    return Tokens(by_room)


def _pair(line, where):
    # Never the line itself in a message: it is a secret.
    try:
        room, token = line.rsplit(None, 1)
        link.check_name(room)
    except ValueError:
        raise TokenFault(f"{where} is not ROOM TOKEN", "* TOKEN is for every room") from None
    except link.LinkError as error:
        raise TokenFault(f"{where} has no room's name ({error})", "ROOM TOKEN") from None
    if not SHORTEST <= len(token) <= link.MAX_LABEL or not _TOKEN.fullmatch(token):
        raise TokenFault(
            f"{where}: a token has {SHORTEST} to {link.MAX_LABEL} letters, digits, '-', '.', '_'"
            " or '~'",
            "`mpseq relay --new-token` makes one",
        )
    return room, token


def _refuse_wide(path, found):
    if os.name != "posix" or stat.S_ISFIFO(found.st_mode):
        return
    wide = stat.S_IMODE(found.st_mode) & 0o077
    # systemd shows its service's user by a list (ACL) whose mask looks like the group's rights.
    there = os.environ.get("CREDENTIALS_DIRECTORY")
    if there and path.resolve().is_relative_to(pathlib.Path(there).resolve()):
        wide &= 0o007
    if wide:
        raise TokenFault(
            f"others may read or change {path} (mode {stat.S_IMODE(found.st_mode):o})",
            f"chmod 600 '{path}'; whoever could read it knows the tokens: make new ones",
        )
