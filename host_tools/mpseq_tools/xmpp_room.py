"""A multi-user chat (XEP-0045) of an XMPP server as a carrier.

A frame is base64 in an element of its own in a groupchat message without a body:

    <message to="garden@rooms.example" type="groupchat" id="mpseq-7">
      <f xmlns="urn:mpseq:0" size="138">...</f>
      <no-store xmlns="urn:xmpp:hints"/><no-copy xmlns="urn:xmpp:hints"/>
    </message>

`size` is the frame's length in bytes: a server that cuts is found out. A label is a nick in the
room. The room's service puts all in one order and sends everyone's own back.
"""

import asyncio
import collections
from base64 import b64decode, b64encode
from xml.sax.saxutils import quoteattr

import slixmpp

from mpseq_aio import link
from mpseq_aio.framing import clean
from mpseq_aio.stream import with_number

from .xmpp_stream import Stream

_CLIENT = "{jabber:client}"
_FRAME = "{urn:mpseq:0}f"
_USER = "{http://jabber.org/protocol/muc#user}"
_DELAYED = ("{urn:xmpp:delay}delay", "{jabber:x:delay}x")
_ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
_HINTS = "<no-store xmlns='urn:xmpp:hints'/><no-copy xmlns='urn:xmpp:hints'/>"
_JOIN = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0' maxchars='0'/></x>"
_OPEN = (  # an instant room: what its owner says so that others can enter
    "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/>"
    "</query>"
)
_PING = "<ping xmlns='urn:xmpp:ping'/>"
_MAX_WAITING = 1 << 20  # bytes heard and not taken, before the server has to wait
_MAX_LABELS = 4096  # in one room
_MAX_NUMBER = 99  # behind a label that is taken
_LOCKED = 5  # seconds until whoever makes the room has opened it
# What a ping to myself may end with while I am inside. XEP-0410 counts item-not-found, too, for
# who changed its nick meanwhile; we never do, and a room that is gone says the same.
_HERE = ("service-unavailable", "feature-not-implemented", "undefined-condition")

_REFUSED = {
    "forbidden": "you are banned from it. Cure: another room, or ask its owner",
    "internal-server-error": "its server has a fault. Cure: see its log",
    "item-not-found": "it is locked, or there is none. Cure: whoever made it must open it",
    "jid-malformed": "it does not take the label. Cure: another --label",
    "not-acceptable": "it does not take the label. Cure: another --label, or your registered nick",
    "not-allowed": "you may not make rooms there. Cure: one that is there, or ask its owner",
    "not-authorized": "it has a password. Cure: a room without; mpseq seals what is said anyway",
    "registration-required": "it is for its members only. Cure: ask its owner to add you",
    "remote-server-not-found": "its service is not found. Cure: check what stands behind the @",
    "remote-server-timeout": "its service does not answer. Cure: check what stands behind the @",
    "service-unavailable": "it is full, or no rooms are there. Cure: check what is behind the @",
}
_POSTING = {
    "forbidden": "you have no voice in it. Cure: its owner must give it to all members",
    "item-not-found": "it is not there any more",
    "not-acceptable": "you are not in it any more",
    "remote-server-not-found": "its server cannot be reached from yours",
    "remote-server-timeout": "its server cannot be reached from yours",
    "policy-violation": "its server refused a frame. Cure: one that takes stanzas of 24 kB",
    "resource-constraint": "its server is out of room. Cure: raise its limits",
}
_PUT_OUT = (  # status code and what it means; the first that fits
    ("301", "you were banned. Cure: another room, or ask its owner"),
    ("307", "you were kicked out. Cure: ask its owner"),
    ("321", "your membership was taken. Cure: ask its owner"),
    ("322", "it is for its members only now. Cure: ask its owner to add you"),
    ("332", "its service is shutting down"),
    ("303", "the server changed your label"),
)


class XmppRoom:
    """A room at a service, entered with an account or without one.

    `room`, `label`: 1-64 bytes of text that may be a JID's part; `label` is what was asked for
    until `open`, then with a number when it was taken. `account`: a bare JID, or a domain alone:
    anonymous there; by default the service's domain without its first label. `server`, `port`,
    `authority`: see Stream. `max_frame`: bytes of the longest frame that can be taken: one that is
    longer ends the connection. `patience`: seconds `open` waits. BadName.
    """

    def __init__(
        self,
        room: str,
        service: str,
        label: str,
        account: str | None = None,
        secret: str | None = None,
        server: str | None = None,
        port: int | None = None,
        authority: str | None = None,
        max_frame: int = link.MAX_FRAME,
        patience: float = 30,
    ):
        self.room = link.check_name(room)
        self.label = self.wanted = link.check_name(label)
        domain = service.partition(".")[2] or service
        self._account = account or domain
        self._secret = secret
        self._way = server, port, authority
        self.max_frame = max_frame
        self.patience = patience
        try:
            slixmpp.JID(self._account)
            self._jid = slixmpp.JID(f"{room}@{service}").bare
            slixmpp.JID(f"{self._jid}/{label}")
        except slixmpp.InvalidJID as error:
            raise link.BadName(f"no address in XMPP: {error}") from None
        if "@" in room or "/" in room:
            raise link.BadName("a room's name in XMPP has no @ and no / in it")
        self._stream = None
        self._lost = "not connected"
        self._inbox: collections.deque[tuple] = collections.deque()
        self._waiting = 0
        self._news = asyncio.Event()
        self._lock = asyncio.Lock()
        self._labels: dict[str, bool] = {}  # in the order of their coming
        self._present = False  # the room has let us in
        self._inside = False  # and `open` has said so
        self._answer = None  # future: what the room said to our presence, or to the form
        self._said = ""  # the server's own words on that
        self._count = 0

    async def open(self):
        """Connects and enters; returns the labels present, the own one first. CarrierLost."""
        await self._end()
        self._lost = None
        self._inbox.clear()
        self._waiting = 0
        self._labels = {}
        try:
            async with asyncio.timeout(self.patience):
                self._stream = Stream(
                    self._account, self._secret, *self._way, self._hear, self._lose
                )
                await self._stream.start()
                await self._enter()
        except BaseException as error:  # being cancelled too
            reason = self._lost
            if isinstance(error, TimeoutError):
                where = self._stream.where if self._stream else self._jid
                reason = f"{where} does not answer"
            await self._end()
            if isinstance(error, (TimeoutError, OSError)):
                raise link.CarrierLost(reason or str(error)) from None
            raise
        self._inside = True
        return (self.label, *self._labels)

    async def _enter(self):
        number = 1
        patience = asyncio.get_running_loop().time() + _LOCKED
        while True:
            self.label = self.wanted if number == 1 else with_number(self.wanted, number)
            self._labels = {}
            to = quoteattr(f"{self._jid}/{self.label}")
            said = await self._ask(f"<presence to={to}>{_JOIN}</presence>")
            if isinstance(said, set):
                break
            if said == "conflict" and number < _MAX_NUMBER:
                number += 1
            elif said == "item-not-found" and asyncio.get_running_loop().time() < patience:
                await asyncio.sleep(0.1)  # somebody makes this room right now
            else:
                text = _REFUSED.get(said, said)
                raise link.CarrierLost(f"the room {self._jid} lets you not in{self._said}: {text}")
        if "201" in said:
            to = quoteattr(self._jid)
            said = await self._ask(f"<iq to={to} type='set' id='mpseq-open'>{_OPEN}</iq>")
            if said:
                raise link.CarrierLost(f"the room {self._jid} cannot be opened: {said}")

    async def _ask(self, xml):
        self._answer = asyncio.get_running_loop().create_future()
        await self._stream.say(xml)
        if self._lost:
            raise link.CarrierLost(self._lost)
        return await self._answer

    async def recv(self):
        """Next message tuple; CarrierLost when the room is gone, with the reason."""
        while not self._inbox:
            if self._lost is not None:
                raise link.CarrierLost(self._lost)
            self._news.clear()
            await self._news.wait()
        message = self._inbox.popleft()
        before, self._waiting = self._waiting, self._waiting - _cost(message)
        if before > _MAX_WAITING / 2 >= self._waiting:
            self._read(True)
        return message

    async def post(self, frame):
        """Posts a frame (at most 16,384 bytes) to everyone in the room, oneself included; waits
        while the server takes no more."""
        link.check_frame(frame)
        self._count += 1
        await self._say(
            f"<message to={quoteattr(self._jid)} type='groupchat' id='mpseq-{self._count}'>"
            f"<f xmlns='urn:mpseq:0' size='{len(frame)}'>{b64encode(frame).decode()}</f>"
            f"{_HINTS}</message>"
        )

    async def ping(self):
        """Asks the room whether I am still in it (XEP-0410); PONG when it says yes."""
        to = quoteattr(f"{self._jid}/{self.label}")
        await self._say(f"<iq to={to} type='get' id='mpseq-ping'>{_PING}</iq>")

    async def close(self):
        """Leaves the room; never raises, and takes two seconds at most."""
        to = quoteattr(f"{self._jid}/{self.label}")
        await self._end(f"<presence to={to} type='unavailable'/>")

    async def _say(self, xml):
        async with self._lock:
            if self._lost is not None or not self._inside:
                raise link.CarrierLost(self._lost or "not connected")
            await self._stream.say(xml)
            if self._lost is not None:
                raise link.CarrierLost(self._lost)

    async def _end(self, last_words=""):
        stream, self._stream = self._stream, None
        if self._lost is None:
            self._lose("not connected")
        self._inbox.clear()
        if stream is not None:
            await stream.end(last_words if self._present else "")
        self._present = self._inside = False

    # --- what the stream calls

    def _lose(self, text):
        self._lost = clean(text)
        self._news.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(link.CarrierLost(self._lost))
            self._answer.exception()

    def _fail(self, text):
        self._stream.lose(f"the room {self._jid}: {text}")

    def _answered(self, what):
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(what)

    def _tell(self, message):
        self._inbox.append(message)
        self._news.set()
        self._waiting += _cost(message)
        if self._waiting > _MAX_WAITING:
            self._read(False)

    def _read(self, on):
        transport = self._stream.transport if self._stream else None
        if transport is not None:
            transport.resume_reading() if on else transport.pause_reading()

    def _hear(self, xml):
        """True for what comes from the room."""
        room, _, nick = xml.get("from", "").partition("/")
        if room != self._jid:
            return False
        if xml.tag == _CLIENT + "message":
            self._message(xml, nick)
        elif xml.tag == _CLIENT + "presence":
            self._presence(xml, nick)
        elif xml.get("type") in ("result", "error") and (
            (xml.get("id"), nick) in (("mpseq-open", ""), ("mpseq-ping", self.label))
        ):  # else from somebody in the room, whom the server lets say that
            self._reply(xml)
        else:
            return False
        return True

    def _message(self, xml, nick):
        kind = xml.get("type")
        if kind == "error" and not nick and xml.get("id", "").startswith("mpseq-"):
            condition = _condition(xml)
            self._fail(_POSTING.get(condition, f"a frame was refused ({condition})"))
        if kind != "groupchat" or any(xml.find(tag) is not None for tag in _DELAYED):
            return
        element = xml.find(_FRAME)
        if element is None or not self._present or not _is_label(nick):
            return
        size = element.get("size", "")
        frame = _frame(element.text)
        if frame is None or size != str(len(frame)):
            if nick == self.label:
                self._fail(
                    f"a frame of {size} bytes came back broken. Cure: a server that takes "
                    "stanzas of 24 kB"
                )
        elif len(frame) > self.max_frame:
            if len(frame) <= link.MAX_FRAME:  # longer than that no member's is
                self._fail(f"a frame of {len(frame)} bytes, {self.max_frame} can be taken here")
        else:
            self._tell((link.FRAME, nick, frame))

    def _presence(self, xml, nick):
        kind = xml.get("type")
        if kind == "error":
            if not self._present:
                self._said = _words(xml)
                self._answered(_condition(xml))
            return
        user = xml.find(_USER + "x")
        codes = set() if user is None else {s.get("code") for s in user.findall(_USER + "status")}
        own = nick == self.label if self._present else "110" in codes
        if kind == "unavailable":
            if own:
                self._fail(_why(user, codes))
            elif self._labels.pop(nick, None) and self._inside:
                self._tell((link.LEAVE, nick))
        elif kind is None and _is_label(nick):
            if own and not self._present:
                self.label = nick  # the service may have changed it
                self._present = True
                self._answered(codes)
            if not own and nick not in self._labels and len(self._labels) < _MAX_LABELS:
                self._labels[nick] = True
                if self._inside:
                    self._tell((link.ENTER, nick))

    def _reply(self, xml):
        condition = _condition(xml) if xml.get("type") == "error" else None
        if xml.get("id") == "mpseq-open":
            self._answered(condition)
        elif condition is None or condition in _HERE:
            self._tell((link.PONG,))
        else:
            self._fail(_POSTING.get(condition, f"it does not know you any more ({condition})"))


def _cost(message):
    return 100 + (len(message[2]) if message[0] == link.FRAME else 0)


def _condition(xml):
    error = xml.find(_CLIENT + "error")
    for child in error if error is not None else ():
        if child.tag.startswith(_ERRORS) and not child.tag.endswith("}text"):
            return child.tag.partition("}")[2]
    return "undefined-condition"


def _words(xml):
    text = xml.findtext(f"{_CLIENT}error/{_ERRORS}text")
    return f' ("{clean(text[:200])}")' if text else ""


def _is_label(nick):
    try:
        return bool(link.check_name(nick))
    except (link.LinkError, UnicodeError):
        return False


def _frame(text):
    """Bytes of base64; None when it is none."""
    try:
        return b64decode(text or "", validate=True)
    except ValueError:
        return None


def _why(user, codes):
    if user is not None:
        gone = user.find(_USER + "destroy")
        if gone is not None:
            return "it was destroyed. Cure: another room"
    for code, text in _PUT_OUT:
        if code in codes:
            return text
    return "you are not in it any more"
