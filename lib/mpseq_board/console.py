"""What a person types at a board, and what it shows of the conversation: lines of text on the
REPL's UART, between the frames if the carrier is serial.
"""

import asyncio
import gc
import sys

from mpseq import errors, fingerprint
from mpseq_aio.clock import now

HELP = """\
/who             who is in, with fingerprints; + verified
/code            the session code: compare it by voice
/verify NICK [DIGITS]  its digits are equal to ours: trust this key from now on
/invite NICK KEY  add to the people of this board, and invite
/leave, /join    leave and stay out; come back
/stats, /key     this board
/identity        make one here, if there is none
Anything else is a text to the conversation."""

_LINE = 400  # bytes
_WAITING = 8  # lines


class Console:
    """`take` is given the bytes that are typed; `work` does what the lines say."""

    def __init__(self, node, echo=sys.platform not in ("linux", "darwin")):
        self._node = node
        self._echo = echo  # on those a terminal does it
        self._line = bytearray()
        self._lines = []
        self._news = asyncio.Event()

    def take(self, data):
        """Bytes as they come; b"\\0" where a frame stood. Ctrl-C raises KeyboardInterrupt."""
        for byte in data:
            if byte == 3:
                raise KeyboardInterrupt
            if byte in b"\r\n":
                line, self._line = self._line, bytearray()
                self._say(b"\r\n")
                if self._typed(line) and line and len(self._lines) < _WAITING:
                    self._lines.append(str(line, "utf-8"))
                    self._news.set()
            elif byte in b"\b\x7f":
                if self._line:
                    while self._line.pop() & 0xC0 == 0x80:  # the rest of a letter
                        pass
                    self._say(b"\b \b")
            elif byte == 0:
                if not self._typed(self._line):
                    self._line = bytearray()
            elif len(self._line) < _LINE:
                self._line.append(byte)
                if byte >= 32:
                    self._say(bytes((byte,)))

    def _typed(self, line):
        """Whether it may be; else it is what is left of a damaged frame."""
        for byte in line:
            if byte < 32 and byte != 9:
                return False
        try:
            str(line, "utf-8")
        except UnicodeError:
            return False
        return True

    def _say(self, data):
        if self._echo:
            self._node.echo(data)

    async def read(self, port):
        """Reads a port that is nobody else's; ends with it."""
        while True:
            data = await port.read()
            if not data:
                await asyncio.sleep(3600)
            self.take(data)

    async def work(self):
        """Does what is typed, line by line."""
        while True:
            while self._lines:
                await self.command(self._lines.pop(0))
            self._news.clear()
            await self._news.wait()

    async def command(self, line):
        """Does what a line says; what is wrong with it is shown."""
        try:
            if line.startswith("/"):
                words = line[1:].split()
                do = getattr(self, "do_" + words[0], None) if words else None
                if not do:
                    raise errors.LocalError("there is no such command; /help shows all")
                await do(*words[1:])
            elif line.strip():
                await self._node.send(line)
        except TypeError:
            self._node.log("not done: /help shows what a command wants")
        except Exception as error:
            self._node.log("not done: %s" % error)

    async def do_help(self):
        for line in HELP.split("\n"):
            self._node.log(line)

    async def do_who(self):
        node = self._node
        for one in node.members:
            mark = " +" if node.is_verified(one.key) else ""
            node.log("%s [%s]%s" % (one.nick, fingerprint(one.key), mark))
        if not node.members:
            node.log("nobody: not in a conversation")

    async def do_code(self):
        code = self._node.code
        if not code:
            raise errors.LocalError("alone: no code")
        self._node.log("session code %s, %s" % (code.digits, " ".join(code.words)))

    async def do_key(self):
        identity = self._node.store.identity
        self._node.log("key %s" % identity.public.hex())
        self._node.log("fingerprint %s" % identity.fingerprint)

    async def do_identity(self):
        self._node.store.create_identity()
        await self.do_key()

    async def do_verify(self, nick, *digits):
        node = self._node
        for one in node.members:
            if one.nick == nick:
                break
        else:
            raise errors.LocalError("there is no %s here" % nick)
        if digits and "".join(digits) != node.code.digits:
            raise errors.LocalError(
                "those are not our digits (%s): NOT the same session" % node.code.digits
            )
        if node.store.know(nick, one.key) == "changed":
            if not digits:
                raise errors.LocalError("%s has another key: compare, and add the digits" % nick)
            node.store.accept_change(nick, one.key)
        node.store.verify(nick, one.key)
        node.log("%s [%s] is verified" % (nick, fingerprint(one.key)))

    async def do_invite(self, nick, key):
        try:
            key = bytes.fromhex(key)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise errors.LocalError("a key has 64 hex digits")
        self._node.invite(nick, key)

    async def do_leave(self):
        await self._node.leave()

    async def do_join(self):
        self._node.away = False

    async def do_stats(self):
        node = self._node
        gc.collect()
        free = gc.mem_free() if hasattr(gc, "mem_free") else 0
        sent, received, rekeys = node.counts
        refused = sum(node.chat.conversation.refused.values()) if node.chat else 0
        node.log(
            "%d bytes free, up %d s, %d messages sent, %d received, %d re-keys, %d frames refused"
            % (free, now() // 1000, sent, received, rekeys, refused)
        )

    def show(self, event):
        """A text or a datum."""
        name = type(event).__name__
        if name == "Text":
            self._node.log("#%d <%s> %s" % (event.number, event.nick, event.text))
        elif name == "Data":
            size = len(event.data)
            self._node.log(
                "#%d <%s> [%s, %d bytes]" % (event.number, event.nick, event.content_type, size)
            )
        elif name in ("Missing", "Inconsistent", "Convicted", "Expelled", "Undelivered"):
            self._node.log("!!! WARNING: %s: %s" % (name, event.nick))
