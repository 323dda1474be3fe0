"""What carriers over a connection share. Not loaded by a board at a cable."""

import asyncio

from . import link

_GOOD_BYE = 1  # seconds


async def hang_up(writer, at_once):
    """Closes a connection, in a second at most; `at_once`: with what is still to be written."""
    # CPython sends first what is still in its buffer, however long that takes.
    transport = getattr(writer, "transport", None)
    try:
        if transport and at_once:
            transport.abort()
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), _GOOD_BYE)
    except (OSError, asyncio.TimeoutError):
        pass
    finally:
        try:
            if transport:
                transport.abort()
        except AttributeError:  # of CPython 3.11.2 when TLS is closed already
            pass


def with_number(label: str, number: int) -> str:
    """`label` with "-number" behind it, cut so that it stays within the limit of 64 bytes."""
    suffix = "-%d" % number
    while len(label.encode()) + len(suffix) > link.MAX_LABEL:
        label = label[:-1]
    return label + suffix
