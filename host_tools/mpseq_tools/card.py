"""A member's public key as one line of text, for a QR code: `mpseq-key-1 KEY NICK`.

KEY: 64 hex digits. What it is good for: `/invite NICK KEY` in a chat, `--invite-by NICK=KEY` for a
board. It is not secret, but whoever changes it on the way invites somebody else: compare the
fingerprint, or scan it from the screen.
"""

import io
import unicodedata

import segno

_HEAD = "mpseq-key-1"
EXPLAINED = (
    "(A public key and a nick, for who invites or verifies: `mpseq keys verify` takes this line.\n"
    " Not secret; but take it from this screen, as whoever changes it on the way is invited.)"
)


def text(nick: str, key: bytes) -> str:
    """The line."""
    return f"{_HEAD} {key.hex()} {nick}"


def parse(line: str):
    """`(nick, key)` of such a line; ValueError."""
    head, _, rest = line.strip().partition(" ")
    digits, _, nick = rest.partition(" ")
    controls = any(unicodedata.category(character) == "Cc" for character in nick)
    if head != _HEAD or len(digits) != 64 or not 1 <= len(nick.encode()) <= 32 or controls:
        raise ValueError(f"{line!r} is not {_HEAD} KEY NICK")
    return nick, bytes.fromhex(digits)


def qr(line: str) -> str:
    """A QR code of a text for a terminal, about 25 rows of half blocks."""
    out = io.StringIO()
    segno.make(line, error="l", micro=False).terminal(out, compact=True)
    return out.getvalue()
