"""One conversation for tests of transcripts: recorded of real people, or forged of public keys."""

import hashlib
import json

from mpseq import Identity
from mpseq.primitives import mc
from mpseq_tools.forge import Stage, forge

SCRIPT = """
# ana founds the room; ben is there from the beginning
ana: hello
ben: hi
ana /invite eva dan
eva: good evening
/wait 20
ben /rekey
ben: nobody will ever prove that I said this
eva /cheat
ana /rekey
dan: eva is out
ben /leave
ana: just the two of us
"""
NICKS = ("ana", "ben", "eva", "dan")
P = 2**255 - 19


def identity(nick):
    """A person with a secret of its own."""
    return Identity(hashlib.sha256(nick.encode()).digest())


def key_of_nobody(label):
    """A public key whose secret never existed: a point of the curve found by hashing, times the
    cofactor and more, so that it is of the prime-order subgroup as real keys are."""
    for at in range(100):
        u = int.from_bytes(hashlib.sha256(f"{label} {at}".encode()).digest(), "little") % P
        if pow(u**3 + 486662 * u**2 + u, (P - 1) // 2, P) == 1:
            scalar = hashlib.sha256(b"a multiple").digest()
            return bytes(mc.x25519(scalar, u.to_bytes(32, "little")))
    raise AssertionError("no point")


def read_back(data):
    """As it comes out of the file."""
    return json.loads(json.dumps(data))


def record(witness, script=SCRIPT, suite=1):
    """The transcript of a real conversation: everyone computes with its own long-term secret."""
    stage = Stage({nick: identity(nick) for nick in NICKS}, witness, suite=suite)
    stage.play(script)
    return read_back(stage.recorder.transcript())


def forged(witness, script=SCRIPT, key=key_of_nobody, suite=1):
    people = {nick: key(nick) for nick in NICKS}
    return read_back(forge(people, script, witness, suite=suite))


def said(result):
    return [(nick, content) for _, nick, content, counts in result.texts if counts]


ALL = [
    ("ana", "hello"), ("ben", "hi"), ("eva", "good evening"),
    ("ben", "nobody will ever prove that I said this"), ("dan", "eva is out"),
    ("ana", "just the two of us"),
]
