"""`mpseq chat`."""

import os

import typer

from . import CARRIER, RELAY, SECRET, app, finish, rooms_at, save


@app.command()
def chat(
    nick: str = typer.Option(..., help="Your name in the conversation, 1-32 bytes."),
    carrier: str = typer.Option(None, metavar="ADDRESS", help=CARRIER),
    room: str = typer.Option(None, help="Name of the room."),
    relay: str = typer.Option("127.0.0.1:7676", help=RELAY),
    password_file: str = typer.Option(None, help=SECRET),
    profile: str = typer.Option(
        "default", help="Which of your identities to use; they are in MPSEQ_HOME, if that is set."
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
):
    """Hold a conversation from this terminal. Lines are texts, /help shows the commands."""
    from mpseq_tools.chat import run

    rooms = rooms_at(relay, carrier, room, password_file)
    if not rooms.name and rooms.kind != "serial":
        raise typer.BadParameter("say which room, with --room or --carrier", param_hint="--room")
    psk = _read_psk(psk_file) if psk_file else b""
    if record:
        _start_record(record)
    finish(run(nick, rooms, profile, label, record, psk, suite))


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
