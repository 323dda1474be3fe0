"""The part of MicroPython's module `cryptolib` that mpseq needs, for CPython, over the package
cryptography: AES in ECB mode, which is no cipher by itself (see aes_ctr). Not for boards.
"""

import monocypher as _c  # pymonocypher: its wipe takes bytes objects too
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class aes:
    """`key`: 16 or 32 bytes; `mode`: 1, for ECB, and nothing else here."""

    def __init__(self, key, mode):
        if mode != 1:
            raise ValueError("mode")
        self._encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()

    def encrypt(self, data, out):
        """`data`, whole blocks of 16 bytes, encrypted into `out`, which may be `data` itself."""
        blocks = self._encryptor.update(data)
        memoryview(out)[:] = blocks
        if len(blocks) > 1:
            _c.wipe(blocks)
        return out
