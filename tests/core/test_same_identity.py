"""One identity on two devices at once, and a device that is set back to an old image of its flash
(PROTOCOL.md sections 3, 5.2)."""

from house import House, Seeded
from outcomes import MINUTE, in_full, nobody_is_blamed
from test_section9_first import Sealing

from mpseq import Conversation, Identity, events, primitives, wire


def twin(house, nick, of, seed="twin"):
    """Another device with the identity of `of`; `seed` for its own randomness."""
    secret = bytes(house[of].identity.secret)
    person = house.add(nick, Identity(secret))
    person._random = Seeded(seed)
    person.nick = of
    return person


def test_two_devices_of_one_identity_answer_one_invitation():
    """Both hear it and both JOIN: one comes in, and the room is well; the other can do nothing."""
    house = House("ana", "ben").together("ana")
    twin(house, "ben2", "ben")
    house.invite("ana", "ben")
    house.settle()
    house.wait(MINUTE)
    inside = [nick for nick in ("ben", "ben2") if house.here(nick)]
    assert len(inside) == 1
    (one,) = inside
    assert house.here("ana") == ["ana", "ben"]
    assert house["ana"].session.sid == house[one].session.sid
    house.say(one, "it is me")
    assert house.texts("ana") == [("ben", "it is me")]
    outside = [nick for nick in ("ben", "ben2") if nick != one][0]
    assert house.texts(outside) == []
    nobody_is_blamed(house)


def test_two_devices_of_one_identity_answer_at_different_times():
    """The later JOIN comes when the first is in: it leads nowhere, until ben is invited again."""
    house = House("ana", "ben").together("ana")
    twin(house, "ben2", "ben")
    house.accepting = False
    house.invite("ana", "ben")
    house.settle()
    house["ben"].accept(house.of("ben", events.Invited)[0].invitation, house.now)
    house.wait(10000)
    house.assert_one_session("ana", "ben")
    house["ben2"].accept(house.of("ben2", events.Invited)[0].invitation, house.now)
    house.wait(MINUTE)
    house.assert_one_session("ana", "ben")
    assert not house.here("ben2")
    house.accepting = True
    house["ana"].invite([("ben", house.key("ben"))], house.now, replace=True)
    house.wait(MINUTE)
    assert house.of("ben", events.Replaced)
    assert not house.here("ben")
    assert house.here("ben2") == ["ana", "ben"]
    assert house["ana"].session.sid == house["ben2"].session.sid
    nobody_is_blamed(house)


def test_one_inside_and_a_twin_that_only_listens():
    """The twin has the long-term key and hears every frame: it reads nothing of a session that it
    took no part in, and its frames are a stranger's."""
    house = House("ana", "ben").together("ana", "ben")
    spy = twin(house, "spy", "ben")
    house["ana"].rekey(house.now)
    house.settle()
    house.say("ana", "for ben alone")
    for frame in list(house.frames):
        spy.receive("x", frame, house.now)
    spy.take_frames()
    house.drain()
    house.wait(MINUTE)
    assert house.texts("spy") == []
    assert not house.here("spy")
    in_full(house, "ana", "ben")


def test_a_twin_founds_a_room_of_its_own_beside():
    """The same key in two rooms on one carrier at one time."""
    house = House("ana", "ben", "eva").together("ana", "ben")
    twin(house, "ben2", "ben")
    house.found("ben2", "another room")
    house.bring("ben2", "eva")
    house.wait(12 * MINUTE)
    in_full(house, "ana", "ben")
    house.say("eva", "hello twin")
    assert house.texts("ben2")[-1] == ("eva", "hello twin")
    assert house.here("ben2") == ["ben", "eva"]


# --- an old image of the flash


def test_a_restarted_device_joins_anew_with_nothing_of_before():
    """Chains are never stored: what comes up is its identity. It gets its old place again."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house.say("ana", "before")
    old = house["ben"]
    house.people["ben"] = Conversation(
        Identity(bytes(old.identity.secret)), "ben", Seeded("after restart"), b"", old.settings
    )
    past = list(house.frames)
    for frame in past:
        house["ben"].receive("x", frame, house.now)
    house["ben"].take_events()
    house["ben"].take_frames()
    assert house["ben"].session is None
    house["ana"].invite([("ben", house.key("ben"))], house.now, replace=True)
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "eva")
    nobody_is_blamed(house)


def set_back(house, nick, seed):
    """The same identity and the same old state of the random source."""
    old = house[nick]
    house.people[nick] = Conversation(
        Identity(bytes(old.identity.secret)), nick, Seeded(seed), b"", old.settings
    )
    return old


def test_a_device_set_back_with_its_random_source_seals_nothing_twice():
    """ben joins, talks, is set back to the image from before he joined, random numbers included,
    and joins again; twice. The others are fresh, so no key seals two plaintexts, no frame of his
    comes twice, and no session key comes again.

    What cannot hold, since his secrets are the same again: his y, t and s of the two stays are the
    same, so the members of both can link them (the carrier sees one y in two JOINs), and whoever
    reads that image knows his part of both. His texts are safe as long as another member's is."""
    true_mc = primitives.mc
    primitives.mc = sealing = Sealing(true_mc)
    try:
        house = House("ana", "ben", "eva").together("ana", "eva")
        sessions = []
        for round_ in range(3):
            set_back(house, "ben", "old image")
            house["ana"].invite([("ben", house.key("ben"))], house.now, replace=round_ > 0)
            house.wait(MINUTE)
            house.assert_one_session("ana", "ben", "eva")
            session = house["ben"].session
            sessions.append((session.sid, bytes(session._header_key), bytes(session._chains)))
            house.say("ben", "this is stay %d" % round_)
            assert house.texts("ana")[-1] == ("ben", "this is stay %d" % round_)
    finally:
        primitives.mc = true_mc
    assert len(set(sessions)) == 3
    for what in sealing.sealed.values():
        assert len(what) == 1
    assert len(set(house.frames)) == len(house.frames)
    joins = [frame for frame in house.frames if frame[0] & 15 == wire.JOIN]
    assert len({frame[33:65] for frame in joins[1:]}) == 1  # what cannot hold: y is seen again
    nobody_is_blamed(house)


def test_an_invitation_of_before_the_set_back_is_not_answered_twice():
    """The same JOIN, byte for byte, comes to the inviter as a duplicate, not as a second guest."""
    house = House("ana", "ben").together("ana")
    house.hook = lambda sender, frame: () if frame[0] & 15 == wire.ROSTER else (frame,)
    house.bring("ana", "ben")
    invitation = [frame for frame in house.frames if frame[0] & 15 == wire.INVITATION][-1]
    (join,) = [frame for frame in house.frames if frame[0] & 15 == wire.JOIN]
    again = Conversation(
        Identity(bytes(house["ben"].identity.secret)), "ben", RandomAfterIdentity("house/ben")
    )
    again.receive("x", invitation, house.now)
    (invited,) = again.take_events()
    again.accept(invited.invitation, house.now)
    assert again.take_frames() == [join]
    house.deliver("x", join)
    assert house.refusals("ana")[-1] == "duplicate or late"
    house.hook = None
    house.wait(MINUTE)
    in_full(house, "ana", "ben")


class RandomAfterIdentity(Seeded):
    """The source of a House's member as it was once it had drawn its identity."""

    def __init__(self, seed):
        super().__init__(seed)
        self(32)


def test_a_founder_set_back_with_its_random_source_while_alone():
    """What cannot hold: alone, all of S is its own, and the same random numbers give the same S.
    A set-back founder repeats its session and seals other words under the same keys, for
    everyone to see. A random source must never repeat: the application's duty (Conversation)."""
    def founded(name):
        conversation = Conversation(Identity(Seeded("id")(32)), "ana", Seeded("old image"))
        conversation.create(name, 0)
        return conversation

    one, two = founded("garden"), founded("garden")
    assert one.room.conversation_id == two.room.conversation_id
    assert bytes(one.session._chains) == bytes(two.session._chains)
    one, two = founded("garden"), founded("kitchen")
    assert bytes(one.session._chains) == bytes(two.session._chains)
