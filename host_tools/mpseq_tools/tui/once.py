"""Whether another `mpseq chat` of a profile runs: two in one room are one member, and one of them
does not come in. Only ever a warning."""

import filelock

from .. import keys


class Once:
    """A lock beside the identity. The system takes it away with the process, however that ends."""

    def __init__(self, profile: str):
        path = keys.path_of(profile)
        self._lock = filelock.FileLock(
            path.with_name(f".{path.name}.chat.lock"), timeout=0, mode=0o600
        )

    def take(self) -> bool:
        """False when another one runs; True, too, when nobody can tell."""
        try:
            self._lock.acquire()
        except filelock.Timeout:
            return False
        except (OSError, NotImplementedError):  # a file system without locks
            pass
        return True

    def release(self):
        """This one has ended."""
        self._lock.release()


WARNING = (
    "another mpseq chat of this profile runs: in one room only one of the two can be in a"
    " conversation. Cure: --profile NAME for somebody else"
)
