"""The pane with what was said: rows that wrap, marks that change, nothing that is markup.

Texts of others come as rich Text, never as markup, after `clean`; their further rows stand behind
a bar, so that they cannot look like lines of ours.
"""

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from . import marks

MOST = 2000  # lines shown; older ones are kept by the room, for /save
_DROP = 500
_RECENT = 200  # lines among which one may be that was loaded a moment ago
_NARROW = 48  # columns: no seconds, and less indented
_KIND_OF_MARK = {
    "you": "own", "verified": "verified", "unverified": "unverified", "changed": "changed",
}  # fmt: skip


class Conversation(ScrollView, can_focus=True):
    """Shows the lines of one room."""

    ALLOW_SELECT = True
    COMPONENT_CLASSES = {
        "conversation--time", "conversation--note", "conversation--own",
        "conversation--verified", "conversation--unverified", "conversation--changed",
        "conversation--warning", "conversation--confirmed", "conversation--new",
        "conversation--selected",
    }  # fmt: skip
    DEFAULT_CSS = """
    Conversation {
        background: $surface; color: $foreground; overflow-x: hidden;
        scrollbar-size-vertical: 1; scrollbar-gutter: stable;
    }
    Conversation .conversation--time { text-style: dim; }
    Conversation .conversation--note { text-style: dim; }
    Conversation .conversation--own { color: $text-primary; text-style: bold; }
    Conversation .conversation--verified { color: $text-success; text-style: bold; }
    Conversation .conversation--unverified { color: $text-warning; text-style: bold; }
    Conversation .conversation--changed { color: $text-error; text-style: bold reverse; }
    Conversation .conversation--warning { color: $text-error; text-style: bold; }
    Conversation .conversation--confirmed { color: $text-success; }
    Conversation .conversation--new { color: $text-accent; text-style: bold; }
    Conversation .conversation--selected { text-style: reverse; }
    """

    def __init__(self, **options):
        super().__init__(**options)
        self._lines = []  # of the room
        self._texts = []  # rows as rich Text, wrapped
        self._starts = []  # row at which each line begins
        self._looks = []  # what each line was made from
        self._width = 0
        self.follows = True  # the newest line is in view
        self.below = 0  # texts that came while somebody reads further up

    @property
    def text(self) -> str:
        """All rows, as they are shown."""
        return "\n".join(row.plain.rstrip() for row in self._texts)

    def load(self, lines, unread=0):
        """Shows other lines, with a mark before the last `unread` texts."""
        self._lines = list(lines)[-MOST:]
        if unread:
            at = len(self._lines)
            while at and unread:
                at -= 1
                unread -= self._lines[at].kind == "text"
            self._lines.insert(at, None)
        self._rebuild()
        self.to_end()

    def add(self, line):
        """One more line, at the end; one that is there already stays alone."""
        if line in self._lines[-_RECENT:]:
            return
        self._lines.append(line)
        if len(self._lines) > MOST:
            del self._lines[:_DROP]
            self._rebuild()
        else:
            self._append(line)
            self._resize()
        if self.follows:
            self.to_end()
        elif line.kind == "text":
            self.below += 1

    def to_end(self):
        """Shows the newest line, and those that will come."""
        self.follows = True
        self.below = 0
        self.scroll_end(animate=False, x_axis=False)

    def watch_scroll_y(self, old, new):
        """Who scrolls up stays there; who comes to the end follows again."""
        super().watch_scroll_y(old, new)
        if new >= self.max_scroll_y - 1:
            self.follows = True
            self.below = 0
        elif new < old:
            self.follows = False

    def look_again(self):
        """Marks of lines that are there have changed."""
        changed = False
        for at, line in enumerate(self._lines):
            if self._looks[at] != _look(line):
                rows = self._make(line)
                start = self._starts[at]
                end = self._starts[at + 1] if at + 1 < len(self._starts) else len(self._texts)
                if len(rows) != end - start:
                    self._rebuild()
                    return
                self._texts[start:end] = rows
                self._looks[at] = _look(line)
                changed = True
        if changed:
            self.refresh()

    # --- rows

    def on_resize(self):
        if self.scrollable_content_region.width != self._width and self._lines:
            self._rebuild()
        if self.follows:
            self.call_after_refresh(self.to_end)

    def restyle(self):
        """The theme is another one."""
        self._rebuild()

    def _rebuild(self):
        self._texts = []
        self._starts = []
        self._looks = []
        for line in self._lines:
            self._append(line)
        self._resize()

    def _append(self, line):
        self._starts.append(len(self._texts))
        self._looks.append(_look(line))
        self._texts.extend(self._make(line))

    def _resize(self):
        self.virtual_size = Size(self._width, len(self._texts))
        self.refresh()

    def _style(self, name) -> Style:
        return self.get_component_rich_style(f"conversation--{name}", partial=True)

    def _make(self, line):
        self._width = width = max(self.scrollable_content_region.width, 10)
        if line is None:
            return [Text("── new ──", style=self._style("new"))]
        narrow = width < _NARROW
        clock = line.clock()[:5] if narrow else line.clock()
        head = Text()
        head.append(f"{clock} ", self._style("time"))
        if line.kind == "text":
            tick = marks.TICKS[line.state][0]
            sure = {"confirmed": "confirmed", "never": "warning"}.get(line.state, "time")
            head.append(f"{tick} ", self._style(sure))
            mark = marks.PEOPLE[line.mark][0]
            mark = "" if line.mark == "you" else f"{mark} "
            who = f"{mark}{line.nick}"
            if line.mark in ("unverified", "changed"):
                who += f" [{marks.short(line.key)}]"
            head.append(who, self._style(_KIND_OF_MARK[line.mark]))
            head.append(": ")
            rows, style, bar = line.rows, Style.null(), "│ "
        elif line.kind == "warning":
            head.append("!!! WARNING: ", self._style("warning"))
            rows, style, bar = line.rows, self._style("warning"), "! "
        else:
            rows, style, bar = line.rows, self._style("note"), "  "
        indent = "  " if narrow else "         "
        return self._wrap(head, rows, style, Text(indent + bar, style=self._style("time")), width)

    def _wrap(self, head, rows, style, bar, width):
        """The first row behind `head`, the others behind `bar`."""
        console = self.app.console
        out = []
        for row in rows or [""]:
            body = Text(row, style=style)
            body.expand_tabs(4)
            if not out:
                whole = Text.assemble(head, body)
                first, *_ = whole.wrap(console, width, overflow="fold") or [whole]
                out.append(first)
                taken = max(0, len(first.plain) - len(head.plain))
                rest = Text(body.plain[taken:].lstrip(" ") if taken else body.plain, style=style)
                if not rest.plain:
                    continue
                body = rest
            for part in body.wrap(console, max(width - bar.cell_len, 4), overflow="fold"):
                out.append(Text.assemble(bar, part))
        return out

    def render_line(self, y):
        _, scroll_y = self.scroll_offset
        at = scroll_y + y
        width = self.scrollable_content_region.width
        if at >= len(self._texts):
            return Strip.blank(width, self.rich_style)
        text = self._texts[at]
        if (selection := self.text_selection) is not None:
            if (span := selection.get_span(at)) is not None:
                start, end = span
                text = text.copy()
                text.stylize(self._style("selected"), start, len(text) if end == -1 else end)
        segments = [Segment(one.text, one.style) for one in text.render(self.app.console)]
        strip = Strip([one for one in segments if one.text != "\n"])
        strip = strip.crop_extend(0, width, self.rich_style).apply_style(self.rich_style)
        return strip.apply_offsets(0, at)

    def get_selection(self, selection):
        """What is copied: the rows as they are shown."""
        return selection.extract("\n".join(row.plain for row in self._texts)), "\n"


def _look(line):
    return line and (line.state, line.mark)
