"""The random bytes of this machine, of which no copy stays in memory."""

import os

try:
    from uctypes import addressof, bytearray_at

    def _wipe(raw):
        bytearray_at(addressof(raw), len(raw))[:] = bytes(len(raw))

except ImportError:
    from monocypher import wipe as _wipe  # pymonocypher's, which takes bytes objects


def urandom(size):
    """os.urandom in a bytearray. The bytes object that it came in is wiped: nobody else has it."""
    raw = os.urandom(size)
    out = bytearray(raw)
    if size > 1:  # Python shares objects of one byte
        try:
            _wipe(raw)
        except TypeError:
            pass  # a board without uctypes: the native module wipes no bytes objects
    return out
