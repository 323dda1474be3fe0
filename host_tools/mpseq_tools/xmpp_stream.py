"""A client's connection to an XMPP server: slixmpp, made to end when it is over.

slixmpp finds the server, does TLS and SASL, and reads XML. It would also connect again by itself,
queue without end what is to be sent, go on in plain text with a server that offers no TLS, and
leave tasks behind: none of that here. What rooms are, this does not know.
"""

import asyncio
import contextlib
import logging
import ssl
from xml.etree import ElementTree

import slixmpp
from slixmpp.stanza import Iq, Message, Presence, StreamError

from mpseq_aio import link

from .in_clear import is_local

PORT = 5222
_DIRECT_TLS = 5223  # the port where no STARTTLS is spoken
_GOOD_BYE = 1  # seconds for the last words
_BUFFER = 65536  # bytes that wait to be sent before `post` waits too
_MAX_STANZA = 1 << 20  # bytes; servers end at 64 to 256 kB
# What goes wrong is told in a CarrierLost; slixmpp would print it beside, and secrets with DEBUG.
logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
logging.getLogger("slixmpp").addHandler(logging.NullHandler())

_STREAM_ERRORS = {
    "conflict": "another connection took this one's place",
    "host-unknown": "it does not serve that domain. Cure: check the account's domain",
    "policy-violation": "policy violation. Cure: a server that takes stanzas of 24 kB",
    "system-shutdown": "it is shutting down",
}


class Stream(slixmpp.ClientXMPP):
    """`account`: a bare JID, or a domain alone to enter without an account; `secret`: its
    password; `server`, `port`: where to connect, by default where the domain's DNS says;
    `authority`: a certificate's file to trust in the place of the system's authorities.

    `hear(xml)` gets each message, presence and iq and says True when it was for it; `lose(text)`
    is called once, when the connection is over.
    """

    _run_out_filters = None  # slixmpp looks at it even if this never was made

    def __init__(self, account, secret, server, port, authority, hear, lose):
        domain = account.rpartition("@")[2]
        self._at = (server or domain).strip("[]")
        self._port = port
        self._local = is_local(self._at)
        self._hear = hear
        self._told = lose
        self._unparsed = 0
        self._tasks = set()
        self.writable = asyncio.Event()
        self.writable.set()
        self.ended = asyncio.Event()
        self.started = asyncio.get_running_loop().create_future()
        self._refused = ""
        self._unreachable = None
        anonymous = "@" not in account
        options = {
            "use_mech": "ANONYMOUS" if anonymous else None,
            "unencrypted_scram": self._local,
        }
        context = _context(authority, self._local)
        super().__init__(
            account, secret or "", {"feature_mechanisms": options}, ssl_context=context
        )
        self._account = account
        self.max_redirects = -1  # a server that sends us elsewhere would decide whom we trust
        self.whitespace_keepalive = False
        self._session_started = False
        self.add_filter("in", self._filter)
        for name, handler in {
            "session_start": self._session,
            "disconnected": self._disconnected,
            "connection_failed": self._failed,
            "ssl_invalid_chain": self._untrusted,
            "failed_auth": self._wrong,
            "failed_all_auth": self._no_way_in,
            "stream_error": self._stream_error,
        }.items():
            self.add_event_handler(name, handler)

    @property
    def where(self) -> str:
        """The server, for people."""
        return f"{self._at} port {self._port}" if self._port else self._at

    async def start(self):
        """Connects and authenticates; CarrierLost by way of `lose`."""
        host, port = self._at, self._port or PORT
        if self._local and self._at.endswith("localhost"):
            host = "localhost"  # RFC 6761: no name server is asked
        if self._local or self._port:
            self.enable_direct_tls = port == _DIRECT_TLS
            self.enable_starttls = not self.enable_direct_tls
            self.connect(host, port)
        else:
            self.default_domain = self._at
            self.connect()
        await self.started

    def lose(self, text):
        """It is over, for this reason; the first one counts."""
        told, self._told = self._told, None
        if told is None:
            return
        if not self.started.done():
            self.started.set_exception(link.CarrierLost(text))
            self.started.exception()  # whoever waits gets it; nobody must
        self.writable.set()
        told(text)
        self.abort()

    async def say(self, text):
        """Sends XML, and waits until there is room for more of it."""
        self.send_raw(text)
        await self.writable.wait()

    async def end(self, last_words=""):
        """Ends all of it; takes little more than a second."""
        self._told = None
        try:
            if last_words and self.transport and self.writable.is_set():
                self.send_raw(last_words + self.stream_footer)
                await asyncio.wait_for(self.ended.wait(), _GOOD_BYE)
        except (OSError, asyncio.TimeoutError, slixmpp.xmlstream.xmlstream.NotConnectedError):
            pass
        finally:
            self.cancel_connection_attempt()
            # CPython up to 3.11.2, when the server was quicker: its TLS transport holds None then.
            with contextlib.suppress(AttributeError):
                self.abort()
            self.writable.set()
            for handle in self.scheduled_events.values():
                handle.cancel()
            tasks = {task for task in (self._run_out_filters, *self._tasks) if task}
            tasks.discard(asyncio.current_task())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- what asyncio and slixmpp call

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()

    def connection_made(self, transport, send_event=True):
        transport.set_write_buffer_limits(_BUFFER)
        super().connection_made(transport, send_event)
        if self._told is None:
            self.abort()

    def data_received(self, data):
        self._unparsed += len(data)
        if self._unparsed > _MAX_STANZA:
            self.lose(f"{self.where} sends over {_MAX_STANZA} bytes without an end")
            return
        try:
            super().data_received(data)
        except ElementTree.ParseError:
            self.lose(f"{self.where} does not speak XMPP")

    def connection_lost(self, exception):
        super().connection_lost(exception)
        self.ended.set()

    def reschedule_connection_attempt(self):
        why = self._unreachable or "it has no address"
        self.lose(
            f"no XMPP server at {self.where} ({why}). Cure: is it running, is the address right? "
            "A server elsewhere: xmpp://ACCOUNT@DOMAIN/ROOM@SERVICE?server=HOST:PORT"
        )

    def send(self, data, use_filters=True):
        if isinstance(data, StreamError):  # what slixmpp says when it cannot read something
            self.lose(f"{self.where} does not speak XMPP")
        else:
            super().send(data, use_filters)

    def disconnect(self, *_, **__):
        """What slixmpp does when TLS or SASL fail: it would wait in a task of its own."""
        self.lose(f"{self.where} broke off, or TLS or the authentication with it failed")
        over = asyncio.get_running_loop().create_future()
        over.set_result(None)
        return over

    async def _handle_stream_features(self, features):
        if self._told is None:  # ended before this, a task of slixmpp's, could begin
            return True
        offered = features["features"]
        secure = isinstance(self.socket, ssl.SSLObject)
        if not secure and "starttls" not in offered and not self._local:
            self.lose(
                f"{self.where} offers no TLS: everyone on the way could read who talks, and the "
                "password. Cure: give it a certificate; plain text is for localhost alone"
            )
            return True
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            return await super()._handle_stream_features(features)
        finally:
            self._tasks.discard(task)

    def exception(self, exception):
        self.lose(f"{self.where}: {type(exception).__name__}: {exception}")

    def _filter(self, stanza):
        self._unparsed = 0
        if isinstance(stanza, (Message, Presence, Iq)):
            if self._told is None:
                return None
            try:
                if self._hear(stanza.xml):
                    return None
            except Exception as error:
                self.exception(error)
                return None
            if not isinstance(stanza, Iq):
                return None  # nobody's business here: rosters, subscriptions, other chats
        return stanza

    def _session(self, _):
        if not self.started.done():
            self.started.set_result(None)

    def _disconnected(self, reason):
        if isinstance(reason, ssl.SSLError):
            self._untrusted(reason)
        self.lose(f"the connection to {self.where} was lost ({reason or 'closed'})")

    def _failed(self, reason):
        self._unreachable = reason

    def _untrusted(self, error):
        self.lose(
            f"the certificate of {self.where} is not for {self.boundjid.host}, or signed by nobody"
            f" trusted here ({error}). Cure: if it signed itself, its file behind the address: "
            "#FILE"
        )

    def _wrong(self, failure):
        self._refused = failure["condition"]

    def _no_way_in(self, _):
        if self._told is None:
            return
        if "@" not in self._account:
            text = (
                f"{self._account} lets nobody in without an account. Cure: "
                "xmpp://ACCOUNT@HOST/ROOM@SERVICE, or a domain with anonymous authentication"
            )
        elif self._refused:
            text = (
                f"{self.where} refuses {self._account} ({self._refused}). "
                "Cure: the right password, in --password-file or MPSEQ_PASSWORD"
            )
        else:
            text = (
                f"{self.where} offers no safe way to show a password. "
                "Cure: give it a certificate, or SCRAM"
            )
        self.lose(text)

    def _stream_error(self, error):
        condition = error["condition"]
        text = _STREAM_ERRORS.get(condition, condition)
        self.lose(f"{self.where} ended the connection: {text}")


def _context(authority, local):
    """What checks the server's certificate; CarrierLost when `authority` is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority is None and local:  # nobody is on the way, and plain text would be taken too
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if authority is None:
        context.load_default_certs()
        return context
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # one that signed itself, without "CA"
    try:
        with open(authority, "rb") as file:
            data = file.read()
        if b"-----BEGIN" in data:
            data = data.decode("ascii")
        context.load_verify_locations(cadata=data)
    except OSError as error:
        raise link.CarrierLost(f"no certificate in {authority} ({error})") from None
    except ValueError as error:
        raise link.CarrierLost(f"{authority} is no certificate ({error})") from None
    return context
