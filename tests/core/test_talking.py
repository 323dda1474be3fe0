"""What is said arrives, once, in one order, and shows its size only roughly (PROTOCOL.md 4)."""

from freezing import assert_unmoved, freeze
from house import House, raises

from mpseq import errors, events, wire


def test_texts_go_both_ways_and_are_shown_in_one_order():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house.say("ana", "hello")
    house.say("ben", "hello ana")
    house.say("eva", "hi")
    house.say("ana", "bye")
    said = [("ana", "hello"), ("ben", "hello ana"), ("eva", "hi"), ("ana", "bye")]
    for nick in house.order:
        assert house.texts(nick) == said
        for event in house.of(nick, events.Text):
            assert event.own == (event.nick == nick)
            assert event.key == house.key(event.nick)
        numbers = [event.number for event in house.of(nick, events.Text)]
        assert numbers == sorted(set(numbers))
    house.assert_one_session("ana", "ben", "eva")


def test_texts_that_cross_are_shown_in_the_carriers_order():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house["ana"].send("one", house.now)
    house["eva"].send("two", house.now)
    house["ben"].send("three", house.now)
    for nick in ("eva", "ben", "ana"):
        for frame in house[nick].take_frames():
            house.deliver(nick, frame)
    for nick in house.order:
        assert [text for _, text in house.texts(nick)] == ["two", "three", "one"]
    house.assert_one_session("ana", "ben", "eva")


def test_a_text_is_shown_to_its_author_when_the_room_has_it():
    house = House("ana", "ben").together("ana", "ben")
    house["ana"].send("hello", house.now)
    house.drain()
    assert house.texts("ana") == []
    house.settle()
    assert house.texts("ana") == house.texts("ben") == [("ana", "hello")]


def test_every_kind_of_text():
    house = House("ana", "ben").together("ana", "ben")
    said = ["", " ", "grüß dich", "\u4e2d\u6587", "\U0001f984" * 10, "a\nb\tc\0d", "x" * 15000]
    for text in said:
        house.say("ana", text)
    assert [text for _, text in house.texts("ben")] == said


def test_data_has_a_content_type():
    house = House("ana", "ben").together("ana", "ben")
    everything = bytes(range(256))
    for content_type, data in (("text/csv", b"21.5,40"), ("a", b""), ("image/png", everything)):
        house["ben"].send_data(content_type, data, house.now)
        house.settle()
        event = house.of("ana", events.Data)[-1]
        assert (event.nick, event.content_type, event.data) == ("ben", content_type, data)
        assert not event.own
        assert house.of("ben", events.Data)[-1].own
    for content_type in ("", "x" * 65, "a\nb"):
        raises(errors.LocalError, house["ben"].send_data, content_type, b"", house.now)


def test_what_is_too_long_is_refused_before_anything_happens():
    house = House("ana", "ben").together("ana", "ben")
    before = freeze(house["ana"])
    raises(errors.LocalError, house["ana"].send, "x" * 65537, house.now)
    raises(errors.LocalError, house["ana"].send_data, "t", bytes(65535), house.now)
    assert_unmoved(before, house["ana"])
    house["ana"].send_data("t", bytes(65534), house.now)
    house.settle()
    assert len(house.of("ben", events.Data)) == 1
    assert max([len(frame) for frame in house.frames]) <= wire.MAX_FRAME


def size_of(house, text):
    at = len(house.frames)
    house.say("ana", text)
    assert len(house.frames) == at + 1
    return len(house.frames[-1])


def test_sizes_on_the_wire():
    """Section 4: a 32-byte text costs at most 142 bytes."""
    house = House("ana", "ben").together("ana", "ben")
    assert size_of(house, "x" * 32) <= 142
    assert size_of(house, "x" * 256) <= 367
    for _ in range(130):  # counters of two bytes
        house.say("ana", "x")
    assert size_of(house, "x" * 32) <= 142
    assert size_of(house, "x" * 256) <= 367


def test_padding_hides_the_length():
    house = House("ana", "ben").together("ana", "ben")
    for low, high in ((0, 32), (33, 64), (65, 127)):
        assert size_of(house, "x" * low) == size_of(house, "y" * high)
    assert size_of(house, "") != size_of(house, "x" * 33)


def test_an_acknowledgement_looks_like_a_short_text():
    house = House("ana", "ben").together("ana", "ben")
    text = size_of(house, "hello")
    at = len(house.frames)
    house.wait(20000)
    assert len(house.frames) > at
    for frame in house.frames[at:]:
        assert len(frame) == text


def test_no_frame_repeats_and_the_same_text_looks_new_every_time():
    house = House("ana", "ben").together("ana", "ben")
    for _ in range(5):
        house.say("ana", "again")
    assert len(set(house.frames)) == len(house.frames)


def test_members_of_many():
    """Eight people, each says something: everyone sees all of it in the same order."""
    nicks = ("ana", "ben", "eva", "dan", "fay", "gus", "hal", "ida")
    house = House(*nicks).together(*nicks)
    for nick in nicks:
        house.say(nick, "I am " + nick)
    for nick in nicks:
        assert house.texts(nick) == [(who, "I am " + who) for who in nicks]
    house.assert_one_session(*nicks)


def test_many_texts_at_once_wait_in_a_queue_that_ends():
    """A carrier that is away: 32 texts wait for their echo, 32 more in the queue."""
    house = House("ana", "ben").together("ana", "ben")
    for at in range(64):
        house["ana"].send(str(at), house.now)
    raises(errors.LocalError, house["ana"].send, "one too many", house.now)
    assert len(house["ana"]._outbox.frames) == 32
    house.settle()
    assert [text for _, text in house.texts("ben")] == [str(at) for at in range(64)]


def test_message_keys_are_used_once():
    """Section 4: CK moves on with every message, for the author and for the others."""
    house = House("ana", "ben").together("ana", "ben")
    seen = []
    for _ in range(3):
        chains = bytes(house["ana"].session._chains)
        assert chains == bytes(house["ben"].session._chains)
        assert chains not in seen
        seen.append(chains)
        house.say("ana", "x")
    session = house["ana"].session
    assert session._posted == []
    before = bytes(session._chains)
    house["ana"].send("x", house.now)
    plain = session._posted[0][1]._plain
    assert bytes(session._chains) != before
    house.settle()
    assert plain == bytes(len(plain))  # wiped when its echo was there


def test_an_outsider_sees_nothing():
    house = House("ana", "ben", "zoe").together("ana", "ben")
    seen = len(house.seen["zoe"])
    state = freeze(house["zoe"])
    house.say("ana", "hello")
    house.wait(20000)
    house["ana"].rekey(house.now)
    house.settle()
    assert len(house.seen["zoe"]) == seen
    assert_unmoved(state, house["zoe"])


def test_a_joiner_reads_nothing_said_before():
    house = House("ana", "ben", "eva").together("ana", "ben")
    house.say("ana", "before")
    old = list(house.frames)
    house.bring("ana", "eva")
    house.say("ana", "after")
    for frame in old:
        house["eva"].receive("ana", frame, house.now)
    house.drain()
    assert house.texts("eva") == [("ana", "after")]
    house.assert_one_session("ana", "ben", "eva")
