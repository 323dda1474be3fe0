"""Members that fall silent at some stage, alone or with a friend who sees nothing wrong in it: the
others are in one working session after a bounded time, and nobody is convicted for silence
(PROTOCOL.md 6, 7)."""

from insiders import MINUTE, Insider, Room

from mpseq import events, wire
from mpseq.exchange import NOT_MINE, RING
from mpseq.suspicion import SUSPECT

FOUR = ("ana", "ben", "eva", "dan")
FIVE = ("ana", "ben", "eva", "dan", "uma")
HONEST = ("ana", "ben", "dan")


def room(*nicks):
    nicks = nicks or FOUR
    house = Room(*nicks).together(*nicks)
    return house, Insider(house, "eva")


def suspected_for(house, nick, by="ana"):
    """What this one was suspected for, in the eyes of `by`."""
    return [one.what for one in house.of(by, events.Suspected) if one.nick == nick]


# --- at each stage


def test_silence_before_a_share():
    house, eva = room()
    eva.hush(wire.SHARE)
    house.rekey("ana")
    house.goes_on(*HONEST)
    assert suspected_for(house, "eva") == ["its part of the exchange"] * 3


def test_silence_before_a_confirm():
    house, eva = room()
    eva.hush(wire.CONFIRM)
    house.rekey("ana")
    house.goes_on(*HONEST)
    assert suspected_for(house, "eva") == ["its part of the exchange"] * 3


def test_silence_after_an_abort():
    """KEYS are a debt (section 9, second: KEYS that nobody owes)."""
    house, eva = room()
    eva.mute(wire.KEYS)
    house.after(wire.SHARE, 2, lambda: eva.abort(NOT_MINE, eva.kept().me))
    house.rekey("ana")
    house.goes_on(*HONEST)
    assert "fresh keys" in suspected_for(house, "eva")


def test_silence_to_every_text():
    house, eva = room()
    eva.mute(wire.ACK)
    house.say("ana", "who is there?")
    house.goes_on(*HONEST)
    assert suspected_for(house, "eva") == ["an acknowledgement"] * 3


def test_silence_about_everything():
    house, eva = room()
    eva.hush(1, 2, 3, 4, 5, 6, 7, 8, 9)
    house.say("ana", "who is there?")
    house.goes_on(*HONEST)


def test_the_one_whose_turn_it_is_proposes_nothing():
    """Each next one proposes 5 s later."""
    for silent in ("ana", "ben", "eva"):
        house = Room(*FOUR).together(*FOUR)
        Insider(house, silent).mute(wire.PROPOSE)
        house["dan"].leave(house.now)
        house.settle()
        house.wait(15000)
        house.assert_one_session("ana", "ben", "eva")
        honest = [nick for nick in ("ana", "ben", "eva") if nick != silent]
        house.goes_on(*honest, also=(silent,))


def test_two_in_turn_propose_nothing():
    house, eva = room(*FIVE)
    Insider(house, "ben").mute(wire.PROPOSE)
    eva.mute(wire.PROPOSE)
    house["dan"].leave(house.now)
    house.settle()
    house.wait(20000)
    house.assert_one_session("ana", "ben", "eva", "uma")
    house.goes_on("ana", "uma", also=("ben", "eva"))


def test_a_proposer_that_owes_the_roster():
    """Section 9, second: proposer silent before ROSTER. After 10 s anyone posts it."""
    house = Room(*FOUR).together("ana", "ben", "eva")
    Insider(house, "eva").hush(wire.ROSTER)
    house.bring("eva", "dan")
    assert house["ana"].exchange_running
    house.wait(15000)
    house.assert_one_session(*FOUR)
    house.goes_on("ana", "ben", "dan", also=("eva",), newcomers=("dan",))


def test_an_inviter_that_admits_nobody():
    """What its guest waits for is between the two; the room goes on, and others may invite."""
    house = Room(*FOUR).together("ana", "ben", "eva")
    Insider(house, "eva").mute(wire.ADMIT, wire.PROPOSE)
    house.bring("eva", "dan")
    house.wait(2 * MINUTE)
    house.assert_one_session("ana", "ben", "eva")
    house.bring("ana", "dan")
    house.goes_on("ana", "ben", "dan", also=("eva",), newcomers=("dan",))


def test_a_silent_guest():
    for kind in (wire.SHARE, wire.CONFIRM):
        house = Room(*FIVE).together("ana", "ben", "dan")
        eva = Insider(house, "eva").hush(kind)
        house.bring("ana", "eva", "uma")
        house.after(wire.ABORT, 1, eva.behave)
        house.wait(2 * MINUTE)
        for nick in HONEST:
            assert house.names(nick, events.GuestDropped) == ["eva"]
        back = ("eva",) if "eva" in house.here("ana") else ()  # it may have asked again
        house.goes_on("ana", "ben", "dan", "uma", newcomers=("uma",), also=back)


def test_a_guest_silent_again_and_again_bars_its_inviter_and_nobody_else():
    house = Room(*FIVE).together("ana", "ben", "dan")
    eva = Insider(house, "eva").hush(wire.CONFIRM)
    house.bring("ana", "eva", "uma")
    house.wait(5 * MINUTE)
    house.assert_one_session("ana", "ben", "dan")
    for nick in HONEST:
        assert house.names(nick, events.GuestDropped) == ["eva"] * 3
    eva.behave()  # in the session to come ana may bring it in again
    house.bring("ben", "uma")
    house.goes_on("ana", "ben", "dan", "uma", newcomers=("uma",), also=("eva",), minutes=1)


def test_only_one_other_is_there():
    for kind in (wire.SHARE, wire.CONFIRM):
        house, eva = room("ana", "eva")
        eva.hush(kind)
        house.rekey("ana")
        house.goes_on("ana")


def test_most_are_silent():
    house = Room(*FIVE).together(*FIVE)
    for nick in ("ben", "eva", "dan"):
        Insider(house, nick).hush(wire.SHARE)
    house.rekey("ana")
    house.goes_on("ana", "uma", minutes=12)


def test_one_silent_after_the_other():
    """Each in the exchange that removes the one before."""
    house, eva = room(*FIVE)
    dan = Insider(house, "dan")
    eva.hush(wire.SHARE)
    house.rekey("ana")
    house.wait(30000)
    dan.hush(wire.SHARE)
    house.after(wire.ABORT, 1, lambda: dan.hush(wire.CONFIRM))
    house.goes_on("ana", "ben", "uma", minutes=5)


# --- with a friend that suspects nobody


def friends(stage):
    """eva is silent, dan does not mind; ana, ben and uma do not mind the two. `stage`: (kinds of
    frames, kinds of messages) that eva keeps back."""
    house, eva = room(*FIVE)
    eva.hush(*stage[0]).mute(*stage[1])
    dan = Insider(house, "dan").mute(wire.SUSPECT)
    return house, eva, dan


def test_a_friend_who_does_not_suspect_goes_with_the_silent_one():
    """A SUSPECT that is owed is a debt like others."""
    for stage in (((wire.SHARE,), ()), ((wire.CONFIRM,), ()), ((wire.SHARE, wire.MESSAGE), ())):
        house, eva, dan = friends(stage)
        house.rekey("ana")
        house.goes_on("ana", "ben", "uma", minutes=5)
        assert "a word about somebody else's silence" in suspected_for(house, "dan")


def test_a_friend_after_an_abort():
    house, eva, dan = friends(((), (wire.KEYS,)))
    house.after(wire.SHARE, 2, lambda: eva.abort(NOT_MINE, eva.kept().me))
    house.rekey("ana")
    house.goes_on("ana", "ben", "uma", minutes=5)


def test_a_friend_of_one_who_reveals_nothing():
    house, eva, dan = friends(((wire.REVEAL,), ()))
    house.after(wire.SHARE, 5, lambda: eva.abort(RING, 0))
    house.rekey("ana")
    house.goes_on("ana", "ben", "uma", minutes=5)


def test_a_friend_of_one_who_acknowledges_nothing():
    house, eva, dan = friends(((), (wire.ACK,)))
    house.say("ana", "who is there?")
    house.goes_on("ana", "ben", "uma", minutes=6)


def test_two_friends_of_a_silent_one():
    """They suspect neither it nor each other, so all three go."""
    house, eva, dan = friends(((wire.SHARE,), ()))
    Insider(house, "uma").mute(wire.SUSPECT)
    house.rekey("ana")
    house.goes_on("ana", "ben", minutes=6)


def test_a_chain_of_friends():
    """uma suspects eva, but not dan for not suspecting her."""
    house, eva, dan = friends(((wire.SHARE,), ()))
    uma = Insider(house, "uma")
    post = uma.person._post_message

    def post_message(kind, body, now):
        if kind != wire.SUSPECT or body[0] != SUSPECT:
            post(kind, body, now)

    uma.person._post_message = post_message
    house.rekey("ana")
    house.goes_on("ana", "ben", minutes=7)


def test_a_friend_of_a_silent_guest():
    """A guest is dropped when the whole group suspects it; who does not is no longer in the group,
    until the exchange ends with the guest's part in it."""
    house = Room(*FIVE).together("ana", "ben", "dan", "uma")
    Insider(house, "eva").hush(wire.SHARE)
    Insider(house, "dan").mute(wire.SUSPECT)
    house.bring("ana", "eva")
    house.wait(3 * MINUTE)
    for nick in ("ana", "ben", "uma"):
        assert house.names(nick, events.GuestDropped) == ["eva"]
    house.goes_on("ana", "ben", "uma", also=("dan",))


def test_a_silent_one_and_its_friend_are_two_and_go_on_as_they_like():
    """They are a room of their own in the end; the honest never hear of them again."""
    house, eva, dan = friends(((wire.SHARE,), ()))
    house.rekey("ana")
    house.goes_on("ana", "ben", "uma", minutes=5)
    count = [len(house.seen[nick]) for nick in ("ana", "ben", "uma")]
    eva.behave()
    dan.behave()
    house.say("dan", "just us")
    house.never_shown("just us", "ana", "ben", "uma")
    for nick in ("ana", "ben", "uma"):
        later = house.seen[nick][count.pop(0) :]
        assert [one for one in later if not isinstance(one, events.Refused)] == []
