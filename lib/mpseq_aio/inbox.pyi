# Types of the events of this layer, for type checkers; see inbox.py.
from collections.abc import Sequence as _Sequence
from typing import NamedTuple

from mpseq.invitation import Invitation as _Invitation

from ._types import Event as _Event

class Connected(NamedTuple):
    label: str
    labels: _Sequence[str]

class Disconnected(NamedTuple):
    reason: str

class Entered(NamedTuple):
    label: str

class Gone(NamedTuple):
    label: str

class Dropped(NamedTuple):
    count: int  # type: ignore[assignment]

class Fault(NamedTuple):
    error: Exception

class Unacceptable(NamedTuple):
    invitation: _Invitation
    reason: str

MAX_EVENTS: int
MAX_REFUSED: int

class Inbox:
    waiting: list[_Event]
    lost: int
    closed: bool
    def __init__(self) -> None: ...
    def put(self, event: _Event) -> None: ...
    def close(self) -> None: ...
    async def take(self) -> _Event | None: ...
