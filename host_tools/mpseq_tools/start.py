"""Starts a deployed board and waits until it is in a conversation, as its bridge if need be."""

import asyncio
import contextlib
import re

from mpseq_aio import link

from . import replug, serial_link
from .bridge import Bridge, attend, forever
from .faults import SMALL_HEAP, Fault
from .on_board import PROMPT

# What the node says (lib/mpseq_board/node.py), and what MicroPython says when no node runs.
_CONNECTED = "mpseq: connected "
_JOINED = "mpseq: joined "
_ENDED = re.compile(
    r"mpseq: stopped: (?!.*Trying again)|Traceback \(most recent|>>> |MicroPython (v\d|on )"
)


class StartFault(Fault):
    """The board is deployed, but not in a conversation."""

    def __init__(self, text, cure, code=Fault.code):
        super().__init__(text, cure)
        self.code = code


async def start(
    port, baud, rooms, member, patience, stay=False, say=print, passphrase="", again=None,
    joined=lambda: None,
) -> int:  # fmt: skip
    """Starts boot.py and main.py and waits `patience` seconds (0: not at all) until the board is
    in a conversation; the exit code: 0, or 4 when it is not. `stay`: bridges it for ever then, and
    waits for it whenever a reset or somebody has taken it off its cable.

    A board whose carrier is this cable reaches the room through the bridge that is in here.
    `passphrase` is typed whenever the board asks for it. `again`: the command that bridges it
    later; with it the board is an emulated one, whose end is the end. `joined` is called once.
    """
    serial = member.carrier.startswith("serial:")
    bridge_line = again or f"mpseq bridge --device {port} --relay {rooms}"
    try:
        line = serial_link.SerialTransport(port, baud)
    except link.CarrierLost as error:
        raise StartFault(str(error), "plug it in again; mpseq deploy") from None
    try:
        place = replug.Place(port, baud) if stay and not again else None
        await line.write(b"\x04")
        if not patience:
            say(f"started. Its way into the room: {bridge_line}" if serial else "started")
            return 0
        if not member.host and not member.people:
            say("careful: it takes nobody's invitation. Cure: mpseq deploy --invite-by NICK=KEY")
        watch = _Watch(rooms, member, patience, stay, place, say, passphrase, joined)
        outcome = await watch.run(line)
    except link.CarrierLost as error:
        raise StartFault(str(error), "plug it in again; mpseq deploy") from None
    finally:
        line.close()
    if outcome == "joined":
        if serial and not stay:
            say(f"It goes on while it has a bridge: {bridge_line}")
        return 0
    if outcome == "away":
        raise StartFault(
            f"it has not reached its room, {member.way}, within {patience} s; above is why",
            f"start what carries the rooms ({rooms}), or name another with --relay"
            if serial
            else "is that address right, does the relay run, does the Wi-Fi work?",
            4,
        )
    if outcome != "late":
        cure = "mend that, and deploy again"
        if "MemoryError" in outcome:
            cure = SMALL_HEAP
        raise StartFault("its program has ended; above is why", cure, 4)
    raise StartFault(
        f"it has not joined within {patience} s: nobody in {member.way} has invited it",
        f"{_inviters(member)}, in that room, types {member.invitation}",
        4,
    )


def _inviters(member):
    return " or ".join(nick for nick, _ in member.people) or "somebody"


class _Watch:
    """What a started board says, until it has joined; for ever if it stays bridged."""

    def __init__(self, rooms, member, patience, stay, place, say, passphrase, joined):
        self._rooms = rooms
        self._member = member
        self._patience = patience
        self._stay = stay
        self._place = place
        self._say = say
        self._passphrase = passphrase
        self._joined = joined
        self._outcome = asyncio.get_running_loop().create_future()
        self._connected = False
        self._last = []
        self._bridge = None
        self._typing = None

    async def run(self, line):
        """"joined", "late", "away" (not even in the room), or what it said when it ended."""
        bridge = self._bridge = Bridge(line, self._rooms, console=self._console)
        place = self._place
        again = attend(bridge) if place is None else forever(bridge, place, self._say)
        running = asyncio.ensure_future(again)
        outcome = self._outcome
        try:
            both = {running, outcome}
            first = asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait(both, timeout=self._patience, return_when=first)
            if not done and self._stay:
                what = "joined: nobody has invited it" if self._connected else "reached its room"
                self._say(f"it has not {what} within {self._patience} s; waiting on, until Ctrl-C")
                await asyncio.wait(both, return_when=first)
            if outcome.done() and outcome.result() == "joined":
                self._joined()
                if self._stay:
                    self._say("in the room, through this bridge; stop with Ctrl-C")
                    await running
            elif running.done():
                await running  # with its CarrierLost
            elif outcome.done() and outcome.result() == "ended":
                await asyncio.sleep(1)  # the rest of the traceback
                return "\n".join(self._last)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        if outcome.done():
            return outcome.result()
        return "late" if self._connected else "away"

    def _console(self, text):
        self._say(text)
        said = text.partition("| ")[2]
        if said == PROMPT and self._passphrase:
            typed = self._passphrase.encode() + b"\r"
            self._typing = asyncio.ensure_future(self._type(typed))
        if said.startswith(_CONNECTED) and not self._connected:
            self._connected = True
            if not self._member.host:  # not before: an invitation reaches only who is there
                who = _inviters(self._member)
                self._say(f"waiting for {who} to type in the room:\n{self._member.invitation}")
        if not self._outcome.done():
            if said.startswith(_JOINED):
                self._outcome.set_result("joined")
            elif _ENDED.match(said):
                self._outcome.set_result("ended")
        if self._outcome.done():
            self._last.append(said)

    async def _type(self, data):
        with contextlib.suppress(link.CarrierLost):  # which is told elsewhere
            await self._bridge.link.type(data)
