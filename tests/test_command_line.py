"""The command line as such: help, exit codes, completion, and mpseq as pip installs it."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import tomllib
import zipfile

import pytest
from commanding import run
from packages import ROOT

from mpseq_tools import keys
from mpseq_tools.cli import app
from mpseq_tools.faults import Fault

PROGRAM = pathlib.Path(sys.executable).with_name("mpseq")
WIDE = {"COLUMNS": "200", "TERM": "dumb"}


def names():
    commands = [one.name or one.callback.__name__ for one in app.registered_commands]
    return commands + [group.name for group in app.registered_groups]


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_lists_all_commands_and_the_exit_codes(option):
    done = run(option, env=WIDE)
    assert done.exit_code == 0
    assert {
        "chat",
        "relay",
        "bridge",
        "deploy",
        "flash",
        "devices",
        "keys",
        "bench",
        "doctor",
    } <= {*names()}
    for word in (*names(), "Exit codes:", "130", "Cure:"):
        assert word in done.stdout


@pytest.mark.parametrize("name", names())
def test_every_command_has_help(name):
    for option in ("-h", "--help"):
        done = run(name, option, env=WIDE)
        assert done.exit_code == 0
        assert "Usage: " in done.stdout and "None" not in done.stdout


def test_without_a_command_it_shows_what_there_is():
    done = run(env=WIDE)
    assert "devices" in done.output and "Exit codes" in done.output


def test_the_version_is_that_of_the_project():
    with open(ROOT / "host_tools" / "pyproject.toml", "rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert run("--version").stdout == f"mpseq {version}\n"


@pytest.mark.parametrize(
    "typed, meant", [("caht", "chat"), ("device", "devices"), ("key", "keys")]
)
def test_a_mistyped_command_is_understood(typed, meant):
    done = run(typed, env=WIDE)
    assert done.exit_code == 2
    assert f"'{meant}'" in done.stderr


def test_a_fault_ends_any_command_with_its_cure_and_its_code(monkeypatch):
    def fail(*_, **__):
        fault = Fault("it rains", "take an umbrella")
        fault.code = 4
        raise fault

    monkeypatch.setattr(keys, "load", fail)
    done = run("keys", "show")
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == "mpseq: it rains\nCure: take an umbrella\n"


def test_ctrl_c_before_it_is_done_is_130(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(keys, "load", interrupted)
    done = run("keys", "show")
    assert (done.exit_code, done.stderr) == (130, "mpseq: stopped.\n")


def test_ctrl_c_is_how_a_relay_ends_and_that_is_0():
    process = subprocess.Popen(
        [sys.executable, "-m", "mpseq_tools", "relay", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert "relay at" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# --- completion


def completed(line, home, shell="bash"):
    """What a shell would offer behind this."""
    words = line.split(" ")
    environment = {
        **os.environ, "MPSEQ_HOME": str(home), "_MPSEQ_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
    }  # fmt: skip
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, timeout=60)
    return done.stdout.split()


def test_a_shell_completes_commands_profiles_and_devices(tmp_path, monkeypatch):
    if not PROGRAM.exists():
        pytest.fail(f"no {PROGRAM}. Cure: make deps", pytrace=False)
    monkeypatch.setenv("MPSEQ_HOME", str(tmp_path))
    for name in ("work", "wide", "home"):
        keys.load(name)
    assert completed("mpseq dev", tmp_path) == ["devices"]
    assert sorted(completed("mpseq keys show --profile w", tmp_path)) == ["wide", "work"]
    assert "qemu-rv32" in completed("mpseq deploy --port q", tmp_path)
    assert completed("mpseq bench --device cpy", tmp_path) == ["cpython"]


# --- installed by pip


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, unpacked as by pip; `call(*arguments)` runs mpseq from it in an empty home."""
    out = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out],
        cwd=ROOT / "host_tools", capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = out.glob("*.whl")
    place = out / "site" / "lib" / "python3" / "site-packages"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(place)
    home = out / "home"
    home.mkdir()

    def call(*arguments, **more):
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        return subprocess.run(
            [sys.executable, "-m", "mpseq_tools", *map(str, arguments)], cwd=home,
            env={**environment, "PYTHONPATH": str(place), **more},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    where = call("devices", "--json")
    assert where.returncode == 0, where.stderr
    return call


def test_an_installed_mpseq_makes_keys_in_an_empty_home(installed):
    found = json.loads(installed("keys", "show", "--json").stdout)
    assert found["created"] is True
    assert pathlib.Path(found["file"]).stat().st_mode & 0o777 == 0o600
    assert json.loads(installed("doctor", "--json").stdout)["good"] is True


@pytest.mark.parametrize(
    "command, code",
    [
        (("demo",), 1),
        (("deploy", "--port", "qemu-rv32", "--nick", "a", "--room", "b"), 3),
        (("deploy", "--port", "/dev/null", "--example", "lamp"), 2),
        (("bridge", "--device", "qemu-rv32"), 3),
        (("bench", "--device", "unix"), 3),
    ],
)
def test_what_only_a_clone_has_is_said_with_the_cure(installed, command, code):
    done = installed(*command)
    assert done.returncode == code
    assert "Cure: it is in a clone of the repository" in done.stdout + done.stderr


def test_an_installed_mpseq_takes_them_from_a_clone(installed):
    found = json.loads(installed("devices", "--json", MPSEQ_BUILD=str(ROOT / "build")).stdout)
    assert {one["name"] for one in found["devices"] if one["usable"]} >= {"cpython", "unix"}


def test_it_starts_fast_enough_for_a_shell_to_complete():
    """No command's own modules are loaded for the help: they are what takes time."""
    program = (
        "import sys; import mpseq_tools.cli;"
        "print([n for n in sys.modules if n in ('textual', 'slixmpp', 'mpremote', 'monocypher',"
        " 'aiomqtt', 'serial', 'segno')])"
    )
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - begin < 30
