"""Bad frames of every type: refused under their name, or ignored as meant; never an exception, and
nothing moves (PROTOCOL.md sections 3, 10). Damage here is what a stranger or a bad line can do."""

import sys

from freezing import assert_unmoved, freeze
from house import House

from mpseq import errors, wire

STEP = 11 if sys.platform == "qemu" else 1  # between two places: an emulator is slow
NAMES = [words for _, words in errors.each(errors.REASONS + ";" + errors.PROOFS)]


class Victim:
    """One person, its state, and what it says to frames that must not move it."""

    def __init__(self, house, nick):
        self.house = house
        self.nick = nick
        self.person = house[nick]
        self.person.tick(house.now)
        self.before = freeze(self.person)

    def offer(self, frame):
        """The reason of the refusal, or None when it was ignored; the state must be as before."""
        person = self.person
        person._openings = 8  # so that each INVITATION is really looked at
        person.receive("x", frame, self.house.now)
        seen = person.take_events()
        assert_unmoved(self.before, person)
        assert len(seen) <= 1, seen
        if not seen:
            return None
        assert type(seen[0]).__name__ == "Refused", seen
        assert seen[0].reason in NAMES
        return seen[0].reason


def damaged(frame, stride):
    """(what was done, frame) for every damage that changes the frame but not its first byte."""
    for size in range(1, len(frame), stride):
        yield "cut to %d" % size, frame[:size]
    yield "without the last byte", frame[:-1]
    yield "one byte more", frame + b"\0"
    yield "one byte more", frame + b"\xff"
    yield "twice", frame + frame
    for at in range(1, len(frame), stride):
        bad = bytearray(frame)
        bad[at] ^= 1 << at % 8
        yield "byte %d flipped" % at, bytes(bad)


def story(attack, *, psk=b""):
    """ana brings ben, then ben brings eva, ana says something, the room re-keys; before each frame
    is brought, attack(house, frame, recipients) is called. At the end everybody must be well."""
    house = House("ana", "ben", "eva", psk=psk)
    kinds = []

    def hook(sender, frame):
        kinds.append(frame[0] & 15)
        attack(house, frame)
        return (frame,)

    house.hook = hook
    house.found("ana")
    house.bring("ana", "ben")
    house.bring("ben", "eva")
    house.say("ana", "all is well")
    house["eva"].rekey(house.now)
    house.settle()
    house.hook = None
    house.assert_one_session("ana", "ben", "eva")
    assert house.texts("eva") == [("ana", "all is well")]
    for kind in range(1, 7):
        assert kind in kinds
    return house


def concerned(house, frame, nick):
    """Whether this person has something to check in a frame of this type at this moment."""
    kind = frame[0] & 15
    person = house[nick]
    if kind == wire.INVITATION:
        return person.session is None
    if kind == wire.JOIN:
        return bool(person._invites)
    if kind == wire.MESSAGE:
        return person.session is not None
    return person.session is not None or person._joining is not None


def test_damaged_frames_of_every_type():
    """Cut short at every place, longer, any byte flipped: of the first frames of each type."""
    told = {}

    def attack(house, frame):
        kind = frame[0] & 15
        told.setdefault(kind, [])
        if len(told[kind]) >= 4:
            return
        for nick in house.order:
            if not concerned(house, frame, nick):
                continue
            victim = Victim(house, nick)
            reasons = []
            for what, bad in damaged(frame, STEP):
                reason = victim.offer(bad)
                if kind in (wire.MESSAGE, wire.SHARE, wire.CONFIRM) and house[nick].session:
                    assert reason, (kind, nick, what)
                reasons.append(reason)
            told[kind].append((nick, set(reasons)))

    story(attack)
    seen = {}
    for kind in told:
        seen[kind] = set()
        for _, reasons in told[kind]:
            seen[kind] |= reasons
    stranger, seal = errors.Stranger.name, errors.BadSeal.name
    assert seen[wire.MESSAGE] == {errors.Truncated.name, stranger}
    assert {errors.Truncated.name, stranger, seal} <= seen[wire.SHARE]
    assert {errors.Truncated.name, stranger, seal} <= seen[wire.CONFIRM]
    assert {errors.Truncated.name, errors.WrongLength.name, seal} <= seen[wire.INVITATION]
    assert errors.Truncated.name in seen[wire.JOIN]
    assert {errors.OutOfPlace.name, errors.Truncated.name, seal} <= seen[wire.ROSTER]


def test_a_good_frame_does_move_the_state():
    """Else "nothing moved" would prove nothing: each frame of the story moves whom it concerns."""
    house = House("ana", "ben", "eva")
    moved = {}

    def hook(sender, frame):
        before = [freeze(house[nick]) for nick in house.order]
        house.deliver(sender, frame)
        after = [freeze(house[nick]) for nick in house.order]
        count = len([at for at in range(3) if before[at] != after[at]])
        moved.setdefault(frame[0] & 15, []).append(count)
        return ()

    house.hook = hook
    house.found("ana")
    house.bring("ana", "ben", "eva")
    house.say("ana", "all is well")
    assert sorted(moved) == [1, 2, 3, 4, 5, 6]
    for kind in moved:
        least = {wire.JOIN: 1, wire.INVITATION: 2, wire.MESSAGE: 1}.get(kind, 3)
        assert min(moved[kind]) >= least, (kind, moved[kind])


def test_other_versions_types_and_sizes():
    def attack(house, frame):
        for nick in house.order:
            victim = Victim(house, nick)
            for version in (0, 2, 15):
                bad = bytes((version << 4 | frame[0] & 15,)) + frame[1:]
                assert victim.offer(bad) == errors.WrongVersion.name
            for kind in (0, 10, 15):
                bad = bytes((0x10 | kind,)) + frame[1:]
                assert victim.offer(bad) == errors.UnknownType.name
            assert victim.offer(frame + bytes(wire.MAX_FRAME)) == errors.Oversized.name
            assert victim.offer(b"") == errors.Truncated.name

    story(attack)


def test_a_frame_under_another_type():
    """The type is bound by everything: no frame is taken for one of another type."""

    def attack(house, frame):
        for nick in house.order:
            victim = Victim(house, nick)
            for kind in range(1, 9):
                if kind != frame[0] & 15:
                    victim.offer(bytes((0x10 | kind,)) + frame[1:])

    story(attack)


def test_every_frame_twice():
    """A duplicate is refused with a name by those it concerned, and changes nothing."""
    house = House("ana", "ben", "eva")
    last = []

    def hook(sender, frame):
        for old in last[-3:]:
            for nick in house.order:
                Victim(house, nick).offer(old)
        last.append(frame)
        return (frame,)

    house.hook = hook
    house.found("ana")
    house.bring("ana", "ben", "eva")
    house.say("ana", "all is well")
    house["eva"].rekey(house.now)
    house.settle()
    house.assert_one_session("ana", "ben", "eva")


def test_the_names_of_duplicates():
    house = House("ana", "ben", "eva", "zoe").together("ana")
    wanted = {
        wire.INVITATION: ("ben", errors.Duplicate.name),
        wire.JOIN: ("ana", errors.Duplicate.name),
        wire.ROSTER: ("ben", errors.Duplicate.name),
        wire.SHARE: ("ben", errors.Duplicate.name),
        wire.CONFIRM: ("ana", errors.Duplicate.name),
    }
    seen = []

    def hook(sender, frame):
        kind = frame[0] & 15
        house.deliver(sender, frame)
        if kind in wanted and kind not in seen:
            nick, reason = wanted[kind]
            seen.append(kind)
            assert Victim(house, nick).offer(frame) == reason, kind
        return ()

    house.hook = hook
    house.bring("ana", "ben", "eva")
    assert sorted(seen) == sorted(wanted)
    house.assert_one_session("ana", "ben", "eva")


def test_the_whole_past_again():
    """Every frame of a room's life, brought once more to members, a newcomer and an outsider."""
    house = story(lambda house, frame: None)
    house.add("zoe")
    house["eva"].leave(house.now)
    house.settle()
    past = list(house.frames)
    for nick in ("ana", "ben", "zoe"):
        victim = Victim(house, nick)
        for frame in past:
            reason = victim.offer(frame)
            if frame[0] & 15 in (wire.MESSAGE, wire.SHARE, wire.CONFIRM, wire.ROSTER):
                assert reason or nick == "zoe"


def test_frames_of_another_room():
    other = story(lambda house, frame: None, psk=b"x" * 16)
    house = House("dan", "fay", seed="other").together("dan", "fay")
    for nick in house.order:
        victim = Victim(house, nick)
        for frame in other.frames:
            reason = victim.offer(frame)
            assert reason or frame[0] & 15 in (wire.INVITATION, wire.JOIN)


def test_noise():
    """Bytes of a seeded die behind every type, to people in every state."""
    from house import Seeded

    die = Seeded("noise")
    house = House("ana", "ben", "eva", "zoe").together("ana", "ben")
    house.accepting = False
    house.bring("ana", "eva")
    house["eva"].accept(house.seen["eva"][0].invitation, house.now)
    house["eva"].take_frames()
    for nick in house.order:
        victim = Victim(house, nick)
        for kind in range(1, 9):
            for size in (0, 1, 4, 5, 6, 40, 58, 90, 200):
                victim.offer(bytes((0x10 | kind,)) + die(size))
                victim.offer(bytes((0x10 | kind,)) + bytes(size))
