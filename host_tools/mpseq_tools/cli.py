"""`mpseq`: the command line. Each command imports only what it needs."""

import asyncio
import os
from typing import Annotated

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

    address = _address(relay)
    psk = _read_psk(psk_file) if psk_file else b""
    if record:
        _start_record(record)
    _exit(run(nick, room, address, profile, label, record, psk, suite))


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
    """Put a device on a serial line into a room. The bridge cannot read what passes.

    A device that resets or is unplugged is waited for, under any name of its port. Exit code 3: no
    device at the start, or an emulated one has ended.
    """
    from mpseq_tools import bridge as tool

    address = _address(relay)
    source = _source(program) if program else start
    _exit(tool.run(device, address, room, label, baud, source))


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
        _stop(str(fault), "say it again.")
    if len(passphrase) < tool.WEAK:
        typer.echo("mpseq: a short one; five or six random words are better.", err=True)


@app.command()
def forge(
    people: Annotated[
        list[str],
        typer.Argument(
            metavar="NICK=KEY", help="Who is in it, by public key; the first founds the room."
        ),
    ],
    script: str = typer.Option(..., help="A file: who says what, one line each."),
    out: str = typer.Option(..., help="The transcript to write."),
    witness: str = typer.Option(None, help="Whose view it is: a nick; if not given, the first."),
    suite: int = typer.Option(1, min=1, max=2, help="How it is sealed, as for `mpseq chat`."),
):
    """Make a complete transcript of a conversation that never was, from public keys alone.

    Lines of the script: `ana: a text`, `ana /invite ben eva`, `ben /rekey`, `eva /leave`,
    `ben /cheat`, `/wait SECONDS`, `# a comment`. Whom no line invites is there from the beginning.
    """
    from mpseq_tools import forge as tool
    from mpseq_tools import transcript

    try:
        keys = tool.parse_people(people)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="NICK=KEY") from None
    if witness is not None and witness not in keys:
        raise typer.BadParameter(f"{witness!r} is none of them", param_hint="--witness")
    text = _source(script, "--script")
    try:
        forged = tool.forge(keys, text, witness, suite=suite)
    except tool.ScriptFault as fault:
        _stop(f"{script}: {fault}", "correct that line.")
    if forged is None:
        _stop(f"{witness} is in no session of this script", "name another witness.")
    _save(transcript, forged, out, "--out")


@app.command("audit-transcript")
def audit_transcript(
    file: str = typer.Argument(..., help="A transcript, recorded or forged."),
    profile: str = typer.Option(
        None, help="The witness's identity, if it is yours: checks with its long-term secret too."
    ),
):
    """Check all of a transcript, print what it says, and what it proves."""
    from mpseq_tools import audit as tool
    from mpseq_tools import keys, transcript

    try:
        secret = keys.load(profile)[0].secret if profile else None
        result = tool.audit(transcript.load(file), secret)
    except (OSError, keys.KeyFault) as error:
        _stop(str(error), "name another file or profile.")
    except tool.Refused as refused:
        typer.echo(f"Refused: {refused}.")
        raise typer.Exit(1) from None
    for line in result.lines():
        typer.echo(line)
    typer.echo(tool.VERDICT)


@app.command()
def deploy(
    port: str = typer.Option(None, help="Serial port; if not given, the only one on USB."),
    nick: str = typer.Option(None, help="The board's name in the conversation, 1-32 bytes."),
    room: str = typer.Option(None, help="Room that it reaches through this cable and a bridge."),
    carrier: str = typer.Option(None, help="Or another way, like tcp://HOST:PORT/ROOM."),
    wifi: str = typer.Option(
        None, metavar="SSID", help='Its Wi-Fi, whose password is asked for; "" for none.'
    ),
    wifi_password_file: str = typer.Option(
        None, help="Or it is in this file, or in the variable MPSEQ_WIFI_PASSWORD."
    ),
    invite_by: Annotated[
        list[str], typer.Option(metavar="NICK=KEY", help="Who may invite it; several times.")
    ] = [],  # noqa: B006
    host: str = typer.Option(
        None, metavar="NAME", help='It founds this and invites those people; "": no more.'
    ),
    watchdog: int = typer.Option(
        None, min=0, max=600, help="Seconds without progress, 5-600; 0: none."
    ),
    main: str = typer.Option(None, help="A main.py of yours in the place of the board's own."),
    example: str = typer.Option(None, help="Or one of boards/examples: sensor, lamp, pager."),
    dist: str = typer.Option(None, help="Folder with the packages of `make mip`."),
    relay: str = typer.Option("127.0.0.1:7676", help="HOST:PORT of the relay, to wait with."),
    patience: int = typer.Option(120, min=1, help="Seconds to wait until it has joined."),
    wait: bool = typer.Option(True, "--wait/--no-wait", help="Wait at all."),
    stay: bool = typer.Option(False, "--stay", help="Be its bridge until Ctrl-C."),
    baud: int = typer.Option(115200, help="Speed of a real UART; USB ignores it."),
):
    """Make a board with MicroPython a member: library, settings, identity; start it.

    The first time it wants --nick, --room or --carrier, and --invite-by or --host. What is there
    already is not sent again, and what is not said stays as it is on the board. Exit code 3: no
    board; 4: it has not joined in time. Tried on emulated boards only.
    """
    from mpseq_tools import deploy as tool
    from mpseq_tools import ports
    from mpseq_tools.faults import Fault
    from mpseq_tools.start import start

    if (room and carrier) or (main and example):
        raise typer.BadParameter("only one of --room and --carrier, of --main and --example")
    address = _address(relay)
    try:
        port = ports.choose(port)
        wanted = tool.Wanted(
            nick=nick,
            carrier=f"serial:{room}" if room else carrier,
            wifi=wifi and (wifi, tool.wifi_password(wifi_password_file)),
            people=tool.parse_people(invite_by),
            host=host,
            watchdog=watchdog,
            main=main,
            example=example,
        )
        member = tool.deploy(port, wanted, dist, baud, typer.echo)
        tool.show(member, typer.echo)
        code = asyncio.run(
            start(port, baud, address, member, patience if wait else 0, stay, typer.echo)
        )
    except Fault as fault:
        _stop(str(fault), fault.cure, fault.code)
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)


@app.command()
def flash(
    firmware: str = typer.Option(..., help="The image: a .bin that you have downloaded."),
    port: str = typer.Option(None, help="Serial port; if not given, the only one on USB."),
    chip: str = typer.Option(None, help="Like esp32c3; the image must be for it."),
    baud: int = typer.Option(460800, help="Speed; lower it when writing fails."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask before everything is erased."),
):
    """Put MicroPython onto an ESP32: erases all of it, writes, compares (with esptool).

    Not tried on hardware.
    """
    from mpseq_tools import flash as tool
    from mpseq_tools import ports
    from mpseq_tools.faults import Fault

    try:
        name = tool.chip_of(firmware, chip)
        port = ports.choose(port)
        if not yes:
            typer.confirm(
                f"This erases all of the {name} at {port}: its files, its identity. Go on?",
                abort=True,
            )
        tool.run(port, firmware, name, baud, typer.echo)
    except Fault as fault:
        _stop(str(fault), fault.cure, fault.code)
    typer.echo("MicroPython is on it. Next: mpseq deploy")


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


def _source(path, option="--program"):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint=option) from None


def _stop(what, cure, code=2):
    typer.echo(f"mpseq: {what}\nCure: {cure}", err=True)
    raise typer.Exit(code)


def _read_psk(path):
    from mpseq_tools import psk

    try:
        return psk.read(path)
    except psk.PskFault as fault:
        raise typer.BadParameter(str(fault), param_hint="--psk-file") from None


def _save(transcript, data, path, option):
    try:
        transcript.save(data, path)
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint=option) from None


def _start_record(path):
    from mpseq_tools import transcript

    if os.path.exists(path) and os.path.getsize(path):
        raise typer.BadParameter(f"{path} is there already", param_hint="--record")
    _save(transcript, None, path, "--record")  # now, not when it is too late
    typer.echo(
        f"!!! WARNING: --record: all secrets of this conversation go into {path}.\n"
        "!!! Whoever gets that file reads every word of it, and what this program would erase\n"
        "!!! stays in its memory. The others do not see that you do this: ask them first.\n"
        "!!! It proves nothing: `mpseq forge` makes such a file without any conversation.",
        err=True,
    )


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
