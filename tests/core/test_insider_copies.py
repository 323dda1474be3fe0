"""Frames of others sealed anew, two frames in one slot, junk: what is not signed anyone in the
exchange can change, so it convicts nobody, and junk makes nobody cry (PROTOCOL.md 5.4, 7, 9)."""

from cheats import (
    bad_signature,
    no_auths,
    other_opening,
    other_statement,
    resealed,
    sealed,
    signed_share,
    wrong_check,
    wrong_z,
)
from insiders import Insider, Room

from mpseq import errors, events, wire

FOUR = ("ana", "ben", "eva", "dan")
HONEST = ("ana", "ben", "dan")


def room():
    house = Room(*FOUR).together(*FOUR)
    return house, Insider(house, "eva")


def copied_before(house, eva, victim, kind, change):
    """eva is faster than the carrier brings the genuine frame: her copy comes first."""
    house.overtake(victim, kind, lambda frame: (resealed(eva.kept(frame), frame, change), frame))


def aborts(house, nick):
    return [(one.reason, one.nick) for one in house.of(nick, events.ExchangeFailed)]


NOT_MINE = "a frame that its owner did not post"


# --- copies of a genuine frame, before it


def test_a_copy_of_a_share_before_the_genuine_one():
    """Section 9, second: a re-sealed copy of a genuine SHARE by anyone who knows E."""
    for change in (other_statement, no_auths):
        house, eva = room()
        copied_before(house, eva, "ben", wire.SHARE, change)
        house.rekey("ana")
        for nick in HONEST:
            assert aborts(house, nick) == [(NOT_MINE, "ben")], nick
        house.goes_on(*FOUR)


def test_a_copy_of_the_last_share():
    """Others cry about the `auth` before its owner can say that the frame is not its own. Section
    9, third: honest owner of a re-sealed slot convicted."""
    house, eva = room()
    copied_before(house, eva, "ana", wire.SHARE, no_auths)
    house.rekey("ana")
    for nick in HONEST:
        assert aborts(house, nick) == [("an authentication that does not hold", "ben")]
    house.goes_on(*FOUR)


def test_a_copy_of_a_confirm_before_the_genuine_one():
    house, eva = room()
    copied_before(house, eva, "ben", wire.CONFIRM, wrong_check)
    house.rekey("ana")
    for nick in HONEST:
        assert len(aborts(house, nick)) == 1
    house.goes_on(*FOUR)


def test_a_copy_of_the_last_confirm():
    house, eva = room()
    copied_before(house, eva, "ana", wire.CONFIRM, wrong_check)
    house.rekey("ana")
    for nick in HONEST:
        assert len(aborts(house, nick)) == 1
    house.goes_on(*FOUR)


def other_closing(kept, plain):
    """Another closing message: it is not signed by `t` and never judged."""
    plain[144:] = wire.sized(b"nothing")


def test_a_copy_of_a_confirm_with_another_closing_message():
    house, eva = room()
    copied_before(house, eva, "ben", wire.CONFIRM, other_closing)
    house.rekey("ana")
    house.goes_on(*FOUR)


def test_a_copy_of_the_last_confirm_with_another_closing_message():
    """It is right for everyone else, and completes the exchange: for its owner too."""
    house, eva = room()
    copied_before(house, eva, "ana", wire.CONFIRM, other_closing)
    house.rekey("ana")
    house.goes_on(*FOUR)


def twice_copied(kind, change, victim):
    """In an exchange and in the next try."""
    house, eva = room()
    for _ in range(2):
        copied_before(house, eva, victim, kind, change)
    house.rekey("ana")
    house.wait(3 * 60000)
    return house


def test_who_disowns_twice_is_suspected_not_convicted():
    """The known limit: eva drives dan out, but nobody takes that for a proof, and dan comes in
    again when it is invited."""
    for kind, change in ((wire.SHARE, other_statement), (wire.CONFIRM, wrong_check)):
        house = twice_copied(kind, change, "dan")
        house.assert_one_session("ana", "ben", "eva")
        assert house.here("dan") == ["dan"]
        for nick in HONEST:
            assert house.of(nick, events.Convicted) == []
        for nick in ("ana", "ben"):
            about = [(one.nick, one.what) for one in house.of(nick, events.Suspected)]
            assert ("dan", "an explanation") in about
        house.bring("ana", "dan")
        house.wait(10000)
        house.assert_one_session(*FOUR)


def test_a_copy_of_a_guests_share_or_confirm():
    """The guest does not come in this time, and nobody is convicted for it."""
    for kind, change in (
        (wire.SHARE, other_statement), (wire.SHARE, no_auths), (wire.CONFIRM, wrong_check)
    ):
        house = Room("ana", "ben", "eva", "dan", "uma").together(*FOUR)
        eva = Insider(house, "eva")
        copied_before(house, eva, "uma", kind, change)
        house.bring("ana", "uma")
        house.wait(60000)
        house.assert_one_session(*house.here("ana"))
        if "uma" not in house.here("ana"):
            house.bring("ben", "uma")
        house.goes_on("ana", "ben", "dan", "uma", newcomers=("uma",), also=("eva",))


# --- copies after the genuine frame


def test_copies_after_the_genuine_frame_count_for_nothing():
    for kind, change in (
        (wire.SHARE, other_statement), (wire.SHARE, no_auths),
        (wire.CONFIRM, wrong_check), (wire.CONFIRM, other_closing),
    ):
        house, eva = room()
        copies = []

        def act(frame, eva=eva, change=change, copies=copies):
            copies.append(resealed(eva.kept(frame), frame, change))
            return (frame, copies[0], copies[0])

        house.overtake("ana", kind, act)
        house.rekey("ben")
        assert len(copies) == 1
        for nick in ("ana", "ben", "dan"):
            assert aborts(house, nick) == []
            assert house.refusals(nick) == [errors.Duplicate.name] * 2
        house.goes_on(*FOUR)


# --- two frames of one's own


def two_of(kind, change):
    """eva posts a frame, and then another for the same slot."""
    house, eva = room()
    eva.instead(kind, lambda kept, frame: (frame, resealed(kept, frame, change)))
    house.rekey("ana")
    return house


def test_two_shares_with_one_signed_part():
    """The first counts; that they differ proves nothing: anyone could have made it."""
    house = two_of(wire.SHARE, other_statement)
    for nick in HONEST:
        assert house.refusals(nick) == [errors.Duplicate.name]
    house.goes_on(*FOUR)


def test_two_shares_of_one_signed_part_signed_anew():
    """Signature bytes are never identifiers (section 3)."""

    def anew(kept, plain):
        other_statement(kept, plain)
        signed_share(kept, plain)

    house = two_of(wire.SHARE, anew)
    for nick in HONEST:
        assert house.refusals(nick) == [errors.Duplicate.name]
    house.goes_on(*FOUR)


def test_two_confirms_with_different_checks():
    house = two_of(wire.CONFIRM, wrong_check)
    for nick in HONEST:
        assert house.refusals(nick) == [errors.Duplicate.name]
    house.goes_on(*FOUR)


# --- junk


def junk_of(kept, kind, index):
    """What a member could make that makes nobody cry: (frame, why it is refused)."""
    size = 160 + 8 * 3 if kind == wire.SHARE else 145
    other = wire.CONFIRM if kind == wire.SHARE else wire.SHARE
    yield sealed(kept, kind, index, bytes(size)), errors.BadSignature
    yield sealed(kept, kind, index, bytes(3)), errors.Truncated
    yield sealed(kept, kind, 9, bytes(size)), errors.BadIndex
    yield sealed(kept, kind, index, bytes(size + 1)), None
    turned = sealed(kept, other, index, bytes(size))
    yield bytes((wire.head(kind),)) + turned[1:], errors.BadSeal
    yield sealed(kept, kind, index, bytes(size))[:-1], errors.BadSeal


def test_junk_in_everyones_slot_makes_nobody_cry():
    """Section 9, first: junk CONFIRM that makes an honest member cry ABORT."""
    for kind in (wire.SHARE, wire.CONFIRM):
        house, eva = room()
        count = []

        def act(house=house, eva=eva, kind=kind, count=count):
            kept = eva.kept()
            for index in range(4):
                for frame, why in junk_of(kept, kind, index):
                    said = eva._refusal(frame)
                    assert said and why in (None, said) or said == why.name, (said, why)
                    count.append(said)

        house.before(kind, 1, act)
        house.before(kind, 3, act)
        house.rekey("ana")
        assert len(count) == 2 * 4 * 6
        for nick in HONEST:
            assert aborts(house, nick) == []
        house.goes_on(*FOUR)


def test_a_frame_of_ones_own_with_a_bad_signature_is_as_if_it_had_not_come():
    for kind in (wire.SHARE, wire.CONFIRM):
        house, eva = room()
        bad = []

        def act(kept, frame, bad=bad):
            bad.append(resealed(kept, frame, bad_signature))
            return (bad[0], frame)

        eva.instead(kind, act)
        house.rekey("ana")
        for nick in HONEST:
            assert house.refusals(nick) == [errors.BadSignature.name]
        house.goes_on(*FOUR)


def test_two_shares_with_different_signed_parts():
    house = two_of(wire.SHARE, wrong_z)
    for nick in HONEST:
        assert errors.Contradiction.name in house.refusals(nick)
        assert house.names(nick, events.Convicted) == ["eva"]
    house.goes_on(*HONEST, convicted=("eva",))


def test_two_confirms_with_different_openings():
    house = two_of(wire.CONFIRM, other_opening)
    for nick in HONEST:
        assert errors.BadCommitment.name in house.refusals(nick)
    house.goes_on(*HONEST, convicted=("eva",))
