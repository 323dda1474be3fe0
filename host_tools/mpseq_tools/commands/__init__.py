"""The commands of `mpseq`, a file each. Each imports what it needs when it is called."""

import asyncio
import json

import typer
from typer.core import TyperGroup

from mpseq_tools.faults import Fault

EXIT_CODES = "\n".join(
    (
        "Exit codes:",
        "0  done; also when Ctrl-C ends what runs until then",
        "1  the answer is no: refused, found wrong, not passed",
        "2  not like this: an option, a file or an identity cannot be used",
        "3  nobody there: no board, no relay, no server",
        "4  not in time, or keys and people that cannot be used",
        "130  Ctrl-C before it was done",
        'What went wrong stands on stderr, with a line "Cure: …".',
    )
)


class _Commands(TyperGroup):
    """Ends every command that cannot go on in the same way."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except Fault as fault:
            stop(str(fault), fault.cure, fault.code)
        except KeyboardInterrupt:
            typer.echo("mpseq: stopped.", err=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Deniable, forward-secret group chat between desktops and MicroPython boards.",
    epilog=EXIT_CODES,
)


def _version(wanted):
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mpseq {version('mpseq')}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and end."
    ),
):
    pass


def finish(coroutine):
    """Runs an async command that lasts until Ctrl-C, if need be, and ends with its exit code."""
    try:
        code = asyncio.run(coroutine)
    except KeyboardInterrupt:
        code = 0  # a wish, not a crash
    raise typer.Exit(code)


def stop(what, cure, code=2):
    """Ends the command with what is wrong and how to mend it."""
    from mpseq_aio.framing import clean

    # A fault may quote a file, a device or a server; its own line breaks are ours.
    rows = f"mpseq: {what}\nCure: {cure}".split("\n")
    typer.echo("\n".join(map(clean, rows)), err=True)
    raise typer.Exit(code)


def show_json(value):
    """What --json prints: one object, whose names stay as they are; new ones may come."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def complete_device(incomplete: str):
    """For a shell: what --device takes here."""
    from mpseq_tools import devices_here

    return [
        (one.name, one.text)
        for one in devices_here.everything()
        if one.usable and one.name.startswith(incomplete)
    ]


def complete_port(incomplete: str):
    """For a shell: what --port takes here."""
    return [one for one in complete_device(incomplete) if one[0] not in ("unix", "cpython")]


def complete_profile(incomplete: str):
    """For a shell: identities that are here."""
    from mpseq_tools import keys

    return [name for name in keys.profiles() if name.startswith(incomplete)]


def source(path, option="--program"):
    """The text of a file that an option names."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint=option) from None


def save(transcript, data, path, option):
    """Writes a transcript where an option says."""
    try:
        transcript.save(data, path)
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint=option) from None


CARRIER = "Address of the room, like mqtt://HOST/ROOM, in the place of --relay and --room."
RELAY = "Where the rooms are: HOST:PORT of a relay, or an address without a room."
SECRET = (
    "A file with the password of that account (or in MPSEQ_PASSWORD), or the relay's token (or in"
    " MPSEQ_TOKEN)."
)


def rooms_at(relay, carrier=None, room=None, secret_file=None):
    """Where the rooms are that these options name (mpseq_tools.rooms.Rooms)."""
    import os

    from mpseq_tools import rooms

    if carrier and room:
        raise typer.BadParameter("only one of --carrier and --room")
    option = "--carrier" if carrier else "--relay"
    try:
        there = rooms.at(carrier or relay)
    except rooms.AddressFault as fault:
        raise typer.BadParameter(f"{fault}. Cure: {fault.cure}", param_hint=option) from None
    if room:
        there.name = room
    if secret_file:
        there.secret = source(secret_file, "--password-file").strip()
        if os.name == "posix" and os.stat(secret_file).st_mode & 0o077:
            typer.echo(f"mpseq: others can read {secret_file}. Cure: chmod 600", err=True)
    else:
        there.secret = there.secret or there.ambient_secret()
    return there
