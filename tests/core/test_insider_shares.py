"""A member, or several in league, or a guest, contributes something wrong to an exchange: everyone
finds out who, the culprits go, the honest go on, and nobody honest is blamed (PROTOCOL.md 5.4, 7).
"""

from cheats import (
    no_auths,
    other_opening,
    wrong_auth_to,
    wrong_check,
    wrong_commitment,
    wrong_z,
    z_with,
)
from insiders import Insider, Room

from mpseq import events, wire

FOUR = ("ana", "ben", "eva", "dan")
FIVE = ("ana", "ben", "eva", "dan", "uma")


def room(*nicks, seed="house"):
    return Room(*nicks, seed=seed).together(*nicks)


def why_it_failed(house, nick):
    return [one.reason for one in house.of(nick, events.ExchangeFailed)]


def auth_to(nick):
    """A wrong `auth` to this one only, whatever its index in the exchange."""

    def change(kept, plain):
        for at in range(len(kept.people)):
            if kept.people[at].nick == nick:
                wrong_auth_to(at)(kept, plain)

    return change


# --- a member, in a re-key


def test_a_wrong_z_in_every_place_of_the_ring():
    for culprit in FOUR:
        house = room(*FOUR)
        eva = Insider(house, culprit).spoil(wire.SHARE, wrong_z)
        honest = [nick for nick in FOUR if nick != culprit]
        house.rekey(honest[0])
        assert eva.changed == 1
        for nick in honest:  # seen before anyone confirms a key that is not everyone's
            assert why_it_failed(house, nick) == ["contributions that do not add up"]
        house.goes_on(*honest, convicted=(culprit,))
        for nick in honest:
            assert [one.key for one in house.of(nick, events.Convicted)] == [house.key(culprit)]


def test_a_wrong_z_between_two_leaves_the_other_alone():
    house = room("ana", "eva")
    Insider(house, "eva").spoil(wire.SHARE, wrong_z)
    house.rekey("ana")
    house.goes_on("ana", convicted=("eva",))


def test_two_wrong_z_that_cancel():
    """The ring adds up, and yet nobody has the same key: the c do not fit."""
    house = room(*FIVE)
    cheats = [Insider(house, nick).spoil(wire.SHARE, wrong_z) for nick in ("eva", "dan")]
    house.rekey("ana")
    assert [one.changed for one in cheats] == [1, 1]
    for nick in ("ana", "ben", "uma"):
        assert why_it_failed(house, nick) == ["a confirmation of another key"]
    house.goes_on("ana", "ben", "uma", convicted=("dan", "eva"))


def test_three_wrong_z_that_cancel():
    house = room(*FIVE)
    for nick, pattern in (("eva", b"\1"), ("dan", b"\2\1"), ("uma", b"\3\1")):
        Insider(house, nick).spoil(wire.SHARE, z_with(pattern))
    house.rekey("ana")
    house.goes_on("ana", "ben", convicted=("dan", "eva", "uma"))


def test_two_wrong_z_that_cancel_and_a_false_c():
    """They confirm whatever the others expect: the honest still see different keys."""
    house = room(*FIVE)
    for nick in ("eva", "dan"):
        Insider(house, nick).spoil(wire.SHARE, wrong_z).spoil(wire.CONFIRM, wrong_check)
    house.rekey("ana")
    house.goes_on("ana", "ben", "uma", convicted=("dan", "eva"))


def test_a_wrong_auth_to_each_one_of_the_others_alone():
    for victim in ("ana", "ben", "dan"):
        house = room(*FOUR)
        eva = Insider(house, "eva").spoil(wire.SHARE, auth_to(victim))
        house.rekey("ana")
        assert eva.changed == 1
        for nick in ("ana", "ben", "dan"):
            assert [one.nick for one in house.of(nick, events.ExchangeFailed)] == [victim]
        house.goes_on("ana", "ben", "dan", convicted=("eva",))


def test_no_auth_to_anybody():
    house = room(*FOUR)
    Insider(house, "eva").spoil(wire.SHARE, no_auths)
    house.rekey("ana")
    house.goes_on("ana", "ben", "dan", convicted=("eva",))


def test_two_that_cheat_in_one_exchange_go_one_after_the_other():
    house = room(*FIVE)
    Insider(house, "eva").spoil(wire.SHARE, wrong_z)
    Insider(house, "dan").spoil(wire.SHARE, auth_to("ana"), most=3)
    house.rekey("ana")
    house.goes_on("ana", "ben", "uma", convicted=("dan", "eva"))


def test_a_confirm_of_another_key():
    house = room(*FOUR)
    Insider(house, "eva").spoil(wire.CONFIRM, wrong_check)
    house.rekey("ana")
    house.goes_on("ana", "ben", "dan", convicted=("eva",))


def test_a_confirm_that_misses_its_commitment():
    """It convicts by itself, and the room need not wait for anything."""
    house = room(*FOUR)
    Insider(house, "eva").spoil(wire.CONFIRM, other_opening)
    house.rekey("ana")
    for nick in ("ana", "ben", "dan"):
        assert house.names(nick, events.Convicted) == ["eva"]
    house.goes_on("ana", "ben", "dan", convicted=("eva",))


def test_a_share_that_commits_to_other_keys_than_it_opens():
    house = room(*FOUR)
    Insider(house, "eva").spoil(wire.SHARE, wrong_commitment)
    house.rekey("ana")
    house.goes_on("ana", "ben", "dan", convicted=("eva",))


# --- in an exchange with guests


def newcomers(*insiders, guests=("eva", "uma"), inside=("ana", "ben", "dan")):
    house = Room(*(inside + guests))
    house.together(*inside)
    return house, [Insider(house, nick) for nick in insiders]


def drops_the_guest(house, *honest):
    """eva is dropped, and it is nobody's proof: y and t of a guest are only its inviter's word. It
    asks again, and is never barred."""
    for nick in honest:
        if nick != "uma":
            assert house.names(nick, events.GuestDropped) == ["eva"], nick
    house.goes_on(*honest, newcomers=("uma",), maybe=("eva",))


def test_a_guest_with_a_wrong_z_is_dropped_and_may_come_again():
    house, (eva,) = newcomers("eva")
    eva.spoil(wire.SHARE, wrong_z)
    house.bring("ana", "eva", "uma")
    assert eva.changed == 1
    house.wait(30000)
    drops_the_guest(house, "ana", "ben", "dan", "uma")
    if "eva" not in house.here("ana"):
        house.bring("ana", "eva")
    house.goes_on("ana", "ben", "dan", "uma", newcomers=("uma",), also=("eva",))


def test_a_wrong_auth_from_a_guest_to_a_member():
    house, (eva,) = newcomers("eva")
    eva.spoil(wire.SHARE, auth_to("ben"))
    house.bring("ana", "eva", "uma")
    house.wait(30000)
    drops_the_guest(house, "ana", "ben", "dan", "uma")


def test_a_wrong_auth_from_a_guest_to_another_guest():
    house, (eva,) = newcomers("eva")
    eva.spoil(wire.SHARE, auth_to("uma"))
    house.bring("ana", "eva", "uma")
    house.wait(30000)
    drops_the_guest(house, "ana", "ben", "dan", "uma")


def test_a_wrong_auth_from_a_member_to_a_guest():
    house, (dan,) = newcomers("dan")
    dan.spoil(wire.SHARE, auth_to("uma"))
    house.bring("ana", "eva", "uma")
    house.goes_on("ana", "ben", "eva", "uma", convicted=("dan",), newcomers=("eva", "uma"))


def test_a_wrong_z_from_a_member_while_guests_come():
    house, (dan,) = newcomers("dan")
    dan.spoil(wire.SHARE, wrong_z)
    house.bring("ana", "eva", "uma")
    house.goes_on("ana", "ben", "eva", "uma", convicted=("dan",), newcomers=("eva", "uma"))


def test_a_guest_and_a_member_in_league():
    house, (eva, dan) = newcomers("eva", "dan")
    eva.spoil(wire.SHARE, wrong_z)
    dan.spoil(wire.SHARE, wrong_z)
    house.bring("ana", "eva", "uma")
    house.goes_on("ana", "ben", "uma", convicted=("dan",), newcomers=("uma",), maybe=("eva",))
    for nick in ("ana", "ben"):
        assert house.names(nick, events.GuestDropped) == ["eva"]


def test_a_wrong_auth_from_the_inviter_to_its_guest():
    """The guest takes the room for a stranger's and says nothing; the others, who suspect it of
    silence, drop it, and the guest's inviter has to answer for it."""
    house, (dan,) = newcomers("dan")
    dan.spoil(wire.SHARE, auth_to("eva"))
    house.bring("dan", "eva")
    house.wait(4 * 60000)
    house.assert_one_session("ana", "ben", "dan")
    for nick in ("ana", "ben"):
        assert house.names(nick, events.GuestDropped) == ["eva"]
        assert house.names(nick, events.Convicted) == []
    assert not house.here("eva") and house.names("eva", events.Left) == []
    house.bring("ana", "eva")
    house.goes_on("ana", "ben", "dan", "eva", newcomers=("eva",))


def test_a_guest_whose_c_is_of_another_key():
    house, (eva,) = newcomers("eva")
    eva.spoil(wire.CONFIRM, wrong_check)
    house.bring("ana", "eva", "uma")
    house.wait(30000)
    drops_the_guest(house, "ana", "ben", "dan", "uma")


def test_a_guest_that_misses_its_commitment():
    house, (eva,) = newcomers("eva")
    eva.spoil(wire.CONFIRM, other_opening)
    house.bring("ana", "eva", "uma")
    house.wait(30000)
    drops_the_guest(house, "ana", "ben", "dan", "uma")
