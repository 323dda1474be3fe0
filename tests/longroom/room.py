"""A room of desktop members and one member on an emulated board, on a clock of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

from mpseq import Conversation, Identity, events

MEMBER = Path(__file__).with_name("member.py")
_NEVER = 0xFFFFFFFF
_PATIENCE = 60


def install(board, packages):
    """The package for mip of this board's architecture, as a user would bring it there."""
    package = packages / "rv32imc"
    subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", board.port]
        + ["mip", "install", "--target", "/lib", str(package / "package.json")],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


class OnBoard:
    """The member on the board, with the methods of a Conversation that the room uses."""

    def __init__(self, board):
        self.board = board
        board.start(MEMBER.read_text())
        board._read_until(b"ready\n", time.monotonic() + _PATIENCE)
        self.frames, self.lines, self.due = [], [], None
        self.memory = []  # free bytes after each collection
        self.longest = 0  # of one call of the core, in steps of the board's clock
        self.seen = []

    def _read(self, size):
        return self.board._read_exactly(size, time.monotonic() + _PATIENCE)

    def do(self, command, now, data=b""):
        head = command.encode() + now.to_bytes(4, "big") + len(data).to_bytes(2, "big")
        self.board._write(head + bytes(data), time.monotonic() + _PATIENCE)
        if command == "q":
            return []
        for _ in range(self._read(1)[0]):
            self.frames.append(self._read(int.from_bytes(self._read(2), "big")))
        lines = []
        for _ in range(int.from_bytes(self._read(2), "big")):
            lines.append(self._read(int.from_bytes(self._read(2), "big")).decode())
        due = int.from_bytes(self._read(4), "big")
        self.due = None if due == _NEVER else due
        self.seen += lines
        return lines

    def receive(self, label, frame, now):
        self.do("r", now, frame)

    def tick(self, now):
        self.do("t", now)

    def send(self, text, now):
        self.do("s", now, text.encode())

    def rekey(self, now):
        self.do("k", now)

    def next_tick(self):
        return self.due

    def take_frames(self):
        frames, self.frames = self.frames, []
        return frames

    def take_events(self):
        return []

    def key(self):
        return bytes.fromhex(self.do("i", 0)[0])

    def measure(self, now):
        free, longest = self.do("m", now)[-1].split()
        self.memory.append(int(free))
        self.longest = int(longest)


class Room:
    def __init__(self, desktops, board):
        self.now = 1000
        self.people = {}
        self.seen = {}
        for number in range(desktops):
            name = f"d{number}"
            self.people[name] = Conversation(Identity.generate(os.urandom), name, os.urandom)
            self.seen[name] = []
        self.people["board"] = board

    def gather(self):
        """Everyone into one session."""
        first, *others = self.people
        self.people[first].create("long", self.now)
        self.settle()
        keys = [(name, self._key(name)) for name in others]
        self.people[first].invite(keys, self.now)
        self.settle(30000)

    def _key(self, name):
        one = self.people[name]
        return one.key() if isinstance(one, OnBoard) else one.identity.public

    def talk(self, messages, rekeys, measure_at=()):
        """All in turn say something; in between one of them re-keys."""
        names, done = list(self.people), 0
        for number in range(1, messages + 1):
            self.people[names[number % len(names)]].send(f"message {number}", self.now)
            self.settle(700)
            if number * rekeys // messages > done:
                done += 1
                self.people[names[done % len(names)]].rekey(self.now)
                self.settle(5000)
            if number in measure_at:
                self.people["board"].measure(self.now)

    def settle(self, span=0):
        """Everything that is due until nothing happens for this many ms."""
        quiet_at = self.now + span
        while True:
            moved = self._exchange()
            if moved:
                quiet_at = max(quiet_at, self.now)
                continue
            due = [one.next_tick() for one in self.people.values()]
            due = [one for one in due if one is not None]
            if not due or min(due) > quiet_at:
                self.now = max(self.now, quiet_at)
                return
            self.now = max(self.now, min(due))
            for one in self.people.values():
                if one.next_tick() is not None and one.next_tick() <= self.now:
                    one.tick(self.now)

    def _exchange(self):
        moved = False
        for name, one in self.people.items():
            for frame in one.take_frames():
                moved = True
                for other in self.people.values():
                    other.receive(name, frame, self.now)
        for name, one in self.people.items():
            for event in one.take_events():
                self.seen[name].append(event)
                if isinstance(event, events.Invited):
                    one.accept(event.invitation, self.now)
                    moved = True
        return moved
