"""One member on a board, moved by the host step by step: the core, and nothing else of ours.

Host: command (1 byte), time in ms (4), length (2), that many bytes. Answer: how many frames (1),
each behind its length (2); how many lines (2), each behind its length (2); the next tick (4).
"""

import gc
import os
import sys

import machine
import micropython

from mpseq import Conversation, Identity

_NEVER = 0xFFFFFFFF
_CLOCK = 0x200BFF8  # 10 MHz; with -icount 100 instructions a step


def run():
    micropython.kbd_intr(-1)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    me = Conversation(Identity.generate(os.urandom), "board", os.urandom)
    me.settings.pairs_at_once = 1  # as mpseq_aio.Chat has it
    head = bytearray(7)
    longest = 0
    sink.write(b"ready\n")
    while True:
        source.readinto(head)
        now = int.from_bytes(head[1:5], "big")
        size = int.from_bytes(head[5:7], "big")
        data = bytearray(size)
        if size:
            source.readinto(data)
        lines = []
        command = chr(head[0])
        begin = machine.mem32[_CLOCK]
        if command == "q":
            break
        if command == "r":
            me.receive("label", data, now)
        elif command == "t":
            me.tick(now)
        elif command == "s":
            me.send(bytes(data).decode(), now)
        elif command == "k":
            me.rekey(now)
        elif command == "i":
            lines.append(me.identity.public.hex())
        elif command == "m":
            gc.collect()
            lines.append("%d %d" % (gc.mem_free(), longest))
        if command in "rtsk":
            longest = max(longest, (machine.mem32[_CLOCK] - begin) & 0xFFFFFFFF)
        for event in me.take_events():
            name = type(event).__name__
            if name == "Invited":
                me.accept(event.invitation, now)
            if name == "Text":
                name += " " + event.text
            elif name == "SessionStarted":
                name += " %d" % len(event.members)
            lines.append(name)
        frames = me.take_frames()
        sink.write(bytes((len(frames),)))
        for frame in frames:
            sink.write(len(frame).to_bytes(2, "big"))
            sink.write(frame)
        sink.write(len(lines).to_bytes(2, "big"))
        for line in lines:
            line = line.encode()
            sink.write(len(line).to_bytes(2, "big"))
            sink.write(line)
        due = me.next_tick()
        sink.write((_NEVER if due is None else due).to_bytes(4, "big"))


run()
