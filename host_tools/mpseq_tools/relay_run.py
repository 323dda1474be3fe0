"""`mpseq relay` from its options to its exit code: files, signals, limits of this machine."""

import asyncio
import dataclasses
import errno
import os
import signal
import socket
import sys

from . import relay_tokens
from .faults import Fault
from .relay import Relay
from .relay_log import Log
from .relay_systemd import notify

_FILES = 128  # open files beside those of clients: the spare connections, this program's own


class ListenFault(Fault):
    """It cannot listen there."""


@dataclasses.dataclass
class Options:
    """What was asked for. `certificate` and `key`, `tokens`: paths or None; `metrics`: a port or
    None; `drain`: seconds; `log`: "text" or "json"; `names`: whether they are logged."""

    host: str
    port: int
    limits: dict
    certificate: str | None = None
    key: str | None = None
    tokens: str | None = None
    metrics: int | None = None
    drain: float = 5.0
    quiet: bool = False
    log: str = "text"
    names: bool = False

    def load_tls(self):
        """The TLS context, or None; relay_tls.CertificateFault."""
        if not self.certificate:
            return None
        from .relay_tls import context

        return context(self.certificate, self.key)

    def load_tokens(self):
        """The tokens, or None; TokenFault."""
        return relay_tokens.load(self.tokens) if self.tokens else None


async def run(options: Options) -> int:
    """Serves until SIGINT or SIGTERM; returns the exit code."""
    log = Log(options.log, options.names)
    try:
        return await _run(options, log)
    except Fault as fault:
        print(f"mpseq: {fault}\nCure: {fault.cure}", file=sys.stderr)
        return fault.code
    finally:
        log.close()


async def _run(options, log):
    loop = asyncio.get_running_loop()
    # Never the text of an error of somebody else's making, which may hold what it sent.
    loop.set_exception_handler(
        lambda _, about: log.say(
            f"{about.get('message')} ({type(about.get('exception')).__name__})", "fault"
        )
    )
    _enough_files(options.limits, log)
    relay = Relay(
        options.host, options.port,
        note=(lambda event, fields: None) if options.quiet else log,
        tls=options.load_tls(), tokens=options.load_tokens(), **options.limits,
    )
    metrics = None
    try:
        await relay.start()
        if options.metrics is not None:
            metrics = await _metrics(relay, options.metrics, log)
    except OSError as error:
        raise listen_fault(error, options.host, options.port) from None
    except BaseException:
        await relay.stop(0)
        raise
    stops = asyncio.Queue()
    _on_signals(loop, stops, lambda: _reload(relay, options, log))
    where = f"[{options.host}]" if ":" in options.host else options.host
    behind = ", behind TLS" if relay.tls else ""
    log.say(
        f"relay at {where}:{relay.port}{behind}; stop with Ctrl-C", "listening",
        host=options.host, port=relay.port, tls=relay.tls is not None,
    )
    if metrics:
        log.say(f"metrics at http://{_loopback()}:{metrics.port}/metrics", "metrics",
                port=metrics.port)
    notify("READY=1")
    await stops.get()
    notify("STOPPING=1")
    log.say(f"stopping, within {options.drain:g} s; a second Ctrl-C stops at once", "stopping")
    stopping = asyncio.create_task(relay.stop(options.drain))
    again = asyncio.create_task(stops.get())
    await asyncio.wait((stopping, again), return_when=asyncio.FIRST_COMPLETED)
    again.cancel()
    relay.abort()
    stopping.cancel()
    await asyncio.gather(stopping, again, return_exceptions=True)
    if metrics:
        await metrics.stop()
    log.say("relay stopped", "stopped")
    return 0


async def _metrics(relay, port, log):
    from .relay_metrics import HOST, Metrics

    metrics = Metrics(relay, port, log)
    try:
        await metrics.start()
    except OSError as error:
        await relay.stop(0)
        raise listen_fault(error, HOST, port, "--metrics") from None
    return metrics


def _loopback():
    from .relay_metrics import HOST

    return HOST


def listen_fault(error: OSError, host: str, port: int, option="--port") -> ListenFault:
    """What this error of listening means, with the cure."""
    what = f"cannot listen on {host} port {port}"
    if isinstance(error, socket.gaierror):
        fault = ListenFault(
            f"{what}: there is no host {host!r}",
            "--host 127.0.0.1 for this machine alone, 0.0.0.0 for every address of it",
        )
    elif error.errno == errno.EADDRNOTAVAIL:
        fault = ListenFault(
            f"{what}: that is no address of this machine",
            "--host 127.0.0.1, 0.0.0.0 for every address, or one that `ip address` shows",
        )
    elif error.errno in (errno.EACCES, errno.EPERM):
        fault = ListenFault(
            f"{what}: ports below 1024 are for root",
            f"choose another {option}; or as a service, `mpseq relay --port {port} --systemd`",
        )
    elif error.errno == errno.EADDRINUSE:
        fault = ListenFault(
            f"{what}: another program is there",
            f"stop that one (`ss -ltnp` shows it), or choose another {option}; 0 takes a free one",
        )
        fault.code = 3
    else:
        fault = ListenFault(
            f"{what}: {error.strerror or error}", f"choose another --host or {option}"
        )
    return fault


def _enough_files(limits, log):
    """As many open files as may be; fewer clients when that is too few."""
    try:
        import resource
    except ImportError:  # Windows, where sockets are no files
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):  # macOS has another limit behind this one
            pass
    most = max(soft - _FILES, 8)
    if soft != resource.RLIM_INFINITY and limits["max_clients"] > most:
        log.say(
            f"this machine lets {soft} files be open at once, so {most} clients can come, not"
            f" {limits['max_clients']}. Cure: `ulimit -Hn`, or LimitNOFILE in a unit of systemd",
            "warning",
        )
        limits["max_clients"] = most


def _on_signals(loop, stops, reload):
    def stop():
        stops.put_nowait(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
    if hasattr(signal, "SIGHUP"):
        at_terminal = os.isatty(1)
        loop.add_signal_handler(
            signal.SIGHUP, lambda: stop() if at_terminal and _hung_up() else reload()
        )


def _hung_up():
    """Whether the terminal that this was started at has been closed."""
    try:
        os.get_terminal_size(1)
    except OSError:
        return True
    return False


def _reload(relay, options, log):
    for name, load in (("tls", options.load_tls), ("tokens", options.load_tokens)):
        try:
            found = load()
        except Fault as fault:
            log.say(f"not taken: {fault}; the old one stays. Cure: {fault.cure}", "warning")
        else:
            setattr(relay, name, found)
            if found is not None:
                log.say(f"{name}: read again", "reloaded")
