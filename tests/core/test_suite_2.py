"""Suite 2, AES-256 in counter mode and keyed BLAKE2b (PROTOCOL.md section 3): the published
vectors, the seal, and rooms that use it."""

from binascii import unhexlify

from cheats import Cheat, wrong_auth_to
from freezing import assert_unmoved, freeze
from house import House, Seeded, raises

from mpseq import aes_ctr, errors, events, primitives, wire
from mpseq.primitives import check_suite, kdf, mac, seal, seal_once, unseal, unseal_once

SUITE_2 = primitives.SUITE_AES_256_CTR_BLAKE2B
THREE = ("ana", "ben", "eva")

# NIST SP 800-38A, F.5.5 and F.5.6: CTR-AES256.
KEY = unhexlify("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
FIRST = unhexlify("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
PLAIN = unhexlify(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
CIPHER = unhexlify(
    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
    "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"
)


def crypt(key, data, first):
    out = bytearray(aes_ctr.size(len(data)))
    aes_ctr.crypt(key, data, memoryview(out), first)
    return bytes(out[: len(data)])


def together(*nicks, **changes):
    house = House(*nicks, **changes)
    house.found(nicks[0], suite=SUITE_2)
    house.bring(nicks[0], *nicks[1:])
    house.assert_one_session(*nicks)
    return house


# --- the counter mode and the seal


def test_the_counter_mode_gives_the_vectors_of_nist():
    assert crypt(KEY, PLAIN, FIRST) == CIPHER
    assert crypt(KEY, CIPHER, FIRST) == PLAIN


def test_a_text_that_fills_no_block():
    for length in range(len(PLAIN) + 1):
        assert crypt(KEY, PLAIN[:length], FIRST) == CIPHER[:length]


def test_the_counter_carries_through_all_16_bytes():
    zeros = bytes(32)
    assert crypt(KEY, zeros, b"\xff" * 16)[16:] == crypt(KEY, zeros, bytes(16))[:16]
    carried = crypt(KEY, zeros, bytes(15) + b"\xff")[16:]
    assert carried == crypt(KEY, zeros, bytes(14) + b"\1\0")[:16]
    long = crypt(KEY, bytes(257 * 16), bytes(16))
    assert len(set([long[at : at + 16] for at in range(0, len(long), 16)])) == 257
    assert long[256 * 16 :] == crypt(KEY, bytes(16), bytes(14) + b"\1\0")


def test_the_seal_is_what_the_page_says():
    """AES under KDF(key, "cipher"), counting from zero; then MAC16 under KDF(key, "mac")."""
    random = Seeded("seal")
    for size in (0, 1, 15, 16, 17, 32, 300):
        key, plain = random(32), random(size) if size else b""
        ciphertext = crypt(kdf(32, key, b"cipher"), plain, bytes(16))
        tag = mac(16, kdf(32, key, b"mac"), b"ad", ciphertext)
        assert bytes(seal(SUITE_2, key, b"ad", plain)) == ciphertext + tag
        opened = unseal(SUITE_2, key, b"ad", ciphertext + tag)
        assert isinstance(opened, bytearray) and opened == plain


def test_a_seal_of_suite_2_holds_for_its_key_and_data_only():
    random = Seeded("seal")
    key = random(32)
    sealed = bytes(seal(SUITE_2, key, b"ad", b"plain"))
    assert len(sealed) == 5 + 16
    assert unseal(SUITE_2, key, b"ad", memoryview(sealed)) == b"plain"
    raises(errors.BadSeal, unseal, SUITE_2, random(32), b"ad", sealed)
    raises(errors.BadSeal, unseal, SUITE_2, key, b"AD", sealed)
    raises(errors.BadSeal, unseal, SUITE_2, key, b"ad", sealed + b"\0")
    raises(errors.BadSeal, unseal, SUITE_2, key, b"ad" + sealed[:1], sealed[1:])
    raises(errors.BadSeal, unseal, SUITE_2, key, b"a", b"d" + sealed)
    raises(errors.BadSeal, unseal, 1, key, b"ad", sealed)
    raises(errors.BadSeal, unseal, SUITE_2, key, b"ad", bytes(seal(1, key, b"ad", b"plain")))
    raises(errors.Truncated, unseal, SUITE_2, key, b"ad", sealed[:15])
    for at in range(len(sealed)):
        bad = bytearray(sealed)
        bad[at] ^= 1
        raises(errors.BadSeal, unseal, SUITE_2, key, b"ad", bad)
    once = seal_once(SUITE_2, key, b"tag", (b"1",), b"", b"plain")
    assert unseal_once(SUITE_2, key, b"tag", (b"1",), b"", once) == b"plain"
    raises(errors.BadSeal, unseal_once, SUITE_2, key, b"tag", (b"2",), b"", once)
    raises(errors.BadSeal, unseal_once, SUITE_2, key, b"gat", (b"1",), b"", once)


def test_no_key_of_a_seal_stays():
    key = Seeded("wipe")(32)
    sealed = seal(SUITE_2, key, b"", b"plain")
    for scratch in (primitives._scratch_aes, primitives._scratch_mac):
        assert scratch == bytes(32)
    sealed[0] ^= 1
    raises(errors.BadSeal, unseal, SUITE_2, key, b"", sealed)
    for scratch in (primitives._scratch_aes, primitives._scratch_mac):
        assert scratch == bytes(32)


def test_a_suite_that_nobody_knows_seals_nothing():
    for suite in (0, 3, 255):
        raises(errors.LocalError, seal, suite, bytes(32), b"", b"plain")
        raises(errors.LocalError, unseal, suite, bytes(32), b"", bytes(32))


# --- rooms


def test_a_whole_conversation():
    house = together("ana", "ben", "eva")
    house.say("ana", "hello")
    house["ben"].send_data("text/csv", b"21.5,40", house.now)
    house.settle()
    house.wait(20000)
    assert house.of("ana", events.Confirmed)
    house.add("dan")
    house.bring("eva", "dan")
    house.assert_one_session("ana", "ben", "eva", "dan")
    house.say("dan", "x" * 40000)
    house["ana"].rekey(house.now)
    house.settle()
    house.say("ben", "after the re-key")
    house["eva"].leave(house.now)
    house.settle()
    house.wait(1000)
    house.assert_one_session("ana", "ben", "dan")
    house.say("dan", "and then")
    said = [("ana", "hello"), ("dan", "x" * 40000), ("ben", "after the re-key")]
    assert house.texts("ben") == said + [("dan", "and then")]
    assert house.texts("eva") == said
    for nick in house.order:
        assert house.refusals(nick) == []


def test_everything_after_the_join_is_sealed_by_aes():
    def never(*arguments):
        raise AssertionError("suite 1 was used")

    kept = primitives.seal_random, primitives.unseal_random
    # INVITATION and JOIN have theirs by name from before
    primitives.seal_random = primitives.unseal_random = never
    try:
        house = together(*THREE)
        house.say("ana", "hello")
        house["ana"].leave(house.now)
        house.settle()
        house.assert_one_session("ben", "eva")
        raises(AssertionError, House("ana", "ben").together, "ana", "ben")
    finally:
        primitives.seal_random, primitives.unseal_random = kept


def test_suites_1_and_2_are_two_conversations():
    """One script from one seed: the sid covers the suite; frames have the same sizes."""
    one, two = House(*THREE), House(*THREE)
    one.together(*THREE)
    two.found("ana", suite=SUITE_2)
    two.bring("ana", "ben", "eva")
    for house in (one, two):
        house.say("ben", "hello")
        house["ana"].rekey(house.now)
        house.settle()
        house.assert_one_session(*THREE)
    assert one["ana"].room.suite == 1 and two["ana"].room.suite == 2
    assert one["ana"].session.sid != two["ana"].session.sid
    assert one["ana"].code != two["ana"].code
    assert one.kinds() == two.kinds()
    assert [len(frame) for frame in one.frames] == [len(frame) for frame in two.frames]
    same = set(one.frames) & set(two.frames)
    assert set([frame[0] & 15 for frame in same]) == set((wire.JOIN,))  # covers no conversation


def flipped(frame, at):
    out = bytearray(frame)
    out[at] ^= 0x80
    return bytes(out)


class Flipper:
    """A carrier's hook that brings, before each frame of these kinds, copies with another tag or
    ciphertext, and sees that they change nothing. `reasons[kind]`: why they were refused."""

    def __init__(self, house, kinds, then=None):
        self.house = house
        self.kinds = kinds
        self.then = then
        self.reasons = {}

    def __call__(self, sender, frame):
        for out in self.then(sender, frame) if self.then else (frame,):
            if wire.frame_type(out) in self.kinds:
                for at in (-1, -16, -17):  # both ends of the tag, the end of the ciphertext
                    self.offer(sender, flipped(out, at))
            yield out

    def offer(self, sender, frame):
        kind = wire.frame_type(frame)
        if kind == wire.MESSAGE:  # as one who knows the header key can make it
            header_key = self.house[sender].session._header_key
            rest = frame[5:]
            frame = frame[:1] + mac(4, header_key, frame[:1], rest) + rest
        for nick in self.house.order:
            if nick == sender:
                continue
            person = self.house[nick]
            person.take_events()
            before = freeze(person)
            person.receive("x", frame, self.house.now)
            assert_unmoved(before, person)
            for event in person.take_events():
                self.reasons.setdefault(kind, set()).add(event.reason)


def test_a_frame_with_another_tag_is_refused_and_changes_nothing():
    house = House(*THREE)
    house.found("ana", suite=SUITE_2)
    kinds = (wire.MESSAGE, wire.ROSTER, wire.SHARE, wire.CONFIRM)
    house.hook = Flipper(house, kinds)
    house.bring("ana", "ben", "eva")
    house.say("ben", "hello")
    house.assert_one_session(*THREE)
    assert house.texts("eva") == [("ben", "hello")]
    for kind in kinds:
        assert house.hook.reasons[kind] == set((errors.BadSeal.name,)), kind


def test_a_failed_exchange_is_sealed_by_aes_too():
    house = together("ana", "ben", "eva", "dan")
    cheat = Cheat(house).spoil("eva", wire.SHARE, wrong_auth_to(house["dan"].session.me))
    house.hook = flipper = Flipper(house, (wire.ABORT, wire.REVEAL), cheat)
    house["ana"].rekey(house.now)
    house.settle()
    for kind in (wire.ABORT, wire.REVEAL):
        assert flipper.reasons[kind] == set((errors.BadSeal.name,)), kind
    house.hook = None
    house.wait(300000)
    house.assert_one_session("ana", "ben", "dan")
    for nick in ("ana", "ben", "dan"):
        assert [one.nick for one in house.of(nick, events.Convicted)] == ["eva"]


# --- a runtime without AES


class WithoutAes:
    def __enter__(self):
        self.aes = aes_ctr.aes
        aes_ctr.aes = None

    def __exit__(self, *_):
        aes_ctr.aes = self.aes


def test_who_lacks_aes_founds_no_room_of_suite_2():
    house = House("ana", "ben")
    before = freeze(house["ana"])
    with WithoutAes():
        error = raises(errors.LocalError, house["ana"].create, "test", house.now, SUITE_2)
    assert "suite 2 needs AES" in str(error)
    assert_unmoved(before, house["ana"])
    house.together("ana", "ben")


def test_who_lacks_aes_joins_no_room_of_suite_2():
    house = House("ana", "ben")
    house.accepting = False
    house.found("ana", suite=SUITE_2)
    house.bring("ana", "ben")
    (invited,) = house.of("ben", events.Invited)
    before = freeze(house["ben"])
    with WithoutAes():
        error = raises(errors.LocalError, house["ben"].accept, invited.invitation, house.now)
    assert "suite 2 needs AES" in str(error)
    assert_unmoved(before, house["ben"])
    house["ben"].accept(invited.invitation, house.now)
    house.settle()
    house.assert_one_session("ana", "ben")


def test_an_aes_that_computes_something_else_is_none():
    class Wrong:
        def __init__(self, key, mode):
            pass

        def encrypt(self, data, out):
            return out

    class Short:
        def __init__(self, key, mode):
            raise ValueError("key")

    for other in (Wrong, Short):
        with WithoutAes():
            aes_ctr.aes = other
            raises(errors.LocalError, check_suite, SUITE_2)
    check_suite(SUITE_2)


def test_an_unknown_suite_is_refused():
    house = House("ana", "ben")
    for suite in (0, 3, 255):
        raises(errors.LocalError, house["ana"].create, "test", house.now, suite)
    house.accepting = False
    house.found("ana", suite=SUITE_2)
    house["ana"].room.suite = 3  # a version of mpseq to come
    house.bring("ana", "ben")
    (invited,) = house.of("ben", events.Invited)
    error = raises(errors.LocalError, house["ben"].accept, invited.invitation, house.now)
    assert str(error) == "suite 3 is unknown here"
