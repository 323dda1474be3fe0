"""Long texts between runtimes: a terminal, and a board with the memory of an ESP32-C3."""

import inspect
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent / "core")]

from house import House, Seeded  # noqa: E402

from mpseq import events  # noqa: E402
from mpseq.primitives import H  # noqa: E402
from mpseq_tools.qemu import Board  # noqa: E402

# The board is ben, beside a twin of his here: what it posts must be what the twin posts.
BEN = """
import gc
from binascii import unhexlify
from mpseq import Conversation, Identity
from mpseq.primitives import H, blake2b_framed
%s
random = Seeded("house/ben")
ben = Conversation(Identity.generate(random), "ben", random)
def told(now):
    for event in ben.take_events():
        name = type(event).__name__
        if name == "Invited":
            ben.accept(event.invitation, now)
        elif name == "Text":
            print(name, len(event.text), event.text[:3])
        elif name not in ("SessionStarted", "Confirmed"):
            print(name)
    for frame in ben.take_frames():
        print("posts", H(b"frame", frame).hex())
    gc.collect()
frame = bytearray(5000)
def write(at, data):
    frame[at:at + len(data)] = data
def take(now, size):
    ben.receive("", memoryview(frame)[:size], now)
    told(now)
def send(now, text):
    ben.send(text, now)
    told(now)
gc.collect()
""" % inspect.getsource(Seeded)


class Twin:
    """A House with ana and ben, in which ben is on the board too; `said`: what the board printed,
    without the frames that were the right ones."""

    def __init__(self, board):
        self.board = board
        board.exec(BEN)
        self.house = House("ana", "ben")
        self.said = []
        self.posted = []
        self.receive = self.house["ben"].receive
        self.house["ben"].receive = self.both
        self.house.hook = self.note

    def note(self, sender, frame):
        if sender == "ben":
            assert self.posted.pop(0) == H(b"frame", frame).hex()
        return (frame,)

    def run(self, call):
        for line in self.board.exec(call, timeout=60).splitlines():
            if line.startswith("posts "):
                self.posted.append(line[6:])
            else:
                self.said.append(line)

    def both(self, label, frame, now):
        self.receive(label, frame, now)
        for at in range(0, len(frame), 512):  # a long line would take the memory that is tested
            self.run(f"write({at}, unhexlify('{frame[at : at + 512].hex()}'))")
        self.run(f"take({now}, {len(frame)})")


def test_a_board_with_164_kb_of_heap_reads_and_writes_24_kb():
    with Board("qemu-rv32", seed=bytes(64)) as board:
        twin = Twin(board)
        house = twin.house.together("ana", "ben")
        for size in (15003, 24000):
            house.say("ana", "ana" * (size // 3))
            assert twin.said.pop() == f"Text {size} ana"
            twin.run(f"send({house.now}, 'ben' * {size // 3})")
            house["ben"].send("ben" * (size // 3), house.now)
            house.settle()
            assert twin.said.pop() == f"Text {size} ben"
        assert twin.said == twin.posted == []
        assert len(house.texts("ana")) == 4


def test_what_is_too_long_for_a_boards_memory_costs_this_text_and_nothing_else():
    with Board("qemu-rv32", seed=bytes(64)) as board:
        twin = Twin(board)
        house = twin.house.together("ana", "ben")
        house.say("ana", "x" * 65536)
        assert twin.said == ["Undelivered"]
        house.say("ana", "short")
        assert twin.said == ["Undelivered", "Text 5 sho"]
        house.assert_one_session("ana", "ben")
        assert len(house.of("ben", events.Text)) == 2  # the twin has memory enough
