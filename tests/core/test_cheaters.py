"""Section 7: an exchange that fails ends with the culprit removed, and the others go on."""

from cheats import Cheat, opened, sealed, wrong_auth_to, wrong_check, wrong_z
from house import House

from mpseq import errors, events, wire
from mpseq.exchange import REMOVED, Exchange

MINUTES = 60000


def convicted(house, nick):
    return [one.nick for one in house.of(nick, events.Convicted)]


def goes_on_without(house, culprit, *others):
    """The others are in one working session without the culprit, and know why."""
    house.hook = None
    house.wait(5 * MINUTES)
    house.assert_one_session(*others)
    for nick in others:
        assert convicted(house, nick) == [culprit], nick
    house.say(others[0], "still here")
    for nick in others:
        assert house.texts(nick)[-1] == (others[0], "still here"), nick


def room(*nicks):
    return House(*nicks).together(*nicks)


def test_a_wrong_z_is_found_and_its_author_removed():
    house = room("ana", "ben", "eva", "dan")
    house.hook = Cheat(house).spoil("eva", wire.SHARE, wrong_z)
    at = len(house.frames)
    house["ana"].rekey(house.now)
    house.settle()
    first = house.kinds(at).index(wire.ABORT)
    assert wire.CONFIRM not in house.kinds(at)[:first]  # nobody needs another's word for it
    goes_on_without(house, "eva", "ana", "ben", "dan")


def test_a_wrong_auth_to_one_member_only():
    house = room("ana", "ben", "eva", "dan")
    target = house["dan"].session.me
    house.hook = Cheat(house).spoil("eva", wire.SHARE, wrong_auth_to(target))
    house["ana"].rekey(house.now)
    house.settle()
    goes_on_without(house, "eva", "ana", "ben", "dan")


def test_a_confirm_of_another_key():
    house = room("ana", "ben", "eva", "dan")
    house.hook = Cheat(house).spoil("eva", wire.CONFIRM, wrong_check)
    house["ana"].rekey(house.now)
    house.settle()
    goes_on_without(house, "eva", "ana", "ben", "dan")


def test_an_abort_in_another_name_is_nothing():
    house = room("ana", "ben", "eva")
    house.hook = Cheat(house).hush("ben", wire.SHARE)
    house["ana"].rekey(house.now)
    house.settle()
    exchange = house["eva"]._attempt.exchange
    frame = exchange.abort(REMOVED, 0)
    plain = opened(exchange, frame)
    for index in (house["ana"]._attempt.exchange.me, house["ben"]._attempt.exchange.me):
        forged = sealed(exchange, wire.ABORT, index, plain)
        house.deliver("eva", forged)
        assert house["ana"].exchange_running
        assert house.refusals("ana")[-1] == errors.BadSignature.name


def test_the_group_secret_is_wiped_as_soon_as_keys_are_derived():
    """Section 4: S is kept by nobody."""
    seen = []
    derive = Exchange.derive

    def watched(self, group):
        assert bytes(group) != bytes(32)
        seen.append(group)
        derive(self, group)

    Exchange.derive = watched
    try:
        room("ana", "ben", "eva")
    finally:
        Exchange.derive = derive
    assert len(seen) == 4  # ana's alone, and three times that of all
    for group in seen:
        assert bytes(group) == bytes(32)


def test_two_in_league_whose_wrong_z_cancel():
    house = room("ana", "ben", "eva", "dan", "uma")
    house.hook = Cheat(house).spoil("eva", wire.SHARE, wrong_z).spoil("dan", wire.SHARE, wrong_z)
    house["ana"].rekey(house.now)
    house.settle()
    house.hook = None
    house.wait(5 * MINUTES)
    house.assert_one_session("ana", "ben", "uma")
    for nick in ("ana", "ben", "uma"):
        assert sorted(convicted(house, nick)) == ["dan", "eva"]


def test_silence_in_an_exchange_at_each_stage():
    for kind in (wire.SHARE, wire.CONFIRM):
        house = room("ana", "ben", "eva")
        house.hook = Cheat(house).hush("eva", kind)
        house["ana"].rekey(house.now)
        house.settle()
        house.say("ben", "early")
        house.wait(5 * MINUTES)
        house.assert_one_session("ana", "ben")
        assert house.texts("ana") == [("ben", "early")]
        for nick in ("ana", "ben"):
            assert convicted(house, nick) == []


def test_a_silent_guest_stalls_nobody():
    house = House("ana", "ben", "eva", "dan").together("ana", "ben")
    house.hook = Cheat(house).hush("dan", wire.SHARE)
    house.bring("ana", "eva", "dan")
    house.wait(5 * MINUTES)
    house.assert_one_session("ana", "ben", "eva")


def test_a_leave_in_the_midst_of_an_exchange():
    house = room("ana", "ben", "eva")
    house.hook = Cheat(house).hush("eva", wire.SHARE)
    house["ana"].rekey(house.now)
    house.settle()
    house["eva"].leave(house.now)
    house.wait(2 * MINUTES)
    house.assert_one_session("ana", "ben")
    assert not house.here("eva")


def test_expelled_by_all_others():
    house = room("ana", "ben", "eva")
    house["ana"].expel(house.key("eva"), house.now)
    house.settle()
    assert house.here("ana") == ["ana", "ben", "eva"]
    house["ben"].expel(house.key("eva"), house.now)
    house.settle()
    house.assert_one_session("ana", "ben")
    assert not house.here("eva")


def test_one_who_died_after_the_others_rekey_is_noticed():
    """It would be for the dead one to re-key, and nobody else may: then the rest asks for a sign
    of life."""
    house = room("ana", "ben", "eva")
    house["ana"].rekey(house.now)
    house.settle()
    alive = ["ana"]
    house.hook = lambda sender, frame: (frame,) if sender in alive else ()
    house.wait(25 * MINUTES)
    house["ana"].send("is anybody here?", house.now)
    house.wait(10 * MINUTES)
    assert house.here("ana") == ["ana"]
    assert house.texts("ana")[-1] == ("ana", "is anybody here?")


def test_a_frame_of_an_exchange_that_one_member_has_missed_is_said_again():
    """A lossy line costs a minute and no member."""
    for kind in (wire.SHARE, wire.CONFIRM):
        house = room("ana", "ben", "eva")
        lost = []

        def reaches(recipient, frame, kind=kind, lost=lost, house=house):
            if recipient != "ben" or frame[0] & 15 != kind or lost:
                return True
            lost.append(frame)
            return False

        house.reaches = reaches
        house["ana"].rekey(house.now)
        house.settle()
        assert lost and house["ben"].exchange_running
        house.say("eva", "all well?")
        house.wait(5 * MINUTES)
        house["eva"].rekey(house.now)  # what ben missed is named, and over with the session
        house.settle()
        house.assert_one_session("ana", "ben", "eva")
        for nick in ("ana", "ben", "eva"):
            assert convicted(house, nick) == []
            assert len(house.of(nick, events.SessionStarted)[-1].left) == 0
