"""`mpseq chat`: begins a conversation, in plain lines or as a screen (the package `tui`)."""

import contextlib
import os
import sys

from mpseq_aio.framing import clean

from . import private
from .faults import Fault
from .tui import once
from .tui.lines import Console
from .tui.lines import run as run_lines
from .tui.marks import show_code, show_text
from .tui.room import Room as LineChat
from .tui.talk import ChatFault, Options, Talk
from .tui.typed import parse_key

__all__ = (
    "ChatFault", "Console", "Hear", "LineChat", "Options", "open_rooms", "parse_key", "run",
    "show_code", "show_text",
)  # fmt: skip


class Hear:
    """Tells several listeners the same."""

    def __init__(self, *listeners):
        self.listeners = [one for one in listeners if one]

    def line(self, room, line):
        """Something was said."""
        for one in self.listeners:
            one.line(room, line)

    def changed(self, room):
        """Something looks otherwise."""
        for one in self.listeners:
            one.changed(room)

    def ask(self, room, question):
        """A question for the user."""
        for one in self.listeners:
            one.ask(room, question)


class History:
    """Keeps every line in a file that only its owner may read."""

    def __init__(self, path):
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            private.narrow(fd)  # one that is there already
        except OSError as error:
            raise ChatFault(f"{path}: {error.strerror}", "name another file") from None
        self._file = os.fdopen(fd, "a", encoding="utf-8")

    def line(self, room, line):
        """A line, with its room."""
        day = f"{line.day()} {line.clock()}"
        for row in line.plain():
            self._file.write(f"{day} [{room.name}] {row}\n")
        self._file.flush()

    def changed(self, room):
        """Nothing to keep."""

    def ask(self, room, question):
        """Nothing to keep."""


def hint(talk, say, warn, plain=False):
    """Who I am, for others to invite me."""
    from . import keys

    if talk.created:
        say(f"* new identity in {keys.path_of(talk.options.profile)}")
    say(f"* you are {talk.options.nick}; your key: {talk.identity.public.hex()}")
    say(f"* your fingerprint: {talk.identity.fingerprint}")
    if not plain:
        say("* /me shows your key whole: c copies it, others scan its QR code")
    if not talk.alone:
        warn(once.WARNING)
    if talk.options.history:
        warn(f"--history: all that is shown is kept, readable, in {talk.options.history}")


async def open_rooms(talk, places):
    """Enters the rooms of the command line. A Fault if the first cannot be entered; of the others
    a warning in the first."""
    first, *others = places
    room = await talk.open(first, first=True)
    for there in others:
        try:
            await talk.open(there)
        except Fault as fault:
            room.warn(f"not entered: {there}: {fault}. Cure: {fault.cure}.")


async def run(options, places, plain) -> int:
    """The `mpseq chat` command; returns the exit code. `places`: rooms.Rooms with their secrets;
    `plain`: lines instead of the screen."""
    talk = None
    try:
        if plain:
            console = screen = Console()
        else:
            from .tui.app import ChatApp

            screen = ChatApp()
        history = History(options.history) if options.history else None
        talk = Talk(options, Hear(history, screen))
        talk.start()
        if plain:
            hint(talk, console.say, console.warn, plain=True)
        await open_rooms(talk, places)
        if not plain:
            hint(talk, talk.current.say, talk.current.warn)
    except Fault as fault:
        print(f"mpseq: {clean(str(fault))}.\nCure: {clean(fault.cure)}.", file=sys.stderr)
        if talk:
            with contextlib.suppress(Exception):
                await talk.quit()
        return fault.code
    try:
        # Also after Ctrl-C: the others should not have to wait until silence proves it.
        if plain:
            await run_lines(talk, console)
            return 0
        return await screen.use(talk)
    finally:
        await talk.quit()


async def run_served(options, places):
    """The same in the process behind a browser's window, where a fault is shown on the screen."""
    from .tui.app import ChatApp

    talk = Talk(options)

    async def begin():
        history = History(options.history) if options.history else None
        talk.listener = Hear(history, screen)
        talk.start()
        await open_rooms(talk, places)
        hint(talk, talk.current.say, talk.current.warn)

    screen = ChatApp(begin=begin)
    try:
        await screen.use(talk)
    finally:
        await talk.quit()
