"""`mpseq`: the command line. Each command imports only what it needs."""

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Deniable, forward-secret group chat between desktops and MicroPython boards.",
)


@app.callback()
def _root():
    pass


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


def main():
    """Entry point of the `mpseq` program."""
    app()
