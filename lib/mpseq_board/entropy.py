"""`Source`: random bytes fit for keys, of a board that may have no good source of its own.

What goes in, through keyed BLAKE2b: os.urandom, the stored seed, what a host injected, the jitter
of the clocks, the time, the chip's id. The stored seed is replaced before anything is given out,
so that no two boots share a byte, whenever the power is cut. After each output the state is
replaced by a hash of it: who reads the memory later cannot go back.

Which of these can be trusted (all are mixed; only these count):
- a host's injection of at least 32 bytes. The seed file remembers it, for this chip;
- os.urandom of an operating system (CPython, MicroPython's unix port);
- os.urandom of an ESP32 while its radio is on, for which it is switched on here. Without the
  radio `esp_random()` is a pseudo-random generator, and MicroPython has no call that switches on
  the chip's other source, the SAR ADC. The seed file remembers this too.
Not on its own: rp2, whose os.urandom in MicroPython 1.25 samples the ring oscillator once a
microsecond into an 8-bit shift register; the chip's data sheet says that this does not meet the
requirements of security systems, and the Pico 2's own generator is not used. Nor a port that
nobody looked at, nor the emulated boards, of which two can be given one seed.

The tests of os.urandom are those of NIST SP 800-90B 4.4 (repetition count and adaptive
proportion, for 4 bits of entropy in a byte, a false alarm in 2^30) and two reads that must
differ. They find a source that is broken. They cannot tell a good one from a counter under AES.

What cannot be held: who has read a board's flash, seed file and all, and can foresee its
os.urandom, knows what it will draw. A copy of a whole flash on another chip is noticed by the
chip's id and trusted no more; where there is no chip id (machine.unique_id) it is not.
Not tried on hardware: the ESP32's radio.
"""

from mpseq.primitives import H, kdf, wipe
from mpseq_aio.entropy import urandom

from .store import KeyStoreError, Slots, chip_id, make, ticks


class Untrusted(Exception):
    """There is no source that keys may be drawn from. The text has each reason and its cure."""


class Source:
    """`folder`: where the seed is kept; it is made if need be.

    `problems`: why no key may be drawn, each with its cure; empty when all is well.
    `health`: what the tests found wrong with os.urandom, be it needed or not; else "".
    """

    def __init__(self, folder):
        self._state = bytearray(32)
        self._trusted = False
        self._chip = H(b"chip", chip_id())
        self._slots = Slots(folder + "/seed", b"mpseqS\x01", 65)
        make(folder)
        from .gathering import gather

        self.health = gather(self)
        try:
            self._keep(self._trusted)
        except KeyStoreError as error:
            self._trusted = False
            self._problem = str(error)

    @property
    def problems(self):
        return () if self._trusted else (self._problem,)

    def random(self, size):
        """`size` bytes in a bytearray of its own; Untrusted when there are problems."""
        if not self._trusted:
            raise Untrusted(self._problem)
        try:
            more = urandom(32)
        except Exception:
            more = b""  # what is trusted is in the state
        self._absorb(b"more", str(ticks()).encode(), more)
        out = bytearray(size)
        view = memoryview(out)
        for at in range(0, size, 64):
            kdf(view[at : at + 64], self._state, b"out")
            self._absorb(b"next")
        return out

    def inject(self, data):
        """Takes in a host's random bytes, 32 or more, 64 for preference; the seed file remembers
        them at once. ValueError when they are too few or not random; KeyStoreError when the seed
        cannot be written: then they do not count."""
        if len(data) < 32 or len(set(data)) < 16:
            raise ValueError("32 random bytes or more are needed")
        self._absorb(b"host", data)
        self._keep(True)

    def _absorb(self, *parts):
        kdf(self._state, self._state, *parts)

    def _keep(self, trusted):
        """Writes the seed of the next start, which tells nothing of the state."""
        seed = bytearray(65)
        seed[0] = trusted
        seed[1:33] = self._chip
        kdf(memoryview(seed)[33:], self._state, b"seed")
        self._absorb(b"next")
        try:
            self._slots.write(seed)
        finally:
            wipe(seed)
        self._trusted = trusted
