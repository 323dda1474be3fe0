"""The screen of `mpseq chat`: shows the rooms of a Talk, and gives it what somebody types."""

import asyncio
import os
import sys
import time

from textual.app import App
from textual.binding import Binding
from textual.containers import Horizontal
from textual.css.query import NoMatches
from textual.message import Message

from mpseq_aio.framing import clean

from ..faults import Fault
from . import completion, marks, panes, screens, style
from .conversation import Conversation
from .entry import Entry
from .signals import when_told_to_end
from .talk import ChatFault

_SOON = 0.03  # seconds in which changes are gathered before the screen is looked at again
_SLOW = 0.7  # seconds after which a text on its way is mentioned
_GOOD_BYE = 10  # seconds, at most, when there is nobody any more to see it
_TWICE = 3  # seconds between two Ctrl-C
_HINT_ROWS = 5


class Said(Message):
    """A line of a room."""

    def __init__(self, room, line):
        super().__init__()
        self.room = room
        self.line = line


class Stale(Message):
    """Something looks otherwise."""


class Asked(Message):
    """A question of a room."""

    def __init__(self, room, question):
        super().__init__()
        self.room = room
        self.question = question


class ChatApp(App):
    """A listener of rooms (see room.Silent), too. `begin`: an async function that opens the rooms
    once the screen is there, for where faults cannot be printed; else they are open already."""

    TITLE = "mpseq chat"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-high")]
    CSS = style.CSS
    BINDINGS = [
        Binding("f1", "help", "Help", priority=True),
        Binding("f2", "accept", "Accept", priority=True),
        Binding("f3", "decline", "Decline", priority=True),
        Binding("f4", "dismiss", "Seen", priority=True),
        Binding("f6", "people", "People", priority=True),
        Binding("f7", "turn(-1)", "Room -", priority=True),
        Binding("f8", "turn(1)", "Room +", priority=True),
        Binding("f9", "colours", "Colours", priority=True),
        Binding("ctrl+c", "interrupt", "Leave: Ctrl-C twice", priority=True, show=False),
        Binding("ctrl+q", "leave", "Quit", priority=True),
    ]

    def __init__(self, talk=None, begin=None, **options):
        super().__init__(**options)
        self.talk = talk
        self._begin = begin
        self._is_stale = False
        self._work = set()  # commands under way
        self._order = {}  # room -> lock: its commands are done one after the other
        self._interrupted = 0.0
        self._shown = None  # the room in the pane

    async def use(self, talk):
        """Shows a Talk until somebody quits, or a signal says so; returns the exit code."""
        self.talk = talk
        when_told_to_end(self.exit, self._hang_up)
        await self.run_async()
        for room in talk.rooms:
            for warning in room.warnings:  # nobody has dismissed them
                print(f"!!! WARNING: {room.name}: {warning.text()}", file=sys.stderr)
        return self.return_code or 0

    def _hang_up(self):
        """The terminal is gone: Textual would wait for ever to write to it."""
        if self._driver:
            self._driver.write = lambda data: None
        self._start(self._vanish())

    async def _vanish(self):
        try:
            await asyncio.wait_for(self.talk.quit(), _GOOD_BYE)
        finally:
            os._exit(1)

    def compose(self):
        yield panes.Tabs()
        yield panes.Code()
        with Horizontal(id="middle"):
            yield Conversation()
            yield panes.People()
        yield panes.Alerts()
        yield panes.Invitations()
        yield panes.Hints()
        yield Entry()
        yield panes.Keys()

    async def on_mount(self):
        theme = self.talk.options.theme if self.talk else None
        self.theme = style.THEMES[theme or "dark"]
        self.talk.ask_password = self._ask_password
        self.query_one(Entry).focus()
        if self._begin:
            self._start(self._open())
        self._look()

    async def _open(self):
        while True:
            try:
                await self._begin()
                return
            except Fault as fault:
                if not await self._over(screens.FaultScreen(fault)):
                    self.exit()
                    return

    # --- what the rooms tell: from tasks that are not the app's, so by messages

    def line(self, room, line):
        """A line of a room."""
        if self._is_up():
            self.post_message(Said(room, line))

    def changed(self, room):
        """Looks again, soon."""
        if not self._is_stale and self._is_up():
            self._is_stale = True
            self.post_message(Stale())

    def ask(self, room, question):
        """Lies over the screen until it is answered."""
        self.post_message(Asked(room, question))

    def on_said(self, event):
        """Shows a line, or counts it as unread."""
        room, line = event.room, event.line
        if not self.screen_stack:  # the last words, on the way out
            return
        if room is self._shown:
            if line.kind == "tick":
                return
            self.query_one(Conversation).add(line)
        elif line.kind == "text" and not line.own:
            room.unread += 1
        if line.kind == "warning":
            self.bell()
        self.changed(room)

    def on_stale(self):
        """Gathers changes for a moment."""
        self.set_timer(_SOON, self._look)

    def on_asked(self, event):
        """Asks, and gives the answer to the room."""

        async def answer():
            yes = await self._over(screens.QuestionScreen(event.question))
            await event.room.command("/yes" if yes else "/no")

        self._start(answer())

    def _is_up(self):
        return self.is_running and self._begin_done()

    def _begin_done(self):
        try:
            self.screen_stack[0].query_one(Conversation)
        except (NoMatches, IndexError):
            return False
        return True

    def query_one(self, *arguments):
        """On the conversation's screen, whatever lies over it."""
        return self.screen_stack[0].query_one(*arguments)

    def _look(self):
        self._is_stale = False
        talk = self.talk
        room = talk.current
        if talk.done:
            self.exit()
        if room is None or not self._is_up():
            return
        conversation = self.query_one(Conversation)
        if room is not self._shown:
            self._shown = room
            lines = [line for line in room.lines if line.kind != "tick"]
            conversation.load(lines, room.unread)
            room.unread = 0
        conversation.look_again()
        self.query_one(panes.Tabs).show(talk.rooms, room)
        self.query_one(panes.Code).show(room)
        self.query_one(panes.People).show(room)
        self.query_one(panes.Alerts).show(talk.rooms)
        self.query_one(panes.Invitations).show(room)
        self.query_one(panes.Keys).show(talk.rooms, room)
        self._hint()

    def on_resize(self, event):
        """Some panes say less when there is less room."""
        self.changed(None)

    def _hint(self):
        """What could be typed, what is on its way, what has come meanwhile."""
        room = self.talk.current
        if room is None:
            return
        rows = [said for _, said in completion.candidates(room, self.query_one(Entry).text)]
        if len(rows) > _HINT_ROWS:
            rows = [*rows[: _HINT_ROWS - 1], f"… {len(rows) - _HINT_ROWS + 1} more: /help"]
        if not rows and room.pending:
            waiting = "waits for the connection" if not room.chat.connected else "on its way"
            if not room.chat.connected or self._is_slow(room):
                rows.append(f"{marks.count(len(room.pending), 'text')} {waiting}")
        below = self.query_one(Conversation).below
        if not rows and below:
            rows.append(f"{below} new below: Ctrl-End or Page Down")
        typed = self.query_one(Entry).document.line_count
        if not rows and typed > 1:
            rows.append(f"one text of {typed} lines: Enter sends it")
        self.query_one(panes.Hints).show(rows)

    def _is_slow(self, room):
        since = getattr(room, "pending_since", None)
        if since and time.monotonic() - since >= _SLOW:
            return True
        self.set_timer(_SLOW, lambda: self.changed(room))
        return False

    # --- what somebody does

    def _start(self, work):
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _over(self, screen):
        """Shows a screen over the others; what it was dismissed with."""
        answer = asyncio.get_running_loop().create_future()
        await self.push_screen(screen, lambda it: answer.done() or answer.set_result(it))
        return await answer

    async def _ask_password(self, there):
        password = await self._over(screens.PasswordScreen(f"password of {there.user} at {there}"))
        if password is None:
            raise ChatFault("no password", "/join again")
        return password

    def on_entry_submitted(self, event):
        """A text or a command."""
        room = self.talk.current
        if room is None:
            return
        text = event.text
        word = text.split(maxsplit=1)[0]
        if word in ("/invite", "/replace"):
            text = " ".join(text.split())  # a key that was copied out of a narrow window
        if word == "/help":
            self.action_help()
        elif text.startswith("/") and not text.startswith("//") and "\n" in text:
            self._refuse("A block that begins with / : begin it with // if it is a text.", text)
        else:
            if word == "/me":
                self.push_screen(screens.MeScreen(room))
            self.query_one(Conversation).to_end()
            self._start(self._do(room, text))

    async def _do(self, room, text):
        if text.split()[0] in ("/quit", "/yes", "/no", "/dismiss", "/room"):
            await room.command(text)
        else:
            async with self._order.setdefault(room, asyncio.Lock()):
                await room.command(text)
        self.changed(room)

    def _refuse(self, why, text=None):
        self.notify(why, severity="warning", markup=False, timeout=8)
        if text is not None:
            self.query_one(Entry).put(text)

    def on_entry_refused(self, event):
        """Too long to be pasted."""
        self._refuse(event.why)

    def on_entry_completed(self, event):
        """Tab: as far as there is only one way."""
        entry = self.query_one(Entry)
        text = completion.completed(self.talk.current, entry.text)
        if text != entry.text:
            entry.put(text)

    def on_text_area_changed(self, event):
        """What could follow."""
        entry = self.query_one(Entry)
        if self.talk.current and event.text_area is entry:
            found = completion.candidates(self.talk.current, entry.text)
            follows = found[0][0] if found else ""
            safe = follows.startswith(entry.text) and clean(follows) == follows
            entry.suggestion = follows[len(entry.text):] if safe else ""
            self._hint()

    def on_press(self, event):
        """A click."""
        room = self.talk.current
        if event.what == "room":
            self._turn_to(event.about)
        elif event.what == "dismiss":
            alert = event.about
            if alert.warning in alert.room.warnings:
                alert.room.dismiss(alert.warning)
        elif event.what in ("accept", "decline") and event.about:
            self._start(self._do(room, f"/{event.what} {event.about.number}"))
        self.query_one(Entry).focus()

    def action_accept(self):
        """The invitation that is shown."""
        self._answer("accept")

    def action_decline(self):
        """The invitation that is shown."""
        self._answer("decline")

    def _answer(self, what):
        invite = self.query_one(panes.Invitations).invite
        if invite:
            self._start(self._do(self.talk.current, f"/{what} {invite.number}"))

    def action_dismiss(self):
        """The warning at the top was seen."""
        for room in self.talk.rooms:
            if room.dismiss():
                return

    def action_help(self):
        """Keys, commands, marks."""
        if isinstance(self.screen, screens.HelpScreen):
            self.screen.dismiss(None)
        else:
            self.push_screen(screens.HelpScreen())

    def action_people(self):
        """Shows or hides the people."""
        people = self.query_one(panes.People)
        narrow = self.size.width < 60
        people.toggle_class("-asked" if narrow else "-refused")
        self.query_one(Conversation).set_class(people.has_class("-asked"), "-behind")

    def action_turn(self, step):
        """The next room, or the one before."""
        rooms = self.talk.rooms
        if len(rooms) > 1:
            self._turn_to(rooms[(rooms.index(self.talk.current) + step) % len(rooms)])

    def _turn_to(self, room):
        if room is not self.talk.current:
            self.talk.current = room
            self._look()

    def action_colours(self):
        """Dark, light, the terminal's own."""
        names = list(style.THEMES.values())
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        self.call_after_refresh(self.query_one(Conversation).restyle)

    def action_interrupt(self):
        """Copies what is selected; twice with nothing selected: ends."""
        if text := self.screen.get_selected_text():
            self.copy_to_clipboard(text)
            return
        entry = self.query_one(Entry)
        if entry.selected_text:
            self.copy_to_clipboard(entry.selected_text)
            return
        now = time.monotonic()
        if now - self._interrupted < _TWICE:
            self.exit()
        self._interrupted = now
        self.notify("Ctrl-C once more leaves and ends", markup=False, timeout=_TWICE)

    def action_leave(self):
        """Ends; the good-bye is said afterwards."""
        self.exit()

    def action_scroll_up(self):
        """Older texts."""
        self.query_one(Conversation).scroll_page_up(animate=False)

    def action_scroll_down(self):
        """Newer texts."""
        self.query_one(Conversation).scroll_page_down(animate=False)
        self.set_timer(_SOON, self._hint)

    def action_scroll_end(self):
        """The newest text."""
        self.query_one(Conversation).to_end()
        self._hint()
