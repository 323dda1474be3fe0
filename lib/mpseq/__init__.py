"""mpseq: deniable, forward-secret group chat for MicroPython and CPython. See PROTOCOL.md."""

from . import errors, events
from .conversation import Conversation, Settings
from .identity import Identity, fingerprint

__version__ = "0.1.0"
__all__ = (
    "Conversation",
    "Identity",
    "Settings",
    "errors",
    "events",
    "fingerprint",
)
