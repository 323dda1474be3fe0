"""What a command cannot do, said so that a user can mend it."""

# For a board whose heap is too small for what it was asked.
SMALL_HEAP = "use firmware with mpseq inside: it needs far less memory"


class Fault(Exception):
    """The text says what is wrong; `cure`, what the user can do; `code` is the command's."""

    code = 2

    def __init__(self, text: str, cure: str) -> None:
        super().__init__(text)
        self.cure = cure


def split_cure(text: str) -> tuple:
    """`(what is wrong, its cure or "")` of a carrier's ". Cure: …". What the other end says stays
    known as that, so that no server can give advice in our name."""
    said, _, cure = text.rpartition(". Cure: ")
    if not said or '")' in cure:  # none; or inside what a server is quoted with
        return text, ""
    for who in ("the relay says: ", "the bridge says: "):
        if who in said:
            cure = who + cure
    return said, cure.removesuffix(".")
