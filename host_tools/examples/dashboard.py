"""A dashboard: plots the numbers that boards send, in the terminal and, when asked, as a picture.

    pip install -e 'host_tools[examples]'
    mpseq relay
    python dashboard.py tcp://127.0.0.1:7676/garden --invited-by KEY --png now.png

KEY is what ana's chat shows for /me; what she types to invite it is printed. Without a board
start sensor.py, too. A reading is DATA of the type text/csv, the time (which a board may not know)
and up to four numbers, or a text that is one number. The last 600 of each are shown.
"""

import argparse
import asyncio
import contextlib
import math
import sys
import time
from collections import deque

import plotext

from mpseq import events, fingerprint
from mpseq_aio.chat import Chat
from mpseq_aio.plain import clean
from mpseq_tools import keys, rooms
from mpseq_tools.faults import Fault

Series = dict[str, deque[tuple[float, float]]]  # name -> (seconds since the start, value)


def keep(series: Series, event: events.Text | events.Data, seconds: float) -> None:
    """Adds the numbers of an event; what others send can be anything."""
    if isinstance(event, events.Text):
        columns = [event.text]
    elif event.content_type == "text/csv":
        columns = event.data.decode(errors="replace").strip().split(",")[1:5]
    else:
        return
    for number, column in enumerate(columns, 1):
        name = f"{clean(event.nick)} [{fingerprint(event.key)[:4]}] {number}"
        with contextlib.suppress(ValueError):
            if math.isfinite(value := float(column)):
                series.setdefault(name, deque(maxlen=600)).append((seconds, value))


def draw(series: Series) -> str:
    plotext.clear_figure()
    plotext.theme("pro")
    for name, points in series.items():
        plotext.plot(*zip(*points, strict=True), label=name)
    plotext.xlabel("seconds")
    plot = str(plotext.build())
    return plot if sys.stdout.isatty() else str(plotext.uncolorize(plot))


def paint(series: Series, path: str) -> None:
    from matplotlib.figure import Figure  # not pyplot, which is for one thread

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot(xlabel="seconds")
    for name, points in series.items():
        axes.plot(*zip(*points, strict=True), marker=".", label=name.replace("$", r"\$"))
    axes.legend(loc="upper left")
    figure.savefig(path)


async def run(options: argparse.Namespace) -> None:
    identity, _ = keys.load(options.nick)
    series: Series = {}
    start = drawn = time.monotonic()
    async with Chat(identity, options.nick, rooms.at(options.address).room()) as chat:
        print(f"/invite {options.nick} {identity.public.hex()}", flush=True)
        await chat.join(lambda invitation: invitation.inviter in options.invited_by)
        async for event in chat.events():
            now = time.monotonic()
            if isinstance(event, events.Left):
                break
            if isinstance(event, events.Text | events.Data):
                keep(series, event, now - start)
            if series and now - drawn >= 1:
                print("\x1b[H\x1b[J" * sys.stdout.isatty() + draw(series), flush=True)
                if options.png:  # in a thread: the conversation goes on meanwhile
                    await asyncio.to_thread(paint, series, options.png)
                drawn = time.monotonic()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Plots the numbers that boards send.")
    parser.add_argument("address", help="like tcp://HOST:PORT/ROOM")
    parser.add_argument("--nick", default="dashboard")
    parser.add_argument("--invited-by", type=bytes.fromhex, action="append", default=[],
                        metavar="KEY", help="who may invite it; several times")
    parser.add_argument("--png", metavar="FILE", help="a picture of the latest plot")
    try:
        asyncio.run(run(parser.parse_args()))
    except (Fault, OSError) as error:  # CarrierLost is an OSError
        sys.exit(f"{error}\nCure: {getattr(error, 'cure', 'start the relay, or see the address')}")
    except KeyboardInterrupt:
        pass
