"""`mpseq deploy`: keys under a passphrase, people taken back, the certificate of TLS, an emulated
board for who has none."""

import asyncio
import json
import os
import subprocess
import sys

import pytest
from commanding import run
from deploying import FROZEN, Deployment, a_room, call, find_secret
from packages import make
from relays import a_relay
from unix_board import UnixBoard

from mpseq import Identity
from mpseq_board.entropy import Source
from mpseq_board.keystore import KeyStore, KeyStoreError
from mpseq_tools import on_board, qemu
from mpseq_tools.deploy import DeployFault
from mpseq_tools.rooms import Rooms
from mpseq_tools.start import StartFault, start

PHRASE = "correct horse battery staple"
ANA, BEN, EVA = (Identity.generate(lambda size, n=n: bytes([n]) * size).public for n in (5, 6, 7))


@pytest.fixture
def board(tmp_path):
    with UnixBoard(FROZEN, tmp_path / "disk") as board:
        yield board


def settings(board):
    return json.loads((board.disk / "mpseq.d" / "config.json").read_text())


def known(board, phrase=b""):
    """Nicks in the board's key store."""
    folder = str(board.disk / "mpseq.d")
    return {one[0]: one[1] for one in KeyStore(folder, Source(folder), phrase).people()}


# --- a passphrase


def test_keys_under_a_passphrase_need_it_at_every_start(board, tmp_path):
    member, _ = call(board.port, tmp_path, host="kitchen", passphrase=PHRASE)
    with pytest.raises(KeyStoreError, match="with a passphrase"):
        find_secret(board.disk / "mpseq.d")
    assert (board.disk / "main.py").read_bytes().startswith(on_board.ASKING)
    lines = []

    async def tell():
        async with a_relay() as relay:
            there = Rooms.relay("127.0.0.1", relay.port)
            # Whoever knows it, or does not.
            assert (
                await start(
                    board.port, 115200, there, member, 60, say=lines.append, passphrase=PHRASE
                )
                == 0
            )
            with pytest.raises(StartFault, match="ended"):
                board.cut_power()
                await start(
                    board.port, 115200, there, member, 60, say=lines.append, passphrase="hunter2"
                )

    asyncio.run(asyncio.wait_for(tell(), 240))
    text = "\n".join(lines)
    assert on_board.PROMPT in text and "mpseq: joined kitchen" in text
    assert "keys do not open" in text
    assert PHRASE not in text and PHRASE not in (board.disk / "main.py").read_text()


def test_a_sealed_board_is_deployed_again_only_with_its_passphrase(board, tmp_path):
    first, _ = call(board.port, tmp_path, host="kitchen", passphrase=PHRASE)
    with pytest.raises(DeployFault, match="sealed with a passphrase") as caught:
        call(board.port, tmp_path)
    assert "--passphrase" in caught.value.cure
    with pytest.raises(DeployFault, match="do not open"):
        call(board.port, tmp_path, passphrase="hunter2")
    again, said = call(board.port, tmp_path, passphrase=PHRASE)
    assert again.key == first.key and "main.py unchanged" in said


def test_a_board_without_one_does_not_get_one_by_mistake(board, tmp_path):
    call(board.port, tmp_path)
    with pytest.raises(DeployFault, match="without a passphrase") as caught:
        call(board.port, tmp_path, passphrase=PHRASE)
    assert "mpremote" in caught.value.cure


def test_a_program_of_yours_asks_too(board, tmp_path):
    (tmp_path / "mine.py").write_text("from mpseq_board.node import run\nrun(console=False)\n")
    call(board.port, tmp_path, main=tmp_path / "mine.py", passphrase=PHRASE)
    text = (board.disk / "main.py").read_text()
    assert text.startswith(on_board.ASKING.decode()) and text.endswith("run(console=False)\n")


def test_a_main_that_would_not_ask_is_kept_elsewhere(board, tmp_path):
    (board.disk / "main.py").write_text("import mpseq\nmine = 1\n")
    _, said = call(board.port, tmp_path, passphrase=PHRASE)
    assert "does not ask for the passphrase is kept as /main.old.py" in "\n".join(said)
    assert "mine = 1" in (board.disk / "main.old.py").read_text()


def test_no_passphrase_is_no_passphrase(board):
    done = run("deploy", "--port", board.port, "--passphrase", text="\n")
    assert done.exit_code == 2 and "empty" in done.stderr


# --- people


def test_somebody_may_invite_it_no_more(board, tmp_path):
    call(board.port, tmp_path, people=[("ana", ANA), ("ben", BEN)])
    assert known(board) == {"ana": ANA, "ben": BEN}
    _, said = call(board.port, tmp_path, gone=["ben"])
    assert "forgotten, and may not invite it any more: ben" in said
    assert settings(board)["people"] == [["ana", ANA.hex()]]
    assert known(board) == {"ana": ANA}


def test_whoever_has_a_new_key_is_forgotten_and_named_anew(board, tmp_path):
    call(board.port, tmp_path, people=[("ana", ANA), ("ben", BEN)])
    with pytest.raises(DeployFault, match="knows ben by another key"):
        call(board.port, tmp_path, people=[("ben", EVA)])
    call(board.port, tmp_path, people=[("ben", EVA)], gone=["ben"])
    assert known(board) == {"ana": ANA, "ben": EVA}
    assert dict(settings(board)["people"]) == {"ana": ANA.hex(), "ben": EVA.hex()}


def test_a_nick_that_nobody_has_is_told_with_those_there_are(board, tmp_path):
    call(board.port, tmp_path, people=[("ana", ANA)])
    with pytest.raises(DeployFault, match="--forget-person bne") as caught:
        call(board.port, tmp_path, gone=["bne"])
    assert "ana" in caught.value.cure


# --- the certificate of TLS

PEM = b"-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n"
KEY = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"


def test_the_certificate_goes_onto_the_board_and_no_key_with_it(board, tmp_path):
    file = tmp_path / "relay.pem"
    file.write_bytes(KEY + PEM)
    _, said = call(board.port, tmp_path, carrier=f"tls://relay.example:7676/kitchen#{file}")
    there = board.disk / "mpseq.d" / "carrier.crt"
    assert there.read_bytes() == PEM
    assert settings(board)["carrier"] == "tls://relay.example:7676/kitchen#/mpseq.d/carrier.crt"
    assert f"certificate written, {len(PEM)} bytes" in said
    _, said = call(board.port, tmp_path, carrier=f"tls://relay.example:7676/kitchen#{file}")
    assert "settings unchanged" in said and f"certificate unchanged, {len(PEM)} bytes" in said
    # The board's own, by its place there.
    call(board.port, tmp_path, carrier="tls://relay.example/kitchen#/mpseq.d/carrier.crt")


@pytest.mark.parametrize("content", [KEY, b"hello", b"", b"\x30" * 9000])
def test_what_is_no_certificate_stays_here(board, tmp_path, content):
    file = tmp_path / "x"
    file.write_bytes(content)
    with pytest.raises(DeployFault, match="holds no certificate"):
        call(board.port, tmp_path, carrier=f"tls://relay.example/kitchen#{file}")
    assert list(board.disk.iterdir()) == []


def test_a_certificate_that_is_nowhere_and_none_at_all_are_told(board, tmp_path):
    with pytest.raises(DeployFault, match="neither on this machine nor on the board"):
        call(board.port, tmp_path, carrier="tls://relay.example/kitchen#/no/such.pem")
    with pytest.raises(DeployFault, match="trusts no certificate"):
        call(board.port, tmp_path, carrier="tls://relay.example/kitchen")


def test_a_token_in_an_address_is_not_shown(tmp_path):
    with pytest.raises(DeployFault) as caught:
        call("/dev/null", tmp_path, carrier="tcp://hunter2@relay.example:x/kitchen")
    assert "hunter2" not in str(caught.value)


# --- an emulated board


def test_who_has_no_board_deploys_to_an_emulated_one_and_stays_its_bridge(tmp_path):
    packages = make(tmp_path / "mip")
    disk = tmp_path / "flash"
    keys = []

    async def tell():
        async with a_room() as (relay, ana):
            deployment = Deployment("qemu-rv32", packages, "--disk", str(disk), "--stay")
            await deployment.tell(ana, relay)
            assert deployment.code == 0, deployment.text
            assert ana.nicks() == ["ana", "porch"]
            assert "an emulated board is switched on" in deployment.lines[0]
            assert "switched off" in deployment.lines[-1]
            assert f"--disk {disk}" in deployment.lines[-1]
            keys.extend(one.key for one in ana.chat.members if one.nick == "porch")

    asyncio.run(asyncio.wait_for(tell(), 240))  # 126 kB over an emulated cable
    assert disk.stat().st_mode & 0o777 == 0o600
    # It is the same one when it is switched on again.
    options = ("--disk", disk, "--no-wait", "--dist", packages)
    again = run("deploy", "--port", "qemu-rv32", *options)
    assert again.exit_code == 0, again.output
    assert keys[0].hex() in again.stdout and "main.py unchanged" in again.stdout


def test_a_disk_is_for_one_board_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setenv("MPSEQ_HOME", str(tmp_path / "home"))
    disk = tmp_path / "flash"
    with qemu.Board("qemu-rv32", False, seed=os.urandom(64), disk=disk, prompt=False):
        done = run("deploy", "--port", "qemu-rv32", "--disk", disk)
    assert done.exit_code == 3 and "another board has the disk" in done.stderr
    assert run("deploy", "--port", "/dev/null", "--disk", disk).exit_code == 2


def test_a_machine_reads_who_the_board_is(board, tmp_path):
    options = ("--nick", "porch", "--room", "kitchen", "--no-wait", "--json")
    done = run("deploy", "--port", board.port, "--dist", tmp_path, *options)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    secret = find_secret(board.disk / "mpseq.d")
    assert Identity(bytearray(secret)).public.hex() == found["key"]
    assert found["invite"] == f"/invite porch {found['key']}"
    assert (found["nick"], found["carrier"], found["joined"]) == ("porch", "serial:kitchen", False)
    assert "identity created on it" in done.stderr


def test_an_emulated_board_is_not_sent_into_a_network_that_it_has_not():
    command = [sys.executable, "-m", "mpseq_tools", "deploy", "--port", "qemu-rv32"]
    command += ["--nick", "porch", "--carrier", "mqtt://localhost/garden"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and "no network" in run.stderr
