"""Everyone sees the same messages in the same order, or the disagreement has a name
(PROTOCOL.md sections 1 and 4)."""

from house import House

from mpseq import events, wire


def confirmed(house, nick):
    return [event.number for event in house.of(nick, events.Confirmed)]


def test_a_text_is_confirmed_by_all_and_then_the_room_is_silent():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    at = len(house.frames)
    house.say("ana", "hello")
    for nick in house.order:
        assert confirmed(house, nick) == []
    house.wait(house["ana"].settings.ack_after)
    for nick in house.order:
        assert confirmed(house, nick) == [house.of(nick, events.Text)[0].number]
    assert len(house.frames) - at == 4  # the text and three ACKs
    house.wait(9 * 60000)
    assert len(house.frames) - at == 4  # ACKs need no acknowledgement


def test_acknowledgements_come_within_60_seconds():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house.say("ana", "hello")
    house.wait(60000)
    assert len(confirmed(house, "ana")) == 1


def test_an_answer_is_an_acknowledgement():
    house = House("ana", "ben").together("ana", "ben")
    at = len(house.frames)
    house.say("ana", "hello")
    house.say("ben", "hello ana")
    assert confirmed(house, "ana") == [house.of("ana", events.Text)[0].number]
    house.wait(60000)
    assert len(house.frames) - at == 4  # and two ACKs: ben says, too, where it saw its answer
    assert confirmed(house, "ana")[-1] == house.of("ana", events.Text)[1].number
    assert confirmed(house, "ben")[-1] == house.of("ben", events.Text)[1].number


def test_one_who_keeps_silent_confirms_nothing():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house.say("ana", "hello")
    house.hook = lambda sender, frame: () if sender == "eva" else (frame,)
    house.wait(50000)
    for nick in ("ana", "ben"):
        assert confirmed(house, nick) == []
    house.hook = None
    house.wait(60000)
    for nick in house.order:
        assert len(confirmed(house, nick)) == 1


def test_who_has_left_need_not_confirm():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house.say("ana", "hello")
    house["eva"].leave(house.now)
    house.settle()
    assert len(confirmed(house, "ana")) == len(confirmed(house, "ben")) == 1


def test_the_last_texts_of_a_session_are_confirmed_by_its_closing_acks():
    """Section 5.5: CONFIRM carries one closing ACK of the parent session."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house.say("ana", "hello")
    house["ben"].rekey(house.now)
    house.settle()
    house.assert_one_session("ana", "ben", "eva")
    for nick in house.order:
        assert confirmed(house, nick) == [house.of(nick, events.Text)[0].number], nick
        assert house.of(nick, events.Unconfirmed) == []
    at = len(house.frames)
    house.wait(60000)
    assert len(house.frames) == at  # no ACK is owed any more


def test_texts_that_the_end_of_a_session_left_open_are_named():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    lost = []

    def reaches(recipient, frame):
        if recipient == "eva" and frame[0] & 15 == wire.MESSAGE and not lost:
            lost.append(frame)
            return False
        return True

    house.reaches = reaches
    house.say("ana", "hello")
    house["ben"].rekey(house.now)
    house.settle()
    house.assert_one_session("ana", "ben", "eva")
    for nick in ("ana", "ben"):
        number = house.of(nick, events.Text)[0].number
        assert confirmed(house, nick) == []
        unconfirmed = house.of(nick, events.Unconfirmed)
        assert [(event.first, event.last) for event in unconfirmed] == [(number, number)]


def deaf_once(house, deaf):
    """The carrier keeps one MESSAGE, the next, from one member."""
    lost = []

    def reaches(recipient, frame):
        if recipient == deaf and frame[0] & 15 == wire.MESSAGE and frame not in lost:
            if not lost:
                lost.append(frame)
        return not (recipient == deaf and frame in lost)

    house.reaches = reaches
    return lost


def test_a_gap_is_missing_and_named():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    deaf_once(house, "eva")
    house.say("ana", "one")
    house.say("ana", "two")
    house.say("ana", "three")
    missing = house.of("eva", events.Missing)
    assert [(e.nick, e.key, e.first, e.last) for e in missing] == [("ana", house.key("ana"), 0, 0)]
    assert [text for _, text in house.texts("eva")] == ["two", "three"]
    assert house.of("ben", events.Missing) == []


def test_who_missed_something_is_inconsistent_for_the_others_and_they_for_it():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    deaf_once(house, "eva")
    house.say("ana", "one")
    house.say("ben", "two")
    house.wait(60000)
    for nick in ("ana", "ben"):
        assert [e.nick for e in house.of(nick, events.Inconsistent)] == ["eva"]
    assert sorted([e.nick for e in house.of("eva", events.Inconsistent)]) == ["ana", "ben"]
    for nick in house.order:
        assert len(confirmed(house, nick)) == 0


def test_inconsistency_is_said_once_a_session_and_member_and_the_next_session_begins_anew():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    deaf_once(house, "eva")
    house.say("ana", "one")
    for text in ("two", "three", "four"):
        house.say("eva", text)
        house.wait(30000)
    for nick in ("ana", "ben"):
        assert [e.nick for e in house.of(nick, events.Inconsistent)] == ["eva"]
    house["ana"].rekey(house.now)
    house.settle()
    house.say("eva", "five")
    house.wait(60000)
    house.assert_one_session("ana", "ben", "eva")
    for nick in ("ana", "ben"):
        assert len(house.of(nick, events.Inconsistent)) == 1
        assert len(confirmed(house, nick)) == 1


def test_another_order_is_inconsistent():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house["ana"].send("one", house.now)
    house["ben"].send("two", house.now)
    one = house["ana"].take_frames()[0]
    two = house["ben"].take_frames()[0]
    for nick in ("ana", "ben"):
        house[nick].receive("", one, house.now)
        house[nick].receive("", two, house.now)
    house["eva"].receive("", two, house.now)
    house["eva"].receive("", one, house.now)
    house.settle()
    house.wait(60000)
    for nick in ("ana", "ben"):
        assert [e.nick for e in house.of(nick, events.Inconsistent)] == ["eva"]
        assert house.of(nick, events.Missing) == []
    assert len(house.of("eva", events.Inconsistent)) == 2


def test_an_acknowledgement_older_than_memory_confirms_nothing():
    """Section 4: 64 transcript hashes are remembered; older is Unverifiable, not equal."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    slow = house["eva"]
    slow.send("said long ago", house.now)
    frame = slow.take_frames()[0]
    for at in range(63):  # its own place is the 64th
        house.say("ana" if at % 2 else "ben", str(at))
    house.deliver("eva", frame)
    for nick in ("ana", "ben"):
        assert [e.nick for e in house.of(nick, events.Unverifiable)] == ["eva"]
        assert house.of(nick, events.Inconsistent) == []
        assert house[nick].session.acked[house_index(house, "eva")] == 0
    assert house.of("eva", events.Unverifiable) == []  # it knows


def house_index(house, nick):
    for who in house["ana"].members:
        if who.nick == nick:
            return who.index


def test_an_acknowledgement_just_inside_memory_is_compared():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house["eva"].send("said long ago", house.now)
    frame = house["eva"].take_frames()[0]
    for at in range(62):
        house.say("ana" if at % 2 else "ben", str(at))
    house.deliver("eva", frame)
    for nick in house.order:
        assert house.of(nick, events.Unverifiable) == []
        assert house.of(nick, events.Inconsistent) == []


def test_an_acknowledgement_that_goes_back_is_inconsistent():
    """Section 4: ack_n never goes back."""
    house = House("ana", "ben").together("ana", "ben")
    for text in ("one", "two", "three"):
        house.say("ana", text)
    house.say("ben", "seen")
    session = house["ben"].session
    count, h = session.count, session.h
    session.count, session.h = 1, bytes(session._ring[16:32]) + bytes(16)
    frame = session.seal(wire.TEXT, b"seen less")
    session.count, session.h = count, h
    house["ana"].receive("ben", frame, house.now)
    house.drain()
    assert [e.nick for e in house.of("ana", events.Inconsistent)] == ["ben"]


def test_an_acknowledgement_of_the_future_is_inconsistent():
    house = House("ana", "ben").together("ana", "ben")
    session = house["ben"].session
    session.count += 1
    frame = session.seal(wire.ACK, b"")
    session.count -= 1
    house["ana"].receive("ben", frame, house.now)
    house.drain()
    assert [e.nick for e in house.of("ana", events.Inconsistent)] == ["ben"]


def test_an_acknowledgement_one_ring_ahead_is_inconsistent():
    """The right hash under a number 64 too high lies in the same place of the ring."""
    house = House("ana", "ben").together("ana", "ben")
    house.say("ana", "hello")
    session = house["ben"].session
    session.count += 64
    frame = session.seal(wire.ACK, b"")
    session.count -= 64
    house["ana"].receive("ben", frame, house.now)
    house.drain()
    assert [e.nick for e in house.of("ana", events.Inconsistent)] == ["ben"]
    assert confirmed(house, "ana") == []


def test_who_was_inconsistent_confirms_nothing_more_in_this_session():
    house = House("ana", "ben").together("ana", "ben")
    house.say("ana", "hello")
    session = house["ben"].session
    h = session.h
    session.h = bytes(32)
    house["ana"].receive("ben", session.seal(wire.ACK, b""), house.now)
    session.count, session.h = house["ana"].session.count, house["ana"].session.h
    assert session.h != h
    house["ana"].receive("ben", session.seal(wire.ACK, b""), house.now)
    house.drain()
    assert len(house.of("ana", events.Inconsistent)) == 1
    assert confirmed(house, "ana") == []


def test_a_transcript_covers_every_message_and_its_place():
    house = House("ana", "ben").together("ana", "ben")
    seen = [house["ana"].transcript]
    for text in ("one", "one", "two"):
        house.say("ana", text)
        assert house["ana"].transcript == house["ben"].transcript
        assert house["ana"].transcript not in seen
        seen.append(house["ana"].transcript)
    assert [count for count, _ in seen] == [0, 1, 2, 3]
