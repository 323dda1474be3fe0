"""Checks of `monocypher` that run on CPython and on every MicroPython, board or not.

    micropython primitive_checks.py vectors/primitives.txt

A board gets this file and the vectors in pieces: `Checks.line` for a line of them, and
`Checks.behaviour` for what is not a vector: types, lengths, `out`. Failure is AssertionError.
"""

import sys
from array import array
from binascii import unhexlify

OPERATIONS = (
    "x25519 x25519_public_key eddsa_key_pair eddsa_public_key eddsa_sign eddsa_check "
    "eddsa_to_x25519 blake2b blake2b_framed aead_lock aead_unlock verify16 verify32 wipe"
).split()


def find():
    """As the core does: the native module, else the one over pymonocypher."""
    try:
        import monocypher

        _ = monocypher.blake2b_framed
    except (ImportError, AttributeError):
        from mpseq import _pymonocypher as monocypher
    return monocypher


def value(field):
    if field == "-":
        return b""
    if field[0] == "#":
        return bytes(range(256)) * (int(field[1:]) // 256) + bytes(range(int(field[1:]) % 256))
    return unhexlify(field)


def equal(got, expected, kind):
    assert type(got) is kind, "%s is not %s" % (type(got), kind)
    assert got == expected, "got %s, not %s" % (bytes(got), expected)


class Checks:
    def __init__(self, mc):
        self.mc = mc
        self.count = 0

    def line(self, line):
        """Checks one line of the vectors."""
        line = line.strip()
        if not line or line[0] == "#":
            return
        fields = line.split(" ")
        try:
            getattr(self, "_" + fields[0])(*fields[1:])
        except Exception as error:
            raise AssertionError(
                "%s: %s: %s" % (line[:200], type(error).__name__, error)
            ) from None
        self.count += 1

    # --- the operations of the vectors ---

    def _x25519(self, secret, public, shared):
        secret, public, shared = value(secret), value(public), value(shared)
        equal(self.mc.x25519(secret, public), shared, bytearray)

    def _iterate(self, times, k, result):
        k = value(k)
        u = k
        for _ in range(int(times)):
            k, u = self.mc.x25519(k, u), k
        equal(k, value(result), bytearray)

    def _x25519_public_key(self, secret, public):
        equal(self.mc.x25519_public_key(value(secret)), value(public), bytes)

    def _eddsa_public_key(self, seed, public):
        equal(self.mc.eddsa_public_key(value(seed)), value(public), bytes)

    def _eddsa(self, seed, public, message, signature):
        seed, public = bytearray(value(seed)), value(public)
        before = bytes(seed)
        secret, got = self.mc.eddsa_key_pair(seed)
        equal(secret, before + public, bytearray)
        equal(got, public, bytes)
        equal(self.mc.eddsa_public_key(seed), public, bytes)
        assert seed == before, "the seed was changed"
        message, signature = value(message), value(signature)
        equal(self.mc.eddsa_sign(secret, message), signature, bytes)
        assert self.mc.eddsa_check(signature, public, message) is True

    def _check(self, signature, public, message, holds):
        got = self.mc.eddsa_check(value(signature), value(public), value(message))
        assert got is (holds == "1")

    def _to_x25519(self, public, u):
        equal(self.mc.eddsa_to_x25519(value(public)), value(u), bytes)

    def _blake2b(self, result, key, *parts):
        result, key = value(result), value(key)
        parts = [value(part) for part in parts]
        out = bytearray(len(result))
        for data in (parts, tuple(parts)) if len(parts) != 1 else (parts, parts[0]):
            equal(self.mc.blake2b(data, key, len(result)), result, bytes)
            assert self.mc.blake2b(data, key, out) is out and out == result

    def _framed(self, result, key, *parts):
        result, key = value(result), value(key)
        parts = [value(part) for part in parts]
        equal(self.mc.blake2b_framed(key, len(result), *parts), result, bytes)
        out = bytearray(len(result))
        parts = [memoryview(part) for part in parts]
        assert self.mc.blake2b_framed(bytearray(key), out, *parts) is out and out == result

    def _seal(self, key, nonce, ad, plain, sealed):
        key, nonce, ad = value(key), value(nonce), value(ad)
        plain, sealed = value(plain), value(sealed)
        equal(self.mc.aead_lock(key, nonce, ad, plain), sealed, bytearray)
        equal(self.mc.aead_unlock(key, nonce, ad, sealed), plain, bytearray)
        buffer = bytearray(plain) + bytearray(16)
        text = memoryview(buffer)[: len(plain)]
        assert self.mc.aead_lock(key, nonce, ad, text, buffer) is buffer and buffer == sealed
        assert self.mc.aead_unlock(key, nonce, ad, buffer, text) is text and text == plain
        wrong = bytearray(sealed)
        wrong[-1] ^= 1
        assert self.mc.aead_unlock(key, nonce, ad, wrong) is None
        wrong[-1] ^= 1
        wrong[0] ^= 0x80
        assert self.mc.aead_unlock(key, nonce, ad, wrong) is None
        assert self.mc.aead_unlock(key, nonce, ad + b"x", sealed) is None

    def _open_refused(self, key, nonce, ad, sealed):
        sealed = value(sealed)
        out = bytearray(b"x" * (len(sealed) - 16))
        before = bytes(out)
        for rest in ((), (out,)):
            assert self.mc.aead_unlock(value(key), value(nonce), value(ad), sealed, *rest) is None
        assert out == before, "out was touched"

    def _nonce_refused(self, key, nonce):
        key, nonce = value(key), value(nonce)
        self._refused("nonce: 24 bytes needed", self.mc.aead_lock, key, nonce, b"", b"")
        self._refused("nonce: 24 bytes needed", self.mc.aead_unlock, key, nonce, b"", bytes(16))

    # --- what is not a vector ---

    def _refused(self, text, function, *args):
        kind = ValueError if text else TypeError
        try:
            function(*args)
        except kind as error:
            assert not text or str(error) == text, "says %r, not %r" % (str(error), text)
        else:
            raise AssertionError("%s was not refused" % (text or "wrong type"))

    def behaviour(self):
        """Everything below."""
        for name in OPERATIONS:
            assert hasattr(self.mc, name), name
        self.lengths()
        self.types()
        self.outputs()
        self.comparing()
        self.wiping()

    def _good_calls(self):
        """(function, good arguments, {index of argument: (name, size)})."""
        mc = self.mc
        b16, b24, b32, b64 = bytes(16), bytes(24), bytes(32), bytes(64)
        aead = {0: ("key", 32), 1: ("nonce", 24)}
        return (
            (mc.x25519, (b32, b32), {0: ("secret", 32), 1: ("public", 32)}),
            (mc.x25519_public_key, (b32,), {0: ("secret", 32)}),
            (mc.eddsa_key_pair, (b32,), {0: ("seed", 32)}),
            (mc.eddsa_public_key, (b32,), {0: ("seed", 32)}),
            (mc.eddsa_sign, (b64, b""), {0: ("secret", 64)}),
            (mc.eddsa_check, (b64, b32, b""), {0: ("signature", 64), 1: ("public", 32)}),
            (mc.eddsa_to_x25519, (b32,), {0: ("public", 32)}),
            (mc.aead_lock, (b32, b24, b"", b""), aead),
            (mc.aead_unlock, (b32, b24, b"", b16), aead),
            (mc.verify16, (b16, b16), {0: ("a", 16), 1: ("b", 16)}),
            (mc.verify32, (b32, b32), {0: ("a", 32), 1: ("b", 32)}),
        )

    def lengths(self):
        """Every argument of a fixed length is refused by name when shorter, longer or empty."""
        mc = self.mc
        for function, good, fixed in self._good_calls():
            function(*good)
            for index in fixed:
                name, size = fixed[index]
                for wrong in (0, 1, size - 1, size + 1, 2 * size):
                    args = list(good)
                    args[index] = bytearray(wrong)
                    self._refused("%s: %d bytes needed" % (name, size), function, *args)
        key, nonce = bytes(32), bytes(24)
        for size in (0, 1, 15):
            text = "sealed: 16 bytes or more needed"
            self._refused(text, mc.aead_unlock, key, nonce, b"", bytes(size))
        text = "key: 0 to 64 bytes needed"
        self._refused(text, mc.blake2b, b"", bytes(65))
        self._refused(text, mc.blake2b_framed, bytes(65), 32)
        text = "out_or_size: 1 to 64 bytes needed"
        for size in (0, -1, 65, 1000, bytearray(0), bytearray(65)):
            self._refused(text, mc.blake2b, b"", b"", size)
            self._refused(text, mc.blake2b_framed, b"", size, b"")

    def types(self):
        """No str, int or None is a buffer; a memoryview, an array and a slice of either are."""
        mc = self.mc
        for function, good, _ in self._good_calls():
            for index in range(len(good)):
                for wrong in (5, None, "x" * len(good[index]), [1], 1.5):
                    args = list(good)
                    args[index] = wrong
                    self._refused("", function, *args)
            args = [memoryview(b"--" + arg)[2:] for arg in good]
            assert function(*args) == function(*good)
            args = [bytearray(arg) for arg in good]
            assert function(*args) == function(*good)
        for wrong in (5, None, "text", ["text"], (5,), [b"a", None]):
            self._refused("", mc.blake2b, wrong)
        for wrong in (5, None, "key"):
            self._refused("", mc.blake2b, b"", wrong)
            self._refused("", mc.blake2b_framed, wrong, 32)
            self._refused("", mc.blake2b_framed, b"", 32, b"part", wrong)
        for wrong in (None, "x" * 32, bytes(32), 1.5):
            self._refused("", mc.blake2b_framed, b"", wrong, b"part")
        words = array("I", [0x01020304, 0x05060708, 0, 0])
        size = len(bytes(words))
        assert mc.blake2b(words) == mc.blake2b(bytes(words))
        assert mc.blake2b_framed(b"", 32, words) == mc.blake2b_framed(b"", 32, bytes(words))
        if size == 16:
            assert mc.verify16(words, bytes(words))
        assert mc.blake2b(b"abc") == mc.blake2b([b"a", memoryview(b"bc")], b"", 32)
        assert mc.blake2b(b"abc", b"k") == mc.blake2b(b"abc", b"k", 32)

    def outputs(self):
        """`out` is filled and returned; of a wrong length or read-only it is refused."""
        mc = self.mc
        b24, b32, b64 = bytes(24), bytes(range(32)), bytes(range(64))
        for function, args, size in (
            (mc.x25519, (b32, b32), 32),
            (mc.x25519_public_key, (b32,), 32),
            (mc.eddsa_sign, (b64, b"text"), 64),
            (mc.aead_lock, (b32, b24, b"ad", b"text"), 20),
            (mc.aead_unlock, (b32, b24, b"ad", mc.aead_lock(b32, b24, b"ad", b"text")), 4),
        ):
            expected = function(*args)
            assert len(expected) == size
            out = bytearray(size)
            assert function(*(args + (out,))) is out and out == expected
            around = bytearray(b"\xaa" * (size + 2))
            view = memoryview(around)[1 : size + 1]
            assert function(*(args + (view,))) is view and view == expected
            assert around[0] == around[-1] == 0xAA
            assert function(*(args + (None,))) == expected
            for wrong in (0, size - 1, size + 1):
                out = bytearray(b"\xaa" * wrong)
                self._refused("out: %d bytes needed" % size, function, *(args + (out,)))
                assert out == b"\xaa" * wrong
            for wrong in (bytes(size), memoryview(bytes(size)), "x" * size, size):
                self._refused("", function, *(args + (wrong,)))
        chain = bytearray(b32)
        expected = mc.blake2b_framed(chain, 32, b"next")
        assert mc.blake2b_framed(chain, chain, b"next") is chain and chain == expected

    def large(self):
        """A part whose length needs three bytes; a board's heap has no room for it."""
        part = bytearray(b"\xaa" * 65537)
        expected = self.mc.blake2b((b"\0\1\0\1", part))
        assert self.mc.blake2b_framed(b"", 32, part) == expected

    def comparing(self):
        """verify16 and verify32 see every single bit."""
        for function, size in ((self.mc.verify16, 16), (self.mc.verify32, 32)):
            a = bytes(range(100, 100 + size))
            b = bytearray(a)
            assert function(a, b) is True
            for i in range(size):
                for bit in range(8):
                    b[i] ^= 1 << bit
                    assert function(a, b) is False and function(b, a) is False
                    b[i] ^= 1 << bit

    def wiping(self):
        """wipe zeroes what it is given and nothing else."""
        wipe = self.mc.wipe
        for size in (0, 1, 2, 31, 32, 33, 1000):
            buffer = bytearray(b"\xaa" * size)
            assert wipe(buffer) is None and buffer == bytes(size)
        buffer = bytearray(b"\xaa" * 10)
        wipe(memoryview(buffer)[3:7])
        assert buffer == b"\xaa\xaa\xaa\0\0\0\0\xaa\xaa\xaa"
        words = array("I", [1, 2, 3])
        wipe(words)
        assert list(words) == [0, 0, 0]
        for wrong in (b"bytes", "text", memoryview(b"bytes"), None, 5):
            self._refused("", wipe, wrong)


def main():
    mc = find()
    checks = Checks(mc)
    checks.behaviour()
    checks.large()
    with open(sys.argv[1]) as vectors:
        for line in vectors:
            checks.line(line)
    print("%d vectors hold, %s" % (checks.count, getattr(mc, "__file__", "built in")))


if __name__ == "__main__":
    main()
