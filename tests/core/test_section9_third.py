"""What attacks on the third edition of the design found, each by its name: section 9, third."""

from carriers import Carrier, Late
from cheats import Cheat, exchange_of, opened, resealed, sealed, wrong_check
from house import House, Seeded
from outcomes import MINUTE, in_full, nobody_is_blamed
from test_bad_frames import Victim
from test_strangers import cost

from mpseq import Identity, errors, events, primitives, wire
from mpseq.exchange import REMOVED, RING, Exchange
from mpseq.primitives import KeyPairs
from mpseq.roster import Guest, Participant, roster_frame


def room(*nicks):
    return House(*nicks).together(*nicks)


def held(kind, *nicks):
    """A room in whose re-key the frames of this type are held back: (house, carrier)."""
    house = room(*nicks)
    carrier = Late(house, kinds=(kind,))
    house["ana"].rekey(house.now)
    house.settle()
    assert len(carrier.held) == len(nicks)
    return house, carrier


def another_s(exchange, plain):
    plain[128:160] = Seeded("another s")(32)


class Ahead(Carrier):
    """Helps a member who knows E: its re-sealed copy of a frame comes before the genuine one."""

    def __init__(self, house, victim, kind, change, most=1):
        super().__init__(house)
        self.victim = victim
        self.kind = kind
        self.change = change
        self.most = most

    def take(self, sender, frame):
        out = [(sender, frame)]
        if sender == self.victim and frame[0] & 15 == self.kind and self.most:
            self.most -= 1
            exchange = exchange_of(self.house["eva"], frame)
            out.insert(0, ("eva", resealed(exchange, frame, self.change)))
        return out


def test_third_a_shares_signature_taken_for_a_confirms():
    house, carrier = held(wire.CONFIRM, "ana", "ben", "eva")
    eva = house["eva"]._attempt.exchange
    (share,) = [
        frame for frame in house.frames
        if frame[0] & 15 == wire.SHARE and frame[1:5] == eva.tag
        and frame[5] == house["ben"].session.me
    ]
    plain = opened(eva, share)
    as_confirm = bytes(plain[:128]) + bytes(16) + b"\0"  # (z, commit) for (y, t), his signature
    for nick in ("ana", "ben", "eva"):
        false = sealed(eva, wire.CONFIRM, share[5], as_confirm)
        assert Victim(house, nick).offer(false) == errors.BadSignature.name
    carrier.stop()
    in_full(house, "ana", "ben", "eva")
    nobody_is_blamed(house)


def test_third_abort_whose_hashes_let_t_reach_s():
    """No bit of an ABORT depends on s, or on any frame that was seen."""
    house, carrier = held(wire.SHARE, "ana", "ben")
    true = house["ana"]._attempt.exchange
    frames = []
    for seed in ("one s", "another s"):
        other = Exchange(
            house["ana"].room, bytearray(true.secret), bytes(16), true.people, true.me, true.keys,
            house["ana"].identity,
        )
        other.sid = true.sid
        other.share(Seeded(seed))
        frames.append((other.statement[1], other.abort(RING, 0), other.abort(REMOVED, 1, 300)))
    assert frames[0][0] != frames[1][0]
    assert frames[0][1:] == frames[1][1:]
    assert len(opened(true, frames[0][1])) == 64 + 1 + 1 + 1
    carrier.stop()


def test_third_honest_owner_of_a_re_sealed_slot_convicted():
    """eva and the carrier fill ben's slot with his signed part and something else behind it."""
    for kind, change in ((wire.SHARE, another_s), (wire.CONFIRM, wrong_check)):
        house = room("ana", "ben", "eva", "dan")
        carrier = Ahead(house, "ben", kind, change)
        house["ana"].rekey(house.now)
        house.settle()
        house.wait(3 * MINUTE)
        assert not carrier.most
        assert wire.ABORT in house.kinds()
        nobody_is_blamed(house, "ana", "ben", "dan")
        carrier.stop()
        assert {"ana", "ben", "dan"} <= set(house.here("ana"))
        house.assert_one_session(*house.here("ana"))


def test_third_contribution_that_lands_just_before_abort_removed():
    """eva's SHARE comes between the moment when she was due and the ABORT: she goes all the same,
    and nobody is blamed."""
    house = room("ana", "ben", "eva")
    late = Late(house, "eva", (wire.SHARE,))
    house["ana"].rekey(house.now)
    house.settle()
    (share,) = late.held
    late.held = []

    class Landing(Carrier):
        def take(self, sender, frame):
            if frame[0] & 15 == wire.ABORT and not landed:
                landed.append(frame)
                return [share, (sender, frame)]
            return [(sender, frame)]

    landed = []
    Landing(house)
    house["ana"].expel(house.key("eva"), house.now)
    house["ben"].expel(house.key("eva"), house.now)
    house.wait(MINUTE)
    assert landed
    assert [one.nick for one in house.of("ana", events.Expelled)] == ["eva"]
    for nick in ("ana", "ben"):
        assert house.of(nick, events.Convicted) == []
    house.hook = None
    in_full(house, "ana", "ben")


def test_third_contribution_of_a_suspect_that_lands_just_before_abort_removed():
    """The same when it was silence: due at frame k is due, whatever came since."""
    house = room("ana", "ben", "eva")
    late = Late(house, "eva", (wire.SHARE,))
    house["ana"].rekey(house.now)
    house.settle()
    (share,) = late.held
    late.held = []

    class Landing(Carrier):
        def take(self, sender, frame):
            if frame[0] & 15 == wire.ABORT and not landed:
                landed.append(frame)
                return [share, (sender, frame)]
            if sender == "eva" and not landed:
                return ()
            return [(sender, frame)]

    landed = []
    Landing(house)
    house.wait(3 * MINUTE)
    assert landed
    house.hook = None
    nobody_is_blamed(house)
    in_full(house, "ana", "ben")


def switch_with_a_leave_at(place):
    """ben's LEAVE crosses the exchange that brings zoe in and comes before the CONFIRM number
    `place`; ben's own is the last. Returns (house, where each one switched)."""
    house = room("ana", "ben")
    house.add("zoe")
    late = Late(house, kinds=(wire.CONFIRM,))
    house.bring("ana", "zoe")
    order = sorted(late.held, key=lambda one: one[0] == "ben")
    order.insert(place, ("ben", house["ben"].session.seal(wire.LEAVE, b"")))
    house.hook = None
    switched = {}
    for sender, frame in order:
        house.deliver(sender, frame)
        for nick in ("ana", "zoe"):
            if "zoe" in house.here(nick):
                switched.setdefault(nick, len(house.frames))
    return house, switched


def test_third_a_void_members_confirm_counted_by_joiners_only():
    for place in (0, 1, 2):
        house, switched = switch_with_a_leave_at(place)
        assert sorted(switched) == ["ana", "zoe"], place
        assert switched["ana"] == switched["zoe"] == len(house.frames), place
        assert house["ana"].members == house["zoe"].members
        assert house["ana"].code == house["zoe"].code


def test_third_shares_before_roster():
    house = room("ana", "ben")
    house.add("zoe")
    late = Late(house, kinds=(wire.ROSTER,))
    house.bring("ana", "zoe")
    before = len(house.frames)
    assert house["ana"].exchange_running
    assert wire.SHARE not in house.kinds(before - 3)
    early = exchange_of_running(house, "ben").share(Seeded("early"))
    assert Victim(house, "ana").offer(early) == errors.OutOfPlace.name
    exchange_of_running(house, "ben").my_share = None
    late.stop()
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "zoe")


def exchange_of_running(house, nick):
    return house[nick]._attempt.exchange


def test_third_false_roster_that_spends_a_joiners_y():
    """kim, a member, shows the joiner an exchange in which ana's keys are kim's own, completes its
    SHAREs and aborts it: without ana's `auth` the joiner's y is not spent."""
    house = House("ana", "kim", "eva").together("ana", "kim")
    late = Late(house, kinds=(wire.ROSTER,))
    house.bring("ana", "eva")
    kim = house["kim"]
    exchange = kim._attempt.exchange
    people = list(exchange.people)
    pairs = {}
    for at in range(len(people)):
        who = people[at]
        if not isinstance(who, Guest):
            pairs[at] = KeyPairs(Seeded("false %d" % at))
            people[at] = Participant(who.nick, who.key, pairs[at].y, pairs[at].t)
    guests = [who for who in people if isinstance(who, Guest)]
    secret = Seeded("false E")(32)
    nonce = bytes(16)
    late.bring("kim", roster_frame(kim.room, secret, nonce, people, guests, 0))
    (own,) = house["eva"].take_frames()
    assert len(house["eva"]._candidates) == 1
    seats = []
    for at in sorted(pairs):
        identity = kim.identity if people[at].nick == "kim" else Identity(Seeded("no")(32))
        seat = Exchange(kim.room, bytearray(secret), nonce, people, at, pairs[at], identity)
        seats.append(seat)
        late.bring("kim", seat.share(Seeded("share %d" % at)))
    late.bring("eva", own)
    assert house["eva"]._candidates[0].exchange.shares_left == 0
    late.bring("kim", seats[0].abort(RING, 0))
    assert house["eva"]._candidates == []
    late.stop()
    house.wait(MINUTE)
    joins = [frame for frame in house.frames if frame[0] & 15 == wire.JOIN]
    assert len(joins) == 2  # kim's, and one of eva's
    assert wire.REVEAL not in house.kinds()
    in_full(house, "ana", "kim", "eva")


def test_third_strangers_join_that_costs_64_dh():
    house = room("ana")
    invitees = []
    for at in range(63):
        key = primitives.mc.x25519_public_key(Seeded("invitee %d" % at)(32))
        invitees.append(("n%d" % at, key))
    house["ana"].invite(invitees, house.now)
    house.settle()
    die = Seeded("stranger")
    for size in (90, 160, 190):
        junk = bytes((wire.head(wire.JOIN),)) + die(size)
        assert cost(house["ana"], junk) == {"blake2b_framed": 63}, size


def test_third_text_between_the_last_share_and_an_abort_shown_twice_or_never():
    """One that was on its way when the span closed, one that waited, one of the culprit's."""
    house = room("ana", "ben", "eva", "dan")
    late = Late(house, "ben", (wire.MESSAGE,))
    house["ben"].send("on its way", house.now)
    house.settle()
    (text,) = late.held
    late.held = []
    cheat = Cheat(house).spoil("eva", wire.CONFIRM, wrong_check)

    class Between(Carrier):
        def take(self, sender, frame):
            out = [(sender, one) for one in cheat(sender, frame)]
            if frame[0] & 15 == wire.CONFIRM and not came:
                came.append(text)
                out.insert(0, text)
            return out

    came = []
    Between(house)
    house["ana"].rekey(house.now)
    house.settle()
    assert came and wire.ABORT in house.kinds()
    house["dan"].send("that waited", house.now)
    house.wait(3 * MINUTE)
    house.hook = None
    for nick in ("ana", "ben", "dan"):
        shown = house.texts(nick)
        assert shown == [("ben", "on its way"), ("dan", "that waited")], (nick, shown)
        assert [one.nick for one in house.of(nick, events.Convicted)] == ["eva"]
    in_full(house, "ana", "ben", "dan")


