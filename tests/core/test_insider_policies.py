"""Who may invite, who may expel, who may take whose place: an insider that does what the policy
does not allow is not listened to, by all alike (PROTOCOL.md 5.1, 5.2, 6)."""

from house import Seeded, raises, settings
from insiders import MINUTE, Insider, Room
from test_insider_rosters import plays

from mpseq import Conversation, Identity, errors, events, wire
from mpseq.bodies import ADMIT, encode_admit, encode_invite
from mpseq.membership import ANY, CREATOR, UNANIMOUS
from mpseq.primitives import KeyPairs
from mpseq.roster import Guest

FOUR = ("ana", "ben", "eva", "dan")
HONEST = ("ana", "ben", "dan")
WRONG = errors.OutOfPlace.name


def room(policy, *nicks, more=()):
    """ana founds it and brings the others in; under UNANIMOUS all come at once."""
    nicks = nicks or FOUR
    house = Room(*(nicks + tuple(more)))
    house.found(nicks[0], policy=policy)
    house.bring(nicks[0], *nicks[1:])
    return house, Insider(house, "eva")


def a_guest(house, nick, seed="guest"):
    keys = KeyPairs(Seeded(seed))
    return Guest(nick, house.key(nick), keys.y, keys.t, bytearray(16))


def expel(house, voter, target):
    house[voter].expel(house.key(target), house.now)
    house.settle()


# --- EXPEL


def test_the_creators_word_expels_under_creator():
    house, eva = room(CREATOR)
    expel(house, "ana", "eva")
    house.goes_on(*HONEST, expelled=("eva",))


def test_the_creators_word_is_one_vote_elsewhere():
    for policy in (ANY, UNANIMOUS):
        house, eva = room(policy)
        expel(house, "ana", "eva")
        house.wait(MINUTE)
        house.assert_one_session(*FOUR)
        expel(house, "ben", "eva")
        house.assert_one_session(*FOUR)
        expel(house, "dan", "eva")
        house.goes_on(*HONEST, expelled=("eva",))


def test_one_who_is_not_the_creator_expels_nobody_alone():
    for policy in (ANY, CREATOR, UNANIMOUS):
        house, eva = room(policy)
        for nick in ("ana", "ben", "dan"):
            assert eva.message(wire.EXPEL, bytes((house.index(nick),))) is None
        for nick in HONEST:
            assert house.names(nick, events.Expelled) == []
            assert len(house.of(nick, events.ExpelVote)) == 3
        house.goes_on(*FOUR)


def test_all_others_expel_the_creator_itself():
    house, eva = room(CREATOR)
    expel(house, "ben", "ana")
    expel(house, "dan", "ana")
    house.assert_one_session(*FOUR)
    expel(house, "eva", "ana")
    assert house.here("ana") == []
    house.assert_one_session("ben", "eva", "dan")


def test_when_the_creator_is_gone_all_others_expel():
    house, eva = room(CREATOR, "ana", "ben", "eva", "dan", "uma")
    house["ana"].leave(house.now)
    house.settle()
    house.wait(5000)
    expel(house, "ben", "eva")
    house.wait(MINUTE)
    house.assert_one_session("ben", "dan", "eva", "uma")
    expel(house, "dan", "eva")
    expel(house, "uma", "eva")
    house.goes_on("ben", "dan", "uma", expelled=("eva",))


def test_votes_that_are_none():
    house, eva = room(ANY)
    ana = house.index("ana")
    assert eva.message(wire.EXPEL, bytes((ana,))) is None
    assert eva.message(wire.EXPEL, bytes((ana,))) == WRONG  # twice
    assert eva.message(wire.EXPEL, bytes((eva.index,))) == WRONG
    assert eva.message(wire.EXPEL, b"\4") == errors.BadIndex.name
    assert eva.message(wire.EXPEL, b"\xff") == errors.BadIndex.name
    assert eva.message(wire.EXPEL) == errors.Truncated.name
    assert eva.message(wire.EXPEL, bytes((ana, 0))) == errors.TrailingBytes.name
    house.goes_on(*FOUR)


def test_an_expelled_member_votes_no_more():
    """Section 9, first: expelled member still voting. Her frames count for nothing from the frame
    that expels her."""
    house, eva = room(ANY)
    house.nobody_proposes(*FOUR)
    expel(house, "ana", "eva")
    expel(house, "ben", "eva")
    said = []
    votes = [house[nick].session.seal for nick in ("dan",)]
    frame = votes[0](wire.EXPEL, bytes((eva.index,)))
    house.deliver("dan", frame)
    for nick in HONEST:
        assert house.names(nick, events.Expelled) == ["eva"]
    late = eva.person.session.seal(wire.EXPEL, bytes((house.index("ana"),)))
    for nick in HONEST:
        house[nick].receive("eva", late, house.now)
        said.append([one.reason for one in house[nick].take_events()][-1])
    assert said == [WRONG] * 3
    house.anybody_proposes(*FOUR)
    house.goes_on(*HONEST, expelled=("eva",))


def test_votes_of_the_gone_do_not_count():
    """eva voted against ana, and is expelled; ben's vote, which came before, is then one of two
    that are needed."""
    house, eva = room(ANY)
    expel(house, "eva", "ana")
    expel(house, "ben", "ana")
    house.nobody_proposes(*FOUR)
    for nick in ("ana", "ben"):
        expel(house, nick, "eva")
    expel(house, "dan", "eva")
    for nick in HONEST:
        assert house.names(nick, events.Expelled) == ["eva"]
        assert house.index("ana") not in house[nick]._membership.due()
    house.anybody_proposes(*FOUR)
    house.wait(2 * MINUTE)
    house.assert_one_session(*HONEST)


def test_two_cannot_outvote_two():
    house, eva = room(ANY)
    dan = Insider(house, "dan")
    for cheat in (eva, dan):
        for nick in ("ana", "ben"):
            assert cheat.message(wire.EXPEL, bytes((house.index(nick),))) is None
    house.goes_on("ana", "ben", also=("eva", "dan"))


# --- who may invite


def says_she_invites(house, eva, nick="uma"):
    """Why an INVITE, an ADMIT and a PROPOSE of eva's for this one are refused."""
    guest = a_guest(house, nick)
    return [
        eva.message(wire.INVITE, encode_invite(bytes(8), [(nick, house.key(nick))])),
        eva.message(wire.ADMIT, encode_admit([guest])),
        eva.propose(ADMIT, carried=[guest]),
    ]


def test_an_invite_by_one_who_is_not_the_creator():
    house, eva = room(CREATOR, more=("uma",))
    assert says_she_invites(house, eva) == [WRONG] * 3
    raises(errors.LocalError, house.invite, "ben", "uma")
    house.goes_on(*FOUR)


def test_under_creator_any_may_invite_once_the_creator_is_gone():
    house, eva = room(CREATOR, more=("uma",))
    assert says_she_invites(house, eva)[0] == WRONG
    house["ana"].leave(house.now)
    house.settle()
    house.wait(5000)
    house.bring("ben", "uma")
    house.wait(5000)
    house.goes_on("ben", "dan", "uma", also=("eva",), newcomers=("uma",))


def test_unanimous_without_one_approval():
    """eva invites uma; ben approves, dan does not."""
    house, eva = room(UNANIMOUS, more=("uma",))
    ident = bytes(8)
    body = encode_invite(ident, [("uma", house.key("uma"))])
    assert eva.message(wire.INVITE, body) is None
    guest = a_guest(house, "uma")
    for nick in ("ben", "ana"):
        assert eva.message(wire.ADMIT, encode_admit([guest])) == WRONG
        assert eva.propose(ADMIT, carried=[guest]) == WRONG
        assert [one.nick for one in house.of(nick, events.InviteSeen)] == ["uma"]
        house[nick].approve(house.key("uma"), house.now)
        house.settle()
    assert eva.message(wire.ADMIT, encode_admit([guest])) == WRONG
    assert eva.propose(ADMIT, carried=[guest]) == WRONG
    house.goes_on(*FOUR)


def test_unanimous_with_all_approvals():
    """So that the refusals above mean something."""
    house, eva = room(UNANIMOUS, more=("uma",))
    house.bring("eva", "uma")
    for nick in HONEST:
        house[nick].approve(house.key("uma"), house.now)
        house.settle()
    house.wait(5000)
    house.goes_on("ana", "ben", "dan", "uma", newcomers=("uma",), also=("eva",))


def test_approvals_that_are_none():
    """Her own, one for another id, for another key, and twice."""
    house, eva = room(UNANIMOUS, more=("uma", "zoe"))
    key = house.key("uma")
    assert eva.message(wire.INVITE, encode_invite(b"eva's id", [("uma", key)])) is None
    assert eva.message(wire.APPROVE, key + b"eva's id") == WRONG
    house.invite("ana", "zoe")
    house.settle()
    ident = house["ben"]._membership.invited[-1][2]
    zoe = house.key("zoe")
    assert eva.message(wire.APPROVE, zoe + b"eva's id") == WRONG
    assert eva.message(wire.APPROVE, key + ident) == WRONG
    assert eva.message(wire.APPROVE, zoe + ident) is None
    assert eva.message(wire.APPROVE, zoe + ident) == errors.Duplicate.name
    assert eva.message(wire.APPROVE, zoe + ident + b"\0") == errors.TrailingBytes.name
    house.wait(MINUTE)
    house.assert_one_session(*FOUR)
    for nick in ("ben", "dan"):
        house[nick].approve(zoe, house.now)
        house.settle()
    house.wait(5000)
    house.goes_on("ana", "ben", "dan", "zoe", also=("eva",), newcomers=("zoe",))


def test_nobody_cancels_anothers_invitation():
    house, eva = room(ANY, more=("uma",))
    house.accepting = False
    house.bring("ana", "uma")
    ident = house["ben"]._membership.invited[0][2]
    assert eva.message(wire.CANCEL, house.key("uma") + ident) == WRONG
    assert eva.message(wire.CANCEL, house.key("uma") + bytes(8)) == WRONG
    house["uma"].accept(house.of("uma", events.Invited)[0].invitation, house.now)
    house.settle()
    house.goes_on(*(FOUR + ("uma",)), newcomers=("uma",))


def test_nobody_cancels_a_guest_of_another_in_the_running_exchange():
    house, eva = room(ANY, more=("uma",))
    said = []

    def act():
        ident = house["ben"]._membership.invited[0][2]
        said.append(eva.message(wire.CANCEL, house.key("uma") + ident))

    house.after(wire.ROSTER, 1, act)
    house.bring("ana", "uma")
    assert said == [WRONG]
    house.goes_on(*(FOUR + ("uma",)), newcomers=("uma",))


# --- another device in somebody's place


def another_device(house, nick):
    """A second device with the key of this one: its person is called "new"."""
    random = Seeded("new device")
    identity = Identity(bytes(house[nick].identity.secret))
    house.people["new"] = Conversation(identity, nick, random, b"", settings())
    house.order.append("new")
    house.seen["new"] = []


def replaces(house, inviter, nick):
    house[inviter].invite([(nick, house.key(nick))], house.now, replace=True)


def test_the_old_device_stays_until_the_switch():
    house, eva = room(ANY)
    another_device(house, "dan")
    seen = []

    def act():
        house["dan"].send("from the old one", house.now)
        seen.append(house.here("dan"))

    house.after(wire.ROSTER, 1, act)
    replaces(house, "ana", "dan")
    house.settle()
    house.wait(MINUTE)
    assert seen == [["ana", "ben", "dan", "eva"]]
    assert ("dan", "from the old one") in house.texts("ben")
    assert not house.here("dan") and len(house.of("dan", events.Replaced)) == 1
    assert house["new"].session.sid == house["ana"].session.sid
    house.talk_of("ana", "ben")


def test_the_old_device_remains_when_the_exchange_fails():
    house, eva = room(ANY)
    another_device(house, "dan")
    new = Insider(house, "new").hush(wire.SHARE)
    replaces(house, "ana", "dan")
    house.settle()
    assert new.hidden
    house.wait(2 * MINUTE)
    for nick in ("ana", "ben"):
        assert house.names(nick, events.GuestDropped) == ["dan"]
    house.goes_on(*FOUR)
    assert house.of("dan", events.Replaced) == []


def test_the_old_device_may_cancel_while_the_exchange_runs():
    house, eva = room(ANY)
    another_device(house, "dan")
    Insider(house, "new").hush(wire.SHARE)
    replaces(house, "eva", "dan")
    house.settle()
    assert [one.replaces for one in house.of("dan", events.InviteSeen)] == [True]
    house["dan"].cancel(house.key("dan"), house.now)
    house.settle()
    house.wait(30000)
    house.goes_on(*FOUR)
    assert house.of("dan", events.Replaced) == []


def test_replacement_as_eviction_by_one_without_the_key():
    """Section 9, second. eva invites dan's key, and plays his new device herself."""
    house, eva = room(ANY)
    keys = KeyPairs(Seeded("played"))
    played = plays(house, eva, keys)
    replaces(house, "eva", "dan")
    house.settle()
    guest = Guest("dan", house.key("dan"), keys.y, keys.t, bytearray(16))
    assert eva.message(wire.ADMIT, encode_admit([guest])) is None
    house.settle()
    house.wait(30000)
    assert played
    assert house.of("dan", events.Replaced) == []
    for nick in HONEST:
        assert house.names(nick, events.Convicted) == []
    house.say("dan", "still me")
    house.goes_on("ana", "ben", "dan", also=("eva",))
    assert house.texts("ana").count(("dan", "still me")) == 1


def test_nobody_replaces_itself_by_another_members_invite():
    """An INVITE of one's own key, or an ADMIT of a member nobody invited."""
    house, eva = room(ANY)
    body = encode_invite(bytes(8), [("eva", house.key("eva"))])
    assert eva.message(wire.INVITE, body) == WRONG
    guest = a_guest(house, "ben")
    assert eva.message(wire.ADMIT, encode_admit([guest])) == WRONG
    assert eva.propose(ADMIT, carried=[guest]) == WRONG
    house.goes_on(*FOUR)
