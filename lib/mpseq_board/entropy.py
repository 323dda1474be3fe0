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

import os
import time

from mpseq.primitives import H, kdf, wipe
from mpseq_aio.entropy import urandom

from .store import Slots, StoreError, chip_id, platform

_MAGIC = b"mpseqS\x01"
_INJECTION = 32  # bytes that count
_RUN = 9  # equal bytes in a row: 1 + 30 / 4
_MOST = 71  # of one byte in 512: 1 + critbinom(512, 1/16, 1 - 2^-30)
_CURE = "; cure: give it 64 random bytes from a host, with mpseq deploy"

_ticks = getattr(time, "ticks_cpu", None) or time.perf_counter_ns
_time = getattr(time, "time_ns", time.time)


class Untrusted(Exception):
    """There is no source that keys may be drawn from. The text has each reason and its cure."""


def faults(first, second):
    """What is wrong with two reads of 256 bytes of a random source, "" when nothing is."""
    if first == second:
        return "gives the same twice"
    counts = bytearray(256)
    run = 0
    last = -1
    for part in (first, second):
        for byte in part:
            run = run + 1 if byte == last else 1
            last = byte
            counts[byte] += 1
            if run >= _RUN or counts[byte] >= _MOST:
                return "repeats itself"
    return ""


def _jitter():
    samples = bytearray(64)
    for at in range(64):
        H(samples)
        samples[at] = _ticks() & 255
    return samples


class _Radio:
    """An ESP32's Wi-Fi station, on while this is entered and then again as it was."""

    def __enter__(self):
        import network

        self._station = network.WLAN(network.STA_IF)
        self._was_on = self._station.active()
        self._station.active(True)
        self._saving = self._station.config("pm")
        self._station.config(pm=network.WLAN.PM_NONE)  # a radio that sleeps makes no noise
        time.sleep_ms(100)

    def __exit__(self, *_):
        self._station.config(pm=self._saving)
        if not self._was_on:
            self._station.active(False)


class Source:
    """`folder`: where the seed is kept; it is made if need be.

    `problems`: why no key may be drawn, each with its cure; empty when all is well.
    `health`: what the tests found wrong with os.urandom, be it needed or not; else "".
    """

    def __init__(self, folder):
        self._state = bytearray(32)
        self._chip = H(b"seed of chip", chip_id())
        self._trusted = platform == "system"
        self._why = "os.urandom of this board (%s) is not trusted by itself" % platform
        self._unkept = ""
        try:
            os.mkdir(folder)
        except OSError:
            pass  # there already; else the seed cannot be written, which is told
        self._slots = Slots(folder + "/seed", _MAGIC, 65)
        seeded = self._read_seed()
        self.health = self._read_system(seeded)
        if self.health:
            self._trusted = False
            self._why = "os.urandom " + self.health
        jitter = _jitter()
        self._absorb(b"board", chip_id(), str(_time()).encode(), jitter)
        self._trusted = self._trusted or seeded
        try:
            self._keep(self._trusted)
        except OSError:
            pass

    @property
    def problems(self):
        found = () if self._trusted else (self._why + _CURE,)
        return found + (self._unkept,) if self._unkept else found

    def random(self, size):
        """`size` bytes in a bytearray of its own; Untrusted when there are problems."""
        if self.problems:
            raise Untrusted("; ".join(self.problems))
        try:
            more = urandom(32)
        except Exception:
            more = b""  # the state has all that is trusted
        self._absorb(b"more", str(_ticks()).encode(), more)
        out = bytearray(size)
        view = memoryview(out)
        for at in range(0, size, 64):
            kdf(view[at : at + 64], self._state, b"out")
            kdf(self._state, self._state, b"next")
        return out

    def inject(self, data):
        """Takes in a host's random bytes, 32 or more, 64 for preference; the seed file remembers
        them at once. ValueError when they are too few or not random, OSError when the seed cannot
        be written: then they do not count."""
        if len(data) < _INJECTION or len(set(data)) < _INJECTION // 2:
            raise ValueError("32 random bytes or more are needed")
        self._absorb(b"host", data)
        self._keep(True)
        self._trusted = True

    def _absorb(self, *parts):
        kdf(self._state, self._state, *parts)

    def _read_seed(self):
        """Takes in the stored seed; whether what it was made of was trusted on this chip."""
        trusted = False
        try:
            found = self._slots.read()
        except StoreError as error:
            self._why = str(error)
            return False
        for _, seed in found:
            self._absorb(b"seed", seed)
            if seed[1:33] == self._chip:
                trusted = trusted or seed[0] == 1
            else:
                self._why = "the seed is of another board, of which this is a copy"
            wipe(seed)
        return trusted

    def _read_system(self, seeded):
        """Takes in os.urandom; what is wrong with it. On an ESP32 with the radio, once."""
        if platform == "esp32" and not seeded:
            try:
                with _Radio():
                    fault = self._sample()
                self._trusted = True
                return fault
            except Exception:  # no network, no such radio, or it fails
                self._why = "the radio stays off, without which esp32 has no random source"
        return self._sample()

    def _sample(self):
        try:
            first = urandom(256)
            second = urandom(256)
        except Exception:
            return "is missing or fails"
        self._absorb(b"system", first, second)
        fault = faults(first, second)
        wipe(first)
        wipe(second)
        return fault

    def _keep(self, trusted):
        """Writes the seed of the next start, from which nobody can tell the state."""
        seed = bytearray(65)
        seed[0] = trusted
        seed[1:33] = self._chip
        kdf(memoryview(seed)[33:], self._state, b"keep")
        self._absorb(b"next")
        try:
            self._slots.write(seed)
            self._unkept = ""
        except OSError as error:
            self._unkept = "the seed cannot be written (%s); cure: make room on the disk" % error
            raise
        finally:
            wipe(seed)
