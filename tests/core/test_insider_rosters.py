"""Members that lie about who comes: false ROSTERs for joiners, forged JOINs, false admissions,
invitations in another's name. Joiners come in by the true exchange or not at all, and what an
inviter does is not held against its guest (PROTOCOL.md 5.1-5.3, 7)."""

from house import Seeded
from insiders import MINUTE, Insider, Room

from mpseq import Identity, errors, events, wire
from mpseq.exchange import AUTH, RING, Exchange
from mpseq.invitation import invite
from mpseq.primitives import KeyPairs, kdf, mac, seal_random, tdh
from mpseq.roster import Guest, Participant, roster_frame

FOUR = ("ana", "ben", "eva", "dan")
FIVE = ("ana", "ben", "eva", "dan", "uma")


def room(*inside):
    """These are in; eva, among them, is an insider; dan is to come."""
    house = Room(*FIVE).together(*(inside or ("ana", "ben", "eva")))
    return house, Insider(house, "eva")


def joins(house):
    return [frame for frame in house.frames if frame[0] & 15 == wire.JOIN]


def changed(people, nick, y=None, t=None):
    """The same people, one with other keys."""
    return [
        who if who.nick != nick else Participant(who.nick, who.key, y or who.y, t or who.t)
        for who in people
    ]


# --- a false ROSTER


class Liar:
    """eva, who knows E and the joiners' tickets, shows them other rosters before the true one."""

    def __init__(self, house, eva, inviter, make):
        self.house = house
        self.eva = eva
        self.made = []
        self.random = Seeded("liar")
        house.before(wire.ROSTER, 1, lambda: self.lie(make))
        house.bring(inviter, "dan")

    def lie(self, make):
        kept = self.eva.kept()
        guests = [who for who in kept.people if isinstance(who, Guest)]
        people = list(kept.people)
        for secret, nonce, listed in make(self, kept, people):
            room = self.eva.person.room
            frame = roster_frame(room, secret, nonce, listed, guests, 0)
            said = self.eva._refusal(frame)
            assert said == errors.OutOfPlace.name, said  # by all members
            self.made.append(self.exchange(secret, nonce, listed, kept))

    def exchange(self, secret, nonce, listed, kept):
        """The exchange as eva sees it in which the joiner believes."""
        me = self.eva.house.key("eva")
        at = [who.key for who in listed].index(me)
        keys = KeyPairs(self.random)
        keys.x[:] = kept.keys.x
        keys.t_secret[:] = kept.keys.t_secret
        keys.y, keys.t = listed[at].y, listed[at].t
        person = self.eva.person
        room = person.room
        return Exchange(room, bytearray(secret), nonce, listed, at, keys, person.identity)


def other_people(liar, kept, people):
    """ben is not there; or is there with keys that are not his; or there is one more."""
    secret = bytes(kept.live.secret)
    random = liar.random
    keys = KeyPairs(random)
    ghost = Participant("gus", Identity.generate(random).public, keys.y, keys.t)
    more = sorted(people + [ghost], key=lambda who: who.key)
    for listed in (
        [who for who in people if who.nick != "ben"],
        changed(people, "ben", y=keys.y), changed(people, "ben", t=keys.t), more,
    ):
        yield secret, random(16), listed


def other_secret(liar, kept, people):
    """The true people under another E, and another N."""
    for _ in range(3):
        yield liar.random(32), liar.random(16), people


def other_nonce(liar, kept, people):
    yield bytes(kept.live.secret), liar.random(16), people


def test_shares_and_aborts_in_a_false_exchange_spend_nothing():
    """Section 9, third: false ROSTER that spends a joiner's y."""
    house, eva = room()

    def make(liar, kept, people):
        yield liar.random(32), liar.random(16), people

    said = []

    def act():
        exchange = liar_made[0]
        frame = exchange.share(Seeded("false share"))
        eva.post(frame)
        mine = [one for one in house.kept["dan"] if one.sid == exchange.sid][0]
        assert mine.live.has_auth(exchange.me)  # eva's own is as it should be
        for reason in (RING, AUTH):
            eva.post(exchange.abort(reason, 0))
        said.append(mine)

    liar_made = []
    house.before(wire.SHARE, 2, act)

    def lie(liar, kept, people):
        for one in make(liar, kept, people):
            yield one
        liar_made.extend(liar.made)

    Liar(house, eva, "ana", lie)
    assert len(said) == 1 and said[0].live.my_confirm is None
    assert [frame for frame in house.frames if frame[0] & 15 == wire.REVEAL] == []
    house.goes_on(*FOUR, newcomers=("dan",))
    assert len(joins(house)) == 3


def test_a_false_roster_of_the_inviter_itself():
    """eva invited dan, so her `auth` vouches for whatever she shows him; she cannot make ana's or
    ben's, so he confirms nothing there."""
    house, eva = room()
    Liar(house, eva, "eva", other_secret)
    house.goes_on("ana", "ben", "dan", also=("eva",), newcomers=("dan",))


def test_the_inviter_shows_its_guest_others_keys():
    """With keys for ana and ben that are eva's own she can make every SHARE but not their `auth`:
    dan cries in a room that is not there, and asks again."""
    house, eva = room()
    random = Seeded("hers")
    keys = {"ana": KeyPairs(random), "ben": KeyPairs(random)}
    frames = []

    def make(liar, kept, people):
        for nick in keys:
            people = changed(people, nick, y=keys[nick].y, t=keys[nick].t)
        secret, nonce = liar.random(32), liar.random(16)
        yield secret, nonce, people
        exchange = liar.made[-1]
        frames.append(exchange.share(random))
        for at in range(len(people)):
            if people[at].nick in keys:
                other = Exchange(
                    eva.person.room, bytearray(secret), nonce, people, at,
                    keys[people[at].nick], eva.person.identity,
                )
                frames.append(other.share(random))

    def act():
        for frame in frames:
            eva.post(frame)

    house.after(wire.SHARE, 1, act)
    Liar(house, eva, "eva", make)
    assert len(frames) == 3
    house.wait(3 * MINUTE)
    for one in house.kept["dan"]:
        if one.sid != house["ana"].session.sid:
            assert one.live.my_confirm is None
    assert house.here("dan") in ([], ["ana", "ben", "dan", "eva"])
    house.goes_on("ana", "ben", also=("eva", "dan") if house.here("dan") else ("eva",))


def test_a_stranger_sees_nothing_of_a_roster():
    """uma, who was not invited, opens none of it."""
    house, eva = room()
    Liar(house, eva, "ana", other_secret)
    assert house.kept["uma"] == [] and house.seen["uma"] == []
    house.goes_on(*FOUR, newcomers=("dan",))


# --- a forged JOIN


def forged_join(house, eva, k=None, x=None):
    """A JOIN in dan's name for ana's invitation, as eva could make it: she knows the invitation's
    id and e, dan's A, and whatever else is given."""
    open_invite = [one for one in house["ana"]._invites if one.key == house.key("dan")][0]
    random = Seeded("forged")
    keys = KeyPairs(random)
    plain = b"\3dan" + house.key("dan") + keys.t + bytes(16)
    key = bytearray(32)
    identity = x or Identity.generate(random)
    tdh(key, identity, keys, house.key("ana"), open_invite.y, False)
    kdf(key, key, b"join", open_invite.id)
    first = bytes((wire.head(wire.JOIN),))
    nonce = random(24)
    rest = nonce + keys.y + bytes(seal_random(key, nonce, first + nonce + keys.y, plain))
    return first + mac(8, k or random(16), b"join", rest) + rest


def test_a_join_forged_by_a_member():
    """Section 9, first: forged JOIN by a participant."""
    house, eva = room()
    house.accepting = False
    house.bring("ana", "dan")
    k = bytes([one for one in house["ana"]._invites if one.key == house.key("dan")][0].k)
    assert eva._refusal(forged_join(house, eva)) is None  # for nobody
    eva.post(forged_join(house, eva, k))  # were k known to her, dan's key would still be missing
    eva.post(forged_join(house, eva, k, eva.person.identity))
    assert house.of("ana", events.GuestReady)[2:] == []
    assert house["ana"]._invites[0].guest is None
    house["dan"].accept(house.of("dan", events.Invited)[0].invitation, house.now)
    house.goes_on(*FOUR, newcomers=("dan",))


def test_a_join_of_somebody_else_for_the_same_room_is_not_this_guests():
    """eva invites dan too, and shows ana the JOIN that she got."""
    house, eva = room()
    house.accepting = False
    house.bring("ana", "dan")
    house.bring("eva", "dan")
    mine = house.of("dan", events.Invited)[1].invitation
    frame = mine.join(house["dan"].identity, "dan", Seeded("join"), KeyPairs(Seeded("join")))[0]
    before = len(house.of("ana", events.GuestReady))
    house["ana"].receive("eva", frame, house.now)
    house.drain()
    assert len(house.of("ana", events.GuestReady)) == before
    house["dan"].accept(house.of("dan", events.Invited)[0].invitation, house.now)
    house.goes_on(*FOUR, newcomers=("dan",))


# --- a false admission


def admits_falsely(house, eva, change, most=99):
    """eva admits dan with something changed in what dan's JOIN said."""
    admissible = eva.person._admissible
    done = []

    def spoil(*asked):
        out = admissible(*asked)
        for one in out:
            if len(done) < most:
                done.append(one.nick)
                change(one.guest)
        return out

    eva.person._admissible = spoil
    return done


def other_y(guest):
    guest.y = KeyPairs(Seeded("y")).y


def other_t(guest):
    guest.t = KeyPairs(Seeded("t")).t


def other_ticket(guest):
    guest.ticket[0] ^= 1


def test_a_false_admission_is_not_held_against_the_guest():
    """Section 9, second: guest blamed for its inviter's false admission."""
    for change in (other_y, other_t, other_ticket):
        house, eva = room()
        done = admits_falsely(house, eva, change, most=1)
        house.bring("eva", "dan")
        house.wait(2 * MINUTE)
        assert done == ["dan"]
        for nick in ("ana", "ben"):
            assert house.names(nick, events.GuestDropped) == ["dan"]
            assert house.names(nick, events.Convicted) == []
        house.bring("ana", "dan")
        house.goes_on(*FOUR, newcomers=("dan",))


def test_three_false_admissions_and_no_more():
    house, eva = room()
    done = admits_falsely(house, eva, other_y)
    for _ in range(5):
        if eva.person._membership.may_invite(eva.index):
            house.bring("eva", "dan")
        house.wait(2 * MINUTE)
        if len(done) == 3:
            break
    assert len(done) == 3
    for nick in ("ana", "ben"):
        assert house.names(nick, events.GuestDropped) == ["dan"] * 3
        assert not house[nick]._membership.may_invite(house.index("eva"))
    house.bring("ana", "dan")
    house.goes_on(*FOUR, newcomers=("dan",))


def plays_dan(house, eva):
    """eva admits dan with keys of her own and takes part as dan; returns where the Exchange that
    she plays will be."""
    keys = KeyPairs(Seeded("played"))

    def change(guest):
        guest.y, guest.t = keys.y, keys.t

    admits_falsely(house, eva, change, most=1)
    return plays(house, eva, keys)


def plays(house, eva, keys):
    """After the next ROSTER eva posts the SHARE of dan, as whom she admitted these keys."""
    played = []

    def act():
        kept = eva.kept()
        at = kept.index(house.key("dan"))
        other = Exchange(
            eva.person.room, bytearray(kept.secret), bytes(16), list(kept.people), at, keys,
            eva.person.identity,
        )
        other.sid = kept.sid
        played.append(other)
        eva.post(other.share(Seeded("played")))

    house.after(wire.ROSTER, 1, act)
    return played


def test_a_member_that_plays_its_guest():
    """She has no `auth` of dan's to show, so the one that fails is the guest, and its inviter is
    counted; dan, who never spoke, may come by anybody else."""
    house, eva = room()
    played = plays_dan(house, eva)
    house.bring("eva", "dan")
    house.wait(20000)
    house.rekey("ana")
    house.wait(MINUTE)
    assert played
    for nick in ("ana", "ben"):
        assert house.names(nick, events.GuestDropped) == ["dan"]
    if "dan" not in house.here("ana"):
        house.bring("ana", "dan")
    house.goes_on(*FOUR, newcomers=("dan",))


# --- in another's name


def test_an_invitation_in_anothers_name():
    """eva knows no secret of ana's: what she seals as ana opens for nobody."""
    house, eva = room()
    false = Identity(bytes(eva.person.identity.secret))
    false.public = house.key("ana")
    room_of = house["ana"].room
    frame = invite(false, "ana", room_of, [("dan", house.key("dan"))], Seeded("false"))[0]
    eva.post(frame)
    assert house.of("dan", events.Invited) == []
    assert house.refusals("dan") == [errors.BadSeal.name]
    house.bring("ana", "dan")
    house.goes_on(*FOUR, newcomers=("dan",))


def test_an_invitation_under_a_stolen_nick_tells_the_true_key():
    house, eva = room()
    house.accepting = False
    frame, opened = invite(
        eva.person.identity, "ana", eva.person.room, [("dan", house.key("dan"))], Seeded("stolen")
    )
    eva.post(frame)
    invitation = house.of("dan", events.Invited)[0].invitation
    assert invitation.inviter == house.key("eva")
    assert invitation.inviter_nick == "ana"
    house["dan"].decline(invitation)
    house.goes_on("ana", "ben", also=("eva",))


def test_a_guest_does_not_get_a_members_nick():
    """eva admits dan as "ana": refused by all; the room goes on with its own ana."""
    house, eva = room()

    def change(guest):
        guest.nick = "ana"

    admits_falsely(house, eva, change, most=1)
    house.bring("eva", "dan")
    house.wait(MINUTE)
    for nick in ("ana", "ben"):
        assert [who.key for who in house[nick].members if who.nick == "ana"] == [house.key("ana")]
    house.rekey("ana")  # and then eva's INVITE is said again
    house.goes_on("ana", "ben", "dan", also=("eva",), newcomers=("dan",))


def test_a_false_roster_changes_nothing_for_a_joiner():
    """It serves each, and confirms in the one that its inviter vouches for."""
    for make, count in ((other_people, 4), (other_secret, 3), (other_nonce, 1)):
        house, eva = room()
        liar = Liar(house, eva, "ana", make)
        assert len(liar.made) == count
        assert len(house.kept["dan"]) == count + 1
        house.goes_on(*FOUR, newcomers=("dan",))
        assert len(joins(house)) == 3  # of ben and eva at the beginning, and one of dan's


def test_a_member_that_plays_its_guest_to_the_end():
    """She shows the x behind the y that she gave dan: that proves something wrong, but not that it
    was dan's. Section 9, second: guest blamed for its inviter's false admission."""
    house, eva = room()
    played = plays_dan(house, eva)

    def act():
        other = played[0]
        other.digest = house.kept["ana"][-1].live.digest
        eva.post(other.reveal())

    house.after(wire.ABORT, 1, act)
    house.bring("eva", "dan")
    house.wait(20000)
    for nick in ("ana", "ben"):
        assert house.names(nick, events.GuestDropped) == ["dan"]
        assert house.names(nick, events.Convicted) == []
    house.bring("ana", "dan")
    house.goes_on(*FOUR, newcomers=("dan",))
