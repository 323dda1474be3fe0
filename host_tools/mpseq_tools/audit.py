"""`mpseq audit-transcript`: checks all of a transcript that can be checked, and says what it is
worth as evidence, which is nothing: `mpseq forge` makes files that pass as well.
"""

from mpseq import fingerprint
from mpseq.errors import MpseqError
from mpseq.primitives import mc
from mpseq_aio.framing import clean

from .follow import Follower
from .ring import Refused, need, x25519
from .transcript import FORMAT, Told, written

VERDICT = """\
Consistent. This proves nothing about who took part or who said what: `mpseq forge` makes a
transcript that passes just so from the public keys alone, with any words in it."""


class Audit:
    """The result: `rings`, `texts`, `counts`, `doubts` as in Follower."""

    def __init__(self, follower, frames):
        self.rings = follower.rings
        self.texts = follower.texts
        self.counts = follower.counts
        self.doubts = follower.doubts
        self.witness = follower.witness
        self.room = follower.room
        self.frames = frames

    def lines(self):
        """The report, in lines that are safe to show: names in a file of others may turn the
        direction of writing."""
        return map(clean, self._lines())

    def _lines(self):
        for nick, key in self._everyone():
            saw = ", the witness" if key == self.witness else ""
            yield f"{nick} [{fingerprint(key)}]{saw}"
        number = 0
        for ring in self.rings:
            nicks = ", ".join([who.nick for who in ring.people])
            if not ring.complete:
                yield f"exchange of {nicks}: not completed ({ring.failure or 'broken off'})"
                continue
            number += 1
            code = ring.code
            shown = f"; session code {code.digits}, {' '.join(code.words)}" if code else ""
            yield f"session {number}: {nicks}{shown}"
            for session, nick, content, counts in self.texts:
                if session == number:
                    late = "" if counts else " (too late to count)"
                    yield f"  <{nick}> {' / '.join(content.splitlines())}{late}"
        yield f"checked in {self.frames} frames:"
        for what, count in sorted(self.counts.items()):
            yield f"  {count:4} {what}"

        for doubt in self.doubts:
            yield f"doubt: {doubt}"

    def _everyone(self):
        seen = {}
        for ring in self.rings:
            for who in ring.people:
                seen.setdefault(who.key, who.nick)
        return [(nick, key) for key, nick in seen.items()]


def audit(transcript, secret=None):
    """The Audit of a transcript (a dict, from JSON); Refused when anything in it does not fit.

    `secret`: the witness's long-term secret, 32 bytes, for one who has got hold of it.
    """
    need(isinstance(transcript, dict), "this file holds no transcript")
    need(transcript.get("format") == FORMAT, "another format")
    told = Told(transcript)
    try:
        follower = Follower(told.room, told.witness, told)
    except MpseqError as error:
        raise Refused(str(error)) from None
    for number, frame in enumerate(told.frames, 1):
        try:
            need(follower.take(frame), "says nothing to the witness")
        except Refused as refused:
            raise Refused(f"frame {number} of {len(told.frames)}: {refused}") from None
    _compare(written(told.room, follower, told.frames), transcript, "transcript")
    _check_signers(follower)
    if secret is not None:
        _check_long_term(told, secret, follower.counts)
    return Audit(follower, len(told.frames))


def _compare(right, told, where):
    """Whether the file says what follows from its frames, and nothing else."""
    if isinstance(right, dict) and isinstance(told, dict):
        need(set(right) == set(told), f"{where}: other fields than it should have")
        for name in right:
            _compare(right[name], told[name], f"{where}.{name}")
    elif isinstance(right, list) and isinstance(told, list):
        need(len(right) == len(told), f"{where}: {len(told)} entries instead of {len(right)}")
        for at in range(len(right)):
            _compare(right[at], told[at], f"{where}[{at}]")
    else:
        need(type(right) is type(told) and right == told, f"{where} does not follow from the rest")


def _check_signers(follower):
    """Every key that signs anything is a one-time key: it is nobody's long-term key, and signs in
    one session only."""
    long_term = {who.key for ring in follower.rings for who in ring.people}
    seen = set()
    for ring in follower.rings:
        for who in ring.people:
            need(mc.eddsa_to_x25519(who.t) not in long_term, "a long-term key that signs")
        if not ring.complete:
            continue
        for key in [who.t for who in ring.people] + ring.statements:
            need(mc.eddsa_to_x25519(key) not in long_term, "a long-term key that signs")
            need(key not in seen, "a key that signs in two sessions")
            seen.add(key)
    follower.counts["signing keys, each of one session, none a long-term key"] += len(seen)


def _check_long_term(told, secret, counts):
    need(bytes(mc.x25519_public_key(secret)) == told.witness, "not the witness's secret")
    for public, value in told.statics().items():
        need(x25519(secret, public) == value, "a value that the witness's secret does not give")
        counts["values that the witness's own long-term secret gives"] += 1
