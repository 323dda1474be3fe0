"""PARTs of insiders who make what they like: nothing false is shown, memory is bounded, what is
missing is said once (PROTOCOL.md 4)."""

from freezing import assert_unmoved, freeze
from house import House, raises
from longtexts import FRONT, THREE, long_text, nothing_is_kept, parts_of, post, undelivered

from mpseq import errors, events, parts, wire
from mpseq.parts import CHUNK, ONE_FRAME, Part, Parts


def test_a_part_that_is_none():
    house = House(*THREE).together(*THREE)
    good = parts_of(b"x" * 20000)
    digest = good[0][:16]

    def part(total, offset, size):
        return digest + wire.varint(total) + wire.varint(offset) + bytes(size)

    whole = ONE_FRAME + FRONT
    for bad, reason in (
        (b"", errors.Truncated),
        (digest, errors.Truncated),
        (digest + wire.varint(20009), errors.Truncated),
        (part(20009, 0, 0), errors.WrongLength),
        (part(20009, 0, CHUNK - 1), errors.WrongLength),
        (part(20009, 0, CHUNK + 1), errors.WrongLength),
        (part(20009, 1, CHUNK), errors.WrongLength),
        (part(20009, CHUNK - 1, CHUNK), errors.WrongLength),
        (part(20009, 4 * CHUNK, 20009 - 4 * CHUNK - 1), errors.WrongLength),
        (part(20009, 4 * CHUNK, CHUNK), errors.WrongLength),
        (part(20009, 5 * CHUNK, 1), errors.WrongLength),
        (part(5 * CHUNK, 5 * CHUNK, 0), errors.WrongLength),
        (part(20009, 2**34 // CHUNK * CHUNK, CHUNK), errors.WrongLength),
        (part(0, 0, 0), errors.WrongLength),
        (part(FRONT, 0, FRONT), errors.WrongLength),
        (part(whole, 0, CHUNK), errors.WrongLength),  # it fits one frame
        (digest + b"\x80\x81" + good[0][18:], errors.BadVarint),
    ):
        at = len(house.refusals("ana"))
        post(house, "eva", bad)
        assert house.refusals("ana")[at:] == [reason.name], bad[:24]
    post(house, "eva", part(whole + 1, 0, CHUNK))
    assert len(house.refusals("ana")) == 17
    post(house, "eva", good[0], wire.PART | wire.AGAIN)
    assert len(house.refusals("ana")) == 18
    house.say("ben", "go on")
    for nick in THREE:
        assert house.texts(nick) == [("ben", "go on")]
    house.assert_one_session(*THREE)


def test_a_digest_of_something_else():
    house = House(*THREE).together(*THREE)
    for part in parts_of(b"x" * 20000, digest=bytes(16)):
        post(house, "eva", part)
    for nick in ("ana", "ben"):
        assert house.texts(nick) == []
        assert undelivered(house, nick) == [("eva", 20000)]
    nothing_is_kept(house)
    house.wait(20000)
    assert house.of("ana", events.Confirmed)  # it was said, and is acknowledged


def test_a_changed_salt_kind_or_letter_is_noticed():
    house = House("ana", "eva").together("ana", "eva")
    for at in (0, 8, 9, 5000, 20008):
        parts = parts_of(b"x" * 20000, salt=b"slt%5d" % at)
        number = at // CHUNK
        bad = bytearray(parts[number])
        bad[len(bad) - min(CHUNK, 20009 - number * CHUNK) + at % CHUNK] ^= 3
        parts[number] = bytes(bad)
        for part in parts:
            post(house, "eva", part)
    assert house.texts("ana") == []
    assert undelivered(house, "ana") == [("eva", 20000)] * 5


def test_what_is_no_text_and_no_data():
    house = House("ana", "eva").together("ana", "eva")
    for kind, body in (
        (wire.ACK, b"x" * 20000), (wire.PROPOSE, b"x" * 20000), (wire.PART, b"x" * 20000),
        (wire.TEXT | wire.AGAIN, b"x" * 20000), (0, b"x" * 20000), (255, b"x" * 20000),
        (wire.TEXT, b"\xff" * 20000), (wire.TEXT, b"\xed\xa0\x80" * 7000),
        (wire.DATA, b"\0" * 20000), (wire.DATA, b"\x7f" * 20000),
    ):
        for part in parts_of(body, kind, b"salt%4d" % kind):
            post(house, "eva", part)
    assert house.texts("ana") == []
    assert len(undelivered(house, "ana")) == 10
    assert house.refusals("ana") == []
    nothing_is_kept(house)


def test_a_length_over_the_limit_costs_no_memory_and_is_told_once():
    house = House(*THREE).together(*THREE)
    for part in parts_of(b"x" * 20000, total=2**35 - 1)[:4]:
        post(house, "eva", part)
        assert house["ana"]._parts.size == 0
    for part in parts_of(b"x" * 65537):
        post(house, "eva", part)
    for nick in ("ana", "ben"):
        assert undelivered(house, nick) == [("eva", 2**35 - 10), ("eva", 65537)]
    post(house, "eva", parts_of(b"x" * 65537)[0])
    assert len(undelivered(house, "ana")) == 2


def test_another_length_or_place_in_the_middle():
    for change in (
        lambda parts: parts_of(b"x" * 20000, digest=parts[0][:16], total=24009)[1:2] + parts[2:],
        lambda parts: parts[2:],  # one is left out
        lambda parts: parts[:1] + parts[2:],
        lambda parts: parts[1:2] * 2 + parts[2:],  # one comes twice
    ):
        house = House("ana", "eva").together("ana", "eva")
        parts = parts_of(b"x" * 20000)
        post(house, "eva", parts[0])
        for part in change(parts)[: len(parts) - 1]:
            post(house, "eva", part)
        assert house.texts("ana") == []
        post(house, "eva", b"and now?", wire.TEXT)
        assert undelivered(house, "ana") == [("eva", 20000)]
        nothing_is_kept(house)


def test_a_new_body_drops_the_one_before():
    house = House("ana", "eva").together("ana", "eva")
    one, two = parts_of(b"1" * 20000), parts_of(b"2" * 30000)
    for part in one[:4] + two:
        post(house, "eva", part)
    assert house.texts("ana") == [("eva", "2" * 30000)]
    assert undelivered(house, "ana") == [("eva", 20000)]
    post(house, "eva", one[4])
    assert len(undelivered(house, "ana")) == 1
    for part in one:  # after all
        post(house, "eva", part)
    assert house.texts("ana")[1:] == [("eva", "1" * 20000)]
    nothing_is_kept(house)


def test_who_posts_a_body_again_and_again_shows_it_once():
    house = House("ana", "ben", "eva").together("ana", "eva")
    parts = parts_of(b"x" * 20000)
    for _ in range(3):
        for part in parts:
            post(house, "eva", part)
    house["ana"].rekey(house.now)
    house.settle()
    for part in parts:
        post(house, "eva", part)
    assert house.texts("ana") == [("eva", "x" * 20000)]
    # another author's is another body
    for part in parts:
        post(house, "ana", part)
    assert house.texts("eva") == [("ana", "x" * 20000)]
    assert undelivered(house, "ana") == undelivered(house, "eva") == []


def test_what_is_remembered_is_bounded_for_each_author():
    parts = Parts(20000, 40000)

    def say(key, number):
        for body in parts_of(b"x" * 16000, salt=b"%8d" % number):
            whole = parts.take("", key, Part(memoryview(body)))
        return whole and whole.take_body()

    assert say(b"ana", 0) == b"x" * 16000
    for number in range(20):
        assert say(b"eva", number)
        for body in parts_of(b"x" * 16000, salt=b"%8d" % number, digest=bytes((number,)) * 16):
            parts.take("", b"eva", Part(memoryview(body)))
    assert len(parts._shown) == 1 + 4 and len(parts._told) == 4 and len(parts.lost) == 20
    assert say(b"ana", 0) is None  # eva could not make me forget what ana said
    parts.start_session([b"ana"])
    assert [key for key, _ in parts._shown + parts._told] == [b"ana"]


def test_memory_is_bounded_whatever_the_others_begin():
    nicks = ("ana", "ben", "eva", "dan", "fay", "gus")
    house = House(*nicks, max_body=30000, max_unfinished=50000).together(*nicks)

    def post_part(nick, number):
        post(house, nick, parts_of(nick.encode() * 9999)[number])
        house.frames = []  # a board runs this too

    for number in range(6):
        for nick in nicks[1:]:
            post_part(nick, number)
            kept = house["ana"]._parts
            assert kept.size <= 50000
            assert sum([len(c) for one in kept._open for c in one.chunks]) == kept.size
    assert len(undelivered(house, "ana")) == 3
    assert len(house["ana"]._parts._open) == 2
    for number in (6, 7):  # one of them is still whole
        for nick in nicks[1:]:
            post_part(nick, number)
    assert len(house.texts("ana")) == 1
    assert len(undelivered(house, "ana")) == 4


def test_one_who_takes_less_says_so_and_still_confirms():
    house = House("ana", "ben")
    house.add("eva")
    house["eva"].settings.max_body = 16000
    house["eva"]._start_talk()
    house.together(*THREE)
    house.say("ana", long_text(16001))
    assert house.texts("ben") == [("ana", long_text(16001))]
    assert house.texts("eva") == []
    assert undelivered(house, "eva") == [("ana", 16001)]
    house.wait(30000)
    assert house.of("ana", events.Confirmed)[-1].number >= 4
    house.say("ana", long_text(16000))
    assert house.texts("eva") == [("ana", long_text(16000))]
    raises(errors.LocalError, house["eva"].send, "x" * 16001, house.now)


def test_a_board_without_memory_for_it_says_so():
    def full(*_):
        raise MemoryError

    house = House(*THREE).together(*THREE)
    kept = parts.H_pieces
    house.reaches = lambda nick, frame: nick != "ana"
    house.say("ben", long_text(20000))
    house.reaches = None
    frames = house.frames[-5:]
    for frame in frames[:-1]:
        house["ana"].receive("ben", frame, house.now)
    parts.H_pieces = full
    try:
        house["ana"].receive("ben", frames[-1], house.now)
    finally:
        parts.H_pieces = kept
    house.drain()
    assert undelivered(house, "ana") == [("ben", 20000)]
    house.say("ben", "short")
    assert house.texts("ana") == [("ben", "short")]
    house.assert_one_session(*THREE)
    nothing_is_kept(house)


def test_a_board_without_memory_to_show_its_own():
    house = House("ana", "ben").together("ana", "ben")
    long = []

    def body():
        raise MemoryError

    house["ana"].send(long_text(20000), house.now)
    long = house["ana"]._outbox.texts[0]
    long.take_body = body
    house.settle()
    assert undelivered(house, "ana") == [("ana", 20000)]
    assert house.texts("ben") == [("ana", long_text(20000))]
    assert long.body == b""
    house.say("ana", "next")
    nothing_is_kept(house)


def test_a_part_that_there_was_no_memory_to_seal_is_posted_later():
    house = House("ana", "ben").together("ana", "ben")
    session = house["ana"].session
    seal = session.seal

    def full(*_):
        raise MemoryError

    session.seal = full
    raises(MemoryError, house["ana"].send, long_text(20000), house.now)
    session.seal = seal
    house["ana"].tick(house.now)
    house.settle()
    assert house.texts("ben") == [("ana", long_text(20000))]


def test_a_part_out_of_place_changes_nothing_that_lasts():
    house = House("ana", "ben", "eva").together(*THREE)
    post(house, "eva", parts_of(b"x" * 20000)[1])
    post(house, "eva", b"a text", wire.TEXT)
    before = freeze(house["ana"]._parts)
    for part in parts_of(b"x" * 20000)[1:]:
        post(house, "eva", part)
    assert_unmoved(before, house["ana"]._parts)
    assert undelivered(house, "ana") == [("eva", 20000)]


