"""What a person types at a board, on the REPL's UART, between the frames if the carrier is serial.
Loaded with the first key that is pressed; what the commands do stands in `commands`, which is
loaded for each.
"""

import asyncio
import gc
import sys

from .node import unload

_LINE = 400  # bytes
_WAITING = 8  # lines
_TRIES = 8
_PAUSE = 0.5  # s between them


class Console:
    """`take` is given the bytes that are typed, and sees to it that what the lines say is done."""

    def __init__(self, node):
        self._node = node
        self._echo = sys.platform not in ("linux", "darwin")  # on those a terminal does it
        self._line = bytearray()
        self._before = 0  # the last byte
        self._lines = []
        self._working = None

    def take(self, data):
        """Bytes as they come; b"\\0" where a frame stood. Ctrl-C raises KeyboardInterrupt, when it
        stands behind Enter, as tools send it, or is pressed twice: one alone may be noise."""
        for byte in data:
            before, self._before = self._before, byte
            if byte == 3:
                if before in b"\r\x03":
                    raise KeyboardInterrupt
                self._node.log("Ctrl-C once more ends this")
            elif byte in b"\0\r\n":
                try:
                    text = str(self._line, "utf-8")
                    for character in self._line:
                        if character < 32:
                            raise UnicodeError
                except UnicodeError:  # what is left of a damaged frame
                    text = ""
                    self._line = bytearray()
                if byte:
                    self._say(b"\r\n")
                    self._line = bytearray()
                    if text and len(self._lines) < _WAITING:
                        self._lines.append(text)
                        if not self._working:
                            self._working = asyncio.create_task(self._work())
            elif byte in b"\b\x7f":
                size = len(self._line) - 1
                while size > 0 and self._line[size] & 0xC0 == 0x80:  # the rest of a letter
                    size -= 1
                if size >= 0:
                    self._line = self._line[:size]
                    self._say(b"\b \b")
            elif len(self._line) < _LINE:
                self._line.append(byte)
                if byte >= 32:
                    self._say(bytes((byte,)))

    def typing(self):
        """Whether the screen stands in the middle of a line that is being typed."""
        return self._echo and len(self._line) > 0

    def _say(self, data):
        if self._echo:
            self._node.echo(data)

    async def _work(self):
        while self._lines:
            await self.command(self._lines.pop(0))
        self._working = None

    async def command(self, line):
        """Does what a line says; what is wrong with it is shown. Where there is no memory now
        there may be some in a moment: a command is tried again, but a text could go twice."""
        tries = _TRIES if line[0] == "/" else 1
        while tries:
            tries -= 1
            try:
                await self._do(line)
                return
            except Exception as error:
                if not tries or not isinstance(error, MemoryError):
                    self._node.log("not done: %s" % error)
                    return
            finally:
                unload("mpseq_board.commands")
            gc.collect()
            await asyncio.sleep(_PAUSE)

    async def _do(self, line):
        if line[0] != "/":
            await self._node.send(line)
        else:
            from .commands import do

            await do(self._node, *line[1:].split())
