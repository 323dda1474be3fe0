"""What a command cannot do, said so that a user can mend it."""

# For a board whose heap is too small for what it was asked.
SMALL_HEAP = "use firmware with mpseq inside: it needs far less memory"


class Fault(Exception):
    """The text says what is wrong; `cure`, what the user can do; `code` is the command's."""

    code = 2

    def __init__(self, text: str, cure: str) -> None:
        super().__init__(text)
        self.cure = cure
