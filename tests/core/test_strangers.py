"""What a stranger's frame costs: one cheap check (PROTOCOL.md section 1, "no stranger can
disturb"; section 9, "stranger's JOIN that costs 64 DH")."""

from freezing import assert_unmoved, freeze
from house import House, Seeded
from test_inviting import crowd

from mpseq import errors, primitives, wire


class Counting:
    """Stands in for the module monocypher and counts what is asked of it."""

    def __init__(self, mc):
        self._mc = mc
        self.count = {}

    def _counted(self, name, arguments):
        self.count[name] = self.count.get(name, 0) + 1
        return getattr(self._mc, name)(*arguments)

    def x25519(self, *arguments):
        return self._counted("x25519", arguments)

    def x25519_public_key(self, *arguments):
        return self._counted("x25519_public_key", arguments)

    def eddsa_key_pair(self, *arguments):
        return self._counted("eddsa_key_pair", arguments)

    def eddsa_sign(self, *arguments):
        return self._counted("eddsa_sign", arguments)

    def eddsa_check(self, *arguments):
        return self._counted("eddsa_check", arguments)

    def aead_lock(self, *arguments):
        return self._counted("aead_lock", arguments)

    def aead_unlock(self, *arguments):
        return self._counted("aead_unlock", arguments)

    def blake2b_framed(self, *arguments):
        return self._counted("blake2b_framed", arguments)

    def verify32(self, *arguments):
        return self._mc.verify32(*arguments)

    def wipe(self, *arguments):
        return self._mc.wipe(*arguments)


def cost(person, frame, now=0):
    """What receiving this frame costs this person: {function: calls}, comparisons apart."""
    before = freeze(person)
    true_mc = primitives.mc
    counting = Counting(true_mc)
    primitives.mc = counting
    primitives.blake2b_framed = counting.blake2b_framed
    try:
        person.receive("x", frame, now)
    finally:
        primitives.mc = true_mc
        primitives.blake2b_framed = true_mc.blake2b_framed
    assert_unmoved(before, person)
    person.take_events()
    return counting.count


def frame_of(kind, size, die):
    return bytes((wire.head(kind),)) + die(size)


def test_the_counting_counts():
    house = House("ana", "ben").together("ana", "ben")
    house["ana"].send("hello", house.now)
    frame = house["ana"].take_frames()[0]
    true_mc = primitives.mc
    counting = Counting(true_mc)
    primitives.mc = counting
    primitives.blake2b_framed = counting.blake2b_framed
    try:
        house["ben"].receive("ana", frame, house.now)
    finally:
        primitives.mc = true_mc
        primitives.blake2b_framed = true_mc.blake2b_framed
    assert counting.count == {"blake2b_framed": 5, "aead_unlock": 1, "eddsa_check": 1}


def test_what_a_strangers_frame_costs_a_member():
    house = House("ana", "ben").together("ana", "ben")
    die = Seeded("stranger")
    ana = house["ana"]
    for size in (150, 1000, 16000):
        assert cost(ana, frame_of(wire.MESSAGE, size, die)) == {"blake2b_framed": 1}
        for kind in (wire.INVITATION, wire.JOIN, wire.ROSTER, wire.SHARE, wire.CONFIRM,
                     wire.ABORT, wire.REVEAL):
            assert cost(ana, frame_of(kind, size, die)) == {}, kind


def test_a_copied_index_and_counter_help_no_stranger():
    house = House("ana", "ben").together("ana", "ben")
    house.say("ana", "hello")
    true = house.frames[-1]
    for at in range(1, len(true)):
        bad = true[:at] + bytes((true[at] ^ 1,)) + true[at + 1 :]
        assert cost(house["ben"], bad) == {"blake2b_framed": 1}


def test_a_strangers_join_costs_no_diffie_hellman():
    """One keyed hash for each open invitation; 64 at most."""
    house = House("ana").together("ana")
    house["ana"].invite(crowd(63), house.now)
    house.settle()
    die = Seeded("stranger")
    assert cost(house["ana"], frame_of(wire.JOIN, 160, die)) == {"blake2b_framed": 63}
    assert cost(house["ana"], frame_of(wire.JOIN, 20, die)) == {}


def test_a_strangers_share_in_a_running_exchange():
    """The tag is in clear: who copies it costs one key and one seal that does not open."""
    house = House("ana", "ben").together("ana", "ben")
    house.hook = lambda sender, frame: () if frame[0] & 15 == wire.SHARE else (frame,)
    house["ana"].rekey(house.now)
    house.settle()
    die = Seeded("stranger")
    ana = house["ana"]
    tag = ana._attempt.exchange.tag
    for kind in (wire.SHARE, wire.CONFIRM):
        assert cost(ana, frame_of(kind, 190, die)) == {}
        copied = bytes((wire.head(kind),)) + tag + b"\0" + die(190)
        assert cost(ana, copied) == {"blake2b_framed": 1, "aead_unlock": 1}


def test_a_strangers_roster_costs_a_joiner_one_hash():
    house = House("ana", "ben").together("ana")
    house.hook = lambda sender, frame: () if frame[0] & 15 == wire.ROSTER else (frame,)
    house.bring("ana", "ben")
    die = Seeded("stranger")
    frame = bytes((wire.head(wire.ROSTER),)) + die(32) + b"\1" + die(300)
    assert cost(house["ben"], frame) == {"blake2b_framed": 1}


def test_a_strangers_invitation_costs_a_newcomer_so_many_diffie_hellman_and_no_more():
    """Section 5.1: opening is rate-limited; the one cost that somebody outside must bear."""
    house = House("zoe")
    die = Seeded("stranger")
    zoe = house["zoe"]
    total = 0
    for _ in range(100):
        e = primitives.mc.x25519_public_key(die(32))
        frame = bytes((wire.head(wire.INVITATION),)) + die(24) + e + b"\1" + die(150)
        total += cost(zoe, frame).get("x25519", 0)
    assert total == 8
    assert zoe.refused == {errors.TooManyInvitations.name: 92}


def test_a_flood_of_junk_moves_nothing_and_is_counted():
    house = House("ana", "ben").together("ana", "ben")
    die = Seeded("flood")
    ana = house["ana"]
    before = freeze(ana)
    for _ in range(500):
        ana.receive("x", b"\x11" + die(60 + die(1)[0]), house.now)
    ana.take_events()
    assert_unmoved(before, ana)
    assert sum(ana.refused.values()) == 500
    house.say("ben", "still here")
    assert house.texts("ana") == [("ben", "still here")]
