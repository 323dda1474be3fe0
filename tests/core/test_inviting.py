"""What an inviter may ask for, what it may not, and what a room does when wishes collide
(PROTOCOL.md 5.1, 5.2, 10)."""

from freezing import assert_unmoved, freeze
from house import House, Seeded, raises
from test_keys import SMALL_U, raw

from mpseq import Conversation, Identity, errors, events, wire
from mpseq.bodies import encode_admit, encode_invite
from mpseq.roster import Guest


def keys_of(count, seed="crowd"):
    random = Seeded(seed)
    return [Identity.generate(random).public for _ in range(count)]


def crowd(count, seed="crowd"):
    keys = keys_of(count, seed)
    return [("%s%d" % (seed, at), keys[at]) for at in range(count)]


def refused(house, nick, invitees):
    """Asserts that this person may not invite these, and that nothing came of the attempt."""
    person = house[nick]
    before = freeze(person)
    raises(errors.LocalError, person.invite, invitees, house.now)
    assert_unmoved(before, person)
    assert person.take_frames() == []


def test_whom_one_cannot_invite():
    house = House("ana", "ben", "eva", "dan").together("ana", "ben")
    eva = house.key("eva")
    refused(house, "ana", [])
    refused(house, "ana", [("ben", house.key("ben"))])  # here already
    refused(house, "ana", [("ben2", house.key("ben"))])
    refused(house, "ana", [("ana", house.key("ana"))])  # oneself
    refused(house, "ana", [("me", house.key("ana"))])
    refused(house, "ana", [("ben", eva)])  # the nick is taken
    refused(house, "ana", [("eva", eva), ("eva2", eva)])
    refused(house, "ana", [("eva", eva), ("eva", house.key("dan"))])
    refused(house, "ana", [("", eva)])
    refused(house, "ana", [("x" * 33, eva)])
    refused(house, "ana", [("e\nva", eva)])
    refused(house, "ana", [("eva", eva), ("ben", eva)])
    for key in [b"", eva[:31], eva + b"\0", eva[:31] + b"\xff"] + [raw(u) for u in SMALL_U]:
        refused(house, "ana", [("eva", key)])
    house.bring("ana", "eva")
    house.assert_one_session("ana", "ben", "eva")


def test_only_a_member_invites():
    house = House("ana", "ben").together("ana")
    raises(errors.LocalError, house["ben"].invite, [("ana", house.key("ana"))], house.now)
    raises(errors.LocalError, house["ben"].send, "hello", house.now)
    raises(errors.LocalError, house["ben"].rekey, house.now)


def test_what_a_conversation_cannot_begin_with():
    random = Seeded("begin")
    identity = Identity.generate(random)
    for nick in ("", "x" * 33, "a\tb", "\x7f", "\x85"):
        raises(errors.LocalError, Conversation, identity, nick, random)
    person = Conversation(identity, "ana", random)
    before = freeze(person)
    for name in ("", "x" * 65, "a\0"):
        raises(errors.LocalError, person.create, name, 0)
    raises(errors.LocalError, person.create, "room", 0, 3)  # no such suite
    raises(errors.LocalError, person.create, "room", 0, 1, 3)  # nor is such a policy
    assert_unmoved(before, person)
    person.create("room", 0)
    raises(errors.LocalError, person.create, "again", 0)


def test_63_may_be_invited_at_once_and_not_one_more():
    """Section 10: 64 participants, 64 pending invitations."""
    house = House("ana").together("ana")
    refused(house, "ana", crowd(64))
    house["ana"].invite(crowd(63), house.now)
    frames = house["ana"].take_frames()
    assert len(frames) == 2
    for frame in frames:
        assert len(frame) <= wire.MAX_FRAME
    refused(house, "ana", crowd(2, "more"))
    house["ana"].invite(crowd(1, "more"), house.now)
    assert len(house["ana"].take_frames()) == 2
    refused(house, "ana", crowd(1, "yetmore"))


def test_the_longest_names_fit_a_frame():
    house = House("ana" + "x" * 29)
    house.found("ana" + "x" * 29, "r" * 64)
    person = house["ana" + "x" * 29]
    keys = keys_of(63)
    person.invite([("%032d" % at, keys[at]) for at in range(63)], house.now)
    for frame in person.take_frames():
        assert len(frame) <= wire.MAX_FRAME


def test_the_64_pending_invitations_are_of_the_whole_room():
    """Whoever has most gives way, so that nobody can take all the places."""
    house = House("ana", "ben").together("ana", "ben")
    house["ana"].invite(crowd(62), house.now)
    house.settle()
    house["ben"].invite(crowd(24, "more"), house.now)
    house.settle()
    assert house.refusals("ana") == house.refusals("ben") == []
    gone = [one.nick for one in house.of("ana", events.NotInvited)]
    assert gone == [nick for nick, _ in crowd(62)][:22]
    for nick in ("ana", "ben"):
        assert len(house[nick]._membership.invited) == 64
    house["ben"].invite(crowd(6, "many"), house.now)
    house.settle()
    assert len(house.of("ana", events.NotInvited)) == 28
    assert house.of("ben", events.NotInvited) == []


def test_a_nick_of_a_pending_invitation_is_taken():
    house = House("ana", "ben", "eva").together("ana", "ben")
    house.accepting = False
    house.bring("ana", "eva")
    refused(house, "ben", [("eva", keys_of(1)[0])])


def test_a_guest_whose_nick_is_taken_comes_under_the_nick_of_its_invitation():
    house = House("ana", "ben").together("ana", "ben")
    other = House("ben", seed="elsewhere")
    house.people["ben2"] = other["ben"]
    house.order.append("ben2")
    house.seen["ben2"] = []
    house["ana"].invite([("ben-2", other.key("ben"))], house.now)
    house.settle()
    assert house.here("ana") == house.here("ben") == house.here("ben2") == ["ana", "ben", "ben-2"]
    house.say("ben2", "who am I?")
    assert house.texts("ana")[-1] == ("ben-2", "who am I?")


def test_two_guests_of_one_batch_who_chose_the_same_nick():
    house = House("ana").together("ana")
    for at in range(2):
        other = House("kit", seed="kit%d" % at)
        house.people["kit%d" % at] = other["kit"]
        house.order.append("kit%d" % at)
        house.seen["kit%d" % at] = []
    house["ana"].invite(
        [("one", house.key("kit0")), ("two", house.key("kit1"))], house.now
    )
    house.settle()
    here = house.here("ana")
    assert here in (["ana", "kit", "two"], ["ana", "kit", "one"]), here
    assert house.here("kit0") == house.here("kit1") == here


def test_an_invitation_is_opened_by_its_invitees_only():
    house = House("ana", "ben", "eva", "dan").together("ana", "dan")
    house.bring("ana", "ben")
    assert len(house.of("ben", events.Invited)) == 1
    assert house.of("eva", events.Invited) == []
    assert len(house.of("dan", events.Invited)) == 1  # the one that brought him in


def test_opening_invitations_is_rate_limited():
    """Section 5.1: eight at once, then one in two seconds; the others wait for their turn."""
    house = House("ana", "zoe").together("ana")
    house.accepting = False
    for at in range(12):
        house["ana"].invite(crowd(1, "g%d" % at), house.now)
    house.settle()
    assert house.refusals("zoe") == [errors.TooManyInvitations.name] * 4
    house.invite("ana", "zoe")
    house.settle()
    assert len(house.refusals("zoe")) == 5
    assert house.of("zoe", events.Invited) == []
    house.wait(8000)
    assert house.of("zoe", events.Invited) == []
    house.wait(2000)
    assert len(house.of("zoe", events.Invited)) == 1


def test_two_members_invite_different_people_under_one_nick_at_once():
    """The carrier's order decides who is called so; the second gets a number."""
    house = House("ana", "ben", "eva").together("ana", "ben")
    other = House("eva", seed="elsewhere")
    house.people["eva2"] = other["eva"]
    house.order.append("eva2")
    house.seen["eva2"] = []
    house["ana"].invite([("eva", house.key("eva"))], house.now)
    house["ben"].invite([("eva", other.key("eva"))], house.now)
    house.settle()
    house.wait(30000)
    house.assert_one_session("ana", "ben", "eva", "eva2")
    at = len(house.frames)
    house.wait(300000)
    assert len(house.frames) == at  # and it is silent


def test_a_room_that_is_full_admits_no_more_and_stays_silent():
    """Two inviters whose guests together are too many: nobody proposes what cannot be."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    random = Seeded("guests")
    for inviter, seed in (("ana", "a"), ("ben", "b")):
        listed = crowd(32 if seed == "a" else 31, seed)
        session = house[inviter].session
        house[inviter]._post_message(wire.INVITE, encode_invite(random(8), listed), house.now)
        guests = [
            Guest(nick, key, keys_of(1, "y" + nick)[0], _t(random), bytearray(16))
            for nick, key in listed
        ]
        house[inviter]._post_message(wire.ADMIT, encode_admit(guests), house.now)
        house.settle()
        assert session.count
    assert [len(house[nick]._membership.guests) for nick in house.order] == [32] * 3
    assert errors.OutOfPlace.name in house.refusals("eva")
    house.wait(3000)
    at = len(house.frames)
    assert house["eva"].exchange_running
    house.wait(9000)
    assert len(house.frames) == at


def _t(random):
    from mpseq.primitives import signing_key

    return signing_key(random)[1]


def test_an_admission_that_no_exchange_could_take_is_refused():
    """Twice the same nick, twice the same person: refused at its place, not at PROPOSE."""
    random = Seeded("guests")
    for same in ("nick", "key"):
        house = House("ana", "ben").together("ana", "ben")
        listed = crowd(2)
        house["ana"]._post_message(wire.INVITE, encode_invite(random(8), listed), house.now)
        guests = [
            Guest(nick, key, keys_of(1, "y" + nick)[0], _t(random), bytearray(16))
            for nick, key in listed
        ]
        setattr(guests[1], same, getattr(guests[0], same))
        house["ana"]._post_message(wire.ADMIT, encode_admit(guests), house.now)
        house.settle()
        house.wait(30000)
        assert errors.OutOfPlace.name in house.refusals("ben"), same
        assert len(house["ben"]._membership.guests) == 0, same
        assert not house["ben"].exchange_running
        assert house.kinds().count(wire.ROSTER) == 1  # ben's


def test_who_creates_a_room_no_longer_joins_another():
    house = House("ana", "ben").together("ana")
    house.accepting = False
    house.bring("ana", "ben")
    house["ben"].accept(house.of("ben", events.Invited)[0].invitation, house.now)
    house["ben"].create("mine", house.now)
    house.settle()
    assert house.here("ben") == ["ben"]
    assert house["ben"]._joining is None


def test_the_same_invitation_twice_is_a_duplicate():
    """A carrier that repeats an INVITATION does not make its invitee start over."""
    house = House("ana", "ben", "eva").together("ana")
    house.invite("ana", "ben", "eva")
    frames = []

    def hook(sender, frame):
        kind = frame[0] & 15
        if kind == wire.INVITATION:
            frames.append(frame)
        if kind in (wire.ROSTER, wire.JOIN, wire.SHARE):
            return (frame, frames[0])
        return (frame,)

    house.hook = hook
    house.settle()
    house.assert_one_session("ana", "ben", "eva")
    assert len(house.of("ben", events.Invited)) == 1
    assert errors.Duplicate.name in house.refusals("ben")
