"""`mpseq doctor`: what is wrong with this machine, a board, a carrier, and the cure."""

import asyncio
import datetime
import importlib.metadata
import json
import os
import pathlib
import socket
import ssl
import subprocess

import pytest
from commanding import run
from fake_ports import plug_in, port
from mosquitto import Mosquitto
from relays import a_relay, story

from mpseq import Identity
from mpseq_tools import (
    doctor,
    doctor_board,
    doctor_carrier,
    doctor_machine,
    keys,
    mip,
    people,
    probe,
    rooms,
)  # fmt: skip
from mpseq_tools.deploy import Wanted, deploy
from mpseq_tools.examine import Examined
from mpseq_tools.faults import Fault
from mpseq_tools.qemu import Board


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MPSEQ_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONUTF8", "1")
    plug_in(monkeypatch)
    return tmp_path / "home"


def machine():
    """The findings about this machine by name."""
    found = []
    doctor_machine.examine(found.append)
    return {check.name: check for check in found}


def states(found, state):
    return [name for name, check in found.items() if check.state == state]


# --- the machine


def test_nothing_is_wrong_here_and_the_shape_of_the_answer_is_stable(home):
    keys.load()
    done = run("doctor", "--json")
    value = json.loads(done.stdout)
    assert done.exit_code == 0, done.stdout
    assert value["good"] is True
    for check in value["checks"]:
        assert list(check) == ["about", "name", "state", "text", "cure"]
        assert check["about"] == "machine" and check["state"] in ("ok", "warn")
        assert (check["cure"] is None) == (check["state"] == "ok")
    names = [check["name"] for check in value["checks"]]
    assert names[:6] == [
        "Python", "packages", "Monocypher", "clock", "identities", "terminal",
    ]  # fmt: skip
    assert not home.joinpath("other.key").exists() and keys.profiles() == ["default"]


def test_a_look_makes_no_identity(home):
    assert "none yet" in machine()["identities"].text
    assert not home.exists()


def test_an_open_key_and_damaged_people_are_found_with_the_cure(home):
    keys.load("work")
    keys.load("play")
    people.People.load("play").meet("ben", Identity.generate(os.urandom).public)
    (home / "work.key").chmod(0o644)
    (home / "play.people").write_text("{")
    found = machine()
    assert states(found, doctor.FAIL) == ["identity play", "identity work"]
    assert "chmod 600" in found["identity work"].cure
    done = run("doctor")
    assert done.exit_code == 1
    assert "FAIL  machine  identity work" in done.stdout and "2 of " in done.stdout


def test_an_open_folder_is_found(home):
    keys.load()
    home.chmod(0o755)
    assert "chmod 700" in machine()["identity default"].cure


def test_missing_and_wrong_packages_are_named(monkeypatch):
    version = importlib.metadata.version

    def without(name):
        if name == "segno":
            raise importlib.metadata.PackageNotFoundError
        return "1.0" if name == "pymonocypher" else version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    check = machine()["packages"]
    assert check.state == doctor.FAIL
    assert "segno" in check.text and "pymonocypher 4.0.3.4 (here is 1.0)" in check.text
    assert check.cure.startswith("pip install ")


def test_a_python_that_is_too_old_and_wrong_arithmetic_are_found(monkeypatch):
    monkeypatch.setattr(doctor_machine.sys, "version_info", (3, 9, 1))
    monkeypatch.setattr("mpseq.primitives.mc.x25519_public_key", lambda secret: bytes(32))
    assert states(machine(), doctor.FAIL) == ["Python", "Monocypher"]


def test_a_clock_before_the_installation_is_wrong(monkeypatch):
    monkeypatch.setattr(doctor_machine.time, "time", lambda: 1e9)
    check = machine()["clock"]
    assert check.state == doctor.FAIL and "timedatectl" in check.cure


def test_a_port_that_may_not_be_opened_says_so(monkeypatch, tmp_path):
    path = tmp_path / "ttyACM0"
    path.write_text("")
    plug_in(monkeypatch, port(path, 0x2E8A, 5))
    monkeypatch.setattr(os, "access", lambda *_: False)
    check = machine()[str(path)]
    assert check.state == doctor.FAIL and check.cure.startswith("sudo ")


def test_a_user_outside_of_dialout_hears_it_before_the_board_comes(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getgroups", lambda: [1000])
    check = machine()["serial ports"]
    assert check.state == doctor.WARN and "usermod -aG" in check.cure
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert machine()["serial ports"].state == doctor.OK


def test_programs_that_take_serial_ports_are_named(monkeypatch, tmp_path):
    for number, name in enumerate(("ModemManager", "brltty", "bash")):
        (tmp_path / "proc" / str(number)).mkdir(parents=True)
        (tmp_path / "proc" / str(number) / "comm").write_text(name + "\n")
    monkeypatch.setattr(doctor_machine, "_PROC", tmp_path / "proc")
    found = machine()
    assert {"ModemManager", "brltty"} <= set(states(found, doctor.WARN))


# --- a board


def board(**changes):
    """The findings about a board that is well but for these changes."""
    now = datetime.datetime.now(datetime.timezone.utc).timetuple()[:6]
    well = {
        "version": "1.25.0", "machine": "Pico W", "build": "RPI_PICO_W", "mpy": "6.3 armv6m",
        "library": "files", "native": True, "same": True, "unfit": None, "free": 150000,
        "heap": 160000, "random": True, "identity": True, "clock": tuple(now), "nick": "porch",
        "carrier": "serial:garden", "people": 1,
        "own_version": importlib.metadata.version("mpseq"),
    }  # fmt: skip
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor_board, "ask", lambda *_: Examined(**{**well, **changes}))
        patch.setattr(doctor_board.devices_here, "check", lambda name: None)
        doctor_board.examine("COM5", 115200, found.append)
    return {check.name: check for check in found}


def test_a_board_that_is_well():
    assert states(board(), doctor.OK) == [
        "COM5", "firmware", "library", "heap", "clock", "random numbers", "settings", "identity",
        "people",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changes, name, state, word",
    [
        ({"version": "1.22.2"}, "firmware", doctor.FAIL, "too old"),
        ({"library": "none"}, "library", doctor.FAIL, "not on it"),
        ({"native": False}, "library", doctor.FAIL, "native module"),
        ({"own_version": "0.0.1"}, "library", doctor.FAIL, "0.0.1"),
        ({"same": False}, "library", doctor.WARN, "not those"),
        ({"unfit": Fault("no file system", "format it")}, "library", doctor.FAIL, "file system"),
        ({"free": 60000}, "heap", doctor.WARN, "60,000"),
        ({"entropy": ("no good; cure: mpseq deploy",)}, "random numbers", doctor.FAIL, "no good"),
        ({"problem": "no settings. Cure: mpseq deploy"}, "settings", doctor.FAIL, "no settings"),
        ({"identity": False}, "identity", doctor.FAIL, "none"),
        ({"people": 0}, "people", doctor.WARN, "nobody"),
        ({"carrier": "tls://a/b", "clock": (2021, 1, 1, 0, 0, 0)}, "clock", doctor.WARN, "TLS"),
    ],
)
def test_what_may_be_wrong_with_a_board(changes, name, state, word):
    check = board(**changes)[name]
    assert check.state == state and word in check.text
    assert check.cure


def test_a_real_one_before_and_after_it_is_deployed(tmp_path):
    """Emulated, with mpseq in its firmware."""
    with Board("qemu-rv32", seed=os.urandom(64), disk=tmp_path / "disk") as there:
        before = json.loads(run("doctor", "--device", there.port, "--json").stdout)
        ana = Identity.generate(os.urandom).public
        wanted = Wanted(nick="porch", carrier="serial:garden", people=[("ana", ana)])
        deploy(there.port, wanted, say=lambda line: None)
        after = run("doctor", "--device", there.port, "--json")
    wrong = {one["name"]: one for one in before["checks"] if one["state"] == "FAIL"}
    assert set(wrong) == {"random numbers", "settings"}
    assert all("mpseq deploy" in one["cure"] for one in wrong.values())
    after = json.loads(after.stdout)
    assert after["good"] is True, after
    texts = {one["name"]: one["text"] for one in after["checks"] if one["about"] == "board"}
    assert texts["settings"] == "porch, in serial:garden"
    assert ".".join(map(str, mip.OLDEST)) < texts["firmware"].split()[1]


def test_no_board_there_is_one_line_and_ends_with_1():
    done = run("doctor", "--device", "/dev/ttyACM7")
    assert done.exit_code == 1
    assert "FAIL  board    /dev/ttyACM7" in done.stdout and "Cure: plug it in" in done.stdout


# --- a carrier


async def carrier(address, **changes):
    """The findings about it by name."""
    found = []
    there = rooms.at(address)
    for name, value in changes.items():
        setattr(there, name, value)
    await doctor_carrier.examine(there, found.append)
    return {check.name: check for check in found}


@story
async def test_a_relay_that_is_well():
    async with a_relay() as relay:
        found = await carrier(f"tcp://127.0.0.1:{relay.port}/garden")
        await asyncio.sleep(0)
        assert states(found, doctor.OK) == [
            "reachable", "enters", "latency", "order", "known limits",
        ]  # fmt: skip
        assert "garden" in found["enters"].text and "one order" in found["order"].text


@story
async def test_nobody_there_a_wrong_name_and_a_wrong_program_are_told_apart():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at = free.getsockname()[1]
        found = await carrier(f"tcp://127.0.0.1:{at}/garden")
        assert states(found, doctor.FAIL) == ["reachable"] and "mpseq relay" in (
            found["reachable"].cure
        )

    async def talk(reader, writer):
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        at = server.sockets[0].getsockname()[1]
        found = await carrier(f"tcp://127.0.0.1:{at}/garden")
        assert found["reachable"].state == doctor.OK
        assert found["enters"].state == doctor.FAIL


def test_a_room_that_keeps_no_order_is_named(monkeypatch):
    async def bad(there, name=None):
        return probe.Verdict("x", False, True, why="two orders", faults=["x"], cure="another")

    monkeypatch.setattr(probe, "probe", bad)

    @story
    async def tell():
        async with a_relay() as relay:
            found = await carrier(f"tcp://127.0.0.1:{relay.port}/garden")
        assert found["order"].state == doctor.FAIL and "NOT FIT" in found["order"].text
        assert found["order"].cure == "another"

    tell()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "3",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_a_certificate_is_looked_at(certificate: pathlib.Path):
    @story
    async def tell():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

        async def hang_up(reader, writer):
            writer.close()

        server = await asyncio.start_server(hang_up, "localhost", 0, ssl=context)
        async with server:
            at = server.sockets[0].getsockname()[1]
            known = f"#{certificate / 'cert.pem'}"
            found = await carrier(f"tls://localhost:{at}/garden{known}")
            assert found["certificate"].state == doctor.OK and "until" in found["certificate"].text
            found = await carrier(f"tls://localhost:{at}/garden")
            assert found["certificate"].state == doctor.FAIL
            assert "self" in found["certificate"].text
            found = await carrier(f"tls://127.0.0.1:{at}/garden{known}")
            assert found["certificate"].state == doctor.FAIL

    tell()


def test_a_broker_that_wants_a_password_says_so(tmp_path):
    @story
    async def tell():
        with Mosquitto(tmp_path, users={"ana": "secret"}) as broker:
            there = f"127.0.0.1:{broker.port}/garden"
            found = await carrier(f"mqtt://{there}")
            assert states(found, doctor.FAIL) == ["enters"] and "password" in found["enters"].cure
            found = await carrier(f"mqtt://ana@{there}", secret="secret")
            assert not states(found, doctor.FAIL), found

    tell()


def test_an_address_that_is_none_is_a_wrong_option():
    done = run("doctor", "--carrier", "gopher://x/y")
    assert done.exit_code == 2 and "--carrier" in done.stderr
