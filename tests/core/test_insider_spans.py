"""What is said and who comes and goes while an insider ends exchanges, or leaves in the midst of
one: every text is shown once, to those it was meant for, and everyone sees one switch
(PROTOCOL.md 4, 5.5, 6, 9)."""

from cheats import wrong_z
from insiders import MINUTE, Insider, Room

from mpseq import errors, events, wire
from mpseq.exchange import NOT_MINE, REMOVED, RING

FOUR = ("ana", "ben", "eva", "dan")
HONEST = ("ana", "ben", "dan")


def room(*nicks):
    nicks = nicks or FOUR
    house = Room(*nicks).together(*nicks)
    return house, Insider(house, "eva")


def posted(house, nick, text):
    """This one says something that the carrier still has: returns the frame."""
    house[nick].send(text, house.now)
    frames = house[nick].take_frames()
    assert len(frames) == 1 and frames[0][0] & 15 == wire.MESSAGE
    return frames[0]


def cry(eva, reason=NOT_MINE):
    kept = eva.kept()
    eva.abort(reason, kept.me if reason == NOT_MINE else 0)


def shown(house, *texts):
    """Everyone honest was shown these, in this order, and nothing else of theirs."""
    for nick in HONEST:
        assert house.texts(nick) == list(texts), (nick, house.texts(nick))


# --- texts between the last SHARE and an ABORT


def test_a_text_between_the_last_share_and_an_abort_is_shown_once():
    """Section 9, third: text between the last SHARE and an ABORT shown twice or never."""
    for reason in (NOT_MINE, RING):
        house, eva = room()
        frame = posted(house, "ben", "between")
        seen = []

        def act(house=house, eva=eva, reason=reason, frame=frame, seen=seen):
            house.deliver("ben", frame)
            seen.append([house.texts(nick) for nick in HONEST])
            cry(eva, reason)
            seen.append([house.texts(nick) for nick in HONEST])

        house.after(wire.SHARE, 4, act)
        house.rekey("ana")
        assert seen == [[[]] * 3, [[("ben", "between")]] * 3]  # withheld, and counted
        house.wait(2 * MINUTE)
        shown(house, ("ben", "between"))
        for nick in HONEST:
            assert house.of(nick, events.Unsent) == []
        convicted = () if reason == NOT_MINE else ("eva",)
        house.goes_on(*HONEST, convicted=convicted, also=() if convicted else ("eva",))


def test_texts_of_several_between_the_last_share_and_an_abort_keep_their_order():
    house, eva = room()
    frames = [(nick, posted(house, nick, "by " + nick)) for nick in ("dan", "ana", "ben")]

    def act():
        for nick, frame in frames:
            house.deliver(nick, frame)
        cry(eva)

    house.after(wire.SHARE, 4, act)
    house.rekey("eva")
    house.wait(MINUTE)
    shown(house, ("dan", "by dan"), ("ana", "by ana"), ("ben", "by ben"))
    house.goes_on(*FOUR)


def test_a_text_after_the_abort_counts_at_once():
    house, eva = room()
    frame = posted(house, "ben", "after")

    def act():
        cry(eva)
        house.deliver("ben", frame)
        assert house.texts("dan") == [("ben", "after")]

    house.after(wire.SHARE, 4, act)
    house.rekey("ana")
    house.wait(MINUTE)
    shown(house, ("ben", "after"))
    house.goes_on(*FOUR)


def test_a_text_between_that_falls_outside_the_next_span_too():
    """Withheld, counted at the ABORT; the next one of its author is withheld and void at the
    switch, and said again: each once."""
    house, eva = room()
    first = posted(house, "ben", "first")

    def fail():
        house.deliver("ben", first)
        cry(eva)

    second = []

    def send():
        second.append(1)
        house["ben"].send("second", house.now)

    house.after(wire.SHARE, 4, fail)
    house.after(wire.SHARE, 8, send)
    house.rekey("ana")
    house.wait(2 * MINUTE)
    assert second
    shown(house, ("ben", "first"), ("ben", "second"))
    house.goes_on(*FOUR)


def test_a_text_sent_while_exchanges_fail_again_and_again():
    house, eva = room()
    cries = []

    def act():
        cries.append(1)
        if len(cries) < 2:
            house.after(wire.SHARE, 4, act)
        cry(eva)

    house.after(wire.SHARE, 4, act)
    house.rekey("ana")
    house["ben"].send("in the midst", house.now)
    house.wait(3 * MINUTE)
    assert len(cries) == 2
    shown(house, ("ben", "in the midst"))
    house.goes_on(*HONEST)  # the second time was one too many


def after_the_last_share(begin, count):
    """ben's text comes after the last of so many SHAREs; begin(house) starts the exchange."""
    house = Room("ana", "ben", "eva", "dan", "uma").together(*FOUR)
    frame = posted(house, "ben", "for the four of us")
    house.after(wire.SHARE, count, lambda: house.deliver("ben", frame))
    begin(house)
    house.wait(MINUTE)
    return house


def test_a_void_text_is_said_again_if_nobody_is_new():
    house = after_the_last_share(lambda house: house.rekey("ana"), 4)
    shown(house, ("ben", "for the four of us"))
    assert house.of("ben", events.Unsent) == []


def test_a_void_text_is_not_said_again_to_somebody_new():
    """Section 9, first: text re-posted to people it was not meant for."""
    house = after_the_last_share(lambda house: house.bring("ana", "uma"), 5)
    assert "uma" in house.here("ana")
    shown(house)
    assert [one.text for one in house.of("ben", events.Unsent)] == ["for the four of us"]
    house.never_shown("for the four of us", "uma")


def test_a_text_that_an_abort_saved_is_not_said_again_to_newcomers():
    """The exchange with uma fails after the last SHARE, the text counts in the old session; the
    next one brings her in, and she does not hear it."""
    house = Room("ana", "ben", "eva", "dan", "uma").together(*FOUR)
    eva = Insider(house, "eva")
    frame = posted(house, "ben", "not for uma")

    def act():
        house.deliver("ben", frame)
        cry(eva)

    house.after(wire.SHARE, 5, act)
    house.bring("ana", "uma")
    house.wait(MINUTE)
    shown(house, ("ben", "not for uma"))
    assert house.of("ben", events.Unsent) == []
    house.never_shown("not for uma", "uma")
    house.goes_on(*(FOUR + ("uma",)), newcomers=("uma",))


def test_an_insiders_own_text_that_it_repeats_is_shown_once():
    """eva says again, marked as first said before, what had been shown."""
    house, eva = room()
    house.say("eva", "once")
    session = eva.person.session
    mark = session.sid[:8] + wire.varint(session.heard()[eva.index] - 1)
    for _ in range(3):
        assert eva.message(wire.TEXT | wire.AGAIN, mark + b"once") is None
    shown(house, ("eva", "once"))
    house.rekey("ana")
    assert eva.message(wire.TEXT | wire.AGAIN, mark + b"once") is None
    shown(house, ("eva", "once"))
    house.goes_on(*FOUR)


# --- leaving in the midst of an exchange


def test_one_leaves_in_the_midst_and_says_nothing_more():
    """ABORT(removed), and the others go on without."""
    for kind, nth, keeps_back in (
        (wire.SHARE, 1, wire.SHARE), (wire.SHARE, 4, wire.CONFIRM), (wire.CONFIRM, 1, wire.CONFIRM)
    ):
        house, eva = room()
        eva.hush(keeps_back)
        house.after(kind, nth, lambda eva=eva: eva.message(wire.LEAVE))
        house.rekey("ana")
        house.wait(30000)
        for nick in HONEST:
            assert house.names(nick, events.LeaveSeen) == ["eva"]
        house.goes_on(*HONEST, minutes=1)


def test_two_leave_in_the_midst_at_different_places():
    house, eva = room("ana", "ben", "eva", "dan", "uma")
    uma = Insider(house, "uma")
    eva.hush(wire.CONFIRM)
    uma.hush(wire.CONFIRM)
    house.after(wire.SHARE, 2, lambda: eva.message(wire.LEAVE))
    house.after(wire.CONFIRM, 1, lambda: uma.message(wire.LEAVE))
    house.rekey("ana")
    house.goes_on("ana", "ben", "dan", minutes=2)


def test_a_void_members_confirm_counts_alike_for_members_and_joiners():
    """Section 9, second and third: LEAVE between two CONFIRMs; a void member's CONFIRM counted by
    joiners only. Its frames of the running exchange count for everyone."""
    house = Room("ana", "ben", "eva", "dan", "uma").together(*FOUR)
    eva = Insider(house, "eva")
    house.after(wire.CONFIRM, 2, lambda: eva.message(wire.LEAVE))
    switched = []

    def act():
        switched.append([nick for nick in house.order if "uma" in house.here(nick)])

    house.after(wire.CONFIRM, 4, act)
    house.after(wire.CONFIRM, 5, act)
    house.bring("ana", "uma")
    assert switched == [[], ["ana", "ben", "eva", "dan", "uma"]]
    sids = [house[nick].session.sid for nick in ("ana", "ben", "dan", "uma")]
    assert len(set(sids)) == 1
    house.wait(MINUTE)
    house.assert_one_session(*house.here("ana"))


def test_a_void_members_share_counts_too():
    house = Room("ana", "ben", "eva", "dan", "uma").together(*FOUR)
    eva = Insider(house, "eva")
    house.after(wire.ROSTER, 1, lambda: eva.message(wire.LEAVE))
    house.bring("ana", "uma")
    sids = [house[nick].session.sid for nick in ("ana", "ben", "dan", "uma")]
    assert len(set(sids)) == 1 and "uma" in house.here("ana")
    house.wait(MINUTE)
    house.assert_one_session(*house.here("ana"))


# --- ABORT(removed) and what lands just before it


def overtaken_abort(kind):
    """eva keeps back her frame of this type until the ABORT(removed) about her is on its way, and
    is faster than it. Returns the house when all that has happened."""
    house, eva = room()
    eva.hush(kind, wire.ABORT)
    house.rekey("ana")
    assert [frame[0] & 15 for frame in eva.hidden] == [kind]
    done = []

    def act(frame):
        done.append(frame)
        return (eva.hidden[0], frame)

    for nick in HONEST:
        house.overtake(nick, wire.ABORT, lambda frame: act(frame) if not done else (frame,))
    house.wait(2 * MINUTE)
    assert len(done) == 1
    eva.behave()
    return house


def test_a_share_that_lands_just_before_the_abort():
    """Section 9, third: contribution that lands just before ABORT(removed). She was due after k
    frames, whatever came since: out, and nobody has done wrong."""
    house = overtaken_abort(wire.SHARE)
    for nick in HONEST:
        assert house.here(nick) == ["ana", "ben", "dan"], nick
        failed = [one.nick for one in house.of(nick, events.ExchangeFailed)]
        assert len(failed) == 1 and "eva" not in failed
        assert house[nick]._membership._strikes == bytes(3)
    house.goes_on(*HONEST)


def test_a_last_confirm_that_lands_just_before_the_abort():
    """The switch comes first, for everyone; the ABORT is of no exchange any more."""
    house = overtaken_abort(wire.CONFIRM)
    house.assert_one_session(*FOUR)
    for nick in HONEST:
        assert house.of(nick, events.ExchangeFailed) == []
        assert errors.Stranger.name in house.refusals(nick)
    house.goes_on(*FOUR)


def test_one_who_was_due_and_is_not_any_more():
    """An ABORT(removed) with a k at which nobody was due is a strike for its author, even when
    somebody was due before."""
    house, eva = room()
    dan = Insider(house, "dan").hush(wire.SHARE)
    house.rekey("ana")
    house.wait(62000)  # everyone has suspected dan
    assert house.index("dan") in house["ana"]._membership.due()
    dan.behave()
    dan.hush(wire.CONFIRM)
    house.deliver("dan", dan.hidden[0])
    house.settle()
    for nick in ("ana", "ben"):
        assert house.index("dan") not in house[nick]._membership.due()
    assert eva.abort(REMOVED, eva.kept().index(house.key("dan")), k=0) is None
    dan.behave()
    for nick in ("ana", "ben"):
        assert house[nick]._membership._strikes[eva.index] == 1
        assert not house[nick]._membership.is_void(house.index("dan"))
    house.goes_on("ana", "ben", "dan", also=("eva",))


def test_a_convict_that_leaves_first_is_gone_all_the_same():
    house, eva = room()
    eva.spoil(wire.SHARE, wrong_z)
    house.after(wire.ABORT, 1, lambda: eva.message(wire.LEAVE))
    house.rekey("ana")
    house.wait(MINUTE)
    for nick in HONEST:
        assert "eva" not in house.here(nick)
    house.goes_on(*HONEST, convicted=("eva",) if house.of("ana", events.Convicted) else ())


def test_a_text_before_the_last_share_of_an_exchange_that_fails():
    house, eva = room()
    frame = posted(house, "ben", "before")

    def act():
        house.deliver("ben", frame)
        assert house.texts("ana") == [("ben", "before")]

    house.before(wire.SHARE, 4, act)
    house.after(wire.SHARE, 4, lambda: cry(eva))
    house.rekey("ana")
    house.wait(MINUTE)
    shown(house, ("ben", "before"))
    house.goes_on(*FOUR)
