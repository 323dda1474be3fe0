"""The bench on the emulated RV32IMC board: instructions and heap, exact (`-icount shift=0`).

The board plays one member of a room of ten whose other nine run here, from seeds: all its frames
must be the ones that this process computed for it, or the measurement is void.
"""

import asyncio
import inspect
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "core")]

from calls import Calls  # noqa: E402
from house import House, Seeded  # noqa: E402

from mpseq import wire  # noqa: E402
from mpseq_tools.devices import connect  # noqa: E402
from mpseq_tools.qemu import Board  # noqa: E402
from mpseq_tools.relay import Relay  # noqa: E402

ME = "m05"
N = 10

PRELUDE = """
import gc
from machine import mem32
from binascii import unhexlify as x
import monocypher as mc
def t():
    return mem32[0x200bff8]
def run(f, *a):
    b = t(); f(*a); return (t() - b) * 100
"""

IMPORTS = """
from mpseq import Conversation, Identity
from mpseq.primitives import H, blake2b_framed
"""

MEMBER = """
random = Seeded("house/%s")
me = Conversation(Identity.generate(random), "%s", random)
def take(now, frame):
    cost = run(me.receive, "carrier", frame, now)
    for event in me.take_events():
        if type(event).__name__ == "Invited":
            me.accept(event.invitation, now)
    for out in me.take_frames():
        print("out", H(b"frame", out).hex())
    print("cost", cost)
def send(now, text):
    print("cost", run(me.send, text, now))
    for out in me.take_frames():
        print("out", H(b"frame", out).hex())
gc.collect()
"""

# One primitive with arguments of the sizes given, valid ones where it stops at the first fault.
PRIMITIVE = """
s = bytearray(range(32)); p = mc.x25519_public_key(s)
k, v = mc.eddsa_key_pair(s); d = bytes(32); sig = mc.eddsa_sign(k, d); n = bytes(24)
def cost(name, sizes):
    f = getattr(mc, name)
    a = [-z if z < 0 else bytearray(z) for z in sizes]
    if name == "x25519": a[0] = s; a[1] = p
    elif name == "eddsa_sign": a[0] = k
    elif name == "eddsa_check": a = [sig, v, d]
    elif name == "aead_unlock": a[3] = mc.aead_lock(a[0], a[1], a[2], bytes(sizes[3] - 16))
    gc.collect()
    b = t(); e = t() - b
    b = t(); f(*a); f(*a); f(*a); f(*a); f(*a)
    return (t() - b - e) * 20
"""


class Member:
    """ME on the board, beside the same member in a House here."""

    def __init__(self, board):
        self.board = board
        board.exec(IMPORTS + inspect.getsource(Seeded) + MEMBER % (ME, ME))

    def run(self, call):
        """Runs one call on the board: (instructions, hashes of the frames it posted)."""
        out = [line.split() for line in self.board.exec(call, timeout=120).splitlines()]
        cost = [int(line[1]) for line in out if line[0] == "cost"]
        return cost[0], [line[1] for line in out if line[0] == "out"]

    def receive(self, now, frame):
        return self.run(f"take({now}, x('{frame.hex()}'))")


def heap(board):
    return int(board.exec("gc.collect(); gc.collect(); print(gc.mem_free())"))


def join(member, calls):
    """The room comes together; returns (instructions of the exchange, frames of it)."""
    from mpseq.primitives import H

    house = House(*["m%02d" % i for i in range(N)])
    cost = 0
    expected = []
    here = house[ME]
    original = here.receive

    def mirrored(label, frame, now):
        nonlocal cost
        kind = wire.frame_type(frame)
        calls.on = kind in (wire.ROSTER, wire.SHARE, wire.CONFIRM)
        original(label, frame, now)
        calls.on = False
        spent, posted = member.receive(now, frame)
        expected.extend(posted)
        if kind in (wire.ROSTER, wire.SHARE, wire.CONFIRM):
            cost += spent

    here.receive = mirrored
    house.together(*house.order)
    here.receive = original
    house.assert_one_session(*house.order)
    mine = [H(b"frame", frame).hex() for frame in house.frames]
    if len(expected) != 3 or not set(expected) <= set(mine):
        raise AssertionError("the board posted other frames than its twin here")
    return house, cost


def talk(house, member):
    """Instructions to send a text of 32 bytes, and to receive one."""
    house["m01"].send("y" * 32, house.now)
    (frame,) = house["m01"].take_frames()
    member.receive(house.now, frame)
    house["m01"].receive("m01", frame, house.now)
    house["m01"].send("z" * 32, house.now)
    (frame,) = house["m01"].take_frames()
    receive, _ = member.receive(house.now, frame)
    send, posted = member.run(f"send({house.now}, 'x' * 32)")
    if len(posted) != 1:
        raise AssertionError("the board posted %d frames for one text" % len(posted))
    return send, receive


def floor(board, counts):
    """The sum of the Monocypher calls `counts`, each measured on the board by itself."""
    total = 0
    for (name, sizes), count in sorted(counts.items()):
        total += count * int(board.exec(f"print(cost({name!r}, {list(sizes)}))", timeout=60))
    return total


async def _heap_in_a_room():
    """Bytes free on a board that is one of ten in a real room: carrier, façade and all."""
    relay = Relay(port=0)
    await relay.start()
    names = ["m%02d" % i for i in range(N)]
    devices = []
    try:
        for name in names:
            kind = "qemu-rv32" if name == ME else "cpython"
            device = await connect(kind, name, relay.port)
            devices.append(device)
            way = {} if name == ME else {"tcp": ["127.0.0.1", relay.port]}
            await device.be("bench", settings={"batch_wait": 30000, "ack_after": 500}, **way)
            await device.do("open")
        founder, others = devices[0], devices[1:]
        await founder.do("create", name="bench")
        await founder.do("invite", people=[[one.name, one.key] for one in others])
        me = devices[names.index(ME)]
        await me.expect("SessionStarted", lambda fields: len(fields[1]) == N)
        for one in devices:
            await one.do("send", text=f"a text of {one.name}")
        heard = [
            await me.expect("Text", lambda fields, name=one.name: fields[0] == name)
            for one in devices
        ]
        last = max(fields[2] for fields in heard)
        await me.expect("Confirmed", lambda fields: fields[0] >= last)
        # At rest: before that, what is on its way is a matter of luck.
        free = None
        for _ in range(20):
            before, free = free, (await me.do("state"))["free"]
            if free == before:
                break
            await asyncio.sleep(1)
        return free
    finally:
        for device in devices:
            await device.close()
        await relay.stop()


def measure():
    """The `rv32imc` part of build/bench.json."""
    with Board("qemu-rv32", icount=True, seed=bytes(64)) as board:
        board.exec(PRELUDE)
        start = heap(board)
        member = Member(board)
        with Calls(on=False) as calls:
            house, join10 = join(member, calls)
        free = heap(board)
        send, receive = talk(house, member)
    with Board("qemu-rv32", icount=True, seed=bytes(64)) as board:
        board.exec(PRELUDE + PRIMITIVE)

        def one(name, *sizes):
            return floor(board, {(name, sizes): 1})

        return {
            "x25519": one("x25519", 32, 32, 32),
            "eddsa_sign": one("eddsa_sign", 64, 32),
            "eddsa_check": one("eddsa_check", 64, 32, 32),
            "send": send,
            "receive": receive,
            "join10": join10,
            "join10_floor": floor(board, calls.counts),
            "heap_free_start": start,
            "heap_free_10": asyncio.run(_heap_in_a_room()),
            "heap_free_10_core": free,
        }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
