"""What a board does seldom: its watchdog, panic."""

import gc
import sys

_FEEDS = 2  # seconds between them
_HARDWARE = 8  # seconds, where more than 8,388 ms do not go: RP2


def watchdog(seconds):
    """A watchdog, running."""
    from machine import WDT

    try:
        return WDT(timeout=seconds * 1000)
    except ValueError:
        dog = WDT(timeout=_HARDWARE * 1000)
    try:
        return _Patient(dog, seconds)
    except (ImportError, ValueError, OSError):
        return dog  # no timer


class _Patient:
    """A watchdog whose hardware wants to be fed more often than `seconds` say: a timer does it
    meanwhile. So a name server that does not answer, which holds up everything, is no reset."""

    def __init__(self, dog, seconds):
        self._dog = dog
        self._left = self._most = (seconds - _HARDWARE) // _FEEDS
        self._timer = _every(_FEEDS * 1000, self._tick)

    def feed(self):
        self._left = self._most
        self._dog.feed()

    def _tick(self, timer):
        if self._left > 0:
            self._left -= 1
            self._dog.feed()


def _every(period, function):
    """A timer that calls function(timer) each `period` ms."""
    from machine import Timer

    # MicroPython 1.25 has no -1 on an ESP32, and 1.24 crashes on a C3.
    timer = Timer(0 if sys.platform == "esp32" else -1)
    timer.init(period=period, callback=function)
    return timer


def tame(dog):
    """Lets a timer feed the watchdog, until the next soft reset: somebody works at the prompt."""
    global _timer
    try:
        _timer = _every(1000, lambda timer: dog.feed())
    except (ImportError, ValueError, OSError):
        print("mpseq: no timer to feed the watchdog with: it resets the board soon")


def panic(node):
    """Wipes what a node has in memory and on flash, and resets the board. The key store is not
    asked: it need not open, nor is there always memory for it."""
    try:
        session = node.chat and node.chat.conversation.session
        if session:
            session.wipe()
            if session.keys:
                session.keys.wipe()
        if node.identity:
            node.identity.wipe()
    finally:
        try:
            node.whole = None
            gc.collect()
            from .wiping import erase

            erase(node.folder, node._feed)
        finally:
            try:
                from machine import reset
            except ImportError:
                raise SystemExit from None
            reset()
