"""The examples in boards/examples, each on an emulated board with pins that are played."""

import asyncio
import contextlib
import json
import pathlib
import sys
import types

import pytest
from boarding import FILES, Plugged, install
from nodes import here, quick, settle, until, write
from relays import a_relay

from mpseq import events

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "boards" / "examples"

# What a board has and an emulated one has not. What the texts "pin 4 0" say happens to the pins,
# whoever sends them; what changes at a pin is printed.
FAKES = """
import machine as real, sys

class Pin:
    IN, OUT, PULL_UP = 1, 2, 3
    all = {}

    def __init__(self, number, mode=1, pull=None, value=1):
        self.number, self._value = number, value
        Pin.all[number] = self

    def value(self, new=None):
        if new is None:
            return self._value
        if new != self._value:
            self._value = new
            log("pin %s is %d" % (self.number, new))

class Machine:
    def __getattr__(self, name):
        return getattr(real, name)

Machine.Pin = Pin
sys.modules["machine"] = Machine()

from mpseq_board.node import Node
log = print
tell = Node.log

def heard(self, text):
    global log
    log = lambda text: tell(self, text)
    log(text)
    if "> pin " in text:
        _, pin, level = text.split("> ")[1].split()
        Pin.all[int(pin)].value(int(level))

Node.log = heard
"""

# What real boards have in their firmware costs this one heap: only for programs that use it.
ADC = """
class ADC:
    def __init__(self, number):
        assert number == 4

    def read_u16(self):
        return 14000

Machine.ADC = ADC
"""
NEOPIXEL = """
class NeoPixel:
    def __init__(self, pin, count):
        self.pixels = [None] * count

    def __setitem__(self, at, colour):
        self.pixels[at] = colour

    def write(self):
        log("pixels " + " ".join(["%d/%d/%d" % one for one in self.pixels]))

sys.modules["neopixel"] = type("neopixel", (), {"NeoPixel": NeoPixel})
"""


def fakes(program):
    return FAKES + ADC * ("ADC" in program) + NEOPIXEL * ("neopixel" in program)


def test_the_examples_are_short_and_whole_programs():
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text().splitlines()) < 60, path
        assert "\nrun(" in path.read_text() and "Not tried on hardware" in path.read_text()
    assert len(list(EXAMPLES.glob("*.py"))) == 3


@pytest.fixture(params=("", FILES))
def name(request):
    return "qemu-rv32" + request.param


def on_a_board(name, program, tmp_path, story):
    """`story(hub, board)` with the host here, once both are in."""

    async def tell():
        async with a_relay() as relay:
            folder, disk = tmp_path / "hub", tmp_path / "disk.img"
            hub_key = settle(folder, "hub", f"tcp://127.0.0.1:{relay.port}/kitchen", host=True)
            settings = {"nick": "mini", "carrier": "serial:kitchen", "people": [["hub", hub_key]]}
            main = (EXAMPLES.parent / program).read_text()
            files = {"boot.py": "import fakes\n", "fakes.py": fakes(main), "main.py": main}
            key = install(name, disk, json.dumps(settings), json.dumps(files))
            data = json.loads((folder / "config.json").read_text())
            write(folder, **{**data, "people": [["mini", key]]})
            async with here(folder) as hub, Plugged(name, disk, relay) as board:
                await until(lambda: len(hub.members) == 2)
                await board.says("joined room: ")
                await story(hub, board)

    with quick():
        asyncio.run(asyncio.wait_for(tell(), 180))


def texts(node):
    return [one.text for one in node.seen if isinstance(one, events.Text) and not one.own]


def test_the_sensor_sends_readings_as_data(name, tmp_path):
    async def story(hub, board):
        def readings():
            return [one for one in hub.seen if isinstance(one, events.Data)]

        await until(readings)
        seconds, celsius = bytes(readings()[0].data).decode().split(",")
        assert readings()[0].content_type == "text/csv"
        assert int(seconds) >= 0 and 27.0 < float(celsius) < 28.0

    on_a_board(name, "examples/sensor.py", tmp_path, story)


def test_the_lamp_shows_the_code_and_obeys_only_who_is_verified(name, tmp_path):
    async def story(hub, board):
        palette = {}
        exec(  # the table alone: the rest wants pins
            "COLOURS"
            + (EXAMPLES / "lamp.py").read_text().split("COLOURS", 1)[1].split("\n)")[0]
            + ")",
            palette,
        )
        colours = [palette["COLOURS"][int(digit)] for digit in hub.code.digits]
        assert len(set(palette["COLOURS"])) == 10
        row = "pixels " + " ".join("%d/%d/%d" % one for one in colours)
        white = "pixels " + " ".join(["255/255/255"] * 6)
        await board.says(row)
        await hub.send("lamp on")
        await until(lambda: texts(hub) == ["hub is not verified here"])
        await board.says("<mini> hub is not verified here")  # as a person would, who reads first
        assert not board.heard(white)
        await board.type("/verify hub %s\r" % hub.code.digits)
        await board.says("verified: hub")
        await hub.send("lamp on")
        await board.says(white)
        shown = len(board.heard(row))
        await hub.send("lamp code")
        await until(lambda: len(board.heard(row)) == shown + 1)

    on_a_board(name, "examples/lamp.py", tmp_path, story)


def test_the_pager_sends_an_alarm_shows_one_and_wipes_everything_in_panic(name, tmp_path):
    async def story(hub, board):
        async def press(*pins, seconds=0.4):
            for pin in pins:
                await hub.send("pin %d 0" % pin)
            await asyncio.sleep(seconds)
            for pin in pins:
                await hub.send("pin %d 1" % pin)
            await asyncio.sleep(0.4)

        await press(4)
        await until(lambda: texts(hub) == ["ALARM"])
        await hub.send("ALARM")
        await board.says("pin 2 is 1")
        await press(5)
        await board.says("pin 2 is 0")
        await press(4, 5, seconds=1)  # too short for panic, and no alarm either
        assert texts(hub) == ["ALARM"]
        assert not board.heard("stopped")
        await hub.send("pin 4 0")
        await hub.send("pin 5 0")
        await board.says("stopped: ConfigError: no settings in /mpseq.d", 60)
        await board.type("\x03")
        await board.says("ended by Ctrl-C")
        await asyncio.sleep(0.3)
        await board.type("import os; print(os.listdir('/'), 'mpseq.d' in os.listdir())\r")
        await board.says("] False")

    on_a_board(name, "examples/pager.py", tmp_path, story)


BOARDS = sorted(path.parent.name for path in EXAMPLES.parent.glob("*/main.py"))


REAL = [name for name in BOARDS if not name.startswith("QEMU")]


@pytest.mark.parametrize("board", REAL)
def test_the_program_of_a_board_runs_with_the_library_as_files(board, tmp_path):
    async def story(hub, here):
        await hub.send("hello")
        await here.says("<hub> hello")
        assert not here.heard("fault") and not here.heard("Error")

    on_a_board("qemu-rv32" + FILES, f"{board}/main.py", tmp_path, story)


@pytest.mark.parametrize("board", REAL)
def test_the_light_of_a_board_blinks_and_its_button_speaks(board, monkeypatch):
    lit, pressed, said, started = [], [1, 1, 0, 0, 1, 1], [], {}

    class Pin:
        IN, OUT, PULL_UP = 1, 2, 3

        def __init__(self, number, mode, pull=None, value=None):
            self.number = number

        def value(self, *new):
            if new:
                lit.append(new[0])
            return pressed.pop(0) if pressed else 1

    class NeoPixel(dict):
        def __init__(self, pin, count):
            pass

        def write(self):
            lit.append(int(any(self[0])))

    class Member:
        members, chat = ("me",), types.SimpleNamespace(nick="mini")

        async def send(self, text):
            said.append(text)

    monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace(Pin=Pin))
    monkeypatch.setitem(sys.modules, "neopixel", types.SimpleNamespace(NeoPixel=NeoPixel))
    monkeypatch.setattr("mpseq_board.node.run", lambda **options: started.update(options))
    path = EXAMPLES.parent / board / "main.py"
    exec(compile(path.read_text(), str(path), "exec"), {})

    async def play():
        await started["on_text"](Member(), None)
        (watch,) = started["tasks"]
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(watch(Member()), 0.6)

    asyncio.run(play())
    assert lit == [1, 0] and said == ["the button of mini is pressed"]


def test_the_emulated_boards_have_no_pins(monkeypatch):
    started = []
    monkeypatch.setattr("mpseq_board.node.run", lambda: started.append(True))
    for name in ("QEMU_RV32", "QEMU_CORTEX_M3"):
        exec((EXAMPLES.parent / name / "main.py").read_text(), {})
    assert len(started) == 2 and len(BOARDS) == 8
