"""Bytes to fields and back: PROTOCOL.md section 3, "a second encoding of the same thing is an
error", and section 10."""

from house import raises

from mpseq import errors, wire


def read(data):
    reader = wire.Reader(data)
    value = reader.varint()
    reader.end()
    return value


def test_varints_come_back_and_are_as_short_as_can_be():
    for bits in range(1, 36):
        for value in ((1 << bits) - 2, (1 << bits) - 1, 1 << bits, (1 << bits) + 1):
            if value >= 1 << 35:
                continue
            size = 1
            while value >> 7 * size:
                size += 1
            encoded = wire.varint(value)
            assert len(encoded) == size, value
            assert read(encoded) == value
    for value in range(300):
        assert read(wire.varint(value)) == value


def test_known_varints():
    for value, encoded in (
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x81\x00"),
        (16383, b"\xff\x7f"),
        (16384, b"\x81\x80\x00"),
        ((1 << 35) - 1, b"\xff\xff\xff\xff\x7f"),
    ):
        assert wire.varint(value) == encoded
        assert read(encoded) == value


def test_a_varint_with_a_leading_zero_group_is_refused():
    for encoded in (b"\x80\x00", b"\x80\x01", b"\x80\x81\x00", b"\x80"):
        raises(errors.BadVarint, read, encoded)


def test_a_varint_of_six_bytes_is_refused():
    raises(errors.BadVarint, read, b"\x81\x80\x80\x80\x80\x00")
    raises(errors.BadVarint, read, b"\xff" * 100)


def test_a_varint_cut_short_is_refused():
    for value in (128, 16384, 1 << 21, 1 << 28, (1 << 35) - 1):
        encoded = wire.varint(value)
        for size in range(len(encoded)):
            raises(errors.Truncated, read, encoded[:size])


def test_padding_sizes():
    """Section 4: 32, 64, 128, 256, 512, 1024, then multiples of 1024."""
    for length, size in (
        (0, 32), (1, 32), (32, 32), (33, 64), (64, 64), (65, 128), (128, 128), (129, 256),
        (256, 256), (257, 512), (512, 512), (513, 1024), (1024, 1024), (1025, 2048),
        (2048, 2048), (2049, 3072), (15000, 15360),
    ):
        assert wire.padded_length(length) == size, length


def test_padding_is_zero_and_minimal():
    def body(data, length):
        return bytes(wire.Reader(data).padding(length))

    assert body(b"abc" + bytes(29), 3) == b"abc"
    assert body(bytes(32), 0) == b""
    assert body(b"x" * 64, 64) == b"x" * 64
    for data, length in (
        (b"abc" + bytes(28), 3),  # one too few
        (b"abc" + bytes(30), 3),  # one too many
        (b"abc" + bytes(61), 3),  # the next step
        (b"abc" + bytes(28) + b"\x01", 3),
        (b"abc\x01" + bytes(28), 3),
        (b"", 0),
    ):
        raises(errors.BadPadding, body, data, length)
    raises(errors.Truncated, body, bytes(32), 33)
    raises(errors.Truncated, body, bytes(32), (1 << 35) - 1)


def test_a_reader_gives_what_is_there_and_no_more():
    reader = wire.Reader(b"\x05hello\x07\x01\x02rest", 0)
    assert bytes(reader.sized()) == b"hello"
    assert reader.byte() == 7
    assert reader.take(2) == b"\x01\x02"
    raises(errors.TrailingBytes, reader.end)
    raises(errors.Truncated, reader.take, 5)
    raises(errors.Truncated, reader.view, 5)
    raises(errors.Truncated, reader.secret, 5)
    raises(errors.Truncated, reader.view, -1)
    assert bytes(reader.rest()) == b"rest"
    reader.end()
    raises(errors.Truncated, reader.byte)
    raises(errors.Truncated, reader.varint)


def test_a_secret_is_a_copy_that_can_be_wiped():
    data = bytearray(b"secret")
    secret = wire.Reader(data).secret(6)
    secret[:] = bytes(6)
    assert data == b"secret"


def test_a_length_that_lies_is_refused():
    raises(errors.Truncated, wire.Reader(b"\x05hell").sized)
    raises(errors.Oversized, wire.Reader(b"\x05hello").sized, 4)
    raises(errors.Oversized, wire.Reader(wire.varint(wire.MAX_FRAME + 1)).sized)


GOOD = ("a", "ana", "Ünal", "\u4e2d\u6587", "\U0001f984", "x" * 32, "\xa0", "\u07ff\u0800\uffff",
        "\ud7ff\ue000", "\U0010ffff")
CONTROL = [chr(code) for code in list(range(32)) + list(range(0x7F, 0xA0))]
NOT_UTF8 = (
    b"\x80", b"\xbf", b"a\xff", b"\xfe", b"\xc3", b"\xc3a", b"\xe2\x82", b"\xf0\x9f\xa6",
    b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xf0\x80\x80\xaf",
    b"\xf0\x8f\xbf\xbf",  # overlong
    b"\xed\xa0\x80", b"\xed\xbf\xbf",  # surrogates
    b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf8\x88\x80\x80\x80",
    b"\xc3\xa9\xa9", b"\xe2\x82\xac\x80",
)


def nick(raw):
    return wire.Reader(wire.sized(raw)).text(32)


def test_texts_come_back():
    for text in GOOD:
        assert nick(text.encode()) == text
        assert wire.text_bytes(text, 32) == wire.sized(text.encode())


def test_control_characters_are_refused():
    """Section 10: a nick has no control characters: C0, DEL, C1."""
    for char in CONTROL:
        for text in (char, "a" + char, char + "a", "é" + char + "é"):
            raises(errors.BadText, nick, text.encode())
            raises(errors.LocalError, wire.text_bytes, text, 32)


def test_what_is_not_utf8_is_refused_on_every_runtime():
    """A second encoding of one nick, or one that only some members can read, splits a room."""
    for raw in NOT_UTF8:
        for data in (raw, b"a" + raw, raw + b"a"):
            raises(errors.BadText, nick, data)


def test_length_limits_of_a_nick():
    raises(errors.BadText, nick, b"")
    raises(errors.Oversized, nick, b"x" * 33)
    raises(errors.LocalError, wire.text_bytes, "", 32)
    raises(errors.LocalError, wire.text_bytes, "x" * 33, 32)
    raises(errors.LocalError, wire.text_bytes, "é" * 17, 32)
    assert nick(("é" * 16).encode()) == "é" * 16


def test_the_type_of_a_frame():
    for kind in range(1, 9):
        assert wire.head(kind) == 0x10 | kind
        assert wire.frame_type(bytes((wire.head(kind),))) == kind
    assert wire.frame_type(b"\x11" + bytes(wire.MAX_FRAME - 1)) == wire.MESSAGE


def test_frames_without_a_type_are_refused():
    raises(errors.Truncated, wire.frame_type, b"")
    raises(errors.Oversized, wire.frame_type, b"\x11" + bytes(wire.MAX_FRAME))
    for version in range(16):
        for kind in range(16):
            frame = bytes((version << 4 | kind,))
            if version != wire.VERSION:
                raises(errors.WrongVersion, wire.frame_type, frame)
            elif not 1 <= kind <= 9:
                raises(errors.UnknownType, wire.frame_type, frame)


def test_every_error_has_a_name_of_its_own():
    names = []
    for name, words in errors.each(errors.REASONS + ";" + errors.PROOFS):
        one = getattr(errors, name)
        assert issubclass(one, errors.FrameError) and one is getattr(errors, name)
        assert str(one()) == one.name == words and one.__name__ == name
        names.append(words)
    raises(AttributeError, getattr, errors, "NoSuchError")
    assert len(set(names)) == len(names) > 20
