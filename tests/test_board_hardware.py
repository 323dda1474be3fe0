"""What only hardware has, with stand-ins for it: timers and watchdog, a radio that wants memory
before the library takes it, a clock that starts in 2000."""

import asyncio
import json
import os
import subprocess
import sys
import types

import pytest
from nodes import here, settle, until
from packages import ROOT
from test_node import Dog

from mpseq_board import radio, rare, rtc
from mpseq_tools.deploy import MAIN


@pytest.mark.parametrize("platform", ("rp2", "esp32"))
def test_a_timer_feeds_a_watchdog_that_is_less_patient_than_the_settings(monkeypatch, platform):
    made = []

    class Timer:
        def __init__(self, number):
            if number != (0 if platform == "esp32" else -1):
                raise ValueError("invalid Timer number")

        def init(self, period, callback):
            made.append((period, callback))

    monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace(WDT=Dog, Timer=Timer))
    monkeypatch.setattr(sys, "platform", platform)
    dog = rare.watchdog(30)
    ((period, tick),) = made
    hardware = Dog.made
    assert hardware.timeout == 8000 and period < 4000
    for _ in range(100):  # a name server does not answer, and nothing else runs
        tick(None)
    assert 30 - 8 - 2 <= len(hardware.fed) * period / 1000 <= 30 - 8
    dog.feed()
    tick(None)
    assert len(hardware.fed) * period / 1000 > 30 - 8
    # Somebody works at the prompt: it is fed for ever.
    rare.tame(dog)
    fed = len(hardware.fed)
    for _ in range(100):
        made[1][1](None)
    assert len(hardware.fed) == fed + 100


class Memory:
    """Stands for the module `network` of an ESP32 whose memory is taken."""

    STA_IF = 0

    def __init__(self, late):
        self.late, self.made = late, 0

    def WLAN(self, interface):
        self.made += 1
        assert self.made == 1 or self.late, "this resets an ESP32"
        if not self.late:
            raise RuntimeError("Wifi Unknown Error 0x0101")
        return self

    def active(self, on):
        raise RuntimeError("Wifi Unknown Error 0x0101")


@pytest.mark.parametrize("late", (False, True))
def test_wifi_without_memory_is_named_with_its_cure(tmp_path, monkeypatch, capsys, late):
    monkeypatch.setitem(sys.modules, "network", Memory(late))
    monkeypatch.setattr(radio, "_failed", None)
    settle(tmp_path, "mini", "tcp://127.0.0.1:1/x", wifi={"ssid": "home"})
    radio.early(str(tmp_path))
    assert "mpseq: the radio stays off: Wi-Fi does not start" in capsys.readouterr().out

    async def tell():
        async with here(tmp_path) as node:
            said = "RuntimeError: Wi-Fi does not start (Wifi Unknown Error 0x0101; 0x0101 is: no"
            await until(lambda: sum(said in line for line in node.lines) >= 2)
            assert any("Cure: RESET; if it stays so, firmware with" in x for x in node.lines)

    asyncio.run(tell())


# What a program of an ESP32 sees: its platform, settings, pins; and what it does first.
EARLY = """
import asyncio, builtins, io, sys
from unittest.mock import MagicMock
settings, program = sys.argv[1:]
def loaded():
    return "mpseq" in sys.modules
class Network:
    STA_IF = 0
    def WLAN(interface):
        return Network
    def active(on):
        print("radio on, mpseq:", loaded())
def opened(path, *rest, real=open):
    return io.StringIO(settings) if path == "/mpseq.d/config.json" else real(path, *rest)
sys.modules.update(network=Network, machine=MagicMock(), neopixel=MagicMock())
builtins.open = opened
sys.platform = "esp32"
text = program.replace("\\nrun(", "\\nprint('run, mpseq:', loaded()); dict(")
exec(text, {"loaded": loaded})
"""


@pytest.mark.parametrize("main", ("MAIN", "ESP32_GENERIC", "ESP32_GENERIC_C6", "examples/lamp"))
@pytest.mark.parametrize("wants", ("wifi", "espnow", "cable"))
def test_the_radio_of_an_esp32_is_on_before_the_library_is_there(tmp_path, main, wants):
    if main == "MAIN":
        program = MAIN
    else:
        path = ROOT / "boards" / (main + "/main.py" if "/" not in main else main + ".py")
        program = path.read_text()
    settings = {"nick": "mini", "carrier": "tcp://there/x", "wifi": {"ssid": "home"}}
    if wants != "wifi":
        settings.update(wifi=None, carrier="espnow:x" if wants == "espnow" else "serial:x")
    done = subprocess.run(
        [sys.executable, "-c", EARLY, json.dumps(settings), program],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": "lib"},
    )  # fmt: skip
    on = [] if wants == "cable" else ["radio on, mpseq: False"]
    assert done.stdout.splitlines() == [*on, "run, mpseq: True"], done.stderr


SMALL = """
import gc, sys
def threshold(size=None):
    if size is None:
        return %d
    print(size)
gc.mem_free, gc.mem_alloc, gc.threshold = lambda: %d, lambda: 20000, threshold
sys.platform = %r
import mpseq_aio
"""


@pytest.mark.parametrize(
    ("platform", "free", "small"),
    # The free memory of an ESP32 is what the heap may grow by, too.
    (
        ("esp32", 330000, True),
        ("esp32", 2000000, False),
        ("rp2", 180000, True),
        ("rp2", 400000, 0),
    ),
)
@pytest.mark.parametrize("before", (-1, 8192))
def test_a_small_heap_is_collected_early_unless_the_program_has_said_when(
    platform, free, small, before
):
    done = subprocess.run(
        [sys.executable, "-c", SMALL % (before, free, platform)],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": "lib"},
    )  # fmt: skip
    assert done.stdout == "4096\n" * (small and before < 0), done.stderr
    assert not done.returncode


def clocked(tmp_path, monkeypatch, now, ntp=None):
    """What a board that thinks it is `now` is set to, and by which NTP."""

    class Rtc:
        def datetime(self, at):
            assert len(at) == 8
            time_.now = at[:3] + at[4:7]

    time_ = types.SimpleNamespace(now=now, gmtime=lambda *of: of[0] if of else time_.now)
    monkeypatch.setattr(rtc, "time", time_)
    monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace(RTC=Rtc))
    monkeypatch.setitem(sys.modules, "ntptime", types.SimpleNamespace(time=ntp or (lambda: 1 / 0)))
    rtc.wind(str(tmp_path), ntp is not None)
    return time_.now


def test_the_clock_of_a_board_goes_to_what_deploy_said_and_by_ntp_forward_only(
    tmp_path, monkeypatch
):
    start, told = (2000, 1, 1, 0, 0, 7), (2026, 11, 29, 17, 5, 0)
    before, after = (2026, 11, 29, 17, 4, 59), (2026, 12, 1, 0, 0, 0)
    assert clocked(tmp_path, monkeypatch, start) == start  # nothing is stored
    (tmp_path / "time").write_text("2026 11 29 17 5 0")
    assert clocked(tmp_path, monkeypatch, start) == told
    assert clocked(tmp_path, monkeypatch, after) == after
    for ntp, at in ((after, after), (before, told), (start, told)):
        assert clocked(tmp_path, monkeypatch, start, lambda ntp=ntp: ntp) == at

    def silent():
        raise OSError("timeout")

    assert clocked(tmp_path, monkeypatch, start, silent) == told
    (tmp_path / "time").write_text("2026 11 29 17")  # cut off
    assert clocked(tmp_path, monkeypatch, start) == start
    monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace())  # without a clock
    (tmp_path / "time").write_text("2026 11 29 17 5 0")
    rtc.wind(str(tmp_path), False)


ON_MICROPYTHON = """
import sys
class Machine:
    def WDT(timeout):
        if timeout > 8388:
            raise ValueError
        return Machine
    def feed():
        print("fed")
    def Timer(number):
        return Machine
    def init(period, callback):
        Machine.tick = callback
    def RTC():
        return Machine
    def datetime(at):
        print(at)
class Ntp:
    def time():
        return 4000000000
sys.modules.update({"machine": Machine, "ntptime": Ntp})
from mpseq_board import rare, rtc
dog = rare.watchdog(12)
dog.feed()
for _ in range(5):
    Machine.tick(None)
open(FOLDER + "/time", "w").write("2081 11 29 17 5 0")
rtc.wind(FOLDER, True)
"""


def test_on_micropython_too(tmp_path, unix_micropython):
    done = subprocess.run(
        [unix_micropython, "-c", f"FOLDER = {str(tmp_path)!r}" + ON_MICROPYTHON],
        capture_output=True, text=True, env=dict(os.environ, MICROPYPATH=f"{ROOT}/lib:.frozen"),
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "fed", "fed", "fed", "(2081, 11, 29, 0, 17, 5, 0, 0)", "(2096, 10, 2, 0, 7, 6, 40, 0)",
    ], done.stderr  # fmt: skip


@pytest.mark.parametrize(
    ("carrier", "watchdog", "asked"),
    (("tls", 0, [True]), ("tls", 30, [True]), ("tls", 8, [False]), ("tcp", 0, [])),
)
def test_only_for_tls_and_a_patient_watchdog_somebody_is_asked_for_the_time(
    tmp_path, monkeypatch, carrier, watchdog, asked
):
    seen = []
    monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace(WDT=Dog))
    monkeypatch.setattr(rtc, "wind", lambda folder, ask: seen.append(ask))
    settle(tmp_path, "mini", f"{carrier}://127.0.0.1:1/x", watchdog=watchdog)

    async def tell():
        async with here(tmp_path) as node:
            await until(lambda: node.chat)

    asyncio.run(tell())
    assert seen == asked
