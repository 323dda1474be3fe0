"""A long-term key pair `(a, A)`: X25519, used for Diffie-Hellman only (PROTOCOL.md section 3)."""

from . import errors
from .primitives import H, fresh, mc, wipe

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U


def fingerprint(key):
    """The first 100 bits of H("fingerprint", key) as five groups of four letters: for people."""
    digest = H(b"fingerprint", key)
    value = 0
    for byte in digest[:13]:
        value = value << 8 | byte
    value >>= 4
    letters = ""
    for _ in range(20):
        letters = _LETTERS[value & 31] + letters
        value >>= 5
    return "-".join([letters[at : at + 4] for at in range(0, 20, 4)])


class Identity:
    """`secret`: bytearray of 32 bytes, wiped by wipe(); `public`: 32 bytes."""

    def __init__(self, secret):
        if len(secret) != 32:
            raise errors.LocalError("an identity secret has 32 bytes")
        self.secret = bytearray(secret)
        self.public = bytes(mc.x25519_public_key(self.secret))

    @classmethod
    def generate(cls, random):
        """A fresh identity. `random(n)` returns n bytes from a source fit for keys."""
        secret = fresh(random, 32)
        try:
            return cls(secret)
        finally:
            wipe(secret)

    @property
    def fingerprint(self):
        return fingerprint(self.public)

    def wipe(self):
        wipe(self.secret)
