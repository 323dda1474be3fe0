"""The small panes around the conversation. None of them takes its text as markup."""

from rich.text import Text
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Button, Static

from mpseq_aio.framing import clean

from . import marks


class Press(Message):
    """Somebody clicked: `what` is a name, `about` its object."""

    def __init__(self, what, about):
        super().__init__()
        self.what = what
        self.about = about


class Tab(Static):
    """A room's name, with what is unread in it."""

    def __init__(self, room):
        super().__init__(markup=False)
        self.room = room

    def on_click(self):
        self.post_message(Press("room", self.room))


class Tabs(Horizontal):
    """All rooms; the current one stands out, by brackets too."""

    def show(self, rooms, current):
        """Looks again."""
        tabs = list(self.query(Tab))
        if [tab.room for tab in tabs] != rooms:
            self.remove_children()
            tabs = [Tab(room) for room in rooms]
            self.mount_all(tabs)
        for number, tab in enumerate(tabs, 1):
            room = tab.room
            name = clean(room.name)
            said = f"{number} {name}"
            if room.unread:
                said += f" ({room.unread} new)"
            if room.warnings:
                said += " !"
            tab.update(f"[{said}]" if room is current else f" {said} ")
            tab.set_class(room is current, "-current")
            tab.set_class(room.unread > 0, "-unread")


class Code(Static):
    """The session code and whether there is a connection: always there."""

    def __init__(self, **options):
        super().__init__(markup=False, **options)

    def show(self, room):
        """Looks again."""
        chat = room.chat
        if not chat.members:
            said = "no conversation yet"
        elif chat.code:
            said = f"code {marks.show_code(chat.code)}"
        else:
            said = "no code: you are alone in here"
        if not chat.connected:
            said = f"NOT CONNECTED. {said}"
        if chat.members and self.app.size.width >= 60:
            said += f"   {clean(chat.name)}: {marks.count(len(chat.members), 'person', 'people')}"
        self.update(said)
        self.set_class(not chat.connected, "-away")


class People(VerticalScroll):
    """Who is in, and what is known of them."""

    def compose(self):
        yield Static(markup=False)

    def show(self, room):
        """Looks again."""
        out = Text(no_wrap=False)
        for seat in room.seats():
            style = {"changed": "bold reverse", "verified": "bold"}.get(seat.mark, "bold")
            out.append(f"{marks.PEOPLE[seat.mark][0]} {seat.nick}\n", style)
            if seat.mark in ("unverified", "changed"):
                out.append(f"  {marks.short(seat.key)}…\n", "dim")
            for word in seat.words().split(", "):
                shout = word.isupper() or word.startswith("SUSPECTED")
                out.append(f"  {word}\n", "bold reverse" if shout else "dim")
        if not room.chat.members:
            out.append("nobody: not in a conversation. /create founds one, /accept joins one.\n")
        labels = room.chat.labels or {}
        seated = {labels.get(member.key) for member in room.chat.members}
        strangers = sorted(room.present - seated)
        if strangers:
            out.append("\nalso in the room\n(a hint: not proven)\n", "dim")
            for label in strangers[:20]:
                out.append(f"  {clean(label)}\n")
        out.rstrip()
        self.query_one(Static).update(out)


class Alert(Horizontal):
    """One warning, until it is dismissed."""

    def __init__(self, room, warning, where, key):
        super().__init__()
        self.room = room
        self.warning = warning
        self._text = f"!!! WARNING{where}: {warning.text()}"
        self._key = key

    def compose(self):
        yield Static(self._text, markup=False)
        yield Button(f"Seen{self._key}", compact=True)

    def on_button_pressed(self, event):
        event.stop()
        self.post_message(Press("dismiss", self))


class Alerts(VerticalScroll, can_focus=False):
    """Warnings of all rooms: they stay until somebody dismisses them."""

    _shown = None

    def show(self, rooms):
        """Looks again."""
        found = [(room, one) for room in rooms for one in room.warnings]
        now = [(id(one), one.text()) for _, one in found]
        if now == self._shown:
            return
        self._shown = now
        self.remove_children()
        alerts = []
        for number, (room, warning) in enumerate(found):
            where = f" in {clean(room.name)}" if len(rooms) > 1 else ""
            alerts.append(Alert(room, warning, where, " F4" if not number else ""))
        self.mount_all(alerts)
        self.display = bool(found)
        self.border_title = marks.count(len(found), "WARNING", "WARNINGS")


class Invitations(Horizontal):
    """The latest invitation that is open."""

    invite = None
    _shown = None

    def compose(self):
        yield Static(markup=False)
        with Horizontal():
            yield Button("Accept F2", id="accept", variant="success", compact=True)
            yield Button("Decline F3", id="decline", compact=True)

    def show(self, room):
        """Looks again."""
        waiting = [one for one in room.invitations if one.state == "open"]
        self.invite = waiting[-1] if waiting else None
        self.display = bool(waiting)
        if waiting:
            more = f" ({len(waiting)} open)" if len(waiting) > 1 else ""
            known = room.known_as(self.invite.invitation.inviter)
            trust = f"verified as {clean(known)}" if known else "NOT verified"
            self.query_one(Static).update(
                f"Invitation {self.invite.number}{more}: {self.invite.words()}. Key: {trust}."
            )

    def on_button_pressed(self, event):
        event.stop()
        self.post_message(Press(event.button.id, self.invite))


class Hints(Static):
    """What could be typed; and what is still on its way."""

    def __init__(self, **options):
        super().__init__(markup=False, **options)

    def show(self, rows):
        """Shows these rows, or nothing."""
        self.display = bool(rows)
        if rows:
            self.update(Text("\n".join(rows)))


class Keys(Static):
    """The keys that do something now. A click is F1."""

    def __init__(self, **options):
        super().__init__(markup=False, **options)

    def show(self, rooms, room):
        """Looks again."""
        keys = [("F1", "help")]
        if any(one.state == "open" for one in room.invitations):
            keys += [("F2", "accept"), ("F3", "decline")]
        if any(one.warnings for one in rooms):
            keys.append(("F4", "seen"))
        if len(rooms) > 1:
            keys.append(("F7/F8", "room"))
        keys += [("^Q", "quit"), ("F6", "people"), ("F9", "colours")]
        text = Text()
        for key, word in keys:
            text.append(f" {key} ", "bold reverse")
            text.append(f" {word} ")
        self.update(text)

    def on_click(self):
        self.app.action_help()
