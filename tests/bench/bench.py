"""`make bench`: what mpseq costs, as tables and as build/bench.json.

CPU times are process times of one run and compare only with one another; frames, bytes,
instructions and heap bytes are exact and the same on every run.
"""

import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "core")]

import board  # noqa: E402
from calls import Calls  # noqa: E402
from house import House  # noqa: E402

from mpseq.primitives import mc  # noqa: E402

SIZES = (2, 5, 10, 20, 50)

# Measured once, on another machine, with their own libraries: only frames and bytes compare.
PEERS_ROOM = (
    ("np1sec (C++)", 11466, 2580000, 129_000_000),
    ("Signal sender keys", 2450, 2520000, 4_700_000),
    ("Matrix Olm/Megolm", 2450, 1030000, 1_300_000),
    ("MLS (rfc9420, creator's commit)", 50, 28600, 750_000),
    ("MLS (ts-mls, everyone contributes)", 100, 177000, 7_900_000),
)
PEERS_MESSAGE = (
    ("np1sec", 335, 635), ("Signal", 142, 367), ("Megolm", 126, 351), ("MLS (ts-mls)", 177, 402),
)


def nicks(n):
    return ["m%02d" % i for i in range(n)]


def floor(counts):
    """CPU seconds of these X25519, sign and check calls alone."""
    public = mc.x25519_public_key(bytes(range(32)))
    secret, verifier = mc.eddsa_key_pair(bytes(32))
    digest = bytes(32)
    signature = mc.eddsa_sign(secret, digest)
    out = bytearray(32)
    mine = bytes(secret[:32])
    begin = time.process_time()
    for _ in range(counts.get("x25519", 0)):
        mc.x25519(mine, public, out)
    for _ in range(counts.get("x25519_public_key", 0)):
        mc.x25519_public_key(mine)
    for _ in range(counts.get("eddsa_sign", 0)):
        mc.eddsa_sign(secret, digest)
    for _ in range(counts.get("eddsa_check", 0)):
        mc.eddsa_check(signature, verifier, digest)
    return time.process_time() - begin


def room(n, rounds=3):
    """One batch: a founder brings n - 1 others in; all can send and read at the end.

    The room and its floor are timed in turn and the best of each counts: other programs on the
    machine only ever add.
    """
    with Calls() as calls:
        House(*nicks(n)).together(*nicks(n))
    counts = calls.by_name()
    cpu, least = [], []
    for _ in range(rounds):
        house = House(*nicks(n))
        begin = time.process_time()
        house.together(*nicks(n))
        cpu.append(time.process_time() - begin)
        least.append(floor(counts))
    house.assert_one_session(*nicks(n))
    posted = sum(len(frame) for frame in house.frames)
    return {
        "n": n,
        "frames": len(house.frames),
        "posted_bytes": posted,
        "delivered_bytes": posted * n,
        "cpu_s_total": min(cpu),
        "cpu_s_per_member": min(cpu) / n,
        "cpu_s_floor": min(least),
    }


def message(size, suite=1, rounds=200):
    """A text of `size` bytes among 10: on the wire, and CPU to send and to receive it."""
    house = House(*nicks(10))
    house.found("m00", suite=suite)
    house.bring("m00", *nicks(10)[1:])
    one, other = house["m00"], house["m01"]
    sending = receiving = 0.0
    wire = None
    for _ in range(rounds):
        begin = time.process_time()
        one.send("x" * size, house.now)
        sending += time.process_time() - begin
        (frame,) = one.take_frames()
        wire = wire or len(frame)
        for nick in house.order:
            if nick != "m01":
                house[nick].receive("m00", frame, house.now)
        begin = time.process_time()
        other.receive("m00", frame, house.now)
        receiving += time.process_time() - begin
        house.drain()
    assert len(house.texts("m01")) == rounds
    return {
        "suite": suite,
        "text_bytes": size,
        "wire_bytes": wire,
        "send_cpu_us": sending / rounds * 1e6,
        "receive_cpu_us": receiving / rounds * 1e6,
    }


def table(title, heads, rows):
    rows = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(heads), *rows]) for i in range(len(heads))]
    print(f"\n{title}")
    for row in [list(heads), ["-" * width for width in widths], *rows]:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *rest]))


def print_room(rows):
    cells = [
        (
            f"n = {row['n']}", row["frames"], row["posted_bytes"], row["delivered_bytes"],
            f"{row['cpu_s_total']:.3f}", f"{row['cpu_s_per_member'] * 1000:.1f}",
            f"{row['cpu_s_total'] / row['cpu_s_floor']:.2f}",
        )
        for row in rows
    ]
    heads = ("one batch", "frames", "posted B", "delivered B", "CPU s", "ms/member", "x floor")
    table("Bringing a group together (one process, CPython over pymonocypher)", heads, cells)
    table(
        "The same for others at n = 50 (measured elsewhere, on another machine)",
        ("peer", "frames", "posted B", "delivered B"), PEERS_ROOM,
    )


def print_message(rows):
    cells = [
        (f"mpseq, {row['text_bytes']} bytes, suite {row['suite']}", row["wire_bytes"],
         f"{row['send_cpu_us']:.0f}", f"{row['receive_cpu_us']:.0f}")
        for row in rows
    ]
    table("A text on the wire (n = 10)", ("", "bytes", "send us", "receive us"), cells)
    table("The same for others (measured elsewhere)", ("peer", "32 B", "256 B"), PEERS_MESSAGE)


def print_board(b):
    heads = ("", "instructions", "ms at 160 MHz, 1 per cycle")
    names = ("x25519", "eddsa_sign", "eddsa_check", "send", "receive", "join10", "join10_floor")
    cells = [(name, b[name], f"{b[name] / 160e3:.1f}") for name in names]
    table("Emulated RV32IMC board (counted by qemu -icount)", heads, cells)
    print(f"join10 / floor: {b['join10'] / b['join10_floor']:.2f}")
    print(f"heap: {b['heap_free_start']:,} bytes free at the start of 163,840, "
          f"{b['heap_free_10']:,} in a conversation of 10 with carrier and façade "
          f"({b['heap_free_10_core']:,} with the core alone)")


def main():
    result = {"room": [], "message": []}
    for n in SIZES:
        print(f"a room of {n} ...", file=sys.stderr, flush=True)
        result["room"].append(room(n))
    result["message"] = [message(32), message(256), message(32, 2), message(256, 2)]
    print("the emulated board ...", file=sys.stderr, flush=True)
    result["rv32imc"] = board.measure()
    print_room(result["room"])
    print_message(result["message"])
    print_board(result["rv32imc"])
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nwritten: {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
