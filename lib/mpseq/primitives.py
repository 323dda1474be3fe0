"""PROTOCOL.md section 3 in code: hashes, key derivation, Diffie-Hellman, signatures, AEAD.

All cryptography comes from Monocypher (on a board the native module `monocypher`, on CPython its
twin over PyPI's pymonocypher, which has the same names), but for the AES of suite 2 (aes_ctr).
Secrets live in bytearrays that are wiped.
"""

try:
    import monocypher as mc

    _ours = mc.blake2b_framed  # PyPI's package of the same name lacks it
except (ImportError, AttributeError):
    from . import _pymonocypher as mc

from . import errors

SUITE_XCHACHA20_POLY1305 = 1
SUITE_AES_256_CTR_BLAKE2B = 2

KEY = 32
SIGNATURE = 64
TAG = 16

_NO_KEY = b""
_ZERO_NONCE = bytes(24)
_ZERO_KEY = bytes(32)
_scratch = bytearray(32)  # one AEAD key at a time, wiped after each use
_scratch_aes = bytearray(32)  # and suite 2's two keys that are derived from it
_scratch_mac = bytearray(32)

# The u-coordinates (X25519) and y-coordinates (Edwards25519) of small order that are canonical.
# The y are the images of the u under u = (1 + y) / (1 - y); see PROTOCOL.md, Differences.
_U8A = (
    b'\xe0\xebz|;A\xb8\xae\x16V\xe3\xfa\xf1\x9f\xc4j'
    b'\xda\t\x8d\xeb\x9c2\xb1\xfd\x86b\x05\x16_I\xb8\x00'
)
_U8B = (
    b'_\x9c\x95\xbc\xa3P\x8c$\xb1\xd0\xb1U\x9c\x83\xef['
    b'\x04D\\\xc4X\x1c\x8e\x86\xd8"N\xdd\xd0\x9f\x11W'
)
_Y8A = (
    b'\xc7\x17jp=M\xd8O\xba<\x0bv\r\x10g\x0f'
    b'* S\xfa,9\xcc\xc6N\xc7\xfdw\x92\xac\x03z'
)
_Y8B = (
    b"&\xe8\x95\x8f\xc2\xb2'\xb0E\xc3\xf4\x89\xf2\xef\x98\xf0"
    b'\xd5\xdf\xac\x05\xd3\xc639\xb18\x02\x88mS\xfc\x05'
)
_ONE = b"\x01" + bytes(31)
_MINUS_ONE = b"\xec" + b"\xff" * 30 + b"\x7f"
_SMALL_U = (_ZERO_KEY, _ONE, _MINUS_ONE, _U8A, _U8B)
_SMALL_Y = (_ONE, _MINUS_ONE, _ZERO_KEY, _Y8A, _Y8B)

wipe = mc.wipe
blake2b_framed = mc.blake2b_framed


def H(tag, *parts):
    """BLAKE2b-256 over tag and parts, each behind its u32 length: 32 bytes."""
    return blake2b_framed(_NO_KEY, 32, tag, *parts)


def H_pieces(tag, pieces, key=_NO_KEY):
    """H(tag, part), or kdf's, of one part that lies in several pieces: a list of buffers."""
    size = sum([len(piece) for piece in pieces])
    front = len(tag).to_bytes(4, "big") + tag + size.to_bytes(4, "big")
    return mc.blake2b([front] + pieces, key, 32)


def kdf(out, key, tag, *parts):
    """The same, keyed. `out`: a writable buffer to fill (may be `key` itself), or a size."""
    return blake2b_framed(key, out, tag, *parts)


def mac(size, key, *parts):
    """Keyed BLAKE2b cut to `size` bytes: MAC4, MAC8, MAC16."""
    return bytes(blake2b_framed(key, 32, *parts)[:size])


def equal(a, b):
    """Constant-time comparison of two strings of one length, at most 32 bytes."""
    if len(a) != len(b) or len(a) > 32:
        return False
    left = bytearray(32)
    right = bytearray(32)
    left[: len(a)] = a
    right[: len(b)] = b
    return mc.verify32(left, right)


def _canonical(key, top):
    return top < 0x7F or key[0] < 0xED or bytes(key[1:31]) != _MINUS_ONE[1:31]


def check_x25519_key(key):
    """Raises BadPublicKey unless `key` (32 bytes) is canonical and not of small order."""
    if len(key) != KEY or key[31] > 0x7F or not _canonical(key, key[31]) or key in _SMALL_U:
        raise errors.BadPublicKey()
    return key


def check_eddsa_key(key):
    """The same for an Edwards25519 key; its top bit is the sign of x."""
    if len(key) != KEY or not _canonical(key, key[31] & 0x7F):
        raise errors.BadPublicKey()
    y = key if key[31] < 0x80 else key[:31] + bytes((key[31] & 0x7F,))
    if y in _SMALL_Y:
        raise errors.BadPublicKey()
    return key


def dh(secret, public, out):
    """X25519 into `out` (32 bytes); an all-zero result is refused."""
    mc.x25519(secret, public, out)
    if mc.verify32(out, _ZERO_KEY):
        raise errors.AllZeroSecret()


def fresh(random, size):
    """`size` random bytes in a bytearray of its own. What `random` gave is wiped when it is a
    bytearray; of a bytes object, which cannot be wiped, a copy stays behind."""
    given = random(size)
    out = bytearray(given)
    if isinstance(given, bytearray):
        wipe(given)
    return out


class KeyPairs:
    """Exchange keys of one member: `(x, y)` for Diffie-Hellman and `(t_secret, t)` for signing."""

    def __init__(self, random):
        self.x = fresh(random, 32)
        self.y = mc.x25519_public_key(self.x)
        self.t_secret, self.t = signing_key(random)

    def wipe(self):
        wipe(self.x)
        wipe(self.t_secret)


def signing_key(random):
    """A fresh EdDSA key: (secret of 64 bytes, public of 32)."""
    seed = fresh(random, 32)
    pair = mc.eddsa_key_pair(seed)
    wipe(seed)
    return pair


def tdh(out, identity, keys, key, y, first):
    """Triple Diffie-Hellman between me and (key, y) into `out`; `first`: my index is the lower."""
    shared = bytearray(96)
    view = memoryview(shared)
    try:
        dh(identity.secret, y, view[0:32] if first else view[32:64])
        dh(keys.x, key, view[32:64] if first else view[0:32])
        dh(keys.x, y, view[64:96])
        if first:
            _hash_tdh(out, view, identity.public, keys.y, key, y)
        else:
            _hash_tdh(out, view, key, y, identity.public, keys.y)
    finally:
        wipe(shared)


def _hash_tdh(out, shared, *ends):
    """`shared`: three results, 96 bytes; `ends`: A and y of the lower index, then of the other."""
    blake2b_framed(_NO_KEY, out, b"tdh", shared[0:32], shared[32:64], shared[64:96], *ends)


def tdh_revealed(out, low, x_low, high, x_high):
    """The pairwise key of two participants (`low`: of the lower index) from both their revealed x,
    as anyone can compute it (section 7)."""
    shared = bytearray(96)
    view = memoryview(shared)
    try:
        dh(x_high, low.key, view[0:32])
        dh(x_low, high.key, view[32:64])
        dh(x_low, high.y, view[64:96])
        _hash_tdh(out, view, low.key, low.y, high.key, high.y)
    finally:
        wipe(shared)


def sign(secret, digest):
    return mc.eddsa_sign(secret, digest)


def verify(signature, public, digest):
    """Raises BadSignature unless it holds."""
    if not mc.eddsa_check(signature, public, digest):
        raise errors.BadSignature()


def check_suite(suite):
    """LocalError unless this runtime can seal by this suite."""
    if suite == SUITE_AES_256_CTR_BLAKE2B:
        from . import aes_ctr  # loaded only where it is used

        if not aes_ctr.available():
            why = "suite 2 needs AES (cryptolib), which this MicroPython lacks"
            raise errors.LocalError(why)
    elif suite != SUITE_XCHACHA20_POLY1305:
        raise errors.LocalError("suite %d is unknown here" % suite)


def seal_random(key, nonce, ad, plain):
    """XChaCha20-Poly1305 with a random nonce (24 bytes), whatever the suite: for INVITATION and
    JOIN. Returns ciphertext and tag: len(plain) + 16 bytes."""
    return mc.aead_lock(key, nonce, ad, plain)


def unseal_random(key, nonce, ad, sealed):
    """The plaintext as a bytearray (wipe it when it holds secrets); raises BadSeal."""
    if len(sealed) < TAG:
        raise errors.Truncated()
    plain = mc.aead_unlock(key, nonce, ad, sealed)
    if plain is None:
        raise errors.BadSeal()
    return plain


def seal(suite, key, ad, plain):
    """The suite's AEAD under a key (32 bytes) that seals this one plaintext: no nonce. Returns
    ciphertext and tag: len(plain) + 16 bytes."""
    if suite == SUITE_XCHACHA20_POLY1305:
        return seal_random(key, _ZERO_NONCE, ad, plain)
    from . import aes_ctr

    size = len(plain)
    out = bytearray(size + TAG)
    view = memoryview(out)
    try:
        _derive_aes(suite, key)
        aes_ctr.crypt(_scratch_aes, plain, view[: aes_ctr.size(size)])
        view[size:] = _tag(ad, view[:size])  # over what is left of the keystream
    finally:
        _wipe_aes()
    return out


def unseal(suite, key, ad, sealed):
    """The plaintext as a bytearray (wipe it when it holds secrets); raises BadSeal."""
    if suite == SUITE_XCHACHA20_POLY1305:
        return unseal_random(key, _ZERO_NONCE, ad, sealed)
    from . import aes_ctr

    size = len(sealed) - TAG
    if size < 0:
        raise errors.Truncated()
    sealed = memoryview(sealed)
    try:
        _derive_aes(suite, key)
        if not equal(_tag(ad, sealed[:size]), sealed[size:]):
            raise errors.BadSeal()
        out = bytearray(aes_ctr.size(size))
        aes_ctr.crypt(_scratch_aes, sealed[:size], memoryview(out))
        wipe(memoryview(out)[size:])  # keystream that nothing was sealed with
        out[size:] = b""
        return out
    finally:
        _wipe_aes()


def _derive_aes(suite, key):
    if suite != SUITE_AES_256_CTR_BLAKE2B:
        raise errors.LocalError("suite %d is unknown here" % suite)
    kdf(_scratch_aes, key, b"cipher")
    kdf(_scratch_mac, key, b"mac")


def _wipe_aes():
    wipe(_scratch_aes)
    wipe(_scratch_mac)


def _tag(ad, sealed):
    return mac(TAG, _scratch_mac, ad, sealed)


def seal_once(suite, key, tag, parts, ad, plain):
    """Seals under KDF(key, tag, parts…), a key that is used for this one plaintext."""
    kdf(_scratch, key, tag, *parts)
    try:
        return seal(suite, _scratch, ad, plain)
    finally:
        wipe(_scratch)


def unseal_once(suite, key, tag, parts, ad, sealed):
    kdf(_scratch, key, tag, *parts)
    try:
        return unseal(suite, _scratch, ad, sealed)
    finally:
        wipe(_scratch)
