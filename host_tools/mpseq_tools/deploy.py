"""`mpseq deploy`: from a board with MicroPython on it to a member in a room.

The board's secret key is made on the board and stays there. What the host gives: the library,
the settings, 64 random bytes. A password goes over the cable as part of a program and is shown
nowhere.
"""

import base64
import dataclasses
import getpass
import json
import os
import pathlib
import re
import sys
import time

from mpseq.errors import FrameError
from mpseq.primitives import check_x25519_key
from mpseq_aio import link
from mpseq_aio.address import room_at
from mpseq_aio.plain import clean
from mpseq_board import config

from . import card, checkout, install, mip, on_board
from .faults import SMALL_HEAP, Fault
from .install import program
from .repl import Refused, Repl

INJECTION = 64  # bytes of the host's entropy
MAIN = "from mpseq_board.node import run\n\nrun()\n"  # of a board without a folder in boards/
_ADDRESS = "--room NAME, or --carrier like tcp://192.168.1.2:7676/NAME"
_OLD_MAIN = "/main.old.py"
# Behind it a name, and not an IPv4 address.
_NAMED = re.compile("(tcp|tls|udp|mqtts?)://([^/]*@|(?![^/]*@))[^/@]*[A-Za-z]")
_CERTIFICATE = f"{config.FOLDER}/carrier.crt"  # of a TLS carrier, on the board
_LONGEST = 8192  # bytes of one
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\s*", re.DOTALL)

# What a key store says of another passphrase than it was made with, and the cure.
_PASSPHRASES = {
    "the keys are sealed with a passphrase": "mpseq deploy --passphrase, and say it",
    "the keys are sealed without a passphrase": (
        "deploy without --passphrase; or erase the board for a new identity: mpremote fs rm -r"
        f" :{config.FOLDER}"
    ),
    "the keys do not open: another passphrase, or damaged": "say it again",
}


class DeployFault(Fault):
    """The board is not what was asked for."""


@dataclasses.dataclass
class Wanted:
    """What the user asked for. What is None stays on the board as it is.

    `wifi`: (ssid, password), or () for none; `people`: [(nick, 32-byte key)] who may invite;
    `gone`: nicks who may no more; `host`: the name of the conversation that the board founds, or
    "" for none; `main`: a file, or `example`: a name in boards/examples; `passphrase`: seals its
    keys, and is asked for by the board at every start.
    """

    nick: str | None = None
    carrier: str | None = None
    wifi: tuple | None = None
    people: list = dataclasses.field(default_factory=list)
    gone: list = dataclasses.field(default_factory=list)
    host: str | None = None
    watchdog: int | None = None
    main: str | None = None
    example: str | None = None
    passphrase: str = ""

    def settings(self) -> dict:
        """As config.json wants them."""
        given = {}
        for name in ("nick", "carrier", "watchdog"):
            if getattr(self, name) is not None:
                given[name] = getattr(self, name)
        if self.wifi is not None:
            given["wifi"] = {"ssid": self.wifi[0], "password": self.wifi[1]} if self.wifi else None
        if self.people:
            given["people"] = [[nick, key.hex()] for nick, key in self.people]
        if self.host is not None:
            given["host"] = bool(self.host)
        if self.host:
            given["name"] = self.host
        return given


@dataclasses.dataclass(frozen=True)
class Member:
    """Who the board is now, and where it goes."""

    nick: str
    key: bytes
    fingerprint: str
    carrier: str
    host: bool
    people: list

    @property
    def way(self) -> str:
        """The carrier's address, for people: without a token or a password."""
        return _shown(self.carrier)

    @property
    def invitation(self) -> str:
        """The line that somebody in the room has to type."""
        return f"/invite {self.nick} {self.key.hex()}"


def parse_people(words) -> list:
    """[(nick, key)] of "NICK=KEY" words. DeployFault."""
    people = []
    for word in words:
        nick, _, key = word.partition("=")
        try:
            key = bytes.fromhex(key)
            check_x25519_key(key)
        except (ValueError, FrameError):
            key = b""
        if not key or not 1 <= len(nick.encode()) <= 32:
            raise DeployFault(
                f"--invite-by {word}: not NICK=KEY",
                "KEY has 64 hex digits, as /me in a chat shows them",
            )
        people.append((nick, key))
    return people


def wifi_password(file=None) -> str:
    """From a file, MPSEQ_WIFI_PASSWORD or the terminal: an argument of a command is seen by all
    users of this machine. DeployFault."""
    if file:
        try:
            return pathlib.Path(file).read_text("utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise DeployFault(f"{file}: {error}", "name another file") from None
    if "MPSEQ_WIFI_PASSWORD" in os.environ:
        return os.environ["MPSEQ_WIFI_PASSWORD"]
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return getpass.getpass("Wi-Fi password: ")


def default_dist() -> pathlib.Path:
    """Where `make mip` writes."""
    return (checkout.root() or pathlib.Path()) / "dist" / "mip"


def boards_folder() -> pathlib.Path:
    """boards/ of a checkout; where there is none, a folder that is not there."""
    return (checkout.root() or pathlib.Path(os.devnull)) / "boards"


def deploy(port: str, wanted: Wanted, dist=None, baud: int = 115200, say=print) -> Member:
    """Does everything but starting it: the board is at its prompt afterwards. Fault."""
    main = _main(wanted)  # before anything is touched
    certificate = _certificate(wanted)
    _check(wanted)
    try:
        with Repl(port, baud) as repl:
            return _deploy(repl, wanted, main, certificate, dist, say)
    except Refused as error:
        cure = "deploy again; if it stays so, please report it"
        if "MemoryError" in str(error):
            cure = SMALL_HEAP
        raise DeployFault(f"on the board: {error}", cure) from None


def _deploy(repl, wanted, main, certificate, dist, say):
    say(f"looking at {repl.port}")
    repl.enter()
    there = _reset(repl)
    missing = [name for name in ("nick", "carrier") if not getattr(wanted, name)]
    if not set(missing) <= set(there):
        raise DeployFault(
            "who the board is and where its room is, neither you say nor the board",
            "--nick NAME and --room ROOM (or --carrier ADDRESS)",
        )
    facts = install.look(repl)
    spoken = ".".join(map(str, facts.version))
    name = f"{facts.machine} [{facts.build or 'no board name'}]"
    say(clean(f"MicroPython {spoken} on {name}"))
    abi = install.check(facts)
    if facts.frozen:
        say("mpseq and Monocypher are in its firmware: no library to install")
    else:
        native = "Monocypher is in its firmware" if facts.linked else "native module"
        folder = mip.choose(dist or default_dist(), abi, facts.linked)
        package = mip.load(folder)
        mip.check_package(package, abi, facts.linked)
        say(f".mpy {abi}, {native}: mpseq {package.version} from {folder.name}")
        install.install(repl, package, facts, say)
    # A heap of its own for each: the core alone takes most of a small board's.
    _reset(repl)
    key, fingerprint, gone = _identify(repl, wanted, say)
    _reset(repl)
    _place_certificate(repl, wanted, certificate, say)
    settings, listed = _configure(repl, wanted, say)
    _tell_gone(wanted, {*gone, *listed}, settings, say)
    _set_clock(repl, say)
    _place_main(repl, wanted, main, facts, say)
    repl.leave()
    return Member(
        settings["nick"], key, fingerprint, settings["carrier"], settings["host"],
        settings["people"],
    )  # fmt: skip


def _reset(repl):
    """An empty heap; the names of the settings that the board has."""
    repl.reset()
    watchdog, there = repl.ask(program(on_board.SETTINGS, FOLDER=config.FOLDER))
    if watchdog:
        try:
            repl.run(program(on_board.FEED, SECONDS=watchdog))
            repl.before = "_dog.feed()\n"
        except Refused as error:
            raise DeployFault(
                f"the watchdog on the board cannot be fed ({error})",
                f"switch it off: set watchdog to 0 in {config.FOLDER}/config.json, press RESET",
            ) from None
    return there


def _check(wanted):
    whole = {"nick": "x", "carrier": "serial:x", **wanted.settings()}
    try:
        config.check(whole)
        kind, _, rest = whole["carrier"].partition(":")
        if kind in ("tcp", "tls", "mqtt", "mqtts", "udp"):
            room_at(whole["carrier"])
        else:  # what is behind the others is not on this machine
            link.check_name(rest)
    except link.LinkError as error:
        shown = _shown(whole["carrier"])
        raise DeployFault(f"{shown}: no room in it ({error})", _ADDRESS) from None
    except config.ConfigError as error:
        raise DeployFault(str(error).partition(". Cure: ")[0], "say it otherwise") from None
    except ValueError as error:
        raise DeployFault(str(error), _ADDRESS) from None


def _shown(carrier):
    return re.sub("://.*@", "://…@", carrier)


def _configure(repl, wanted, say):
    call = program(on_board.CONFIGURE, GIVEN=json.dumps(wanted.settings()), GONE=wanted.gone)
    changed, problem, settings, gone = repl.ask(call, timeout=60)
    if problem:
        text, _, cure = problem.partition(". Cure: ")
        cure = cure or "give it: --nick NAME, --room ROOM or --carrier ADDRESS"
        raise DeployFault(f"the settings: {text}", cure)
    say("settings written" if changed else "settings unchanged")
    if 0 < settings["watchdog"] < 30 and _NAMED.match(settings["carrier"]):
        say(
            "careful: while no name server answers, this watchdog resets the board again and"
            " again; 30 seconds or more, or an IP address as the carrier's host, are right"
        )
    return settings, gone


def _tell_gone(wanted, gone, settings, say):
    """Who may not invite it any more; DeployFault when that is somebody it does not know."""
    unknown = [nick for nick in wanted.gone if nick not in gone]
    if unknown:
        there = ", ".join(nick for nick, _ in settings["people"]) or "nobody"
        raise DeployFault(
            f"--forget-person {clean(unknown[0])}: the board knows nobody of this nick",
            f"{there} may invite it",
        )
    if gone:
        say(f"forgotten, and may not invite it any more: {', '.join(sorted(gone))}")


def _set_clock(repl, say):
    now = time.gmtime()[:6]
    there = repl.ask(program(on_board.CLOCK, FOLDER=config.FOLDER, NOW=now))
    if there[:4] > now[:4]:
        say(
            "the board's time is %d-%02d-%02d %02d:%02d:%02d UTC, ahead of this machine's, and"
            " stays; if it is wrong, remove %s/time there and deploy again"
            % (*there, config.FOLDER)
        )


def _identify(repl, wanted, say):
    given = base64.b64encode(os.urandom(INJECTION))
    people = [(nick, key.hex()) for nick, key in wanted.people]
    call = program(
        on_board.IDENTIFY, GIVEN=given, PEOPLE=people, GONE=wanted.gone,
        PASSPHRASE=wanted.passphrase.encode(),
    )  # fmt: skip
    fresh, problem, key, fingerprint, strange, gone = repl.ask(call, timeout=120)
    if problem:
        text, _, cure = problem.partition("; cure: ")
        cure = cure or _PASSPHRASES.get(text)
        raise DeployFault(f"no identity: {text}", cure or "see what it says")
    if strange:
        raise DeployFault(
            f"the board knows {', '.join(strange)} by another key than the one you give",
            "find out whose key that is; if the new one is right, invite under another nick, or"
            " type /verify NICK DIGITS at the board while you are in a conversation with it",
        )
    say(f"{INJECTION} random bytes given; identity {'created on' if fresh else 'found on'} it")
    return key, fingerprint, gone


def _main(wanted):
    """The main.py that was asked for, or None."""
    path = wanted.main
    if wanted.example:
        path = boards_folder() / "examples" / f"{wanted.example}.py"
        if not re.fullmatch(r"\w+", wanted.example) or not path.is_file():
            there = sorted(file.stem for file in path.parent.glob("*.py"))
            raise DeployFault(
                f"no example {wanted.example!r}",
                f"there are: {', '.join(there)}" if there else checkout.cure("mip"),
            )
    if path is None:
        return None
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise DeployFault(f"{path}: {error.strerror}", "name another file with --main") from None


def _main_for(board):
    if re.fullmatch(r"\w+", board):  # its own word: it could name any folder of this machine
        file = boards_folder() / board / "main.py"
        if file.is_file():
            return file.read_bytes()
    return MAIN.encode()


def _certificate(wanted):
    """What the `#FILE` of a TLS carrier holds, where it is a file of this machine, or None: then
    it has to be on the board. `wanted` points to the board's afterwards. DeployFault."""
    kind, _, _ = (wanted.carrier or "").partition("://")
    if kind not in ("tls", "mqtts"):
        return None
    address, _, file = wanted.carrier.partition("#")
    if not file:
        raise DeployFault(
            f"{kind}: a board trusts no certificate of its own accord",
            f"name the file with the server's, or with the authority's: {kind}://HOST/ROOM#FILE",
        )
    if not os.path.exists(file):
        return None
    try:
        data = pathlib.Path(file).read_bytes()
    except OSError as error:
        raise DeployFault(f"{file}: {error.strerror}", "name another file behind #") from None
    if b"-----BEGIN" in data:
        data = b"".join(_PEM.findall(data)[:1])  # never a key that lies beside it
    elif not data.startswith(b"\x30"):  # a sequence, in DER
        data = b""
    if not 0 < len(data) <= _LONGEST:
        raise DeployFault(f"{file} holds no certificate", "name one, as PEM or DER")
    wanted.carrier = f"{address}#{_CERTIFICATE}"
    return data


def _place_certificate(repl, wanted, data, say):
    if data is not None:
        fresh = install.put_file(repl, _CERTIFICATE, data)
        say(f"certificate {'written' if fresh else 'unchanged'}, {len(data)} bytes")
        return
    file = (wanted.carrier or "").partition("#")[2]
    if file and not repl.ask(program(on_board.IS_THERE, PATH=file)):
        raise DeployFault(
            f"the certificate {file} is neither on this machine nor on the board",
            "name a file of this machine behind #: it is copied",
        )


def _place_main(repl, wanted, main, facts, say):
    there, asks = repl.ask(on_board.MAIN_THERE)
    data = _main_for(facts.board) if main is None else main
    if wanted.passphrase:
        data = on_board.ASKING + data
    stays = there and main is None and not install.has_file(repl, "/main.py", data)
    if there is False or (stays and wanted.passphrase and not asks):
        repl.run(f"import os\nos.rename('/main.py', {_OLD_MAIN!r})")
        what = "does not ask for the passphrase" if there else "is not of mpseq"
        say(f"a main.py that {what} is kept as {_OLD_MAIN}")
        stays = False
    if stays:
        say("main.py is not the one for this board, and stays; --main FILE puts another there")
    else:
        say("main.py written" if install.put_file(repl, "/main.py", data) else "main.py unchanged")


def show(member: Member, say=print, code: bool | None = None):
    """Prints who the board is; with a QR code where somebody can see one."""
    line = card.text(member.nick, member.key)
    say(f"{member.nick}, key {member.key.hex()}")
    say(f"fingerprint {member.fingerprint}")
    if sys.stdout.isatty() if code is None else code:
        say(card.qr(line).rstrip("\n"))
    say(line)
    say(card.EXPLAINED)
