"""A room that is cut in two and joined again, a carrier that is away, hints that lie, and silence
that means nothing (PROTOCOL.md sections 2, 6)."""

from carriers import Cut, Late, Lying, Outage
from house import House, Seeded, raises
from outcomes import MINUTE, come_together, in_full, nobody_is_blamed

from mpseq import errors, events, wire
from mpseq.invitation import invite
from mpseq.roster import Room


def room(*nicks):
    return House(*nicks).together(*nicks)


def parted(*parts):
    nicks = [nick for part in parts for nick in part]
    house = room(*nicks)
    carrier = Cut(house, *parts)
    for part in parts:
        house.say(part[0], "among us " + part[0])
    house.wait(8 * MINUTE)
    for part in parts:
        if len(part) > 1:
            house.assert_one_session(*part)
        assert house.here(part[0]) == sorted(part)
    return house, carrier


def test_each_half_of_a_cut_room_goes_on_alone():
    house, carrier = parted(("ana", "ben"), ("eva", "dan"))
    assert house["ana"].code != house["eva"].code
    house.say("ben", "only us")
    house.say("dan", "us too")
    assert house.texts("ana") == [("ana", "among us ana"), ("ben", "only us")]
    assert house.texts("eva") == [("eva", "among us eva"), ("dan", "us too")]
    for nick in ("ana", "ben"):
        assert sorted({one.nick for one in house.of(nick, events.Suspected)}) == ["dan", "eva"]
    nobody_is_blamed(house)


def test_after_the_join_neither_half_reads_the_other():
    house, carrier = parted(("ana", "ben"), ("eva", "dan"))
    carrier.stop()
    house.say("ben", "only us")
    house.wait(5 * MINUTE)
    assert house.texts("eva") == [("eva", "among us eva")]
    house.assert_one_session("ana", "ben")
    house.assert_one_session("eva", "dan")


def test_the_halves_become_one_by_an_invitation():
    house, carrier = parted(("ana", "ben"), ("eva", "dan"))
    carrier.stop()
    house.invite("ana", "eva", "dan")
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "eva", "dan")
    assert "among us ana" not in [text for _, text in house.texts("dan")]
    nobody_is_blamed(house)


def test_both_halves_invite_each_other_at_once():
    house, carrier = parted(("ana", "ben"), ("eva", "dan"))
    carrier.stop()
    house.accepting = False
    house.invite("ana", "eva", "dan")
    house.invite("eva", "ana", "ben")
    house.settle()
    for nick in ("eva", "dan"):
        (one,) = house.of(nick, events.Invited)[-1:]
        house[nick].accept(one.invitation, house.now)
    house.settle()
    for nick in ("ana", "ben"):
        one = house.of(nick, events.Invited)[-1]
        house[nick].decline(one.invitation)
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "eva", "dan")


def test_three_parts_one_of_them_a_single_member():
    house, carrier = parted(("ana", "ben"), ("eva", "dan"), ("uma",))
    carrier.stop()
    house.invite("eva", "ana", "ben", "uma")
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "eva", "dan", "uma")


def test_a_cut_in_the_midst_of_an_exchange():
    for kind in (wire.SHARE, wire.CONFIRM):
        house = room("ana", "ben", "eva", "dan")
        late = Late(house, kinds=(kind,))
        house["ana"].rekey(house.now)
        house.settle()
        held = late.held
        cut = Cut(house, ("ana", "ben"), ("eva", "dan"))
        for sender, frame in held:
            cut(sender, frame)
        house.wait(8 * MINUTE)
        house.assert_one_session("ana", "ben")
        house.assert_one_session("eva", "dan")
        cut.stop()
        house.invite("dan", "ana", "ben")
        house.wait(MINUTE)
        in_full(house, "ana", "ben", "eva", "dan")
        nobody_is_blamed(house)


def test_a_short_cut_parts_nobody():
    house = room("ana", "ben", "eva", "dan")
    carrier = Cut(house, ("ana", "ben"), ("eva", "dan"))
    house.wait(5 * MINUTE)
    carrier.stop()
    in_full(house, "ana", "ben", "eva", "dan")


def test_a_stranger_to_the_room_cannot_call_a_member_out():
    """Only one that it lost sight of, in this very room, may invite a member away (section 6)."""
    house = room("ana", "ben")
    house.add("zoe")
    house.accepting = False
    house.found("zoe")
    house.bring("zoe", "ben")
    assert house.of("ben", events.Invited)[1:] == []
    house.accepting = True
    house.wait(MINUTE)
    house.assert_one_session("ana", "ben")


def test_an_expelled_member_calls_nobody_out_of_the_room():
    """It knows the id of the conversation; but nobody lost sight of it, it was shown out."""
    house = room("ana", "ben", "eva")
    old = house["eva"].room
    for nick in ("ana", "ben"):
        house[nick].expel(house.key("eva"), house.now)
    house.wait(MINUTE)
    house.assert_one_session("ana", "ben")
    house["ben"]._parted = [house.key("ana")]  # so that he looks at invitations at all
    fake = Room(old.name, old.conversation_id, old.creator, old.suite, old.policy, b"")
    listed = [("ben", house.key("ben"))]
    frame, _ = invite(house["eva"].identity, "eva", fake, listed, Seeded("eva"))
    before = len(house.of("ben", events.Invited))
    house.deliver("eva", frame)
    assert len(house.of("ben", events.Invited)) == before
    house.wait(MINUTE)
    house.assert_one_session("ana", "ben")


def test_one_who_was_parted_from_calls_nobody_into_another_room():
    house, carrier = parted(("ana", "ben"), ("eva",))
    carrier.stop()
    house["eva"].leave(house.now)
    house.settle()
    house.found("eva", "another room")
    house.bring("eva", "ana", "ben")
    house.wait(MINUTE)
    assert house.here("eva") == ["eva"]
    house.assert_one_session("ana", "ben")


def test_a_carrier_that_is_away_for_twenty_minutes():
    """Section 9, second: everyone is still in."""
    house = room("ana", "ben", "eva")
    carrier = Outage(house)
    for nick in house.order:
        house[nick].send("from " + nick, house.now)
    house.wait(20 * MINUTE)
    assert carrier.tried
    carrier.stop()
    house.wait(5 * MINUTE)
    in_full(house, "ana", "ben", "eva")
    nobody_is_blamed(house)
    for nick in house.order:
        assert house.of(nick, events.Suspected) == [], nick
        said = [("ana", "from ana"), ("ben", "from ben"), ("eva", "from eva")]
        assert sorted(house.texts(nick)[:3]) == said, nick


def test_a_carrier_that_brings_all_of_it_twenty_minutes_late():
    house = room("ana", "ben", "eva")
    carrier = Outage(house, keeps=True)
    for nick in house.order:
        house[nick].send("from " + nick, house.now)
    house.wait(20 * MINUTE)
    carrier.stop()
    house.wait(5 * MINUTE)
    in_full(house, "ana", "ben", "eva")
    nobody_is_blamed(house)


def test_a_carrier_that_is_away_in_the_midst_of_an_exchange():
    for kind in (wire.ROSTER, wire.SHARE, wire.CONFIRM):
        house = room("ana", "ben", "eva")
        house.add("dan")
        late = Late(house, kinds=(kind,))
        house.bring("ana", "dan")
        assert house["ana"].exchange_running
        outage = Outage(house)
        assert late.held
        house.wait(20 * MINUTE)
        outage.stop()
        house.wait(5 * MINUTE)
        in_full(house, "ana", "ben", "eva", "dan")
        nobody_is_blamed(house)


def test_after_an_outage_everyone_has_its_whole_time_again():
    """ben owes his SHARE for five minutes when the carrier is back, and is slow then: none of
    the others holds it against him before a minute has passed with a carrier."""
    house = room("ana", "ben", "eva")
    late = Late(house, "ben", (wire.SHARE,))
    house["ana"].rekey(house.now)
    house.wait(5000)
    house["ana"].send("are you there", house.now)
    outage = Outage(house)
    house["eva"].send("somebody?", house.now)
    house.wait(5 * MINUTE)
    outage.stop()
    slow = Late(house, "ben")
    house.wait(68000)  # texts of the others came through 10 s after the outage
    assert late.held
    house.hook = None
    for sender, frame in late.held + slow.held:
        house.deliver(sender, frame)
    house.wait(3 * MINUTE)
    in_full(house, "ana", "ben", "eva")
    for nick in house.order:
        for one in house.of(nick, events.Suspected):
            assert one.nick != "ben" or one.by_nick == "ben", (nick, one)


def test_an_idle_group_does_not_suspect_itself():
    house = room("ana", "ben", "eva")
    house.say("ana", "good night")
    house.wait(120 * MINUTE)
    for nick in house.order:
        assert house.of(nick, events.Suspected) == [], nick
    in_full(house, "ana", "ben", "eva")


def test_the_carriers_leave_and_enter_remove_nobody():
    house = room("ana", "ben", "eva")
    house.say("ben", "hello")
    house.wait(20000)
    for nick in house.order:
        for label in house.order:
            house[nick].carrier_leave(label, house.now)
    house.wait(30 * MINUTE)
    in_full(house, "ana", "ben", "eva")
    for nick in house.order:
        assert house.of(nick, events.Suspected) == []
        house[nick].carrier_leave("ben", house.now)
        house[nick].carrier_enter("ben", house.now)
        house[nick].carrier_leave("nobody", house.now)
    house.wait(MINUTE)
    house.assert_one_session("ana", "ben", "eva")


def test_a_leave_of_the_carrier_shortens_patience_and_nothing_more():
    def suspected_after(told):
        house = room("ana", "ben", "eva")
        for nick in house.order:
            house.say(nick, "hello")
        house.wait(20000)
        carrier = Late(house, "eva")
        start = house.now
        house["ana"].rekey(house.now)
        if told:
            for nick in ("ana", "ben"):
                house[nick].carrier_leave("eva", house.now)
        while not house.of("ana", events.Suspected):
            house.wait(1000)
        out = house.now - start
        carrier.stop()
        house.wait(MINUTE)
        in_full(house, "ana", "ben", "eva")
        return out // 1000

    assert suspected_after(False) == 60
    assert suspected_after(True) == 15


def test_one_who_did_not_hear_the_shares_of_others_ends_among_them():
    """Whether it was parted from and called back, or the exchange was made again."""
    house = room("ana", "ben", "eva", "dan")
    carrier = Lying(house).instead("ben", wire.SHARE, lambda frame: (), most=3)
    house["ana"].rekey(house.now)
    house.settle()
    carrier.stop()
    come_together(house, "ana", "ben", "eva", "dan")


def test_one_inside_accepts_no_second_invitation():
    house, carrier = parted(("ana", "ben"), ("eva",))
    carrier.stop()
    house.accepting = False
    house.invite("ana", "eva")
    house.settle()
    invitation = house.of("eva", events.Invited)[-1].invitation
    house["eva"].accept(invitation, house.now)
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "eva")
    raises(errors.LocalError, house["eva"].accept, invitation, house.now)
    house.assert_one_session("ana", "ben", "eva")
