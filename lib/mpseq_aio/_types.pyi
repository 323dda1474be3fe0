# Names for annotations; nothing of it is there when a program runs. Import under TYPE_CHECKING:
#     if TYPE_CHECKING:
#         from mpseq_aio._types import Carrier, Event
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from mpseq import events

from . import inbox

class Carrier(Protocol):
    """What takes frames from room to member; its messages are tuples of link.py."""

    async def open(self) -> Sequence[str]: ...
    async def recv(self) -> tuple[Any, ...]: ...
    async def post(self, frame: bytes) -> None: ...
    async def ping(self) -> None: ...
    async def close(self) -> None: ...

Event: TypeAlias = (
    events.Invited
    | events.GuestReady
    | events.NotInvited
    | events.SessionStarted
    | events.Text
    | events.Data
    | events.Confirmed
    | events.Unconfirmed
    | events.Missing
    | events.Inconsistent
    | events.Unverifiable
    | events.Unsent
    | events.InviteSeen
    | events.Replaced
    | events.ExchangeFailed
    | events.Convicted
    | events.GuestDropped
    | events.CarrierInconsistent
    | events.Suspected
    | events.ExpelVote
    | events.Expelled
    | events.Undelivered
    | events.LeaveSeen
    | events.Left
    | events.Refused
    | inbox.Connected
    | inbox.Disconnected
    | inbox.Entered
    | inbox.Gone
    | inbox.Dropped
    | inbox.Fault
    | inbox.Unacceptable
)
