"""Where np1sec breaks, seen by running it: each of these ends well here. The numbers are those of
the list."""

from carriers import Late, Losing, Lying
from cheats import resealed, wrong_auth_to
from house import House, Seeded, raises
from outcomes import MINUTE, come_together, in_full, nobody_is_blamed
from test_keys import SMALL_U, raw

from mpseq import Identity, errors, events, wire
from mpseq.primitives import check_x25519_key


def room(*nicks):
    return House(*nicks).together(*nicks)


# 1: an assertion ends the process


def test_np1sec_1_a_member_silent_while_another_joins():
    house = room("ana", "ben", "eva")
    house.add("zoe")
    house.hook = lambda sender, frame: () if sender == "ben" else (frame,)
    house.bring("ana", "zoe")
    house.wait(6 * MINUTE)
    in_full(house, "ana", "eva", "zoe")
    nobody_is_blamed(house)


def test_np1sec_1_an_invitation_to_somebody_who_is_not_there():
    house = room("ana", "ben")
    house["ana"].invite([("nobody", Identity.generate(Seeded("nobody")).public)], house.now)
    house.wait(40 * MINUTE)
    house.add("zoe")
    house.bring("ana", "zoe")
    house.wait(10000)
    in_full(house, "ana", "ben", "zoe")
    for nick in house.order:
        assert house.of(nick, events.Suspected) == []


def test_np1sec_1_one_chat_message_withheld_from_one_member():
    house = room("ana", "ben", "eva")
    carrier = Lying(house).instead("ben", wire.MESSAGE, lambda frame: ())
    house.say("ana", "one")
    house.say("ana", "two")
    carrier.stop()
    assert house.texts("ben") == [("ana", "two")]
    assert house.of("ben", events.Missing)
    house.wait(20 * MINUTE)
    in_full(house, "ana", "ben", "eva")


def test_np1sec_1_ten_minutes_of_idling():
    house = room("ana", "ben", "eva")
    house.wait(10 * MINUTE + 30000)
    in_full(house, "ana", "ben", "eva")
    assert len(house.frames) < 60


# 2: one frame of 64 KiB kills every client, a long text its sender


def test_np1sec_2_one_64_kib_frame_from_an_outsider():
    house = room("ana", "ben")
    house.add("zoe")
    for kind in range(16):
        huge = bytes((0x10 | kind,)) + bytes(65536)
        house.deliver("x", huge)
    for nick in house.order:
        assert set(house.refusals(nick)) == {errors.Oversized.name}
    in_full(house, "ana", "ben")


def test_np1sec_2_a_text_over_65359_bytes():
    house = room("ana", "ben")
    for text in ("x" * 65537, "\u20ac" * 30000):
        raises(errors.LocalError, house["ana"].send, text, house.now)
    raises(errors.LocalError, house["ana"].send_data, "image/png", bytes(65536), house.now)
    house.say("ana", "x" * 65360)
    assert house.texts("ben") == [("ana", "x" * 65360)]
    in_full(house, "ana", "ben")


# 3: that honest member is disconnected


def test_np1sec_3_a_frame_duplicated_by_the_server():
    house = room("ana", "ben", "eva")
    house.hook = lambda sender, frame: (frame, frame)
    house.say("ana", "once")
    house["ben"].rekey(house.now)
    house.settle()
    house.say("eva", "twice")
    for nick in house.order:
        assert house.texts(nick) == [("ana", "once"), ("eva", "twice")]
    house.assert_one_session("ana", "ben", "eva")
    house.wait(3 * MINUTE)
    for nick in house.order:
        assert house.of(nick, events.Suspected) == []
    nobody_is_blamed(house)


def test_np1sec_3_a_frame_echoed_under_a_members_name_that_it_never_sent():
    house = room("ana", "ben", "eva")
    past = list(house.frames)
    for label in ("ana", "ben", "eva"):
        for frame in past:
            house.deliver(label, frame)
        house.deliver(label, bytes((wire.head(wire.MESSAGE),)) + bytes(150))
    # even one that an insider made with ana's chain, which all members have
    house["ana"].send("true", house.now)
    (true,) = house["ana"].take_frames()
    false = bytearray(true)
    false[-1] ^= 1
    house.deliver("ana", bytes(false))
    house.deliver("ana", true)
    assert house.texts("ben") == [("ana", "true")]
    house.wait(3 * MINUTE)
    in_full(house, "ana", "ben", "eva")
    nobody_is_blamed(house)


# 4: the invitee is stalled for ever


def test_np1sec_4_an_inviter_that_leaves_before_its_guest_is_in():
    for stage in (wire.INVITATION, wire.JOIN, wire.ROSTER, wire.SHARE):
        house = room("ana", "ben", "eva")
        house.add("zoe")
        house.accepting = stage != wire.INVITATION
        late = Late(house, kinds=(stage,) if stage != wire.INVITATION else ())
        house.bring("ana", "zoe")
        house["ana"].leave(house.now)
        house.wait(MINUTE)
        late.stop()
        house.accepting = True
        house.wait(5 * MINUTE)
        if not house.here("zoe"):
            house.bring("ben", "zoe")
            house.wait(MINUTE)
        in_full(house, "ben", "eva", "zoe")
        assert not house.here("ana")
        nobody_is_blamed(house)


def test_np1sec_4_an_inviter_that_vanishes_before_its_guest_is_in():
    house = room("ana", "ben", "eva")
    house.add("zoe")
    gone = []
    house.hook = lambda sender, frame: () if sender == "ana" and gone else (frame,)
    house.accepting = False
    house.bring("ana", "zoe")
    gone.append(True)
    house["zoe"].accept(house.of("zoe", events.Invited)[0].invitation, house.now)
    house.say("eva", "ana?")
    house.wait(15 * MINUTE)
    house.assert_one_session("ben", "eva")
    house.accepting = True
    house.bring("ben", "zoe")
    house.wait(MINUTE)
    in_full(house, "ben", "eva", "zoe")


# 5: an outsider without keys counts as authenticated


def test_np1sec_5_the_neutral_element_as_long_term_and_ephemeral_key():
    """Every place where a point arrives: tests/core/test_small_order.py."""
    house = room("ana", "ben")
    for u in SMALL_U:
        raises(errors.BadPublicKey, check_x25519_key, raw(u))
        raises(errors.LocalError, house["ana"].invite, [("nobody", raw(u))], house.now)
    assert house["ana"].take_frames() == []


# 6: joiners never authenticate one another


def test_np1sec_6_joiners_invited_at_the_same_time_authenticate_one_another():
    house = House("ana", "ben", "eva", "zoe").together("ana")
    house.bring("ana", "ben", "eva", "zoe")
    in_full(house, "ana", "ben", "eva", "zoe")
    assert wire.KEYS and house.kinds().count(wire.ROSTER) == 1  # in one exchange
    # One joiner that does not hold its key, as far as another joiner can tell: found.
    for liar, victim in (("zoe", "ben"), ("ben", "zoe")):
        house = House("ana", "ben", "eva", "zoe").together("ana")
        spoilt = []

        def hook(sender, frame, house=house, liar=liar, victim=victim, spoilt=spoilt):
            if sender != liar or frame[0] & 15 != wire.SHARE or spoilt:
                return (frame,)
            exchange = house[liar]._candidates[0].exchange
            nicks = [who.nick for who in exchange.people]
            change = wrong_auth_to(nicks.index(victim))
            exchange.my_share = resealed(exchange, frame, change)
            spoilt.append(frame)
            return (exchange.my_share,)

        house.hook = hook
        house.bring("ana", "ben", "eva", "zoe")
        house.settle()
        assert spoilt
        assert wire.ABORT in house.kinds()
        for nick in house.order:
            started = house.of(nick, events.SessionStarted)
            assert not [one for one in started if len(one.members) > 1 and not one.failed]
        house.wait(5 * MINUTE)
        assert liar in [one.nick for one in house.of("ana", events.GuestDropped)]


# 7: sending early crashes; one wrong consistency value ends honest ones


def test_np1sec_7_sending_before_one_is_in():
    house = House("ana", "ben").together("ana")
    ben = house["ben"]
    raises(errors.LocalError, ben.send, "early", house.now)
    raises(errors.LocalError, ben.send_data, "text/plain", b"early", house.now)
    raises(errors.LocalError, ben.rekey, house.now)
    raises(errors.LocalError, ben.invite, [("ana", house.key("ana"))], house.now)
    house.hook = lambda sender, frame: () if frame[0] & 15 == wire.ROSTER else (frame,)
    house.bring("ana", "ben")
    raises(errors.LocalError, ben.send, "joining", house.now)
    house.hook = None
    house.wait(MINUTE)
    in_full(house, "ana", "ben")


def test_np1sec_7_a_wrong_consistency_value_from_one_participant():
    house = room("ana", "ben", "eva")
    session = house["eva"].session
    true = session.h
    session.h = bytes(32)
    frame = session.seal(wire.ACK, b"")
    session.h = true
    house.deliver("eva", frame)
    house.settle()
    for nick in ("ana", "ben"):
        assert [one.nick for one in house.of(nick, events.Inconsistent)] == ["eva"]
        assert house.here(nick) == ["ana", "ben", "eva"]
    house.say("ana", "we go on")
    house.wait(20 * MINUTE)
    assert house.texts("ben")[0] == ("ana", "we go on")
    house.assert_one_session("ana", "ben", "eva")
    nobody_is_blamed(house)


# 8: the tag is never checked; one loss stops a sender


def test_np1sec_8_every_bit_of_every_tag_is_checked():
    house = room("ana", "ben", "eva")
    carrier = Late(house, kinds=(wire.MESSAGE, wire.SHARE, wire.CONFIRM))
    house["ana"].send("sealed", house.now)
    house["ben"].rekey(house.now)
    house.settle()
    while carrier.held:
        held = carrier.held
        carrier.held = []
        for sender, frame in held:
            for at in range(128):
                bad = bytearray(frame)
                bad[-1 - at // 8] ^= 1 << at % 8
                house["eva"].receive("x", bytes(bad), house.now)
                (told,) = house["eva"].take_events()
                assert isinstance(told, events.Refused)
            carrier.bring(sender, frame)
        house.settle()
    house.hook = None
    assert house.texts("eva") == [("ana", "sealed")]
    house.assert_one_session("ana", "ben", "eva")


def test_np1sec_8_one_loss_stops_no_sender():
    house = room("ana", "ben", "eva")
    losing = Losing(house, 128)
    for at in range(12):
        house["ana"].send("t%d" % at, house.now)
        house.settle()
    losing.stop()
    assert losing.lost
    come_together(house, "ana", "ben", "eva")
    for nick in house.order:
        shown = [text for _, text in house.texts(nick) if text != "together"]
        assert sorted(shown) == sorted(["t%d" % at for at in range(12)]), nick
