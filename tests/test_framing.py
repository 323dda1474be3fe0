"""A serial line shared by frames and a console: damage costs one frame, never a wrong one."""

import random

import pytest
from cobs import cobs

from mpseq_aio import framing
from mpseq_aio.framing import (
    MAX_LINE,
    MAX_PAYLOAD,
    FrameReader,
    FrameWriter,
    clean,
    encode,
    printable,
)


def frames(items):
    return [item for item in items if isinstance(item, bytes)]


def lines(items):
    return [item for item in items if isinstance(item, str)]


def read(data, step=None, reader=None):
    """Everything a reader gives for `data`, fed in pieces of `step` bytes."""
    reader = reader or FrameReader()
    step = step or max(len(data), 1)
    out = []
    for at in range(0, len(data), step):
        out.extend(reader.feed(data[at : at + step]))
    return out


EDGES = [0, 1, 2, 249, 250, 251, 253, 254, 255, 256, 504, 505, 508, 509, 1016, MAX_PAYLOAD]


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("fill", ["zeros", "ones", "random", "counter"])
def test_the_encoding_is_the_cobs_that_others_speak(size, fill):
    payload = {
        "zeros": bytes(size),
        "ones": b"\x01" * size,
        "random": random.Random(size).randbytes(size),
        "counter": bytes(i % 256 for i in range(size)),
    }[fill]
    wire = encode(payload)
    assert wire[:2] == b"\0\x02"
    assert wire[-1] == 0
    assert b"\0" not in wire[2:].rstrip(b"\0")
    plain = cobs.decode(wire[2:].rstrip(b"\0"))
    assert plain[:-4] == payload
    assert wire[1:].strip(b"\0") == b"\x02" + cobs.encode(plain)
    assert read(wire) == [payload]


@pytest.mark.parametrize("seed", range(20))
def test_parts_are_joined_in_small_chunks(seed):
    dice = random.Random(seed)
    writer = FrameWriter()
    for _ in range(40):
        parts = [
            bytes(dice.choice((0, 1, 2, 255)) if dice.random() < 0.02 else 7 for _ in range(size))
            for size in (dice.choice([0, 1, 253, 254, 255, 508, 1200]) for _ in range(3))
        ]
        chunks = [bytes(chunk) for chunk in writer.chunks(*parts)]
        wire = b"".join(chunks)
        assert max(map(len, chunks)) <= 500
        assert wire[2:].rstrip(b"\0") == cobs.encode(cobs.decode(wire[2:].rstrip(b"\0")))
        assert read(wire) == [b"".join(parts)]
        assert len(wire) % 64


def test_no_write_is_a_multiple_of_64_bytes():
    assert not [n for n in range(1200) if len(encode(bytes(n))) % 64 == 0]


def test_a_payload_over_the_cap_is_refused_by_the_writer():
    with pytest.raises(ValueError, match="16897"):
        encode(bytes(MAX_PAYLOAD + 1))


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 1000])
def test_frames_and_text_arrive_in_order_in_any_pieces(step):
    dice = random.Random(step)
    sent, wire = [], b""
    for number in range(40):
        payload = dice.randbytes(dice.choice([0, 1, 30, 254, 700]))
        sent.append(payload)
        wire += encode(payload)
        if number % 3 == 0:
            sent.append(f"log line {number}: grüße")
            wire += f"log line {number}: grüße\r\n".encode()
    assert read(wire, step) == sent


def test_a_line_of_text_is_shown_before_the_next_frame_comes():
    reader = FrameReader()
    assert list(reader.feed(b"boot: ok\nhalf")) == ["boot: ok"]
    assert list(reader.feed(b" a line")) == []
    assert list(reader.idle()) == ["half a line"]
    assert list(reader.feed(encode(b"x"))) == [b"x"]


def test_a_board_that_dies_inside_a_frame_still_shows_its_traceback():
    reader = FrameReader()
    cut = encode(random.Random(1).randbytes(200))[:120]
    crash = b'Traceback (most recent call last):\r\n  File "main.py"\r\nMemoryError: \r\n'
    assert list(reader.feed(cut + crash)) == []
    text = "\n".join(lines(reader.idle()))
    assert "Traceback" in text and "MemoryError" in text
    assert list(reader.feed(b">>> ok\n" + encode(b"again"))) == [">>> ok", b"again"]


def test_a_frame_cut_by_the_next_start_costs_only_itself():
    reader = FrameReader()
    whole = encode(b"second")
    assert frames(reader.feed(encode(b"first" * 20)[:50] + whole + encode(b"third"))) == [
        b"second",
        b"third",
    ]
    assert reader.bad == 1


def test_a_lost_closing_or_opening_zero_costs_nothing():
    one, two = encode(b"one"), encode(b"two")
    assert read(one.rstrip(b"\0") + two) == [b"one", b"two"]
    assert read(one + two[1:]) == [b"one", b"two"]


def test_endless_input_without_a_zero_keeps_memory_bounded():
    reader = FrameReader(max_payload=1000)
    before = len(reader._frame), len(reader._line)
    assert read(b"\0\x02" + b"\x55" * 100_000, 999, reader) == []
    assert reader.overlong == 1
    out = read(b"\0" + b"y" * 10_000, 999, reader)
    assert all(len(line) <= MAX_LINE for line in out) and len(out) >= 10_000 // MAX_LINE
    assert len(reader._frame) <= 1008 and len(reader._line) == before[1]  # the cap of a frame
    assert frames(reader.feed(encode(b"after"))) == [b"after"]


def damage(wire, dice):
    """`wire` with one to three flips, drops, insertions or doublings; never unchanged."""
    while True:
        out = bytearray(wire)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(out))
            what = dice.randrange(4)
            if what == 0:
                out[at] ^= 1 << dice.randrange(8)
            elif what == 1:
                del out[at : at + dice.randint(1, 5)]
            elif what == 2:
                out[at:at] = dice.randbytes(dice.randint(1, 5))
            else:
                out[at:at] = out[at : at + dice.randint(1, 20)]
        if bytes(out) != wire:
            return bytes(out)


@pytest.mark.parametrize("seed", range(30))
def test_damage_never_makes_a_wrong_frame_and_later_frames_come_through(seed):
    dice = random.Random(seed)
    reader = FrameReader()
    for _ in range(60):
        sent = [dice.randbytes(dice.choice([0, 5, 40, 142, 600])) for _ in range(3)]
        good = encode(sent[2])
        wire = encode(sent[0]) + damage(encode(sent[1]), dice) + encode(b"sync") + good
        got = frames(read(wire, dice.randint(1, 400), reader))
        assert got[-1] == sent[2]
        assert all(item in (*sent, b"sync") for item in got)


def test_pure_noise_gives_no_frame():
    noise = random.Random(7).randbytes(300_000)
    assert frames(read(noise, 777)) == []


def test_a_terminal_never_gets_control_bytes_from_a_device():
    assert printable(b"\x1b[2Jhello\x07") == "\\x1b[2Jhello\\x07"
    assert printable("tab\tgrün".encode()) == "tab\tgrün"
    assert printable(b"\xff\xfe\x00ok") == "\\xff\\xfe\\x00ok"
    assert clean("a\x9bb\nc") == "a\\x9bb\\x0ac"
    assert clean("a\u202eb\u2066") == "a\\u202eb\\u2066"
    assert clean("a\u061cb") == "a\\u061cb"


@pytest.mark.parametrize("code", [0xAD, 0x180E, 0x200B, 0x2060, 0x2064, 0xFEFF, 0xFFF9, 0xE0041])
def test_no_two_nicks_look_alike_by_what_shows_nothing(code):
    assert clean("ana" + chr(code)) not in ("ana", "ana" + chr(code))


# --- what goes towards a device


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_a_shielded_frame_holds_nothing_that_a_repl_obeys(step):
    payload = bytes(range(256)) * 3 + b"\x1f\x1f\x03\r\nprint('x')\r\n\x04"
    wire = framing.shield(framing.encode(payload))
    assert wire[:2] == b"\0\x1e" and wire[-1:] == b"\0"
    assert not set(wire[1:-1]) & set(b"\0\x01\x02\x03\x04\x05\n\r")
    reader = framing.FrameReader()
    out = []
    for at in range(0, len(wire), step):
        out += reader.feed(wire[at : at + step])
    assert out == [payload]


def test_a_shielded_frame_that_is_damaged_is_dropped_and_the_next_comes():
    payload = bytes(range(256))
    good = framing.shield(framing.encode(payload))
    for at in range(2, len(good) - 1, 5):
        for byte in (0x1F, 0x40, 0x5F):
            reader = framing.FrameReader()
            bad = good[:at] + bytes((byte,)) + good[at + 1 :]
            got = [item for item in reader.feed(bad + good) if isinstance(item, bytes)]
            assert got[-1:] == [payload] and len(got) <= 2
            assert got == [payload] * len(got)


def test_an_escape_that_makes_a_zero_does_not_hang_the_reader():
    reader = framing.FrameReader()
    assert list(reader.feed(b"\0\x1e\x1f\x40\x1f\x40\0")) == []
    assert reader.bad == 1
