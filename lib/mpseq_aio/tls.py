"""A room on a relay behind TLS: what tcp.py does, for a network that need not see its traffic.

mpseq does not trust the relay and needs no TLS for its secrets. It hides labels, sizes and who is
in which room from whoever is on the way, and it keeps strangers from playing the relay.
"""

import asyncio
import time
from binascii import a2b_base64

from . import link
from .tcp import TcpRoom


class TlsRoom(TcpRoom):
    """`authority`: a file, DER or PEM, with the certificate that the relay's must be signed with,
    or with the relay's own when it signed itself. Without one: the authorities that this machine
    trusts; a board trusts none. The relay's certificate must be for `host`.
    """

    def __init__(self, host: str, port: int, room: str, label: str, authority=None, **options):
        super().__init__(host, port, room, label, **options)
        self.authority = authority
        self._context = None

    def _connect(self):
        return asyncio.open_connection(
            self.host, self.port, ssl=self._context, server_hostname=self.host
        )

    async def open(self):
        """Connects and enters; returns the labels present, the own one first. CarrierLost."""
        self._context = _context(self.authority)
        try:
            return await super().open()
        except (link.CarrierLost, ValueError) as error:  # ValueError: MicroPython's refusal
            raise link.CarrierLost(explain(error, "relay", self.host, self.authority)) from None


def explain(error, who, host, authority) -> str:
    """What an error says, and what it means when it is about the certificate of `who`."""
    reason = str(error).strip().replace("\n", "; ")
    if "validity" in reason or "expired" in reason or "not yet valid" in reason:
        return (
            "the %s's certificate is not valid yet, or no more, on %d-%02d-%02d, which"
            " is the date here (%s). Cure: mpseq deploy sets a board's clock; if it is"
            " right, a new certificate"
        ) % ((who,) + time.gmtime()[:3] + (reason,))
    if "CERT" in reason.upper():
        return "the %s's certificate is not for %s, or not signed by %s (%s)" % (
            who,
            host,
            authority or "anyone whom this machine trusts",
            reason,
        )
    return reason


def _context(authority):
    """What wraps a socket in TLS and checks the other side's certificate; CarrierLost."""
    try:
        import tls  # MicroPython's
    except ImportError:
        try:
            import ssl as tls
        except ImportError:
            raise link.CarrierLost(
                "this firmware has no TLS. Cure: a firmware with the module tls, or tcp://"
            ) from None
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)  # checks by default, on both runtimes
    if authority is None:
        if not hasattr(context, "load_default_certs"):
            raise link.CarrierLost(
                "no certificate to check the relay's with. Cure: tls://HOST:PORT/ROOM#FILE"
            )
        context.load_default_certs()
        return context
    try:
        with open(authority, "rb") as file:
            data = _der(file.read())
    except OSError as error:
        raise link.CarrierLost("no certificate in %s (%s)" % (authority, error)) from None
    try:
        if hasattr(context, "load_default_certs"):
            context.load_verify_locations(cadata=data)
        else:
            context.load_verify_locations(data)
    except (OSError, ValueError) as error:
        raise link.CarrierLost("%s is no certificate (%s)" % (authority, error)) from None
    return context


def _der(data):
    begin = data.find(b"-----BEGIN CERTIFICATE-----")
    if begin < 0:
        return data
    return a2b_base64(data[begin + 27 : data.find(b"-----END", begin)])
