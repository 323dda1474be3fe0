"""`mpseq devices`."""

import dataclasses

import typer

from . import app, show_json


@app.command()
def devices(
    probe: bool = typer.Option(
        False,
        "--probe",
        help="Ask each serial port what it is: interrupts what runs there, and starts it anew.",
    ),
    baud: int = typer.Option(115200, help="Speed of a real UART; USB ignores it."),
    as_json: bool = typer.Option(False, "--json", help="For a machine to read."),
):
    """List what there is to talk to: boards on serial ports, emulated boards, runtimes.

    --json: devices: name (what --device and --port take), kind (serial, emulated, runtime), text,
    usable, problem, cure, vid, pid, serial_number, description, board (a guess); and with --probe
    of each usable serial port `probe`: version, machine, mpy, library (frozen, files, none), free
    (bytes of heap), identity; or `error`.
    """
    from mpseq_tools import devices_here as tool

    found = tool.everything()
    probed = {}
    if probe:
        for one in found:
            if one.kind == "serial" and one.usable:
                if not as_json:
                    typer.echo(f"asking {one.name} …", err=True)
                probed[one.name] = _probe(one.name, baud)
    if as_json:
        show_json({"devices": [_plain(one, probed.get(one.name)) for one in found]})
        return
    serial = [one for one in found if one.kind == "serial"]
    _table("Serial ports (--device, --port):", serial, probed)
    if not serial:
        typer.echo("  none. A board needs a cable that carries data: many only charge.")
    _table("Emulated boards (--device, --port):", [o for o in found if o.kind == "emulated"], {})
    _table(
        "Runtimes (--device of bench and interop):", [o for o in found if o.kind == "runtime"], {}
    )
    if serial and not probe:
        typer.echo("--probe asks the ports, but interrupts what runs there.")


def _probe(port, baud):
    from mpseq_tools.examine import examine
    from mpseq_tools.faults import Fault

    try:
        found = examine(port, baud, deep=False)
    except Fault as fault:
        return {"error": str(fault), "cure": fault.cure}
    names = ("version", "machine", "mpy", "library", "free", "identity")
    return {name: getattr(found, name) for name in names}


def _plain(one, probed):
    row = {**dataclasses.asdict(one), "usable": one.usable}
    return {**row, "probe": probed} if probed is not None else row


def _table(head, rows, probed):
    if rows:
        typer.echo(head)
    for one in rows:
        about = one.text
        if one.vid is not None:
            about += f" [{one.vid:04x}:{one.pid:04x}"
            about += f" {one.serial_number}]" if one.serial_number else "]"
        typer.echo(f"  {one.name:16} {about}")
        if one.problem:
            typer.echo(f"  {'':16} cannot be used: {one.problem}. Cure: {one.cure}")
        said = probed.get(one.name)
        if said and "error" in said:
            typer.echo(f"  {'':16} {said['error']}. Cure: {said['cure']}")
        elif said:
            library = {"none": "no mpseq on it", "files": "mpseq as files"}.get(
                said["library"], "mpseq in its firmware"
            )
            typer.echo(
                f"  {'':16} MicroPython {said['version']} on {said['machine']}; {library};"
                f" {said['free']:,} bytes of heap free"
            )
