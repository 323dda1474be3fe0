"""`mpseq relay`."""

import dataclasses
import sys

import typer

from . import app, finish, stop

_WHO = "Who may come"
_MUCH = "How much of it"
_RUN = "Running it"


def _default(name):
    # Imported late everywhere else; these few lines are what the help shows.
    from mpseq_tools.relay_limits import Limits

    return getattr(Limits, name)


def _limit(name, text, **options):
    default = _default(name)
    number = {"min": 1} if isinstance(default, int) else {"min": 0.001}
    return typer.Option(default, help=text, rich_help_panel=_MUCH, **{**number, **options})


@app.command()
def relay(
    context: typer.Context,
    host: str = typer.Option(
        "127.0.0.1", help="Address to listen on; 0.0.0.0 for every one, * with IPv6 too."
    ),
    port: int = typer.Option(7676, min=0, max=65535, help="TCP port; 0 takes a free one."),
    quiet: bool = typer.Option(False, "--quiet", help="Do not print who enters and leaves."),
    tls_cert: str = typer.Option(
        None, metavar="FILE", rich_help_panel=_WHO,
        help="Serve tls:// alone, with this certificate (PEM, and what it is signed by).",
    ),
    tls_key: str = typer.Option(None, metavar="FILE", help="Its key.", rich_help_panel=_WHO),
    tls_self_signed: str = typer.Option(
        None, metavar="NAME[,NAME]", rich_help_panel=_WHO,
        help="The same with a certificate of its own, made at the first time: how clients call "
        "this machine.",
    ),
    tokens: str = typer.Option(
        None, metavar="FILE", rich_help_panel=_WHO,
        help="Who may enter: lines ROOM TOKEN, * in the place of ROOM for all others. "
        "SIGHUP reads it, and the certificate, again.",
    ),
    new_token: bool = typer.Option(
        False, "--new-token", help="Print a new token for that file, and end.",
        rich_help_panel=_WHO,
    ),
    max_clients: int = _limit("max_clients", "Connections in all."),
    max_rooms: int = _limit("max_rooms", "Rooms."),
    max_members: int = _limit("max_members", "Members of a room."),
    max_per_address: int = _limit(
        "max_per_address", "Connections of one address; 0 behind a proxy, whose address all have.",
        min=0,
    ),
    connect_rate: float = _limit("connect_rate", "New connections of one address a second,"),
    connect_burst: int = _limit("connect_burst", "and at once."),
    guesses: int = _limit("guesses", "Wrong tokens of one address a minute."),
    frame_rate: float = _limit("frame_rate", "Messages of one client a second,"),
    frame_burst: int = _limit("frame_burst", "and at once; what is over waits with the client."),
    byte_rate: float = _limit("byte_rate", "Bytes of one client a second,"),
    byte_burst: int = _limit("byte_burst", "and at once."),
    flood: float = _limit("flood", "Seconds after which a client that is always over must go."),
    max_waiting: int = _limit("max_waiting", "Bytes that may wait for one client."),
    max_memory: int = _limit("max_memory", "Bytes that may wait for all."),
    patience: float = _limit("patience", "Seconds for TLS and the first message."),
    idle: float = _limit("idle", "Seconds without a sign of life; clients show one every 25 s."),
    drain: float = typer.Option(
        5.0, min=0, rich_help_panel=_RUN, help="Seconds to write what waits, when it is stopped."
    ),
    metrics: int = typer.Option(
        None, metavar="PORT", min=0, max=65535, rich_help_panel=_RUN,
        help="Counters for Prometheus at http://127.0.0.1:PORT/metrics, and /healthz.",
    ),
    log: str = typer.Option("text", metavar="text|json", rich_help_panel=_RUN, help="Its form."),
    log_names: bool = typer.Option(
        None, "--log-names/--no-log-names", rich_help_panel=_RUN, show_default="at a terminal",
        help="Log rooms, labels and addresses; else numbers stand for them.",
    ),
    systemd: bool = typer.Option(
        False, "--systemd", rich_help_panel=_RUN,
        help="Print a unit that starts a relay with these options, and end.",
    ),
):
    """Serve rooms over TCP. It passes on what it cannot read and keeps nothing."""
    from mpseq_tools import relay_tokens
    from mpseq_tools.faults import Fault
    from mpseq_tools.relay_limits import Limits
    from mpseq_tools.relay_run import Options, run

    given = dict(context.params)
    if new_token:
        typer.echo(relay_tokens.new())
        raise typer.Exit
    if log not in ("text", "json"):
        raise typer.BadParameter("text or json", param_hint="--log")
    if not host:
        raise typer.BadParameter("empty; 0.0.0.0 is every address", param_hint="--host")
    try:
        if tls_self_signed:
            tls_cert, tls_key = _self_signed(tls_self_signed, bool(tls_cert or tls_key), systemd)
        if bool(tls_cert) != bool(tls_key):
            raise typer.BadParameter(
                "a certificate and its key go together", param_hint="--tls-cert, --tls-key"
            )
        if systemd:
            from mpseq_tools.relay_systemd import advice, unit

            text = unit(_typed(context, tls_cert, tls_key), port, drain, max_memory)
            typer.echo(text, nl=False)
            if about := advice(text):
                typer.echo(f"mpseq: {about}", err=True)
            raise typer.Exit
    except Fault as fault:
        stop(str(fault), fault.cure, fault.code)
    names = sys.stdout.isatty() if log_names is None else log_names
    limits = {field.name: given[field.name] for field in dataclasses.fields(Limits)}
    finish(
        run(
            Options(
                host, port, limits, tls_cert, tls_key, tokens, metrics, drain, quiet, log, names
            )
        )
    )


def _self_signed(names, more, quiet):
    if more:
        raise typer.BadParameter(
            "one of its own, or yours", param_hint="--tls-self-signed, --tls-cert"
        )
    from mpseq_tools.relay_tls import self_signed

    certificate, key, der, fingerprint, made = self_signed(names)
    typer.echo(
        f"{'made' if made else 'using'} {certificate}\n"
        f"for boards: {der}\n"
        f"SHA-256 fingerprint: {fingerprint}\n"
        f"clients: tls://{names.partition(',')[0]}:PORT/ROOM#FILE, with a copy of that file",
        err=True,
    )
    return str(certificate), str(key)


def _typed(context, certificate, key):
    """The options that were typed, for a unit."""
    out = []
    for parameter in context.command.params:
        name = parameter.name
        typed = context.get_parameter_source(name)
        if typed is None or typed.name != "COMMANDLINE":
            continue
        value = context.params[name]
        if name not in ("systemd", "new_token", "tls_self_signed", "tls_cert", "tls_key"):
            flag = isinstance(value, bool)
            off = flag and not value and parameter.secondary_opts
            out.append(((parameter.secondary_opts if off else parameter.opts)[0],
                        None if flag else value))
    if certificate:
        out += [("--tls-cert", certificate), ("--tls-key", key)]
    return out
