"""Carriers that lose, repeat, delay, reorder and lie: no wrong message is ever shown, what differs
is named, nobody is blamed for it, and those who can reach each other end in one session
(PROTOCOL.md sections 1, 2)."""

from carriers import Carrier, Doubling, Late, Losing, Lying, Shuffling
from house import House
from outcomes import MINUTE, come_together, named, nobody_is_blamed, only_what_was_said

from mpseq import events, wire


def room(*nicks):
    return House(*nicks).together(*nicks)


def live(house, *nicks):
    """Everybody says something, a re-key, everybody again; returns what was said."""
    said = []
    for turn in range(3):
        for nick in nicks:
            said.append((nick, "%s %d" % (nick, turn)))
            house[nick].send(said[-1][1], house.now)
            house.settle()
            house.wait(2000)
        if turn == 1:
            house[nicks[0]].rekey(house.now)
        house.wait(20000)
    said.append((nicks[-1], "together"))
    return said


def test_the_honest_carrier_of_these_tests_is_honest():
    house = room("ana", "ben", "eva")
    carrier = Carrier(house)
    said = live(house, "ana", "ben", "eva")
    carrier.stop()
    for nick in house.order:
        assert house.texts(nick) == said[:-1]
        assert named(house, nick) == []
    come_together(house, "ana", "ben", "eva")
    only_what_was_said(house, said)


def test_a_carrier_that_loses_frames_for_all_alike():
    for seed in ("one", "two", "three"):
        house = room("ana", "ben", "eva")
        carrier = Losing(house, 40, seed=seed)
        said = live(house, "ana", "ben", "eva")
        carrier.stop()
        assert carrier.lost
        come_together(house, "ana", "ben", "eva")
        only_what_was_said(house, said)
        nobody_is_blamed(house)
        for nick in house.order:
            assert sorted(house.texts(nick)) == sorted(said), nick
            assert house.of(nick, events.Inconsistent) == []


def test_a_carrier_that_brings_everything_twice():
    for later in (0, 1, 7):
        house = room("ana", "ben", "eva")
        carrier = Doubling(house, later)
        said = live(house, "ana", "ben", "eva")
        carrier.stop()
        for nick in house.order:
            assert house.texts(nick) == said[:-1]
            assert named(house, nick) == []
            assert house.of(nick, events.Suspected) == []
        come_together(house, "ana", "ben", "eva")
        nobody_is_blamed(house)


def test_a_carrier_that_brings_joins_and_rosters_twice():
    house = House("ana", "ben", "eva")
    Doubling(house, 3)
    house.found("ana")
    house.bring("ana", "ben", "eva")
    house.wait(10000)
    house.assert_one_session("ana", "ben", "eva")


def test_a_slow_member_is_not_removed():
    """Each frame of ben's takes forty seconds."""
    house = room("ana", "ben", "eva")
    carrier = Late(house, "ben")
    said = []
    for turn in range(6):
        for nick in house.order:
            said.append((nick, "%s %d" % (nick, turn)))
            house[nick].send(said[-1][1], house.now)
        if turn == 3:
            house["ana"].rekey(house.now)
        house.wait(40000)
        carrier.release()
    carrier.stop()
    house.wait(2 * MINUTE)
    house.assert_one_session("ana", "ben", "eva")
    for nick in house.order:
        assert house.of(nick, events.Suspected) == [], nick
        assert sorted(house.texts(nick)) == sorted(said), nick
    nobody_is_blamed(house)


def test_a_frame_later_than_a_minute_is_suspected_and_its_coming_takes_that_back():
    house = room("ana", "ben", "eva")
    carrier = Late(house, "ben", (wire.SHARE,))
    house["ana"].rekey(house.now)
    house.wait(63000)
    assert [one.nick for one in house.of("ana", events.Suspected)] == ["ben", "ben"]
    assert house["ana"].exchange_running
    carrier.stop()
    house.wait(2 * MINUTE)
    house.assert_one_session("ana", "ben", "eva")
    nobody_is_blamed(house)


def test_a_message_lost_for_one_member_is_named_by_all():
    house = room("ana", "ben", "eva")
    carrier = Lying(house).instead("ben", wire.MESSAGE, lambda frame: ())
    house.say("ana", "one")
    house.say("ana", "two")
    house.wait(MINUTE)
    carrier.stop()
    assert house.texts("ben") == [("ana", "two")]
    (missing,) = house.of("ben", events.Missing)
    assert (missing.nick, missing.first, missing.last) == ("ana", 0, 0)
    assert [one.nick for one in house.of("ben", events.Inconsistent)] == ["ana", "eva"]
    for nick in ("ana", "eva"):
        assert [one.nick for one in house.of(nick, events.Inconsistent)] == ["ben"]
    for nick in ("ana", "ben", "eva"):
        assert house.of(nick, events.Confirmed) == [], nick
    come_together(house, "ana", "ben", "eva")
    nobody_is_blamed(house)


def test_two_messages_that_change_places_for_one_member():
    house = room("ana", "ben", "eva")
    carrier = Late(house, kinds=(wire.MESSAGE,))
    house["ana"].send("one", house.now)
    house["eva"].send("two", house.now)
    house.settle()
    held = carrier.held
    house.hook = None
    for nick, order in (("ana", held), ("eva", held), ("ben", list(reversed(held)))):
        for sender, frame in order:
            house[nick].receive(sender, frame, house.now)
    house.wait(MINUTE)
    assert house.texts("ana") == house.texts("eva") == [("ana", "one"), ("eva", "two")]
    assert house.texts("ben") == [("eva", "two"), ("ana", "one")]
    assert [one.nick for one in house.of("ana", events.Inconsistent)] == ["ben"]
    assert [one.nick for one in house.of("eva", events.Inconsistent)] == ["ben"]
    assert sorted([one.nick for one in house.of("ben", events.Inconsistent)]) == ["ana", "eva"]
    come_together(house, "ana", "ben", "eva")
    nobody_is_blamed(house)


def test_a_carrier_with_an_order_of_its_own_for_each_member():
    for seed in ("one", "two"):
        house = room("ana", "ben", "eva")
        carrier = Shuffling(house, 3, seed)
        said = live(house, "ana", "ben", "eva")
        carrier.stop()
        assert [nick for nick in house.order if named(house, nick)]
        come_together(house, "ana", "ben", "eva")
        only_what_was_said(house, said)


def test_a_carrier_that_loses_frames_for_each_member_by_itself():
    for seed in ("one", "two"):
        house = room("ana", "ben", "eva")
        carrier = Losing(house, 25, each=True, seed=seed)
        said = live(house, "ana", "ben", "eva")
        carrier.stop()
        come_together(house, "ana", "ben", "eva")
        only_what_was_said(house, said)
        for nick in house.order:
            missed = [one for one in said if one not in house.texts(nick)]
            assert not missed or named(house, nick), (nick, missed)


def test_frames_that_change_on_the_way_are_frames_that_were_lost():
    """One bit of each kind of frame, for one member: nothing wrong is taken for true."""
    for kind in (wire.MESSAGE, wire.SHARE, wire.CONFIRM):
        for at in (1, 5, 6, 40, -1):
            def bend(frame, at=at):
                bad = bytearray(frame)
                bad[at] ^= 4
                return (bytes(bad),)

            house = room("ana", "ben", "eva")
            carrier = Lying(house).instead("ben", kind, bend)
            house.say("ana", "true")
            house["ana"].rekey(house.now)
            house.settle()
            house.say("eva", "too")
            carrier.stop()
            assert carrier.told == {("ben", kind): 1}
            only_what_was_said(house, [("ana", "true"), ("eva", "too")])
            assert len(house.refusals("ben")) >= 1


def test_one_lost_text_removes_nobody():
    """Section 8: disagreement is named, the user decides; a lossy carrier is not an attack."""
    house = room("ana", "ben", "eva")
    Lying(house).instead("ben", wire.MESSAGE, lambda frame: ())
    house.say("ana", "one")
    house.say("ana", "two")
    house.wait(6 * MINUTE)
    for nick in ("ana", "ben", "eva"):
        assert named(house, nick), nick
        assert house.of(nick, events.Suspected) == [], nick
        assert house.here(nick) == ["ana", "ben", "eva"], nick


def test_a_share_hidden_from_one_member_convicts_nobody():
    house = room("ana", "ben", "eva", "dan")
    Lying(house).instead("ben", wire.SHARE, lambda frame: ())
    house["ana"].rekey(house.now)
    house.settle()
    house.wait(6 * MINUTE)
    nobody_is_blamed(house)
    come_together(house, "ana", "ben", "eva", "dan")
