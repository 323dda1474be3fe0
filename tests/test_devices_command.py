"""`mpseq devices`, `mpseq bench`, and what a user reads who names a device that is none."""

import asyncio
import json
import os
import pty
import stat
import threading
import time

import pytest
from commanding import run
from fake_ports import plug_in, port
from packages import ROOT
from relays import story
from unix_board import UnixBoard

from mpseq_aio import link
from mpseq_tools import devices_here, ports, qemu, serial_link
from mpseq_tools.measure import BenchFault, measure
from mpseq_tools.repl import Repl, ReplFault

PLAIN = ROOT / "build" / "unix" / "micropython-plain"


@pytest.fixture
def line():
    """A pty, as a port that opens."""
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def listed():
    done = run("devices", "--json")
    assert done.exit_code == 0
    return {one["name"]: one for one in json.loads(done.stdout)["devices"]}


@pytest.mark.parametrize(
    "vid, pid, board",
    [
        (0x2E8A, 0x0005, "Pico"),
        (0x303A, 0x1001, "ESP32-C3"),
        (0x303A, 0x8000, "ESP32"),
        (0x10C4, 0xEA60, "CP210x"),
        (0x1A86, 0x7523, "CH340"),
        (0x1234, 0x5678, None),
    ],
)
def test_a_board_is_guessed_from_what_usb_says(monkeypatch, line, vid, pid, board):
    plug_in(monkeypatch, port(line, vid, pid, "A thing", "e660"))
    one = listed()[line]
    assert (one["kind"], one["vid"], one["pid"], one["serial_number"]) == (
        "serial", vid, pid, "e660",
    )  # fmt: skip
    assert one["usable"] is True and one["problem"] is None
    assert (one["board"] is None) == (board is None)
    assert (board or "A thing") in one["text"]
    text = run("devices").stdout
    assert f"[{vid:04x}:{pid:04x} e660]" in text and "--probe asks the ports" in text


def test_nothing_plugged_in_is_said_and_a_bare_uart_of_the_mainboard_is_none(monkeypatch):
    plug_in(monkeypatch, port("/dev/ttyS0"))
    assert "/dev/ttyS0" not in listed()
    text = run("devices").stdout
    assert "none" in text and "carries data" in text
    assert {"qemu-rv32", "qemu-cortex-m3", "cpython", "unix"} <= set(listed())


def test_what_a_device_calls_itself_does_no_harm(monkeypatch, line):
    plug_in(monkeypatch, port(line, 1, 2, "\x1b[2Jgotcha", "\x1b]0;x\x07"))
    assert "\x1b" not in run("devices").stdout


def test_emulated_boards_that_are_not_built_say_how(monkeypatch, tmp_path):
    monkeypatch.setenv("MPSEQ_BUILD", str(tmp_path))
    found = listed()
    for name, target in (("qemu-rv32", "make firmware"), ("unix", "make unix")):
        assert found[name]["usable"] is False
        assert "not built" in found[name]["problem"] and target in found[name]["cure"]
    assert found["cpython"]["usable"] is True
    monkeypatch.delenv("MPSEQ_BUILD")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt install" in listed()["qemu-rv32"]["cure"]


def test_a_probe_asks_a_board_and_starts_it_anew(monkeypatch, tmp_path):
    if not PLAIN.is_file():
        pytest.fail(f"no {PLAIN}. Cure: make unix", pytrace=False)
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "main.py").write_text("print('here I am')\n")
    with UnixBoard(PLAIN, tmp_path / "disk") as board:
        board.tap = []
        plug_in(monkeypatch, port(board.port, 0x2E8A, 5, "Board in FS mode"))
        found = json.loads(run("devices", "--probe", "--json").stdout)["devices"]
        one = next(one for one in found if one["name"] == board.port)
        assert one["probe"]["version"] == "1.25.0" and one["probe"]["library"] == "none"
        assert one["probe"]["free"] > 1000 and one["probe"]["identity"] is False
        assert all("probe" not in other for other in found if other is not one)
        for _ in range(600):
            # Behind the reset: what it says at power-on may come before the tap is there.
            _, reset, said = b"".join(board.tap).rpartition(b"soft reboot")
            if reset and b"here I am" in said:
                break
            time.sleep(0.1)
        else:
            pytest.fail(f"main.py was not started anew: {b''.join(board.tap)[-300:]}")


def test_a_probe_of_a_silent_port_says_so_and_goes_on(monkeypatch, line):
    monkeypatch.setattr("mpseq_tools.repl._TRIES", 1)
    plug_in(monkeypatch, port(line, 0x2E8A, 5))
    done = run("devices", "--probe")
    assert done.exit_code == 0
    assert "no MicroPython answers" in done.stdout and "mpseq flash" in done.stdout


# --- why it does not open


def test_a_port_that_is_not_there_names_those_that_are(monkeypatch, line):
    plug_in(monkeypatch, port(line, 1, 2))
    reason, cure = ports.why("/dev/ttyACM9")
    assert reason == "it is not there" and line in cure and "carries data" in cure
    with pytest.raises(
        link.CarrierLost, match="cannot open /dev/ttyACM9: it is not there"
    ) as lost:
        serial_link.SerialTransport("/dev/ttyACM9")
    assert line in lost.value.cure
    with pytest.raises(ReplFault, match="it is not there"):
        Repl("/dev/ttyACM9")


def test_a_port_of_the_group_dialout_names_the_group(monkeypatch, line):
    import grp

    monkeypatch.setattr(os, "access", lambda *_: False)
    real = os.stat(line)
    group = grp.getgrall()[1]

    def stat_of(*_, **__):
        return os.stat_result((0o020660, *real[1:5], group.gr_gid, *real[6:10]))

    monkeypatch.setattr(ports.os, "stat", stat_of)
    monkeypatch.setattr(os.path, "exists", lambda _: True)
    reason, cure = ports.why(line)
    assert group.gr_name in reason
    assert cure.startswith(f"sudo usermod -aG {group.gr_name} $USER") and "log out" in cure


def test_a_port_in_use_and_a_file_say_what_they_are(tmp_path, line):
    holder = serial_link.SerialTransport(line)
    try:
        with pytest.raises(link.CarrierLost, match="another program uses it") as lost:
            serial_link.SerialTransport(line)
        assert "ModemManager" in lost.value.cure
    finally:
        holder.close()
    (tmp_path / "x").write_text("")
    assert stat.S_ISREG(os.stat(tmp_path / "x").st_mode)
    assert ports.why(str(tmp_path / "x"))[0] == "it is no serial port"


@pytest.mark.parametrize("command", [("bench", "--device"), ("deploy", "--port")])
def test_a_mistyped_device_lists_what_there_is(monkeypatch, line, command):
    plug_in(monkeypatch, port(line, 1, 2))
    done = run(*command, "qemu-xx")
    assert done.exit_code == 3
    assert line in done.stderr and "qemu-rv32" in done.stderr


def test_check_says_nothing_of_what_is_there(monkeypatch, line):
    plug_in(monkeypatch)
    for name in (*qemu.BOARDS, line):
        devices_here.check(name)
    for name in ("unix", "cpython"):
        devices_here.check_runtime(name)
        with pytest.raises(devices_here.NoDevice):
            devices_here.check(name)  # no board: nothing is deployed to it


# --- bench


def test_the_bench_measures_what_there_is():
    done = run("bench", "--device", "cpython", "--device", "qemu-rv32", "--texts", 2, "--json")
    assert done.exit_code == 0, done.output
    here, board = json.loads(done.stdout)["devices"]
    assert (here["device"], board["device"]) == ("cpython", "qemu-rv32")
    for row in (here, board):
        assert row["texts"] == 2 and all(row[name] > 0 for name in ("join", "send", "receive"))
    assert here["free_before"] is None
    assert 0 < board["free_after"] < board["free_before"] < 160 * 1024
    assert "micropython" in board["runtime"]


@story
async def test_a_device_that_answers_nothing_is_a_fault_of_its_name():
    master, slave = pty.openpty()
    try:
        with pytest.raises(BenchFault, match="no MicroPython prompt"):
            await measure([os.ttyname(slave)], 1, lambda line: None)
    finally:
        os.close(master)
        os.close(slave)


def test_a_port_that_was_closed_can_be_opened_at_once(line):
    """Also while a thread waits in the system for what may come."""

    async def tell():
        reading = []
        for _ in range(5):
            transport = serial_link.SerialTransport(line)
            reading.append(asyncio.ensure_future(transport.read()))
            await asyncio.sleep(0.02)
            transport.close()
        ends = await asyncio.gather(*reading, return_exceptions=True)
        assert [type(one) for one in ends] == 5 * [link.CarrierLost]

    asyncio.run(asyncio.wait_for(tell(), 180))


def test_who_has_not_begun_to_write_when_a_port_is_closed_is_told_so(line):
    """And is not cancelled: the seat of a board lost its room by that, and all that was kept."""

    async def tell():
        transport = serial_link.SerialTransport(line)
        go = threading.Event()
        transport._out.submit(go.wait)  # the machine is busy: its thread has not come to it
        tasks = [asyncio.ensure_future(transport.write(b"text")) for _ in range(2)]
        await asyncio.sleep(0.02)
        tasks[1].cancel()
        threading.Timer(0.2, go.set).start()
        transport.close()  # waits for the thread
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in ends] == [link.CarrierLost, asyncio.CancelledError]

    asyncio.run(asyncio.wait_for(tell(), 180))
