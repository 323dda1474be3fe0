"""A relay's certificate: read from files, or made and signed by itself."""

import asyncio.sslproto
import datetime
import ipaddress
import os
import pathlib
import ssl

from .faults import Fault

_YEARS = 10
_SOON = 30  # days


class CertificateFault(Fault):
    """The relay's certificate cannot be used, or not be made."""


def context(certificate, key) -> ssl.SSLContext:
    """TLS 1.2 or later with a certificate (PEM, with what it is signed by) and its key (PEM);
    CertificateFault."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    found.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    found.num_tickets = 0  # nothing of one connection can be found in another
    # Each connection has a buffer of this size. 256 KiB, the default, is a quarter of a gigabyte
    # for 1,000 clients; a record of TLS has 16 KiB.
    asyncio.sslproto.SSLProtocol.max_size = 17 << 10
    try:
        found.load_cert_chain(certificate, key, password=_no_password)
    except _Locked:
        raise CertificateFault(
            f"{key} is locked with a password", f"openssl pkey -in {key} -out OPEN.key"
        ) from None
    except ssl.SSLError as error:
        what = (error.reason or "").replace("_", " ").lower() or "no PEM"
        raise CertificateFault(
            f"{certificate} and {key} are no certificate with its key ({what})",
            "--tls-cert wants a PEM file, the relay's certificate first, and --tls-key its key",
        ) from None
    except OSError as error:
        raise CertificateFault(
            f"cannot read {certificate} and {key}: {error.strerror or error}",
            "name files that this user may read",
        ) from None
    return found


class _Locked(Exception):
    pass


def _no_password():
    raise _Locked  # OpenSSL would ask at the terminal


def self_signed(names: str):
    """(certificate, key, DER file for boards, fingerprint, how it came) of the relay's own
    certificate in the configuration folder, made now when there is none. `names`: how clients
    call the relay, names or addresses with commas between. CertificateFault."""
    from .keys import folder as home

    folder = home()
    # Not relay.key, as an identity would be called.
    paths = [folder / name for name in ("relay.pem", "relay-key.pem", "relay.der")]
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted or not all(name.isascii() and name.isprintable() for name in wanted):
        raise CertificateFault(
            f"{names!r} does not name this relay", "--tls-self-signed relay.example or 192.168.1.5"
        )
    try:
        made = not paths[0].exists()
        if made:
            _make(wanted, *paths)
        found = _read(paths[0])
    except OSError as error:
        raise CertificateFault(
            f"cannot use {folder}: {error.strerror or error}", "check it, or set MPSEQ_HOME"
        ) from None
    _check(found, wanted, paths[0])
    from cryptography.hazmat.primitives import hashes

    fingerprint = found.fingerprint(hashes.SHA256()).hex(":").upper()
    return *paths, fingerprint, made


def _read(path):
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise CertificateFault(
            f"{path} holds no certificate", f"rm '{path}', and the relay makes another one"
        ) from None


def _check(found, wanted, path):
    from cryptography import x509

    kind = x509.SubjectAlternativeName
    there = found.extensions.get_extension_for_class(kind).value
    known = set(there.get_values_for_type(x509.DNSName))
    if missing := [name for name in wanted if name not in known]:
        raise CertificateFault(
            f"{path} is for {', '.join(sorted(known))}, not for {', '.join(missing)}",
            f"name it so, or rm '{path}' to make another one; boards then need its new file",
        )
    left = found.not_valid_after_utc - datetime.datetime.now(datetime.timezone.utc)
    if left < datetime.timedelta(days=_SOON):
        raise CertificateFault(
            f"{path} is valid for {max(left.days, 0)} more days only",
            f"rm '{path}' to make another one; boards then need its new file",
        )


def _make(names, certificate, key, der):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    secret = ec.generate_private_key(ec.SECP256R1())  # which every board's Mbed TLS knows
    public = secret.public_key()
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "crl_sign", "encipher_only", "decipher_only"), False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    made = (
        x509.CertificateBuilder(who, who, public, x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))  # clocks that are behind
        .not_valid_after(now + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(secret, hashes.SHA256())
    )
    encoding = serialization.Encoding
    key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(key, secret.private_bytes(
        encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    _write(der, made.public_bytes(encoding.DER))
    _write(certificate, made.public_bytes(encoding.PEM))  # last: it says that all are there


def _alternatives(names):
    from cryptography import x509

    out = []
    for name in names:
        # An address as a name, too: Mbed TLS before 3.5 does not look at addresses.
        out.append(x509.DNSName(name))
        try:
            out.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            pass
    return out


def _write(path: pathlib.Path, data):
    """A file that only its owner can read, whole or not at all."""
    temporary = path.with_suffix(f"{path.suffix}.new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
