"""Counts the Monocypher calls that the protocol makes: which, and with what sizes."""

from collections import Counter

from mpseq import primitives
from mpseq.primitives import mc

NAMES = (
    "x25519", "x25519_public_key", "eddsa_key_pair", "eddsa_sign", "eddsa_check",
    "blake2b_framed", "aead_lock", "aead_unlock", "verify32", "wipe",
)


def _size(argument):
    """Bytes of a buffer; for a size given as a number that number, negative."""
    return -argument if isinstance(argument, int) else len(argument)


class Calls:
    """`with Calls() as calls:` counts; `calls.on` can be switched off in between."""

    def __init__(self, on=True):
        self.on = on
        self.counts = Counter()  # (name, sizes) -> how often
        self._kept = []

    def __enter__(self):
        for name in NAMES:
            for module in (mc, primitives):
                if hasattr(module, name):
                    original = getattr(module, name)
                    self._kept.append((module, name, original))
                    setattr(module, name, self._counting(name, original))
        return self

    def __exit__(self, *_):
        for module, name, original in self._kept:
            setattr(module, name, original)

    def _counting(self, name, original):
        def call(*arguments):
            if self.on:
                self.counts[name, tuple(_size(a) for a in arguments)] += 1
            return original(*arguments)

        return call

    def by_name(self):
        total = Counter()
        for (name, _), count in self.counts.items():
            total[name] += count
        return total
