"""`mpseq interop`."""

from typing import Annotated

import typer

from . import app, complete_device, stop


@app.command()
def interop(
    device: Annotated[
        list[str],
        typer.Option(
            autocompletion=complete_device,
            help="Once for each: cpython, unix, qemu-rv32, qemu-cortex-m3, a serial port, or a"
            " board's USB serial number."
        ),
    ] = None,
    only: Annotated[
        list[str],
        typer.Option(metavar="SCENARIO", help="Just this one; may be given more than once."),
    ] = None,
    pair: Annotated[
        list[str],
        typer.Option(
            metavar="A,B",
            help="Just these two devices, by name, or `all` for the room of everyone.",
        ),
    ] = None,
    seed: int = typer.Option(None, help="What is left to chance follows from it; by default a new"
                             " one, which the report names."),
    report: str = typer.Option(None, metavar="DIR", help="Where report.md, .json and .html go; by"
                               " default mpseq-interop-DATE here."),
    baud: int = typer.Option(115200, help="Speed of a real UART; USB ignores it."),
    jobs: int = typer.Option(2, min=1, help="So many at the same time, where no device is in"
                             " two."),
    share: int = typer.Option(None, min=1, metavar="PAIRS", help="For each scenario only so many"
                              " pairs, drawn by the seed, and the room of all."),
    show: bool = typer.Option(False, "--list", help="Show the scenarios, and with --device what"
                              " would be run; then end."),
    as_json: bool = typer.Option(False, "--json", help="Print report.json at the end, and progress"
                                 " to stderr."),
):
    """Test that devices work together: every scenario over each pair and all in one room.

    Exit code 0: all passed; 1: something failed; 2: usage; 3: a device is not there; 130: Ctrl-C,
    with a report of what was done.
    """
    from mpseq_tools import faults
    from mpseq_tools.interop import command

    try:
        code = command.run(
            device or [], only or [], pair or [], seed, report,
            baudrate=baud, jobs=jobs, share=share, show=show, as_json=as_json,
        )
    except faults.Fault as fault:
        stop(str(fault), fault.cure, fault.code)
    raise typer.Exit(code)
