"""Members that cry without reason: an ABORT always ends its exchange, and never more than that for
anyone honest (PROTOCOL.md 7). Who cries what frames refute is convicted; who cries what only does
not fit gets a strike, and after the second one the others part from it."""

from cheats import wrong_z
from house import raises
from insiders import Insider, Room

from mpseq import errors, events, wire
from mpseq.exchange import AUTH, CHECK, NOT_MINE, REMOVED, RING
from mpseq.primitives import signing_key

FOUR = ("ana", "ben", "eva", "dan")
HONEST = ("ana", "ben", "dan")
NEVER = 2**34  # no session has so many frames


def room():
    house = Room(*FOUR).together(*FOUR)
    return house, Insider(house, "eva")


def cries(when, nth, reason, target="ana", k=None, here=None):
    """eva posts this ABORT after the nth frame of type `when` of a re-key: (house, eva, said)."""
    house, eva = here or room()
    said = []

    def act():
        kept = eva.kept()
        if isinstance(target, str):
            at = kept.index(house.key(target))
        else:
            at = target
        said.append(eva.abort(reason, at, k))

    house.after(when, nth, act)
    house.anyone_rekeys(*HONEST)
    assert len(said) == 1
    return house, eva, said[0]


def failed(house, *honest):
    """Whose ABORT ended an exchange, in the eyes of each of these."""
    seen = [[one.nick for one in house.of(nick, events.ExchangeFailed)] for nick in honest]
    for one in seen:
        assert one == seen[0]
    return seen[0]


# --- what frames refute


def test_a_false_cry_about_an_auth_convicts_its_author():
    house, eva, said = cries(wire.SHARE, 4, AUTH)
    assert said is None and failed(house, *HONEST) == ["eva"]
    house.goes_on(*HONEST, convicted=("eva",))


def test_a_false_cry_about_the_ring_convicts_its_author():
    house, eva, said = cries(wire.SHARE, 4, RING, 0)
    house.goes_on(*HONEST, convicted=("eva",))


def test_a_false_cry_about_a_check_convicts_its_author():
    house, eva, said = cries(wire.CONFIRM, 1, CHECK, "ben")
    assert failed(house, *HONEST) == ["eva"]
    house.goes_on(*HONEST, convicted=("eva",))


def test_a_false_cry_does_not_save_another_cheat():
    """eva cries about ana while dan's z is wrong: all reveal, and dan's is found too."""
    house, eva = room()
    Insider(house, "dan").spoil(wire.SHARE, wrong_z)
    house.after(wire.SHARE, 4, lambda: eva.abort(RING, 0))
    house.rekey("ana")
    house.wait(5000)
    for nick in ("ana", "ben"):
        assert house.names(nick, events.Convicted) == ["dan"]
    house.goes_on("ana", "ben", "eva", convicted=("dan",))


# --- what only does not fit


def test_cries_that_do_not_fit_are_no_proof():
    """A carrier that shows frames in different orders could have made an honest one post them. The
    next try stands each time, and forgives."""
    here = house, eva = room()
    count = 0
    for when, nth, reason, target in (
        (wire.SHARE, 1, NOT_MINE, "eva"), (wire.SHARE, 4, NOT_MINE, "eva"),
        (wire.SHARE, 4, NOT_MINE, "ana"), (wire.CONFIRM, 2, NOT_MINE, "eva"),
        (wire.SHARE, 3, AUTH, "ana"), (wire.SHARE, 3, RING, 0), (wire.SHARE, 3, CHECK, "ana"),
        (wire.SHARE, 4, AUTH, "eva"), (wire.SHARE, 4, RING, 1), (wire.SHARE, 4, CHECK, "eva"),
        (wire.CONFIRM, 1, CHECK, "dan"),
    ):
        before = house["ana"].session.sid
        _, _, said = cries(when, nth, reason, target, here=here)
        count += 1
        assert said is None, (when, nth, reason)
        house.wait(30000)
        assert failed(house, *HONEST) == ["eva"] * count, (when, nth, reason)
        house.assert_one_session(*FOUR)
        assert house["ana"].session.sid != before
        house.anyone_rekeys(*HONEST)  # an exchange without a cry: forgiven
        house.wait(30000)
    assert [frame for frame in house.frames if frame[0] & 15 in (wire.REVEAL, wire.WITNESS)] == []
    house.goes_on(*FOUR)


def test_a_removal_that_nothing_justifies():
    """Whatever place it names: before the PROPOSE, now, later than now."""
    here = house, eva = room()
    count = 0
    for target in ("ana", "eva"):
        for k in (0, 1, None, 999, NEVER):
            _, _, said = cries(wire.SHARE, 2, REMOVED, target, k, here=here)
            count += 1
            assert said is None
            house.wait(30000)
            assert failed(house, *HONEST) == ["eva"] * count, (target, k)
            house.assert_one_session(*FOUR)
            house.anyone_rekeys(*HONEST)
            house.wait(30000)
    house.goes_on(*FOUR)


def test_who_cries_twice_is_parted_from():
    for reason, target in ((REMOVED, "ana"), (NOT_MINE, "eva"), (AUTH, "eva")):
        house, eva = room()

        def act(house=house, eva=eva, reason=reason, target=target):
            kept = eva.kept()
            eva.abort(reason, kept.index(house.key(target)))

        house.after(wire.SHARE, 1, act)
        house.after(wire.SHARE, 5, act)  # the first of the next try
        house.rekey("ana")
        house.wait(60000)
        assert failed(house, *HONEST)[:2] == ["eva", "eva"]
        for nick in HONEST:
            assert ("eva", "an explanation") in [
                (one.nick, one.what) for one in house.of(nick, events.Suspected)
            ]
        house.goes_on(*HONEST)


def test_crying_in_every_exchange_stops_nobody_for_long():
    """One insider can spoil the first try of every second exchange; who does it in two that follow
    each other has to go, also when it re-keyed in between."""
    house, eva = room()
    sids = [house["ana"].session.sid]
    for nick in ("ana", "ben"):
        house.assert_one_session(*FOUR)
        house.after(wire.SHARE, 1, lambda: eva.abort(RING, 0))
        house.rekey(nick)
        house.wait(30000)
        sids.append(house["ana"].session.sid)
    assert len(set(sids)) == 3
    assert failed(house, *HONEST) == ["eva"] * 2
    house.goes_on(*HONEST)


# --- what does not even count


def refused_abort(*makes):
    """eva posts what is no ABORT at all, at two places of an exchange; nothing happens. `makes`:
    (make(eva, kept), why it is refused)."""
    house, eva = room()
    said = []

    def act():
        for make, reason in makes:
            said.append((eva._refusal(make(eva, eva.kept())), reason.name))

    house.after(wire.SHARE, 2, act)
    house.after(wire.CONFIRM, 2, act)
    house.rekey("ana")
    assert len(said) == 2 * len(makes)
    for one, reason in said:
        assert one == reason
    assert failed(house, *HONEST) == []
    house.goes_on(*FOUR)


def body(reason, target, k=b"\0"):
    return lambda eva, kept: eva.signed(kept, wire.ABORT, b"abort", bytes((reason, target)) + k)


def test_aborts_out_of_form_are_as_if_they_had_not_come():
    refused_abort(
        (body(RING, 4), errors.BadIndex), (body(AUTH, 255), errors.BadIndex),
        (body(0, 0), errors.UnknownType), (body(6, 0), errors.UnknownType),
        (body(RING, 0, b""), errors.Truncated), (body(RING, 0, b"\0\0"), errors.TrailingBytes),
        (body(REMOVED, 0, b"\x80\1"), errors.BadVarint),
        (body(REMOVED, 0, b"\xff\xff\xff\xff\xff\1"), errors.BadVarint),
    )


def test_nobody_aborts_in_the_name_of_another():
    def in_anas_place(eva, kept):
        kept.me, mine = kept.index(eva.house.key("ana")), kept.me
        frame = eva.signed(kept, wire.ABORT, b"abort", bytes((RING, 0, 0)))
        kept.me = mine
        return frame

    refused_abort((in_anas_place, errors.BadSignature))


def test_a_signature_for_another_frame_is_none_for_an_abort():
    def as_reveal(eva, kept):
        return eva.signed(kept, wire.ABORT, b"reveal", bytes((RING, 0, 0)))

    refused_abort((as_reveal, errors.BadSignature))


def test_the_statement_key_signs_no_abort():
    def by_s(eva, kept):
        true = kept.keys.t_secret
        kept.keys.t_secret = bytes(kept.live.statement[0])
        frame = eva.signed(kept, wire.ABORT, b"abort", bytes((RING, 0, 0)))
        kept.keys.t_secret = true
        return frame

    refused_abort((by_s, errors.BadSignature))


def test_a_second_abort_of_a_dead_exchange_is_nothing():
    house, eva = room()
    said = []

    def act():
        kept = eva.kept()
        said.append(eva.abort(NOT_MINE, kept.me))
        said.append(eva.abort(NOT_MINE, kept.me))
        said.append(eva.abort(REMOVED, kept.index(house.key("ana")), k=7, kept=kept))

    house.after(wire.SHARE, 1, act)
    house.rekey("ana")
    assert said == [None, errors.Aborted.name, errors.Aborted.name]
    assert failed(house, *HONEST) == ["eva"]
    house.goes_on(*FOUR)


def test_an_abort_after_the_switch_is_a_strangers():
    house, eva = room()
    house.rekey("ana")
    house.assert_one_session(*FOUR)
    for reason in (REMOVED, NOT_MINE, AUTH, RING, CHECK):
        assert eva.abort(reason, 0, kept=eva.kept()) == errors.Stranger.name
    house.goes_on(*FOUR)


def test_an_abort_before_the_roster_counts_and_spends_no_joiners_key():
    """Section 5.3: an ABORT counts from PROPOSE on, and then no ROSTER is posted."""
    house = Room("ana", "ben", "eva", "dan").together("ana", "ben", "eva")
    eva = Insider(house, "eva")
    house.before(wire.ROSTER, 1, lambda: eva.abort(RING, 0))
    house.bring("ana", "dan")
    joins = [frame for frame in house.frames if frame[0] & 15 == wire.JOIN][-1:]
    house.wait(30000)
    assert failed(house, "ana", "ben") == ["eva"]
    assert [frame for frame in house.frames if frame[0] & 15 == wire.JOIN][-1:] == joins
    house.goes_on(*FOUR, newcomers=("dan",))


def test_an_abort_after_the_last_share_spends_the_joiners_key():
    house = Room("ana", "ben", "eva", "dan").together("ana", "ben", "eva")
    eva = Insider(house, "eva")
    house.after(wire.SHARE, 4, lambda: eva.abort(NOT_MINE, eva.kept().me))
    house.bring("ana", "dan")
    house.wait(30000)
    ys = []
    for one in house.kept["dan"]:
        ys.append(bytes(one.people[one.me].y))
    assert len(ys) == 2 and ys[0] != ys[1]
    house.goes_on(*FOUR, newcomers=("dan",))


def test_a_guest_that_cries_without_reason_is_dropped():
    """Each time; and after the third its inviter may admit no more in this session."""
    house = Room("ana", "ben", "eva", "dan").together("ana", "ben", "dan")
    eva = Insider(house, "eva")
    for count in range(3):
        house.after(wire.SHARE, 1, lambda: eva.abort(NOT_MINE, eva.kept().me))
        house.bring("ana", "eva")
        house.wait(60000)
        house.assert_one_session(*HONEST)
        for nick in HONEST:
            assert house.names(nick, events.GuestDropped) == ["eva"] * (count + 1)
    raises(errors.LocalError, house.invite, "ana", "eva")
    house.goes_on(*HONEST)


def test_a_guest_whose_cry_is_refuted_is_dropped():
    house = Room("ana", "ben", "eva", "dan").together("ana", "ben", "dan")
    eva = Insider(house, "eva")
    house.after(wire.SHARE, 4, lambda: eva.abort(RING, 0))
    house.bring("ana", "eva")
    house.wait(30000)
    for nick in HONEST:
        assert house.names(nick, events.GuestDropped) == ["eva"]
    house.goes_on(*HONEST, maybe=("eva",))


def test_the_lone_other_one_who_cries_is_left_alone():
    house = Room("ana", "eva").together("ana", "eva")
    eva = Insider(house, "eva")
    house.after(wire.SHARE, 2, lambda: eva.abort(RING, 0))
    house.rekey("ana")
    house.goes_on("ana", convicted=("eva",))


def test_an_abort_signed_by_a_key_of_nobody():
    def by_nobody(eva, kept):
        true = kept.keys.t_secret
        kept.keys.t_secret = signing_key(eva.person._random)[0]
        frame = eva.signed(kept, wire.ABORT, b"abort", bytes((RING, 0, 0)))
        kept.keys.t_secret = true
        return frame

    refused_abort((by_nobody, errors.BadSignature))
