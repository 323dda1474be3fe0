"""`mpseq relay` as who runs it sees it: stopping, metrics, logs, a service, what goes wrong."""

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families
from relays import a_command, a_relay, answers, arguments, enter, hello, next_of, story, until
from test_relay_tls import certificate

from mpseq_aio import link, tcp
from mpseq_tools import relay_log, relay_run, relay_systemd


def fetch(port, path, host=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if host:
        request.add_header("Host", host)
    with urllib.request.urlopen(request, timeout=10) as page:
        return page.read().decode()


def metrics_of(text):
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, *sample.labels.values()] = sample.value
    return found


# --- stopping


async def a_slow_client(command):
    """Somebody in the room who does not read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", command.port)
    writer.write(hello("slow"))
    assert (await tcp.read_message(reader))[0] == link.WELCOME
    writer.transport.pause_reading()
    return reader, writer


async def until_full(ana, frames=60):
    """Posts more than a kernel keeps; takes the own echoes."""
    for number in range(frames):
        await ana.post(b"%2d" % number + bytes(16000))
    for _ in range(frames):
        await next_of(ana, link.FRAME)


def test_on_sigterm_what_is_queued_is_written_before_the_end():
    with a_command("--drain", 20) as command:

        async def tell():
            ana = await enter(command, "ana")
            reader, slow = await a_slow_client(command)
            await until_full(ana)
            command.signal(signal.SIGTERM)
            with pytest.raises(link.CarrierLost, match="shutting down"):
                await next_of(ana, link.FRAME)
            with pytest.raises(link.CarrierLost):
                await enter(command, "eve")
            assert command.process.poll() is None
            slow.transport.resume_reading()
            heard = []
            with contextlib.suppress(link.CarrierLost):
                while True:
                    heard.append(await asyncio.wait_for(tcp.read_message(reader), 60))
            frames = [message[2][:2] for message in heard if message[0] == link.FRAME]
            assert frames == [b"%2d" % number for number in range(60)]
            assert heard[-1][0] == link.ERROR and "shutting down" in heard[-1][1]
            slow.close()

        asyncio.run(tell())
        assert command.end() == 0
        assert command.lines[-1].endswith("relay stopped")


@pytest.mark.parametrize("again", [False, True])
def test_who_does_not_read_holds_up_the_end_no_longer_than_it_may(again):
    with a_command("--drain", 60 if again else 0.5) as command:

        async def tell():
            ana = await enter(command, "ana")
            _, slow = await a_slow_client(command)
            await until_full(ana)
            command.signal(signal.SIGTERM)
            command.line("stopping, within")
            if again:
                command.signal(signal.SIGTERM)
            assert await asyncio.to_thread(command.end) == 0
            slow.transport.abort()

        begun = time.monotonic()
        asyncio.run(tell())
        assert time.monotonic() - begun < 30


def test_a_conversation_goes_on_with_the_next_relay():
    with a_command() as command:

        async def tell():
            ana = await enter(command, "ana")
            command.signal(signal.SIGTERM)
            with pytest.raises(link.CarrierLost, match="shutting down; it may be back soon"):
                await ana.recv()
            assert await asyncio.to_thread(command.end) == 0
            # At once at the same port, although the kernel still knows the old connections.
            with a_command("--port", command.port) as following:
                assert following.port == command.port
                await ana.open()
                await ana.post(b"again")
                assert await ana.recv() == (link.FRAME, "ana", b"again")
                await ana.close()

        asyncio.run(tell())


# --- metrics


def test_metrics_count_everything_and_name_nobody():
    with a_command("--metrics", 0, "--max-members", 2) as command:
        port = int(re.search(r":(\d+)/metrics", command.line("/metrics"))[1])
        assert fetch(port, "/healthz") == "ok\n"

        async def tell():
            ana = await enter(command, "ana", "secretgarden")
            ben = await enter(command, "ben", "secretgarden")
            with pytest.raises(link.CarrierLost):
                await enter(command, "eve", "secretgarden")
            for _ in range(5):
                await ana.post(bytes(100))
                await next_of(ana, link.FRAME)
                await next_of(ben, link.FRAME)
            text = await asyncio.to_thread(fetch, port, "/metrics")
            await ana.close()
            await ben.close()
            return text

        text = asyncio.run(tell())
        found = metrics_of(text)
        assert found["mpseq_relay_clients",] >= 2 and found["mpseq_relay_rooms",] == 1
        assert found["mpseq_relay_frames_posted_total",] == 5
        assert found["mpseq_relay_frames_delivered_total",] == 10
        assert found["mpseq_relay_delivered_bytes_total",] == 10 * (4 + 1 + 4 + 100)
        assert found["mpseq_relay_ended_total", "full"] == 1
        assert found["mpseq_relay_ended_total", "slow"] == 0
        assert found["mpseq_relay_backlog_bytes",] == 0
        assert found["mpseq_relay_latency_seconds_count",] == 5
        assert found["mpseq_relay_latency_seconds_bucket", "+Inf"] == 5
        assert not any(name in text for name in ("secretgarden", "ana", "ben", "127.0.0.1"))
        # A page in the browser of this machine cannot read it under its own name.
        with pytest.raises(urllib.error.HTTPError, match="403"):
            fetch(port, "/metrics", "evil.example:1")
        with socket.socket() as one, pytest.raises(OSError):
            one.bind(("127.0.0.1", port))
        with socket.create_connection(("127.0.0.1", port)) as one:  # is worth no line
            one.sendall(b"GET /\x1b[2J HTTP/1.1\r\n\r\n")
            assert b" 400 " in one.recv(1000)
        command.signal(signal.SIGTERM)
        assert command.end() == 0
        assert not any("Traceback" in line or "Error" in line for line in command.lines)


def test_a_port_for_metrics_that_is_taken_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = failing("--port", 0, "--metrics", taken.getsockname()[1])
    assert result.returncode == 3 and "another --metrics" in result.stderr


# --- the log


async def a_visit(command):
    ana = await enter(command, "ana", "garden")
    assert (await answers(command, b"nonsense and so on"))[-1][0] == link.ERROR
    await ana.post(b"payload payload")
    await ana.recv()
    await ana.close()


@pytest.mark.parametrize("names", [False, True])
@pytest.mark.parametrize("form", ["text", "json"])
def test_what_a_log_says(form, names):
    with a_command("--log", form, *(["--log-names"] if names else [])) as command:
        asyncio.run(a_visit(command))
        command.signal(signal.SIGTERM)
        assert command.end() == 0
    said = "\n".join(command.lines)
    assert "payload" not in said and "nonsense and" not in said
    for name in ("ana", "garden"):
        assert (re.search(rf"\b{name}\b", said) is not None) is names
    assert ("from 127.0.0.1" in said or '"address": "127.0.0.1"' in said) is names
    if form == "json":
        events = [json.loads(line) for line in command.lines]
        kinds = [event["event"] for event in events]
        assert kinds[0] == "listening" and kinds[-1] == "stopped"
        left = next(event for event in events if event["event"] == "left")
        assert left["kind"] == "bye" and left["room"] == 1 and left["client"] == 1
        assert next(e for e in events if e["event"] == "refused")["kind"] == "nonsense"
        assert all(re.fullmatch(r"20\d\d-..-..T..:..:..\.\d\d\dZ", e["time"]) for e in events)
    else:
        assert ("ana entered room garden" if names else "client 1 entered room 1") in said


def test_a_terminal_shows_names_and_what_is_kept_has_none(tmp_path):
    import pty

    main, side = pty.openpty()
    process = subprocess.Popen(arguments("--port", 0), stdout=side, stderr=side, stdin=side)
    os.close(side)
    try:
        said = b""
        while b"Ctrl-C" not in said:
            said += os.read(main, 4096)
        command = type("Command", (), {"port": int(re.search(rb"127.0.0.1:(\d+)", said)[1])})
        asyncio.run(a_visit(command))
        while b"left room" not in said:
            said += os.read(main, 4096)
        assert b"ana entered room garden" in said
        os.close(main)  # the terminal is closed
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_a_log_that_nobody_reads_stops_nothing():
    with a_command("--max-per-address", 0) as command:

        async def tell():
            for number in range(1000):  # over 64 KiB of lines, which is what a pipe keeps
                await answers(command, hello(f"{number}") + tcp.frame_message((link.BYE,)))
            ana = await enter(command, "ana")
            await ana.post(b"still here")
            assert await next_of(ana, link.FRAME) == (link.FRAME, "ana", b"still here")
            await ana.close()

        asyncio.run(asyncio.wait_for(tell(), 180))
        command.signal(signal.SIGTERM)
        assert command.process.wait(60) == 0  # still unread


def test_an_attack_does_not_fill_the_log():
    lines = []
    log = relay_log.Log(write=lines.append)
    for number in range(10_000):
        log("refused", {"client": number, "kind": "full", "reason": "full", "address": "10.0.0.1"})
        for event in ("entered", "left"):
            log(event, {"client": number, "label": "x", "room": 1, "members": 1, "reason": "bye"})
            time.sleep(0.001 if number % 100 == 0 else 0)  # the writer's turn
    log.close()
    for word in (" entered room ", " left room "):
        assert 100 <= sum(word in line for line in lines) < 3000
    written = [line for line in lines if "not let in" in line]
    assert 50 <= len(written) < 200 and not any("10.0.0.1" in line for line in written)


# --- a service


def test_a_unit_that_systemd_takes_and_finds_safe(tmp_path):
    pem, key, _ = certificate(tmp_path)
    tokens = tmp_path / "to kens%"
    tokens.write_text("* 0123456789abcdef\n")
    tokens.chmod(0o600)
    result = subprocess.run(
        arguments("--host", "0.0.0.0", "--tls-cert", pem, "--tls-key", key, "--tokens", tokens,
                  "--quiet", "--no-log-names", "--metrics", 9100, "--systemd"),
        capture_output=True, text=True, timeout=30,
    )
    assert result.returncode == 0, result.stderr
    text = result.stdout
    start = re.search("^ExecStart=(.*)$", text, re.M)[1]
    assert start.endswith(
        "relay --host 0.0.0.0 --quiet --tokens ${CREDENTIALS_DIRECTORY}/tokens --metrics 9100"
        " --no-log-names --tls-cert ${CREDENTIALS_DIRECTORY}/relay.pem"
        " --tls-key ${CREDENTIALS_DIRECTORY}/relay.key"
    )
    assert f"LoadCredential=tokens:{tokens}%\n" in text and "0123456789abcdef" not in text
    unit = tmp_path / "mpseq-relay.service"
    unit.write_text(text)
    verified = systemd("verify", "--man=no", unit)
    assert verified.returncode == 0 and str(unit) not in verified.stderr, verified.stderr
    judged = systemd("security", "--offline=true", "--no-pager", unit)
    level = float(re.search(r"exposure level for .*: ([0-9.]+)", judged.stdout)[1])
    assert level < 2.0, judged.stdout


def systemd(*what):
    try:
        return subprocess.run(
            ["systemd-analyze", *map(str, what)], capture_output=True, text=True, timeout=60
        )
    except FileNotFoundError:
        pytest.fail("systemd-analyze is missing. Cure: make deps")


def test_a_unit_knows_low_ports_and_its_own_certificate(tmp_path):
    result = subprocess.run(
        arguments("--port", 443, "--tls-self-signed", "relay.example", "--systemd"),
        capture_output=True, text=True, timeout=30,
        env={**os.environ, "MPSEQ_HOME": str(tmp_path)},
    )
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in result.stdout
    assert f"LoadCredential=relay.key:{tmp_path}/relay-key.pem\n" in result.stdout
    assert "--tls-self-signed" not in result.stdout and "fingerprint" in result.stderr
    result = subprocess.run(
        arguments("--tokens", tmp_path / "none", "--systemd"), capture_output=True, text=True
    )
    assert result.returncode == 2 and result.stdout == "" and "Cure: " in result.stderr


def test_systemd_is_told_that_it_serves_and_that_it_stops(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(20)
        with a_command(NOTIFY_SOCKET=str(tmp_path / "notify")) as command:
            assert told.recv(100) == b"READY=1"
            command.signal(signal.SIGTERM)
            assert told.recv(100) == b"STOPPING=1"
            assert command.end() == 0


def test_without_systemd_nothing_is_told(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    relay_systemd.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    relay_systemd.notify("READY=1")


# --- what goes wrong


def failing(*options):
    return subprocess.run(arguments(*options), capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    "host, reason", [("999", "no address of this machine"), ("no.such.host.invalid", "no host"),
                     ("192.0.2.1", "no address of this machine")],
)
def test_a_host_that_is_none_of_this_machine(host, reason):
    result = failing("--host", host, "--port", 0)
    assert result.returncode == 2, result.stderr
    assert reason in result.stderr and "Cure: --host 127.0.0.1" in result.stderr


def test_errors_of_listening_have_their_cures():
    cases = [
        (PermissionError(13, "Permission denied"), "below 1024 are for root", 2),
        (OSError(98, "Address already in use"), "another program is there", 3),
        (OSError(12, "Cannot allocate memory"), "Cannot allocate memory", 2),
    ]
    for error, reason, code in cases:
        fault = relay_run.listen_fault(error, "127.0.0.1", 80)
        assert reason in str(fault) and fault.code == code and fault.cure


@pytest.mark.parametrize(
    "options", [("--host", ""), ("--log", "xml"), ("--max-clients", "0"), ("--frame-rate", "0"),
                ("--port", "70000"), ("--drain", "-1")],
)
def test_options_that_cannot_be(options):
    result = failing(*options)
    assert result.returncode == 2 and options[0] in result.stderr


def test_a_new_token():
    result = failing("--new-token")
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}\n", result.stdout)


def test_few_open_files_mean_few_clients_and_that_is_said():
    program = subprocess.Popen(
        arguments("--port", 0), stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300)),
    )
    with program:
        said = program.stdout.readline() + program.stdout.readline()
        program.terminate()
        program.communicate()
    assert "lets 300 files be open at once, so 172 clients can come" in said
    assert "Cure: `ulimit -Hn`" in said


def test_all_addresses_of_this_machine():
    with a_command() as command:
        assert command.port
    process = subprocess.Popen(arguments("--host", "*", "--port", 0), stdout=subprocess.PIPE)
    line = process.stdout.readline().decode()
    process.terminate()
    process.communicate()
    assert line.startswith("relay at *:") and process.returncode == 0


@story
async def test_a_fault_within_is_told_without_what_came():
    async with a_relay() as relay:
        ana = await enter(relay, "ana")
        ben = await enter(relay, "ben")
        told = []
        asyncio.get_running_loop().set_exception_handler(lambda _, about: told.append(about))
        victim = relay.rooms["kitchen"]["ben"]
        victim._message = None  # whatever it says is a fault of the relay now
        await ben.ping()
        assert await next_of(ana, link.LEAVE) == (link.LEAVE, "ben")
        assert told
        await ana.post(b"still here")
        assert (await next_of(ana, link.FRAME))[2] == b"still here"
        await ana.close()
        await until(lambda: not len(relay))


def test_help_names_every_limit():
    text = subprocess.run(
        arguments("--help"), capture_output=True, text=True, env={**os.environ, "COLUMNS": "150"}
    ).stdout
    from mpseq_tools.relay_limits import Limits

    for name in vars(Limits()):
        assert f"--{name.replace('_', '-')}" in text
