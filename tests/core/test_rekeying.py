"""A fresh group key after a time and after a number of frames (PROTOCOL.md 5.3, 6)."""

from house import House, raises

from mpseq import errors, events, wire

MINUTES = 60000


def sessions(house, nick):
    return len(house.of(nick, events.SessionStarted))


def test_a_room_rekeys_after_ten_minutes_and_is_silent_otherwise():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    at = len(house.frames)
    house.wait(10 * MINUTES - 1)
    assert len(house.frames) == at
    house.wait(1)
    house.assert_one_session("ana", "ben", "eva")
    assert len(house.frames) - at == 2 * 3 + 1  # section 5: 2n + 1
    assert sessions(house, "ben") == 2


def test_nobody_proposes_two_rekeys_in_a_row():
    """Section 5.3: else one member alone could hold the room's healing in its hand."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    by = []

    def hook(sender, frame):
        if frame[0] & 15 == wire.MESSAGE:
            by.append(sender)
        return (frame,)

    house.hook = hook
    house.wait(65 * MINUTES)
    assert len(by) == 6
    for at in range(5):
        assert by[at] != by[at + 1]
    house.assert_one_session("ana", "ben", "eva")


def test_one_who_is_alone_rekeys_too():
    house = House("ana").together("ana")
    house.wait(25 * MINUTES)
    assert len(house.frames) == 2
    assert house.here("ana") == ["ana"]


def test_a_room_rekeys_after_so_many_frames():
    house = House("ana", "ben", rekey_frames=20).together("ana", "ben")
    for at in range(19):
        house.say("ana", str(at))
    assert sessions(house, "ana") == 2
    house.say("ben", "that makes twenty")
    assert sessions(house, "ana") == 3
    house.assert_one_session("ana", "ben")
    assert len(house.texts("ben")) == 20


def test_a_rekey_on_demand():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    before = house["ana"].session.sid
    house["ben"].rekey(house.now)
    house.settle()
    house.assert_one_session("ana", "ben", "eva")
    assert house["ana"].session.sid != before
    raises(errors.LocalError, house["ben"].rekey, house.now)
    house["eva"].rekey(house.now)
    house.settle()
    house["ben"].rekey(house.now)
    house.settle()
    assert sessions(house, "eva") == 4


def test_all_ask_for_a_rekey_at_once():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    for nick in house.order:
        house[nick].rekey(house.now)
    house.settle()
    house.wait(30000)
    house.assert_one_session("ana", "ben", "eva")
    at = len(house.frames)
    house.wait(5 * MINUTES)
    assert len(house.frames) == at


def test_the_next_index_proposes_when_the_first_does_not():
    """Section 5.3: each next one 5 s later."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    first = house["ana"].members[0].nick
    second = house["ana"].members[1].nick
    by = []

    def hook(sender, frame):
        if frame[0] & 15 == wire.MESSAGE:
            by.append(sender)
            if sender == first:
                return ()
        return (frame,)

    house.hook = hook
    house.wait(10 * MINUTES + 4999)
    assert by == [first]
    assert sessions(house, first) == (2 if first == "ana" else 1)
    house.wait(1)
    assert by[:2] == [first, second]
    house.hook = None
    house.wait(30000)
    house.assert_one_session("ana", "ben", "eva")


def test_a_leaver_is_removed_by_the_next_when_the_first_is_mute():
    house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    leaver = house["ana"].members[3].nick
    first = house["ana"].members[0].nick
    rest = [who.nick for who in house["ana"].members[:3]]
    house.hook = lambda sender, frame: (
        () if sender == first and frame[0] & 15 == wire.MESSAGE else (frame,)
    )
    house[leaver].leave(house.now)
    house.settle()
    house.wait(4999)
    assert leaver in house.here(first)
    house.wait(1)
    house.assert_one_session(*rest)


def test_past_twice_the_life_of_the_keys_texts_wait_and_control_goes_on():
    """Section 6. The carrier brings no SHARE, so no exchange completes."""
    house = House("ana", "ben").together("ana", "ben")
    house.hook = lambda sender, frame: () if frame[0] & 15 == wire.SHARE else (frame,)
    house.wait(20 * MINUTES - 1)
    house.say("ana", "just in time")
    assert house.texts("ben") == [("ana", "just in time")]
    house.wait(1)
    house.say("ana", "too late")
    assert house.texts("ben") == [("ana", "just in time")]
    house.wait(20000)
    assert len(house.of("ana", events.Confirmed)) == 1  # ACKs go on
    house.hook = None
    house.wait(20 * MINUTES)
    assert house.texts("ben") == [("ana", "just in time"), ("ana", "too late")]
    assert house.texts("ana") == house.texts("ben")


def test_past_twice_the_frames_texts_wait():
    house = House("ana", "ben", rekey_frames=10).together("ana", "ben")
    house.hook = lambda sender, frame: () if frame[0] & 15 == wire.SHARE else (frame,)
    for at in range(40):
        house["ana"].send(str(at), house.now)
        house.settle()
        if house["ana"].session.count >= 20:
            break
    told = len(house.texts("ben"))
    assert told == 19  # and one PROPOSE
    house.say("ana", "more")
    assert len(house.texts("ben")) == told
    house.hook = None
    house.wait(60000)
    assert house.texts("ben")[-1] == ("ana", "more")
    assert house.texts("ana") == house.texts("ben")


def test_keys_of_a_session_are_wiped_at_the_switch():
    house = House("ana", "ben").together("ana", "ben")
    session = house["ana"].session
    secrets = [session._chains, session._header_key, session._statement, session.keys.x]
    for secret in secrets:
        assert secret != bytes(len(secret))
    house["ana"].rekey(house.now)
    house.settle()
    for secret in secrets:
        assert secret == bytes(len(secret))


def test_secrets_of_an_exchange_are_wiped_at_the_switch():
    house = House("ana", "ben").together("ana", "ben")
    caught = []

    def hook(sender, frame):
        if frame[0] & 15 == wire.CONFIRM and not caught:
            caught.append(house["ana"]._attempt.exchange)
        return (frame,)

    house.hook = hook
    house["ana"].rekey(house.now)
    house.settle()
    exchange = caught[0]
    for name in ("secret", "_pair", "_confirm_key", "sas_key"):
        value = getattr(exchange, name)
        assert value == bytes(len(value)), name
    for secret in (exchange.keys.x, exchange.keys.t_secret):
        assert secret == bytes(len(secret))


def test_every_member_has_new_exchange_keys_in_every_session():
    """Section 3: a participant uses its (y, t) for one sid, ever."""
    house = House("ana", "ben").together("ana", "ben")
    seen = []
    for _ in range(3):
        for nick in ("ana", "ben"):
            keys = house[nick].session.keys
            assert keys.y not in seen and keys.t not in seen
            seen.extend([keys.y, keys.t])
        for nick in ("ana", "ben"):
            if house[nick]._last_rekey != house.key(nick):
                house[nick].rekey(house.now)
                break
        house.settle()
        house.assert_one_session("ana", "ben")
