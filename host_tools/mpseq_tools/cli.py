"""`mpseq`: the command line. Each command imports only what it needs."""

import asyncio

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
def relay(
    host: str = typer.Option("127.0.0.1", help="Address to listen on; 0.0.0.0 for every one."),
    port: int = typer.Option(7676, help="TCP port; 0 takes a free one."),
    quiet: bool = typer.Option(False, "--quiet", help="Do not print who enters and leaves."),
):
    """Serve rooms over TCP. It passes on what it cannot read and keeps nothing."""
    from mpseq_tools.relay import run

    raise typer.Exit(asyncio.run(run(host, port, quiet)))


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
