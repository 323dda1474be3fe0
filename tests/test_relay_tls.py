"""The relay's own TLS: certificates, slow handshakes, and that all of the rest holds behind it."""

import asyncio
import contextlib
import hashlib
import os
import signal
import ssl
import stat
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from relays import (
    a_command,
    a_relay,
    answers,
    arguments,
    hello,
    last_word,
    most_waiting,
    next_of,
    post,
    story,
    until,
)
from test_tls import MEMBER, certificate

from mpseq_aio import link, tcp
from mpseq_aio.tls import TlsRoom
from mpseq_tools import relay_tls


@contextlib.asynccontextmanager
async def a_tls_relay(folder, **options):
    """A relay behind TLS for "localhost", at 127.0.0.1; `authority` is its certificate's file."""
    files = certificate(folder)
    async with a_relay(tls=relay_tls.context(files[0], files[1]), **options) as relay:
        relay.authority = str(files[0])
        yield relay


def trusting(authority, most=None):
    context = ssl.create_default_context(cafile=authority)
    if most:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = most
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context


async def secured(relay, **options):
    return await asyncio.open_connection(
        "127.0.0.1", relay.port, ssl=trusting(relay.authority, **options),
        server_hostname="localhost",
    )


class Room(TlsRoom):
    """Goes to 127.0.0.1 and wants a certificate for localhost."""

    def _connect(self):
        return asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self._context, server_hostname="localhost"
        )


async def enter(relay, label, room="kitchen"):
    client = Room("localhost", relay.port, room, label, authority=relay.authority)
    client.labels = await client.open()
    return client


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@story
async def test_tls_1_2_and_1_3_carry_a_room(tmp_path, most):
    async with a_tls_relay(tmp_path) as relay:
        ana = await enter(relay, "ana")
        reader, writer = await secured(relay, most=most)
        assert writer.get_extra_info("ssl_object").version() == most.name.replace("_", ".")
        writer.write(hello() + post(bytes(16384)) + post(b"2"))
        assert await tcp.read_message(reader) == (link.WELCOME, ("eve", "ana"))
        for client in (ana.recv, lambda: tcp.read_message(reader)):
            while (message := await client())[0] != link.FRAME:
                pass
            assert message == (link.FRAME, "eve", bytes(16384))
            assert await client() == (link.FRAME, "eve", b"2")
        writer.close()
        assert await next_of(ana, link.LEAVE)
        await ana.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
@story
async def test_what_is_older_or_no_tls_at_all_does_not_come_in(tmp_path):
    async with a_tls_relay(tmp_path) as relay:
        with pytest.raises(OSError):
            await secured(relay, most=ssl.TLSVersion.TLSv1_1)
        assert await answers(relay, hello()) == []
        await until(lambda: relay.counts.ended["tls"] == 2 and not len(relay))
    async with a_relay() as plain:
        plain.authority = str(tmp_path / "localhost.pem")
        with pytest.raises(link.CarrierLost):
            await enter(plain, "ana")


@story
async def test_handshakes_that_stall_hold_up_nobody_and_end(tmp_path):
    async with a_tls_relay(tmp_path, patience=5) as relay:
        stalled = [await asyncio.open_connection("127.0.0.1", relay.port) for _ in range(60)]
        for number, (_, writer) in enumerate(stalled):
            if number % 2:  # half of a ClientHello
                writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(number))
        ana, ben = await enter(relay, "ana"), await enter(relay, "ben")
        assert len(relay) == 62  # while all of those stall
        for reader, writer in stalled:
            assert await asyncio.wait_for(reader.read(), 60) == b""
            writer.close()
        await until(lambda: len(relay) == 2)
        await ana.post(b"still here")
        assert (await next_of(ben, link.FRAME))[2] == b"still here"
        await ana.close()
        await ben.close()


@story
async def test_a_hello_after_tls_has_its_time_too(tmp_path):
    async with a_tls_relay(tmp_path, patience=2) as relay:
        reader, writer = await secured(relay)
        assert await last_word(reader) == (link.ERROR, "no HELLO within 2 s")
        writer.close()


@story
async def test_reasons_are_told_behind_tls(tmp_path):
    async with a_tls_relay(tmp_path, max_clients=2) as relay:
        ana = await enter(relay, "ana")
        reader, writer = await secured(relay)
        writer.write(hello() + hello())
        assert (await last_word(reader))[1] == "a client sends POST, PING or BYE here"
        writer.close()
        await until(lambda: len(relay) == 1)
        # HELLO and nonsense come with the last bytes of the handshake.
        ben = await enter(relay, "ben")
        with pytest.raises(link.CarrierLost, match="this relay is full .2 clients"):
            await enter(relay, "eve")
        await ben.close()
        await ana.close()


@story
async def test_a_slow_reader_behind_tls_is_dropped_and_its_memory_is_counted(tmp_path):
    async with a_tls_relay(tmp_path, max_waiting=200_000, byte_rate=1e9) as relay:
        ana = await enter(relay, "ana")
        reader, deaf = await secured(relay)
        deaf.transport.pause_reading()
        deaf.write(hello("deaf"))
        await until(lambda: len(relay.rooms["kitchen"]) == 2)

        async def listen():
            while (await ana.recv())[-1] != b"end":
                pass

        listening = asyncio.ensure_future(listen())
        most = most_waiting(relay)
        while "deaf" in relay.rooms["kitchen"]:
            await ana.post(bytes(16000))
        assert 150_000 < most() < 400_000
        await ana.post(b"end")
        await listening
        deaf.transport.resume_reading()
        assert (await last_word(reader))[1].startswith("too slow")
        deaf.close()
        await until(lambda: len(relay) == 1 and relay.waiting == 0)
        await ana.close()


@story
async def test_stopping_behind_tls_writes_what_waits(tmp_path):
    async with a_tls_relay(tmp_path, byte_rate=1e9) as relay:
        ana = await enter(relay, "ana")
        reader, slow = await secured(relay)
        slow.write(hello("slow"))
        assert (await tcp.read_message(reader))[0] == link.WELCOME
        slow.transport.pause_reading()
        taking = asyncio.ensure_future(drained(ana))
        for number in range(40):
            await ana.post(b"%2d" % number + bytes(16000))
        await until(lambda: relay.counts.posted == 40)
        stopping = asyncio.ensure_future(relay.stop(10))
        await asyncio.sleep(0.1)
        slow.transport.resume_reading()
        heard = [await tcp.read_message(reader) for _ in range(41)]
        assert [int(message[2][:2]) for message in heard[:40]] == list(range(40))
        assert heard[40][0] == link.ERROR and "shutting down" in heard[40][1]
        slow.close()
        await stopping
        assert await taking == 40


async def drained(client):
    count = 0
    with contextlib.suppress(link.CarrierLost):
        while True:
            count += (await client.recv())[0] == link.FRAME
    return count


def test_a_certificate_of_its_own_is_made_once_and_boards_take_it(tmp_path, unix_micropython):
    home = {"MPSEQ_HOME": str(tmp_path)}
    first = None
    for _ in range(2):
        with a_command("--tls-self-signed", "127.0.0.1,localhost", **home) as command:
            said = "\n".join(command.lines)
            printed = next(line for line in command.lines if "fingerprint" in line)
            first = first or printed
            assert printed == first and "behind TLS" in said

            async def visit(port):
                for host, file in (("127.0.0.1", "relay.pem"), ("localhost", "relay.der")):
                    room = TlsRoom(host, port, "x", "desk", authority=str(tmp_path / file))
                    assert await room.open() == ("desk",)
                    await room.close()
                room = TlsRoom("127.0.0.1", port, "garden", "desk",
                               authority=str(tmp_path / "relay.pem"))
                await room.open()
                address = f"tls://127.0.0.1:{port}/garden#{tmp_path}/relay.der"
                board = await asyncio.create_subprocess_exec(
                    unix_micropython, "-X", "heapsize=320K", "-c", MEMBER % address,
                    stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                    env=dict(os.environ, MICROPYPATH="lib:.frozen"),
                )
                while (message := await asyncio.wait_for(room.recv(), 60))[0] != link.FRAME:
                    pass
                assert message[2].endswith(b"from the board")
                await room.post(b"from the desk")
                heard = (await asyncio.wait_for(board.communicate(), 60))[0].decode()
                assert "from the desk" in heard, heard
                await room.close()

            asyncio.run(visit(command.port))
    digest = hashlib.sha256((tmp_path / "relay.der").read_bytes()).hexdigest()
    assert first.rpartition(" ")[2].replace(":", "").lower() == digest
    for name in ("relay.pem", "relay-key.pem", "relay.der"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["relay-key.pem", "relay.der", "relay.pem"]


def test_a_certificate_of_its_own_is_not_made_for_other_names(tmp_path, monkeypatch):
    monkeypatch.setenv("MPSEQ_HOME", str(tmp_path / "new"))
    relay_tls.self_signed("relay.example")
    with pytest.raises(relay_tls.CertificateFault, match="not for other.example") as fault:
        relay_tls.self_signed("relay.example,other.example")
    assert "boards then need its new file" in fault.value.cure
    for names in ("", ",", "a\nb", "ü.example"):
        with pytest.raises(relay_tls.CertificateFault, match="does not name this relay"):
            relay_tls.self_signed(names)
    (tmp_path / "new" / "relay.pem").write_text("no")
    with pytest.raises(relay_tls.CertificateFault, match="holds no certificate"):
        relay_tls.self_signed("relay.example")


def test_a_renewed_certificate_is_taken_on_sighup_and_a_bad_one_is_not(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    old, new = certificate(tmp_path / "first"), certificate(tmp_path / "second")
    pem, key = tmp_path / "now.pem", tmp_path / "now.key"
    pem.write_bytes(old[0].read_bytes())
    key.write_bytes(old[1].read_bytes())
    with a_command("--tls-cert", pem, "--tls-key", key) as command:
        command.authority = str(old[0])

        async def trusted(authority):
            command.authority = str(authority)
            try:
                await (await enter(command, "ana")).close()
            except link.CarrierLost:
                return False
            return True

        async def story():
            stays = await enter(command, "stays")
            assert not await trusted(new[0])
            pem.write_bytes(new[0].read_bytes())
            command.signal(signal.SIGHUP)  # between the two files
            command.line("not taken")
            assert await trusted(old[0])
            key.write_bytes(new[1].read_bytes())
            command.signal(signal.SIGHUP)
            command.line("tls: read again")
            assert await trusted(new[0]) and not await trusted(old[0])
            await stays.post(b"still here")
            assert (await next_of(stays, link.FRAME))[2] == b"still here"
            await stays.close()

        asyncio.run(story())


def test_files_that_are_no_certificate_are_refused_with_the_cure(tmp_path):
    files = certificate(tmp_path)
    other = certificate(tmp_path, "other")
    locked = tmp_path / "locked.key"
    secret = serialization.load_pem_private_key(files[1].read_bytes(), None)
    locked.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    for pem, key, reason in (
        (files[0], other[1], "no certificate with its key"),
        (files[1], files[0], "no certificate with its key"),
        (files[0], locked, "locked with a password"),
        (tmp_path / "none", files[1], "cannot read"),
    ):
        with pytest.raises(relay_tls.CertificateFault, match=reason):
            relay_tls.context(pem, key)
    result = subprocess.run(
        arguments("--port", 0, "--tls-cert", files[0], "--tls-key", other[1]),
        capture_output=True, text=True, timeout=60,
    )
    assert result.returncode == 2 and "Cure: --tls-cert wants a PEM file" in result.stderr
    for options in (["--tls-cert", files[0]], ["--tls-key", files[1]],
                    ["--tls-cert", files[0], "--tls-self-signed", "x"]):
        result = subprocess.run(
            arguments("--port", 0, *options), capture_output=True, text=True, timeout=60
        )
        assert result.returncode == 2 and "--tls-" in result.stderr
