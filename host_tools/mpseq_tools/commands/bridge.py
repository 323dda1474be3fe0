"""`mpseq bridge`."""

import typer

from . import CARRIER, RELAY, SECRET, app, complete_port, finish, rooms_at
from . import source as read


@app.command()
def bridge(
    device: str = typer.Option(
        None,
        help="Serial device, like /dev/ttyACM0 or COM5; qemu-rv32 for an emulated board.",
        autocompletion=complete_port,
    ),
    listen: str = typer.Option(
        None, metavar="HOST:PORT", help="Or whoever connects here as to a relay; port 0: any."
    ),
    carrier: str = typer.Option(None, metavar="ADDRESS", help=CARRIER),
    relay: str = typer.Option("127.0.0.1:7676", help=RELAY),
    password_file: str = typer.Option(None, help=SECRET),
    room: str = typer.Option(None, help="Room, whatever the device asks for."),
    label: str = typer.Option(None, help="Label in the room, whatever the device asks for."),
    baud: int = typer.Option(115200, help="Speed of a real UART; USB ignores it."),
    start: str = typer.Option(None, help='MicroPython to run first, like "import main".'),
    program: str = typer.Option(None, help="A file of MicroPython to run first."),
    look: bool = typer.Option(True, "--probe/--no-probe", help="Try out the carrier's order."),
):
    """Put a device on a serial line into a room, anywhere. The bridge cannot read what passes.

    A device that resets or is unplugged is waited for, under any name of its port. Exit code 3: no
    device at the start, or an emulated one has ended.
    """
    from mpseq_tools import bridge as tool
    from mpseq_tools import gateway

    if (device is None) == (listen is None):
        raise typer.BadParameter("one of --device and --listen; `mpseq devices` lists them")
    rooms = rooms_at(relay, carrier, room, password_file)
    if listen is not None:
        host, _, port = listen.rpartition(":")
        if not port.isdigit() or int(port) > 65535:
            raise typer.BadParameter(f"{listen!r} is not HOST:PORT", param_hint="--listen")
        finish(gateway.listen(host.strip("[]") or "127.0.0.1", int(port), rooms, look))
    first = read(program) if program else start
    finish(tool.run(device, rooms, label, baud, first, look))
