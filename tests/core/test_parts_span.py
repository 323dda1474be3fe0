"""A long text counts when all its parts do, in one session; else all of it is said again, or its
author is asked (PROTOCOL.md 4, Span)."""

from cheats import Cheat, wrong_auth_to
from house import House
from longtexts import THREE, Watcher, kind_of, long_text, nothing_is_kept, undelivered

from mpseq import events, wire
from mpseq.parts import CHUNK, Part


def switch_at(house, number, begin, nick="ben", size=24000):
    """This member's long text is on its way; when the carrier has its part of this number,
    `begin()` starts an exchange, and the rest of the parts come after the last SHARE."""
    held = []
    state = []

    def change(at, frame):
        if at == number:
            state.append("begun")
            begin()
        if state == ["begun"]:
            held.append(frame)
            return ()
        return (frame,)

    watcher = Watcher(house, change)

    def hook(sender, frame):
        if frame[0] & 15 == wire.CONFIRM and held:
            state.append("let go")
            out = tuple(held) + (frame,)
            del held[:]
            return out
        return watcher(sender, frame)

    house.hook = hook
    house[nick].send(long_text(size), house.now)
    house.settle()
    house.hook = None
    assert state == ["begun", "let go"]
    return watcher


def test_a_switch_in_the_middle_and_all_of_it_is_said_again():
    for number in (0, 1, 3, 5):
        house = House(*THREE).together(*THREE)
        watcher = switch_at(house, number, lambda house=house: house["ana"].rekey(house.now))
        for nick in THREE:
            assert house.texts(nick) == [("ben", long_text(24000))], (number, nick)
            assert undelivered(house, nick) == []
            assert house.of(nick, events.Unsent) == []
        assert len(watcher.parts) > 6
        house.assert_one_session(*THREE)
        house.say("ben", "after")
        assert house.texts("eva")[1:] == [("ben", "after")]
        nothing_is_kept(house)


def test_a_body_that_is_complete_in_time_is_not_said_again():
    house = House(*THREE).together(*THREE)
    watcher = Watcher(house)
    house.hook = watcher
    house.say("ben", long_text(24000))
    house["ana"].rekey(house.now)
    house.settle()
    assert len(watcher.parts) == 6
    for nick in THREE:
        assert house.texts(nick) == [("ben", long_text(24000))]


def test_the_same_parts_are_posted_again_with_the_same_digest():
    house = House(*THREE).together(*THREE)
    seen = []
    ana = house["ana"]
    take = ana._take_part

    def noting(message, now):
        part = Part(message.body)
        seen.append((part.digest, part.offset))
        take(message, now)

    ana._take_part = noting
    switch_at(house, 3, lambda: house["eva"].rekey(house.now))
    assert len(set([digest for digest, _ in seen])) == 1
    assert [offset for _, offset in seen[-6:]] == [at * CHUNK for at in range(6)]


def test_somebody_new_does_not_get_it_and_its_author_is_asked():
    house = House("ana", "ben", "eva", "dan").together(*THREE)
    switch_at(house, 2, lambda: house.invite("ana", "dan"))
    house.assert_one_session("ana", "ben", "eva", "dan")
    assert [event.text for event in house.of("ben", events.Unsent)] == [long_text(24000)]
    house.wait(60000)
    for nick in house.order:
        assert house.texts(nick) == []
    house.say("ben", "never mind")
    assert undelivered(house, "ana") == undelivered(house, "eva") == [("ben", 24000)]
    assert undelivered(house, "dan") == []
    nothing_is_kept(house)


def test_unsent_long_data_comes_back_whole():
    house = House(*THREE).together("ana", "ben")
    done = []

    def hook(sender, out):
        if out[0] & 15 == wire.CONFIRM and not done:
            done.append(sender)
            house["ben"].send_data("text/csv", b"1,2" * 9999, house.now)
        return (out,)

    house.hook = hook
    house.bring("ana", "eva")
    unsent = [event.text for event in house.of("ben", events.Unsent)]
    assert unsent == [("text/csv", b"1,2" * 9999)]


def test_at_an_abort_the_parts_that_were_withheld_count():
    """Section 9: text between the last SHARE and an ABORT shown twice or never."""
    house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    cheat = Cheat(house).spoil("eva", wire.SHARE, wrong_auth_to(house["dan"].session.me), 1)
    held = []
    state = []

    def hook(sender, frame):
        kind = frame[0] & 15
        if sender == "ben" and kind == wire.MESSAGE and kind_of(house, frame) == wire.PART:
            state.append(frame)
            if len(state) == 2:
                house["ana"].rekey(house.now)
            if len(state) >= 2 and not held_is_over:
                held.append(frame)
                return ()
        if kind == wire.ABORT and held:
            held_is_over.append(1)
            out = tuple(held) + (frame,)
            del held[:]
            return out
        return cheat(sender, frame)

    held_is_over = []
    house.hook = hook
    house["ben"].send(long_text(24000), house.now)
    house.settle()
    assert held_is_over
    house.hook = None
    house.wait(300000)
    assert len(state) == 6, "posted once, although some of it came after the last SHARE"
    house.assert_one_session("ana", "ben", "dan")
    for nick in ("ana", "ben", "dan"):
        assert house.texts(nick) == [("ben", long_text(24000))], nick
        assert undelivered(house, nick) == []
    nothing_is_kept(house)


def test_more_than_is_withheld_is_said_again():
    """Texts and parts that nobody kept after the span: the same for all, author included."""
    for texts, others in (
        ([long_text(24000)], (b"1", b"2")), ([c * 9000 for c in "abc"], (b"1", b"2")),
        ([c * 9000 for c in "abc"], (b"1",)), (["a" * 9000, "b" * 9000, "c"], (b"1",)),
    ):
        for end in ("switch", "abort"):
            house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
            cheat = Cheat(house)
            if end == "abort":
                cheat.spoil("eva", wire.SHARE, wrong_auth_to(house["dan"].session.me), 1)
            for text in texts:
                house["ben"].send(text, house.now)
            held = house["ben"].take_frames()
            # so much of others comes with it that not everything is kept
            more = [house["dan"].session.seal(wire.TEXT, c * 5000) for c in others]
            house["dan"]._outbox.frames = []
            last = wire.CONFIRM if end == "switch" else wire.ABORT
            done = []

            def hook(sender, frame, done=done, last=last, more=more, held=held, cheat=cheat):
                if frame[0] & 15 == last and not done:
                    done.append(sender)
                    return tuple(more + held) + (frame,)
                return cheat(sender, frame)

            house.hook = hook
            house["ana"].rekey(house.now)
            house.settle()
            assert done
            house.hook = None
            house.wait(300000)
            rest = ("ana", "ben", "dan") if end == "abort" else house.order
            house.assert_one_session(*rest)
            for nick in rest:
                said = [text for who, text in house.texts(nick) if who == "ben"]
                if end == "switch":
                    assert said == texts, nick
                else:  # what was kept first, then the rest
                    assert sorted(said) == sorted(texts), nick
                assert undelivered(house, nick) == []
            nothing_is_kept(house)


