"""`mpseq psk`."""

import typer

from . import app


@app.command()
def psk(
    room: str = typer.Option(..., help="Any name, the same for all members: the salt."),
):
    """Make a pre-shared key of a passphrase: asks for it, prints 64 hex digits.

    Argon2i over 256 MiB: half a second or so, for you and for each guess of whoever tries.
    """
    from mpseq_tools import psk as tool

    passphrase = tool.ask()
    typer.echo(tool.derive(passphrase, room).hex())
    if said := tool.weak(passphrase):
        typer.echo(said, err=True)
