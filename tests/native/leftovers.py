"""What the native module leaves on the C stack: on any MicroPython, board or not, beside `probe`.

Each function is called with one secret and with another, over and over, from the same stack. A
byte of the dead stack that goes with the secret is a leftover. Prints a line for each function:
its name, how many bytes are left, and how deep the stack was that it took.
"""

import gc

import micropython
import monocypher as mc
import probe

_FILL = 0xA5
_ROUNDS = 4
NONCE = bytes(24)
AD = b"associated data"


class Stack:
    """`size` bytes of dead stack, after calls with one secret and with the other."""

    def __init__(self, size):
        self.dumps = [[bytearray(size) for _ in range(_ROUNDS)] for _ in range(2)]
        self.size = size

    def leftovers(self):
        """Places where it is always one byte with one secret, and another with the other. What
        differs for other reasons (addresses of objects, interrupts) does not keep to that."""
        ones, others = self.dumps
        found = []
        for at in range(self.size):
            if ones[0][at] != others[0][at]:
                if len({dump[at] for dump in ones}) == len({dump[at] for dump in others}) == 1:
                    found.append(self.size - at)
        return found

    def depth(self):
        for at in range(self.size):
            for dumps in self.dumps:
                if dumps[0][at] != _FILL:
                    return self.size - at
        return 0


class Secrets:
    """What is secret in a call; the same objects for one secret and the other."""

    def __init__(self):
        self.key = bytearray(32)
        self.pair = bytearray(64)
        self.text = bytearray(150)
        self.sealed = bytearray(166)
        self.mac = bytearray(16)
        self.out = bytearray(166)
        self.public = mc.x25519_public_key(bytes(range(32)))

    def choose(self, which):
        for buffer in (self.key, self.pair, self.text, self.mac):
            for at in range(len(buffer)):
                buffer[at] = (at * 37 + 101 * which + 5) & 255 ^ (which * 0x55)
        mc.aead_lock(self.key, NONCE, AD, self.text, self.sealed)


def cases(s):
    out = memoryview(s.out)
    return (
        ("x25519", mc.x25519, (s.key, s.public, out[:32])),
        ("x25519_public_key", mc.x25519_public_key, (s.key, out[:32])),
        ("eddsa_key_pair", mc.eddsa_key_pair, (s.key,)),
        ("eddsa_public_key", mc.eddsa_public_key, (s.key,)),
        ("eddsa_sign", mc.eddsa_sign, (s.pair, b"message" * 20, out[:64])),
        ("blake2b", mc.blake2b, (s.text, s.key, out[:32])),
        ("blake2b, bytes", mc.blake2b, (s.text, s.key, 64)),
        ("blake2b_framed", mc.blake2b_framed, (s.key, out[:32], b"tag", s.text)),
        ("aead_lock", mc.aead_lock, (s.key, NONCE, AD, s.text, out)),
        ("aead_unlock", mc.aead_unlock, (s.key, NONCE, AD, s.sealed, out[:150])),
        ("aead_unlock, spoilt", mc.aead_unlock, (s.key, NONCE, b"", s.sealed, out[:150])),
        ("verify16", mc.verify16, (s.mac, NONCE[:16])),
        ("verify32", mc.verify32, (s.key, s.public)),
        ("blake2b, no memory", without_memory, (keyed_hash, s.key)),
        ("eddsa_key_pair, no memory", without_memory, (mc.eddsa_key_pair, s.key)),
        ("control", probe.careless, (s.key,)),
    )


def without_memory(function, key):
    """The call fails where it needs memory for its result."""
    micropython.heap_lock()
    try:
        function(key)
    except MemoryError:
        pass
    else:
        raise AssertionError("there was memory")
    finally:
        micropython.heap_unlock()


def keyed_hash(key):
    mc.blake2b(AD, key)


def check(name, function, arguments, secrets, stack):
    for turn in range(_ROUNDS):
        for which in (0, 1):
            secrets.choose(which)
            gc.collect()
            probe.call(function, arguments, stack.dumps[which][turn])
    print("%s: %d left, %d deep" % (name, len(stack.leftovers()), stack.depth()))


def main(size):
    secrets = Secrets()
    stack = Stack(size)
    for name, function, arguments in cases(secrets):
        check(name, function, arguments, secrets, stack)
