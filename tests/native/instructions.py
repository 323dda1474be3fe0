"""How many instructions the native module takes, on an emulated board whose clock counts them.

Prints a line for each function: its name, the instructions of one call, and the most that two
secrets differ by in a series of calls, in steps of the clock. What else the board does meanwhile
can only add, so each series runs some times, and the shortest counts. CLOCK and UNIT come from the
test: an address that counts, and one step of it in instructions.
"""

import gc

import monocypher as mc
from machine import mem32

NONCE = bytes(24)
AD = b"associated data"
CLOCK = None
UNIT = 0
_SECRETS = 7
_SERIES = 4


def fill(buffer, which):
    """The extremes first: a branch on a secret bit, or an early end, shows best there."""
    for at in range(len(buffer)):
        if which < 3:
            buffer[at] = (0, 255, 1)[which]
        elif which == 3:
            buffer[at] = 0x80 if at == len(buffer) - 1 else 0
        else:
            buffer[at] = (at * 37 * which + which * which * 13 + 5) & 255


def spent(times, call):
    """The call takes no memory: how long the search for a free block lasts is not its matter."""
    gc.collect()
    begin = mem32[CLOCK]
    for _ in range(times):
        call()
    return (mem32[CLOCK] - begin) & 0xFFFFFFFF


def secret_length(message):
    """Not constant: ends at the first zero. To see that the test sees it."""
    for at in range(len(message)):
        if message[at] == 0:
            break


def main():
    key = bytearray(32)
    pair = bytearray(64)
    text = bytearray(150)
    sealed = bytearray(166)
    out = bytearray(166)
    out32 = memoryview(out)[:32]
    out64 = memoryview(out)[:64]
    out150 = memoryview(out)[:150]
    public = mc.x25519_public_key(bytes(range(32)))
    for name, times, call in (
        ("x25519", 10, lambda: mc.x25519(key, public, out32)),
        ("x25519_public_key", 10, lambda: mc.x25519_public_key(key, out32)),
        ("eddsa_sign", 10, lambda: mc.eddsa_sign(pair, b"message", out64)),
        ("blake2b_framed", 100, lambda: mc.blake2b_framed(key, out32, b"tag", text)),
        ("aead_lock", 100, lambda: mc.aead_lock(key, NONCE, AD, text, out)),
        ("aead_unlock", 100, lambda: mc.aead_unlock(key, NONCE, AD, sealed, out150)),
        ("aead_unlock, spoilt", 100, lambda: mc.aead_unlock(key, NONCE, b"", sealed, out150)),
        ("verify32", 100, lambda: mc.verify32(key, public)),
        ("control", 100, lambda: secret_length(key)),
    ):
        costs = [0x7FFFFFFF] * _SECRETS
        for at in range(_SERIES * _SECRETS):
            which = at % _SECRETS
            fill(key, which)
            fill(pair, which)
            fill(text, which)
            mc.aead_lock(key, NONCE, AD, text, sealed)
            costs[which] = min(costs[which], spent(times, call))
        print("%s, %d: %d" % (name, min(costs) * UNIT // times, max(costs) - min(costs)))
