"""What can go wrong. `LocalError`: the caller's mistake. `FrameError`: a frame that is refused.

A refused frame changes nothing. Every reason has its own class, and `name` says it in words that
a person can be shown; nothing in it is secret. These classes are made when they are first asked
for: all of them together would take 4 kB of a board's memory, and most are never seen.
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


class Proof(FrameError):
    """Its author, the participant `index` of the exchange, is convicted by it (section 7)."""

    name = "proof of a wrong frame"

    def __init__(self, index=None):
        super().__init__()
        self.index = index


# FrameErrors, and what they say. One text each, which is a quarter of the memory of a table.
REASONS = (
    "Truncated: truncated;"
    "TrailingBytes: trailing bytes;"
    "Oversized: too long;"
    "WrongVersion: another version;"
    "UnknownType: unknown type;"
    "WrongLength: wrong length;"
    "BadVarint: varint not minimal;"
    "BadPadding: padding not zero or not minimal;"
    "BadText: bad nick or text;"
    "BadPublicKey: public key not canonical or of small order;"
    "AllZeroSecret: all-zero Diffie-Hellman result;"
    "BadIndex: no such participant;"
    "Stranger: not of this session;"
    "BadSeal: seal does not open;"
    "BadSignature: signature does not hold;"
    "BadReveal: revealed secret does not fit its key;"
    "Aborted: exchange was aborted;"
    "Duplicate: duplicate or late;"
    "SkippedTooFar: counter too far ahead;"
    "NotMine: a frame in my place that is not mine;"
    "OutOfPlace: not right at this place;"
    "BadRoster: roster does not fit;"
    "OtherPsk: pre-shared key differs;"
    "TooManyRosters: too many rosters for one JOIN;"
    "TooManyInvitations: too many invitations in a short time"
)
# Proofs, the same.
PROOFS = (
    "BadCommitment: opening misses its commitment;"
    "Contradiction: two different signed parts"
)


def each(known):
    """[(name of the class, what it says)] of one of these texts."""
    return [entry.split(": ") for entry in known.split(";")]


def __getattr__(wanted):
    for base, known in ((FrameError, REASONS), (Proof, PROOFS)):
        for name, words in each(known):
            if name == wanted:
                made = type(name, (base,), {"name": words})
                globals()[name] = made
                return made
    raise AttributeError(wanted)
