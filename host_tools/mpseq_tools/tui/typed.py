"""What people type as they read it from a screen: codes with a space, keys in pieces."""

import re

from mpseq.errors import LocalError

KEY_DIGITS = 64
_HEX = re.compile("[0-9a-fA-F]+")
# "ben 065400", "ben 065 400", "ben 065-400", "ben 065 400, donkey igloo pencil". The shortest
# nick wins, so that nobody called "ben 065" takes the digits that were meant for ben.
_CODE = re.compile(
    r"(?P<nick>.+?) (?P<digits>\d{3}[ -]?\d{3})"
    r"(?P<words>,? [A-Za-z]+,? [A-Za-z]+,? [A-Za-z]+)?",
    re.ASCII,
)


class Said:
    """A session code that somebody read aloud: `digits`, and perhaps the three `words`."""

    def __init__(self, digits, words=()):
        self.digits = digits
        self.words = words

    def __str__(self):
        words = f", {' '.join(self.words)}" if self.words else ""
        return self.digits + words

    def equals(self, code) -> bool:
        """Whether that is this session's; words count if there are any."""
        same = self.digits == code.digits
        return same and self.words in ((), tuple(word.lower() for word in code.words))


def nick_and_code(words) -> tuple:
    """`(nick, Said or None)` of what follows /verify."""
    line = " ".join(words)
    found = _CODE.fullmatch(line)
    if not found:
        return line, None
    digits = re.sub("[ -]", "", found["digits"])
    return found["nick"], Said(digits, tuple(re.findall("[a-z]+", (found["words"] or "").lower())))


def nicks_and_keys(words) -> list:
    """[(nick, 32-byte key)] of "NICK KEY NICK KEY …", where a narrow window may have broken a key
    into pieces; None when a key is not there at all. LocalError."""
    pairs = []
    words = list(words)
    while words:
        nick = words.pop(0)
        if not words:
            return None
        digits = words.pop(0)
        while (
            words and _HEX.fullmatch(digits) and _HEX.fullmatch(words[0])
            and len(digits) + len(words[0]) <= KEY_DIGITS
        ):  # fmt: skip
            digits += words.pop(0)
        pairs.append((nick, parse_key(digits)))
    return pairs


def parse_key(text: str) -> bytes:
    """32 bytes of a public key from 64 hex digits; LocalError otherwise."""
    if not _HEX.fullmatch(text) or len(text) > KEY_DIGITS:
        raise LocalError(f"{text!r} is not a key: {KEY_DIGITS} hex digits, as /me shows them")
    if len(text) < KEY_DIGITS:
        raise LocalError(
            f"{text!r} is not a key: that is only {len(text)} of {KEY_DIGITS} digits of a key"
        )
    return bytes.fromhex(text)
