"""Text of others that is safe to show on a terminal."""


def printable(data) -> str:
    """Text of `data` (bytes) with everything a terminal would obey, or not show, as `\\xNN`."""
    try:
        text = data.decode()
    except UnicodeError:
        return "".join(chr(c) if 32 <= c < 127 or c == 9 else "\\x%02x" % c for c in data.rstrip())
    return clean(text.rstrip())


def clean(text: str) -> str:
    """`text` safe to show on a terminal: control characters but tab, and those that turn the
    direction of writing, break lines unseen or show nothing at all, as `\\xNN` or `\\uNNNN`. The
    two joiners stay, without which some languages cannot be written."""
    for character in text:
        if _hidden(ord(character)):
            break
    else:
        return text
    out = ""
    for character in text:
        code = ord(character)
        if _hidden(code):
            character = "\\x%02x" % code if code < 256 else "\\u%04x" % code
        out += character
    return out


def _hidden(code):
    if code < 160:
        return (code < 32 and code != 9) or code >= 127
    if code in (0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0xFEFF):
        return True
    return (
        0x2028 <= code <= 0x202E
        or 0x2060 <= code <= 0x206F
        or 0xFFF9 <= code <= 0xFFFB
        or 0xE0000 <= code <= 0xE0FFF
    )
