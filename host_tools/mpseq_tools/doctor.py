"""`mpseq doctor`: one line for each thing that was looked at, and how to mend what is wrong."""

import dataclasses

OK, WARN, FAIL = "ok", "warn", "FAIL"


@dataclasses.dataclass(frozen=True)
class Check:
    """`about`: machine, board or carrier; `name`: what was looked at; `state`: OK, WARN or FAIL;
    `text`: what was found; `cure`: how to mend it, or None."""

    about: str
    name: str
    state: str
    text: str
    cure: str | None = None


class Sheet:
    """Takes the findings about one thing and passes each on to `say`."""

    def __init__(self, about, say):
        self._about = about
        self._say = say

    def ok(self, name, text):
        """All is well."""
        self._say(Check(self._about, name, OK, text))

    def warn(self, name, text, cure):
        """It works, but."""
        self._say(Check(self._about, name, WARN, text, cure))

    def fail(self, name, text, cure):
        """It does not work."""
        self._say(Check(self._about, name, FAIL, text, cure))


def verdict(checks) -> str:
    """The last line."""
    failed = sum(one.state == FAIL for one in checks)
    warned = sum(one.state == WARN for one in checks)
    if failed:
        return f"{failed} of {len(checks)} wrong" + (f", {warned} to look at" if warned else "")
    return f"{len(checks)} looked at, {warned} to look at again" if warned else "all is well"
