# Types of the events, for type checkers. What each means stands in events.py; that the two agree,
# tests/test_types.py checks.
from typing import NamedTuple

from .invitation import Invitation as _Invitation

EVENTS: str

class Member(NamedTuple):
    nick: str
    key: bytes
    index: int  # type: ignore[assignment]

class Code(NamedTuple):
    digits: str
    words: tuple[str, str, str]

class Invited(NamedTuple):
    invitation: _Invitation

class GuestReady(NamedTuple):
    nick: str
    key: bytes

class NotInvited(NamedTuple):
    nick: str
    key: bytes

class SessionStarted(NamedTuple):
    number: int
    members: list[Member]
    code: Code | None
    joined: list[Member]
    left: list[Member]
    failed: int

class Text(NamedTuple):
    nick: str
    key: bytes
    number: int
    text: str
    own: bool

class Data(NamedTuple):
    nick: str
    key: bytes
    number: int
    content_type: str
    data: bytes
    own: bool

class Confirmed(NamedTuple):
    number: int

class Unconfirmed(NamedTuple):
    first: int
    last: int

class Missing(NamedTuple):
    nick: str
    key: bytes
    first: int
    last: int

class Inconsistent(NamedTuple):
    nick: str
    key: bytes
    number: int

class Unverifiable(NamedTuple):
    nick: str
    key: bytes
    number: int

class Unsent(NamedTuple):
    text: str | tuple[str, bytes]

class InviteSeen(NamedTuple):
    nick: str
    key: bytes
    by_nick: str
    by_key: bytes
    replaces: bool

class Replaced(NamedTuple): ...

class ExchangeFailed(NamedTuple):
    reason: str
    nick: str
    key: bytes

class Convicted(NamedTuple):
    nick: str
    key: bytes
    why: str

class GuestDropped(NamedTuple):
    nick: str
    key: bytes

class CarrierInconsistent(NamedTuple): ...

class Suspected(NamedTuple):
    nick: str
    key: bytes
    by_nick: str
    by_key: bytes
    what: str

class ExpelVote(NamedTuple):
    nick: str
    key: bytes
    by_nick: str
    by_key: bytes

class Expelled(NamedTuple):
    nick: str
    key: bytes

class Undelivered(NamedTuple):
    nick: str
    key: bytes
    size: int

class LeaveSeen(NamedTuple):
    nick: str
    key: bytes

class Left(NamedTuple):
    removed: bool

class Refused(NamedTuple):
    label: str
    reason: str
