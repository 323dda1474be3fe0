"""Calls the native module with all that a program can give it, good and bad, under ASan and UBSan.

    micropython-sanitized random_calls.py SEED CALLS

Buffers come from malloc, one block each, so that the sanitizer sees one byte too much; to it,
MicroPython's heap is a single block. A call that raises must say ValueError or TypeError, one that
returns must give what the same call gives without offsets and views. Prints how many did which.
"""

import random
import sys
from array import array

import ffi
import monocypher as mc
import uctypes

_c = ffi.open(None)
_malloc = _c.func("P", "malloc", "L")
_free = _c.func("v", "free", "p")

_SIZES = (0, 1, 2, 7, 8, 15, 16, 17, 23, 24, 25, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256)


class Memory:
    """The blocks of one call."""

    def __init__(self):
        self.blocks = []

    def block(self, size):
        address = _malloc(size)
        self.blocks.append(address)
        return uctypes.bytearray_at(address, size)

    def free(self):
        for address in self.blocks:
            _free(address)


def chance(one_in):
    return random.getrandbits(16) % one_in == 0


def some_size():
    return random.choice(_SIZES) if chance(2) else random.getrandbits(10) % 700


def content(size):
    return bytes([random.getrandbits(8) for _ in range(size)])


def wrong_value():
    return random.choice((None, 5, -1, 1.5, "x" * 32, "", [b"x"], {}, mc, True))


def guarded(memory, data, writable=False):
    """`data` in one of the shapes a program may have it in."""
    size = len(data)
    shape = random.getrandbits(8) % 6
    if shape == 0 and not writable:
        return bytes(data)
    if shape == 1:
        return bytearray(data)
    if shape == 2 and size % 4 == 0:
        out = array("I", range(size // 4))
        memoryview(out)  # of another item size than 1
        uctypes.bytearray_at(uctypes.addressof(out), size)[:] = data
        return out
    before = random.getrandbits(8) % 9  # odd addresses too
    block = memory.block(before + size)  # it ends where the block ends
    view = memoryview(block)[before:]
    view[:] = data
    if before == 0 and shape == 3:
        return block
    return view


# For each function: the sizes of its arguments (None: any), then the size of `out` or None. In
# aead_* the size of `out` follows from the last argument.
FUNCTIONS = {
    "x25519": ((32, 32), 32),
    "x25519_public_key": ((32,), 32),
    "eddsa_key_pair": ((32,), None),
    "eddsa_public_key": ((32,), None),
    "eddsa_sign": ((64, None), 64),
    "eddsa_check": ((64, 32, None), None),
    "eddsa_to_x25519": ((32,), None),
    "aead_lock": ((32, 24, None, None), 16),
    "aead_unlock": ((32, 24, None, None), -16),
    "verify16": ((16, 16), None),
    "verify32": ((32, 32), None),
}
_NAMES = sorted(FUNCTIONS)
_HASHES = ("blake2b", "blake2b_framed", "wipe")


def same(a, b):
    if isinstance(a, str) or isinstance(b, str):
        return type(a) is type(b) and a == b
    if isinstance(a, tuple):
        return len(a) == len(b) and all([same(a[at], b[at]) for at in range(len(a))])
    if a is None or isinstance(a, bool):
        return a is b
    return bytes(a) == bytes(b)


def hash_call(memory, name):
    """(arguments, the same plainly)"""
    key = content(random.getrandbits(8) % 66)
    size = random.getrandbits(8) % 66
    out = guarded(memory, bytes(size), True) if chance(2) else size
    parts = [content(some_size()) for _ in range(random.getrandbits(8) % 5)]
    shown = [guarded(memory, part) for part in parts]
    spoilt = chance(20)
    if spoilt:
        shown.insert(0, wrong_value())
        parts.insert(0, shown[0])
    if name == "blake2b_framed":
        return [guarded(memory, key), out] + shown, [key, size] + parts
    if len(shown) == 1 and chance(2):
        return [shown[0], guarded(memory, key), out], [parts[0], key, size]
    data = random.choice((tuple, list))(shown)
    return [data, guarded(memory, key), out], [data if spoilt else b"".join(parts), key, size]


def sized_call(memory, name):
    """(arguments, the same plainly, or None where the result is spoilt)"""
    sizes, out_size = FUNCTIONS[name]
    data = []
    for size in sizes:
        if size is None or chance(40):
            size = some_size()
        data.append(content(size))
    if name == "aead_unlock" and not chance(4):
        try:
            data[3] = bytes(mc.aead_lock(*data))
        except ValueError:
            pass
    arguments = [guarded(memory, part) for part in data]
    if name.startswith("aead"):
        out_size += len(data[3])
    if out_size is None or out_size < 0 or chance(2):
        return arguments, data
    if chance(8):
        size = some_size()
        return arguments + [guarded(memory, bytes(size), True)], data + [bytearray(size)]
    if chance(2):
        return arguments + [guarded(memory, bytes(out_size), True)], data
    # over an argument, wherever: the result is spoilt, the memory around it is not
    at = random.getrandbits(8) % len(arguments)
    size = max(out_size, len(data[at]))
    block = memory.block(size)
    shift = random.getrandbits(8) % (size - len(data[at]) + 1)
    arguments[at] = memoryview(block)[shift : shift + len(data[at])]
    arguments[at][:] = data[at]
    return arguments + [memoryview(block)[:out_size]], None


def one_call():
    memory = Memory()
    name = random.choice(_HASHES) if chance(2) else random.choice(_NAMES)
    function = getattr(mc, name)
    if name == "wipe":
        data = content(some_size())
        arguments, data = [guarded(memory, data, True)], [bytearray(data)]
    elif name in FUNCTIONS:
        arguments, data = sized_call(memory, name)
    else:
        arguments, data = hash_call(memory, name)
    if chance(30):
        at = random.getrandbits(8) % len(arguments)
        arguments[at] = wrong_value()
        if data and at < len(data):
            data[at] = arguments[at]
        elif data:
            data.append(arguments[at])
    try:
        outcome = attempt(function, arguments)
        if data is None:
            return "overlapping"
        again = attempt(function, data)
        assert same(outcome, again), "%s(%r): %r or %r" % (name, data, outcome, again)
        return "refused" if type(outcome) is str else "right"
    finally:
        memory.free()


def attempt(function, arguments):
    """The result, or what it said in refusing."""
    try:
        return function(*arguments)
    except (ValueError, TypeError) as error:
        return "%s %s" % (type(error).__name__, error)


def main(seed, calls):
    random.seed(seed)
    counts = {}
    for _ in range(calls):
        what = one_call()
        counts[what] = counts.get(what, 0) + 1
    print(" ".join(["%s %d" % (what, counts[what]) for what in sorted(counts)]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
