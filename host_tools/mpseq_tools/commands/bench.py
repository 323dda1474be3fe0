"""`mpseq bench`."""

import asyncio
import dataclasses
from typing import Annotated

import typer

from . import app, complete_device, show_json


@app.command()
def bench(
    device: Annotated[
        list[str],
        typer.Option(
            autocompletion=complete_device,
            help="A serial port, qemu-rv32, unix, cpython; several times. If not given, all"
            " emulated boards and runtimes that are here.",
        ),
    ] = None,
    texts: int = typer.Option(10, min=1, max=1000, help="Texts in each direction."),
    as_json: bool = typer.Option(False, "--json", help="For a machine to read."),
):
    """Measure a device in a room of two: join, texts sent and received, heap.

    Interrupts what runs on a board, which is left at its prompt. --json: devices: device, runtime,
    join, send, receive (milliseconds, medians), texts, free_before, free_after (bytes, or null).
    """
    from mpseq_tools import devices_here, measure

    kinds = device or [
        one.name for one in devices_here.everything() if one.usable and one.kind != "serial"
    ]
    rows = asyncio.run(measure.measure(kinds, texts, lambda line: typer.echo(line, err=True)))
    if as_json:
        show_json({"devices": [dataclasses.asdict(row) for row in rows]})
        return
    typer.echo(measure.table(rows))
    typer.echo(
        f"join: invitation to session. send, receive: median of {texts} texts of 32 bytes, from"
        "\none side's hand to the other's screen; the other side is this Python."
    )
