"""`mpseq deploy`."""

import asyncio
import contextlib
from typing import Annotated

import typer

from . import RELAY, SECRET, app, complete_port, rooms_at, show_json


@app.command()
def deploy(
    port: str = typer.Option(
        None, autocompletion=complete_port,
        help="Serial port; if not given, the only one on USB. qemu-rv32: an emulated board.",
    ),
    nick: str = typer.Option(None, help="The board's name in the conversation, 1-32 bytes."),
    room: str = typer.Option(None, help="Room that it reaches through this cable and a bridge."),
    carrier: str = typer.Option(
        None, help="Or another way, like tcp://HOST:PORT/ROOM; #FILE of tls:// is copied, too."
    ),
    wifi: str = typer.Option(
        None, metavar="SSID", help='Its Wi-Fi, whose password is asked for; "" for none.'
    ),
    wifi_password_file: str = typer.Option(
        None, help="Or it is in this file, or in the variable MPSEQ_WIFI_PASSWORD."
    ),
    invite_by: Annotated[
        list[str], typer.Option(metavar="NICK=KEY", help="Who may invite it; several times.")
    ] = [],  # noqa: B006
    forget_person: Annotated[
        list[str], typer.Option(metavar="NICK", help="Who may no more; several times.")
    ] = [],  # noqa: B006
    host: str = typer.Option(
        None, metavar="NAME", help='It founds this and invites those people; "": no more.'
    ),
    watchdog: int = typer.Option(
        None, min=0, max=600, help="Seconds without progress, 5-600; 0: none."
    ),
    main: str = typer.Option(None, help="A main.py of yours in the place of the board's own."),
    example: str = typer.Option(None, help="Or one of boards/examples: sensor, lamp, pager."),
    passphrase: bool = typer.Option(
        False, "--passphrase",
        help="Seal its keys under a passphrase, asked for here, and by the board at each start.",
    ),
    dist: str = typer.Option(None, help="Folder with the packages of `make mip`."),
    disk: str = typer.Option(
        None, metavar="FILE", help="An emulated board's flash memory; if not given, one of yours."
    ),
    relay: str = typer.Option("127.0.0.1:7676", help=RELAY + " To wait with."),
    password_file: str = typer.Option(None, help=SECRET),
    patience: int = typer.Option(120, min=1, help="Seconds to wait until it has joined."),
    wait: bool = typer.Option(True, "--wait/--no-wait", help="Wait at all."),
    stay: bool = typer.Option(False, "--stay", help="Be its bridge until Ctrl-C."),
    baud: int = typer.Option(115200, help="Speed of a real UART; USB ignores it."),
    as_json: bool = typer.Option(False, "--json", help="The result for a machine to read."),
):
    """Make a board with MicroPython a member: library, settings, identity; start it.

    The first time it wants --nick, --room or --carrier, and --invite-by or --host. What is there
    already is not sent again, and what is not said stays as it is on the board. Exit code 3: no
    board; 4: it has not joined in time. --json: nick, key, fingerprint, carrier, invite (the line
    that somebody types), joined; what happens goes to stderr. Tried on emulated boards only.
    """  # fmt: skip
    from mpseq_tools import deploy as tool
    from mpseq_tools import emulated, in_clear, ports, psk, qemu
    from mpseq_tools.start import start

    if (room and carrier) or (main and example):
        raise typer.BadParameter("only one of --room and --carrier, of --main and --example")
    if disk and port not in qemu.BOARDS:
        raise typer.BadParameter("is for an emulated board: --port qemu-rv32", param_hint="--disk")
    rooms = rooms_at(relay, secret_file=password_file)
    is_emulated = port in qemu.BOARDS
    if is_emulated and carrier and not carrier.startswith("serial:"):
        raise typer.BadParameter(
            "an emulated board has no network; let its cable lead there: --room NAME, and --relay"
            " with the address without the room",
            param_hint="--carrier",
        )
    port = ports.choose(port)
    wanted = tool.Wanted(
        nick=nick,
        carrier=f"serial:{room}" if room else carrier,
        wifi=wifi and (wifi, tool.wifi_password(wifi_password_file)),
        people=tool.parse_people(invite_by),
        gone=forget_person,
        host=host,
        watchdog=watchdog,
        main=main,
        example=example,
        passphrase=psk.ask("passphrase for the keys of the board") if passphrase else "",
    )
    if passphrase and not wanted.passphrase.strip():
        raise psk.PskFault("the passphrase is empty")
    if passphrase and (said := psk.weak(wanted.passphrase)):
        typer.echo(said, err=True)
    again = None
    joined = []
    member = None

    def say(line):
        typer.echo(line, err=as_json)

    with contextlib.ExitStack() as stack:
        place = port
        if is_emulated:
            again = f"mpseq deploy --port {port} --stay --relay {relay}"
            again += f" --disk {disk}" * bool(disk) + " --passphrase" * passphrase
            place = stack.enter_context(emulated.switched_on(port, disk, say, again))
        try:
            member = tool.deploy(place, wanted, dist, baud, say)
            if carrier and (said := in_clear.warning_of(carrier)):
                say(f"careful: {said}")
            tool.show(member, say)
            code = asyncio.run(
                start(
                    place, baud, rooms, member, patience if wait else 0, stay, say,
                    wanted.passphrase, again, lambda: joined.append(True),
                )
            )  # fmt: skip
        except KeyboardInterrupt:
            if not (stay and joined):
                raise
            code = 0  # it was its bridge until then, as was wanted
        finally:
            if as_json and member:
                show_json(_plain(member, bool(joined)))
    raise typer.Exit(code)


def _plain(member, joined):
    return {
        "nick": member.nick,
        "key": member.key.hex(),
        "fingerprint": member.fingerprint,
        "carrier": member.way,
        "invite": member.invitation,
        "joined": joined,
    }
