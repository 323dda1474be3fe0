# Types of an address, for type checkers; see address.py.
from ._types import Carrier as _Carrier

def room_at(address: str, label: str | None = None) -> _Carrier: ...
