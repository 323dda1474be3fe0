"""Leaving, and what the room does then (PROTOCOL.md section 6)."""

from house import House, raises

from mpseq import errors, events, wire


def test_one_leaves_and_the_rest_rekey():
    house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    at = len(house.frames)
    house["eva"].leave(house.now)
    house.settle()
    assert house.here("eva") == []
    assert house["eva"].room is None and house["eva"].session is None
    assert [event.removed for event in house.of("eva", events.Left)] == [False]
    house.assert_one_session("ana", "ben", "dan")
    for nick in ("ana", "ben", "dan"):
        assert [event.nick for event in house.of(nick, events.LeaveSeen)] == ["eva"]
        started = house.of(nick, events.SessionStarted)[-1]
        assert [who.nick for who in started.left] == ["eva"]
        assert started.joined == []
    assert len(house.frames) - at == 2 * 3 + 2  # section 5: 2(n - 1) + 2
    house.wait(120000)
    assert len(house.frames) - at == 8  # and silence
    house.say("ana", "she is gone")
    assert house.texts("eva") == []
    assert house.texts("dan") == [("ana", "she is gone")]


def test_what_a_leaver_keeps_is_wiped():
    house = House("ana", "ben").together("ana", "ben")
    ben = house["ben"]
    session = ben.session
    secrets = [session._chains, session._header_key, session._statement, session.keys.x]
    ben.leave(house.now)
    house.settle()
    for secret in secrets:
        assert secret == bytes(len(secret))


def test_all_but_one_leave_and_new_people_come():
    house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva")
    for nick in ("ben", "eva"):
        house[nick].leave(house.now)
        house.settle()
    assert house.here("ana") == ["ana"]
    assert house["ana"].code is None
    house.say("ana", "alone at last")
    house.bring("ana", "dan")
    house.assert_one_session("ana", "dan")
    house.say("dan", "hello")
    assert house.texts("ana")[-1] == ("dan", "hello")
    assert ("ana", "alone at last") not in house.texts("dan")


def test_the_creator_leaves_and_the_room_goes_on():
    house = House("ana", "ben", "eva").together("ana", "ben")
    house["ana"].leave(house.now)
    house.settle()
    assert house.here("ben") == ["ben"]
    house.bring("ben", "eva")
    house.assert_one_session("ben", "eva")
    house.bring("ben", "ana")  # and comes back as a guest
    house.assert_one_session("ana", "ben", "eva")


def test_two_leave_at_once():
    house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    house["eva"].leave(house.now)
    house["ben"].leave(house.now)
    house.settle()
    house.wait(60000)
    house.assert_one_session("ana", "dan")
    assert house.here("ben") == house.here("eva") == []


def test_everyone_leaves_at_once():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    for nick in house.order:
        house[nick].leave(house.now)
    house.settle()
    house.wait(60000)
    for nick in house.order:
        assert house.here(nick) == []
        assert len(house.of(nick, events.Left)) == 1


def test_the_only_one_leaves():
    house = House("ana").together("ana")
    house["ana"].leave(house.now)
    house.settle()
    assert house.here("ana") == []
    assert house["ana"].next_tick() is None
    house["ana"].create("again", house.now)
    house.settle()
    assert house.here("ana") == ["ana"]


def late_leave(order):
    """ana re-keys while ben leaves: the carrier brings PROPOSE and LEAVE in this order."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house["ana"].rekey(house.now)
    house["ben"].leave(house.now)
    frames = {"ana": house["ana"].take_frames(), "ben": house["ben"].take_frames()}
    for nick in order:
        for frame in frames[nick]:
            house.deliver(nick, frame)
    house.settle()
    return house


def test_a_leave_that_crosses_a_propose():
    """PROPOSE comes first: the exchange counts ben, so he sees it through and leaves after it."""
    house = late_leave(("ana", "ben"))
    house.wait(1000)
    house.assert_one_session("ana", "eva")
    assert house.here("ben") == []
    assert [event.removed for event in house.of("ben", events.Left)] == [False]
    started = house.of("ana", events.SessionStarted)
    assert [who.nick for who in started[-1].left] == ["ben"]


def test_a_leave_before_the_propose_it_crosses():
    """LEAVE comes first: the re-key is no longer right, the room removes ben."""
    house = late_leave(("ben", "ana"))
    house.wait(1000)
    house.assert_one_session("ana", "eva")
    assert errors.OutOfPlace.name in house.refusals("eva")


def test_leaving_waits_for_an_exchange_under_way():
    house = House("ana", "ben", "eva").together("ana", "ben")
    house.hook = lambda sender, frame: () if frame[0] & 15 == wire.ROSTER else (frame,)
    house.bring("ana", "eva")
    assert house["ben"].exchange_running
    house["ben"].leave(house.now)
    house.settle()
    assert house.here("ben") == ["ana", "ben"]
    house.hook = None
    house.wait(11000)  # ROSTER again
    house.assert_one_session("ana", "eva")
    assert house.here("ben") == []


def test_an_exchange_that_never_ends_holds_nobody():
    house = House("ana", "ben", "eva").together("ana", "ben")
    house.hook = lambda sender, frame: () if frame[0] & 15 == wire.ROSTER else (frame,)
    house.bring("ana", "eva")
    house["ben"].leave(house.now)
    house.wait(89999)
    assert house.of("ben", events.Left) == []
    house.wait(1)
    assert len(house.of("ben", events.Left)) == 1
    house.wait(100000)


def test_one_who_is_alone_sees_its_guest_in_before_it_leaves():
    house = House("ana", "ben").together("ana")
    held = []
    house.hook = lambda sender, frame: (
        held.append((sender, frame)) or () if frame[0] & 15 == wire.ROSTER else (frame,)
    )
    house.bring("ana", "ben")
    assert house["ana"].exchange_running
    house["ana"].leave(house.now)
    house.settle()
    house.hook = None
    house.deliver(*held[0])
    house.settle()
    assert house.here("ben") == ["ben"]
    assert house.here("ana") == []


def test_a_text_before_leaving_is_still_said():
    house = House("ana", "ben").together("ana", "ben")
    house["ben"].send("bye", house.now)
    house["ben"].leave(house.now)
    raises(errors.LocalError, house["ben"].send, "too late", house.now)
    house.settle()
    assert house.texts("ana") == [("ben", "bye")]
    assert house.here("ana") == ["ana"]


def test_a_text_that_waits_does_not_keep_its_author_in_for_ever():
    """The other one has left, nobody proposes for one who leaves itself."""
    house = House("ana", "ben").together("ana", "ben")
    ben = house["ben"]
    house["ana"].leave(house.now)
    leave = house["ana"].take_frames()
    house.hook = lambda sender, frame: ()
    house.deliver("ana", leave[0])
    ben.send("for whom?", house.now)
    ben.leave(house.now)
    house.hook = None
    house.wait(40000)
    assert house.here("ben") == []


def test_a_leaver_is_void():
    """Section 6: from its LEAVE on its messages count for nothing, and change nothing."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    ben = house["ben"]
    session = ben.session
    leave = session.seal(wire.LEAVE, b"")
    after = session.seal(wire.TEXT, b"one more thing")
    house.hook = lambda sender, frame: ()
    house.deliver("ben", leave)
    before = house["ana"].transcript
    house.deliver("ben", after)
    assert house["ana"].transcript == before
    assert house.texts("ana") == []
    assert house.refusals("ana") == [errors.OutOfPlace.name]


def test_texts_wait_until_the_room_is_without_the_leaver():
    """Section 6: so that it reads nothing said after its LEAVE."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    ben = house["ben"]
    session = ben.session
    leave = session.seal(wire.LEAVE, b"")
    house.hook = lambda sender, frame: ()  # nothing else arrives
    house.deliver("ben", leave)
    at = len(house.frames)
    house["ana"].send("now that he is gone", house.now)
    posted = house["ana"].take_frames()
    kinds = [frame[0] & 15 for frame in posted]
    assert kinds in ([], [wire.MESSAGE])  # at most a PROPOSE
    assert len(house["ana"]._outbox.texts) == 1
    assert len(house.frames) == at


def test_who_is_gone_hears_nothing_and_says_nothing():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house["ben"].leave(house.now)
    house.settle()
    seen = len(house.seen["ben"])
    house.say("ana", "hello")
    house.wait(30000)
    house["ana"].rekey(house.now)
    house.settle()
    assert len(house.seen["ben"]) == seen
    assert house["ben"].take_frames() == []


def test_a_lost_leave_is_posted_again():
    house = House("ana", "ben").together("ana", "ben")
    lost = []
    house.hook = lambda sender, frame: (frame,) if lost else lost.append(frame) or ()
    house["ben"].leave(house.now)
    house.settle()
    assert house.here("ben") == ["ana", "ben"]
    house.wait(10000)
    assert house.here("ben") == []
    assert house.here("ana") == ["ana"]


def test_leaving_twice_is_leaving_once():
    house = House("ana", "ben").together("ana", "ben")
    house["ben"].leave(house.now)
    house["ben"].leave(house.now)
    house.settle()
    assert len(house.of("ben", events.Left)) == 1
    assert house.here("ana") == ["ana"]
