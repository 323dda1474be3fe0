"""`mpseq bridge`."""

import typer

from . import CARRIER, RELAY, SECRET, app, finish, rooms_at
from . import source as read


@app.command()
def bridge(
    device: str = typer.Option(
        ..., help="Serial device, like /dev/ttyACM0 or COM5; qemu-rv32 for an emulated board."
    ),
    carrier: str = typer.Option(None, metavar="ADDRESS", help=CARRIER),
    relay: str = typer.Option("127.0.0.1:7676", help=RELAY),
    password_file: str = typer.Option(None, help=SECRET),
    room: str = typer.Option(None, help="Room, whatever the device asks for."),
    label: str = typer.Option(None, help="Label in the room, whatever the device asks for."),
    baud: int = typer.Option(115200, help="Speed of a real UART; USB ignores it."),
    start: str = typer.Option(None, help='MicroPython to run first, like "import main".'),
    program: str = typer.Option(None, help="A file of MicroPython to run first."),
):
    """Put a device on a serial line into a room. The bridge cannot read what passes.

    A device that resets or is unplugged is waited for, under any name of its port. Exit code 3: no
    device at the start, or an emulated one has ended.
    """
    from mpseq_tools import bridge as tool

    rooms = rooms_at(relay, carrier, room, password_file)
    first = read(program) if program else start
    finish(tool.run(device, rooms, label, baud, first))
