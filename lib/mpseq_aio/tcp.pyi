# Types of a room on a relay, for type checkers; see tcp.py.
from collections.abc import Sequence as _Sequence
from typing import Any as _Any

DEFAULT_PORT: int

async def read_message(reader: _Any) -> tuple[_Any, ...]: ...
def frame_message(message: tuple[_Any, ...]) -> bytes: ...

class TcpRoom:
    host: str
    port: int
    room: str
    label: str
    wanted: str
    max_frame: int
    patience: float
    token: str | bytes | None
    def __init__(
        self,
        host: str,
        port: int,
        room: str,
        label: str,
        max_frame: int = 16384,
        patience: float = 30,
        token: str | bytes | None = None,
    ) -> None: ...
    async def open(self) -> _Sequence[str]: ...
    async def recv(self) -> tuple[_Any, ...]: ...
    async def post(self, frame: bytes) -> None: ...
    async def ping(self) -> None: ...
    async def close(self) -> None: ...
