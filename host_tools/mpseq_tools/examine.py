"""What a board is and has, asked at its prompt: for `mpseq devices --probe` and `mpseq doctor`.

It interrupts what runs on the board and starts it anew afterwards. It changes nothing but the
seed of the board's random numbers, which every start replaces.
"""

import dataclasses
import hashlib
import pathlib

from mpseq_aio.plain import clean
from mpseq_board import config

from . import checkout, install, mip
from .faults import Fault
from .install import program
from .repl import Refused, Repl

_STATE = """
import gc, os, time
gc.collect()
free = gc.mem_free(), gc.mem_free() + gc.mem_alloc()
try:
    random = len(os.urandom(8)) == 8
except Exception:
    random = False
try:
    files = os.listdir(FOLDER)
except OSError:
    files = []
print(repr((free, random, files, tuple(time.gmtime()[:6]) if hasattr(time, "gmtime") else ())))
"""

_INSIDE = """
problem, nick, carrier, host, people, version, sources = "", "", "", False, 0, "", ()
try:
    from mpseq_board import config
    try:
        there = config.load(FOLDER)
        nick, carrier, host = there["nick"], there["carrier"], there["host"]
        people = len(there["people"])
    except config.ConfigError as error:
        problem = str(error)
    from mpseq_board.entropy import Source
    sources = Source(FOLDER).problems
    import mpseq
    version = mpseq.__version__
except Exception as error:
    problem = problem or "%s: %s" % (type(error).__name__, error)
print(repr((problem, nick, carrier, host, people, version, sources)))
"""


@dataclasses.dataclass
class Examined:
    """What was found. `library`: frozen, files or none; `same`: whether the files are those of
    the packages here, None when there is nothing to compare. `free`, `heap`: bytes at the prompt.
    `unfit`: why nothing can be installed, a Fault or None. Of a board with mpseq, if asked for:
    `problem` of its settings, `entropy`: problems of its random numbers. `clock`: six numbers from
    the year to the second, or ()."""

    version: str
    machine: str
    build: str
    mpy: str
    library: str
    native: bool
    same: bool | None
    unfit: Fault | None
    free: int
    heap: int
    random: bool
    identity: bool
    clock: tuple
    problem: str = ""
    nick: str = ""
    carrier: str = ""
    host: bool = False
    people: int = 0
    own_version: str = ""
    entropy: tuple = ()


def examine(port: str, baud: int = 115200, deep: bool = True, dist=None) -> Examined:
    """Asks the board at a port; with `deep` what mpseq on it says of itself, too. Fault."""
    with Repl(port, baud) as repl:
        repl.enter()
        try:
            return _examine(repl, deep, dist)
        except Refused as error:
            raise Fault(f"on the board: {error}", "press its RESET, try again") from None
        finally:
            repl.restart()


def _examine(repl, deep, dist):
    repl.reset()
    facts = install.look(repl)
    unfit = None
    try:
        install.check(facts)
    except Fault as fault:
        unfit = fault
    free, random, files, clock = repl.ask(program(_STATE, FOLDER=config.FOLDER))
    installed = {} if facts.frozen else install.hashes(repl, facts.lib)
    library = "frozen" if facts.frozen else "files" if installed else "none"
    native = facts.linked or any(path.endswith("/" + mip.NATIVE) for path in installed)
    found = Examined(
        version=".".join(map(str, facts.version)),
        machine=clean(facts.machine),
        build=clean(facts.build),
        mpy=str(mip.Abi.decode(facts.mpy)) if facts.mpy else "none",
        library=library,
        native=native,
        same=_same(installed, facts, unfit, dist) if library == "files" else None,
        unfit=unfit,
        free=free[0],
        heap=free[1],
        random=random,
        identity=any(name.startswith("keys") for name in files),
        clock=clock,
    )
    if deep and library != "none":
        repl.reset()
        (
            found.problem, found.nick, found.carrier, found.host, found.people,
            found.own_version, found.entropy,
        ) = repl.ask(program(_INSIDE, FOLDER=config.FOLDER), timeout=60)  # fmt: skip
    return found


def _same(installed, facts, unfit, dist):
    """Whether the files on the board are those of our package; None when there is none here."""
    if unfit is not None:
        return None
    try:
        abi = mip.check_board(facts.version, facts.mpy)
        package = mip.load(mip.choose(dist or packages(), abi, facts.linked))
    except Fault:
        return None
    wanted = {
        f"{facts.lib}/{path}": hashlib.sha256(data).hexdigest()
        for path, data in package.files.items()
    }
    return wanted == installed


def packages():
    """Where `make mip` writes, as far as there is such a place."""
    root = checkout.root()
    return root / "dist" / "mip" if root else pathlib.Path("dist") / "mip"
