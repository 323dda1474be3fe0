"""Members driven by tests and the demo: nothing waits for ever, and nothing is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest
from relays import story

from mpseq_tools.devices import Device, DeviceError
from mpseq_tools.qemu import Board

HOLD = """
import time
from mpseq_tools.qemu import Board
board = Board("qemu-rv32")
print(board._process.pid, flush=True)
time.sleep(60)
"""


def ends(pid, seconds=5):
    """Whether this process is gone, or is a zombie that nobody has to wait for, in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] in "ZX":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_a_board_dies_with_a_python_that_is_killed():
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    try:
        board = int(holder.stdout.readline())
        os.kill(holder.pid, signal.SIGKILL)
        assert ends(board)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_board_that_nobody_closed_ends_with_its_object():
    board = Board("qemu-rv32")
    pid = board._process.pid
    board._process.stdout.close()
    os.close(board._fd)
    del board
    assert ends(pid)


def device(commands):
    """A Device whose other end is the test."""
    reports = asyncio.Queue()

    async def nothing():
        pass

    return Device("eva", "played", commands, reports, [], nothing), reports


@story
async def test_an_answer_that_came_too_late_is_not_taken_for_the_next_one():
    async def silence(command):
        pass

    eva, reports = device(silence)
    async with eva:
        with pytest.raises(DeviceError, match="no answer to 'state'"):
            await eva.do("state", patience=0.05)
        for answer in ({"re": "state", "count": 7}, {"re": "leave", "heard": True}):
            reports.put_nowait(answer)
        assert (await eva.do("leave"))["heard"]


@story
async def test_a_device_that_takes_no_command_is_an_error_in_time():
    async def blocked(command):
        await asyncio.Event().wait()

    eva, _ = device(blocked)
    async with eva:
        with pytest.raises(DeviceError, match="no answer"):
            await eva.do("state", patience=0.05)
