"""`tls://`: the relay behind TLS, its certificate checked, on CPython and MicroPython."""

import asyncio
import contextlib
import datetime
import functools
import os
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mpseq_aio import link, tls
from mpseq_aio.address import room_at
from mpseq_tools import relay_tls
from mpseq_tools.relay import Relay

MEMBER = """
import asyncio
from mpseq_aio.address import room_at
async def main():
    room = room_at(%r, "board")
    try:
        print("in", await room.open())
        await room.post(b"\\x00" * 5000 + b"from the board")
        while True:
            message = await room.recv()
            if message[0] == 0x82:
                print("heard", len(message[2]), message[2][-20:])
                if message[2].endswith(b"from the desk"):
                    break
        await room.close()
    except OSError as error:
        print("lost", error)
asyncio.run(main())
"""


def told(function):
    """Runs an async test with its fixtures; one that takes over 120 s is a failure."""

    @functools.wraps(function)
    def run(**fixtures):
        asyncio.run(asyncio.wait_for(function(**fixtures), 120))

    return run


def certificate(folder, name="localhost", first=-1):
    """(certificate, key) files of a self-signed certificate, and the certificate as DER; `first`:
    the day from which it is valid for two days."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + first * day)
        .not_valid_after(now + (first + 2) * day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding
    files = folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}.der"
    files[0].write_bytes(made.public_bytes(encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    files[2].write_bytes(made.public_bytes(encoding.DER))
    return files


@contextlib.asynccontextmanager
async def a_tls_relay(files):
    """A relay behind TLS, at whatever localhost is here; yields its port."""
    relay = Relay("localhost", 0, tls=relay_tls.context(files[0], files[1]))
    await relay.start()
    try:
        yield relay.port
    finally:
        await relay.stop()


async def on_micropython(program, address):
    process = await asyncio.create_subprocess_exec(
        program,
        "-X",
        "heapsize=320K",
        "-c",
        MEMBER % address,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(os.environ, MICROPYPATH="lib:.frozen"),
    )
    return process


@told
async def test_a_desktop_and_micropython_meet_behind_tls(tmp_path, unix_micropython):
    files = certificate(tmp_path)
    async with a_tls_relay(files) as port:
        room = room_at(f"tls://localhost:{port}/garden#{files[0]}", "desk")
        assert await room.open() == ("desk",)
        address = f"tls://localhost:{port}/garden#{files[2]}"
        process = await on_micropython(unix_micropython, address)
        while True:
            message = await asyncio.wait_for(room.recv(), 60)
            if message[0] == link.FRAME and message[2].endswith(b"from the board"):
                break
        await room.post(bytes(16000) + b"from the desk")
        said = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
        assert "in ('board', 'desk')" in said and "heard 16013" in said, said
        await room.close()


@told
async def test_a_certificate_of_somebody_else_is_refused(tmp_path, unix_micropython):
    files, other = certificate(tmp_path), certificate(tmp_path, "elsewhere")
    async with a_tls_relay(files) as port:
        for authority in (f"#{other[2]}", ""):
            room = room_at(f"tls://localhost:{port}/garden{authority}", "desk")
            with pytest.raises(link.CarrierLost, match="certificate is not for localhost"):
                await room.open()
        process = await on_micropython(unix_micropython, f"tls://localhost:{port}/x#{other[2]}")
        said = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
        assert "lost the relay's certificate is not for localhost" in said, said
    async with a_tls_relay(other) as port:  # signed by whom we trust, but for another name
        room = room_at(f"tls://localhost:{port}/garden#{other[2]}", "desk")
        with pytest.raises(link.CarrierLost, match="certificate is not for localhost"):
            await room.open()
        process = await on_micropython(unix_micropython, f"tls://localhost:{port}/x#{other[2]}")
        said = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
        assert "lost the relay's certificate is not for localhost" in said, said


@pytest.mark.parametrize("first", (-3, 1), ids=("expired", "not yet valid"))
@told
async def test_a_date_that_is_wrong_is_said_with_its_cure(tmp_path, unix_micropython, first):
    files = certificate(tmp_path, first=first)
    said = "the relay's certificate is not valid yet, or no more, on %s, which is the date here"
    said %= datetime.datetime.now(datetime.timezone.utc).date()
    async with a_tls_relay(files) as port:
        room = room_at(f"tls://localhost:{port}/garden#{files[2]}", "desk")
        with pytest.raises(link.CarrierLost, match=f"{said}.*Cure: mpseq deploy sets"):
            await room.open()
        process = await on_micropython(unix_micropython, f"tls://localhost:{port}/x#{files[2]}")
        told = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
        assert said in told and "Cure: mpseq deploy sets a board's clock" in told, told


@told
async def test_what_is_missing_is_said_with_its_cure(tmp_path, unix_micropython):
    room = tls.TlsRoom("localhost", 1, "garden", "desk", authority=str(tmp_path / "none"))
    with pytest.raises(link.CarrierLost, match="no certificate in .*none"):
        await room.open()
    (tmp_path / "bad").write_bytes(b"this is none")
    room = tls.TlsRoom("localhost", 1, "garden", "desk", authority=str(tmp_path / "bad"))
    with pytest.raises(link.CarrierLost, match="bad is no certificate"):
        await room.open()
    process = await on_micropython(unix_micropython, "tls://localhost:1/garden")
    said = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
    assert "lost no certificate to check the relay's with. Cure: tls://HOST" in said, said


def test_addresses():
    room = room_at("tls://relay.example/garden#/mpseq/relay.der", "ana")
    assert (room.host, room.port, room.room, room.label) == (
        "relay.example",
        7676,
        "garden",
        "ana",
    )
    assert room.authority == "/mpseq/relay.der"
    assert room_at("tls://relay.example:443/garden").authority is None
    assert room_at("tcp://relay.example/garden#1").room == "garden#1"
