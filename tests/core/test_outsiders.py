"""Strangers who inject, replay, cut, reorder and flood, to people in every state: one cheap check
a frame, and nothing moves or grows (PROTOCOL.md section 1, "no stranger can disturb")."""

from carriers import Cut, Late
from cheats import Cheat, wrong_check, wrong_z
from freezing import assert_unmoved, freeze
from house import House, Seeded
from test_strangers import Counting

from mpseq import events, exchange, identity, invitation, primitives, roster, wire

MINUTE = 60000
MODULES = (primitives, exchange, identity, invitation, roster)  # that ask Monocypher themselves
KINDS = range(wire.MESSAGE, wire.WITNESS + 1)
SEALED = (wire.SHARE, wire.CONFIRM, wire.ABORT, wire.REVEAL, wire.WITNESS)
COSTLY = ("x25519", "x25519_public_key", "eddsa_key_pair", "eddsa_sign", "eddsa_check",
          "aead_lock")


def count(person, frames, now):
    """What these frames cost this person in all: {function: calls}."""
    true_mc = primitives.mc
    counting = Counting(true_mc)
    for module in MODULES:
        module.mc = counting
    primitives.blake2b_framed = counting.blake2b_framed
    try:
        for frame in frames:
            person.receive("stranger", frame, now)
    finally:
        for module in MODULES:
            module.mc = true_mc
        primitives.blake2b_framed = true_mc.blake2b_framed
    return counting.count


# --- people in every state: (house, nick)


def outside():
    return House("ana", "ben", "zoe").together("ana", "ben"), "zoe"


def asking():
    """Has answered, and waits for a ROSTER."""
    house = House("ana", "ben", "zoe").together("ana", "ben")
    Late(house, kinds=(wire.ROSTER,))
    house.bring("ana", "zoe")
    assert house["zoe"]._joining
    return house, "zoe"


def joining():
    """Has seen its ROSTER; the SHAREs of the others do not come."""
    house = House("ana", "ben", "zoe").together("ana", "ben")
    Late(house, kinds=(wire.SHARE,))
    house.bring("ana", "zoe")
    assert house["zoe"]._candidates
    return house, "zoe"


def confirming_joiner():
    house = House("ana", "ben", "zoe").together("ana", "ben")
    Late(house, kinds=(wire.CONFIRM,))
    house.bring("ana", "zoe")
    assert house["zoe"]._confirmed()
    return house, "zoe"


def inviting():
    """Waits for a JOIN."""
    house = House("ana", "ben", "zoe").together("ana", "ben")
    house.accepting = False
    house.bring("ana", "zoe")
    return house, "ana"


def quiet():
    house = House("ana", "ben", "zoe").together("ana", "ben", "zoe")
    house.say("ben", "hello")
    return house, "ana"


def before_the_roster():
    house, _ = asking()
    return house, "ben"


def sharing():
    house = House("ana", "ben", "zoe").together("ana", "ben", "zoe")
    Late(house, "zoe", (wire.SHARE,))
    house["ana"].rekey(house.now)
    house.settle()
    return house, "ben"


def confirming():
    house = House("ana", "ben", "zoe").together("ana", "ben", "zoe")
    Late(house, "zoe", (wire.CONFIRM,))
    house["ana"].rekey(house.now)
    house.settle()
    return house, "ben"


def judging(silent=wire.REVEAL):
    """After an ABORT; a REVEAL is missing."""
    house = House("ana", "ben", "zoe").together("ana", "ben", "zoe")
    lie = wire.CONFIRM if silent == wire.WITNESS else wire.SHARE
    house.hook = Cheat(house).spoil("zoe", lie, wrong_check if silent == wire.WITNESS else wrong_z)
    house.hook.hush("zoe", silent)
    house["ana"].rekey(house.now)
    house.settle()
    assert house["ben"]._trial and house["ben"]._trial.missing()
    return house, "ben"


def witnessing():
    """After an ABORT; a WITNESS is missing."""
    return judging(wire.WITNESS)


def witnessing_joiner():
    """The same, for one who has to say its part and has asked to join anew already."""
    house = House("ana", "ben", "zoe").together("ana", "ben")
    house.hook = Cheat(house).spoil("ben", wire.CONFIRM, wrong_check).hush("ben", wire.WITNESS)
    house.bring("ana", "zoe")
    assert house["zoe"]._dead and house["zoe"]._joining
    return house, "zoe"


def leaving():
    house, _ = sharing()
    house["ben"].leave(house.now)
    house.settle()
    assert house["ben"].session
    return house, "ben"


def parted():
    """Lost sight of somebody: may accept an invitation from inside."""
    house = House("ana", "ben", "zoe").together("ana", "ben", "zoe")
    carrier = Cut(house, ("ana", "ben"))
    house.say("ana", "hello")
    house.wait(8 * MINUTE)
    carrier.stop()
    assert house["ben"]._parted
    return house, "ben"


STATES = (outside, asking, joining, confirming_joiner, inviting, quiet, before_the_roster,
          sharing, confirming, witnessing, judging, witnessing_joiner, leaving, parted)


# --- what a stranger can make of what it saw


def forged(house, nick, kind):
    """Frames of one type without any key: noise, and the fronts of true ones."""
    die = Seeded("%s %d" % (nick, kind))
    first = bytes((wire.head(kind),))
    for size in (0, 1, 5, 6, 40, 90, 150, 194, 700, 16383):
        yield first + die(size)
        yield first + bytes(size)
    tags = [one.exchange.tag for one in exchanges(house)]
    for tag in tags:
        for index in (0, 1, 2, 3, 255):
            for size in (0, 15, 16, 130, 184, 500):
                yield first + tag + bytes((index,)) + die(size)
    seen = [frame for frame in house.frames if frame[0] & 15 == kind][-3:]
    if kind in (wire.ABORT, wire.REVEAL, wire.WITNESS):
        seen += [frame for frame in house.frames if frame[0] & 15 in SEALED][-2:]
    for true in seen:
        true = first + true[1:]
        for keep in (1, 5, 6, 9, 33, 34, 57, 58, 86, len(true) // 2, len(true) - 1):
            if 0 < keep < len(true):
                yield true[:keep]
                yield true[:keep] + die(len(true) - keep)
                yield true[:keep] + bytes((true[keep] ^ 1,)) + true[keep + 1 :]
        yield true + b"\0"


def exchanges(house):
    found = []
    for nick in house.order:
        person = house[nick]
        found += [one for one in (person._attempt, person._dead) if one] + person._candidates
    return found


def bound(kind, person):
    """What one frame of this type may cost: (keyed hashes, AEADs opened)."""
    if kind == wire.MESSAGE:
        return (1, 0) if person.session else (0, 0)
    if kind == wire.JOIN:
        return (len(person._invites), 0)  # each has a key of its own
    if kind == wire.ROSTER:
        if person.session or not person._joining:
            return (0, 0)
        return (1, 1)  # one ticket here
    if kind in SEALED:
        return (1, 1)
    return (0, 0)


def test_a_strangers_frame_costs_one_cheap_check_in_every_state():
    for state in STATES:
        house, nick = state()
        person = house[nick]
        person.tick(house.now)
        before = freeze(person)
        for kind in KINDS:
            if kind == wire.INVITATION and (person.session is None or person._parted):
                continue  # below
            hashes, opened = bound(kind, person)
            for frame in forged(house, nick, kind):
                cost = count(person, [frame], house.now)
                where = (state.__name__, kind, len(frame), cost)
                for name in COSTLY:
                    assert name not in cost, where
                assert cost.get("blake2b_framed", 0) <= hashes, where
                assert cost.get("aead_unlock", 0) <= opened, where
        person.take_events()
        assert_unmoved(before, person)
        assert person.take_frames() == []


def test_a_flood_of_invitations_costs_eight_diffie_hellman_and_then_one_in_two_seconds():
    for state in (outside, asking, joining, parted):
        house, nick = state()
        person = house[nick]
        die = Seeded("invitations")
        frames = []
        for _ in range(300):
            e = primitives.mc.x25519_public_key(die(32))
            frames.append(bytes((wire.head(wire.INVITATION),)) + die(24) + e + b"\1" + die(150))
        house.wait(MINUTE)
        assert count(person, frames, house.now).get("x25519", 0) <= 8, state.__name__
        cost = 0
        for second in range(60):
            house.now += 1000
            cost += count(person, frames[second : second + 3], house.now).get("x25519", 0)
        assert cost <= 31, (state.__name__, cost)
        assert sum([len(one) for one in person._unopened]) <= 8192


def test_a_flood_in_every_state_leaves_nothing_behind():
    """Memory: what grows is the count of refusals and the events, which the application takes."""
    for state in STATES:
        house, nick = state()
        person = house[nick]
        person.tick(house.now)
        before = freeze(person)
        die = Seeded("flood")
        for at in range(400):
            kind = 1 + at % 9
            if kind == wire.INVITATION:
                continue
            size = 1 + die(1)[0]
            person.receive("label %d" % at, bytes((wire.head(kind),)) + die(size), house.now)
        told = person.take_events()
        assert len(told) <= 400
        assert_unmoved(before, person)
        assert len(person.refused) < 12
        assert person.take_events() == []


def story():
    """A room's life with every type of frame in it, one frame after another: yields the house
    after each."""
    house = House("ana", "ben", "eva", "zoe")
    house.hook = lambda sender, frame: waiting.append((sender, frame)) or ()
    waiting = []

    def go():
        house.settle()
        while waiting:
            sender, frame = waiting.pop(0)
            house.deliver(sender, frame)
            yield house
            house.settle()

    house["ana"].create("test", house.now)
    for _ in go():
        yield house
    house.invite("ana", "ben", "eva", "zoe")
    for _ in go():
        yield house
    house["ana"].send("hello", house.now)
    for _ in go():
        yield house
    true_hook = house.hook
    for who, kind, lie, rounds in (
        ("eva", wire.SHARE, wrong_z, 4),  # is found by REVEALs
        ("zoe", wire.CONFIRM, wrong_check, 25),  # WITNESSes; takes that for the end, and is missed
    ):
        cheat = Cheat(house).spoil(who, kind, lie)
        house.hook = lambda sender, frame, cheat=cheat: [
            true_hook(sender, one) for one in cheat(sender, frame)
        ][0]
        house["ben" if who == "zoe" else "ana"].rekey(house.now)
        for _ in go():
            yield house
        house.hook = true_hook
        for _ in range(rounds):
            house.now += 6000
            for nick in house.order:
                house[nick].tick(house.now)
            for _ in go():
                yield house
    house["zoe"].leave(house.now)
    for _ in go():
        yield house
    house["ana"].rekey(house.now)
    for _ in go():
        yield house
    house.now += 30000
    for nick in house.order:
        house[nick].tick(house.now)
    for _ in go():
        yield house


def test_everything_ever_posted_comes_again_after_every_frame():
    """Also what its receiver posted itself, and what was meant for the session before."""
    kinds = []
    for house in story():
        kinds.append(house.frames[-1][0] & 15)
        past = list(house.frames)
        for nick in ("ana", "ben", "zoe"):
            person = house[nick]
            person.tick(house.now)
            openings = (person._openings, person._opened_at)
            person._openings, person._opened_at = 0, house.now  # of INVITATIONs see above
            before = freeze(person)
            cost = count(person, past, house.now)
            for name in COSTLY:
                assert name not in cost, (nick, len(past), cost)
            shown = [one for one in person.take_events() if not isinstance(one, events.Refused)]
            assert shown == [], (nick, shown)
            assert_unmoved(before, person)
            person._openings, person._opened_at = openings
            person._unopened = []
    for kind in KINDS:
        assert kind in kinds, kind
    house.hook = None
    house.wait(MINUTE)
    house.assert_one_session("ana", "ben")


def test_frames_that_come_before_their_time():
    """A stranger who holds frames of a later moment (the carrier's friend) moves nothing early."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    late = Late(house, kinds=(wire.SHARE, wire.CONFIRM))
    house["ana"].rekey(house.now)
    house.settle()
    shares = late.held
    late.held = []
    for sender, frame in shares[:2]:
        late.bring(sender, frame)
    confirms = []
    other = House("ana", "ben", "eva").together("ana", "ben", "eva")  # the same seed, ahead
    other["ana"].rekey(other.now)
    other.settle()
    other.say("ana", "later")
    for frame in other.frames:
        if frame not in house.frames and frame not in [one for _, one in shares]:
            confirms.append(frame)
    assert len(confirms) == 4
    for nick in house.order:
        before = freeze(house[nick])
        cost = count(house[nick], confirms, house.now)
        assert "x25519" not in cost and "eddsa_check" not in cost
        house[nick].take_events()
        assert_unmoved(before, house[nick])
    late.bring(*shares[2])
    late.stop()
    house.assert_one_session("ana", "ben", "eva")


def test_a_flood_while_a_guest_comes_in_delays_nobody():
    die = Seeded("flood")

    def hook(sender, frame):
        out = []
        for kind in KINDS:
            out.append(bytes((wire.head(kind),)) + die(40 + die(1)[0]))
            out.append(bytes((wire.head(kind),)) + frame[1:6] + die(100))
        return out + [frame] + out

    house = House("ana", "ben", "eva")
    house.hook = hook
    house.found("ana")
    house.bring("ana", "ben", "eva")
    house.say("eva", "in")
    house["ana"].rekey(house.now)
    house.settle()
    house.say("ben", "after")
    house.assert_one_session("ana", "ben", "eva")
    assert house.texts("ana") == [("eva", "in"), ("ben", "after")]
