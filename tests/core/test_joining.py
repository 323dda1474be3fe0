"""How a room comes to be and how people come in, one or many at once (PROTOCOL.md 4, 5)."""

from freezing import assert_unmoved, freeze
from house import House, raises

from mpseq import errors, events, wire

MANY = ("ana", "ben", "eva", "dan", "fay", "gus", "hal", "ida", "jon", "kim", "leo")


def test_a_room_begins_with_its_creator_alone():
    house = House("ana")
    house.found("ana", "garden")
    ana = house["ana"]
    assert ana.name == "garden"
    assert house.here("ana") == ["ana"]
    assert ana.code is None  # nobody to compare it with
    assert house.frames == []
    started = house.of("ana", events.SessionStarted)
    assert [len(event.members) for event in started] == [1]
    house.say("ana", "note to self")
    assert house.texts("ana") == [("ana", "note to self")]
    assert len(house.of("ana", events.Confirmed)) == 1


def brought(k):
    """A house in which the first of k + 1 people has brought in the others, all at once."""
    house = House(*MANY[: k + 1])
    house.found("ana")
    house.bring("ana", *MANY[1 : k + 1])
    house.assert_one_session(*MANY[: k + 1])
    return house


def test_one_joins():
    house = brought(1)
    assert len(house.frames) == 2 * 2 + 1 + 4
    assert house["ana"].code == house["ben"].code


def test_two_join_at_once():
    assert len(brought(2).frames) == 2 * 3 + 2 + 4


def test_five_join_at_once():
    assert len(brought(5).frames) == 2 * 6 + 5 + 4


def test_ten_join_at_once():
    """Section 5: 2(n + k) + k + 4 frames bring k people to n."""
    house = brought(10)
    assert len(house.frames) == 2 * 11 + 10 + 4
    kinds = house.kinds()
    for kind, count in (
        (wire.INVITATION, 1), (wire.JOIN, 10), (wire.ROSTER, 1), (wire.SHARE, 11),
        (wire.CONFIRM, 11), (wire.MESSAGE, 2),
    ):
        assert kinds.count(kind) == count, kind
    house.wait(120000)
    assert len(house.frames) == 36  # and then the room is silent


def test_sizes_of_frames():
    house = brought(5)
    n = 6
    for frame in house.frames:
        kind = frame[0] & 15
        if kind == wire.SHARE:
            assert len(frame) == 182 + 8 * (n - 1)
        elif kind == wire.CONFIRM:
            assert len(frame) == 6 + 64 + 64 + 16 + 1 + 16
        elif kind == wire.JOIN:
            assert len(frame) == 9 + 24 + 32 + 1 + 3 + 32 + 32 + 16 + 16


def test_everyone_is_told_the_same():
    house = brought(2)
    ana = house.of("ana", events.SessionStarted)[-1]
    assert sorted([who.nick for who in ana.joined]) == ["ben", "eva"]
    assert ana.left == [] and ana.failed == 0
    for nick in ("ben", "eva"):
        seen = house.of(nick, events.SessionStarted)
        assert len(seen) == 1
        assert seen[0].members == ana.members
        assert seen[0].code == ana.code
    keys = [who.key for who in ana.members]
    assert keys == sorted(keys)
    assert [who.index for who in ana.members] == [0, 1, 2]
    for who in ana.members:
        assert who.key == house.key(who.nick)
    assert sorted([event.nick for event in house.of("ana", events.GuestReady)]) == ["ben", "eva"]
    invited = house.of("ben", events.Invited)[0].invitation
    assert (invited.name, invited.inviter, invited.inviter_nick) == (
        "test", house.key("ana"), "ana",
    )


def test_a_code_is_six_digits_and_three_words_and_new_every_time():
    house = brought(2)
    first = house["ana"].code
    assert len(first.digits) == 6 and len(first.words) == 3
    int(first.digits)
    house["ana"].rekey(house.now)
    house.settle()
    house.assert_one_session("ana", "ben", "eva")
    assert house["ana"].code != first


def test_one_more_joins_later():
    house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva")
    at = len(house.frames)
    house.bring("ana", "dan")
    house.assert_one_session("ana", "ben", "eva", "dan")
    assert len(house.frames) - at == 2 * 4 + 1 + 4
    assert [who.nick for who in house.of("ben", events.SessionStarted)[-1].joined] == ["dan"]
    house.say("dan", "hello all")
    for nick in house.order:
        assert ("dan", "hello all") in house.texts(nick)


def test_a_member_other_than_the_creator_invites():
    house = House("ana", "ben", "eva").together("ana", "ben")
    house.bring("ben", "eva")
    house.assert_one_session("ana", "ben", "eva")


def test_two_inviters_bring_their_guests_at_the_same_time():
    house = House("ana", "ben", "eva", "dan", "fay").together("ana", "ben")
    at = len(house.frames)
    house.invite("ana", "eva")
    house.invite("ben", "dan", "fay")
    house.settle()
    house.wait(10000)
    house.assert_one_session("ana", "ben", "eva", "dan", "fay")
    assert house.kinds(at).count(wire.ROSTER) == 1  # one exchange for all of them


def test_who_never_answers_does_not_hold_the_others_up():
    house = House("ana", "ben", "eva").together("ana")
    stranger = House("zoe", seed="elsewhere")
    ana = house["ana"]
    ana.invite(
        [("zoe", stranger.key("zoe")), ("ben", house.key("ben")), ("eva", house.key("eva"))],
        house.now,
    )
    house.settle()
    assert house.here("ana") == ["ana"]  # she waits for more, a little
    house.wait(house["ana"].settings.batch_wait)
    house.assert_one_session("ana", "ben", "eva")
    at = len(house.frames)
    house.wait(60000)
    assert len(house.frames) == at


def test_who_answers_late_comes_in_late():
    house = House("ana", "ben", "eva").together("ana")
    late = []
    house.hook = lambda sender, frame: (
        late.append(frame) or () if (sender, frame[0] & 15) == ("eva", wire.JOIN) else (frame,)
    )
    house.bring("ana", "ben", "eva")
    house.wait(5000)
    house.assert_one_session("ana", "ben")
    house.hook = None
    house.deliver("eva", late[0])
    house.settle()
    house.assert_one_session("ana", "ben", "eva")


def test_who_answers_during_the_exchange_comes_in_after_it():
    house = House("ana", "ben", "eva").together("ana")
    late = []

    def hook(sender, frame):
        kind = frame[0] & 15
        if (sender, kind) == ("eva", wire.JOIN):
            late.append(frame)
            return ()
        if (sender, kind) == ("ben", wire.CONFIRM):
            return (late[0], frame)
        return (frame,)

    house.hook = hook
    house.bring("ana", "ben", "eva")
    house.wait(5000)
    house.assert_one_session("ana", "ben", "eva")


def test_a_lost_invitation_is_posted_again():
    house = House("ana", "ben").together("ana")
    lost = []

    def hook(sender, frame):
        if frame[0] & 15 == wire.INVITATION and not lost:
            lost.append(frame)
            return ()
        return (frame,)

    house.hook = hook
    house.bring("ana", "ben")
    house.wait(30000)
    house.assert_one_session("ana", "ben")
    assert lost[0] in house.frames  # the same bytes


def test_every_frame_of_joining_may_be_lost_once():
    """Section 3: what has no echo is posted again, the same bytes."""
    seen = []

    def lossy(sender, frame):
        if frame in seen:
            return (frame,)
        seen.append(frame)
        return ()

    house = House("ana", "ben", "eva").together("ana")
    house.hook = lossy
    house.bring("ana", "ben", "eva")
    house.wait(120000)
    house.assert_one_session("ana", "ben", "eva")


def test_the_joining_member_ignores_a_roster_for_others():
    house = House("ana", "ben", "eva").together("ana")
    house.invite("ana", "ben", "eva")
    frames = []

    def hook(sender, frame):
        if (sender, frame[0] & 15) == ("eva", wire.JOIN):
            return ()
        if frame[0] & 15 == wire.ROSTER:
            frames.append(freeze(house["eva"]))
        return (frame,)

    house.hook = hook
    house.settle()
    house.wait(4000)
    house.assert_one_session("ana", "ben")
    assert_unmoved(frames[0], house["eva"])
    assert house.refusals("eva") == []


def test_anyone_posts_the_roster_that_its_proposer_owes():
    """Section 5.3: after 10 s."""
    house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva")
    house.hook = lambda sender, frame: (
        () if (sender, frame[0] & 15) == ("ana", wire.ROSTER) else (frame,)
    )
    house.bring("ana", "dan")
    at = house.now
    house.wait(9000)
    assert house.here("dan") == []
    house.wait(1001)
    house.assert_one_session("ana", "ben", "eva", "dan")
    assert house.now <= at + 10001


def test_the_same_pre_shared_key_lets_in():
    house = House("ana", "ben", "eva", psk=b"tulips of 16 bytes").together("ana", "ben", "eva")
    house.assert_one_session("ana", "ben", "eva")


def test_another_pre_shared_key_is_named():
    house = House("ana", psk=b"tulips of 16 bytes")
    house.add("ben", psk=b"roses of 16 bytes or so")
    house.add("eva")
    house.found("ana")
    house.bring("ana", "ben", "eva")
    for nick in ("ben", "eva"):
        assert house.refusals(nick) == [errors.OtherPsk.name]
        assert house.here(nick) == []
    assert house.here("ana") == ["ana"]


def test_the_pre_shared_key_is_in_the_group_key():
    """Two rooms of the same seeds that differ in the key only: nothing of one fits the other."""
    one = House("ana", "ben", psk=b"tulips of 16 bytes").together("ana", "ben")
    two = House("ana", "ben", psk=b"roses of 16 bytes or so").together("ana", "ben")
    assert one["ana"].session.sid == two["ana"].session.sid
    assert one["ana"].code != two["ana"].code
    one["ana"].send("hello", one.now)
    frame = one["ana"].take_frames()[0]
    two["ben"].receive("ana", frame, two.now)
    two.drain()
    assert two.refusals("ben") == [errors.Stranger.name]


def test_the_carrier_learns_no_names_and_no_keys():
    """Section 1, confidentiality: the carrier learns sizes and times, slots and counters."""
    house = House("anastasia", "benedikt", "evangeline", "danielle", "felicitas")
    house.found("anastasia", "conspiracy")
    house.bring("anastasia", "benedikt", "evangeline", "danielle")
    house.say("benedikt", "the cat is in the bag")
    house.wait(20000)
    house.bring("benedikt", "felicitas")
    house["evangeline"].leave(house.now)
    house.settle()
    assert len(house.frames) > 40
    secrets = [b"conspiracy", b"the cat is in the bag"]
    for nick in house.order:
        secrets.append(nick.encode())
        secrets.append(house.key(nick))
        secrets.append(bytes(house[nick].identity.secret))
    for frame in house.frames:
        for secret in secrets:
            assert secret not in frame
            assert secret[:8] not in frame


def test_someone_else_cannot_use_an_invitation():
    house = House("ana", "ben", "eva").together("ana")
    house.accepting = False
    house.bring("ana", "ben")
    assert house.of("eva", events.Invited) == []
    invitation = house.of("ben", events.Invited)[0].invitation
    before = freeze(house["ana"])
    house["eva"].accept(invitation, house.now)
    house.settle()
    assert house.refusals("ana") == [errors.BadSeal.name]
    assert_unmoved(before, house["ana"])


def test_an_invitation_may_be_declined():
    house = House("ana", "ben").together("ana")
    house.accepting = False
    house.bring("ana", "ben")
    at = len(house.frames)
    house["ben"].decline(house.of("ben", events.Invited)[0].invitation)
    house.wait(60000)
    assert len(house.frames) == at
    assert house.here("ana") == ["ana"]


def test_a_guest_who_answers_twice_comes_in_once():
    """Section 5.2: a y once seen is never taken again; a joiner's y serves whichever admission."""
    house = House("ana", "ben", "eva").together("ana")
    house.accepting = False
    house.bring("ana", "ben", "eva")
    ben = house["ben"]
    invitation = house.of("ben", events.Invited)[0].invitation
    ben.accept(invitation, house.now)
    house.settle()
    ben.accept(invitation, house.now)
    house.settle()
    assert house.refusals("ana") == [errors.Duplicate.name]
    house.wait(4000)
    house.assert_one_session("ana", "ben")


def test_two_members_invite_the_same_person():
    """Both admissions carry the guest's one y, so that the later one does not lock it out."""
    for order in (("ana", "ben"), ("ben", "ana")):
        house = House("ana", "ben", "eva").together("ana", "ben")
        house.invite("ana", "eva")
        house.invite("ben", "eva")
        frames = {}
        for nick in ("ana", "ben"):
            frames[nick] = house[nick].take_frames()
        for nick in order:
            for frame in frames[nick]:
                house.deliver(nick, frame)
        house.settle()
        house.wait(10000)
        house.assert_one_session("ana", "ben", "eva")
        at = len(house.frames)
        house.wait(60000)
        assert len(house.frames) == at


def test_a_second_invitation_on_the_threshold_disturbs_nothing():
    """The guest's CONFIRM is out when it comes: starting over would leave the exchange hanging."""
    house = House("ana", "ben", "eva").together("ana", "ben")
    house.invite("ben", "eva")
    held = house["ben"].take_frames()
    done = []

    def hook(sender, frame):
        if (sender, frame[0] & 15) == ("eva", wire.CONFIRM) and not done:
            done.append(frame)
            return tuple(held) + (frame,)
        return (frame,)

    house.hook = hook
    house.bring("ana", "eva")
    house.wait(10000)
    assert done and len(house.of("eva", events.Invited)) == 2
    house.assert_one_session("ana", "ben", "eva")


def test_an_answer_to_another_room_has_keys_of_its_own():
    house = House("ana", "ben", "eva").together("ana")
    house.found("ben")
    house.accepting = False
    house.bring("ana", "eva")
    house.bring("ben", "eva")
    eva = house["eva"]
    one, two = [event.invitation for event in house.of("eva", events.Invited)]
    at = len(house.frames)
    eva.accept(one, house.now)
    keys = eva._joining.keys
    eva.accept(two, house.now)
    assert keys.x == bytes(32)  # wiped
    house.settle()
    first, second = [frame for frame in house.frames[at:] if frame[0] & 15 == wire.JOIN]
    assert first[33:65] != second[33:65]
    house.wait(10000)
    house.assert_one_session("ben", "eva")


def test_what_joining_needed_is_wiped_when_it_is_done():
    house = House("ana", "ben", "eva").together("ana", "eva")
    secrets = []

    def hook(sender, frame):
        kind = frame[0] & 15
        if kind == wire.ROSTER:
            one = house["ana"]._invites[0]
            keys = house["ben"]._joining.keys
            ((_, ticket),) = house["ben"]._joining.asked
            secrets.extend([one.x, one.k, one.guest.ticket, keys.x, keys.t_secret, ticket])
        return (frame,)

    house.hook = hook
    house.bring("ana", "ben")
    house.assert_one_session("ana", "ben", "eva")
    assert len(secrets) == 6
    for secret in secrets:
        assert secret == bytes(len(secret))


def test_a_member_accepts_no_other_invitation():
    house = House("ana", "ben").together("ana", "ben")
    invitation = house.of("ben", events.Invited)[0].invitation
    raises(errors.LocalError, house["ben"].accept, invitation, house.now)
    raises(errors.LocalError, house["ben"].create, "other", house.now)
