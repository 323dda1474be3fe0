"""The types that editors and type checkers see: they fit the code, they come with the wheel, they
catch a wrong use; and a board never sees them."""

import ast
import os
import pathlib
import re
import subprocess
import sys
import venv
import zipfile

import pytest

from mpseq import errors, events

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIB = ROOT / "lib"
TOOLS = ROOT / "host_tools" / "mpseq_tools"
PUBLIC = ("faults", "keys", "people", "rooms")

WRONG = """
import os
from typing import TYPE_CHECKING

from mpseq import Identity, Settings, events
from mpseq_aio.chat import Chat
from mpseq_tools import keys, relay, rooms
from mpseq_tools.people import People

if TYPE_CHECKING:
    from mpseq_aio._types import Carrier, Event


def room() -> "Carrier":
    return rooms.at("tcp://127.0.0.1/garden").room("garden", max_frame=4096)


def nick_of(event: "Event") -> str:
    if isinstance(event, events.Text | events.Data):
        return event.nick
    return event.nick  # expect error


async def main() -> None:
    identity, created = keys.load("bot")
    created.upper()  # expect error
    Chat(identity, "ana")  # expect error
    Chat("ana", identity, room())  # expect error
    Chat(identity, "ana", room(), settings={"rekey_after": 1})  # expect error
    chat = Chat(identity, "ana", room(), psk=os.urandom(32), settings=Settings())
    chat.members.append("ben")  # expect error
    chat.code.digits  # expect error
    chat.create("garden", policy="any")  # expect error
    chat.invite([("ben", "00" * 32)])  # expect error
    chat.send(b"hello")  # expect error
    await chat.send_data("text/csv", "1,2")  # expect error
    await chat.join(welcome=lambda invitation: invitation.nick == "ben")  # expect error
    await chat.join(welcome=lambda invitation: People.load("bot").is_verified(invitation.inviter))
    sent: str = await chat.leave(3)  # expect error
    async for event in chat.events():
        if isinstance(event, events.SessionStarted):
            event.members[0].fingerprint  # expect error
            event.number + event.members[0].index
    server = relay.Relay(port=0)
    server.port.upper()  # expect error
    rooms.at(7676)  # expect error
    Identity.generate(32)  # expect error
    for person in People.load("bot"):
        person.secret  # expect error
"""


def checked(*programs, python, cwd):
    """What mypy says about programs of a strict user, for what `python` finds installed."""
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary",
         "--python-executable", python, "--cache-dir", cwd / "cache", *programs],
        capture_output=True, text=True, cwd=cwd,
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return run.stdout


def test_make_types_finds_nothing():
    run = subprocess.run(
        ["make", "-o", ROOT / "build" / ".stamps" / "python", "types"],
        capture_output=True, text=True, cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "MAKE" not in name},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    stubs = len(list(LIB.glob("*/*.pyi"))) - 1  # without _types
    assert f"no issues found in {stubs} modules" in run.stdout


@pytest.mark.parametrize(
    "name, said",
    [("events", events.EVENTS), ("errors", errors.REASONS + ";" + errors.PROOFS)],
)
def test_no_class_that_is_made_when_asked_for_lacks_its_type(name, said):
    # stubtest only sees those that the stub names.
    tree = ast.parse((LIB / "mpseq" / f"{name}.pyi").read_text())
    typed = {one.name for one in tree.body if isinstance(one, ast.ClassDef)}
    made = {re.match(r"\w+", entry)[0] for entry in said.split(";")}
    assert made <= typed
    if name == "events":
        assert typed == made
        every = (LIB / "mpseq_aio" / "_types.pyi").read_text()
        assert set(re.findall(r"\bevents\.(\w+)", every)) == made - {"Member", "Code"}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_functions_say_their_types(name):
    tree = ast.parse((TOOLS / f"{name}.py").read_text())
    bare = []
    for one in tree.body:
        inside = one.body if isinstance(one, ast.ClassDef) and one.name[0] != "_" else [one]
        bare += [found.name for found in inside if isinstance(found, _FUNCTIONS) and _bare(found)]
    assert not bare


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _bare(function):
    if function.name[0] == "_" and function.name != "__init__":
        return False
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return function.returns is None or any(
        one.annotation is None for one in arguments if one.arg not in ("self", "cls")
    )


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """The folder of an installed wheel, and a Python for which nothing else is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    run = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet",
         "--no-cache-dir", "--disable-pip-version-check", "-w", folder, ROOT / "host_tools"],
        capture_output=True, text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    venv.create(folder / "env", symlinks=True)
    (site,) = folder.glob("env/lib/*/site-packages")
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as file:
        file.extractall(site)
    return site, folder / "env" / "bin" / "python"


def test_the_wheel_brings_types_and_strict_users_can_do_what_the_examples_do(user, tmp_path):
    site, python = user
    for path in (*LIB.glob("mpseq*/*.pyi"), *LIB.glob("mpseq*/py.typed"), TOOLS / "py.typed"):
        assert (site / path.parent.name / path.name).exists(), path.name
    for example in ("bot", "logger", "sensor"):
        program = tmp_path / f"{example}.py"
        program.write_text((ROOT / "host_tools" / "examples" / program.name).read_text())
    programs = sorted(tmp_path.glob("*.py"))
    assert checked(*programs, python=python, cwd=tmp_path) == ""


def test_a_wrong_use_is_caught_where_it_stands(user, tmp_path):
    (tmp_path / "wrong.py").write_text(WRONG)
    said = checked("wrong.py", python=user[1], cwd=tmp_path)
    found = {int(number) for number in re.findall(r"^wrong\.py:(\d+): error", said, re.MULTILINE)}
    lines = WRONG.splitlines()
    expected = {at for at, line in enumerate(lines, 1) if line.endswith("# expect error")}
    assert found == expected, said


def test_no_board_gets_them():
    packed = []
    manifest = ROOT / "firmware" / "manifest.py"
    folder = os.getcwd()
    os.chdir(manifest.parent)  # as makemanifest.py does
    try:
        exec(
            compile(manifest.read_text(), manifest, "exec"),
            {"package": lambda name, files, base_path: packed.extend(files)},
        )
    finally:
        os.chdir(folder)
    assert "chat.py" in packed and {pathlib.Path(name).suffix for name in packed} == {".py"}
    built = ROOT / "build" / "mpy"
    if not built.exists():
        pytest.fail("build/mpy is missing. Cure: make mpy", pytrace=False)
    assert {path.suffix for path in built.rglob("*") if path.is_file()} <= {".mpy", ".sha256", ""}
