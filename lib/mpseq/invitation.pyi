# Types of an invitation, for type checkers; see invitation.py. Only Invitation is for
# applications: what the event Invited carries.
from collections.abc import Iterable as _Iterable
from typing import Any as _Any

from .identity import Identity as _Identity

ID: int
MOST_JOIN_BYTES: int

class Invitation:
    room: _Any
    inviter: bytes
    inviter_nick: str
    id: bytes
    def __init__(
        self,
        room: _Any,
        inviter: bytes,
        inviter_nick: str,
        invitation_id: bytes,
        k: _Any,
        e: bytes,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    def join(
        self, identity: _Identity, nick: str, random: _Any, keys: _Any
    ) -> tuple[bytes, bytearray]: ...
    def wipe(self) -> None: ...

class OpenInvite:
    nick: str
    key: bytes
    id: bytes
    def __init__(
        self, nick: str, key: bytes, invitation_id: bytes, e: _Any, e_public: bytes, k: _Any
    ) -> None: ...
    def wipe(self) -> None: ...
    def spend(self, y: bytes) -> None: ...
    def forget_guest(self) -> None: ...
    def receive_join(self, frame: bytes, identity: _Identity) -> _Any: ...

def invite(
    identity: _Identity,
    nick: str,
    room: _Any,
    invitees: _Iterable[tuple[str, bytes]],
    random: _Any,
) -> tuple[bytes, list[OpenInvite]]: ...
def check_invitation(frame: bytes) -> bytes: ...
def open_invitation(frame: bytes, identity: _Identity, psk: bytes) -> Invitation: ...
