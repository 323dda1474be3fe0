"""`mpseq chat`."""

import getpass
import os
import sys

import typer

from . import CARRIER, RELAY, SECRET, app, complete_profile, finish, rooms_at, save, stop

_CARRIERS = typer.Option(
    None, metavar="ADDRESS", help=CARRIER + " Several times: several rooms."
)


@app.command()
def chat(
    nick: str = typer.Option(..., help="Your name in the conversation, 1-32 bytes."),
    carrier: list[str] = _CARRIERS,
    room: str = typer.Option(None, help="Name of the room."),
    relay: str = typer.Option("127.0.0.1:7676", help=RELAY),
    password_file: str = typer.Option(None, help=SECRET),
    profile: str = typer.Option(
        "default", help="Which of your identities to use; they are in MPSEQ_HOME, if that is set.",
        autocompletion=complete_profile,
    ),
    label: str = typer.Option(
        None, help="What the relay and everyone in the room sees of you; if not given, nothing."
    ),
    psk_file: str = typer.Option(
        None, help="A pre-shared key that all members have: the file holds what `mpseq psk` says."
    ),
    record: str = typer.Option(
        None, help="Keep everything, all secrets too, as a transcript in this file. Dangerous."
    ),
    suite: int = typer.Option(
        1, min=1, max=2,
        help="How what you found is sealed: 1 XChaCha20-Poly1305, 2 AES-256 with BLAKE2b.",
    ),
    plain: bool = typer.Option(
        False, "--plain", help="Plain lines, as through a pipe, instead of the screen."
    ),
    theme: str = typer.Option(
        None, envvar="MPSEQ_THEME", help="Colours of the screen: dark, light or terminal."
    ),
    history: str = typer.Option(
        None, help="Keep what is shown, readable, in this file. Else it is in memory only."
    ),
    probe: bool = typer.Option(
        True, help="Look whether the carrier keeps one order for all, and say so."
    ),
    web: bool = typer.Option(
        False, "--web", help="The same in a browser of this machine, at an address with a token."
    ),
    port: int = typer.Option(0, min=0, max=65535, help="Of --web; 0: any that is free."),
    open_browser: bool = typer.Option(False, "--open", help="With --web: open the browser."),
):
    """Hold a conversation. Lines are texts, /help shows the commands."""
    from mpseq_tools.chat import Options, run

    addresses = carrier or [None]
    places = [rooms_at(relay, address, room, password_file) for address in addresses]
    for there in places:
        if not there.name and there.kind != "serial":
            raise typer.BadParameter(
                "say which room, with --room or --carrier", param_hint="--room"
            )
    if theme not in (None, "", "dark", "light", "terminal"):
        raise typer.BadParameter("there are dark, light and terminal", param_hint="--theme")
    if (open_browser or port) and not web:
        hint = "--open" if open_browser else "--port"
        raise typer.BadParameter("goes with --web", param_hint=hint)
    if web and (plain or record):
        raise typer.BadParameter("goes without --plain and --record", param_hint="--web")
    psk = _read_psk(psk_file) if psk_file else b""
    for there in places:
        _ask_password(there)
    if record:
        _start_record(record)
    options = Options(nick, profile, label, psk, suite, record, history, probe, theme or None)
    if web:
        from mpseq_tools.tui.web import serve

        finish(serve(options, places, port, open_browser))
    finish(run(options, places, plain or not _is_terminal()))


def _is_terminal():
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _ask_password(there):
    """Before the screen is there: an account whose password nobody told."""
    if there.user is None or there.secret is not None:
        return
    if not sys.stdin.isatty():
        stop(f"{there} wants a password.", "--password-file, or MPSEQ_PASSWORD")
    try:
        there.secret = getpass.getpass(f"password of {there.user}: ")
    except EOFError:
        stop("no password.", "--password-file, or MPSEQ_PASSWORD")


def _read_psk(path):
    from mpseq_tools import psk

    try:
        return psk.read(path)
    except psk.PskFault as fault:
        raise typer.BadParameter(str(fault), param_hint="--psk-file") from None


def _start_record(path):
    from mpseq_tools import transcript

    if os.path.exists(path) and os.path.getsize(path):
        raise typer.BadParameter(f"{path} is there already", param_hint="--record")
    save(transcript, None, path, "--record")  # now, not when it is too late
    typer.echo(
        f"!!! WARNING: --record: all secrets of this conversation go into {path}.\n"
        "!!! Whoever gets that file reads every word of it, and what this program would erase\n"
        "!!! stays in its memory. The others do not see that you do this: ask them first.\n"
        "!!! It proves nothing: `mpseq forge` makes such a file without any conversation.",
        err=True,
    )
