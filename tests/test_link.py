"""The messages between a member and its room: one encoding, and a name for every fault."""

import random

import pytest

from mpseq_aio import link

MESSAGES = [
    (link.HELLO, 1, 16384, "kitchen", "ana"),
    (link.POST, b""),
    (link.POST, bytes(link.MAX_FRAME)),
    (link.BYE,),
    (link.PING,),
    (link.TOKEN, "0123456789abcdef"),
    (link.TOKEN, "x" * 64),
    (link.WELCOME, ("ana",)),
    (link.WELCOME, tuple(f"m{i}" for i in range(200))),
    (link.FRAME, "grüße", b"\0\1\2"),
    (link.FRAME, "x" * 64, bytes(link.MAX_FRAME)),
    (link.ENTER, "ben"),
    (link.LEAVE, "ben"),
    (link.ERROR, "too slow"),
    (link.PONG,),
    (link.COMMAND, '{"do": "send"}'),
    (link.REPORT, ""),
    (link.TAKEN, 0),
    (link.TAKEN, 0xFFFFFFFF),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_comes_back_as_it_was(message):
    assert link.decode(link.encode(message)) == message


@pytest.mark.parametrize("message", [m for m in MESSAGES if m[0] not in (link.POST, link.FRAME)])
def test_every_shortened_message_is_refused_or_is_a_shorter_text(message):
    data = link.encode(message)
    for size in range(len(data)):
        if size and message[0] in (link.ERROR, link.COMMAND, link.REPORT):
            continue
        with pytest.raises(link.Truncated):
            link.decode(data[:size])


@pytest.mark.parametrize(
    "kind", [link.HELLO, link.BYE, link.PING, link.WELCOME, link.ENTER, link.TAKEN, link.TOKEN]
)
def test_nothing_may_trail(kind):
    message = next((m for m in MESSAGES if m[0] == kind))
    with pytest.raises(link.Trailing):
        link.decode(link.encode(message) + b"\0")


def test_faults_have_names():
    cases = [
        (b"", link.Truncated),
        (b"\x00", link.UnknownType),
        (b"\x7fabc", link.UnknownType),
        (b"\x02" + bytes(link.MAX_FRAME + 1), link.TooLong),
        (b"\x81" + bytes(link.MAX_MESSAGE), link.TooLong),
        (b"\x83\x00", link.BadName),
        (b"\x83\x03a\nb", link.BadName),
        (b"\x83\x41" + b"a" * 65, link.BadName),
        (b"\x83\x01\xff", link.BadText),
        (b"\x85\xc3", link.BadText),
        (b"\x05", link.Truncated),
        (b"\x05\x00", link.BadName),
        (b"\x05\x41" + b"a" * 65, link.BadName),
        (b"\x05\x02a\n", link.BadName),
        (b"\x05\x01ab", link.Trailing),
    ]
    for data, fault in cases:
        with pytest.raises(fault):
            link.decode(data)


def test_what_cannot_be_decoded_is_not_encoded_either():
    for message, fault in [
        ((link.POST, bytes(link.MAX_FRAME + 1)), link.TooLong),
        ((link.COMMAND, "x" * link.MAX_MESSAGE), link.TooLong),
        ((link.ENTER, ""), link.BadName),
        ((link.ENTER, "a\x1b[2J"), link.BadName),
        ((link.HELLO, 1, 9, "kitchen", "ä" * 33), link.BadName),
        ((0x55,), link.UnknownType),
    ]:
        with pytest.raises(fault):
            link.encode(message)


def test_a_count_of_bytes_goes_round():
    assert link.decode(link.encode((link.TAKEN, 0x1_0000_0005))) == (link.TAKEN, 5)


def test_noise_is_refused_by_name_or_encodes_back_to_itself():
    dice = random.Random(3)
    starts = [0x01, 0x02, 0x03, 0x04, 0x05, 0x41, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0xC1, 0xC2]
    for _ in range(20_000):
        data = bytes([dice.choice(starts)]) + dice.randbytes(dice.randrange(30))
        try:
            message = link.decode(data)
        except link.LinkError:
            continue
        assert link.encode(message) == data
