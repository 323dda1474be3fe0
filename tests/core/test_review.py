"""What a review found, as stories: each failed before its cure."""

from house import House, Seeded, raises

from mpseq import Identity, errors, events, primitives, wire
from mpseq import roster as rosters
from mpseq.bodies import encode_admit, encode_invite
from mpseq.invitation import invite
from mpseq.primitives import H, KeyPairs, mac, seal_once, sign, unseal_once
from mpseq.roster import Guest, Participant, Room, roster_frame


class Roster:
    """A house where "kim", a member, adds ROSTERs of its own to the genuine one for "eva"."""

    def __init__(self, make, first):
        self.house = House("ana", "kim", "eva").together("ana", "kim")
        self.make = make
        self.first = first
        self.house.hook = self.hook
        self.genuine = None

    def hook(self, sender, frame):
        if frame[0] & 15 != wire.ROSTER or self.genuine:
            return (frame,)
        self.genuine = frame
        exchange = self.house["kim"]._attempt.exchange
        plain = unseal_once(1, exchange.secret, b"roster", (), frame[: 34 + 52], frame[34 + 52 :])
        false = list(self.make(self.house["kim"].room, exchange, bytes(plain[:16])))
        return false + [frame] if self.first else [frame] + false

    def play(self):
        self.house.bring("ana", "eva")
        self.house.wait(60000)
        return self.house


def _guests(people):
    return [who for who in people if isinstance(who, Guest)]


def test_one_sid_one_share_though_its_roster_comes_in_other_bytes():
    """Two SHAREs under one key would be two plaintexts under one nonce, and convict eva (7)."""

    def make(room, exchange, nonce):
        yield roster_frame(room, exchange.secret, nonce, exchange.people,
                           _guests(exchange.people), 1)

    house = Roster(make, False).play()
    house.assert_one_session("ana", "kim", "eva")
    shares = [frame for frame in house.frames if frame[0] & 15 == wire.SHARE]
    # the two of founding, and one each of three
    assert len(shares) == 2 + 3
    assert len({(frame[1:6]) for frame in shares}) == len(shares)


def test_a_false_roster_under_the_true_secret_does_not_hide_the_true_one():
    def make(room, exchange, nonce):
        people = []
        for who in exchange.people:
            if isinstance(who, Guest):
                people.append(Guest(who.nick, who.key, who.y, who.t, who.ticket))
            else:
                people.append(Participant(who.nick + "x", who.key, who.y, who.t))
        yield roster_frame(room, exchange.secret, nonce, people, _guests(people), 0)

    for first in (True, False):
        Roster(make, first).play().assert_one_session("ana", "kim", "eva")


def test_a_members_many_rosters_do_not_keep_a_joiner_out():
    def make(room, exchange, nonce):
        for at in range(12):
            random = Seeded("false%d" % at)
            yield roster_frame(room, bytearray(random(32)), random(16), exchange.people,
                               _guests(exchange.people), 0)

    Roster(make, True).play().assert_one_session("ana", "kim", "eva")


def test_the_secret_of_a_roster_belongs_to_its_public_key():
    """Else kim could bind another E to the genuine e'B, and the genuine ROSTER would not open."""

    def make(room, exchange, nonce):
        true = roster_frame(room, exchange.secret, nonce, exchange.people,
                            _guests(exchange.people), 0)
        wrap = bytearray(32)
        shared = bytearray(32)
        primitives.kdf(wrap, exchange.secret, b"wrap")
        (guest,) = _guests(exchange.people)
        primitives.dh(wrap, guest.y, shared)
        other = bytearray(Seeded("other")(32))
        box = seal_once(1, shared, b"wrap", (guest.ticket,), true[1:33], other)
        opening = true[:38] + bytes(box)
        plain = unseal_once(1, exchange.secret, b"roster", (), true[:86], true[86:])
        yield opening + bytes(seal_once(1, other, b"roster", (), opening, plain))

    house = Roster(make, True).play()
    house.assert_one_session("ana", "kim", "eva")


def test_a_stranger_who_replays_the_front_of_a_roster_buys_no_diffie_hellman():
    house = House("ana", "eva").together("ana")
    house.hook = lambda sender, frame: (
        () if sender == "ana" and frame[0] & 15 == wire.SHARE else (frame,)
    )
    house.bring("ana", "eva")
    (frame,) = [frame for frame in house.frames if frame[0] & 15 == wire.ROSTER]
    calls = []
    real = rosters.dh
    rosters.dh = lambda *a: calls.append(a) or real(*a)
    try:
        for at in range(50):
            junk = bytearray(frame)
            junk[40 + at] ^= 1
            house["eva"].receive("x", bytes(junk), house.now)
    finally:
        rosters.dh = real
    assert calls == []


def test_an_invitee_pays_for_its_joins_good_or_bad():
    house = House("ana", "eva")
    house.accepting = False
    house.found("ana")
    house.bring("ana", "eva")
    invitation = house.of("eva", events.Invited)[0].invitation
    calls = []
    real = primitives.dh
    primitives.dh = lambda *a: calls.append(a) or real(*a)
    try:
        for at in range(60):
            y = KeyPairs(Seeded("y%d" % at)).y
            rest = bytes(24) + y + bytes(100)
            frame = bytes((wire.head(wire.JOIN),)) + mac(8, invitation._k, b"join", rest) + rest
            house["ana"].receive("eva", frame, house.now)
    finally:
        primitives.dh = real
    assert len(calls) == 16 * 3


def test_a_long_join_is_refused_before_any_hash():
    house = House("ana", "eva")
    house.accepting = False
    house.found("ana")
    house.bring("ana", "eva")
    house["ana"].receive("x", bytes((wire.head(wire.JOIN),)) + bytes(194), house.now)
    assert house["ana"].refused == {"too long": 1}


def test_a_commitment_cannot_be_copied():
    """eva copies ben's commitment and his opening: refused, so nobody shares ben's next keys."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    ben = {}

    def seal(exchange, kind, frame, plain):
        return frame[:6] + bytes(
            seal_once(1, exchange.secret, kind, (exchange.sid, frame[5:6]), frame[:6], plain)
        )

    def hook(sender, frame):
        kind = frame[0] & 15
        if kind not in (wire.SHARE, wire.CONFIRM) or sender == "ana":
            return (frame,)
        exchange = house[sender]._attempt.exchange
        tag = b"share" if kind == wire.SHARE else b"confirm"
        plain = bytes(
            unseal_once(1, exchange.secret, tag, (exchange.sid, frame[5:6]), frame[:6], frame[6:])
        )
        if sender == "ben":
            ben[kind] = plain
            return (frame,)
        if kind == wire.SHARE:
            fields = (plain[:32], ben[kind][32:64])
        else:
            fields = (ben[kind][:32], ben[kind][32:64])
        digest = H(tag, exchange.sid, frame[5:6], *fields)
        signature = sign(exchange.keys.t_secret, digest)
        frame = seal(exchange, tag, frame, b"".join(fields) + signature + plain[128:])
        if kind == wire.SHARE:
            exchange.my_share = frame
        else:
            exchange.my_confirm = frame
        return (frame,)

    house.hook = hook
    house["ana"].rekey(house.now)
    house.settle()
    assert "opening misses its commitment" in house.refusals("ana")


def test_two_in_league_with_one_key_keep_nobody_out():
    house = House("ana", "one", "two", "eva")
    house.accepting = False
    house.found("ana")
    house.bring("ana", "one", "two", "eva")
    keys = [KeyPairs(Seeded(seed)) for seed in ("1", "2")]
    keys[1].t = keys[0].t
    for nick, pair in (("one", keys[0]), ("two", keys[1])):
        invitation = house.of(nick, events.Invited)[0].invitation
        frame, _ = invitation.join(house[nick].identity, nick, Seeded(nick), pair)
        house.deliver(nick, frame)
    house["eva"].accept(house.of("eva", events.Invited)[0].invitation, house.now)
    house.settle()
    assert house["ana"].exchange_running
    assert len(house["ana"]._attempt.exchange.people) == 4


def test_another_inviter_does_not_replace_a_guest():
    house = House("ana", "kim", "eva", "zoe").together("ana", "kim")
    house.accepting = False
    house["kim"].invite([("zoe", house.key("zoe"))], house.now)
    house.settle()
    house.accepting = True
    house.bring("ana", "eva")  # ADMITs, because kim has an invitation open
    (guest,) = house["ana"]._membership.guests
    y = guest.y
    session = house["kim"].session
    listed = [("eva", house.key("eva"))]
    house.deliver("kim", session.seal(wire.INVITE, encode_invite(bytes(8), listed)))
    false = KeyPairs(Seeded("false"))
    forged = Guest("eva", house.key("eva"), false.y, false.t, bytes(16))
    house.deliver("kim", session.seal(wire.ADMIT, encode_admit([forged])))
    (guest,) = house["ana"]._membership.guests
    assert guest.y == y and guest.inviter == house.key("ana")
    house.wait(10000)
    house.assert_one_session("ana", "kim", "eva")


def test_an_ex_member_who_invites_too_gets_no_ticket_of_the_others():
    house = House("ana", "eva")
    house.found("ana")
    liar = Identity.generate(Seeded("liar"))
    opened = []

    def hook(sender, frame):
        if sender == "eva" and frame[0] & 15 == wire.JOIN and not opened:
            room = Room("test", house["ana"].room.conversation_id, liar.public, 1, 0, b"")
            false, invites = invite(liar, "ana", room, [("eva", house.key("eva"))], Seeded("lie"))
            opened.extend(invites)
            return (false, frame)
        return (frame,)

    house.hook = hook
    house.bring("ana", "eva")
    house.wait(10000)
    house.assert_one_session("ana", "eva")
    joins = [frame for frame in house.frames if frame[0] & 15 == wire.JOIN]
    guests = []
    for frame in joins:
        try:
            guests.append(opened[0].receive_join(frame, liar))
        except errors.Stranger:
            pass
    assert len(joins) == 2 and len(guests) == 1


def test_an_admission_that_was_refused_is_made_again():
    """ana's ADMIT of one who calls itself zoe crosses kim's ADMIT of another zoe."""
    house = House("ana", "kim", "g", "zoe").together("ana", "kim")
    house["g"].nick = "zoe"
    held = []

    def hook(sender, frame):
        message = frame[0] & 15 == wire.MESSAGE
        if sender == "ana" and message and not held and house.of("ana", events.GuestReady):
            held.append(frame)
            return ()
        return (frame,)

    house.accepting = False
    house["kim"].invite([("zoe", house.key("zoe"))], house.now)
    house["ana"].invite([("g", house.key("g"))], house.now)
    house.settle()
    house.hook = hook
    for nick in ("g", "zoe"):
        house[nick].accept(house.of(nick, events.Invited)[0].invitation, house.now)
        house.settle()
    house.hook = None
    assert held
    house.deliver("ana", held[0])
    house.wait(60000)
    assert house.here("ana") == house.here("kim") == ["ana", "g", "kim", "zoe"]
    assert house.here("g") == house.here("zoe") == ["ana", "g", "kim", "zoe"]


def test_an_invite_of_mine_that_the_room_did_not_take_is_taken_back():
    """Two invite 40 each at once: the room takes 64; the second is told."""
    house = House("ana", "ben").together("ana", "ben")
    for nick in ("ana", "ben"):
        listed = [
            ("%s%d" % (nick, at), primitives.mc.x25519_public_key(Seeded("%s%d" % (nick, at))(32)))
            for at in range(40)
        ]
        house[nick].invite(listed, house.now)
    house.settle()
    told = {nick: len(house.of(nick, events.NotInvited)) for nick in ("ana", "ben")}
    assert sorted(told.values()) == [0, 40]
    loser = "ana" if told["ana"] else "ben"
    assert house[loser]._invites == []


def test_an_acknowledgement_counts_though_the_body_is_refused():
    house = House("ana", "ben").together("ana", "ben")
    house.say("ana", "hello")
    house["ana"].rekey(house.now)
    house["ben"].rekey(house.now)  # the two PROPOSEs cross: one is refused, and acknowledges
    house.settle()
    for nick in ("ana", "ben"):
        assert house.of(nick, events.Unconfirmed) == [], nick
        assert len(house.of(nick, events.Confirmed)) == 1, nick


def test_many_texts_lost_at_once_are_shown_by_their_author_too():
    house = House("ana", "ben").together("ana", "ben")
    for at in range(31):
        house["ana"].send("t%d" % at, house.now)
    house["ana"].take_frames()  # the carrier loses them
    for at in range(4):
        house.say("ana", "u%d" % at)
    house.wait(120000)
    shown = [text for _, text in house.texts("ana")]
    assert shown == [text for _, text in house.texts("ben")]
    assert len(shown) == len(set(shown)) == 35


def test_the_inviter_is_named_as_the_session_names_it():
    house = House("ana", "x", "y").together("ana")
    house["x"].nick = "ana"  # taken: comes in as x
    house.bring("ana", "x")
    assert house.here("ana") == ["ana", "x"]
    house.bring("x", "y")
    assert house.of("y", events.Invited)[0].invitation.inviter_nick == "x"


def test_a_busy_room_does_not_swallow_an_invitation():
    """Eight batches for others go past, then the one for me: it waits and is opened."""
    house = House("ana", "me").together("ana")
    house.accepting = False
    for at in range(9):
        key = primitives.mc.x25519_public_key(Seeded("o%d" % at)(32))
        house["ana"].invite([("o%d" % at, key)], house.now)
    house.invite("ana", "me")
    house.settle()
    house.accepting = True
    house.wait(30000)
    assert len(house.of("me", events.Invited)) == 1
    assert house.here("me") == ["ana", "me"]


def test_one_who_leaves_sees_a_slow_exchange_through():
    """ben's SHARE is lost twice, and comes with his third try, 30 s later."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    lost = []

    def hook(sender, frame):
        if sender == "ben" and frame[0] & 15 == wire.SHARE and len(lost) < 2:
            lost.append(frame)
            return ()
        return (frame,)

    house.hook = hook
    house["ana"].rekey(house.now)
    house.settle()
    house["ben"].leave(house.now)
    house.wait(120000)
    assert len(lost) == 2
    house.assert_one_session("ana", "eva")
    assert len(house.of("ben", events.Left)) == 1


def test_a_text_that_waits_when_i_leave_comes_back_to_me():
    house = House("ana", "ben").together("ana", "ben")
    house.hook = lambda sender, frame: () if frame[0] & 15 == wire.CONFIRM else (frame,)
    house["ana"].rekey(house.now)
    house.settle()
    house["ben"].send("too late", house.now)
    house["ben"].leave(house.now)
    house.wait(100000)
    assert [event.text for event in house.of("ben", events.Unsent)] == ["too late"]
    assert len(house.of("ben", events.Left)) == 1


def test_a_wrong_key_in_an_invitation_can_be_corrected():
    house = House("ana", "ben").together("ana")
    wrong = primitives.mc.x25519_public_key(Seeded("wrong")(32))
    house["ana"].invite([("ben", wrong)], house.now)
    house.settle()
    house.bring("ana", "ben")
    house.wait(10000)
    house.assert_one_session("ana", "ben")
    assert house["ana"]._invites == []


def test_nobody_invites_himself():
    house = House("ana").together("ana")
    raises(errors.LocalError, house["ana"].invite, [("me", house.key("ana"))], house.now)
