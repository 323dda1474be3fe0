"""Being told to end, by whoever may: SIGTERM, and SIGHUP when the terminal is closed."""

import asyncio
import contextlib
import signal


def when_told_to_end(act, when_hung_up=None):
    """Calls `act()` in the running loop, or for SIGHUP the other, where there are such signals."""
    loop = asyncio.get_running_loop()
    for name, what in (("SIGTERM", act), ("SIGHUP", when_hung_up or act)):
        with contextlib.suppress(NotImplementedError, AttributeError):
            loop.add_signal_handler(getattr(signal, name), what)
