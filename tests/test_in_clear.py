"""A secret that goes over the network in plain text: the user is told, wherever one is given."""

import asyncio

import pytest
from relays import a_relay, story

from mpseq import Identity
from mpseq_tools import bridge, doctor, doctor_carrier, gateway, in_clear, rooms
from mpseq_tools.commands import rooms_at
from mpseq_tools.tui import talk


def at(address, secret=None):
    there = rooms.at(address)
    there.secret = there.secret or secret
    return there


@pytest.mark.parametrize(
    "address, told",
    [
        ("tcp://token@relay.example/a", "your token goes to relay.example"),
        ("tcp://token@192.168.1.5:7676/a", "Cure: tls://"),
        ("mqtt://ana:secret@broker.example/a", "your password goes to broker.example"),
        ("mqtt://ana:secret@[2001:db8::1]/a", "Cure: mqtts://"),
        ("tcp://relay.example/a", None),
        ("tls://token@relay.example/a", None),
        ("mqtts://ana:secret@broker.example/a", None),
        ("mqtt://ana:secret@localhost/a", None),
        ("tcp://token@127.0.0.9/a", None),
        ("mqtt://ana:secret@[::1]/a", None),
        ("xmpp://ana:secret@chat.example/a@rooms.chat.example", None),
        ("serial:/dev/ttyACM0", None),
    ],
)
def test_what_others_could_read_is_told(address, told):
    said = in_clear.warning(rooms.at(address))
    assert told in said if told else said is None
    assert not said or ("secret" not in said and "token@" not in said)


def test_everyone_who_enters_a_room_with_a_secret_says_so(monkeypatch, capsys):
    # Nobody but this machine is at hand: it is played to be another.
    monkeypatch.setattr(in_clear, "is_local", lambda host: False)

    async def nobody(*_):
        return 0

    monkeypatch.setattr(bridge, "_device", nobody)

    @story
    async def tell():
        async with a_relay() as relay:
            there = at(f"tcp://127.0.0.1:{relay.port}/garden", "of the relay")
            one = talk.Talk(talk.Options("ana", probe=False))
            one.identity = Identity.generate(bytes)
            room = await one.open(there)
            assert any("your token goes to 127.0.0.1" in line.rows[0] for line in room.lines)
            await one.quit()
            checks = []
            await doctor_carrier.examine(there, checks.append)
            (found,) = [check for check in checks if check.name == "secret"]
            assert found.state == doctor.WARN and found.cure == "tls://"
            await bridge.run("/dev/x", there, None, 115200, None, probing=False)
            assert "mpseq: your token goes to" in capsys.readouterr().out
            listening = asyncio.ensure_future(
                gateway.listen("127.0.0.1", 0, there, probing=False)
            )
            said = ""
            while "into tcp://" not in said:
                await asyncio.sleep(0.01)
                said += capsys.readouterr().out
            assert "mpseq: your token goes to" in said
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    tell()


def test_a_board_that_would_say_its_password_in_the_clear_is_told_of():
    assert "without TLS" in in_clear.warning_of("mqtt://ana:sesame@broker.example/garden")
    for harmless in ("mqtts://ana:sesame@broker.example/g", "serial:garden", "espnow:g", "junk"):
        assert in_clear.warning_of(harmless) is None


def test_a_password_file_that_others_can_read_is_told_of(tmp_path, capsys):
    path = tmp_path / "secret"
    path.write_text("sesame\n")
    for mode, told in ((0o600, False), (0o644, True)):
        path.chmod(mode)
        assert rooms_at("127.0.0.1", secret_file=str(path)).secret == "sesame"
        assert ("chmod 600" in capsys.readouterr().err) is told
