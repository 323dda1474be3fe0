"""An emulated board to deploy to, for who has no hardware yet; its flash memory is a file."""

import contextlib
import os
import pathlib

from . import devices_here, keys, private, qemu
from .faults import Fault


class EmulatedFault(Fault):
    """It cannot be switched on."""

    code = 3


def disk_of(name: str) -> pathlib.Path:
    """Where the flash memory of a board is kept, if nobody says otherwise."""
    return keys.folder() / f"{name}.disk"


@contextlib.contextmanager
def switched_on(name: str, disk=None, say=print, again="mpseq deploy"):
    """A stock board: MicroPython without mpseq. Gives its port; switches it off at the end. `disk`
    is made, for its owner only, when it is not there: the board's keys will be on it. `again`: the
    command that switches it on, for people. Fault."""
    devices_here.emulated_board(name, linked=False)
    path = pathlib.Path(disk) if disk else disk_of(name)
    try:
        if not disk:
            private.folder_of(path, EmulatedFault)
        if not path.exists():
            private.write(path, bytes(qemu.DISK_SIZE), False)
        board = qemu.Board(
            name, linked=False, seed=os.urandom(qemu.SEED_SIZE), disk=path, prompt=False
        )
    except OSError as error:
        raise EmulatedFault(f"{path}: {error.strerror or error}", "name another --disk") from None
    except (qemu.BoardError, ValueError) as error:
        raise EmulatedFault(str(error), "is another one running? name another --disk") from None
    with board:
        say(f"an emulated board is switched on at {board.port}; its flash memory is {path}")
        try:
            yield board.port
        finally:
            say(f"the emulated board is switched off, as in a power cut. On again: {again}")
