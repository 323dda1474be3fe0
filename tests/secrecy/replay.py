"""One member, alone in its process, lives through what a script says: for CPython and MicroPython.

    replay.py < script

The script names the member's seed and what came to it, in the order in which it came (record.py
wrote it down); no secret but the seed stands in it. Each `mark` stops here until the next line, so
that somebody else can look at this process's memory.
"""

import sys
from binascii import unhexlify

from mpseq import Conversation, Identity, Settings, events
from mpseq.primitives import H, blake2b_framed, wipe


class Source:
    """The bytes of house.Seeded, of which no copy is left here."""

    def __init__(self, seed):
        self.seed = seed.encode()
        self.at = 0

    def __call__(self, size):
        whole = bytearray((size + 31) & ~31)
        view = memoryview(whole)
        for begin in range(0, size, 32):
            self.at += 1
            at = self.at.to_bytes(4, "big")
            blake2b_framed(b"", view[begin : begin + 32], b"test", self.seed, at)
        out = bytearray(view[:size])
        wipe(whole)
        return out


class Member:
    def __init__(self):
        self.me = None
        self.invitation = None
        self.posted = H(b"posted")

    def run(self, words):
        command = words.pop(0)
        getattr(self, command)(*words)
        if self.me:
            for frame in self.me.take_frames():
                self.posted = H(b"posted", self.posted, frame)
            for event in self.me.take_events():
                if isinstance(event, events.Invited):
                    self.invitation = event.invitation

    def mark(self):
        print(self.posted.hex())
        sys.stdout.flush() if hasattr(sys.stdout, "flush") else None

    def be(self, nick, seed, psk):
        source = Source(seed)
        identity = Identity.generate(source)
        self.me = Conversation(identity, nick, source, unhexlify(psk), Settings())

    def receive(self, now, label, frame):
        self.me.receive(label, unhexlify(frame), int(now))

    def tick(self, now):
        self.me.tick(int(now))

    def accept(self, now):
        self.me.accept(self.invitation, int(now))
        self.invitation = None  # what is in it is the application's until here

    def create(self, now, name, suite):
        self.me.create(name, int(now), suite=int(suite))

    def invite(self, now, *invitees):
        pairs = [one.split("=") for one in invitees]
        self.me.invite([(nick, unhexlify(key)) for nick, key in pairs], int(now))

    def send(self, now, text):
        self.me.send(str(unhexlify(text), "utf-8"), int(now))

    def rekey(self, now):
        self.me.rekey(int(now))

    def leave(self, now):
        self.me.leave(int(now))


def main():
    member = Member()
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        member.run(line.split())


main()
