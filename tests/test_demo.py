"""`make demo` holds what it says, and says so when it does not."""

import pytest

from mpseq_tools import demo
from mpseq_tools.devices import DeviceError


def test_the_demo_runs_and_everything_holds(capfd):
    assert demo.main() == 0
    out = capfd.readouterr().out
    assert "RV32IMC" in out
    assert "FAILED" not in out
    assert out.count("[ok]") == 15


def test_one_claim_that_does_not_hold_is_named_and_fails_the_demo(monkeypatch, capsys):
    async def play(show):
        show.check(True, "this holds")
        show.check(False, "this does not")

    monkeypatch.setattr(demo, "play", play)
    assert demo.main() == 1
    out = capsys.readouterr().out
    assert "[FAILED] this does not" in out
    assert "1 of 2 did NOT hold" in out


def test_a_peer_that_does_not_play_along_fails_the_demo(monkeypatch, capsys):
    async def play(show):
        raise DeviceError("cellar: no answer")

    monkeypatch.setattr(demo, "play", play)
    assert demo.main() == 1
    assert "cellar: no answer" in capsys.readouterr().err


@pytest.mark.parametrize("leak", ["name", "text"])
def test_the_demo_would_notice_a_leak(leak):
    frames = [b"\x11....porch" if leak == "name" else b"\x11 good night, I am off"]
    assert demo.leaks(frames, [])
    assert not demo.leaks([b"\x11\xf0\x81"], ["ab" * 32])


def test_three_bytes_that_chance_put_together_are_no_leak():
    assert not demo.leaks([b"\x11\xf0ana\x81", b"\x11\xf0\x81"], [])
    assert not demo.leaks([b"\x16\x16\xe6\x12"], [])  # in between its bytes stands "ana"
    assert demo.leaks([b"\x11\xf0ana\x81", b"\x12ana"], []) == [b"ana".hex()]
