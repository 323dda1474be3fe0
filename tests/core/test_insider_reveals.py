"""Members that do not tell the truth when everyone has to REVEAL, or tell nothing: the innocent
are never convicted, the guilty do not stay, and a secret is shown for a dead exchange only
(PROTOCOL.md 7)."""

from cheats import disowning, wrong_auth_to, wrong_check, wrong_slots, wrong_x, wrong_z
from house import raises
from insiders import Insider, Room

from mpseq import errors, events, wire
from mpseq.exchange import AUTH, NOT_MINE, RING

FOUR = ("ana", "ben", "eva", "dan")
HONEST = ("ana", "ben", "dan")


def room(*nicks):
    nicks = nicks or FOUR
    house = Room(*nicks).together(*nicks)
    return house, Insider(house, "eva")


def reveals(house):
    return [frame for frame in house.frames if frame[0] & 15 == wire.REVEAL]


def waits_for(house, nick, what):
    """That this one was suspected for it."""
    return (nick, what) in [(one.nick, one.what) for one in house.of("ana", events.Suspected)]


SILENT = "its part in finding out why an exchange failed"
EXPLAIN = "an explanation"


# --- refusing


def test_a_culprit_that_reveals_nothing_is_parted_from():
    """A missing REVEAL, or WITNESS, is a debt, not proof."""
    for kind, change, hidden in (
        (wire.SHARE, wrong_z, wire.REVEAL), (wire.SHARE, None, wire.REVEAL),
        (wire.CONFIRM, wrong_check, wire.REVEAL), (wire.CONFIRM, wrong_check, wire.WITNESS),
    ):
        house, eva = room()
        change = change or wrong_auth_to((eva.index + 1) % 4)
        eva.spoil(kind, change, most=9).hush(hidden)
        house.rekey("ana")
        house.goes_on(*HONEST)
        assert waits_for(house, "eva", SILENT)


def test_false_hashes_of_a_witness():
    house, eva = room()
    eva.spoil(wire.CONFIRM, wrong_check, most=2).spoil(wire.WITNESS, wrong_slots, most=2)
    house.rekey("ana")
    house.wait(60000)
    assert eva.changed == 4 and reveals(house) == []
    for nick in HONEST:
        assert len(house.of(nick, events.CarrierInconsistent)) == 2
        assert house.names(nick, events.Convicted) == []
    house.goes_on(*HONEST)


def test_who_cries_and_reveals_nothing_is_parted_from():
    for reason in (AUTH, RING):
        house, eva = room()
        eva.hush(wire.REVEAL)

        def act(house=house, eva=eva, reason=reason):
            eva.abort(reason, eva.kept().index(house.key("ana")) if reason == AUTH else 0)

        house.after(wire.SHARE, 4, act)
        house.rekey("ana")
        house.goes_on(*HONEST)
        assert waits_for(house, "eva", SILENT)


def test_one_who_hides_another_culprit_goes_too():
    """eva reveals nothing, so dan's z cannot be judged when they are neighbours; it is when they
    are not. She is parted from; dan's next z is judged like the first."""
    for culprit in ("ana", "ben", "dan"):
        house, eva = room()
        apart = (house.index("eva") - house.index(culprit)) % 4 == 2
        cheat = Insider(house, culprit).spoil(wire.SHARE, wrong_z)
        eva.hush(wire.REVEAL)
        honest = [nick for nick in HONEST if nick != culprit]
        house.rekey("eva")
        house.wait(4 * 60000)
        assert cheat.changed == 1
        for nick in honest:
            assert house.names(nick, events.Convicted) == ([culprit] if apart else [])
            assert "eva" not in house.here(nick)
        house.insiders.pop(culprit)
        if apart:
            house.goes_on(*honest, convicted=(culprit,))
        else:
            house.assert_one_session(culprit, *honest)


def test_a_guest_that_reveals_nothing_holds_nobody_up():
    house = Room(*FOUR).together("ana", "ben", "dan")
    eva = Insider(house, "eva").spoil(wire.SHARE, wrong_z).hush(wire.REVEAL)
    house.bring("ana", "eva")
    house.wait(14000)
    house.assert_one_session("ana", "ben", "dan")
    house.wait(16000)
    for nick in HONEST:
        assert house.names(nick, events.GuestDropped) == ["eva"]
    assert eva.changed == 1
    house.goes_on(*FOUR, newcomers=("eva",))  # it asked again, and did nothing wrong


def test_a_guest_that_is_no_witness_holds_nobody_up():
    house = Room(*FOUR).together("ana", "ben", "dan")
    eva = Insider(house, "eva").spoil(wire.CONFIRM, wrong_check).hush(wire.WITNESS)
    house.bring("ana", "eva")
    house.wait(30000)
    for nick in HONEST:
        assert house.names(nick, events.GuestDropped) == ["eva"]
    assert eva.hidden and reveals(house) == []
    house.goes_on(*HONEST, maybe=("eva",))


def test_an_inviter_whose_guest_fails_three_times_admits_no_more():
    house = Room(*FOUR).together("ana", "ben", "dan")
    eva = Insider(house, "eva").spoil(wire.SHARE, wrong_z, most=9).hush(wire.REVEAL)
    house.bring("ana", "eva")
    house.wait(4 * 60000)
    assert eva.changed <= 4  # the third time counts when the next PROPOSE comes
    for nick in HONEST:
        assert house.names(nick, events.GuestDropped) == ["eva"] * 3
    raises(errors.LocalError, house["ana"].invite, [("eva", house.key("eva"))], house.now)
    eva.behave()
    house.bring("ben", "eva")
    house.goes_on(*FOUR, newcomers=("eva",))


def test_a_guest_that_hides_a_member():
    """The guest is dropped until its inviter may admit no more; the member is judged at last."""
    house = Room(*(FOUR + ("uma",))).together("ana", "ben", "dan", "uma")
    eva = Insider(house, "eva").hush(wire.REVEAL)
    Insider(house, "dan").spoil(wire.SHARE, wrong_z, most=9)
    house.bring("ana", "eva")
    house.wait(3 * 60000)
    if "dan" in house.here("ana"):
        assert eva.hidden
        house.rekey("ben")
    house.goes_on("ana", "ben", "uma", convicted=("dan",), maybe=("eva",))


# --- lying about what it saw


def test_false_hashes_once_and_again():
    """The first time nobody is removed; the second time it is ground for suspicion. Section 7."""
    house, eva = room()
    eva.spoil(wire.SHARE, wrong_z, most=2).spoil(wire.REVEAL, wrong_slots, most=2)
    house.rekey("ana")
    house.wait(60000)
    for nick in HONEST:
        assert len(house.of(nick, events.CarrierInconsistent)) == 2
        assert house.names(nick, events.Convicted) == []
    assert waits_for(house, "eva", EXPLAIN)
    house.goes_on(*HONEST)


def test_false_hashes_once_and_then_good_behaviour():
    house, eva = room()
    eva.spoil(wire.SHARE, wrong_z).spoil(wire.REVEAL, wrong_slots)
    house.rekey("ana")
    house.wait(60000)
    for nick in HONEST:
        assert len(house.of(nick, events.CarrierInconsistent)) == 1
    house.goes_on(*FOUR)


def test_false_hashes_do_not_hide_a_z_between_others():
    """Each z is judged by the REVEALs of its own neighbours."""
    house, eva = room("ana", "ben", "eva", "dan", "uma")
    at = house.index("eva")
    far = [who.nick for who in house["ana"].members if (who.index - at) % 5 in (2, 3)]
    culprit = [nick for nick in far if nick != "ana"][0]
    Insider(house, culprit).spoil(wire.SHARE, wrong_z)
    eva.spoil(wire.REVEAL, wrong_slots)
    house.rekey("ana")
    others = [nick for nick in ("ana", "ben", "eva", "dan", "uma") if nick != culprit]
    house.wait(60000)
    house.assert_one_session(*others)
    house.goes_on(*others, convicted=(culprit,))


def test_false_hashes_about_an_auth():
    house, eva = room()
    eva.spoil(wire.REVEAL, wrong_slots)
    house.after(wire.SHARE, 4, lambda: eva.abort(AUTH, eva.kept().index(house.key("ana"))))
    house.rekey("ana")
    house.wait(60000)
    for nick in HONEST:
        assert len(house.of(nick, events.CarrierInconsistent)) == 1
    house.goes_on(*FOUR)


def test_disowning_ones_own_share_helps_once():
    """It counts as ABORT(not mine): a strike; the second one parts it from the others."""
    house, eva = room()
    change = wrong_auth_to((eva.index + 1) % 4)
    eva.spoil(wire.SHARE, change, most=2).spoil(wire.REVEAL, disowning(2), most=2)
    house.rekey("ana")
    house.wait(60000)
    assert eva.changed == 4
    assert waits_for(house, "eva", EXPLAIN)
    house.goes_on(*HONEST)


def test_disowning_ones_own_confirm_helps_once():
    house, eva = room()
    eva.spoil(wire.CONFIRM, wrong_check, most=2).spoil(wire.WITNESS, disowning(1), most=2)
    house.rekey("ana")
    house.wait(60000)
    assert eva.changed == 4 and reveals(house) == []
    assert waits_for(house, "eva", EXPLAIN)
    house.goes_on(*HONEST)


def test_disowning_does_not_excuse_a_wrong_z():
    """z is signed: nobody else could have made it."""
    house, eva = room()
    eva.spoil(wire.SHARE, wrong_z).spoil(wire.REVEAL, disowning(0))
    house.rekey("ana")
    house.goes_on(*HONEST, convicted=("eva",))


# --- a REVEAL that is none


def test_a_wrong_x_is_no_reveal():
    house, eva = room()
    eva.spoil(wire.SHARE, wrong_z, most=9).spoil(wire.REVEAL, wrong_x, most=9)
    house.rekey("ana")
    for nick in HONEST:
        assert errors.BadReveal.name in house.refusals(nick)
    house.goes_on(*HONEST)
    assert waits_for(house, "eva", SILENT)


def test_reveals_out_of_form():
    house, eva = room()
    said = []

    def act():
        kept = eva.kept()
        eva.abort(RING, 0)
        good = kept.keys.x + kept.live.digest
        for body in (b"", good, good + b"\3\0", good + b"\4", good + b"\xff"):
            said.append(eva._refusal(eva.signed(kept, wire.REVEAL, b"reveal", body)))
        for tag in (b"abort", b"share", b"confirm"):
            said.append(eva._refusal(eva.signed(kept, wire.REVEAL, tag, good + b"\3")))

    house.after(wire.SHARE, 4, act)
    house.rekey("ana")
    assert said == [
        errors.Truncated.name, errors.Truncated.name, errors.TrailingBytes.name,
        errors.WrongLength.name, errors.WrongLength.name,
    ] + [errors.BadSignature.name] * 3
    house.goes_on(*HONEST, convicted=("eva",))


def test_a_reveal_counts_once_and_only_when_it_is_asked_for():
    house, eva = room()
    dan = Insider(house, "dan")
    said = []

    def act():
        kept, own = eva.kept(), dan.kept()
        eva.abort(AUTH, kept.index(house.key("ana")))
        said.append(dan.reveal(own, digest=own.live.digest))  # it is between eva and ana
        said.append(eva.reveal(kept, digest=kept.live.digest))
        said.append(eva.reveal(kept, digest=bytes(32)))

    house.after(wire.SHARE, 4, act)
    house.rekey("ana")
    assert said == [errors.Duplicate.name, None, errors.Duplicate.name]
    house.goes_on("ana", "ben", "dan", convicted=("eva",))


def test_a_reveal_in_a_running_exchange_is_nothing():
    house, eva = room()
    said = []
    house.after(wire.SHARE, 4, lambda: said.append(eva.reveal(eva.kept())))
    house.after(wire.CONFIRM, 2, lambda: said.append(eva.reveal(eva.kept())))
    house.rekey("ana")
    assert said == [errors.Aborted.name] * 2
    assert len(reveals(house)) == 2  # hers, and nobody answered
    house.goes_on(*FOUR)


def test_a_reveal_for_a_complete_exchange_is_nothing():
    """REVEAL never answers for a completed exchange."""
    house, eva = room()
    house.rekey("ana")
    assert eva.reveal(eva.kept()) == errors.Stranger.name
    assert len(reveals(house)) == 1
    house.goes_on(*FOUR)


def test_nothing_is_revealed_before_all_shares_are_in():
    for reason, target in ((RING, 0), (AUTH, 1), (NOT_MINE, 0)):
        house, eva = room()

        def act(eva=eva, reason=reason, target=target):
            eva.abort(reason, target)

        house.after(wire.SHARE, 3, act)
        house.rekey("ana")
        assert reveals(house) == []
        house.goes_on(*FOUR)


def test_a_y_whose_x_was_revealed_serves_no_other_sid():
    """Section 9, first: x revealed in an aborted exchange and its y used in the next."""
    house, eva = room()
    house.after(wire.SHARE, 4, lambda: eva.abort(RING, 0))
    house.rekey("ana")
    house.wait(60000)
    assert len(reveals(house)) == 4
    first = house.kept["ana"][1]  # after the one that brought her company
    later = [one for one in house.kept["ana"][2:]]
    assert later
    used = [bytes(who.y) for one in later for who in one.people]
    signed = [bytes(who.t) for one in later for who in one.people]
    for who in first.people:
        assert bytes(who.y) not in used and bytes(who.t) not in signed
    house.goes_on(*HONEST, convicted=("eva",))
