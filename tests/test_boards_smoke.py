"""Every MicroPython we build starts and has what mpseq stands on."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mpseq_tools.qemu import BOARDS, Board, BoardError, firmware_path

SEED = bytes(range(64))
UNIX = firmware_path("").parents[1] / "unix"


@pytest.fixture(params=BOARDS)
def name(request):
    return request.param


def chacha20_block(key: bytes) -> bytes:
    """Block 0 of ChaCha20 under a zero nonce, as in RFC 8439."""

    def quarter(s, a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xFFFFFFFF
            s[z] ^= s[x]
            s[z] = (s[z] << n | s[z] >> (32 - n)) & 0xFFFFFFFF

    start = b"expand 32-byte k" + key + bytes(16)
    words = [int.from_bytes(start[i : i + 4], "little") for i in range(0, 64, 4)]
    state = list(words)
    for _ in range(10):
        for i in range(4):
            quarter(state, i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(state, i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12)
    sums = ((a + b) & 0xFFFFFFFF for a, b in zip(words, state, strict=True))
    return b"".join(word.to_bytes(4, "little") for word in sums)


def drawn(seed: bytes, size: int) -> bytes:
    """What a board's os.urandom gives first under this seed."""
    key = bytes(a ^ b for a, b in zip(chacha20_block(seed[:32])[:32], seed[32:], strict=True))
    out = b""
    while len(out) < size:
        block = chacha20_block(key)
        key, out = block[:32], out + block[32:]
    return out[:size]


@pytest.mark.parametrize("linked", (True, False), ids=("linked", "plain"))
def test_a_board_has_the_modules_a_clock_and_the_heap_of_a_real_one(name, linked):
    with Board(name, linked=linked, seed=SEED) as board:
        free = board.exec(
            "import asyncio, select, json, time, os, sys, gc\n"
            "assert len(os.urandom(8)) == 8 and sys.stdin.buffer and sys.stdout.buffer\n"
            "gc.collect()\nprint(gc.mem_free())"
        )
        assert int(free) >= 150_000
        present = "import monocypher, mpseq.wire, mpseq_aio.framing"
        if linked:
            board.exec(present)
        else:
            with pytest.raises(BoardError, match="ImportError"):
                board.exec(present)


@pytest.mark.parametrize("icount", (False, True), ids=("free", "icount"))
def test_a_sleeping_board_wakes_in_time(name, icount):
    with Board(name, icount=icount) as board:
        naps = []
        for _ in range(3):  # this machine may wake the emulator late, but not each time
            begin = time.monotonic()
            passed = board.exec(
                "import time, asyncio\nasync def nap(): await asyncio.sleep(1)\n"
                "t = time.ticks_ms()\ntime.sleep(0.2)\n"
                "print(time.ticks_diff(time.ticks_ms(), t))\n"
                "t = time.ticks_ms()\nasyncio.run(nap())\n"
                "print(time.ticks_diff(time.ticks_ms(), t))"
            ).split()
            assert 1 < time.monotonic() - begin < 8
            naps.append([int(one) for one in passed])
            assert naps[-1][0] >= 199 and naps[-1][1] >= 999
            if naps[-1][0] < 400 and naps[-1][1] < 1400:
                break
        else:
            pytest.fail(f"naps of 200 and 1000 ms: {naps}")


def test_the_instruction_counter_reads_the_same_on_every_run():
    code = (
        "import machine\nt = machine.mem32[0x200bff8]\nfor i in range(1000): pass\n"
        "print(machine.mem32[0x200bff8] - t)"
    )
    counts = set()
    for _ in range(2):
        with Board("qemu-rv32", icount=True) as board:
            counts.add(int(board.exec(code)))
    assert max(counts) - min(counts) <= max(counts) // 100


def test_ctrl_c_interrupts_a_loop_a_sleep_and_a_read(name):
    with Board(name) as board:
        for endless in ("while True: pass", "time.sleep(100)", "sys.stdin.read(1)"):
            board.start(f"import sys, time\nprint('on')\n{endless}")
            time.sleep(0.2)
            board.interrupt()
            with pytest.raises(BoardError, match="KeyboardInterrupt"):
                board.wait(60)
        assert board.exec("print(6 * 7)") == "42\n"


def test_every_byte_passes_both_ways(name):
    echo = (
        "import micropython, select, sys\n"
        "micropython.kbd_intr(-1)\n"
        "poll = select.poll()\npoll.register(sys.stdin, select.POLLIN)\n"
        "left = 2048\n"
        "while left:\n"
        "    poll.poll()\n"
        "    sys.stdout.buffer.write(sys.stdin.buffer.read(1))\n"
        "    left -= 1\n"
        "micropython.kbd_intr(3)\n"
    )
    sent = bytes(range(256)) * 8
    with Board(name) as board:
        board.start(echo)
        fd = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(fd, sent)
            got = b""
            while len(got) < len(sent):
                assert select.select([fd], [], [], 60)[0], f"{len(got)} bytes have come back"
                got += os.read(fd, len(sent) - len(got))
        finally:
            os.close(fd)
        assert got == sent
        board.wait()


def test_asyncio_reads_stdin(name):
    code = (
        "import asyncio, sys\n"
        "async def main():\n"
        "    reader = asyncio.StreamReader(sys.stdin.buffer)\n"
        "    print(await reader.read(3))\n"
        "asyncio.run(main())\n"
    )
    with Board(name) as board:
        board.start(code)
        time.sleep(0.1)
        fd = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
        os.write(fd, b"abc")
        os.close(fd)
        assert board.wait(60) == "b'abc'\n"


def test_the_seed_alone_decides_what_urandom_gives(name):
    code = "import os; print((os.urandom(8) + os.urandom(100)).hex())"
    other = bytes(64 - i for i in range(64))
    outputs = []
    for seed in (SEED, SEED, other):
        with Board(name, linked=False, seed=seed) as board:
            outputs.append(bytes.fromhex(board.exec(code)))
    assert outputs[0] == outputs[1] != outputs[2]
    # 8 bytes use up a whole block: the second call starts a new one.
    expected = drawn(SEED, 160)
    assert outputs[0] == expected[:8] + expected[32:132]


def test_a_board_without_a_seed_refuses(name):
    with Board(name) as board, pytest.raises(BoardError, match="RuntimeError"):
        board.exec("import os; os.urandom(1)")


def test_a_seed_is_gone_once_used(name):
    address = {"qemu-rv32": 0x80700000, "qemu-cortex-m3": 0x21000000}[name]
    with Board(name, seed=SEED) as board:
        peek = (
            "import machine\n"
            f"print(bytes(machine.mem8[{address} + i] for i in range(64)).hex())"
        )
        assert board.exec(peek).strip() == SEED.hex()
        board.exec("import os; os.urandom(1)")
        assert board.exec(peek).strip() == bytes(64).hex()


def test_a_long_program_arrives_whole(name):
    lines = [f"x{i} = {i}  # {'.' * 60}" for i in range(300)]
    with Board(name) as board:
        assert board.exec("\n".join([*lines, "print(x0 + x299)"]), timeout=30) == "299\n"


def test_an_error_in_the_text_is_told(name):
    with Board(name) as board:
        with pytest.raises(BoardError, match="SyntaxError"):
            board.exec("x = )\n" + "y = 1\n" * 1000)
        assert board.exec("print(1)") == "1\n"


def test_mpremote_runs_a_file_and_mounts_a_folder(name, tmp_path: Path):
    (tmp_path / "beside.py").write_text("word = 'from the host'\n")
    (tmp_path / "script.py").write_text("print('ran')\n")
    with Board(name, linked=False) as board:
        mpremote = [sys.executable, "-m", "mpremote", "connect", board.port]
        for arguments, expected in (
            (["run", "script.py"], "ran"),
            (["mount", ".", "exec", "import beside; print(beside.word)"], "from the host"),
        ):
            done = subprocess.run(
                mpremote + arguments, cwd=tmp_path, capture_output=True, text=True, timeout=60
            )
            assert expected in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("program", ("mpseq-micropython", "micropython-plain"))
def test_unix_micropython_has_what_mpseq_needs(program):
    code = "import asyncio, select, json, cryptolib, os; print(len(os.urandom(8)))"
    if program == "mpseq-micropython":
        code += "\nimport monocypher, mpseq.wire, mpseq_aio.framing"
    done = subprocess.run([UNIX / program, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "8\n"), done.stderr


def test_a_missing_firmware_names_the_cure(monkeypatch, tmp_path):
    monkeypatch.setenv("MPSEQ_BUILD", str(tmp_path))
    with pytest.raises(BoardError, match="make firmware"):
        Board("qemu-rv32")
