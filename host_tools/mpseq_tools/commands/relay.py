"""`mpseq relay`."""

import typer

from . import app, finish


@app.command()
def relay(
    host: str = typer.Option("127.0.0.1", help="Address to listen on; 0.0.0.0 for every one."),
    port: int = typer.Option(7676, min=0, max=65535, help="TCP port; 0 takes a free one."),
    quiet: bool = typer.Option(False, "--quiet", help="Do not print who enters and leaves."),
):
    """Serve rooms over TCP. It passes on what it cannot read and keeps nothing."""
    from mpseq_tools.relay import run

    finish(run(host, port, quiet))
