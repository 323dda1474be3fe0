"""AES-256 in counter mode (NIST SP 800-38A, 6.5) over ECB, which is what boards have: all counter
blocks of a text are encrypted by one call, on an ESP32 in hardware. Knows nothing of the protocol.
"""

import sys

try:
    from cryptolib import aes
except ImportError:
    try:
        from ._cryptolib import aes
    except ImportError:
        aes = None

try:
    import gc

    import uctypes
except ImportError:
    uctypes = None

BLOCK = 16
_ECB = 1
_FIRST = bytes(BLOCK)
_WORD = 8 if sys.maxsize >> 32 else 4
_bytes_of_cipher = None
# FIPS-197's cipher of 16 zero bytes under 32 zero bytes.
_KNOWN = b"\xdc\x95\xc0x\xa2@\x89\x89\xadH\xa2\x14\x92\x84 \x87"


def available():
    """Whether this runtime has AES-256, and it computes what it should."""
    if aes is None:
        return False
    try:
        return bytes(aes(bytes(32), _ECB).encrypt(_FIRST, bytearray(BLOCK))) == _KNOWN
    except ValueError:
        return False


def _footprint():
    """Bytes of the heap that a cipher takes on MicroPython; the least that was seen, because what
    else happens meanwhile can only add to it."""
    key = bytes(32)
    least = 0
    for _ in range(8):
        before = gc.mem_alloc()
        cipher = aes(key, _ECB)
        taken = gc.mem_alloc() - before
        if 0 < taken and (taken < least or not least):
            least = taken
        del cipher
    return least


def _forget(cipher):
    """Wipes a cipher that is not used any more: its round keys, which MicroPython leaves in the
    heap. What makes it an object, its first word, stays."""
    global _bytes_of_cipher
    if uctypes is None:
        return  # CPython, whose ciphers wipe themselves; or a board that hides its memory
    if _bytes_of_cipher is None:
        _bytes_of_cipher = _footprint()
    rest = _bytes_of_cipher - _WORD
    if rest > 0:
        memoryview(uctypes.bytearray_at(id(cipher) + _WORD, rest))[:] = bytes(rest)


def size(length):
    """Bytes of the whole blocks that `length` bytes need."""
    return (length + BLOCK - 1) & ~(BLOCK - 1)


def crypt(key, data, out, first=_FIRST):
    """Encrypts or decrypts `data` under `key` (32 bytes) into `out`, a writable memoryview of
    size(len(data)) bytes. `first`: the first counter block.

    The keystream is made in `out`, so no copy of it is left but behind the end of the data, where
    the caller wipes it.
    """
    block = bytearray(first)
    for at in range(0, len(out), BLOCK):
        out[at : at + BLOCK] = block
        digit = BLOCK - 1
        while digit >= 0:
            block[digit] = (block[digit] + 1) & 255
            if block[digit]:
                break
            digit -= 1
    if len(out):
        cipher = aes(key, _ECB)
        cipher.encrypt(out, out)
        _forget(cipher)
    for at in range(len(data)):
        out[at] ^= data[at]
