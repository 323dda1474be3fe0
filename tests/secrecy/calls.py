"""Calls one function of the cryptographic module with a secret that comes through a pipe, wipes
what it was given, and waits: for CPython and MicroPython.

In: the number of a call, one byte, and 64 bytes of secret. Out: a line.
"""

import sys

from mpseq.primitives import KeyPairs, fresh, mc, seal_once, unseal_once

_NUMBER = 1
_SECRET = 64
PUBLIC = mc.x25519_public_key(bytes(range(32)))
TEXT = b"a text that is no secret"
AD = b"associated data"
KEPT = []


def x25519(secret):
    mc.wipe(mc.x25519(secret[:32], PUBLIC))


def x25519_public_key(secret):
    mc.x25519_public_key(secret[:32])


def eddsa_key_pair(secret):
    mc.wipe(mc.eddsa_key_pair(secret[:32])[0])


def eddsa_public_key(secret):
    mc.eddsa_public_key(secret[:32])


def eddsa_sign(secret):
    mc.eddsa_sign(secret, TEXT)


def blake2b(secret):
    mc.blake2b(TEXT, secret)


def blake2b_of_secrets(secret):
    mc.blake2b((secret[:32], TEXT, secret[32:]))


def blake2b_framed(secret):
    mc.blake2b_framed(secret[:32], secret[:32], b"tag", secret[32:])


def aead_lock(secret):
    mc.aead_lock(secret[:32], bytes(24), AD, secret[32:])


def aead_unlock(secret):
    sealed = mc.aead_lock(secret[:32], bytes(24), AD, secret[32:])
    mc.wipe(mc.aead_unlock(secret[:32], bytes(24), AD, sealed))


def aead_unlock_refused(secret):
    mc.aead_unlock(secret[:32], bytes(24), AD, bytes(100))


def verify32(secret):
    mc.verify32(secret[:32], secret[32:])


def suite_2(secret):
    sealed = seal_once(2, secret[:32], b"tag", (), AD, secret[32:])
    mc.wipe(unseal_once(2, secret[:32], b"tag", (), AD, sealed))


def key_pairs(secret):
    """Both parts of the secret in one: x, and a signing key's seed."""
    halves = [secret[:32], secret[32:]]
    KeyPairs(lambda size: bytearray(halves.pop(0))).wipe()


def random_bytes(secret):
    mc.wipe(fresh(lambda size: bytearray(secret), 64))


def careless(secret):
    """To see that it is seen: bytes cannot be wiped."""
    KEPT.append(bytes(secret))


CALLS = (
    x25519,
    x25519_public_key,
    eddsa_key_pair,
    eddsa_public_key,
    eddsa_sign,
    blake2b,
    blake2b_of_secrets,
    blake2b_framed,
    aead_lock,
    aead_unlock,
    aead_unlock_refused,
    verify32,
    suite_2,
    key_pairs,
    random_bytes,
    careless,
)


def main():
    pipe = open(0, "rb", 0)  # no buffer between
    line = bytearray(_NUMBER + _SECRET)
    view = memoryview(line)
    print(" ".join([call.__name__ for call in CALLS]))
    while True:
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()
        if pipe.readinto(line) != len(line):
            return
        CALLS[line[0]](view[_NUMBER:])
        mc.wipe(line)
        print("done")


main()
