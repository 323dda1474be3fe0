"""A room in a topic of an MQTT 5 broker. The same on a desktop and a board but for who speaks
MQTT: here mqtt_wire.py, on a desktop aiomqtt (mpseq_tools/mqtt_room.py).

ROOM, without `+`, `#` or `$` in front, is the topic. All is published at QoS 1; what comes at
QoS 0 is of no member and ignored. A payload is a link message (link.py):

| topic             | payload        |                                                        |
|-------------------|----------------|--------------------------------------------------------|
| `ROOM`            | (FRAME, label, | a frame; the label is what its sender says, a hint     |
|                   |  frame)        |                                                        |
| `ROOM`            | (ENTER, label) | once by each who comes, who looks whether it comes     |
|                   |                | back: a broker tells nobody what it may not read       |
| `ROOM/here/TOKEN` | (ENTER, label) | retained, for 300 s, again every 120 s: who is here.   |
|                   |                | TOKEN: 8 hex digits that a room object keeps           |
| `ROOM/here/TOKEN` | nothing        | retained: gone. Also the will that the broker publishes|

The topic names a token and not the label, so that no label needs escapes and nobody's will takes
another's place; two with one label see each other's in the broker's order, and the later takes a
number. The client's id is another secret: whoever knows it could take over the session.

The session outlives a cut by 180 s: what is said meanwhile comes afterwards, in order. A frame is
acknowledged once `recv` has given it out, and no more is read with `LIMIT` bytes waiting for that,
so `recv` must go on for `post` to. The broker may send as much ahead as it likes: whatever limits
that makes Mosquitto 2.0.11 change the order (host_tools/CARRIERS.md, MQTT).
"""

import asyncio
import os
from binascii import hexlify

from . import link
from .clock import now
from .stream import with_number

KEEP_ALIVE = 60  # seconds; a client that pings less often is dropped after half as much again
SESSION = 180  # seconds that the broker keeps a session whose connection is gone
EXPIRY = 300  # seconds
AGAIN = 120000  # ms
AHEAD = 65535  # messages that the broker may send without being answered
OVERHEAD = 512  # bytes of a packet around a frame: topics, labels, properties
_ECHO = 10  # seconds in which my own words come back
_REASONS = {
    0x84: "it speaks no MQTT 5. Cure: a broker that does, like Mosquitto 1.6 or later",
    0x86: "bad user name or password. Cure: mqtt://USER@HOST/ROOM and --password-file; on a board"
    " USER:PASSWORD@",
    0x87: "not authorised. Cure: user and password, or rights on ROOM and ROOM/# (its ACL)",
    0x88: "it is not available",
    0x89: "it is busy",
    0x8A: "banned",
    0x8B: "it is shutting down",
    0x8D: "nothing came in time",
    0x8E: "another client took this session over",
    0x90: "the topic is not permitted. Cure: another room",
    0x8F: "the topic is not permitted. Cure: another room",
    0x95: "the packet is too large. Cure: message_size_limit and max_packet_size of 20000 or more",
    0x96: "messages come too fast",
    0x97: "a quota is used up. Cure: ask who runs it",
    0x9A: "it retains nothing. Cure: retain_available true",
    0x9B: "it has no QoS 1. Cure: max_qos 1 or 2",
}


def reason(code: int) -> str:
    """A reason code of MQTT 5 in words, with what helps."""
    return _REASONS.get(code) or "reason 0x%02x" % code


class MqttRoom:
    """A member's way into a topic.

    `room`: 1-64 bytes; `label`: what others see of me, a number is added when it is there already;
    `user`, `secret`: for the broker; `secure`: TLS, with `authority` as in tls.py; `max_frame`:
    the longest frame in bytes that this client takes: a longer one is left out by the broker, and
    Chat says that something is missing. `patience`: seconds that `open` waits. `post` waits until
    the broker has the frame. After `post`, `ping` or `recv` was cancelled only `close` and `open`
    make sense.
    """

    LIMIT = 20000  # bytes of frames that wait for `recv`, and one more frame: a board's memory
    MOST = 64  # who is here, for WELCOME: anyone can claim to be many

    def __init__(
        self,
        host: str,
        port: int,
        room: str,
        label: str,
        user=None,
        secret=None,
        secure=False,
        authority=None,
        max_frame=link.MAX_FRAME,
        patience=30,
    ):
        self.host = host
        self.port = port
        self.room = link.check_name(room)
        if room[0] == "$" or "+" in room or "#" in room:
            raise link.BadName("an MQTT topic has no + or # in it, and no $ in front")
        self.label = self.wanted = link.check_name(label)
        self.user = user
        self.secret = secret
        self.secure = secure
        self.authority = authority
        self.max_frame = max_frame
        self.patience = patience
        self.here = room + "/here/"
        self.topic = self.here + _hex(4)
        self.identifier = "mpseq" + _hex(8)
        self._way = None
        self._greeting = None
        self._turn = asyncio.Lock()  # one publish at a time, or their order would be any
        self._news = asyncio.Event()
        self._taken = asyncio.Event()
        self._reset()

    def _reset(self):
        self._inbox = []  # (message, what to acknowledge)
        self._load = 0  # bytes of those that are to be acknowledged
        self._heard = now()
        self._there = {}  # topic of another's presence -> (label, ms when it has expired)
        self._mine = False  # my presence has come back
        self._through = False  # something has come in the room itself
        self._opening = True
        self._greeted = False
        self._said = None  # ms at which I said that I am here
        self._reason = None  # why it is lost

    async def open(self):
        """Connects and enters; returns the labels present, the own one first. CarrierLost."""
        await self._drop(False)
        self._reset()
        try:
            return await asyncio.wait_for(self._enter(), self.patience)
        except BaseException as error:  # being cancelled too
            await self._drop(False)
            if isinstance(error, asyncio.TimeoutError):
                raise link.CarrierLost("%s does not answer" % self._broker()) from None
            if self.secure and isinstance(error, (link.CarrierLost, ValueError)):
                from .tls import explain

                text = explain(error, "broker", self.host, self.authority)
                raise link.CarrierLost(text) from None
            raise

    async def _enter(self):
        self.label = self.wanted
        context = None
        if self.secure:
            from .tls import _context

            context = _context(self.authority)
        self._way = way = self._way_to(context)
        self._need(await way.open(), "does not let me in")
        if way.largest < link.MAX_FRAME + OVERHEAD:
            raise link.CarrierLost("%s: %s" % (self._broker(), reason(0x95)))
        self._greeting = asyncio.create_task(self._greet())
        # What was said while I was away comes first, and is read only once it is taken.
        while not self._greeted and not self.full() and self._reason is None:
            self._news.clear()
            await self._news.wait()
        if self._reason is not None:
            raise link.CarrierLost(self._reason)
        self._opening = False
        labels = [self.label]
        for label, _ in self._there.values():
            if label not in labels:
                labels.append(label)
        return tuple(labels)

    async def _greet(self):
        try:
            async with self._turn:
                codes = await self._way.subscribe((self.room, self.here + "+"))
            for code in codes:
                self._need(0x9B if code == 0 else code, "does not let me read %s" % self.room)
            number = 1
            while True:
                self._mine = False
                await self._say_here()
                await self._back(lambda: self._mine, self.topic)
                if self.label not in [label for label, _ in self._there.values()]:
                    break
                number += 1
                self.label = with_number(self.wanted, number)
            await self._publish(self.room, link.encode((link.ENTER, self.label)))
            await self._back(lambda: self._through, self.room)
            self._greeted = True
            self._news.set()
        except (link.CarrierLost, link.LinkError) as error:
            self.lost(str(error))

    def _way_to(self, context):
        from .mqtt_wire import Way

        return Way(self, context)

    def _broker(self):
        return "the broker at %s port %d" % (self.host, self.port)

    def _need(self, code, what):
        if code >= 0x80:
            raise link.CarrierLost("%s %s: %s" % (self._broker(), what, reason(code)))

    async def _back(self, come, topic):
        # While nobody takes what has come nothing else does; but then there is a way back.
        try:
            await asyncio.wait_for(self._wait(come), min(self.patience, _ECHO))
        except asyncio.TimeoutError:
            raise link.CarrierLost(
                "%s takes what I say in %s, and does not show it to me: %s"
                % (self._broker(), topic, reason(0x87))
            ) from None

    async def _wait(self, come):
        while not come() and not self.full():
            if self._reason is not None:
                raise link.CarrierLost(self.why())
            self._news.clear()
            await self._news.wait()

    async def recv(self):
        """Next message tuple; CarrierLost when the room is gone, with the reason."""
        while not self._inbox:
            if self._reason is not None or self._way is None:
                raise link.CarrierLost(self.why())
            self._news.clear()
            await self._news.wait()
        message, packet = self._inbox.pop(0)
        if packet is not None:
            self._load -= _cost(message)
            self._taken.set()
            if self._reason is None:
                try:
                    await self._way.ack(packet)
                except link.CarrierLost:  # it comes once more, which Chat expects
                    pass
        return message

    async def post(self, frame):
        """Posts a frame (at most 16,384 bytes) to everyone in the room, oneself included; returns
        once the broker has it. CarrierLost; link.TooLong when the broker takes no such frame."""
        link.check_frame(frame)
        await self._publish(self.room, link.encode((link.FRAME, self.label, b"")), frame)

    async def ping(self):
        """Shows the broker that this client lives, which answers with PONG, and the others that it
        is here."""
        time = now()
        for topic in list(self._there):
            label, until = self._there[topic]
            if time > until:
                self._put(self._gone(topic), None)
        if self._said is None or time - self._said >= AGAIN:
            await self._say_here()
        if self._way is None or self._reason is not None:
            raise link.CarrierLost(self.why())
        await self._way.ping()

    async def close(self):
        """Leaves the room; never raises, and takes two seconds at most."""
        try:
            await self._drop(True)
        except Exception:
            pass

    async def _drop(self, good_bye):
        way, self._way = self._way, None
        if way is None:
            return
        # Chat closes what has gone silent, too; its session must not end with that.
        alive = self._reason is None and now() - self._heard < 1000 * KEEP_ALIVE
        self.lost("closed")  # first, so that whoever does not hear that it is cancelled ends too
        greeting, self._greeting = self._greeting, None
        if greeting is not None:
            greeting.cancel()
            while not greeting.done():
                await asyncio.sleep(0)
        await way.close(good_bye and alive)

    async def _say_here(self):
        self._said = now()
        message = link.encode((link.ENTER, self.label))
        await self._publish(self.topic, message, b"", True)

    async def _publish(self, topic, head, body=b"", here=False):
        async with self._turn:
            if self._way is None or self._reason is not None:
                raise link.CarrierLost(self.why())
            code = await self._way.publish(topic, head, body, here)
        if code >= 0x80:
            text = "%s refuses %s: %s" % (self._broker(), topic, reason(code))
            if code == 0x95:
                raise link.TooLong(text)
            self.lost(text)
            raise link.CarrierLost(text)

    # --- what the way calls

    def why(self):
        """Why nothing can be sent."""
        return self._reason or "not connected"

    def take(self, topic, payload, retained, packet):
        """Something came at QoS 1, its payload bytes or a view. True when it can be acknowledged
        now; else `recv` will, when it gives out what it was."""
        message = None
        self._heard = now()
        try:
            if topic == self.room:
                if not retained:  # of members nothing is, here
                    self._through = True
                    message = link.decode(payload)
                    if message[0] != link.FRAME or len(message[2]) > self.max_frame:
                        message = None
            elif topic.startswith(self.here) and len(topic) <= len(self.topic):
                message = self._presence(topic, payload)
        except link.LinkError:  # anyone can publish anything
            pass
        self._news.set()
        if message is None:
            return True
        self._put(message, packet)
        return False

    def full(self) -> bool:
        """Whether so much waits for `recv` that no more should be read."""
        return self._load > self.LIMIT

    async def room_left(self):
        """Returns when it is full no more."""
        while self.full():
            self._taken.clear()
            await self._taken.wait()

    def pong(self):
        """The broker has answered a ping."""
        self._heard = now()
        if not self._inbox or self._inbox[-1][0][0] != link.PONG:
            self._put((link.PONG,), None)

    def lost(self, text):
        """The connection is gone."""
        if self._reason is None:
            self._reason = text
            self._news.set()

    def _put(self, message, packet):
        if message is not None:
            self._inbox.append((message, packet))
            if packet is not None:
                self._load += _cost(message)
            self._news.set()

    def _presence(self, topic, payload):
        label = None
        if len(payload):
            message = link.decode(payload)
            if message[0] != link.ENTER:
                return None
            label = message[1]
        if topic == self.topic:
            self._mine = label == self.label
            if not self._mine:  # of my will, or of somebody: the next ping says otherwise
                self._said = None
            return None
        if label is None:
            return self._gone(topic)
        before = self._there.get(topic)
        if before is None and len(self._there) >= self.MOST:
            return None
        if before and before[0] == label:
            self._there[topic] = (label, now() + EXPIRY * 1000)
            return None
        self._put(self._gone(topic), None)
        known = self._knows(label)
        self._there[topic] = (label, now() + EXPIRY * 1000)
        return None if self._opening or known else (link.ENTER, label)

    def _gone(self, topic):
        label, _ = self._there.pop(topic, (None, 0))
        if label is None or self._opening or self._knows(label):
            return None
        return (link.LEAVE, label)

    def _knows(self, label):
        # Before it takes a number, a newcomer has for a moment the label of somebody here.
        return label == self.label or label in [it for it, _ in self._there.values()]


def _cost(message):
    return 128 + (len(message[2]) if len(message) > 2 else 0)


def _hex(size):
    return str(hexlify(os.urandom(size)), "ascii")
