"""`mpseq flash`."""

import typer

from . import app, complete_port


@app.command()
def flash(
    firmware: str = typer.Option(..., help="The image: a .bin that you have downloaded."),
    port: str = typer.Option(
        None, autocompletion=complete_port, help="Serial port; if not given, the only one on USB."
    ),
    chip: str = typer.Option(None, help="Like esp32c3; the image must be for it."),
    baud: int = typer.Option(460800, help="Speed; lower it when writing fails."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask before everything is erased."),
):
    """Put MicroPython onto an ESP32: erases all of it, writes, compares (with esptool).

    Not tried on hardware.
    """
    from mpseq_tools import flash as tool
    from mpseq_tools import ports

    name = tool.chip_of(firmware, chip)
    port = ports.choose(port)
    if not yes:
        typer.confirm(
            f"This erases all of the {name} at {port}: its files, its identity. Go on?",
            abort=True,
        )
    tool.run(port, firmware, name, baud, typer.echo)
    typer.echo("MicroPython is on it. Next: mpseq deploy")
