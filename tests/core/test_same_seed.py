"""The core draws on nothing but what it is given: the same seed gives the same frames, byte for
byte (PROTOCOL.md section 2)."""

from house import House


def life(seed):
    house = House("ana", "ben", "eva", "dan", seed=seed).together("ana", "ben", "eva")
    house.say("ben", "hello")
    house.wait(20000)
    house.bring("eva", "dan")
    house["ben"].leave(house.now)
    house.settle()
    house.say("dan", "x" * 100)
    house.wait(11 * 60000)
    house.assert_one_session("ana", "eva", "dan")
    return house


def test_the_same_seed_gives_the_same_frames_and_events():
    one, two = life("one"), life("one")
    assert one.frames == two.frames
    assert one.now == two.now
    for nick in one.order:
        assert len(one.seen[nick]) == len(two.seen[nick])
        assert one[nick].code == two[nick].code
        assert one[nick].transcript == two[nick].transcript


def test_another_seed_gives_other_frames():
    one, two = life("one"), life("two")
    assert [len(frame) for frame in one.frames] == [len(frame) for frame in two.frames]
    assert not set(one.frames) & set(two.frames)


def test_each_member_draws_from_its_own_source():
    house = life("one")
    seen = []
    for nick in house.order:
        assert house[nick]._random.at > 0
        keys = house[nick].session.keys if house[nick].session else None
        if keys:
            assert keys.y not in seen
            seen.append(keys.y)
    assert len(seen) == 3
