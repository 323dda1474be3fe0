"""What `mpseq doctor` looks at between here and a room."""

import asyncio
import socket
import ssl
import time

from mpseq_aio import link
from mpseq_aio.plain import clean

from . import in_clear
from .doctor import Sheet
from .faults import Fault, split_cure

_PATIENCE = 15  # seconds for each step
_SLOW = 2.0  # seconds that an answer may take before it is worth a word
_ROOM = "mpseq-doctor"
# What is known of each kind, for people who choose one.
_LIMITS = {
    "tcp": "who is on the way sees labels, sizes and times; the relay keeps nothing",
    "tls": "nobody but the relay sees labels, sizes and times; it keeps nothing",
    "mqtt": "a broker may drop what a slow reader has not taken (Mosquitto: max_queued_messages)",
    "mqtts": "a broker may drop what a slow reader has not taken (Mosquitto: max_queued_messages)",
    "xmpp": "a server may limit rate and size of stanzas (Prosody: mod_limits)",
    "udp": "one network only, and no server",
}
_DEFAULT_HELP = {
    "tcp": "mpseq relay starts one here; is the address right, does a firewall let it through?",
    "tls": "is the address right, does a firewall let it through?",
    "mqtt": "is the broker running (systemctl status mosquitto)? It listens on localhost unless"
    " its configuration says otherwise",
    "xmpp": "is the server running, and does its name service know it?",
}


async def examine(rooms, say):
    """Passes a Check for each finding to `say`. `rooms`: a rooms.Rooms; its room, or one of a name
    of our own, is entered and left."""
    sheet = Sheet("carrier", say)
    name = rooms.name or _ROOM
    if rooms.kind == "serial":
        sheet.ok(str(rooms), "a cable: mpseq doctor --device looks at the board")
        return
    if said := in_clear.warning(rooms):
        text, _, cure = said.partition(" Cure: ")
        sheet.warn("secret", text, cure)
    try:
        if rooms.kind in ("tcp", "tls", "mqtt", "mqtts") and not await _reach(sheet, rooms):
            return
        if not await _enter(sheet, rooms, name):
            return
        await _probe(sheet, rooms, name)
    except Fault as fault:
        sheet.fail(str(rooms), str(fault), fault.cure)
        return
    if rooms.kind in _LIMITS:
        sheet.ok("known limits", _LIMITS[rooms.kind])


async def _reach(sheet, rooms):
    """Whether somebody answers at host and port; of TLS, whose certificate is shown."""
    cure = _DEFAULT_HELP.get(rooms.kind.removesuffix("s"), _DEFAULT_HELP["tls"])
    place = f"{rooms.host}:{rooms.port}"
    begin = time.monotonic()
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_connection(rooms.host, rooms.port), _PATIENCE
        )
    except socket.gaierror:
        sheet.fail("reachable", f"no address is known for {rooms.host}", "is the name right?")
        return False
    except (OSError, asyncio.TimeoutError) as error:
        why = "no answer" if isinstance(error, asyncio.TimeoutError) else error.strerror or error
        sheet.fail("reachable", f"{place}: {why}", cure)
        return False
    took = time.monotonic() - begin
    writer.close()
    (sheet.ok if took < _SLOW else _slow(sheet))("reachable", f"{place}, {took * 1000:.0f} ms")
    if rooms.kind in ("tls", "mqtts"):
        await _certificate(sheet, rooms)
    return True


def _slow(sheet):
    return lambda name, text: sheet.warn(name, f"{text}: slow", "look at the network")


async def _certificate(sheet, rooms):
    try:
        context = ssl.create_default_context(cafile=rooms.authority)
        _, writer = await asyncio.wait_for(
            asyncio.open_connection(
                rooms.host, rooms.port, ssl=context, server_hostname=rooms.host
            ),
            _PATIENCE,
        )
    except ssl.SSLCertVerificationError as error:
        sheet.fail(
            "certificate", f"not good for {rooms.host}: {error.verify_message}",
            "name the file with the certificate behind #, or the host by the name it is for;"
            " if it has expired, a new one",
        )  # fmt: skip
    except (OSError, asyncio.TimeoutError) as error:
        sheet.fail("certificate", f"no TLS there: {error}", "is that the port for TLS?")
    else:
        found = writer.get_extra_info("peercert") or {}
        writer.close()
        sheet.ok("certificate", f"good, until {found.get('notAfter', 'some day')}")


async def _enter(sheet, rooms, name):
    """Whether a room can be entered; and how long a sign of life takes."""
    room = rooms.room(name)
    try:
        labels = await asyncio.wait_for(room.open(), 2 * _PATIENCE)
    except (link.CarrierLost, asyncio.TimeoutError) as error:
        text, cure = split_cure(clean(str(error) or "no answer in time"))
        cure = cure or getattr(error, "cure", None) or "the password, the room's name, the account"
        sheet.fail("enters", text, cure)
        return False
    try:
        sheet.ok("enters", f"the room {clean(name)}, with {len(labels) - 1} others in it")
        begin = time.monotonic()
        await room.ping()
        while (await asyncio.wait_for(room.recv(), _PATIENCE))[0] != link.PONG:
            pass
        took = time.monotonic() - begin
        (sheet.ok if took < _SLOW else _slow(sheet))("latency", f"{took * 1000:.0f} ms")
    except (link.CarrierLost, asyncio.TimeoutError) as error:
        sheet.fail("latency", clean(str(error)) or "no answer", "is the server overloaded?")
        return False
    finally:
        await room.close()
    return True


async def _probe(sheet, rooms, name):
    """Whether the room keeps an order, and gives everyone all of it."""
    from . import probe

    verdict = await probe.probe(rooms, name)
    text = clean(verdict.lines()[0].partition(f"{verdict.carrier}: ")[2])
    if verdict.good:
        sheet.ok("order", text)
    elif verdict.good is None:
        sheet.warn("order", text, "try it again, or with another room")
    else:
        sheet.fail("order", text, verdict.cure)
