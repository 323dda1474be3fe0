"""One conversation of mine as a screen shows it: its lines, warnings, invitations, people.

Knows no screen: a listener is told. All text in a Line is safe to show as it is (`clean`), and is
never markup.
"""

import asyncio
import collections
import contextlib
import dataclasses
import time

from mpseq import fingerprint
from mpseq.errors import LocalError, MpseqError
from mpseq_aio.framing import clean

from ..faults import Fault
from . import marks
from .doorstep import Doorstep
from .hearing import Hearing

MOST_LINES = 5000  # kept in memory
MOST_BYTES = 65536  # of a text: what the core sends and takes
WAIT_FOR_ANSWER = 30  # seconds after /accept until something seems wrong


@dataclasses.dataclass(eq=False)
class Line:
    """`kind`: "note", "text", "warning", or "tick" (a confirmation, which a screen
    shows at the texts); `rows`: safe text. Of a text: `nick` (safe), `key`,
    `number`, `own`, `mark` (see marks.PEOPLE) and `state` (see marks.TICKS)."""

    kind: str
    rows: list
    at: float
    nick: str = ""
    key: bytes = b""
    number: int = 0
    own: bool = False
    mark: str = ""
    state: str = ""

    def clock(self) -> str:
        """When, for people."""
        return time.strftime("%H:%M:%S", time.localtime(self.at))

    def day(self) -> str:
        """The date, for files."""
        return time.strftime("%Y-%m-%d", time.localtime(self.at))

    def plain(self) -> list:
        """What a line-by-line screen, or a file, shows of it; without the time."""
        if self.kind == "warning":
            return [f"!!! WARNING: {row}" for row in self.rows]
        if self.kind == "text":
            # The mark stands before the nick, where no nick can put it.
            mark = f"{marks.PEOPLE[self.mark][0]} " if self.mark in ("verified", "changed") else ""
            return [f"#{self.number} {mark}<{self.nick}> {' ⏎ '.join(self.rows)}"]
        return self.rows


@dataclasses.dataclass(eq=False)
class Alert:
    """Stays until somebody dismisses it. `subject`: what it is about; the same again counts."""

    subject: tuple
    rows: list
    at: float
    count: int = 1

    def text(self) -> str:
        """For a screen, in words."""
        times = f" ({self.count} times)" if self.count > 1 else ""
        return "\n".join(self.rows) + times


@dataclasses.dataclass(eq=False)
class Invite:
    """An invitation to me. `state`: open, accepted, declined or past."""

    number: int
    invitation: object
    state: str = "open"

    def words(self) -> str:
        """Who invites to what; safe to show."""
        one = self.invitation
        who = marks.who(one.inviter_nick, one.inviter)
        return clean(f"{who} invites you to {one.name!r}")


class Silent:
    """A listener that does nothing."""

    def line(self, room, line):
        """Something was said."""

    def changed(self, room):
        """People, invitations, warnings, ticks: look again."""

    def ask(self, room, question):
        """A commands.Question stands open."""


class Room(Hearing):
    """Ties a `Chat` to a listener: `command(line)` in, `listener.line` out.

    `chat` may be None where only events are shown. `people`: the known people of a profile, or
    None. `name`: what a user calls the room; `suite`: of what is founded here.
    """

    def __init__(self, chat, listener=None, suite=1, people=None, name="", address=""):
        self.chat = chat
        self.listener = listener or Silent()
        self.suite = suite
        self.people = people
        self.name = name
        self.address = address
        self.lines = collections.deque(maxlen=MOST_LINES)
        self.warnings = []
        self.invitations = []
        self.invitees = {}  # nick -> key, of people whom somebody here invited
        self.doorstep = Doorstep(chat)
        self.pending = []  # texts of mine that the room has not shown yet
        self.unread = 0
        self.question = None
        self.talk = None
        self._start_hearing()
        self._later = set()
        if chat is not None and getattr(chat, "labels", False) is None:
            chat.labels = {}  # where people are, as a hint

    # --- saying

    def say(self, text: str):
        """A note, a line each."""
        self._put(Line("note", _rows(text), time.time()))

    def say_confirmed(self, number: int):
        """Everyone has all up to this number."""
        text = f"* confirmed by everyone: all up to #{number}"
        self._put(Line("tick", [text], time.time()))

    def warn(self, text: str, *subject):
        """What must not be missed. With a `subject` the same again replaces the one before."""
        rows = _rows(text)
        now = time.time()
        self._put(Line("warning", rows, now))
        subject = subject or (text,)
        for one in self.warnings:
            if one.subject == subject:
                one.rows, one.at = rows, now
                one.count += 1
                break
        else:
            self.warnings.append(Alert(subject, rows, now))
        self.listener.changed(self)

    def _put(self, line):
        self.lines.append(line)
        self.listener.line(self, line)

    def show_message(self, event, text: str):
        """A text, or what stands for data."""
        alone = len(self.chat.members) == 1 if self.chat else False
        rows = [clean(row) for row in text.splitlines()] or [""]
        self._put(
            Line(
                "text", rows, time.time(), clean(marks.name(event.nick)), event.key,
                event.number, event.own, self.mark_of(event.key),
                "alone" if alone else "sent",
            )
        )

    def dismiss(self, warning=None) -> bool:
        """Takes away a warning, or the oldest; whether there was one."""
        if not self.warnings:
            return False
        self.warnings.remove(warning or self.warnings[0])
        self.listener.changed(self)
        return True

    # --- people

    def mark_of(self, key: bytes) -> str:
        """What is known of a member's key: a name in marks.PEOPLE."""
        if self.chat is not None and key == self.own_key:
            return "you"
        if key in self.changed_keys:
            return "changed"
        try:
            verified = self.people is not None and self.people.is_verified(key)
        except Fault:
            verified = False
        return "verified" if verified else "unverified"

    @property
    def own_key(self):
        identity = getattr(self.chat, "identity", None)
        return identity.public if identity else None

    def seats(self) -> list:
        """Members as a screen shows them, in the order of the session."""
        out = []
        for member in self.chat.members:
            here = None
            label = (self.chat.labels or {}).get(member.key)
            if label is not None and self.chat.connected and member.key != self.own_key:
                here = label in self.present
            out.append(
                marks.Seat(
                    clean(marks.name(member.nick)), member.key, self.mark_of(member.key), here,
                    self.suspected.get(member.key),
                )
            )
        return out

    def key_of(self, who: str) -> bytes:
        """Key of a member by nick, or by fingerprint (the first 8 letters are enough)."""
        for member in self.chat.members:
            if member.nick == who:
                return member.key
        letters = who.upper().strip("[]")
        found = [m.key for m in self.chat.members if fingerprint(m.key).startswith(letters)]
        if len(found) == 1 and len(letters) >= 9:
            return found[0]
        raise LocalError(f"there is no {who} here; /who shows who is")

    def nick_of(self, key: bytes) -> str:
        """A member's nick."""
        return next((m.nick for m in self.chat.members if m.key == key), "")

    def remark(self):
        """Somebody was verified, or is no longer: also beside what they said before."""
        for line in self.lines:
            if line.kind == "text":
                line.mark = self.mark_of(line.key)
        self.listener.changed(self)

    # --- doing

    def ask(self, question):
        """Asks before something is done; /yes and /no answer."""
        self.question = question
        self.listener.ask(self, question)

    async def send(self, text: str):
        """Says a text to the conversation. LocalError."""
        size = len(text.encode())
        if size > MOST_BYTES:
            raise LocalError(
                f"a message has at most {MOST_BYTES} bytes, this one {size}. Send it in pieces,"
                " or send where it can be found"
            )
        self.pending.append(text)
        try:
            await self.chat.send(text)
        except BaseException:
            with contextlib.suppress(ValueError):
                self.pending.remove(text)
            raise
        self.listener.changed(self)

    def invite_of(self, number: str = ""):
        """The invitation of a number, or the latest that is open. LocalError."""
        if number:
            if number.isdigit() and 1 <= int(number) <= len(self.invitations):
                return self.invitations[int(number) - 1]
        else:
            for one in reversed(self.invitations):
                if one.state == "open":
                    return one
        raise LocalError("no such invitation")

    async def accept(self, invite):
        """Joins by an invitation; says so when nobody answers for a while."""
        await self.chat.accept(invite.invitation)
        invite.state = "accepted"
        self.say("* asked to join; waiting for the others")
        self.later(WAIT_FOR_ANSWER, self._nobody_answers, invite)
        self.listener.changed(self)

    def decline(self, invite):
        """Ignores an invitation."""
        self.chat.decline(invite.invitation)
        invite.state = "declined"
        self.say(f"* declined: invitation {invite.number}; nobody is told")
        self.listener.changed(self)

    def later(self, seconds, what, *arguments):
        """Calls something after a while, unless the room is closed by then."""

        async def wait():
            await asyncio.sleep(seconds)
            what(*arguments)

        task = asyncio.ensure_future(wait())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _nobody_answers(self, invite):
        if invite.state == "accepted" and not self.chat.members and not self.chat.closed:
            nick = invite.invitation.inviter_nick
            self.warn(
                f"{WAIT_FOR_ANSWER} s, and nobody has let you in. Is {nick} still in the room? Do"
                " all of you use the same passphrase (--psk-file), or none?"
                f" /accept {invite.number} asks again.",
                "nobody answers",
            )

    async def quit(self):
        """Leaves the conversation, when in one, and the room; shows what was heard until then."""
        for task in list(self._later):
            task.cancel()
        self.doorstep.close()
        if self.chat.members and self.chat.connected:
            try:
                await self.chat.leave(3)
            except MpseqError:
                pass
        await self.chat.close()
        await self.show_events()

    async def command(self, line: str):
        """Does what a line says; what is wrong with it is shown, never raised."""
        from . import commands

        await commands.do(self, line)

    async def show_events(self):
        """Shows every event until the chat is closed."""
        async for event in self.chat.events():
            self.show(event)


def _rows(text):
    # Our own line breaks only: others that a nick can have (U+2028) would begin a line of ours.
    return [clean(row) for row in text.removesuffix("\n").split("\n")] if text else []
