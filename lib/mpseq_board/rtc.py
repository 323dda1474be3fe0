"""The time of day, which only TLS wants: certificates have dates, and the clock of a board begins
in 2000 or 2021.

`mpseq deploy` leaves the time in the file `time` of the board's folder: six numbers from the year
to the second, UTC. It is not earlier than that. Anybody on the way can forge the answers of NTP:
they count where they are later.
"""

import time


def wind(folder, ask):
    """Sets the clock, if it is slow, to the stored time; with `ask` to NTP's, which takes a second
    and the patience of the name server."""
    least = _stored(folder)
    _set(least, time.gmtime()[:6])
    if ask:
        try:
            import ntptime

            _set(time.gmtime(ntptime.time())[:6], least)
        except Exception:  # no such module, no name server, no answer: so be it
            pass


def _stored(folder):
    try:
        with open(folder + "/time") as file:
            found = tuple([int(word) for word in file.read().split()])
    except (OSError, ValueError):
        return ()
    return found if len(found) == 6 else ()


def _set(at, least):
    if at > least:
        try:
            from machine import RTC

            RTC().datetime(at[:3] + (0,) + at[3:] + (0,))
        except (ImportError, AttributeError):  # no clock that could be set
            pass
