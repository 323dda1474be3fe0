"""What a small board bears: a long talk among ten with the library in its heap, a room of 32 with
the library in its firmware. An emulated RV32IMC with 160 KiB of heap, as an ESP32-C3 has left when
its Wi-Fi is up."""

import pytest
from longroom.room import OnBoard, Room, install
from packages import make

from mpseq_tools.qemu import Board

FREE = 40 * 1024  # bytes of heap that an application still finds
GROWTH = 2 * 1024
LONGEST = 20_000_000  # instructions of one call
READY = 40_000_000  # instructions from the first import to a conversation
_SEED = bytes(range(64))
_READY = """
import gc, machine
def clock(): return machine.mem32[0x200bff8] & 0xffffffff
begin = clock()
import os
from mpseq import Conversation, Identity
me = Conversation(Identity.generate(os.urandom), "board", os.urandom)
print((clock() - begin) * 100)  # 10 MHz, a nanosecond is an instruction
"""


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """The flash of a board with plain MicroPython, onto which the package was installed."""
    packages = make(tmp_path_factory.mktemp("mip"))
    path = tmp_path_factory.mktemp("long") / "flash.img"
    with Board("qemu-rv32", linked=False, disk=path) as board:
        install(board, packages)
    return path


def texts(member):
    return [line for line in member.seen if line.startswith("Text ")]


def sessions(member):
    return [line for line in member.seen if line.startswith("SessionStarted ")]


def test_a_thousand_messages_and_twenty_rekeys_with_the_library_on_the_heap(disk):
    with Board("qemu-rv32", linked=False, disk=disk, seed=_SEED) as board:
        member = OnBoard(board)
        room = Room(9, member)
        room.gather()
        assert sessions(member) == ["SessionStarted 10"]
        room.talk(1000, 20, measure_at=range(100, 1001, 100))
        assert texts(member) == [f"Text message {number}" for number in range(1, 1001)]
        assert sessions(member) == ["SessionStarted 10"] * 21
        assert not {"Missing", "Inconsistent", "Refused", "ExchangeFailed"} & set(member.seen)
        free = member.memory
        assert min(free) >= FREE, free
        assert abs(free[0] - free[-1]) <= GROWTH, free


def test_from_the_first_import_to_a_conversation(disk):
    with Board("qemu-rv32", linked=False, disk=disk, seed=_SEED, icount=True) as board:
        assert int(board.exec(_READY, timeout=60)) <= READY


def test_a_room_of_32_with_the_library_in_the_firmware():
    with Board("qemu-rv32", linked=True, seed=_SEED) as board:
        member = OnBoard(board)
        room = Room(31, member)
        room.gather()
        assert sessions(member) == ["SessionStarted 32"]
        room.talk(64, 2, measure_at=(64,))
        assert texts(member) == [f"Text message {number}" for number in range(1, 65)]
        assert sessions(member) == ["SessionStarted 32"] * 3
        assert member.memory[-1] >= FREE


def test_no_call_holds_the_loop_up():
    """The joiner of ten, then a member that re-keys: 0.12 s at 160 MHz is the most."""
    with Board("qemu-rv32", linked=True, seed=_SEED, icount=True) as board:
        member = OnBoard(board)
        room = Room(9, member)
        room.gather()
        room.talk(10, 2, measure_at=(10,))
        assert sessions(member) == ["SessionStarted 10"] * 3
        assert 1_000_000 < 100 * member.longest <= LONGEST
