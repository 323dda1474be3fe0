"""`mpseq doctor`."""

import dataclasses

import typer

from . import SECRET, app, complete_port, rooms_at, show_json


@app.command()
def doctor(
    device: str = typer.Option(
        None, autocompletion=complete_port,
        help="A board's serial port, to look at it too: interrupts it, and starts it anew.",
    ),
    carrier: str = typer.Option(
        None, metavar="ADDRESS", help="A room or its server, like mqtt://HOST, to try it too."
    ),
    password_file: str = typer.Option(None, help=SECRET),
    baud: int = typer.Option(115200, help="Speed of a real UART; USB ignores it."),
    dist: str = typer.Option(None, help="Folder with the packages of `make mip`."),
    as_json: bool = typer.Option(False, "--json", help="For a machine to read."),
):
    """Look at this machine, a board, a carrier, and say what is wrong and how to mend it.

    Exit code 1 when anything is wrong. --json: good (true or false), checks: about (machine,
    board, carrier), name, state (ok, warn, FAIL), text, cure (or null).
    """  # fmt: skip
    import asyncio

    from mpseq_tools import doctor as tool
    from mpseq_tools import doctor_board, doctor_carrier, doctor_machine

    rooms = rooms_at(None, carrier, secret_file=password_file) if carrier else None
    checks = []

    def say(check):
        checks.append(check)
        if not as_json:
            typer.echo(f"{check.state:4}  {check.about:7}  {check.name}: {check.text}")
            if check.cure:
                typer.echo(f"{'':15}Cure: {check.cure}")

    doctor_machine.examine(say)
    if device:
        doctor_board.examine(device, baud, say, dist)
    if rooms:
        asyncio.run(doctor_carrier.examine(rooms, say))
    good = not any(check.state == tool.FAIL for check in checks)
    if as_json:
        show_json({"good": good, "checks": [dataclasses.asdict(check) for check in checks]})
    else:
        typer.echo(tool.verdict(checks))
    raise typer.Exit(0 if good else 1)
