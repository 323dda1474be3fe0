"""`mpseq chat` in plain lines, for pipes and for `--plain`."""

import asyncio
import concurrent.futures
import os
import sys
import threading
import time

from mpseq_aio.framing import clean

STOP = object()  # the input has ended


class Console:
    """Prints what happens, in lines; warnings stand out, on a terminal in red."""

    def __init__(self, write=None, colour=None):
        self._write = write or (lambda line: print(line, flush=True))
        if colour is None:
            colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._colour = colour

    def say(self, text):
        """A note without a room."""
        for row in text.splitlines():
            self._write(f"{time.strftime('%H:%M:%S')} {clean(row)}")

    def warn(self, text):
        """A warning without a room."""
        self.say("\n".join(f"!!! WARNING: {row}" for row in text.splitlines()))

    def line(self, room, line):
        """A line of a room, with its name when there are several."""
        talk = room.talk
        where = f"[{clean(room.name)}] " if talk and len(talk.rooms) > 1 else ""
        for row in line.plain():
            row = where + row
            if line.kind == "warning" and self._colour:
                row = f"\x1b[1;31m{row}\x1b[0m"
            self._write(f"{line.clock()} {row}")

    def changed(self, room):
        """What is new was said."""

    def ask(self, room, question):
        """A question, to be answered by /yes or /no."""
        rows = [*question.rows, "/yes or /no"]
        room.say("\n".join(f"* {row}" for row in rows))


def read_lines(queue, loop, fd=0):
    """Feeds the lines of a file descriptor (stdin) into an asyncio queue from a thread, then STOP.

    It reads the descriptor itself: a thread that waits in sys.stdin would crash the exit.
    """

    def put(item):
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def work():
        rest = b""
        try:
            while data := os.read(fd, 4096):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    put(line.decode(errors="replace"))
            if rest:
                put(rest.decode(errors="replace"))
            put(STOP)
        except (RuntimeError, concurrent.futures.CancelledError):
            pass  # the loop is gone, and with it whoever would listen

    threading.Thread(target=work, daemon=True).start()


async def run(talk, console):
    """Until the input ends, or somebody quits."""
    queue = asyncio.Queue(1)
    read_lines(queue, asyncio.get_running_loop())
    console.say("* /help shows the commands")
    while not talk.done:
        line = await queue.get()
        if line is STOP:
            break
        await talk.current.command(line)
