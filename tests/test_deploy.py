"""`mpseq deploy`, on a board that is a MicroPython process of this machine (see unix_board)."""

import asyncio
import base64
import calendar
import json
import shutil
import time

import pytest
from deploying import FROZEN, PLAIN, Deployment, a_room, call, find_secret, library, run
from packages import make
from relays import a_relay, story, until
from unix_board import UnixBoard

from mpseq import Identity, fingerprint
from mpseq_tools import card, deploy, install, mip, repl
from mpseq_tools.deploy import (
    DeployFault,
    Member,
    Wanted,
    parse_people,
    show,
    wifi_password,
)
from mpseq_tools.repl import Repl, ReplFault

KEY = Identity.generate(lambda size: bytes(range(size))).public


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return make(tmp_path_factory.mktemp("mip"))


@pytest.fixture
def board(tmp_path):
    with UnixBoard(PLAIN, tmp_path / "disk") as board:
        yield board


def settings(board):
    return json.loads((board.disk / "mpseq.d" / "config.json").read_text())


def test_an_empty_board_is_made_a_member_and_joins(board, packages):
    board.tap = []

    @story
    async def tell():
        async with a_room() as (relay, ana):
            deployment = Deployment(board.port, packages)
            await deployment.tell(ana, relay)
            assert deployment.code == 0
            assert ana.nicks() == ["ana", "porch"]
            key = next(one.key for one in ana.chat.members if one.nick == "porch")
            assert f"fingerprint {fingerprint(key)}" in deployment.lines
            assert card.parse(next(x for x in deployment.lines if "mpseq-key-1" in x)) == (
                "porch", key,
            )  # fmt: skip
            secret = find_secret(board.disk / "mpseq.d")
            assert Identity(bytearray(secret)).public == key
            went = b"".join(board.tap) + deployment.text.encode()
            for form in (secret, secret.hex().encode(), base64.b64encode(secret)[:40]):
                assert form not in went
            assert settings(board)["people"] == [["ana", ana.chat.identity.public.hex()]]

    tell()
    assert library(board) == mip.load(packages / "x64").files


def test_deployed_again_nothing_is_sent_and_it_is_still_itself(board, packages):
    first, said = call(board.port, packages, people=[("ana", KEY)])
    assert any(line.startswith("sending ") for line in said)
    before = {path: path.stat().st_mtime_ns for path in (board.disk / "lib").rglob("*")}
    config = (board.disk / "mpseq.d" / "config.json").stat().st_mtime_ns
    board.tap = []
    again, said = call(board.port, packages)
    assert again == first
    assert "main.py unchanged" in said and "settings unchanged" in said
    assert not any(line.startswith("sending ") for line in said)
    assert {path: path.stat().st_mtime_ns for path in (board.disk / "lib").rglob("*")} == before
    assert (board.disk / "mpseq.d" / "config.json").stat().st_mtime_ns == config
    assert sum(map(len, board.tap)) < 40_000  # programs and hashes
    # One file of the board is damaged: it alone is sent.
    (board.disk / "lib" / "mpseq" / "__init__.mpy").write_bytes(b"M")
    _, said = call(board.port, packages)
    assert any(line.startswith("sending 1 of ") for line in said)


def test_an_interrupted_deploy_leaves_the_old_library_and_is_taken_up_again(
    board, packages, tmp_path, monkeypatch
):
    old = shutil.copytree(packages, tmp_path / "old")
    package = json.loads((old / "x64" / mip.PACKAGE).read_text())
    for path in package["sha256"]:
        if path != mip.NATIVE:
            data = (old / "x64" / path).read_bytes() + b"\0"  # ignored by MicroPython
            (old / "x64" / path).write_bytes(data)
            package["sha256"][path] = install.hashlib.sha256(data).hexdigest()
    (old / "x64" / mip.PACKAGE).write_text(json.dumps(package))
    call(board.port, old)
    before = library(board)
    put, sent = Repl.put, []

    def put_until_the_power_goes(self, path, data):
        if len(sent) == 20:
            board.cut_power()
        sent.append(path)
        put(self, path, data)

    with monkeypatch.context() as patch:
        patch.setattr(repl, "_WRITE", 1)
        patch.setattr(Repl, "put", put_until_the_power_goes)
        with pytest.raises((ReplFault, DeployFault)):
            call(board.port, packages)
    assert {path: data for path, data in library(board).items() if ".new" not in path} == before
    with monkeypatch.context() as patch:  # and once more, between two renames
        patch.setattr(install, "_PLACE", install._PLACE.replace("in FRESH:", "in FRESH[:9]:"))
        with pytest.raises(install.InstallFault):
            call(board.port, packages)
    _, said = call(board.port, packages)
    assert not any(line.startswith("sending ") for line in said[:-1] if " 0 of " not in line)
    assert library(board) == mip.load(packages / "x64").files


def test_a_board_that_does_not_keep_what_it_is_sent_is_found_out(board, packages, monkeypatch):
    put = Repl.put

    def put_wrong(self, path, data):
        put(self, path, data if "__init__" not in path else data[:-1] + b"?")

    with monkeypatch.context() as patch:
        patch.setattr(Repl, "put", put_wrong)
        with pytest.raises(install.InstallFault, match="has not kept .*/lib/mpseq/__init__.mpy"):
            call(board.port, packages)
    assert all(path.endswith(".new") for path in library(board))
    _, said = call(board.port, packages)
    assert "sending 3 of " in "".join(said)


def test_firmware_with_monocypher_alone_gets_the_library_without_it(board, packages, monkeypatch):
    look = install.look
    monkeypatch.setattr(
        install, "look", lambda repl: install.dataclasses.replace(look(repl), linked=True)
    )
    with pytest.raises(DeployFault, match="no module named 'monocypher'"):  # it is a plain one
        call(board.port, packages)
    assert library(board) == mip.load(packages / mip.LINKED).files


@pytest.mark.parametrize("how", ("tampered", "another architecture"))
def test_files_that_are_not_what_they_should_be_do_not_reach_the_board(
    board, packages, tmp_path, how
):
    dist = shutil.copytree(packages, tmp_path / "dist")
    if how == "tampered":
        (dist / "x64" / "mpseq" / "__init__.mpy").write_bytes(b"M\x06\x00\x1fanything")
    else:
        shutil.rmtree(dist / "x64")
        shutil.copytree(dist / "rv32imc", dist / "x64")
    result = run(board.port, dist, "--no-wait")
    assert result.returncode == 2 and "Cure: " in result.stderr
    assert list(board.disk.iterdir()) == []


OTHER = """
import sys
class Said:
    def __getattr__(self, name):
        return getattr(real_sys, name)
class Implementation:
    name, version, _machine, _mpy, _build = "micropython", {version}, "another", {mpy}, "OTHER"
real_sys, fake = sys, Said()
fake.implementation = Implementation
sys.modules["sys"] = fake
"""


@pytest.mark.parametrize(
    "version, mpy, words",
    [
        ((1, 23, 0, ""), 2822, "1.23.0 is too old"),
        ((1, 20, 0), 0x0906, "1.20.0 is too old"),
        ((1, 30, 0, ""), 0x0B07, "loads .mpy 7.3"),
        ((1, 26, 0, ""), 0x2B06, "no package for xtensawin"),
    ],
)
def test_a_board_that_cannot_have_it_is_refused(tmp_path, packages, version, mpy, words):
    other = OTHER.format(version=version, mpy=mpy)
    with UnixBoard(PLAIN, tmp_path / "disk", other) as board:
        result = run(board.port, packages, "--no-wait")
        assert result.returncode == 2 and words in result.stderr, result.stdout + result.stderr
        assert "Cure: " in result.stderr
        assert list(board.disk.iterdir()) == []


def test_firmware_with_mpseq_inside_gets_settings_only(tmp_path, packages):
    with UnixBoard(FROZEN, tmp_path / "disk") as board:
        member, said = call(board.port, tmp_path / "no packages", people=[("ana", KEY)])
        assert "no library to install" in "".join(said)
        assert sorted(path.name for path in board.disk.iterdir()) == ["main.py", "mpseq.d"]
        assert settings(board)["nick"] == member.nick == "porch"
        assert b"gc" not in (board.disk / "main.py").read_bytes()


def test_two_boards_from_one_folder_have_two_identities(tmp_path, packages):
    members = []
    for name in ("one", "two"):
        with UnixBoard(FROZEN, tmp_path / name) as board:
            members.append(call(board.port, packages)[0])
    assert members[0].key != members[1].key
    assert members[0].fingerprint != members[1].fingerprint


def test_a_wifi_password_goes_onto_the_board_and_nowhere_else(tmp_path, packages):
    with UnixBoard(FROZEN, tmp_path / "disk") as board:
        result = run(board.port, packages, "--wifi", "home", "--no-wait", input="hunter2 ü\n")
        assert result.returncode == 0, result.stderr
        assert settings(board)["wifi"] == {"ssid": "home", "password": "hunter2 ü"}
        assert "hunter2" not in result.stdout + result.stderr
        # It stays when nothing is said of it, and settings that are wrong change nothing.
        call(board.port, packages, nick="door")
        assert settings(board)["wifi"]["password"] == "hunter2 ü"
        with pytest.raises(DeployFault, match="nick"):
            call(board.port, packages, nick="x" * 33)
        assert settings(board)["nick"] == "door"


def test_a_wifi_password_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "password"
    file.write_text("hunter2 ü\n")
    assert wifi_password(str(file)) == "hunter2 ü"
    monkeypatch.setenv("MPSEQ_WIFI_PASSWORD", " with spaces ")
    assert wifi_password() == " with spaces "
    with pytest.raises(DeployFault, match="No such file"):
        wifi_password(str(tmp_path / "nowhere"))


def test_without_a_name_or_a_room_nothing_is_touched(board, packages):
    with pytest.raises(DeployFault, match="who the board is"):
        call(board.port, packages, nick=None)
    assert list(board.disk.iterdir()) == []


def test_a_main_py_of_somebody_else_is_kept(board, packages, tmp_path):
    (board.disk / "main.py").write_text("print('the old one')\n")
    call(board.port, packages)
    assert (board.disk / "main.old.py").read_text() == "print('the old one')\n"
    assert "mpseq_board.node" in (board.disk / "main.py").read_text()
    mine = tmp_path / "mine.py"
    mine.write_text("print('mine, with mpseq')\n")
    call(board.port, packages, main=str(mine))
    assert (board.disk / "main.py").read_text() == mine.read_text()
    assert (board.disk / "main.old.py").read_text() == "print('the old one')\n"
    call(board.port, packages, example="sensor")
    _, said = call(board.port, packages)  # nothing is said of it: it stays
    assert any("main.py is not the one for this board, and stays" in line for line in said)
    assert "send_data" in (board.disk / "main.py").read_text()
    with pytest.raises(DeployFault, match="no example"):
        call(board.port, packages, example="../config")


@pytest.mark.parametrize("name", ("mpseq", "monocypher.py", "mpseq_aio.mpy"))
def test_what_would_hide_the_library_is_named(board, packages, name):
    if "." in name:
        (board.disk / name).touch()
    else:
        (board.disk / name).mkdir()
    (board.disk / "mpseq.d").mkdir()  # not this: no module has such a name
    (board.disk / "mpseq_board.txt").touch()
    with pytest.raises(install.InstallFault, match=f"there is {name}, which"):
        call(board.port, packages)
    assert len(list(board.disk.iterdir())) == 3


def test_a_source_file_beside_a_compiled_one_goes(board, packages):
    """`wire.py` would win the import over `wire.mpy`."""
    (board.disk / "lib" / "mpseq").mkdir(parents=True)
    for name in ("lib/mpseq/wire.py", "lib/mpseq/gone.mpy", "lib/monocypher.py"):
        (board.disk / name).write_text("1/0\n")
    (board.disk / "lib" / "mine.py").write_text("# not of mpseq\n")
    call(board.port, packages)
    assert library(board).pop("mine.py")
    (board.disk / "lib" / "mine.py").unlink()
    assert library(board) == mip.load(packages / "x64").files


def test_a_full_board_is_refused_before_anything_is_sent(board, packages, monkeypatch):
    look = install.look

    def of_little_space(repl):
        return install.dataclasses.replace(look(repl), space=(4096, 30))

    monkeypatch.setattr(install, "look", of_little_space)
    with pytest.raises(install.InstallFault, match="122,880 are free"):
        call(board.port, packages)
    assert list(board.disk.iterdir()) == []
    monkeypatch.setattr(
        install, "look", lambda repl: install.dataclasses.replace(look(repl), space=None)
    )
    with pytest.raises(install.InstallFault, match="no file system"):
        call(board.port, packages)


def test_a_key_that_is_not_the_known_one_is_no_ones_word(board, packages):
    """Trust on first use: neither key store nor settings take another key for a known nick."""
    call(board.port, packages, people=[("ana", KEY)])
    other = Identity.generate(lambda size: bytes(range(9, 9 + size))).public
    with pytest.raises(DeployFault, match="knows ana by another key"):
        call(board.port, packages, people=[("ana", other)])
    assert settings(board)["people"] == [["ana", KEY.hex()]]
    call(board.port, packages, people=[("ben", other)])
    assert settings(board)["people"] == [["ben", other.hex()], ["ana", KEY.hex()]]


def test_nobody_invites_it_and_the_last_word_says_who_must(tmp_path, packages):
    with UnixBoard(FROZEN, tmp_path / "disk") as board:
        options = ["--invite-by", f"ana={KEY.hex()}", "--patience", "2", "--relay"]

        @story
        async def tell():
            async with a_relay() as relay:
                options.append(f"127.0.0.1:{relay.port}")
                result = await asyncio.to_thread(run, board.port, packages, *options)
                assert result.returncode == 4
                line = next(x for x in result.stdout.splitlines() if x.startswith("/invite"))
                assert f"ana, in that room, types {line}" in result.stderr

        tell()
        result = run(board.port, packages, "--patience", "1", "--relay", "127.0.0.1:9")
        assert result.returncode == 4 and "/invite" not in result.stdout
        assert "has not reached its room" in result.stderr and "127.0.0.1:9" in result.stderr


def test_nobody_who_may_invite_it_is_said_before_it_is_waited_for(tmp_path, packages):
    with UnixBoard(FROZEN, tmp_path / "disk") as board:
        result = run(board.port, packages, "--patience", "1", "--relay", "127.0.0.1:9")
        assert result.returncode == 4
        assert "takes nobody's invitation. Cure: mpseq deploy --invite-by" in result.stdout


def test_what_a_board_was_told_once_can_be_taken_back(board, packages):
    wifi = ("home", "secret")
    call(board.port, packages, people=[("ana", KEY)], wifi=wifi, host="shed")
    assert settings(board)["wifi"] and settings(board)["host"] is True
    call(board.port, packages, wifi=(), host="")
    assert settings(board)["wifi"] is None and settings(board)["host"] is False
    assert settings(board)["people"] == [["ana", KEY.hex()]]


@pytest.mark.parametrize("carrier", ("serial:", "tcp://nothing", "tls://a:b/c", "espnow:", "x:y"))
def test_an_address_that_cannot_be_one_never_reaches_the_board(carrier):
    with pytest.raises(DeployFault) as fault:
        deploy._check(deploy.Wanted(carrier=carrier))
    assert "Cure" not in str(fault.value) and fault.value.cure


def test_a_program_that_ends_is_not_waited_for(tmp_path, packages):
    mine = tmp_path / "mine.py"
    mine.write_text("# mpseq\nraise MemoryError('not enough')\n")
    with UnixBoard(FROZEN, tmp_path / "disk") as board:
        result = run(board.port, packages, "--main", str(mine))
        assert result.returncode == 4 and "not enough" in result.stdout
        assert "its program has ended" in result.stderr and "firmware with" in result.stderr


def test_no_board_at_the_port(packages, tmp_path):
    result = run("/dev/mpseq-no-such-port", packages)
    assert result.returncode == 3 and "Cure: " in result.stderr
    silent = tmp_path / "silent"
    silent.touch()
    result = run(str(silent), packages)
    assert result.returncode == 3, result.stderr


WATCHDOG = """
import sys
class WDT:
    def __init__(self, timeout):
        print("dog", timeout)
    def feed(self):
        print("wuff")
class Timer:
    def __init__(self, number):
        print("timer number", number)
    def init(self, period, callback):
        print("timer", period)
        callback(self)
class RTC:
    def datetime(self, at):
        print("clock", at[0], at[3:])
class Machine:
    pass
Machine.WDT, Machine.Timer, Machine.RTC = WDT, Timer, RTC
sys.modules["machine"] = Machine
"""


@pytest.mark.parametrize("timer", (True, False))
def test_a_watchdog_that_runs_is_fed_while_it_works(tmp_path, packages, timer):
    first = WATCHDOG if timer else WATCHDOG.replace("Machine.Timer,", "Machine.no,")
    with UnixBoard(FROZEN, tmp_path / "disk", first) as board:
        call(board.port, packages, watchdog=7)
        board.tap = []
        call(board.port, packages)
        said = b"".join(board.tap)
        assert said.count(b"dog 7000") == 3  # after each reset
        assert said.count(b"timer 500") == (3 if timer else 0)
        assert said.count(b"timer number -1") == (3 if timer else 0)
        assert said.count(b"wuff") >= 5 + 3 * timer


ESP32 = (
    OTHER.partition("class Implementation")[0]
    + """
    platform = "esp32"
class Network:
    STA_IF = PM_NONE = 0
    def WLAN(self, interface):
        return self
    def active(self, *on):
        if on:
            print("radio %s, mpseq %s" % (on[0], "mpseq" in real_sys.modules))
        return True
    def config(self, *name, pm=0):
        return pm
real_sys, fake = sys, Said()
sys.modules["sys"], sys.modules["network"] = fake, Network()
"""
)


def test_an_esp32_switches_its_radio_on_first_and_has_no_timer_minus_one(tmp_path, packages):
    with UnixBoard(FROZEN, tmp_path / "disk", ESP32 + WATCHDOG) as board:
        board.tap = []
        call(board.port, packages, watchdog=7)
        first = next(line for line in b"".join(board.tap).splitlines() if b"radio True" in line)
        assert b"radio True, mpseq False" in first
        last = [line for line in b"".join(board.tap).splitlines() if b"radio " in line][-1]
        assert b"radio False, mpseq True" in last
        board.tap = []
        call(board.port, packages, wifi=("home", "secret"))
        said = b"".join(board.tap)
        assert b"timer number 0" in said and b"timer number -1" not in said


def test_the_clock_of_a_board_is_set_and_goes_forward_only(tmp_path, packages, monkeypatch):
    with UnixBoard(FROZEN, tmp_path / "disk", WATCHDOG) as board:
        board.tap = []
        call(board.port, packages)
        file = board.disk / "mpseq.d" / "time"
        parts = [int(word) for word in file.read_text().split()]
        past = time.time() - calendar.timegm((*parts, 0, 0, 0))
        assert 0 <= past < 60
        assert f"clock {parts[0]} (0, {parts[3]}, ".encode() in b"".join(board.tap)
        file.write_text("2099 1 2 3 4 5")
        board.tap = []
        _, said = call(board.port, packages)
        assert file.read_text() == "2099 1 2 3 4 5"
        assert b"clock 2099 (0, 3, 4, 5, 0)" in b"".join(board.tap)
        assert any("2099-01-02 03:04:05 UTC, ahead of this machine's" in line for line in said)
        file.write_text("2099 1 2")  # cut off
        _, said = call(board.port, packages)
        assert file.read_text().startswith(f"{parts[0]} ")
        assert not any("ahead" in line for line in said)


@pytest.mark.parametrize(
    ("carrier", "watchdog", "warns"),
    (
        ("tcp://relay.example/x", 8, True),
        ("tcp://relay.example/x", 30, False),
        ("tcp://192.168.1.5:7676/x", 8, False),
        ("serial:kitchen", 8, False),
    ),
)
def test_a_watchdog_that_bites_before_a_name_is_found_is_named(
    tmp_path, packages, carrier, watchdog, warns
):
    with UnixBoard(FROZEN, tmp_path / "disk") as board:
        _, said = call(board.port, packages, carrier=carrier, watchdog=watchdog)
        assert any("careful: while no name server answers" in line for line in said) == warns


def test_people_are_named_with_keys_that_are_keys():
    assert parse_people([f"ana={KEY.hex()}"]) == [("ana", KEY)]
    for wrong in ("ana", "ana=", f"={KEY.hex()}", "ana=12", f"ana={bytes(32).hex()}"):
        with pytest.raises(DeployFault, match="not NICK=KEY"):
            parse_people([wrong])
    assert Wanted(host="yard").settings() == {"host": True, "name": "yard"}


def test_a_card_survives_its_way():
    line = card.text("Über uns", KEY)
    assert card.parse(f" {line}\n") == ("Über uns", KEY)
    lines = []
    show(Member("Über uns", KEY, fingerprint(KEY), "serial:x", False, []), lines.append, code=True)
    assert line in lines and fingerprint(KEY) in lines[1]
    assert sum(text.count("\n") for text in lines) > 15  # the QR code
    for wrong in ("", line[1:], line.replace(KEY.hex(), KEY.hex()[2:]), line.partition(" Ü")[0]):
        with pytest.raises(ValueError):
            card.parse(wrong)


def test_a_board_that_reaches_the_room_by_itself_needs_no_bridge(tmp_path):
    @story
    async def tell():
        with UnixBoard(FROZEN, tmp_path / "disk") as board:
            async with a_room() as (relay, ana):
                carrier = f"tcp://127.0.0.1:{relay.port}/kitchen"
                deployment = Deployment(board.port, tmp_path, "--carrier", carrier)
                await deployment.tell(ana, relay)
                assert deployment.code == 0 and ana.nicks() == ["ana", "porch"]
                assert "mpseq bridge" not in deployment.text  # it may be a word of the code
                assert "this bridge" not in deployment.text
                board.tap = []
                await ana.chat.send("are you still here?")
                await until(lambda: b"<ana> are you still here?" in b"".join(board.tap))

    tell()


def test_it_stays_as_the_boards_bridge_until_ctrl_c(tmp_path):
    @story
    async def tell():
        with UnixBoard(FROZEN, tmp_path / "disk") as board:
            async with a_room() as (relay, ana):
                deployment = Deployment(board.port, tmp_path, "--stay")
                await deployment.tell(ana, relay)
                assert deployment.code == 0
                joined = next(line for line in deployment.lines if "mpseq: joined" in line)
                assert ana.chat.code.digits in joined
                assert any("<ana> hello porch" in line for line in deployment.lines)

    tell()


def test_what_a_hostile_board_says_of_itself_does_no_harm(board, tmp_path, monkeypatch):
    for name in ("secret", "boards"):
        (tmp_path / name).mkdir()
    (tmp_path / "secret" / "main.py").write_text("password")
    monkeypatch.setattr(deploy, "boards_folder", lambda: tmp_path / "boards")
    for name in ("../secret", str(tmp_path / "secret")):
        assert deploy._main_for(name) == deploy.MAIN.encode()
    with Repl(board.port) as line:
        line.enter()
        assert line.ask("print(repr(('\\x1b[2J\\n', {'\\x9b': [b'x']})))") == (
            "\\x1b[2J\\x0a", {"\\x9b": [b"x"]},
        )  # fmt: skip
