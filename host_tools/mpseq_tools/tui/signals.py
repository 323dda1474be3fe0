"""Being told to end, by whoever may: SIGTERM, and SIGHUP when the terminal is closed."""

import asyncio
import contextlib
import signal


def when_told_to_end(act):
    """Calls `act()` in the running loop, where the platform has such signals."""
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP"):
        with contextlib.suppress(NotImplementedError, AttributeError):
            loop.add_signal_handler(getattr(signal, name), act)
