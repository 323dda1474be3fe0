"""Two people: what one has seen itself needs no acknowledgement of its own (4)."""

from house import House

from mpseq import events


def test_the_other_speaks_and_leaves_and_nothing_is_called_unconfirmed():
    house = House("ana", "ben").together("ana", "ben")
    house.say("ben", "good-bye")
    house["ben"].leave(house.now)
    house.wait(10000)
    assert house.texts("ana") == [("ben", "good-bye")]
    number = house.of("ana", events.Text)[0].number
    assert [event.number for event in house.of("ana", events.Confirmed)] == [number]
    assert house.of("ana", events.Unconfirmed) == []


def test_a_text_is_confirmed_to_its_author_by_the_other_alone():
    house = House("ana", "ben").together("ana", "ben")
    house.say("ana", "hello")
    assert house.of("ana", events.Confirmed) == []
    house["ben"].send("hello to you", house.now)
    house.settle()
    assert len(house.of("ana", events.Confirmed)) == 1


def test_a_switch_carries_the_acknowledgement_of_one_who_knows_all_was_confirmed():
    """ben has everything confirmed, but ana has not heard from ben: his CONFIRM must tell her."""
    house = House("ana", "ben").together("ana", "ben")
    house.say("ben", "one")
    house.say("ana", "two")  # acknowledges "one"
    assert house.of("ben", events.Confirmed)
    house["ben"].rekey(house.now)
    house.settle()
    for nick in ("ana", "ben"):
        numbers = [event.number for event in house.of(nick, events.Text)]
        assert house.of(nick, events.Confirmed)[-1].number == numbers[-1], nick
        assert house.of(nick, events.Unconfirmed) == [], nick
