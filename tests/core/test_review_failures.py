"""What a hostile reviewer found in how exchanges end, as stories: two in league of whom one is due
and back without end, texts that come after the span, closing acknowledgements of an exchange that
failed (PROTOCOL.md 4-7). Those about guests and invitations are in test_review_guests."""

from cheats import resealed, wrong_slots, wrong_z
from house import Seeded
from insiders import MINUTE, Insider, Room, assert_zero

from mpseq import errors, events, rounds, wire
from mpseq.exchange import NOT_MINE, REMOVED
from mpseq.invitation import invite
from mpseq.roster import Room as Place
from mpseq.suspicion import ACK

FOUR = ("ana", "ben", "eva", "mal")
HONEST = ("ana", "ben")


def in_league():
    """Eva and mal are insiders."""
    house = Room(*FOUR).together(*FOUR)
    return house, Insider(house, "eva"), Insider(house, "mal")


def alone(house, eva, mal):
    """Eva says something, so that everyone owes an ACK at once; mal suspects all others for it,
    and is due. Returns whether that still moves anything."""
    eva.message(wire.TEXT, b"answer me")
    place = eva.person.session.count
    suspicions = house["ana"]._membership.suspicions
    for who in range(len(eva.person.members)):
        if who != mal.index and not suspicions.suspects(mal.index, who):
            mal.suspect(ACK, who, place)
    return not house["ana"]._membership.is_void(mal.index)


def back(eva):
    """Eva acknowledges: whom she owed it is with her, and so with all."""
    eva.message(wire.ACK)


def due_and_back(house, eva, mal, most=40):
    """Without anybody else's frame between; returns how often it went well."""
    for done in range(most):
        if not alone(house, eva, mal):
            return done
        due = house["ana"]._membership.due()
        assert due == house["ben"]._membership.due() == [mal.index]
        back(eva)
    return most


# --- due and back


def test_what_was_due_of_one_justifies_no_removal_of_another():
    """R1: after a flood of changes eva names ana, and every place at which mal was due."""
    house, eva, mal = in_league()
    eva.hush(wire.SHARE)
    mal.hush(wire.SHARE)
    house.rekey("mal")
    start = eva.person.session.count
    assert 1 < due_and_back(house, eva, mal) < 20
    kept = eva.kept()
    assert eva.abort(REMOVED, kept.index(house.key("ana")), start + 8) is None
    ana = house.index("ana")
    for nick in HONEST:
        membership = house[nick]._membership
        assert not membership.is_void(ana) and ana not in membership.due(), nick
        assert membership._strikes[eva.index] == 1, nick  # R1b: nor was it free
    eva.behave()
    mal.behave()
    house.goes_on("ana", "ben", maybe=("eva",))


def test_two_in_league_do_not_fail_one_exchange_after_the_other():
    """R1b: a flood before each false ABORT changes nothing about its price."""
    house, eva, mal = in_league()
    eva.hush(wire.SHARE)
    mal.hush(wire.SHARE)
    first = house["ana"].session.sid
    for count in range(8):
        for nick in HONEST:
            if not house["ana"].exchange_running and house[nick]._last_rekey != house.key(nick):
                house.rekey(nick)
        if not house["ana"].exchange_running or house["ana"].session.sid != first:
            break
        start = eva.person.session.count
        due_and_back(house, eva, mal)
        eva.abort(REMOVED, eva.kept().index(house.key(HONEST[count % 2])), start)
        house.settle()
        house.wait(10000)
    assert count < 4 and len(house.of("ana", events.ExchangeFailed)) <= 4, count
    eva.behave()
    mal.behave()
    house.goes_on("ana", "ben", maybe=("eva",))


def test_who_comes_back_without_end_holds_nothing_up():
    """R2: mal is due, and back before anybody may propose to remove it; again and again."""
    house, eva, mal = in_league()
    first = house["ana"].session.sid
    for _ in range(20):
        alone(house, eva, mal)
        house.wait(4000)
        if house["ana"].session.sid != first:
            break
        back(eva)
    assert house.here("ana") == house.here("ben") == ["ana", "ben", "eva"]
    house.goes_on("ana", "ben", also=("eva",))


# --- strikes


def test_a_second_strike_is_not_forgotten_by_a_rekey_in_the_same_burst():
    """R13: eva ends one exchange without reason, spoils the next try, lies about what she saw of
    it, and proposes at once, before anybody can have said that she has two strikes."""
    house = Room("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    eva = Insider(house, "eva")
    house.nobody_proposes("eva")
    held = []
    eva.spoil(wire.SHARE, wrong_z, most=2)
    eva.instead(wire.REVEAL, lambda kept, frame: held.append((kept, frame)) or ())
    house.after(wire.SHARE, 1, lambda: eva.abort(NOT_MINE, eva.kept().me))
    house.rekey("ana")
    for _ in range(30):
        if held:
            break
        house.wait(500)
    kept, frame = held[0]
    eva.post(resealed(kept, frame, wrong_slots))
    assert eva.propose() == errors.OutOfPlace.name
    house.anybody_proposes("eva")
    house.goes_on("ana", "ben", "dan")


def test_who_was_parted_from_for_its_strikes_calls_nobody_out():
    """R14: it did not fall silent, so nobody looks for it in another room."""
    house = Room("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    eva = Insider(house, "eva")
    room_of = house["ana"].room
    fake = Place(
        room_of.name, room_of.conversation_id, room_of.creator, room_of.suite, room_of.policy, b""
    )
    for nth in (1, 5):
        house.after(wire.SHARE, nth, lambda: eva.abort(NOT_MINE, eva.kept().me))
    house.rekey("ana")
    house.wait(MINUTE)
    house.assert_one_session("ana", "ben", "dan")
    house.order.remove("eva")
    before = len(house.of("ben", events.Invited))
    house["ben"]._parted.append(house.key("ben"))  # so that he looks at invitations at all
    listed = [("ben", house.key("ben"))]
    house.deliver("eva", invite(eva.person.identity, "eva", fake, listed, Seeded("eva"))[0])
    assert len(house.of("ben", events.Invited)) == before
    house.goes_on("ana", "ben", "dan")


def test_a_strangers_frames_make_nobody_go_through_the_debts():
    """R15: that is what costs most, when many SUSPECTs stand."""
    house = Room("ana", "ben", "eva").together("ana", "ben", "eva")
    ana = house["ana"]
    settled = []
    settle = ana._settle
    ana._settle = lambda now: settled.append(now) or settle(now)
    house.say("ben", "hello")
    assert len(settled) == 1
    old = list(house.frames)
    refused = len(house.refusals("ana"))
    for kind in range(16):
        house.deliver("x", bytes((wire.head(kind),)) + Seeded("junk %d" % kind)(200))
    for frame in old:
        if frame[0] & 15 == wire.MESSAGE:
            house.deliver("x", frame)
    assert len(house.refusals("ana")) > refused + 10
    assert len(settled) < 4  # of those that are not refused, and for nobody here
    house.goes_on("ana", "ben", "eva")


def test_who_is_removed_keeps_no_secret_of_the_exchange_without_it():
    """R16."""
    house = Room("ana", "ben", "eva").together("ana", "ben", "eva")
    read = rounds.read_proposal
    secrets = []

    def watched(*what):
        out = read(*what)
        secrets.append(out.secret)
        return out

    def at_eva(frame):
        rounds.read_proposal = watched
        try:
            house["eva"].receive("ana", frame, house.now)
        finally:
            rounds.read_proposal = read

    house.reaches = lambda nick, frame: nick != "eva" or at_eva(frame)
    for nick in ("ana", "ben"):
        house[nick].expel(house.key("eva"), house.now)
    house.settle()
    assert [one.removed for one in house.of("eva", events.Left)] == [True]
    assert len(secrets) == 1
    assert_zero(secrets[0], "eva")
    house.assert_one_session("ana", "ben")


# --- texts after the span


def crossing(house, eva, then=None, text="important"):
    """Ana says something that the carrier brings after the last SHARE of a re-key, and after as
    many texts of eva's as members keep until the exchange ends; then() comes next."""
    house["ana"].send(text, house.now)
    frames = house["ana"].take_frames()
    assert frames

    def act():
        for _ in range(2):
            assert eva.message(wire.TEXT, b"z" * 8159) is None
        for frame in frames:
            house.deliver("ana", frame)
        if then:
            then()

    house.after(wire.SHARE, 3, act)
    house.rekey("ben")


def said_once(house, text="important"):
    for nick in ("ana", "ben"):
        texts = [one for one in house.texts(nick) if one[0] == "ana"]
        assert texts == [("ana", text)], (nick, len(texts))
        assert house.of(nick, events.Unsent) == []


def test_a_text_that_nobody_keeps_is_said_again_after_the_switch():
    """R12: eva filled what members withhold."""
    house = Room("ana", "ben", "eva").together("ana", "ben", "eva")
    eva = Insider(house, "eva")
    crossing(house, eva)
    house.wait(MINUTE)
    said_once(house)
    house.goes_on("ana", "ben", "eva")


def test_a_text_that_nobody_keeps_is_said_again_after_an_abort():
    """The same, and then eva ends the exchange: what counts from there on has a gap."""
    house = Room("ana", "ben", "eva").together("ana", "ben", "eva")
    eva = Insider(house, "eva")
    crossing(house, eva, lambda: eva.abort(NOT_MINE, eva.kept().me))
    house.wait(MINUTE)
    assert len(house.of("ana", events.ExchangeFailed)) == 1
    said_once(house)
    house.goes_on("ana", "ben", "eva")


def test_a_long_text_of_which_nobody_keeps_a_part_is_said_again_after_an_abort():
    house = Room("ana", "ben", "eva").together("ana", "ben", "eva")
    eva = Insider(house, "eva")
    text = "long " * 4000

    def fail():
        house.nobody_proposes("ana", "ben", "eva")
        eva.abort(NOT_MINE, eva.kept().me)

    crossing(house, eva, fail, text)
    house.wait(MINUTE // 2)
    assert len(house.of("ana", events.ExchangeFailed)) == 1
    said_once(house, text)  # without any switch
    house.anybody_proposes("ana", "ben", "eva")
    house.goes_on("ana", "ben", "eva")


# --- closing acknowledgements


def closing(house, eva, late, copied=()):
    """Everyone owes an ACK, which travels in its CONFIRM; the CONFIRMs of `late` come behind eva's
    ABORT. Of each of `copied` eva's copy without the ACK is first."""
    held = []

    def hold(nick):
        house.overtake(nick, wire.CONFIRM, lambda frame: held.append((nick, frame)) or ())

    for nick in late:
        hold(nick)
    for nick in copied:
        house.overtake(
            nick, wire.CONFIRM,
            lambda frame: (resealed(eva.kept(frame), frame, no_closing), frame),
        )
    house.say("ben", "hello")
    house.rekey("eva")
    assert len(held) == len(late)
    for nick in late + copied:
        assert house[nick]._closing, nick
    eva.abort(NOT_MINE, eva.kept().me)
    for nick, frame in held:
        house.deliver(nick, frame)
    house.settle()


def no_closing(kept, plain):
    plain[144:] = wire.sized(b"")


def no_gap(house, *nicks):
    for nick in nicks:
        assert house.of(nick, events.Missing) == [], (nick, house.names(nick, events.Missing))
        (confirmed,) = house.of(nick, events.Confirmed)
        assert confirmed.number == house.of(nick, events.Text)[0].number


def test_two_closing_acks_behind_an_abort_leave_no_gap():
    house = Room("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    eva = Insider(house, "eva")
    closing(house, eva, ("ana", "dan"))
    house.wait(MINUTE)
    no_gap(house, "ana", "ben", "dan")
    house.goes_on("ana", "ben", "eva", "dan")


def test_a_closing_ack_that_came_before_the_abort_is_not_said_again():
    house = Room("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    eva = Insider(house, "eva")
    late = ("dan",)
    posted = []
    post = house["ana"]._outbox.post

    def watched(frame, now):
        posted.append(frame)
        post(frame, now)

    house["ana"]._outbox.post = watched
    closing(house, eva, late)
    kinds = [frame[0] & 15 for frame in posted]
    house.wait(MINUTE)
    no_gap(house, "ana", "ben", "dan")
    # after its CONFIRM: KEYS, and no ACK
    assert kinds[kinds.index(wire.CONFIRM) :].count(wire.MESSAGE) == 1
    house.goes_on("ana", "ben", "eva", "dan")


def test_a_closing_ack_that_a_cheat_took_out_leaves_no_gap():
    """Eva's copy of ana's CONFIRM, without the ACK, is right in everybody's eyes."""
    house = Room("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    eva = Insider(house, "eva")
    closing(house, eva, ("dan",), ("ana",))
    house.wait(MINUTE)
    no_gap(house, "ana", "ben", "dan")
    house.goes_on("ana", "ben", "eva", "dan")
