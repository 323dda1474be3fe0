"""Long texts go in parts: whole, once, in order, or said to be missing (PROTOCOL.md 4)."""

from house import House, raises
from longtexts import FRONT, THREE, Watcher, long_text, nothing_is_kept, parts_of, undelivered

from mpseq import errors, events, wire
from mpseq.parts import CHUNK, ONE_FRAME, WINDOW, Long, Part

# --- good weather


def test_sizes_at_the_borders():
    full = 5 * CHUNK - FRONT
    for size, frames in (
        (ONE_FRAME - 1, 1), (ONE_FRAME, 1), (ONE_FRAME + 1, 4),
        (full - 1, 5), (full, 5), (full + 1, 6), (65536, 17),
    ):
        house = House("ana", "ben").together("ana", "ben")
        at = len(house.frames)
        text = long_text(size)
        house.say("ana", text)
        assert len(house.frames) - at == frames, size
        assert max([len(frame) for frame in house.frames]) <= wire.MAX_FRAME
        assert house.texts("ana") == house.texts("ben") == [("ana", text)]
        nothing_is_kept(house)
    raises(errors.LocalError, house["ana"].send, "x" * 65537, house.now)


def test_letters_of_several_bytes_are_cut_anywhere():
    house = House("ana", "ben").together("ana", "ben")
    for start in ("", "a", "ab", "abc"):
        text = start + "\U0001f984" * 6000
        house.say("ben", text)
        assert house.texts("ana")[-1] == ("ben", text)


def test_long_data_keep_their_type_and_every_byte():
    house = House("ana", "ben").together("ana", "ben")
    data = bytes(range(256)) * 100
    house["ana"].send_data("application/x-firmware", data, house.now)
    house.settle()
    for nick in ("ana", "ben"):
        (event,) = house.of(nick, events.Data)
        assert (event.content_type, event.data) == ("application/x-firmware", data)
        assert event.own == (nick == "ana")


def test_the_number_is_that_of_the_last_part_and_confirmed_covers_it():
    house = House(*THREE).together(*THREE)
    house.say("ana", "short")
    house.say("ana", long_text(20000))
    house.say("ben", "after")
    for nick in THREE:
        first, long, after = [event.number for event in house.of(nick, events.Text)]
        assert (long, after) == (first + 5, first + 6)
    house.assert_one_session(*THREE)
    house.wait(20000)
    for nick in THREE:
        number = house.of(nick, events.Text)[-1].number
        assert house.of(nick, events.Confirmed)[-1].number >= number
        assert house.of(nick, events.Unconfirmed) == []


def test_a_long_text_owes_one_acknowledgement_like_any_text():
    house = House("ana", "ben").together("ana", "ben")
    house.say("ana", long_text(20000))
    at = len(house.frames)
    house.wait(14999)
    assert len(house.frames) == at
    house.wait(1)
    number = house.of("ana", events.Text)[0].number
    assert [event.number for event in house.of("ana", events.Confirmed)] == [number]


def test_texts_of_one_author_keep_their_order():
    house = House("ana", "ben").together("ana", "ben")
    said = ["one", long_text(20000, "a"), "two", long_text(30000, "b"), long_text(16000, "c"), "3"]
    for text in said:
        house["ana"].send(text, house.now)
    house.settle()
    for nick in ("ana", "ben"):
        assert [text for _, text in house.texts(nick)] == said


def test_long_texts_of_several_authors_cross():
    house = House(*THREE).together(*THREE)
    house["ana"].send(long_text(40000, "a"), house.now)
    house["ben"].send(long_text(20000, "b"), house.now)
    house["eva"].send("between", house.now)
    house.settle()
    assert house.texts("ana")[0] == ("eva", "between")
    for nick in THREE:
        assert house.texts(nick) == house.texts("ana")
        assert sorted([(who, len(text)) for who, text in house.texts(nick)]) == [
            ("ana", 40000), ("ben", 20000), ("eva", 7),
        ]
    house.assert_one_session(*THREE)
    nothing_is_kept(house)


def test_few_parts_are_on_their_way_at_once():
    house = House("ana", "ben").together("ana", "ben")
    house["ana"].send("before", house.now)
    house["ana"].send(long_text(60000), house.now)
    house["ana"].send("after", house.now)
    posted = house["ana"].take_frames()
    assert len(posted) == 1  # it begins when nothing of mine is on its way
    sizes = []
    while posted:
        frame = posted.pop(0)
        sizes.append(len(frame))
        house.deliver("ana", frame)
        posted += house["ana"].take_frames()
        assert len(posted) <= WINDOW
        assert house["ana"].session.waiting <= WINDOW
    assert sizes[0] == sizes[-1] < 200 < sizes[1]
    assert [len(text) for _, text in house.texts("ben")] == [6, 60000, 5]


def test_parts_are_of_one_size():
    house = House("ana", "ben").together("ana", "ben")
    at = len(house.frames)
    house.say("ana", long_text(30000))
    sizes = [len(frame) for frame in house.frames[at:]]
    assert len(set(sizes[:-1])) == 1 and 4096 < sizes[0] < 4096 + 142


def test_alone_in_a_room():
    house = House("ana")
    house.found("ana")
    house.say("ana", long_text(40000))
    assert house.texts("ana") == [("ana", long_text(40000))]
    nothing_is_kept(house)


def test_what_others_sent_is_wiped():
    house = House("ana", "ben").together("ana", "ben")
    house["ana"].send(long_text(20000), house.now)
    for frame in house["ana"].take_frames():
        house.deliver("ana", frame)
    chunks = house["ben"]._parts._open[0].chunks
    assert [len(chunk) for chunk in chunks] == [FRONT, CHUNK - FRONT, CHUNK, CHUNK]
    house.settle()
    assert house.texts("ben") == [("ana", long_text(20000))]
    assert len(chunks) == 6
    for chunk in chunks:
        assert chunk == bytes(len(chunk))


def test_the_same_text_twice_is_two_texts():
    house = House("ana", "ben").together("ana", "ben")
    for _ in range(2):
        house.say("ana", long_text(20000))
    assert len(house.texts("ben")) == len(house.texts("ana")) == 2


# --- loss


def drop(*numbers):
    return lambda number, frame: () if number in numbers else (frame,)


def test_a_part_lost_for_all_and_everything_is_posted_again():
    for lost in (0, 1, 2, 3):
        house = House(*THREE).together(*THREE)
        house.hook = watcher = Watcher(house, drop(lost))
        house.say("ben", long_text(20000))
        house.wait(60000)
        assert len(watcher.parts) > 5
        for nick in THREE:
            assert house.texts(nick) == [("ben", long_text(20000))], (lost, nick)
            assert undelivered(house, nick) == []
        house.assert_one_session(*THREE)
        nothing_is_kept(house)


def test_the_last_part_lost_for_all_is_posted_again_the_same_bytes():
    house = House(*THREE).together(*THREE)
    house.hook = watcher = Watcher(house, drop(4))
    house.say("ben", long_text(20000))
    assert house.texts("ana") == []
    house.wait(10000)
    assert len(watcher.parts) == 6 and watcher.parts[4] == watcher.parts[5]
    for nick in THREE:
        assert house.texts(nick) == [("ben", long_text(20000))]


def test_a_carrier_that_loses_every_third_frame():
    house = House(*THREE).together(*THREE)
    count = []

    def hook(sender, frame):
        count.append(sender)
        return () if len(count) % 7 == 3 else (frame,)

    house.hook = hook
    for nick in THREE:
        house[nick].send(long_text(16000, nick), house.now)
    house.wait(600000)
    house.hook = None
    house.wait(600000)
    for nick in THREE:
        assert sorted([who for who, _ in house.texts(nick)]) == sorted(THREE), nick
    nothing_is_kept(house)


def test_a_part_lost_for_its_author_only_shows_once_to_the_others():
    house = House(*THREE).together(*THREE)
    watcher = Watcher(house)
    house.hook = watcher

    def reaches(recipient, frame):
        return not (recipient == "ben" and watcher.parts[1:2] == [frame])

    house.reaches = reaches
    house.say("ben", long_text(20000))
    house.wait(60000)
    assert len(watcher.parts) > 5
    for nick in THREE:
        assert house.texts(nick) == [("ben", long_text(20000))]
        assert undelivered(house, nick) == []
    nothing_is_kept(house)


def test_who_misses_a_part_is_told_when_it_is_too_late():
    house = House(*THREE).together(*THREE)
    watcher = Watcher(house)
    house.hook = watcher
    house.reaches = lambda nick, frame: not (nick == "eva" and watcher.parts[2:3] == [frame])
    house.say("ben", long_text(20000))
    assert house.texts("ana") == house.texts("ben") == [("ben", long_text(20000))]
    assert house.texts("eva") == []
    assert undelivered(house, "eva") == []  # its author may still post it again
    house.say("ana", "somebody else speaks")
    assert undelivered(house, "eva") == []
    house.say("ben", "next")
    house.say("ben", "and next")
    assert undelivered(house, "eva") == [("ben", 20000)]
    assert house["eva"]._parts._open == []
    assert undelivered(house, "ana") == []


# --- leaving


def test_who_leaves_waits_for_a_long_text():
    house = House("ana", "ben").together("ana", "ben")
    house["ana"].send(long_text(40000), house.now)
    house["ana"].leave(house.now)
    house.settle()
    assert house.texts("ben") == [("ana", long_text(40000))]
    house.wait(5000)
    assert house["ana"].session is None
    assert house.of("ana", events.Unsent) == []


def test_who_goes_in_the_middle_gets_it_back_and_the_others_are_told():
    house = House(*THREE).together(*THREE)
    house.hook = Watcher(house, lambda number, frame: (frame,) if number < 2 else ())
    house.say("ben", long_text(20000))
    kept = house["ana"]._parts._open[0].chunks
    assert sum([len(chunk) for chunk in kept]) == 2 * CHUNK
    house["ben"].leave(house.now)
    house.wait(60000)
    assert house["ben"].session is None
    assert [event.text for event in house.of("ben", events.Unsent)] == [long_text(20000)]
    house.assert_one_session("ana", "eva")
    for nick in ("ana", "eva"):
        assert house.texts(nick) == []
        assert undelivered(house, nick) == [("ben", 20000)]
    for chunk in kept:
        assert chunk == bytes(len(chunk))
    nothing_is_kept(house)


def test_one_who_is_out_keeps_nothing_of_others():
    house = House(*THREE).together(*THREE)
    house.hook = Watcher(house, lambda number, frame: (frame,) if number < 2 else ())
    house.say("ben", long_text(20000))
    chunks = house["ana"]._parts._open[0].chunks
    house["ana"].leave(house.now)
    house.settle()
    assert house["ana"].session is None
    for chunk in chunks:
        assert chunk == bytes(len(chunk))
    assert house["ana"]._parts._open == []


def test_a_long_text_is_one_of_the_32_that_wait():
    house = House("ana", "ben").together("ana", "ben")
    house["ana"].send(long_text(20000), house.now)
    for at in range(31):
        house["ana"].send(str(at), house.now)
    raises(errors.LocalError, house["ana"].send, "one too many", house.now)
    house.settle()
    assert len(house.texts("ben")) == 32


def test_a_long_is_cut_in_one_way():
    long = Long(wire.TEXT, b"x" * 20000, b"saltsalt")
    made = []
    while long.may_post(1 if made else 0):
        made.append(long.next_part())
        long.posted(6 + len(made))
    assert made == parts_of(b"x" * 20000)
    assert not long.may_post(0)
    assert long.first == 7
    for body in made:
        done = long.heard(Part(body))
    assert done
    long.restart()
    assert long.may_post(0) and not long.may_post(1)
