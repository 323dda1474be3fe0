"""The largest room: 64 people, brought in at once (PROTOCOL.md section 10)."""

from house import House, raises

from mpseq import errors, wire


def test_a_room_of_64():
    nicks = ["person-%02d" % at for at in range(64)]
    house = House(*nicks)
    house.add("one too many")
    house.together(*nicks)
    house.assert_one_session(*nicks)
    assert len(house.frames) == 2 * 64 + 63 + 4
    assert max([len(frame) for frame in house.frames]) <= wire.MAX_FRAME
    house.say(nicks[40], "hello everybody")
    for nick in nicks:
        assert house.texts(nick) == [(nicks[40], "hello everybody")]
    late = [("one too many", house.key("one too many"))]
    raises(errors.LocalError, house[nicks[1]].invite, late, house.now)
