"""A text that falls outside its session is said again, once, or its author is asked
(PROTOCOL.md 4, Span)."""

from house import House

from mpseq import events, wire

THREE = ("ana", "ben", "eva")


def held_back(house, nick, text):
    """This person says something that the carrier holds back; returns the frame."""
    house[nick].send(text, house.now)
    frames = house[nick].take_frames()
    assert [frame[0] & 15 for frame in frames] == [wire.MESSAGE]
    return frames[0]


def after_last_share(house, nick, text, begin):
    """`begin()` starts an exchange; the text of `nick`, posted before, is brought by the carrier
    after the last SHARE."""
    frame = held_back(house, nick, text)
    done = []

    def hook(sender, out):
        if out[0] & 15 == wire.CONFIRM and not done:
            done.append(frame)
            return (frame, out)
        return (out,)

    house.hook = hook
    begin()
    house.settle()
    house.hook = None
    assert done


def rekey(house, nick):
    def begin():
        house[nick].rekey(house.now)

    return begin


def test_a_text_after_the_last_share_is_said_again_after_a_rekey():
    house = House(*THREE).together(*THREE)
    house.say("eva", "before")
    after_last_share(house, "ben", "between", rekey(house, "ana"))
    house.say("eva", "after")
    for nick in THREE:
        assert house.texts(nick) == [("eva", "before"), ("ben", "between"), ("eva", "after")]
    house.assert_one_session(*THREE)
    house.wait(60000)
    for nick in THREE:
        assert len(house.texts(nick)) == 3
        assert house.of(nick, events.Unsent) == []
        assert house.of(nick, events.Inconsistent) == []
        assert house.of(nick, events.Missing) == []


def test_a_text_after_the_last_share_is_said_again_after_a_leave():
    house = House(*THREE).together(*THREE)

    def leave():
        house["eva"].leave(house.now)
        for frame in house["eva"].take_frames():
            house.deliver("eva", frame)

    after_last_share(house, "ben", "between", leave)
    for nick in ("ana", "ben"):
        assert house.texts(nick) == [("ben", "between")]
    assert house.texts("eva") == []
    house.assert_one_session("ana", "ben")


def test_two_texts_after_the_last_share_keep_their_order():
    house = House(*THREE).together(*THREE)
    one = held_back(house, "ben", "one")
    two = held_back(house, "ben", "two")
    done = []

    def hook(sender, out):
        if out[0] & 15 == wire.CONFIRM and not done:
            done.append(sender)
            return (one, two, out)
        return (out,)

    house.hook = hook
    house["ana"].rekey(house.now)
    house.settle()
    for nick in THREE:
        assert house.texts(nick) == [("ben", "one"), ("ben", "two")]


def test_a_lost_text_and_one_outside_the_span_keep_their_order():
    house = House(*THREE).together(*THREE)
    held_back(house, "ben", "one")  # the carrier loses it
    two = held_back(house, "ben", "two")
    done = []

    def hook(sender, out):
        if out[0] & 15 == wire.CONFIRM and not done:
            done.append(sender)
            return (two, out)
        return (out,)

    house.hook = hook
    house["ana"].rekey(house.now)
    house.settle()
    for nick in THREE:
        assert house.texts(nick) == [("ben", "one"), ("ben", "two")]


def test_a_text_that_the_switch_overtook_is_said_again():
    """It never came back: the old session is gone when the carrier brings it."""
    house = House(*THREE).together(*THREE)
    frame = held_back(house, "ben", "slow")
    house["ana"].rekey(house.now)
    house.settle()
    for nick in THREE:
        assert house.texts(nick) == [("ben", "slow")]
    house.deliver("ben", frame)
    for nick in THREE:
        assert house.texts(nick) == [("ben", "slow")]


def test_a_text_while_the_exchange_runs_waits_for_its_end():
    house = House(*THREE).together(*THREE)
    done = []

    def hook(sender, out):
        if out[0] & 15 == wire.CONFIRM and not done:
            done.append(sender)
            house["ben"].send("patience", house.now)
        return (out,)

    house.hook = hook
    at = len(house.frames)
    house["ana"].rekey(house.now)
    house.settle()
    assert house.kinds(at).count(wire.MESSAGE) == 2  # PROPOSE, and the text once
    for nick in THREE:
        assert house.texts(nick) == [("ben", "patience")]
    assert house["ben"].transcript[0] == 1  # said in the new session only


def test_a_text_before_the_last_share_counts():
    house = House(*THREE).together(*THREE)
    frame = held_back(house, "ben", "in time")
    done = []

    def hook(sender, out):
        if out[0] & 15 == wire.SHARE and not done:
            done.append(sender)
            return (frame, out)
        return (out,)

    house.hook = hook
    house["ana"].rekey(house.now)
    house.settle()
    for nick in THREE:
        assert house.texts(nick) == [("ben", "in time")]
        assert house.of(nick, events.Unconfirmed) == []
    assert house["ben"].transcript[0] == 0


def test_somebody_new_does_not_get_what_was_meant_for_others():
    """Section 9: text re-posted to people it was not meant for."""
    house = House("ana", "ben", "eva", "dan").together(*THREE)

    def bring():
        house.invite("ana", "dan")

    after_last_share(house, "ben", "about dan", bring)
    house.assert_one_session("ana", "ben", "eva", "dan")
    assert [event.text for event in house.of("ben", events.Unsent)] == ["about dan"]
    for nick in house.order:
        assert house.texts(nick) == []
    house.wait(60000)
    for nick in house.order:
        assert house.texts(nick) == []


def test_unsent_data_comes_back_as_data():
    house = House("ana", "ben", "eva").together("ana", "ben")
    done = []

    def hook(sender, out):
        if out[0] & 15 == wire.CONFIRM and not done:
            done.append(sender)
            house["ben"].send_data("text/csv", b"1,2", house.now)
        return (out,)

    house.hook = hook
    house.bring("ana", "eva")
    assert [event.text for event in house.of("ben", events.Unsent)] == [("text/csv", b"1,2")]


def test_a_text_said_again_may_fall_outside_again():
    house = House(*THREE).together(*THREE)
    held = []

    def hook(sender, out):
        kind = out[0] & 15
        if sender == "ben" and kind == wire.MESSAGE and len(held) < 2:
            held.append(out)
            return ()
        return (out,)

    house.hook = hook
    house["ben"].send("stubborn", house.now)
    house["ana"].rekey(house.now)
    house.settle()
    house["eva"].rekey(house.now)
    house.settle()
    for nick in THREE:
        assert house.texts(nick) == [("ben", "stubborn")]
    assert len(held) == 2


def lose(house, frame, *deaf):
    """The carrier brings this frame to all but these."""
    house.reaches = lambda recipient, out: not (out == frame and recipient in deaf)
    house.deliver("x", frame)
    house.reaches = None


def test_a_text_lost_for_all_is_posted_again_the_same_bytes():
    house = House(*THREE).together(*THREE)
    frame = held_back(house, "ben", "hello?")
    house.wait(9999)
    assert house.texts("ana") == []
    house.wait(1)
    assert house.frames.count(frame) == 1
    for nick in THREE:
        assert house.texts(nick) == [("ben", "hello?")]


def test_the_carrier_is_asked_less_and_less_often():
    house = House("ana", "ben").together("ana", "ben")
    posted = []
    house.hook = lambda sender, frame: posted.append(house.now) or ()
    house["ana"].send("hello?", house.now)
    house.wait(200000)
    assert posted == [0, 10000, 30000, 70000, 150000]


def test_a_text_lost_for_all_while_a_later_one_came_is_said_again():
    """The same bytes would be late for everybody: it gets a new place."""
    house = House(*THREE).together(*THREE)
    one = held_back(house, "ben", "one")
    house.say("ben", "two")
    for nick in THREE:
        assert house.texts(nick) == [("ben", "two"), ("ben", "one")]
    at = len(house.frames)
    house.wait(8 * 60000)
    assert one not in house.frames[at:]
    house.assert_one_session(*THREE)


def test_a_text_lost_for_its_author_only_is_shown_once_to_the_others():
    house = House(*THREE).together(*THREE)
    one = held_back(house, "ben", "one")
    lose(house, one, "ben")
    house.say("ben", "two")
    assert house.texts("ana") == house.texts("eva") == [("ben", "one"), ("ben", "two")]
    assert house.texts("ben") == [("ben", "two"), ("ben", "one")]
    for nick in ("ana", "eva"):
        assert "ben" in [event.nick for event in house.of(nick, events.Inconsistent)]


def test_a_text_lost_for_some_is_shown_to_those_who_missed_it():
    house = House(*THREE).together(*THREE)
    one = held_back(house, "ben", "one")
    lose(house, one, "ben", "eva")
    house.say("ben", "two")
    assert house.texts("ana") == [("ben", "one"), ("ben", "two")]
    assert house.texts("eva") == [("ben", "two"), ("ben", "one")]


def test_a_text_lost_twice_for_its_author_is_still_shown_once():
    house = House(*THREE).together(*THREE)
    one = held_back(house, "ben", "one")
    lose(house, one, "ben", "ana", "eva")
    house["ben"].send("two", house.now)
    for frame in house["ben"].take_frames():
        house.deliver("ben", frame)  # two is there: one is lost
    again = house["ben"].take_frames()
    assert len(again) == 1
    lose(house, again[0], "ben")
    house.say("ben", "three")
    for nick in ("ana", "eva"):
        assert house.texts(nick) == [("ben", "two"), ("ben", "one"), ("ben", "three")]
    assert sorted(house.texts("ben")) == sorted(house.texts("ana"))


def test_what_a_closing_ack_overtakes_is_lost_for_all_alike():
    """Else its author alone would take the late frame into its transcript."""
    house = House(*THREE).together(*THREE)
    house.say("ana", "something to confirm")
    frame = held_back(house, "ben", "overtaken")
    confirmed = []

    def hook(sender, out):
        if out[0] & 15 == wire.CONFIRM:
            confirmed.append(sender)
            if sender == "ben":
                return (out, frame)  # after ben's closing ACK, before the switch
        return (out,)

    house.hook = hook
    house["ana"].rekey(house.now)
    house.settle()
    house.assert_one_session(*THREE)
    assert confirmed[-1] != "ben" and "ben" in confirmed
    for nick in THREE:
        assert house.texts(nick) == [("ana", "something to confirm"), ("ben", "overtaken")]
        assert house.of(nick, events.Inconsistent) == []


def test_whoever_seals_another_closing_than_an_ack_closes_nothing():
    """A CONFIRM may carry no text: it would be eaten there and never shown."""
    house = House(*THREE).together(*THREE)
    session = house["ben"].session
    text = session.seal(wire.TEXT, b"hello")
    ana = house["ana"].session
    index = session.me
    before = (bytes(ana._chains), list(ana._counters))
    assert ana.open_closing(text, index) is None
    assert (bytes(ana._chains), list(ana._counters)) == before
    ack = session.seal(wire.ACK, b"")
    assert ana.open_closing(ack, 3 - index - ana.me) is None  # in the CONFIRM of the third
    assert ana.open_closing(b"", index) is None
    assert ana.open_closing(ack + b"\0", index) is None
    assert ana.open_closing(ack, index).kind == wire.ACK
