"""The conformance script: a conversation from fixed seeds, byte for byte the same everywhere.

`lines()` yields the transcript as text: every frame in full, and what each member came to. The
result on CPython is checked in as tests/vectors/conversation.txt, and of suite 2 as
conversation_suite_2.txt (made by tests/make_vectors.py); every runtime must reproduce it. A second
implementation can use it too: `Seeded` in house.py says how the random bytes are made, and the
script below when they are drawn.
"""

from binascii import hexlify

from house import House

from mpseq import errors
from mpseq.primitives import H


def _hex(data):
    return hexlify(data).decode()


def _script(house, suite):
    """What happens, step by step; yields the name of each step when it is done."""
    house.found("ana", "garden", suite=suite)
    yield "ana founds"
    house.bring("ana", "ben", "eva")
    yield "ana brings ben and eva in one batch"
    house.say("ben", "hello")
    house.say("ana", "gr\u00fc\u00df dich")
    house["eva"].send_data("text/csv", b"21.5,40", house.now)
    house.settle()
    house.wait(20000)
    yield "texts, data and acknowledgements"
    house.bring("eva", "dan")
    yield "eva brings dan"
    house["ana"].rekey(house.now)
    house.settle()
    yield "ana re-keys"
    house.say("dan", "x" * 300)
    house["ben"].leave(house.now)
    house.settle()
    house.wait(1000)
    yield "ben leaves"
    house.say("eva", "")
    house.wait(20000)
    yield "the rest go on"


def lines(suite=1, people=("ana", "ben", "eva", "dan")):
    """Lines: `step TEXT`, `frame HEX` or `state NICK sid HEX transcript N HEX code DIGITS`."""
    house = House(*people, seed="conformance/1")
    at = 0
    for step in _script(house, suite):
        yield "step " + step
        for frame in house.frames[at:]:
            yield "frame " + _hex(frame)
        at = len(house.frames)
        for nick in people:
            person = house[nick]
            if person.session:
                count, h = person.transcript
                code = person.code.digits if person.code else "-"
                yield "state %s sid %s transcript %d %s code %s" % (
                    nick, _hex(person.session.sid), count, _hex(h), code,
                )
        for nick in people:
            if house[nick].refused:
                raise errors.LocalError("%s refused %r" % (nick, house[nick].refused))


def compare(expected, suite=1):
    """Runs the script against an iterable of expected lines; returns how many agree, raises
    AssertionError at the first that does not. Needs no more memory than one line."""
    count = 0
    mine = lines(suite)
    for want in expected:
        want = want.strip()
        if not want or want[0] == "#":
            continue
        got = next(mine, "(end)")
        if got != want:
            raise AssertionError("line %d: expected %s\n got %s" % (count + 1, want, got))
        count += 1
    if next(mine, None) is not None:
        raise AssertionError("more lines than expected")
    return count


def digest_of(transcript):
    """One hash over the lines of a transcript: 32 bytes as hex."""
    value = bytes(32)
    for line in transcript:
        value = H(b"conformance", value, line.encode())
    return _hex(value)


def digest(suite=1):
    """The hash of what this runtime makes of the script."""
    return digest_of(lines(suite))
