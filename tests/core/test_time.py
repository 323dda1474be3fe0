"""`now` counts milliseconds, never wraps and is all the core knows of time (PROTOCOL.md 2)."""

from house import House

from mpseq import events

MINUTES = 60000
# Small integers of 31 bits, of 32 and of 63 end here on one board or another.
EDGES = ((1 << 30) - 5000, (1 << 31) - 5000, (1 << 32) - 5000, (1 << 40), (1 << 62) - 5000)


def life(start):
    house = House("ana", "ben", "eva")
    house.now = start
    house.together("ana", "ben")
    house.say("ben", "hello")
    house.wait(20000)
    house.bring("ben", "eva")
    house.wait(12 * MINUTES)
    house["ben"].leave(house.now)
    house.settle()
    house.wait(12 * MINUTES)
    house.assert_one_session("ana", "eva")
    return house


def test_a_room_lives_the_same_life_at_any_time():
    first = life(0)
    for start in EDGES:
        house = life(start)
        assert house.frames == first.frames, start
        assert house.now - start == first.now


def test_next_tick_says_when_and_ticking_more_often_changes_nothing():
    """One room is woken when it asks for it, one every 250 ms: the same frames at one time."""

    def lived(step):
        house = House("ana", "ben", "eva").together("ana", "ben")
        at = []
        house.hook = lambda sender, frame: at.append((house.now, frame)) or (frame,)
        house.say("ana", "hello")
        house["ben"].invite([("zoe", house.key("ana")[:31] + b"\x09")], house.now)
        house.invite("ana", "eva")
        house.settle()
        if step:
            end = house.now + 11 * MINUTES
            while house.now < end:
                house.now += step
                for nick in house.order:
                    house[nick].tick(house.now)
                house.settle()
        else:
            house.wait(11 * MINUTES)
        house.assert_one_session("ana", "ben", "eva")
        return at

    assert lived(0) == lived(250)


def test_nobody_is_woken_for_nothing():
    """A tick at next_tick() does something or asks for a later one."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house.say("ana", "hello")
    house["eva"].leave(house.now)
    house.settle()
    for _ in range(50):
        for nick in ("ana", "ben"):
            person = house[nick]
            at = person.next_tick()
            if at is None:
                continue
            assert at >= house.now
            house.now = at
            person.tick(at)
            later = person.next_tick()
            frames = person.take_frames()
            assert frames or later is None or later > at
            for frame in frames:
                house.deliver(nick, frame)
            house.settle()


def test_one_outside_is_never_woken():
    house = House("ana", "zoe").together("ana")
    assert house["zoe"].next_tick() is None
    house["zoe"].tick(house.now)
    assert house["zoe"].take_frames() == []
    assert house["zoe"].take_events() == []


def test_a_long_sleep_is_made_up_for():
    """Nobody ticked for an hour: the first tick re-keys, once."""
    house = House("ana", "ben").together("ana", "ben")
    house.now += 60 * MINUTES
    for nick in house.order:
        house[nick].tick(house.now)
    house.settle()
    house.assert_one_session("ana", "ben")
    assert len(house.of("ana", events.SessionStarted)) == 3
    house.say("ana", "good morning")
    assert house.texts("ben") == [("ana", "good morning")]


def test_a_clock_that_stands_still_is_no_trouble():
    house = House("ana", "ben").together("ana", "ben")
    for _ in range(10):
        house.say("ana", "x")
        for nick in house.order:
            house[nick].tick(house.now)
    assert len(house.texts("ben")) == 10
