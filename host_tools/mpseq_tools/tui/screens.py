"""What lies over the conversation for a moment: help, my key, a question, a password, a fault."""

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from mpseq_aio.framing import clean

from . import commands, marks

KEYS = """\
Enter         send
Ctrl-J        a new line in the same text
Up, Down      what you typed before
Tab, Right    complete a command or a nick
Page Up, Down older and newer texts
F1            this help
F2, F3        accept, decline an invitation
F4            I have seen a warning
F6            people: show or hide them
F7, F8        the room before, the next one
F9            colours: dark, light, the terminal's
Ctrl-C twice  leave and end; Ctrl-Q: at once
A pasted block is one text. A click on a room, a button or a warning is as good as its key."""


def help_text() -> str:
    """Keys, commands, marks: short rows, for a narrow window, too."""
    rows = []
    for command in commands.COMMANDS:
        rows += [command.head(), *[f"    {row}" for row in command.help.splitlines()]]
    return "\n".join(["Keys", KEYS, "", "Commands", *rows, commands.NOTES, "", marks_text()])


def marks_text() -> str:
    """What the marks mean."""
    rows = ["Beside texts:"]
    rows += [f"  {mark}  {words}" for mark, words in marks.TICKS.values() if mark.strip()]
    rows.append("Beside people:")
    rows += [f"  {mark}  {words}" for mark, words in marks.PEOPLE.values()]
    rows.append("[ABCD-EFGH] is the beginning of an unverified key's fingerprint.")
    return "\n".join(rows)


class Over(ModalScreen):
    """The base: Escape closes it."""

    BINDINGS = [Binding("escape", "close", "Close")]
    DEFAULT_CSS = """
    Over { align: center middle; }
    Over > VerticalScroll {
        width: 90%; max-width: 100; height: auto; max-height: 95%;
        background: $surface; color: $foreground; border: heavy $primary; padding: 0 1;
    }
    Over Horizontal { height: auto; align-horizontal: center; }
    Over Button { margin: 0 1; }
    Over Static { height: auto; }
    Over .wide { width: auto; }
    """

    def action_close(self):
        """Nothing is done."""
        self.dismiss(None)


class HelpScreen(Over):
    """Keys, commands, marks."""

    BINDINGS = [Binding("f1", "close", "Close")]

    def compose(self):
        with VerticalScroll() as sheet:
            sheet.border_title = "help: Esc closes it"
            yield Static(help_text(), markup=False)

    def on_mount(self):
        self.query_one(VerticalScroll).focus()


class MeScreen(Over):
    """Nick, key, fingerprint, and the QR code that `mpseq keys` and boards read."""

    BINDINGS = [
        Binding("c", "copy", "Copy the key"),
        Binding("q", "alone", "The QR code alone"),
        Binding("enter", "close", show=False),
    ]
    DEFAULT_CSS = """
    MeScreen.-alone > VerticalScroll {
        width: 100%; max-width: 100%; max-height: 100%; border: none; padding: 0;
        align-horizontal: center;
    }
    MeScreen.-alone #who { display: none; }
    """

    def __init__(self, room):
        super().__init__()
        self.room = room

    def compose(self):
        with VerticalScroll() as sheet:
            sheet.border_title = "me: c copies the key, Esc closes"
            yield Static("\n".join(self._rows()), markup=False, id="who")
            yield Static(id="qr", markup=False)

    def _rows(self):
        room = self.room
        fingerprint = f"fingerprint {room.chat.identity.fingerprint}"
        return [clean(room.chat.nick), room.own_key.hex(), fingerprint]

    def on_mount(self):
        self.query_one(VerticalScroll).focus()
        self.on_resize()

    def on_resize(self):
        card = commands.card_of(self.room)
        whole = self.app.size
        width = min(whole.width * 9 // 10, 100) - 4  # what Over leaves for text
        taken = sum(-(-cell_len(row) // max(width, 1)) for row in self._rows())
        alone = qr_rows(card, *whole)
        if self.has_class("-alone"):
            found = alone
        else:
            found = qr_rows(card, width, whole.height * 95 // 100 - 2 - taken)
        code = self.query_one("#qr", Static)
        code.set_class(found is not None, "wide")  # words wrap, the code does not
        if found is not None:
            code.update(Text("\n".join(found), style="black on white", no_wrap=True))
        elif alone is not None:
            code.update("(the window is too small for the QR code beside this: q shows it alone)")
        else:
            code.update("(the window is too small for the QR code: `mpseq keys qr` prints it)")

    def action_copy(self):
        """To the clipboard, where the terminal can."""
        self.app.copy_to_clipboard(self.room.own_key.hex())
        self.notify("key copied, if your terminal allows that", markup=False)

    def action_alone(self):
        """The QR code without the rest, in a low window; and back."""
        self.toggle_class("-alone")
        self.on_resize()


def qr_rows(text: str, width: int, height: int = 1000):
    """Rows of half blocks, dark on light, for a window of that many columns and rows; None when
    it is too small."""
    import segno  # takes a while to load

    matrix = [list(map(bool, row)) for row in segno.make(text, error="l", micro=False).matrix]
    border = min(4, (width - len(matrix)) // 2, (2 * height - len(matrix)) // 2)
    if border < 1:
        return None
    size = len(matrix) + 2 * border
    blank = [False] * size
    edge = [False] * border
    whole = [blank] * border + [edge + row + edge for row in matrix] + [blank] * border
    if len(whole) % 2:
        whole.append(blank)
    return [
        "".join(" ▄▀█"[2 * up + down] for up, down in zip(*pair, strict=True))
        for pair in zip(whole[::2], whole[1::2], strict=True)
    ]


class QuestionScreen(Over):
    """A commands.Question: True, or None."""

    BINDINGS = [Binding("y", "yes", "Yes"), Binding("n", "close", "No")]

    def __init__(self, question):
        super().__init__()
        self.question = question

    def compose(self):
        with VerticalScroll() as sheet:
            sheet.border_title = Content(clean(self.question.title))  # a text would be markup
            yield Static(clean_rows(self.question.rows), markup=False)
            with Horizontal():
                yield Button("Yes, equal (y)", id="yes", variant="success", compact=True)
                yield Button("No (n)", id="no", variant="error", compact=True)

    def on_mount(self):
        self.query_one("#no").focus()

    def action_yes(self):
        """It is so."""
        self.dismiss(True)

    def on_button_pressed(self, event):
        self.dismiss(True if event.button.id == "yes" else None)


class PasswordScreen(Over):
    """Asks for a carrier's password; the text, or None."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def compose(self):
        with VerticalScroll():
            yield Static(clean(self.what), markup=False)
            yield Input(password=True)

    def on_input_submitted(self, event):
        self.dismiss(event.value)


class FaultScreen(Over):
    """Where nobody sees what a program prints: a fault with its cure. True: try again."""

    BINDINGS = [Binding("r", "again", "Try again")]

    def __init__(self, fault):
        super().__init__()
        self.fault = fault

    def compose(self):
        with VerticalScroll():
            rows = [f"{self.fault}.", f"Cure: {self.fault.cure}."]
            yield Static(clean_rows(rows), markup=False)
            with Horizontal():
                yield Button("Try again (r)", id="again", variant="primary", compact=True)
                yield Button("End (Esc)", id="end", compact=True)

    def action_again(self):
        """Once more."""
        self.dismiss(True)

    def on_button_pressed(self, event):
        self.dismiss(True if event.button.id == "again" else None)


def clean_rows(rows) -> str:
    """Rows of text, each safe to show."""
    return "\n".join(clean(row) for row in rows)
