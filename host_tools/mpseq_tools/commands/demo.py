"""`mpseq demo`."""

import typer

from . import app


@app.command()
def demo():
    """Run the demo: three different peers hold one secure conversation."""
    try:
        from mpseq_tools import demo as script
    except ImportError as error:
        typer.echo(f"mpseq: the demo is not in this installation ({error}).", err=True)
        typer.echo("Cure: run `make demo` in a checkout of the repository.", err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(script.main() or 0)
