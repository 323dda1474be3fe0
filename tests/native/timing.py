"""Runs the native module under valgrind with every secret marked as undefined memory.

    valgrind micropython timing.py

Valgrind then sees each jump and each address that depends on a secret. Prints a line for each
call: what it is and how often that happened; at the end, "all". A result that should depend on the
secrets and does not shows that valgrind lost track of them, and fails.
"""

import gc

import monocypher as mc
import probe

PUBLIC = bytes(range(100, 132))
NONCE = bytes(24)
AD = b"associated data"


def secret(size):
    out = bytearray([(at * 37 + size * 11 + 5) & 255 for at in range(size)])
    probe.secret(out)
    return out


def count(name, function, *arguments):
    """Prints how often `function` told something; what it returns is public from here on."""
    before = probe.errors()
    result = function(*arguments)
    print(name, probe.errors() - before)
    for part in result if isinstance(result, tuple) else (result,):
        if isinstance(part, (bytes, bytearray)):
            assert probe.is_secret(part) or not len(part), "%s lost track" % name
            probe.public(part)
    return result


def sealed(size, spoilt):
    """A key and what it sealed, which is public."""
    key = secret(32)
    out = mc.aead_lock(key, NONCE, AD, secret(size))
    probe.public(out)
    out[-1] ^= spoilt
    return key, out


def asymmetric():
    key = secret(32)
    count("x25519", mc.x25519, key, PUBLIC)
    count("x25519 into out", mc.x25519, key, PUBLIC, bytearray(32))
    count("x25519_public_key", mc.x25519_public_key, key)
    seed = secret(32)
    pair, _ = count("eddsa_key_pair", mc.eddsa_key_pair, seed)
    probe.secret(pair)
    count("eddsa_public_key", mc.eddsa_public_key, seed)
    count("eddsa_sign", mc.eddsa_sign, pair, b"message")
    count("eddsa_sign of a secret", mc.eddsa_sign, pair, secret(300))


def symmetric():
    for size in (0, 1, 63, 64, 65, 300):
        count("aead_lock of %d" % size, mc.aead_lock, secret(32), NONCE, AD, secret(size))
        key, text = sealed(size, 0)
        count("aead_unlock of %d" % size, mc.aead_unlock, key, NONCE, AD, text)
        key, text = sealed(size, 1)
        count("aead_unlock of %d, spoilt" % size, mc.aead_unlock, key, NONCE, AD, text)
    for size in (0, 1, 64, 128, 129, 300):
        count("blake2b of %d" % size, mc.blake2b, secret(size), secret(32))
        key = secret(32)
        count("blake2b_framed of %d" % size, mc.blake2b_framed, key, 32, b"tag", secret(size))
    chain = secret(32)
    count("blake2b_framed in place", mc.blake2b_framed, chain, chain, b"tag")


def comparing():
    # The answer, True or False, is picked without a jump; what is done with it is the caller's.
    count("verify16", mc.verify16, secret(16), NONCE[:16])
    count("verify32", mc.verify32, secret(32), PUBLIC)
    same = secret(32)
    count("verify32 of equals", mc.verify32, same, same)
    count("wipe", mc.wipe, secret(100))


def controls():
    count("control: branch", probe.branch, secret(1))
    count("control: look-up", probe.look_up, secret(1))
    count("control: no secret", probe.branch, PUBLIC)
    count("control: eddsa_check", mc.eddsa_check, secret(64), PUBLIC, b"message")


def main():
    assert probe.errors() >= 0, "not under valgrind"
    gc.disable()  # looking for pointers, it would jump by what it finds
    asymmetric()
    symmetric()
    comparing()
    controls()
    print("all")


main()
