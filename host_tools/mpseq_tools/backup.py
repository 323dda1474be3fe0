"""An identity and its people as one file, sealed under a passphrase: to keep elsewhere.

JSON: `format`, then `blocks`, `passes` and `salt` of Argon2i, `nonce`, `mac` and `sealed` of
XChaCha20-Poly1305 (Monocypher), bytes as hex. All above `nonce` is authenticated with the rest.
Sealed: the secret key (32 bytes), then the list of people as in PROFILE.people, filled up with
spaces so that its length says little.

Only as strong as the passphrase: whoever has the file tries as many as its machines can in 256 MiB
each. There is no way in without it, and none to change it but another export.
"""

import json
import pathlib

import monocypher

from mpseq import Identity
from mpseq.primitives import wipe

from . import people, private, psk
from .faults import Fault

_FORMAT = "mpseq-backup-1"
# What a file may ask for: more would be somebody's way to stop this machine.
_MOST_BLOCKS = 1 << 20
_MOST_PASSES = 16
_LARGEST = 4 << 20  # bytes of a file that is read at all
_STEP = 4096  # bytes to which the sealed part is filled up


class BackupFault(Fault):
    """A backup that cannot be written or opened."""


def save(path, identity, persons, passphrase: str, random):
    """Writes a file that must not be there yet. `random`: like os.urandom. BackupFault."""
    path = pathlib.Path(path)
    data = seal(identity, persons, passphrase, random)
    try:
        done = private.write(path, data, False)
    except OSError as error:
        raise BackupFault(f"{path}: {error.strerror or error}", "name another place") from None
    if not done:
        raise BackupFault(f"{path} is there already", "name another file")


def load(path, passphrase):
    """`(identity, persons)` of a file; `passphrase()` is asked when it is known to be one.
    BackupFault."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise BackupFault(f"{path}: {error.strerror or error}", "name another file") from None
    try:
        parts = _parse(data)
    except ValueError as error:
        raise BackupFault(
            f"{path} is no backup of mpseq: {error}", "name the file that mpseq keys export wrote"
        ) from None
    found = _open(parts, passphrase())
    if found is None:
        raise BackupFault(
            f"{path} does not open: another passphrase, or damaged", "try again, or another copy"
        )
    secret = found[:32]
    try:
        return Identity(secret), people.parse(bytes(found[32:]))
    except ValueError as error:
        raise BackupFault(
            f"{path} opens, but holds no list of people: {error}", "take a newer mpseq"
        ) from None
    finally:
        wipe(found)
        wipe(secret)


def seal(
    identity, persons, passphrase: str, random, blocks=psk.BLOCKS, passes=psk.PASSES
) -> bytes:
    """The file's bytes."""
    head = {"format": _FORMAT, "blocks": blocks, "passes": passes, "salt": random(16).hex()}
    listed = people.dump(persons)
    plain = bytearray(32 + len(listed) + -len(listed) % _STEP)  # whole: growing leaves copies
    plain[:32] = identity.secret
    plain[32:] = listed.ljust(len(plain) - 32)
    nonce = random(24)
    key = _key(passphrase, head)
    try:
        mac, sealed = monocypher.lock(key, nonce, plain, _authenticated(head))
    finally:
        wipe(plain)
        monocypher.wipe(key)
    rest = {"nonce": nonce.hex(), "mac": mac.hex(), "sealed": sealed.hex()}
    return json.dumps({**head, **rest}, indent=1).encode() + b"\n"


def _parse(data):
    """The parts, each of its type and within its bounds; ValueError."""
    if len(data) > _LARGEST:
        raise ValueError("it is too large")
    try:
        found = json.loads(data)
        parts = {name: found[name] for name in ("format", "blocks", "passes", "salt")}
        if parts["format"] != _FORMAT:
            found_it = repr(parts["format"])[:40]
            raise ValueError(f"its format is {found_it}, known here is {_FORMAT}")
        sizes = {"nonce": 24, "mac": 16, "sealed": None}
        for name, size in sizes.items():
            parts[name] = bytes.fromhex(found[name])
            if size and len(parts[name]) != size:
                raise ValueError(f"{name} has {len(parts[name])} bytes")
        if len(bytes.fromhex(parts["salt"])) != 16:
            raise ValueError("salt has not 16 bytes")
        for name, most in (("blocks", _MOST_BLOCKS), ("passes", _MOST_PASSES)):
            least = 8 if name == "blocks" else 1
            if type(parts[name]) is not int or not least <= parts[name] <= most:
                raise ValueError(f"{name} is {repr(parts[name])[:40]}, not {least} to {most}")
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("it is not as it should be") from None
    return parts


def _open(parts, passphrase):
    """What is sealed, a bytearray; or None."""
    head = {name: parts[name] for name in ("format", "blocks", "passes", "salt")}
    key = _key(passphrase, head)
    try:
        plain = monocypher.unlock(
            key, parts["nonce"], parts["mac"], parts["sealed"], _authenticated(head)
        )
    finally:
        monocypher.wipe(key)
    if plain is None or len(plain) < 32:
        return None
    out = bytearray(plain)
    monocypher.wipe(plain)
    return out


def _authenticated(head):
    return json.dumps(head, sort_keys=True).encode()


def _key(passphrase, head):
    try:
        return psk.stretch(
            passphrase, bytes.fromhex(head["salt"]), head["blocks"], head["passes"]
        )  # fmt: skip
    except psk.PskFault as fault:
        raise BackupFault(str(fault), "say one; five or six random words are good") from None
