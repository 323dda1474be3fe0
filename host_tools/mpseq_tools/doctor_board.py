"""What `mpseq doctor` looks at on a board."""

import datetime
import importlib.metadata
import os

from . import devices_here, emulated, mip, qemu
from .doctor import Sheet
from .examine import examine as ask
from .faults import SMALL_HEAP, Fault

_DEPLOY = "mpseq deploy"
_LITTLE = 110000  # bytes of heap at the prompt, with nothing of mpseq loaded


def examine(port, baud, say, dist=None):
    """Passes a Check for each finding to `say`. It interrupts what runs on the board."""
    sheet = Sheet("board", say)
    try:
        devices_here.check(port)
        if port in qemu.BOARDS:
            found = _emulated(port, dist)
        else:
            found = ask(port, baud, True, dist)
    except qemu.BoardError as error:
        sheet.fail(port, str(error), "mpseq devices")
        return
    except Fault as fault:
        sheet.fail(port, str(fault), fault.cure)
        return
    sheet.ok(port, "opens, and MicroPython answers at its prompt")
    _firmware(sheet, found)
    _library(sheet, found)
    if found.free < _LITTLE:
        sheet.warn("heap", f"{found.free:,} of {found.heap:,} bytes free", SMALL_HEAP)
    else:
        sheet.ok("heap", f"{found.free:,} of {found.heap:,} bytes free at the prompt")
    _clock(sheet, found)
    if found.library != "none":
        _inside(sheet, found)


def _emulated(name, dist):
    """The one that mpseq deploy has been to, if there is one."""
    if emulated.disk_of(name).exists():
        with emulated.switched_on(name, say=lambda line: None) as port:
            return ask(port, 115200, True, dist)
    with qemu.Board(name, seed=os.urandom(qemu.SEED_SIZE)) as board:
        return ask(board.port, 115200, True, dist)


def _firmware(sheet, found):
    oldest = ".".join(map(str, mip.OLDEST))
    text = f"MicroPython {found.version} on {found.machine} [{found.build or 'no name'}]"
    if tuple(map(int, found.version.split("."))) < mip.OLDEST:
        sheet.fail(
            "firmware", f"{text} is too old, {oldest} is needed",
            "mpseq flash (ESP32), or copy a newer .uf2 onto it (Pico)",
        )  # fmt: skip
    else:
        sheet.ok("firmware", f"{text}; .mpy {found.mpy}")


def _library(sheet, found):
    ours = importlib.metadata.version("mpseq")
    if found.unfit is not None:
        sheet.fail("library", str(found.unfit), found.unfit.cure)
    elif found.library == "none":
        sheet.fail("library", "mpseq is not on it", _DEPLOY)
    elif not found.native:
        sheet.fail("library", "Monocypher's native module is not on it", _DEPLOY)
    elif found.own_version and found.own_version != ours:
        sheet.fail("library", f"it has mpseq {found.own_version}, here is {ours}", _DEPLOY)
    elif found.same is False:
        sheet.warn("library", "its files are not those of this mpseq", _DEPLOY)
    elif found.library == "frozen":
        sheet.ok("library", f"mpseq {found.own_version} and Monocypher in its firmware")
    else:
        said = "the same as here" if found.same else "there are none here to compare them with"
        sheet.ok("library", f"mpseq {found.own_version} as files; {said}")


def _clock(sheet, found):
    if not found.clock:
        sheet.ok("clock", "it has none: fine for all carriers but tls:// and mqtts://")
        return
    there = datetime.datetime(*found.clock, tzinfo=datetime.timezone.utc)
    now = datetime.datetime.now(datetime.timezone.utc)
    text = f"{there:%Y-%m-%d %H:%M} UTC"
    if abs((now - there).total_seconds()) < 86400:
        sheet.ok("clock", text)
    elif found.carrier.startswith(("tls:", "mqtts:")):
        # The node winds it from what deploy has stored, and by NTP.
        sheet.warn("clock", f"{text} at the prompt; TLS looks at certificates' dates", _DEPLOY)
    else:
        sheet.ok("clock", f"{text}, which only tls:// and mqtts:// would mind")


def _inside(sheet, found):
    if found.entropy:
        said = str(found.entropy[0])
        text, _, cure = said.partition("; cure: ")
        sheet.fail("random numbers", text, cure or _DEPLOY)
    else:
        sheet.ok("random numbers", "fit for keys")
    if found.problem:
        text, _, cure = found.problem.partition(". Cure: ")
        sheet.fail("settings", text, cure or _DEPLOY)
        return
    sheet.ok("settings", f"{found.nick}, in {found.carrier}")
    if not found.identity:
        sheet.fail("identity", "it has none yet", _DEPLOY)
    else:
        sheet.ok("identity", "there is one")
    if not found.people and not found.host:
        sheet.warn(
            "people", "it takes nobody's invitation", "mpseq deploy --invite-by NICK=KEY"
        )  # fmt: skip
    else:
        sheet.ok("people", f"{found.people} may invite it{', and it founds' * found.host}")
