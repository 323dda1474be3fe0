"""Words and marks for people and messages: the same on every screen."""

import dataclasses
import re
import unicodedata

from mpseq import fingerprint

# By the state of a text: a mark that needs no colour, and what it means.
TICKS = {
    "sent": ("·", "sent, not yet confirmed by everyone"),
    "confirmed": ("✓", "confirmed: everyone has it, in this order"),
    "never": ("!", "never confirmed by everyone"),
    "alone": (" ", "said alone: nobody else was there"),
}
# By what is known of a person's key.
PEOPLE = {
    "you": ("=", "you"),
    "verified": ("+", "verified"),
    "unverified": ("?", "not verified"),
    "changed": ("!", "KEY CHANGED"),
}
_LOOKS = str.maketrans(
    {
        other: latin
        for latin, others in {
            "a": "аαɑАΑ", "b": "вВΒЬь", "c": "сСϲ", "d": "ԁ", "e": "еЕΕё3", "h": "нһНΗ",
            "i": "іІΙιıl1|ӏӀ", "j": "јЈ", "k": "кКκΚ", "m": "мМΜ", "n": "ηпΝ", "o": "оОοΟσ0",
            "p": "рРρΡ", "s": "ѕЅ5", "t": "тТτΤ", "u": "υ", "v": "νѵ", "x": "хХχΧ", "y": "уУγΥ",
            "z": "Ζ",
        }.items()
        for other in others
    }
)  # fmt: skip

_LIKE_OURS = re.compile(r"[\[\](){}<>:,#│!+?]")
_LIKE_A_FINGERPRINT = re.compile(r"[\[({<]\s*\w{4}[-‐-―−]\w{4}|(\w{4}[-‐-―−]){2}\w{4}")


@dataclasses.dataclass
class Seat:
    """A member as a screen shows it. `mark`: a key of PEOPLE; `here`: whether the room has its
    connection (a hint of the carrier, or None); `suspected`: who waits for what, or None."""

    nick: str
    key: bytes
    mark: str
    here: bool | None = None
    suspected: str | None = None

    def words(self) -> str:
        """What there is to say beside the nick."""
        said = [PEOPLE[self.mark][1]]
        if self.suspected:
            said.append(f"SUSPECTED: {self.suspected}")
        if self.here is not None:
            said.append("here in the room" if self.here else "not in the room")
        return ", ".join(said)


def short(key: bytes) -> str:
    """The first 40 bits of a fingerprint: tells look-alikes apart, and is no verification."""
    return fingerprint(key)[:9]


def name(nick: str) -> str:
    """A nick beside marks and fingerprints: in quotes if it has signs of ours in it."""
    return repr(nick) if _LIKE_OURS.search(unicodedata.normalize("NFKC", nick)) else nick


def who(nick: str, key: bytes) -> str:
    """A person with the fingerprint, for a note. A name that has one in it would stand before the
    real one, and be compared in its place: it is told as what it is."""
    if _LIKE_A_FINGERPRINT.search(unicodedata.normalize("NFKC", nick)):
        nick = f"{nick!r} (a name that only looks like a fingerprint)"
    return f"{nick} [{fingerprint(key)}]"


def count(number: int, one: str, many: str = "") -> str:
    """"1 text", "2 texts"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def show_code(code) -> str:
    """A session code for people: "123 456, amber river stone"."""
    return f"{code.digits[:3]} {code.digits[3:]}, {' '.join(code.words)}"


def show_text(text: str) -> str:
    """A text on one line: its line breaks must not look like lines of ours."""
    return " ⏎ ".join(text.splitlines())


def looks(nick: str) -> str:
    """What a reader sees of a nick: equal for nicks that can be mistaken for one another, as far
    as Cyrillic and Greek letters go, case, digits, accents, signs and spaces."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", nick).translate(_LOOKS))
    text = "".join(c for c in text if c.isalnum()).casefold().translate(_LOOKS)
    return text or nick
