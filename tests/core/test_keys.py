"""Public keys are checked when they arrive, results of Diffie-Hellman when they are made
(PROTOCOL.md section 3)."""

from house import Seeded, raises

from mpseq import Identity, errors, fingerprint
from mpseq.primitives import (
    KeyPairs,
    check_eddsa_key,
    check_suite,
    check_x25519_key,
    dh,
    equal,
    mc,
    seal_once,
    seal_random,
    sign,
    signing_key,
    tdh,
    unseal_once,
    unseal_random,
    verify,
)

P = (1 << 255) - 19


def raw(value):
    return value.to_bytes(32, "little")


# The points of order 1, 2, 4, 8, as every list in the literature has them.
SMALL_U = (
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    P - 1,
)
SMALL_Y = (
    1,
    0,
    2707385501144840649318225287225658788936804267575313519463743609750303402022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
    P - 1,
)


def with_top_bit(key):
    return key[:31] + bytes((key[31] | 0x80,))


def test_small_order_keys_are_refused_for_x25519():
    for u in SMALL_U:
        raises(errors.BadPublicKey, check_x25519_key, raw(u))
        raises(errors.BadPublicKey, check_x25519_key, with_top_bit(raw(u)))


def test_small_order_keys_are_refused_for_eddsa_whatever_the_sign_of_x():
    for y in SMALL_Y:
        raises(errors.BadPublicKey, check_eddsa_key, raw(y))
        raises(errors.BadPublicKey, check_eddsa_key, with_top_bit(raw(y)))


def test_the_two_lists_are_one_list():
    """Section 3 asks for the list of u applied to eddsa_to_x25519(y). u = -1 is of the twist, no
    y leads there; y = 1 (1/0 counts as 0) and y = -1 both lead to u = 0."""
    images = [bytes(mc.eddsa_to_x25519(raw(y))) for y in SMALL_Y]
    assert set(images) == set([raw(u) for u in SMALL_U[:-1]])


def test_keys_that_are_not_canonical_are_refused():
    for u in range(P, 1 << 255):
        raises(errors.BadPublicKey, check_x25519_key, raw(u))
        raises(errors.BadPublicKey, check_eddsa_key, raw(u))
        raises(errors.BadPublicKey, check_eddsa_key, with_top_bit(raw(u)))
    for u in (2, 9, P - 2, P - 3):
        assert check_x25519_key(raw(u)) == raw(u)
        raises(errors.BadPublicKey, check_x25519_key, with_top_bit(raw(u)))
        assert check_eddsa_key(raw(u)) == raw(u)
        assert check_eddsa_key(with_top_bit(raw(u))) == with_top_bit(raw(u))


def test_keys_of_another_length_are_refused():
    for size in (0, 1, 31, 33, 64):
        raises(errors.BadPublicKey, check_x25519_key, b"\x09" * size)
        raises(errors.BadPublicKey, check_eddsa_key, b"\x09" * size)


def test_true_keys_pass():
    random = Seeded("keys")
    for _ in range(20):
        keys = KeyPairs(random)
        check_x25519_key(keys.y)
        check_eddsa_key(keys.t)


def test_an_all_zero_diffie_hellman_is_refused():
    secret = Seeded("dh")(32)
    for u in SMALL_U:
        raises(errors.AllZeroSecret, dh, secret, raw(u), bytearray(32))
    out = bytearray(32)
    dh(secret, raw(9), out)
    assert out == mc.x25519_public_key(secret)


def test_monocypher_would_take_the_identity_for_a_key_of_any_message():
    """Why the check stands before the use: with y = 1, S = 0 and R = identity hold always."""
    assert mc.eddsa_check(raw(1) + bytes(32), raw(1), b"whatever")


def test_both_ends_of_a_triple_diffie_hellman_agree_and_nobody_else():
    random = Seeded("tdh")
    ana, ben, eva = [Identity.generate(random) for _ in range(3)]
    ana_keys, ben_keys, eva_keys = [KeyPairs(random) for _ in range(3)]
    one, two, other = bytearray(32), bytearray(32), bytearray(32)
    tdh(one, ana, ana_keys, ben.public, ben_keys.y, True)
    tdh(two, ben, ben_keys, ana.public, ana_keys.y, False)
    assert one == two
    for identity, keys, key, y, first in (
        (ana, ana_keys, ben.public, ben_keys.y, False),  # the order of the indexes counts
        (eva, ana_keys, ben.public, ben_keys.y, True),  # without ana's long-term key
        (ana, eva_keys, ben.public, ben_keys.y, True),  # without ana's exchange key
        (ana, ana_keys, eva.public, ben_keys.y, True),
        (ana, ana_keys, ben.public, eva_keys.y, True),
    ):
        tdh(other, identity, keys, key, y, first)
        assert other != one


def test_an_identity_is_a_secret_and_a_fingerprint():
    random = Seeded("identity")
    ana = Identity.generate(random)
    ben = Identity.generate(random)
    again = Identity(bytes(ana.secret))
    assert again.public == ana.public == bytes(mc.x25519_public_key(ana.secret))
    assert again.fingerprint == ana.fingerprint == fingerprint(ana.public)
    assert ana.fingerprint != ben.fingerprint
    groups = ana.fingerprint.split("-")
    assert [len(group) for group in groups] == [4] * 5
    for letter in "".join(groups):
        assert letter in "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    ana.wipe()
    assert ana.secret == bytes(32)
    assert again.secret != bytes(32)


def test_an_identity_of_another_length_is_the_callers_mistake():
    for size in (0, 31, 33):
        raises(errors.LocalError, Identity, bytes(size))


def test_wiped_key_pairs_are_zero():
    keys = KeyPairs(Seeded("wipe"))
    keys.wipe()
    assert keys.x == bytes(32)
    assert keys.t_secret == bytes(64)


def test_a_signature_holds_for_its_key_and_digest_only():
    random = Seeded("sign")
    secret, public = signing_key(random)
    other = signing_key(random)[1]
    digest = random(32)
    signature = sign(secret, digest)
    verify(signature, public, digest)
    raises(errors.BadSignature, verify, signature, other, digest)
    raises(errors.BadSignature, verify, signature, public, random(32))
    for at in range(64):
        bad = bytearray(signature)
        bad[at] ^= 1
        raises(errors.BadSignature, verify, bad, public, digest)


def test_a_seal_holds_for_its_key_nonce_and_data_only():
    random = Seeded("seal")
    key, nonce = random(32), random(24)
    sealed = seal_random(key, nonce, b"ad", b"plain")
    assert len(sealed) == 5 + 16
    assert bytes(unseal_random(key, nonce, b"ad", sealed)) == b"plain"
    raises(errors.BadSeal, unseal_random, random(32), nonce, b"ad", sealed)
    raises(errors.BadSeal, unseal_random, key, nonce, b"AD", sealed)
    raises(errors.BadSeal, unseal_random, key, bytes(24), b"ad", sealed)
    raises(errors.BadSeal, unseal_random, key, nonce, b"ad", sealed + b"\0")
    raises(errors.Truncated, unseal_random, key, nonce, b"ad", sealed[:15])
    once = seal_once(1, key, b"tag", (b"1",), b"", b"plain")
    assert bytes(unseal_once(1, key, b"tag", (b"1",), b"", once)) == b"plain"
    raises(errors.BadSeal, unseal_once, 1, key, b"tag", (b"2",), b"", once)
    raises(errors.BadSeal, unseal_once, 1, key, b"gat", (b"1",), b"", once)


def test_equal_compares_all_of_it():
    assert equal(b"abcd", bytearray(b"abcd"))
    assert equal(b"", b"")
    for other in (b"abce", b"bbcd", b"abc", b"abcd\0", b""):
        assert not equal(b"abcd", other)
    assert not equal(bytes(33), bytes(33))  # longer than it promises to look


def test_no_suite_but_1_and_2():
    check_suite(1)
    for suite in (0, 3, 255):
        raises(errors.LocalError, check_suite, suite)
