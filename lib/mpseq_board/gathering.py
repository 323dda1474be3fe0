"""What a Source takes in when it starts, and the tests of it: loaded once, and not needed later.
See entropy, which says what is trusted.
"""

import time

from mpseq.primitives import H, wipe
from mpseq_aio.entropy import urandom

from .store import KeyStoreError, chip_id, platform, ticks

_CURE = ": give it 64 random bytes of a host (mpseq deploy)"
_time = getattr(time, "time_ns", time.time)


def gather(source):
    """Fills the state of a source; what is wrong with os.urandom, or ""."""
    source._problem = "os.urandom of this board (%s) is not trusted alone" % platform + _CURE
    _take_seed(source)
    fault = _take_urandom(source)
    samples = bytearray(64)
    for at in range(64):
        H(samples)
        samples[at] = ticks() & 255
    source._absorb(b"board", chip_id(), str(_time()).encode(), samples)
    return fault


def _take_seed(source):
    try:
        found = source._slots.read()
    except KeyStoreError as error:
        source._problem = str(error) + _CURE
        return
    for _, seed, _ in found:
        source._absorb(b"seed", seed)
        if seed[1:33] == source._chip:
            source._trusted = source._trusted or bool(seed[0])
        else:
            source._problem = "this board has the seed of another, copied" + _CURE
        wipe(seed)


def _take_urandom(source):
    """What is wrong with it. On an ESP32 that nobody has trusted yet, with the radio on."""
    if platform == "esp32" and not source._trusted:
        try:
            from .radio import station

            radio = station()
            was_on = radio.active()
            radio.active(True)
            saving = radio.config("pm")
            radio.config(pm=radio.PM_NONE)  # a radio that sleeps makes no noise
            try:
                time.sleep_ms(100)
                return _test_urandom(source, True)
            finally:
                radio.config(pm=saving)
                radio.active(was_on)
        except Exception:  # of whatever kind: it is not on
            source._problem = "esp32 is random only with its radio, which fails" + _CURE
    return _test_urandom(source, platform == "system")


def _test_urandom(source, good):
    try:
        first = urandom(256)
        second = urandom(256)
    except Exception:
        fault = "is missing or fails"
    else:
        source._absorb(b"urandom", first, second)
        fault = faults(first, second)
        wipe(first)
        wipe(second)
    if fault:
        source._problem = "os.urandom " + fault + _CURE
    elif good:
        source._trusted = True
    return fault


def faults(first, second):
    """What is wrong with two reads of 256 bytes of a random source; "" when nothing is."""
    if first == second:
        return "gives the same twice"
    counts = bytearray(256)
    run = last = -1
    for part in (first, second):
        for byte in part:
            run = run + 1 if byte == last else 1
            last = byte
            counts[byte] += 1
            # 1 + 30 / 4 equal ones in a row; 1 + critbinom(512, 1/16, 1 - 2^-30) of 512
            if run >= 9 or counts[byte] >= 71:
                return "repeats itself"
    return ""
