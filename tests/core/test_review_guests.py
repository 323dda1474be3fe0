"""What a hostile reviewer found in how people come in, as stories: a member that cancels, admits
and shows ROSTERs where another one has a guest, a trial that waits for a guest, a device whose
successor fails, an invitation with a changed slot (PROTOCOL.md 5, 7)."""

from cheats import resealed, wrong_check, wrong_z
from house import House, Seeded
from insiders import MINUTE, Insider, Room

from mpseq import errors, events, wire
from mpseq.bodies import ADMIT, REKEY, encode_admit, encode_invite
from mpseq.primitives import KeyPairs
from mpseq.roster import Guest, roster_frame

FOUR = ("ana", "ben", "eva", "gus")
EVIL = b"evilevil"


def room(*more):
    """Gus is to come; eva, who is in, is an insider."""
    house = Room(*(FOUR + more)).together("ana", "ben", "eva")
    return house, Insider(house, "eva")


def invites_too(house, eva):
    """Eva has an invitation of gus as well: its id is her own, and free."""
    assert eva.message(wire.INVITE, encode_invite(EVIL, [("gus", house.key("gus"))])) is None


def held_back(house, nick, kind):
    """The list that the next frame of this type by `nick` is put into, instead of posted."""
    held = []
    house.overtake(nick, kind, lambda frame: held.append(frame) or ())
    return held


def failures(house, judge, inviter):
    membership = house[judge]._membership
    return membership._failures[house.index(inviter)]


def dropped(house, *nicks):
    found = [house.names(nick, events.GuestDropped) for nick in nicks]
    for one in found:
        assert one == found[0], found
    return found[0]


# --- another one's guest


def test_a_cancelled_invitation_drops_no_guest_of_another():
    """R3: eva cancels hers while the exchange runs that brings in ana's guest of the same key."""
    house, eva = room()
    invites_too(house, eva)
    late = held_back(house, "eva", wire.SHARE)
    said = []
    house.after(
        wire.ROSTER, 1, lambda: said.append(eva.message(wire.CANCEL, house.key("gus") + EVIL))
    )
    house.invite("ana", "gus")
    house.wait(20000)
    assert said == [None] and len(late) == 1
    assert wire.ABORT not in house.kinds() and dropped(house, "ana", "ben") == []
    house.deliver("eva", late[0])
    house.settle()
    assert "gus" in house.here("ana")
    house.goes_on(*FOUR, newcomers=("gus",))


def test_a_guest_whom_its_inviter_cancels_is_dropped_at_its_cost():
    """The rule that the story before is the exception from."""
    house, eva = room()
    late = held_back(house, "eva", wire.SHARE)
    house.after(wire.ROSTER, 1, lambda: house["ana"].cancel(house.key("gus"), house.now))
    house.bring("ana", "gus")
    house.wait(20000)
    assert late and dropped(house, "ben", "eva") == ["gus"]
    assert failures(house, "ben", "ana") == 1
    house.goes_on("ana", "ben", "eva")


def test_who_refuses_its_successor_is_not_held_against_the_inviter():
    """Three times; then ana may still invite."""
    house, eva = room()
    new = house.add("new", identity=house["ben"].identity)
    Insider(house, "new").hush(wire.SHARE)
    for count in range(3):
        house["ana"].invite([("ben", house.key("ben"))], house.now, replace=True)
        house.settle()
        assert house["ana"].exchange_running and not new.session
        house["ben"].cancel(house.key("ben"), house.now)
        house.settle()
        house.wait(30000)
        house.assert_one_session("ana", "ben", "eva")
        assert len(dropped(house, "ana", "eva")) == count + 1
        assert failures(house, "ben", "ana") == 0
    house.order.remove("new")
    house.bring("ana", "gus")
    house.goes_on(*FOUR, newcomers=("gus",))


def test_a_false_admission_does_not_cost_another_inviter_its_guest():
    """R9: eva admits gus with keys of her own, before ana can. That fails, at eva's cost; gus, who
    saw nothing of it, does not ask again, and comes in by what he said to ana."""
    house, eva = room()
    invites_too(house, eva)
    keys = KeyPairs(Seeded("eva's"))
    guest = Guest("gus", house.key("gus"), bytes(keys.y), bytes(keys.t), bytearray(16))
    house.invite("ana", "gus")
    assert eva.message(wire.ADMIT, encode_admit([guest])) is None
    house.settle()
    house.wait(80000)
    joins = [frame for frame in house.frames if frame[0] & 15 == wire.JOIN]
    assert dropped(house, "ana", "ben") == ["gus"]
    house.wait(MINUTE)
    assert "gus" in house.here("ana")
    assert joins == [frame for frame in house.frames if frame[0] & 15 == wire.JOIN]
    house.goes_on(*FOUR, newcomers=("gus",))


# --- ROSTERs


def test_a_roster_that_comes_again_behind_many_others_is_served_once():
    """R6: eight of eva's crowd out the true one, and then it comes again: two SHAREs of one sid
    would convict gus, and count twice against ana."""
    house, eva = room()
    true = []

    def act():
        (frame,) = [one for one in house.frames if one[0] & 15 == wire.ROSTER][-1:]
        true.append(eva.kept().tag)
        guests = [who for who in eva.kept().people if isinstance(who, Guest)]
        room = eva.person.room
        for at in range(8):
            random = Seeded("false %d" % at)
            people = eva.kept().people
            eva.post(roster_frame(room, bytearray(random(32)), random(16), people, guests, 0))
        eva.post(frame)

    house.after(wire.ROSTER, 1, act)
    house.bring("ana", "gus")
    house.wait(3 * MINUTE)
    shares = [one for one in house.frames if one[0] & 15 == wire.SHARE and one[1:5] == true[0]]
    assert len(set([one[5] for one in shares])) == 4
    assert len(set(shares)) == 4  # one of each, of gus too
    assert dropped(house, "ana", "ben") in ([], ["gus"])
    for nick in ("ana", "ben"):
        assert house.names(nick, events.Convicted) == []
    if "gus" not in house.here("ana"):
        assert failures(house, "ben", "ana") <= 1
        house.bring("ana", "gus")
    house.goes_on(*FOUR, newcomers=("gus",))


def test_a_guest_that_fails_in_two_ways_at_once_counts_once():
    """Gus, a cheat, posts two SHAREs that contradict each other, before eva posts hers: proven
    wrong it is dropped, and then an ABORT(removed) says so too."""
    house, eva = room()
    gus = Insider(house, "gus")
    late = held_back(house, "eva", wire.SHARE)

    def twice(kept, frame):
        return (frame, resealed(kept, frame, wrong_z))

    gus.instead(wire.SHARE, twice)
    house.bring("ana", "gus")
    gus.hush(wire.JOIN)
    house.wait(10000)
    assert late and [one.reason for one in house.of("ben", events.ExchangeFailed)] == [
        "somebody has to go"
    ]
    assert dropped(house, "ana", "ben") == ["gus"]
    assert failures(house, "ana", "ana") == failures(house, "ben", "ana") == 1
    house.goes_on("ana", "ben", "eva")


# --- trials


def test_a_trial_is_not_closed_before_a_guest_has_testified():
    """R5: eva's c is wrong, gus takes 3 s longer than everyone else to testify, and eva proposes
    a re-key, or to admit gus anew, whenever it might be right."""
    house, eva = room()
    eva.spoil(wire.CONFIRM, wrong_check)
    late = held_back(house, "gus", wire.WITNESS)
    house.bring("ana", "gus")
    for _ in range(6):
        house.wait(500)
        for what in (REKEY, ADMIT):
            assert eva.propose(what) == errors.OutOfPlace.name
    assert len(late) == 1
    house.deliver("gus", late[0])
    house.settle()
    for nick in ("ana", "ben"):
        assert house.names(nick, events.Convicted) == ["eva"]
    assert dropped(house, "ana", "ben") == []
    house.goes_on("ana", "ben", "gus", convicted=("eva",), newcomers=("gus",))


# --- another device


def test_an_old_device_remains_when_the_last_confirm_is_false():
    """R8: the old device cannot check a c, and must not go before somebody has cried."""
    house, eva = room()
    house.add("new", identity=house["ben"].identity)
    new = Insider(house, "new")
    held = []

    def false(frame):
        kept = eva.kept(frame)
        held.append(resealed(kept, frame, wrong_check))
        eva.adopt(kept, held[0])
        return ()

    house.overtake("eva", wire.CONFIRM, false)
    house["ana"].invite([("ben", house.key("ben"))], house.now, replace=True)
    house.wait(4000)
    assert len(held) == 1 and house.exchange("ben").confirms_left == 1
    new.hush(wire.JOIN)
    house.deliver("eva", held[0])
    house.settle()
    house.wait(MINUTE)
    assert house.of("ben", events.Replaced) == []
    house.goes_on("ana", "ben", convicted=("eva",))


# --- invitations


def changed_slots(frame):
    """Copies of an INVITATION in which a stranger changed the last slot."""
    out = []
    for at in range(3):
        copy = bytearray(frame)
        copy[-1 - at] ^= 1
        out.append(bytes(copy))
    return out


def invitation_of(house):
    """Ana invites ben and eva, whose slot is the last; nobody has seen it yet."""
    house.found("ana")
    house.invite("ana", "ben", "eva")
    (frame,) = [one for one in house["ana"].take_frames() if one[0] & 15 == wire.INVITATION]
    return frame


def opened(house, nick):
    return len(house.of(nick, events.Invited))


def test_an_invitation_of_which_anothers_slot_was_changed_opens_once():
    """Commit feea046: else a carrier makes its invitee start over with each copy."""
    house = House("ana", "ben", "eva")
    house.accepting = False
    frame = invitation_of(house)
    for copy in [frame] + changed_slots(frame) + [frame]:
        house.deliver("x", copy)
        house.now += 2000
    assert opened(house, "ben") == 1 and opened(house, "eva") == 1
    assert house.refusals("ben") == house.refusals("eva") == [errors.Duplicate.name] * 4


def test_changed_copies_of_an_invitation_that_wait_open_once():
    """They come in one burst behind those of others: what may not be opened yet waits."""
    house = House("ana", "ben", "eva")
    house.accepting = False
    frame = invitation_of(house)
    strangers = House("kim", "zoe", seed="elsewhere").together("kim")
    for _ in range(8):
        strangers.invite("kim", "zoe")
        for one in strangers["kim"].take_frames():
            if one[0] & 15 == wire.INVITATION:
                house.deliver("x", one)
    for copy in changed_slots(frame) + [frame]:
        house.deliver("x", copy)
    assert opened(house, "ben") == 0
    house.wait(MINUTE)
    assert opened(house, "ben") == opened(house, "eva") == 1
