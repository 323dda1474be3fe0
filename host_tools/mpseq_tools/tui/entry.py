"""The line where one types: Enter sends, a pasted block stays one text."""

from textual.binding import Binding
from textual.message import Message
from textual.widgets import TextArea

from mpseq_aio.framing import clean

from .room import MOST_BYTES

_REMEMBERED = 200  # lines


class Entry(TextArea):
    """Posts Submitted; up and down bring back what was typed before."""

    BINDINGS = [
        Binding("ctrl+j,alt+enter,shift+enter", "new_row", "New line", show=False),
        Binding("pageup", "app.scroll_up", show=False),
        Binding("pagedown", "app.scroll_down", show=False),
        Binding("ctrl+end", "app.scroll_end", show=False),
    ]
    DEFAULT_CSS = """
    Entry { height: auto; min-height: 1; max-height: 6; border: none; padding: 0 1; }
    Entry:focus { border: none; }
    """

    class Submitted(Message):
        """`text`: what was typed; may have several rows."""

        def __init__(self, text):
            super().__init__()
            self.text = text

    class Refused(Message):
        """`why`: with the cure."""

        def __init__(self, why):
            super().__init__()
            self.why = why

    class Completed(Message):
        """Tab was pressed."""

    def __init__(self, **options):
        super().__init__(
            show_line_numbers=False, tab_behavior="focus", compact=True,
            highlight_cursor_line=False, placeholder="text, or /help", **options,
        )  # fmt: skip
        self._typed = []
        self._at = 0
        self._draft = ""

    async def _on_key(self, event):
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.submit()
        elif event.key == "tab":
            event.stop()
            event.prevent_default()
            self.post_message(self.Completed())
        else:
            await super()._on_key(event)

    async def _on_paste(self, event):
        # What a terminal would obey must not get onto the screen this way either.
        event.stop()
        event.prevent_default()
        text = "\n".join(clean(row) for row in event.text.splitlines())
        size = len(self.text.encode()) + len(text.encode())
        if size > MOST_BYTES:
            self.post_message(
                self.Refused(
                    f"{size} bytes are too much for one text: {MOST_BYTES} at most. Paste it in"
                    " pieces, or send where it can be found."
                )
            )
            return
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)

    def action_new_row(self):
        """Another row of the same text."""
        self.insert("\n")

    def submit(self):
        """Sends what stands here."""
        text = self.text
        if not text.strip():
            return
        if not self._typed or self._typed[-1] != text:
            self._typed.append(text)
            del self._typed[:-_REMEMBERED]
        self._at = len(self._typed)
        self.put("")
        self.post_message(self.Submitted(text))

    def put(self, text):
        """Replaces what stands here."""
        self.load_text(text)
        self.move_cursor(self.document.end)

    def action_cursor_up(self, select=False):
        """Before the first row: what was typed before."""
        if select or self.cursor_location[0] > 0 or not self._at:
            super().action_cursor_up(select)
            return
        if self._at == len(self._typed):
            self._draft = self.text
        self._at -= 1
        self.put(self._typed[self._at])

    def action_cursor_down(self, select=False):
        """Behind the last row: what was typed after."""
        last = self.document.line_count - 1
        if select or self.cursor_location[0] < last or self._at >= len(self._typed):
            super().action_cursor_down(select)
            return
        self._at += 1
        self.put(self._draft if self._at == len(self._typed) else self._typed[self._at])
