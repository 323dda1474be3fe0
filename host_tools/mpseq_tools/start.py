"""Starts a deployed board and waits until it is in a conversation, as its bridge if need be."""

import asyncio
import re

from mpseq_aio import link

from . import replug, serial_link
from .bridge import Bridge, forever
from .faults import SMALL_HEAP, Fault

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


async def start(port, baud, rooms, member, patience, stay=False, say=print) -> int:
    """Starts boot.py and main.py and waits `patience` seconds (0: not at all) until the board is
    in a conversation; the exit code: 0, or 4 when it is not. `stay`: bridges it for ever then, and
    waits for it whenever a reset or somebody has taken it off its cable.

    A board whose carrier is this cable reaches the room through the bridge that is in here.
    """
    serial = member.carrier.startswith("serial:")
    bridge_line = f"mpseq bridge --device {port} --relay {rooms}"
    try:
        line = serial_link.SerialTransport(port, baud)
    except link.CarrierLost as error:
        raise StartFault(str(error), "plug it in again; mpseq deploy") from None
    try:
        place = replug.Place(port, baud) if stay else None
        await line.write(b"\x04")
        if not patience:
            say(f"started. Its way into the room: {bridge_line}" if serial else "started")
            return 0
        if not member.host and not member.people:
            say("careful: it takes nobody's invitation. Cure: mpseq deploy --invite-by NICK=KEY")
        outcome = await _watch(line, rooms, member, patience, place, say)
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
            f"it has not reached its room, {member.carrier}, within {patience} s; above is why",
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
        f"it has not joined within {patience} s: nobody in {member.carrier} has invited it",
        f"{_inviters(member)}, in that room, types {member.invitation}",
        4,
    )


def _inviters(member):
    return " or ".join(nick for nick, _ in member.people) or "somebody"


async def _watch(line, rooms, member, patience, place, say):
    """"joined", "late", "away" (not even in the room), or what it said when it ended.

    With a `place` it is bridged for ever once it has joined.
    """
    outcome = asyncio.get_running_loop().create_future()
    connected = False
    last = []

    def console(text):
        nonlocal connected
        say(text)
        said = text.partition("| ")[2]
        if said.startswith(_CONNECTED) and not connected:
            connected = True
            if not member.host:  # not before: an invitation reaches only who is there
                say(f"waiting for {_inviters(member)} to type in the room:\n{member.invitation}")
        if not outcome.done():
            if said.startswith(_JOINED):
                outcome.set_result("joined")
            elif _ENDED.match(said):
                outcome.set_result("ended")
        if outcome.done():
            last.append(said)

    bridge = Bridge(line, rooms, console=console)
    bridging = bridge.run() if place is None else forever(bridge, place, say)
    running = asyncio.ensure_future(bridging)
    try:
        await asyncio.wait(
            {running, outcome}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        if outcome.done() and outcome.result() == "joined" and place is not None:
            say("in the room, through this bridge; stop with Ctrl-C")
            await running
        elif running.done():
            await running  # with its CarrierLost
        elif outcome.done() and outcome.result() == "ended":
            await asyncio.sleep(1)  # the rest of the traceback
            return "\n".join(last)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    if outcome.done():
        return outcome.result()
    return "late" if connected else "away"
