"""`mpseq psk`."""

import typer

from . import app, stop


@app.command()
def psk(
    room: str = typer.Option(..., help="Any name, the same for all members: the salt."),
):
    """Make a pre-shared key of a passphrase: asks for it, prints 64 hex digits.

    Argon2i over 256 MiB: half a second or so, for you and for each guess of whoever tries.
    """
    from mpseq_tools import psk as tool

    try:
        passphrase = tool.ask()
        typer.echo(tool.derive(passphrase, room).hex())
    except tool.PskFault as fault:
        stop(str(fault), "say it again.")
    if len(passphrase) < tool.WEAK:
        typer.echo("mpseq: a short one; five or six random words are better.", err=True)
