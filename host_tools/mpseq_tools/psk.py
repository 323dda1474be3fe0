"""A passphrase for a room, made into a pre-shared key (lib/mpseq/PROTOCOL.md 5.3, psk check).

The salt is the room's name, so that all members get the same key without another exchange; two
rooms with one passphrase have different keys. A guest who was invited can try guesses against the
psk check: each one costs it what `derive` costs here.
"""

import getpass
import pathlib
import sys
import unicodedata

import monocypher

from mpseq.primitives import H

from .faults import Fault

BLOCKS = 262144  # of 1 KiB
PASSES = 3
WEAK = 14  # characters: below that, even so


class PskFault(Fault):
    """A pre-shared key, or a passphrase, that cannot be used; says why."""

    def __init__(self, text, cure="say it again"):
        super().__init__(text, cure)


def derive(passphrase: str, room: str) -> bytes:
    """32 bytes: Argon2i over 256 MiB, three passes. Accents count alike however they were typed,
    case and spaces as they are."""
    salt = H(b"psk salt", unicodedata.normalize("NFC", room).encode())[:16]
    return bytes(stretch(passphrase, salt))


def stretch(passphrase: str, salt: bytes, blocks: int = BLOCKS, passes: int = PASSES):
    """32 bytes of Argon2i, as monocypher returns them. PskFault."""
    text = unicodedata.normalize("NFC", passphrase)
    if not text.strip():
        raise PskFault("the passphrase is empty")
    # The call wipes the bytearray.
    return monocypher.argon2i_32(blocks, passes, bytearray(text.encode()), salt)


def ask(what: str = "passphrase", twice: bool = True) -> str:
    """The passphrase: typed at a terminal, `twice` if it is a new one; a line of anything else.
    PskFault."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    passphrase = getpass.getpass(f"{what}: ")
    if twice and getpass.getpass("again: ") != passphrase:
        raise PskFault("these were not the same")
    return passphrase


def weak(passphrase: str) -> str | None:
    """What to say of a short one."""
    if len(passphrase) < WEAK:
        return "mpseq: a short one; five or six random words are better."
    return None


def read(path: str) -> bytes:
    """The key in a file of 64 hex digits, as `mpseq psk` prints them. PskFault."""
    try:
        key = bytes.fromhex(pathlib.Path(path).read_text("ascii"))
    except (OSError, ValueError) as error:
        raise PskFault(f"{path}: {error}") from None
    if len(key) != 32:
        raise PskFault(f"{path}: a pre-shared key has 64 hex digits")
    return key
