"""ROSTERs, JOINs and INVITATIONs whose seal holds and whose content is wrong, as members or guests
could make them (PROTOCOL.md 5.1-5.3): refused under their own name, and nothing moves."""

from house import House, Seeded
from test_bad_frames import Victim
from test_bad_insiders import exchange_of
from test_keys import SMALL_U, raw

from mpseq import errors, wire
from mpseq.exchange import Exchange
from mpseq.invitation import Invitation, invite
from mpseq.primitives import (
    KeyPairs,
    kdf,
    mac,
    seal_once,
    seal_random,
    signing_key,
    tdh,
    unseal_once,
)
from mpseq.roster import Participant, Room, roster_frame


def joining():
    """eva has answered, the true ROSTER is held back: (house, held, ana's exchange, people)."""
    house = House("ana", "ben", "eva").together("ana", "ben")
    held = []
    house.hook = lambda sender, frame: (
        held.append((sender, frame)) or () if frame[0] & 15 == wire.ROSTER else (frame,)
    )
    house.bring("ana", "eva")
    house.hook = None
    exchange = exchange_of(house, "ana")
    people = list(exchange.people)
    return house, held, exchange, people


def test_rosters_that_do_not_fit():
    house, held, exchange, people = joining()
    random = Seeded("roster")
    room = house["ana"].room
    guest = [who for who in people if who.nick == "eva"][0]
    others = [who for who in people if who.nick != "eva"]
    without_ana = [who for who in people if who.nick != "ana"]
    keys = KeyPairs(random)
    swapped = [people[1], people[0], people[2]]
    double = [people[0], people[0]] + people[1:]
    other_y = [
        who if who is not guest else Participant(who.nick, who.key, keys.y, who.t)
        for who in people
    ]
    other_t = [
        who if who is not guest else Participant(who.nick, who.key, who.y, keys.t)
        for who in people
    ]
    same_nick = [
        Participant("x" if who.nick != "ana" else "ana", who.key, who.y, who.t) for who in people
    ]
    small = [
        who if who.nick != "ben" else Participant(who.nick, who.key, raw(1), who.t)
        for who in people
    ]
    other_room = Room(room.name, room.conversation_id, house.key("ben"), 1, 0, b"")
    other_psk = Room(room.name, room.conversation_id, room.creator, 1, 0, b"psk")
    eva = Victim(house, "eva")
    for of, listed, reason in (
        (room, others, errors.BadRoster),
        (room, without_ana, errors.BadRoster),  # its inviter is not there
        (room, swapped, errors.BadRoster),
        (room, double, errors.BadRoster),
        (room, other_y, errors.BadRoster),
        (room, other_t, errors.BadRoster),
        (room, same_nick, errors.BadRoster),
        (room, [], errors.BadRoster),
        (room, small, errors.BadPublicKey),
        (other_room, people, errors.BadRoster),
        (other_psk, people, errors.OtherPsk),
    ):
        bad = roster_frame(of, random(32), random(16), listed, [guest], 0)
        assert eva.offer(bad) == reason.name, reason
    for sender, frame in held:
        house.deliver(sender, frame)
    house.settle()
    house.assert_one_session("ana", "ben", "eva")


def test_participants_take_no_roster_but_the_one_that_follows():
    """Section 5.3: other bytes are ignored by participants."""
    house, held, exchange, people = joining()
    guest = [who for who in people if who.nick == "eva"][0]
    random = Seeded("roster")
    for failed in (0, 1):
        bad = roster_frame(
            house["ana"].room, exchange.secret, random(16), people, [guest], failed
        )
        assert Victim(house, "ben").offer(bad) == errors.OutOfPlace.name
    for sender, frame in held:
        house.deliver(sender, frame)
    assert Victim(house, "ben").offer(held[0][1]) == errors.Duplicate.name
    house.settle()
    house.assert_one_session("ana", "ben", "eva")


def test_a_joiner_serves_so_many_rosters_and_no_more():
    house, held, exchange, people = joining()
    guest = [who for who in people if who.nick == "eva"][0]
    random = Seeded("roster")
    room = house["ana"].room
    for count in range(32 - len(house["eva"]._candidates)):
        frame = roster_frame(room, random(32), random(16), people, [guest], 0)
        house["eva"].receive("x", frame, house.now)
        assert len(house["eva"]._candidates) == min(count + 1, 8)
    house.drain()
    one_more = roster_frame(room, random(32), random(16), people, [guest], 0)
    house["eva"].take_frames()
    assert Victim(house, "eva").offer(one_more) == errors.TooManyRosters.name


def test_a_roster_with_more_behind_it():
    house, held, exchange, people = joining()
    guest = [who for who in people if who.nick == "eva"][0]
    secret = Seeded("roster")(32)
    good = roster_frame(house["ana"].room, secret, bytes(16), people, [guest], 0)
    opening = good[: 34 + 52]
    plain = bytes(unseal_once(1, secret, b"roster", (), opening, good[86:]))
    eva = Victim(house, "eva")
    for bad, reason in (
        (plain + b"\0", errors.TrailingBytes),
        (plain[:-1], errors.Truncated),
        (plain[:20], errors.Truncated),
    ):
        frame = opening + bytes(seal_once(1, secret, b"roster", (), opening, bad))
        assert eva.offer(frame) == reason.name


def test_a_joiner_confirms_in_one_exchange_only():
    """Section 3: its (y, t) serve several sids until it has sent CONFIRM."""
    house, held, exchange, people = joining()
    guest = [who for who in people if who.nick == "eva"][0]
    random = Seeded("second")
    room = house["ana"].room
    eva = house["eva"]
    # A second ROSTER and its SHAREs, as ana and ben could make them together.
    secret, nonce = random(32), random(16)
    second = roster_frame(room, secret, nonce, people, [guest], 0)
    shares = []
    for nick in ("ana", "ben"):
        at = [who.nick for who in people].index(nick)
        keys = exchange_of(house, nick).keys
        other = Exchange(room, bytearray(secret), nonce, people, at, keys, house[nick].identity)
        shares.append(other.share(random))
    eva.receive("x", second, house.now)
    own = eva.take_frames()
    assert len(own) == 1
    house.hook = lambda sender, frame: () if frame[0] & 15 == wire.CONFIRM else (frame,)
    for sender, frame in held:
        house.deliver(sender, frame)
    house.settle()
    assert [bool(one.exchange.my_confirm) for one in eva._candidates] == [False, True]
    for frame in own + shares:
        eva.receive("x", frame, house.now)
    assert eva._candidates[0].exchange.ready
    assert eva.take_frames() == []
    assert not eva._candidates[0].exchange.my_confirm
    third = roster_frame(room, random(32), random(16), people, [guest], 0)
    eva.take_events()
    assert Victim(house, "eva").offer(third) == errors.OutOfPlace.name


def join(house, invitation, nick, plain=None, y=None):
    """A JOIN as the invitee itself could make it, with a plaintext of its own choice."""
    identity = house[nick].identity
    random = Seeded("join %r" % plain)
    keys = KeyPairs(random)
    nonce = random(24)
    if plain is None:
        return invitation.join(identity, nick, random, keys)[0]
    key = bytearray(32)
    tdh(key, identity, keys, invitation.inviter, invitation._e, False)
    kdf(key, key, b"join", invitation.id)
    first = bytes((wire.head(wire.JOIN),))
    box = bytes(seal_random(key, nonce, first + nonce + (y or keys.y), plain))
    rest = nonce + (y or keys.y) + box
    return first + mac(8, invitation._k, b"join", rest) + rest


def test_joins_that_only_look_right():
    house = House("ana", "ben").together("ana")
    house.accepting = False
    house.bring("ana", "ben")
    invitation = house.seen["ben"][0].invitation
    assert isinstance(invitation, Invitation)
    ben = house.key("ben")
    t = signing_key(Seeded("t"))[1]
    ana = Victim(house, "ana")
    for plain, reason in (
        (b"", errors.Truncated),
        (b"\x03ben" + ben + t + bytes(15), errors.Truncated),
        (b"\x03ben" + ben + t + bytes(17), errors.TrailingBytes),
        (b"\x00" + ben + t + bytes(16), errors.BadText),
        (b"\x03b\nn" + ben + t + bytes(16), errors.BadText),
        (b"\x21" + b"x" * 33 + ben + t + bytes(16), errors.Oversized),
        (b"\x03ben" + ben + raw(1) + bytes(16), errors.BadPublicKey),
        (b"\x03ben" + house.key("ana") + t + bytes(16), None),  # not who was invited: ignored
    ):
        reason = reason and reason.name
        assert ana.offer(join(house, invitation, "ben", plain)) == reason, plain
    good = b"\x03ben" + ben + t + bytes(16)
    for u in SMALL_U:
        bad = join(house, invitation, "ben", good, y=raw(u))
        assert ana.offer(bad) == errors.BadPublicKey.name
    house["ben"].accept(invitation, house.now)
    house.settle()
    house.assert_one_session("ana", "ben")


def test_an_inviter_takes_so_many_joins_of_one_guest_and_no_more():
    house = House("ana", "ben", "zoe").together("ana")
    house.accepting = False
    house.bring("ana", "ben", "zoe")
    invitation = house.seen["ben"][0].invitation
    random = Seeded("joins")
    for _ in range(16):
        frame = invitation.join(house["ben"].identity, "ben", random, KeyPairs(random))[0]
        house["ana"].receive("x", frame, 0)
    house.drain()
    house["ana"].take_frames()
    late = invitation.join(house["ben"].identity, "ben", random, KeyPairs(random))[0]
    assert Victim(house, "ana").offer(late) == errors.TooManyInvitations.name


def invitation_of(house, random, name="test", creator=None):
    mine = house["ana"].room
    room = Room(name, mine.conversation_id, creator or mine.creator, 1, 0, b"")
    return invite(house["ana"].identity, "ana", room, [("ben", house.key("ben"))], random)[0]


def longer(house, random):
    """An INVITATION with one byte more in its slot, behind k."""

    class Longer:
        def __call__(self, size):
            out = random(size)
            return out + b"\0" if size == 16 else out

    return invite(
        house["ana"].identity, "ana", house["ana"].room, [("ben", house.key("ben"))], Longer()
    )[0]


def test_invitations_that_only_look_right():
    house = House("ana", "ben").together("ana")
    random = Seeded("invitation")
    ben = Victim(house, "ben")
    for u in SMALL_U:
        bad = invitation_of(house, random, creator=raw(u))
        assert ben.offer(bad) == errors.BadPublicKey.name
    good = invitation_of(house, random)
    assert ben.offer(longer(house, random)) == errors.TrailingBytes.name
    for u in SMALL_U:
        bad = good[:25] + raw(u) + good[57:]
        assert ben.offer(bad) == errors.BadPublicKey.name
    assert ben.offer(good[:57] + b"\0" + good[58:]) == errors.WrongLength.name
    assert ben.offer(good[:57] + b"\2" + good[58:]) in (errors.WrongLength.name, None)
    assert ben.offer(good[:57] + b"\0") == errors.WrongLength.name
    assert ben.offer(good[:57] + b"\1") == errors.WrongLength.name
