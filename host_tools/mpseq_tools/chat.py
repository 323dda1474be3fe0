"""`mpseq chat`: a conversation in plain lines, for a terminal as well as for a pipe."""

import asyncio
import concurrent.futures
import os
import sys
import threading
import time

from mpseq import fingerprint, membership
from mpseq.errors import LocalError, MpseqError
from mpseq_aio import chat as aio
from mpseq_aio import link
from mpseq_aio.framing import clean

from . import keys, transcript
from .faults import Fault

HELP = """\
/create NAME            found a conversation; with policy=creator only you invite and expel,
                        with policy=unanimous everyone must approve whoever comes
/invite NICK KEY ...    invite people, several at once; KEY is what /me shows them
/replace NICK KEY       invite another device of a member in the place of the one that is here
/approve NICK           let somebody in whom another member invited
/cancel NICK            take your invitation back; or refuse a device in the place of yours
/expel NICK             vote to remove a member: all others must say so
/accept [NUMBER]        join by an invitation (the latest)
/who                    who is in, with fingerprints
/code                   the session code: read it to one another, it must be equal
/me                     my nick, key and fingerprint
/rekey                  fresh keys now
/leave                  leave the conversation
/quit                   leave and end
/help                   this
Anything else is a text to the conversation; begin it with // for a text that begins with /.
A text is marked confirmed when every member has acknowledged it, in this order."""

POLICIES = {
    "any": membership.ANY,
    "creator": membership.CREATOR,
    "unanimous": membership.UNANIMOUS,
}
STOP = object()  # the input has ended
_SHORT = 200  # bytes of text/csv and the like that are shown as they are


class Console:
    """Prints what happens, in lines; warnings stand out, on a terminal in red."""

    def __init__(self, write=None, colour=None):
        self._write = write or (lambda line: print(line, flush=True))
        self._colour = sys.stdout.isatty() if colour is None else colour

    def say(self, text):
        for line in text.splitlines():
            self._write(f"{time.strftime('%H:%M:%S')} {clean(line)}")

    def warn(self, text):
        for line in text.splitlines():
            line = f"!!! WARNING: {clean(line)}"
            if self._colour:
                line = f"\x1b[1;31m{line}\x1b[0m"
            self._write(f"{time.strftime('%H:%M:%S')} {line}")


class LineChat:
    """Ties a `Chat` to lines of text: `command(line)` in, `console` out."""

    def __init__(self, chat, console, suite=1):
        self.chat = chat
        self.suite = suite  # of what I found
        self.console = console
        self.invitations = []
        self.invitees = {}  # nick -> key, of people whom somebody here invited
        self.done = False

    async def command(self, line: str):
        """Does what a line says; what is wrong with it is shown, never raised."""
        line = line.rstrip("\r\n")
        try:
            if not line.strip():
                return
            if not line.startswith("/"):
                await self.chat.send(line)
            elif line.startswith("//"):
                await self.chat.send(line[1:])
            else:
                await self._command(*line[1:].split())
        except MpseqError as error:
            self.console.say(f"* not done: {error}")

    async def _command(self, name="help", *words):
        say = self.console.say
        if name == "create" and words:
            self._create(words)
        elif (name == "invite" and words and len(words) % 2 == 0) or (
            name == "replace" and len(words) == 2
        ):
            pairs = list(zip(words[::2], map(parse_key, words[1::2]), strict=True))
            self.chat.invite(pairs, replace=name == "replace")
            for nick, key in pairs:
                self.invitees[nick] = key
                say(f"* invited {nick} [{fingerprint(key)}]")
        elif name in ("approve", "cancel") and len(words) == 1:
            getattr(self.chat, name)(self._invitee(words[0]))
        elif name == "expel" and len(words) == 1:
            self.chat.expel(self._key_of(words[0]))
        elif name == "accept" and len(words) < 2:
            await self._accept(words[0] if words else str(len(self.invitations)))
        elif name == "who":
            self._who()
        elif name == "code":
            code = self.chat.code
            say(f"* session code: {show_code(code)}" if code else "* no session code: alone")
        elif name == "me":
            say(f"* {self.chat.nick} {self.chat.identity.public.hex()}")
            say(f"* fingerprint {self.chat.identity.fingerprint}")
        elif name == "rekey":
            self.chat.rekey()
        elif name == "leave":
            await self._leave()
        elif name == "quit":
            self.done = True
        elif name == "help":
            say(HELP)
        elif usage := [line for line in HELP.splitlines() if line.startswith(f"/{name} ")]:
            say(f"* usage: {usage[0]}")
        else:
            say(f"* /{name}: unknown. /help shows the commands.")

    def _create(self, words):
        policy = membership.ANY
        if words[-1].startswith("policy="):
            *words, option = words
            policy = POLICIES.get(option.removeprefix("policy="))
            if policy is None:
                raise LocalError(f"{option}: there are {', '.join(POLICIES)}")
        self.chat.create(" ".join(words), policy=policy, suite=self.suite)

    def _key_of(self, nick):
        for member in self.chat.members:
            if member.nick == nick:
                return member.key
        raise LocalError(f"there is no {nick} here; /who shows who is")

    def _invitee(self, nick):
        if nick in self.invitees:
            return self.invitees[nick]
        return self._key_of(nick)

    async def _accept(self, number):
        if not number.isdigit() or not 1 <= int(number) <= len(self.invitations):
            self.console.say("* no such invitation")
        else:
            await self.chat.accept(self.invitations[int(number) - 1])
            self.console.say("* asked to join; waiting for the others")

    async def _leave(self):
        if not self.chat.members:
            self.console.say("* not in a conversation")
        elif not await self.chat.leave():
            self.console.warn("nobody heard that you left: there is no connection")

    def _who(self):
        if not self.chat.members:
            self.console.say("* nobody: not in a conversation")
        for member in self.chat.members:
            own = " (you)" if member.key == self.chat.identity.public else ""
            self.console.say(f"* {member.nick} [{fingerprint(member.key)}]{own}")

    async def quit(self):
        """Leaves the conversation, when in one, and the room."""
        if self.chat.members and self.chat.connected:
            await self.chat.leave(3)
        await self.chat.close()
        await self.show_events()  # what was heard until the end

    async def show_events(self):
        """Shows every event until the chat is closed."""
        async for event in self.chat.events():
            self.show(event)

    def show(self, event):
        """Prints one event, if there is anything to say about it."""
        shower = getattr(self, "_on_" + type(event).__name__.lower(), None)
        if shower:
            shower(event)

    def _on_connected(self, event):
        others = ", ".join(event.labels[1:]) or "nobody else"
        self.console.say(f"* connected as {event.label}; in the room: {others}")

    def _on_disconnected(self, event):
        self.console.warn(f"disconnected: {event.reason}. Trying again until it works.")

    def _on_entered(self, event):
        self.console.say(f"* {event.label} is in the room (not in the conversation yet)")

    def _on_gone(self, event):
        self.console.say(f"* {event.label} is no longer connected")

    def _on_dropped(self, event):
        self.console.warn(f"{event.count} notices were lost: too many at once")

    def _on_fault(self, event):
        error = event.error
        self.console.warn(f"internal fault, please report it: {type(error).__name__}: {error}")

    def _on_invited(self, event):
        invitation = event.invitation
        self.invitations.append(invitation)
        number = len(self.invitations)
        self.console.say(
            f"* invitation {number}: {invitation.inviter_nick} [{fingerprint(invitation.inviter)}]"
            f" invites you to {invitation.name!r}. Is that fingerprint theirs? /accept {number}"
        )

    def _on_guestready(self, event):
        self.console.say(f"* {event.nick} [{fingerprint(event.key)}] accepted")

    def _on_sessionstarted(self, event):
        say = self.console.say
        for verb, people in (("joined", event.joined), ("left", event.left)):
            if people:
                say(f"* {verb}: {', '.join(member.nick for member in people)}")
        nicks = ", ".join(member.nick for member in event.members)
        say(f"* session {event.number} of {self.chat.name!r}: {nicks}")
        if event.code:
            say(f"* session code: {show_code(event.code)}")
        if event.failed:
            self.console.warn(f"{event.failed} exchanges failed before this one")

    def _on_text(self, event):
        self.console.say(f"#{event.number} <{event.nick}> {show_text(event.text)}")

    def _on_data(self, event):
        what = f"{event.content_type}, {len(event.data)} bytes"
        if event.content_type.startswith("text/") and len(event.data) <= _SHORT:
            what += ": " + show_text(bytes(event.data).decode(errors="replace"))
        self.console.say(f"#{event.number} <{event.nick}> [{what}]")

    def _on_confirmed(self, event):
        if len(self.chat.members) == 1:
            self.console.say("* nobody else is in the conversation")
            return
        self.console.say(f"* confirmed by everyone: all up to #{event.number}")

    def _on_unconfirmed(self, event):
        self.console.warn(
            f"#{event.first} to #{event.last} were never confirmed by everyone: not all may have"
            " seen them"
        )

    def _on_missing(self, event):
        self.console.warn(
            f"messages {event.first} to {event.last} of {event.nick} never came: the room lost"
            " them or keeps them from you"
        )

    def _on_inconsistent(self, event):
        self.console.warn(
            f"{event.nick} saw another conversation than you, at #{event.number} or before."
            " The room may be showing you different things. Ask by another way."
        )

    def _on_unverifiable(self, event):
        self.console.warn(f"cannot check what {event.nick} saw before #{event.number}: too old")

    def _on_undelivered(self, event):
        self.console.warn(
            f"{event.nick} sent {event.size} bytes that cannot be shown: too long for me, or not"
            " all of it came"
        )

    def _on_unsent(self, event):
        text = event.text if isinstance(event.text, str) else f"data ({event.text[0]})"
        if not self.chat.members:
            self.console.warn(f"not sent, you were out before: {show_text(text)}")
            return
        self.console.warn(
            f"not sent, because somebody new is here now: {show_text(text)}\n"
            "Send it again if you mean them too."
        )

    def _on_notinvited(self, event):
        self.console.warn(
            f"{event.nick} [{fingerprint(event.key)}] is not invited: the invitation was"
            " cancelled, the room was full of invitations, or they came in meanwhile."
        )

    def _on_inviteseen(self, event):
        self.invitees[event.nick] = event.key
        who = f"{event.nick} [{fingerprint(event.key)}]"
        if not event.replaces:
            self.console.say(f"* {event.by_nick} invites {who}: agree with /approve {event.nick}")
        elif event.key == self.chat.identity.public:
            self.console.warn(
                f"{event.by_nick} invites another device with your key, which would take your"
                f" place. If it is not yours: /cancel {event.nick}, and your key is stolen."
            )
        else:
            self.console.say(f"* {event.by_nick} invites another device of {who} in its place")

    def _on_replaced(self, event):
        self.console.warn("another device with your key has taken your place")

    def _on_exchangefailed(self, event):
        self.console.say(f"* an exchange failed; {event.nick} says: {event.reason}. Trying again.")

    def _on_convicted(self, event):
        self.console.warn(
            f"{event.nick} [{fingerprint(event.key)}] is proven to have cheated: {event.why}."
            " The others go on without it."
        )

    def _on_guestdropped(self, event):
        self.console.warn(f"{event.nick} [{fingerprint(event.key)}] did not manage to come in")

    def _on_carrierinconsistent(self, event):
        self.console.warn(
            "members were shown different things in an exchange: by the room, or by one who lies"
            " about it. Nobody is blamed; trying again."
        )

    def _on_suspected(self, event):
        self.console.say(f"* {event.by_nick} waits for {event.nick}: {event.what}")

    def _on_expelvote(self, event):
        if self.chat and event.by_key == self.chat.identity.public:
            self.console.say(f"* you want to expel {event.nick}; all others must agree")
            return
        self.console.say(
            f"* {event.by_nick} wants to expel {event.nick}: /expel {event.nick} agrees"
        )

    def _on_expelled(self, event):
        self.console.warn(f"{event.nick} is expelled")

    def _on_leaveseen(self, event):
        self.console.say(f"* {event.nick} leaves")

    def _on_left(self, event):
        if event.removed:
            self.console.warn("the others removed you from the conversation")
        else:
            self.console.say("* you left the conversation")


def show_text(text: str) -> str:
    """A text on one line: its line breaks must not look like lines of ours."""
    return " ⏎ ".join(text.splitlines())


def show_code(code) -> str:
    """A session code for people: "123 456, amber river stone"."""
    return f"{code.digits[:3]} {code.digits[3:]}, {' '.join(code.words)}"


def parse_key(text: str) -> bytes:
    """32 bytes of a public key from 64 hex digits; LocalError otherwise."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise LocalError(f"{text!r} is not a key: 64 hex digits, as /me shows them")
    return key


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


async def run(
    nick: str, rooms, profile: str, label=None, record=None, psk=b"", suite=1
) -> int:
    """The `mpseq chat` command; returns the exit code."""
    console = Console()
    try:
        identity, created = keys.load(profile)
    except keys.KeyFault as fault:
        print(f"mpseq: {fault}.\nCure: {fault.cure}.", file=sys.stderr)
        return 4
    if created:
        console.say(f"* new identity in {keys.path_of(profile)}")
    console.say(f"* you are {nick}; your key: {identity.public.hex()}")
    console.say(f"* your fingerprint: {identity.fingerprint}")
    draws = transcript.Draws() if record else os.urandom
    try:
        carrier = rooms.room(label=label)
        chat = aio.Chat(identity, nick, carrier, draws, psk=psk)
        recorder = transcript.Recorder(chat.conversation, draws) if record else None
        await chat.open()
    except Fault as fault:
        print(f"mpseq: {fault}.\nCure: {fault.cure}.", file=sys.stderr)
        return fault.code
    except MpseqError as error:
        reason = f"{type(error).__name__}: {error}"
        print(f"mpseq: that nick cannot be used ({reason}).", file=sys.stderr)
        print("Cure: a nick has 1-32 bytes of printable text.", file=sys.stderr)
        return 2
    except link.CarrierLost as error:
        print(f"mpseq: {error}.", file=sys.stderr)
        print("Cure: start one with `mpseq relay`, or name it with --relay.", file=sys.stderr)
        return 3
    lines = LineChat(chat, console, suite)
    showing = asyncio.ensure_future(lines.show_events())
    queue = asyncio.Queue(1)
    read_lines(queue, asyncio.get_running_loop())
    try:
        console.say("* /help shows the commands")
        while not lines.done:
            line = await queue.get()
            if line is STOP:
                break
            await lines.command(line)
    finally:
        # Also after Ctrl-C: the others should not have to wait until silence proves it.
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        await lines.quit()
        if recorder:
            transcript.save(recorder.transcript(), record)
    return 0
