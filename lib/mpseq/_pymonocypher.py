"""The native module `monocypher` for CPython, over the package pymonocypher 4.0.3.

Same names, arguments and errors as firmware/monocypher/binding.c; its README lists them.
It knows nothing of the protocol. It is never frozen or installed on a board.

Every argument is any object with the buffer protocol, positional only. `out`, where given, is
a writable buffer of exactly the right size, is filled and returned. A wrong length raises
ValueError naming the argument, anything that is not a buffer (str included) TypeError.

pymonocypher takes and gives `bytes`: what it gives that is secret is copied into a bytearray and
wiped, and so is every copy of a secret made here. It keeps one copy of its own out of
reach: see `_public_of_seed`.
"""

import warnings
from struct import Struct

import monocypher as _c

# bound once: a 50-member join makes some 12,000 calls here
_c_x25519 = _c.x25519
_c_x25519_public_key = _c.x25519_public_key
_c_sign = _c.signature_sign
_c_check = _c.signature_check
_c_lock = _c.lock
_c_unlock = _c.unlock
_c_wipe = _c.wipe
_c_Blake2b = _c.Blake2b
_c_verify = {16: _c.crypto_verify16, 32: _c.crypto_verify32}

_P = 2**255 - 19

_u32 = Struct(">I").pack
_LENGTHS = tuple(_u32(n) for n in range(1024))


def _bytes(value):
    # `bytes(5)` would be five zeros, `join` takes buffers only
    return b"".join((value,))


def _fixed(value, name, size):
    """`value` as bytes of `size`: itself when it is bytes, else a copy (wipe it if secret)."""
    if type(value) is not bytes:
        value = b"".join((value,))
    if len(value) != size:
        raise ValueError("%s: %d bytes needed" % (name, size))
    return value


def _wipe_copy(copy, original):
    # one byte cannot be wiped: CPython shares such objects
    if copy is not original and len(copy) > 1:
        _c_wipe(copy)


def _writable(buffer, name):
    """A flat view of bytes of a writable buffer."""
    view = memoryview(buffer)
    if view.readonly:
        raise TypeError("%s: writable buffer needed" % name)
    return view.cast("B") if view.format != "B" else view


def _out(out, size):
    """The checked view to fill, before anything is computed."""
    view = _writable(out, "out")
    if len(view) != size:
        raise ValueError("out: %d bytes needed" % size)
    return view


def x25519(secret, public, out=None, /):
    """Raw shared secret (RFC 7748) of `secret` (32 bytes) and `public` (32 bytes).

    Returns a bytearray of 32, or `out`. An all-zero result is NOT refused: the caller must
    (PROTOCOL.md section 3). It is not a key before it went through a hash.
    """
    s = secret if type(secret) is bytes else b"".join((secret,))
    p = public if type(public) is bytes else b"".join((public,))
    if len(s) != 32:
        raise ValueError("secret: 32 bytes needed")
    if len(p) != 32:
        raise ValueError("public: 32 bytes needed")
    if out is None:
        shared = _c_x25519(s, p)
        out = bytearray(shared)
    else:
        view = _out(out, 32)
        shared = _c_x25519(s, p)
        view[:] = shared
    _c_wipe(shared)
    if s is not secret:
        _c_wipe(s)
    return out


def x25519_public_key(secret, out=None, /):
    """X25519 public key of `secret` (32 bytes): bytes of 32, or `out`."""
    s = _fixed(secret, "secret", 32)
    view = None if out is None else _out(out, 32)
    public = _c_x25519_public_key(s)
    _wipe_copy(s, secret)
    if view is None:
        return public
    view[:] = public
    return out


def _public_of_seed(seed):
    # pymonocypher warns of seeds here because it has no function for them. It expands the seed
    # into a bytes object of 64 that it drops unwiped; the allocation of the same size below
    # zeroes that memory in CPython's allocator as it is (last freed, first used).
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        public = _c.compute_signing_public_key(seed)
    bytes(64)
    return public


def eddsa_key_pair(seed, /):
    """Key pair for EdDSA over Edwards25519 with BLAKE2b (Monocypher's) of `seed` (32 bytes).

    Returns (bytearray of 64: the secret, bytes of 32: the public key). `seed` is left as it is.
    """
    s = _fixed(seed, "seed", 32)
    public = _public_of_seed(s)
    secret = bytearray(64)
    secret[:32] = s
    secret[32:] = public
    _wipe_copy(s, seed)
    return secret, public


def eddsa_public_key(seed, /):
    """EdDSA public key of `seed` (32 bytes): bytes of 32."""
    s = _fixed(seed, "seed", 32)
    public = _public_of_seed(s)
    _wipe_copy(s, seed)
    return public


def eddsa_sign(secret, message, out=None, /):
    """Signature by `secret` (the 64 bytes of eddsa_key_pair): bytes of 64, or `out`."""
    s = _fixed(secret, "secret", 64)
    m = message if type(message) is bytes else _bytes(message)
    view = None if out is None else _out(out, 64)
    signature = _c_sign(s, m)
    _wipe_copy(s, secret)
    if view is None:
        return signature
    view[:] = signature
    return out


def eddsa_check(signature, public, message, /):
    """Whether `signature` (64 bytes) by `public` (32 bytes) over `message` holds: bool.

    Keys of small order are NOT refused, and the identity accepts signatures over any message:
    the caller checks keys when they arrive (PROTOCOL.md section 3).
    """
    s = signature if type(signature) is bytes else b"".join((signature,))
    p = public if type(public) is bytes else b"".join((public,))
    m = message if type(message) is bytes else b"".join((message,))
    if len(s) != 64:
        raise ValueError("signature: 64 bytes needed")
    if len(p) != 32:
        raise ValueError("public: 32 bytes needed")
    return _c_check(s, p, m)


def eddsa_to_x25519(public, /):
    """The X25519 public key (bytes of 32) on the same point as the EdDSA `public` (32 bytes).

    u = (1 + y) / (1 - y), where 1/0 is 0 as in Monocypher. Not constant time: public keys only.
    """
    y = int.from_bytes(_fixed(public, "public", 32), "little") & (2**255 - 1)
    if (1 - y) % _P == 0:
        return bytes(32)
    return ((1 + y) * pow(1 - y, -1, _P) % _P).to_bytes(32, "little")


def _hash(data, key, size):
    # pymonocypher.blake2b gives 64 bytes only; a shorter BLAKE2b is another hash, not a cut one.
    k = key if type(key) is bytes else _bytes(key)
    d = data if type(data) is bytes else _bytes(data)
    state = _c_Blake2b(k, size)
    state.update(d)
    _wipe_copy(k, key)
    _wipe_copy(d, data)
    return state.finalize()


def _digest(data, key, out_or_size):
    if type(out_or_size) is int:
        if not 1 <= out_or_size <= 64:
            raise ValueError("out_or_size: 1 to 64 bytes needed")
        return _hash(data, key, out_or_size)
    view = _writable(out_or_size, "out_or_size")
    if not 1 <= len(view) <= 64:
        raise ValueError("out_or_size: 1 to 64 bytes needed")
    digest = _hash(data, key, len(view))
    view[:] = digest
    if len(digest) > 1:
        _c_wipe(digest)
    return out_or_size


def _check_key(key):
    if memoryview(key).nbytes > 64:
        raise ValueError("key: 0 to 64 bytes needed")


def blake2b(data, key=b"", out_or_size=32, /):
    """BLAKE2b (RFC 7693) of a buffer, or of a tuple or list of buffers one after another.

    `key`: empty for none, up to 64 bytes. `out_or_size`: 1 to 64, the size of the bytes returned,
    or a writable buffer of 1 to 64 bytes that is filled and returned.
    """
    _check_key(key)
    if type(data) is tuple or type(data) is list:
        joined = b"".join(data)
        result = _digest(joined, key, out_or_size)
        if len(data) > 1 and len(joined) > 1:
            _c_wipe(joined)
        return result
    return _digest(data, key, out_or_size)


def blake2b_framed(key, out_or_size, /, *parts):
    """BLAKE2b in which every part is preceded by its length, u32 big-endian (PROTOCOL.md, 3).

    mpSEQ's H (with `key` empty) and KDF. `key` and `out_or_size` as in blake2b; `parts` buffers.
    """
    if type(key) is bytes:
        if len(key) > 64:
            raise ValueError("key: 0 to 64 bytes needed")
    else:
        _check_key(key)
    framed = []
    for part in parts:
        kind = type(part)
        if kind is bytes or kind is bytearray:
            size = len(part)
        else:
            size = memoryview(part).nbytes
        framed += (_LENGTHS[size] if size < 1024 else _u32(size), part)
    data = b"".join(framed)
    if type(out_or_size) is int and 0 < out_or_size < 65:
        result = _hash(data, key, out_or_size)
    else:
        result = _digest(data, key, out_or_size)
    if parts:
        _c_wipe(data)  # shared secrets go through here; with a part it is never a shared object
    return result


def aead_lock(key, nonce, ad, plain, out=None, /):
    """XChaCha20-Poly1305: `plain` encrypted, followed by the tag of 16 bytes.

    `key` 32 bytes, `nonce` 24, `ad` any buffer that is authenticated too. Returns a bytearray, or
    `out` of len(plain) + 16, which may begin where `plain` begins (no other overlap on a board).
    """
    k = _fixed(key, "key", 32)
    n = _fixed(nonce, "nonce", 24)
    a = ad if type(ad) is bytes else _bytes(ad)
    p = plain if type(plain) is bytes else _bytes(plain)
    view = None if out is None else _out(out, len(p) + 16)
    tag, sealed = _c_lock(k, n, p, a)
    _wipe_copy(k, key)
    _wipe_copy(p, plain)
    if view is None:
        return bytearray().join((sealed, tag))
    view[: len(sealed)] = sealed
    view[len(sealed) :] = tag
    return out


def aead_unlock(key, nonce, ad, sealed, out=None, /):
    """Reverse of aead_lock: the plaintext as bytearray or `out`; None when the tag does not hold.

    `out` has len(sealed) - 16 bytes and may begin where `sealed` begins; it is left untouched
    when the tag does not hold. ValueError when `sealed` is shorter than 16 bytes.
    """
    k = _fixed(key, "key", 32)
    n = _fixed(nonce, "nonce", 24)
    a = ad if type(ad) is bytes else _bytes(ad)
    s = sealed if type(sealed) is bytes else _bytes(sealed)
    if len(s) < 16:
        raise ValueError("sealed: 16 bytes or more needed")
    view = None if out is None else _out(out, len(s) - 16)
    plain = _c_unlock(k, n, s[-16:], s[:-16], a)
    _wipe_copy(k, key)
    if view is None or plain is None:
        return plain
    view[:] = plain
    _c_wipe(plain)
    return out


def _verify(a, b, size):
    left = _fixed(a, "a", size)
    right = _fixed(b, "b", size)
    same = _c_verify[size](left, right) == 0
    _wipe_copy(left, a)
    _wipe_copy(right, b)
    return same


def verify16(a, b, /):
    """Whether two buffers of 16 bytes are equal, in constant time: bool."""
    return _verify(a, b, 16)


def verify32(a, b, /):
    """Whether two buffers of 32 bytes are equal, in constant time: bool."""
    return _verify(a, b, 32)


def wipe(buffer, /):
    """Zeroes a writable buffer."""
    if type(buffer) is bytearray:
        _c_wipe(buffer)
    else:
        view = _writable(buffer, "buffer")
        view[:] = bytes(len(view))


def _call_each_once():
    # On the first call of a function the dynamic linker saves the processor's registers on the
    # stack, with what was copied through them last. So the first time is not with a secret.
    secret, public = eddsa_key_pair(bytearray(32))
    eddsa_check(eddsa_sign(secret, b""), public, b"")
    x25519(bytearray(32), x25519_public_key(bytearray(32)))
    aead_unlock(bytearray(32), bytes(24), b"", aead_lock(bytearray(32), bytes(24), b"", b"00"))
    blake2b_framed(bytearray(32), bytearray(32), bytearray(32))
    verify16(bytearray(16), bytearray(16))
    verify32(bytearray(32), bytearray(32))
    wipe(secret)


_call_each_once()
