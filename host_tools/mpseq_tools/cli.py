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
    port: int = typer.Option(7676, min=0, max=65535, help="TCP port; 0 takes a free one."),
    quiet: bool = typer.Option(False, "--quiet", help="Do not print who enters and leaves."),
):
    """Serve rooms over TCP. It passes on what it cannot read and keeps nothing."""
    from mpseq_tools.relay import run

    _exit(run(host, port, quiet))


@app.command()
def chat(
    nick: str = typer.Option(..., help="Your name in the conversation, 1-32 bytes."),
    room: str = typer.Option(..., help="Name of the room on the relay."),
    relay: str = typer.Option("127.0.0.1:7676", help="HOST:PORT of the relay."),
    profile: str = typer.Option(
        "default", help="Which of your identities to use; they are in MPSEQ_HOME, if that is set."
    ),
    label: str = typer.Option(
        None, help="What the relay and everyone in the room sees of you; if not given, nothing."
    ),
    suite: int = typer.Option(
        1, min=1, max=2,
        help="How what you found is sealed: 1 XChaCha20-Poly1305, 2 AES-256 with BLAKE2b.",
    ),
):
    """Hold a conversation from this terminal. Lines are texts, /help shows the commands."""
    from mpseq_tools.chat import run

    _exit(run(nick, room, _address(relay), profile, label, suite))


@app.command()
def bridge(
    device: str = typer.Option(
        ..., help="Serial device, like /dev/ttyACM0 or COM5; qemu-rv32 for an emulated board."
    ),
    relay: str = typer.Option("127.0.0.1:7676", help="HOST:PORT of the relay."),
    room: str = typer.Option(None, help="Room, whatever the device asks for."),
    label: str = typer.Option(None, help="Label in the room, whatever the device asks for."),
    baud: int = typer.Option(115200, help="Speed of a real UART; USB ignores it."),
    start: str = typer.Option(None, help='MicroPython to run first, like "import main".'),
    program: str = typer.Option(None, help="A file of MicroPython to run first."),
):
    """Put a device on a serial line into a room. The bridge cannot read what passes."""
    from mpseq_tools import bridge as tool

    address = _address(relay)
    source = _source(program) if program else start
    _exit(tool.run(device, address, room, label, baud, source))


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


def _address(text):
    from mpseq_tools.bridge import parse_address

    try:
        return parse_address(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--relay") from None


def _source(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--program") from None


def _exit(coroutine):
    """Runs an async command and ends with its exit code; Ctrl-C is a wish, not a crash."""
    try:
        code = asyncio.run(coroutine)
    except KeyboardInterrupt:
        code = 0
    raise typer.Exit(code)


def main():
    """Entry point of the `mpseq` program."""
    app()
