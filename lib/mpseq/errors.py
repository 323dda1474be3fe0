"""What can go wrong. `LocalError`: the caller's mistake. `FrameError`: a frame that is refused.

A refused frame changes nothing. Every reason has its own class, and `name` says it in words that
a person can be shown; nothing in it is secret.
"""


class MpseqError(Exception):
    """The base of all errors of mpseq."""


class LocalError(MpseqError):
    """The application asked for something that cannot be done; nothing was changed."""


class FrameError(MpseqError):
    """A frame is refused."""

    name = "refused"

    def __str__(self):
        return self.name


class Truncated(FrameError):
    name = "truncated"


class TrailingBytes(FrameError):
    name = "trailing bytes"


class Oversized(FrameError):
    name = "too long"


class WrongVersion(FrameError):
    name = "another version"


class UnknownType(FrameError):
    name = "unknown type"


class WrongLength(FrameError):
    name = "wrong length"


class BadVarint(FrameError):
    name = "varint not minimal"


class BadPadding(FrameError):
    name = "padding not zero or not minimal"


class BadText(FrameError):
    name = "bad nick or text"


class BadPublicKey(FrameError):
    name = "public key not canonical or of small order"


class AllZeroSecret(FrameError):
    name = "all-zero Diffie-Hellman result"


class BadIndex(FrameError):
    name = "no such participant"


class Stranger(FrameError):
    name = "not of this session"


class BadSeal(FrameError):
    name = "seal does not open"


class BadSignature(FrameError):
    name = "signature does not hold"


class Proof(FrameError):
    """Its author, the participant `index` of the exchange, is convicted by it (section 7)."""

    name = "proof of a wrong frame"

    def __init__(self, index=None):
        super().__init__()
        self.index = index


class BadCommitment(Proof):
    name = "opening misses its commitment"


class Contradiction(Proof):
    name = "two different signed parts"


class BadReveal(FrameError):
    name = "revealed secret does not fit its key"


class Aborted(FrameError):
    name = "exchange was aborted"


class Duplicate(FrameError):
    name = "duplicate or late"


class SkippedTooFar(FrameError):
    name = "counter too far ahead"


class NotMine(FrameError):
    name = "a frame in my place that is not mine"


class OutOfPlace(FrameError):
    name = "not right at this place"


class BadRoster(FrameError):
    name = "roster does not fit"


class OtherPsk(FrameError):
    name = "pre-shared key differs"


class TooManyRosters(FrameError):
    name = "too many rosters for one JOIN"


class TooManyInvitations(FrameError):
    name = "too many invitations in a short time"
