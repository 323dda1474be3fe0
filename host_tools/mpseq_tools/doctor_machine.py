"""What `mpseq doctor` looks at on this machine."""

import datetime
import importlib.metadata
import os
import pathlib
import re
import shutil
import stat
import sys
import time

from . import devices_here, keys, people
from .doctor import Sheet
from .faults import Fault

# RFC 7748 6.1: Alice's secret, and what a right X25519 makes of it.
_SECRET = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
_PUBLIC = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
_SMALL = (80, 24)
_PROC = pathlib.Path("/proc")


def examine(say):
    """Passes a Check for each finding to `say`."""
    sheet = Sheet("machine", say)
    _python(sheet)
    _packages(sheet)
    _clock(sheet)
    _folder(sheet)
    _terminal(sheet)
    _ports(sheet)
    _meddlers(sheet)
    _boards(sheet)


def _python(sheet):
    version = ".".join(map(str, sys.version_info[:3]))
    wanted = importlib.metadata.metadata("mpseq").get("Requires-Python", "")
    oldest = re.search(r">=\s*(\d+)\.(\d+)", wanted)
    if oldest and sys.version_info[:2] < tuple(map(int, oldest.groups())):
        sheet.fail("Python", f"{version}, but mpseq needs {wanted}", "install a newer Python")
        return
    inside = "in an environment of its own" if sys.prefix != sys.base_prefix else "of the system"
    sheet.ok("Python", f"{version}, {inside}; mpseq {importlib.metadata.version('mpseq')}")


def _packages(sheet):
    missing, found = [], 0
    for line in importlib.metadata.requires("mpseq") or ():
        if ";" in line and ("extra" in line or not _applies(line)):
            continue
        name = re.match(r"[\w.-]+", line)[0]
        exact = re.search(r"==([\w.]+)", line)
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
            continue
        found += 1
        if exact and version != exact[1]:
            missing.append(f"{name} {exact[1]} (here is {version})")
    if missing:
        sheet.fail(
            "packages", f"missing: {', '.join(missing)}", f"pip install {missing[0].split()[0]}"
        )
    else:
        sheet.ok("packages", f"all {found} are here")
    try:
        from mpseq.primitives import mc

        found = bytes(mc.x25519_public_key(bytes.fromhex(_SECRET))).hex()
    except Exception as error:  # a broken binding may raise anything
        found = f"{type(error).__name__}: {error}"
    if found != _PUBLIC:
        sheet.fail(
            "Monocypher", f"it computes wrongly ({found[:60]})",
            "pip install --force-reinstall --no-binary :all: pymonocypher",
        )  # fmt: skip
    else:
        sheet.ok("Monocypher", "computes as it should")


def _applies(line):
    """Whether a requirement's marker is for this Python; only markers of ours."""
    marker = line.partition(";")[2]
    found = re.search(r"python_version\s*(<|>=)\s*['\"](\d+)\.(\d+)", marker)
    if not found:
        return True
    older = sys.version_info[:2] < (int(found[2]), int(found[3]))
    return older == (found[1] == "<")


def _clock(sheet):
    newest = max(path.stat().st_mtime for path in pathlib.Path(__file__).parent.glob("*.py"))
    today = datetime.datetime.now(datetime.timezone.utc)
    if time.time() < newest - 86400:
        sheet.fail(
            "clock", f"{today:%Y-%m-%d %H:%M} UTC is before this program was installed",
            "set it (timedatectl set-ntp true): certificates of TLS have dates",
        )  # fmt: skip
    else:
        sheet.ok("clock", f"{today:%Y-%m-%d %H:%M} UTC")


def _folder(sheet):
    folder = keys.folder()
    if not folder.exists():
        sheet.ok("identities", f"none yet; they will be in {folder}")
        return
    names = keys.profiles()
    bad = 0
    for name in names:
        try:
            keys.load(name, create=False)
            people.People.load(name)
        except Fault as fault:
            bad += 1
            sheet.fail(f"identity {name}", str(fault), fault.cure)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if os.name == "posix" and mode & 0o077 and not bad:
        sheet.fail("identities", f"{folder} is open to others", f"chmod 700 '{folder}'")
    elif not bad:
        sheet.ok("identities", f"{', '.join(names) or 'none yet'}, in {folder}")


def _terminal(sheet):
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        sheet.warn(
            "terminal", f"its encoding is {sys.stdout.encoding or 'unknown'}: names, marks and QR"
            " codes will look wrong", "export LANG=C.UTF-8, or PYTHONUTF8=1",
        )  # fmt: skip
        return
    if not sys.stdout.isatty():
        sheet.ok("terminal", "none: mpseq chat works in plain lines")
        return
    size = shutil.get_terminal_size()
    if os.environ.get("TERM") in (None, "dumb"):
        sheet.warn("terminal", "it cannot place text", "mpseq chat --plain, or another terminal")
    elif size.columns < _SMALL[0] or size.lines < _SMALL[1]:
        sheet.warn(
            "terminal", f"{size.columns} x {size.lines} is small for mpseq chat",
            f"make it {_SMALL[0]} x {_SMALL[1]} at least",
        )  # fmt: skip
    else:
        sheet.ok("terminal", f"{size.columns} x {size.lines}, UTF-8")


def _ports(sheet):
    found = devices_here.serial_ports()
    for one in found:
        if one.problem:
            sheet.fail(one.name, one.problem, one.cure)
        else:
            sheet.ok(one.name, one.text)
    if found:
        return
    group = _serial_group()
    if group:
        sheet.warn(
            "serial ports", f"none here; and when a board comes, you are not in the group {group}",
            f"sudo usermod -aG {group} $USER, then log out and in again",
        )  # fmt: skip
    else:
        sheet.ok("serial ports", "none: no board is plugged in")


def _serial_group():
    """The group that owns serial ports here, when this user is not in it."""
    if os.name != "posix" or os.geteuid() == 0:
        return None
    import grp

    for name in ("dialout", "uucp"):
        try:
            group = grp.getgrnam(name)
        except KeyError:
            continue
        return None if group.gr_gid in os.getgroups() else name
    return None


def _meddlers(sheet):
    """Programs that take serial ports for something else."""
    running = set()
    for path in _PROC.glob("[0-9]*/comm"):
        try:
            running.add(path.read_text().strip())
        except OSError:  # it has ended
            pass
    if "ModemManager" in running:
        sheet.warn(
            "ModemManager", "it looks for a modem in every board: for some seconds after it was"
            " plugged in, the port is in use, and a program on the board is interrupted",
            "sudo systemctl disable --now ModemManager, if you have no modem",
        )  # fmt: skip
    if "brltty" in running:
        sheet.warn(
            "brltty", "it takes the ports of CH340 and CP210x away, for Braille displays",
            "sudo apt remove brltty, if you have no such display",
        )  # fmt: skip


def _boards(sheet):
    usable = [one.name for one in devices_here.emulated() if one.usable]
    if usable:
        sheet.ok("emulated boards", ", ".join(usable))
    else:
        sheet.ok("emulated boards", "none built; only needed to try mpseq without hardware")
