"""A room in a topic of an MQTT broker, for a desktop: aiomqtt does the packets.

What is in them, and what a room is, stands in lib/mpseq_aio/mqtt.py, which boards share. Some
things aiomqtt keeps from its caller, so this asks the paho client inside it: the broker's answer
to a publish (else what an ACL forbids would vanish in silence), when what has come is read and
acknowledged (so that a slow reader is slow at the broker and fills no memory of ours), and the end
of a session and of a socket.
"""

import asyncio
import contextlib
import logging
import socket

import aiomqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from mpseq_aio import link, mqtt

_GOOD_BYE = 1  # seconds
# What goes wrong is said in a CarrierLost; without this it would stand on the screen, too.
_LOG = logging.getLogger("mpseq.mqtt")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


class MqttRoom(mqtt.MqttRoom):
    """As in mpseq_aio.mqtt, with a desktop's memory."""

    LIMIT = 1_000_000
    MOST = 1024

    def _way_to(self, context):
        return _Way(self, context)


class _Way:
    """One connection to a broker, like mpseq_aio.mqtt_wire.Way."""

    def __init__(self, room, context):
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._gone = self._loop.create_future()
        self._closed = self._loop.create_future()
        self._answers = {}  # packet number -> the future of its reason code
        self._reading = None
        self._entering = None
        self._refused = 0  # the reason code of the broker's answer, if that is no
        self.largest = 1 << 28
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = mqtt.SESSION
        properties.ReceiveMaximum = mqtt.AHEAD
        properties.MaximumPacketSize = room.max_frame + mqtt.OVERHEAD
        self._client = aiomqtt.Client(
            room.host,
            room.port,
            username=room.user,
            password=room.secret,
            identifier=room.identifier,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=aiomqtt.Will(room.topic, b"", 1, True),
            clean_start=False,
            keepalive=mqtt.KEEP_ALIVE,
            timeout=room.patience,
            properties=properties,
            tls_context=context,
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
            logger=_LOG,
        )
        self._paho = self._client._client
        self._paho.manual_ack_set(True)
        self._paho.on_publish = self._published
        self._connected = self._paho.on_connect
        self._paho.on_connect = self._welcome
        self._paho.on_socket_open = self._socket_opened
        self._forget = self._paho.on_socket_close
        self._paho.on_socket_close = self._socket_closed
        self._paho.on_socket_register_write = self._wants_to_write
        self._paused = False

    async def open(self) -> int:
        """Connects; the reason code of the broker's answer. CarrierLost."""
        # A thread connects, for 5 s at most, which no cancellation ends.
        self._entering = asyncio.ensure_future(self._client.__aenter__())
        self._entering.add_done_callback(self._entered)
        await asyncio.wait({self._entering, self._closed}, return_when=asyncio.FIRST_COMPLETED)
        # Of a connection that ends before it has begun aiomqtt says nothing.
        await asyncio.wait({self._entering}, timeout=0.2)
        if self._refused:
            return self._refused
        if not self._entering.done():
            raise link.CarrierLost("the broker closed the connection")
        try:
            self._entering.result()
        except aiomqtt.MqttError as error:
            where = f"{self._room.host} port {self._room.port}"
            raise link.CarrierLost(f"no broker at {where} ({error})") from None
        way = self._paho.socket()
        if way is None:
            raise link.CarrierLost("the broker closed the connection")
        self._reading = asyncio.ensure_future(self._read())
        return 0

    def _socket_opened(self, client, data, way):  # in that thread
        if self._gone.done():
            raise OSError("closed meanwhile")
        self._loop.call_soon_threadsafe(self._attend, way)

    def _attend(self, way):
        # As aiomqtt does, but it would look at whatever has the number of this socket by now.
        if self._paho.socket() is way and not self._gone.done():
            self._loop.add_reader(way, self._readable)
            self._client._misc_task = self._loop.create_task(self._client._misc_loop())

    def _wants_to_write(self, client, data, way):
        # Later, as this may be that thread.
        self._loop.call_soon_threadsafe(self._watch, way)

    def _watch(self, way):
        if self._paho.socket() is way and self._paho.want_write():
            self._loop.add_writer(way, self._guarded, self._paho.loop_write)

    def _guarded(self, work):
        try:
            work()
        except Exception as error:  # whatever the broker's bytes, or its absence, do to paho
            self._leave(f"connection lost ({error})")
            self._cut()

    def _socket_closed(self, client, data, way):
        self._forget(client, data, way)
        self._loop.call_soon_threadsafe(self._over)

    def _over(self):
        if not self._closed.done():
            self._closed.set_result(None)
            # Whoever knows better says why before that.
            self._loop.call_later(0.2, self._leave, "connection lost")

    def _entered(self, task):
        if task.cancelled() or task.exception() or self._gone.done():
            self._cut()

    def _readable(self):
        self._guarded(self._take_in)

    def _take_in(self):
        while not self._room.full():
            self._paho.loop_read()
            way = self._paho.socket()
            if not getattr(way, "pending", int)():  # bytes that TLS has taken already
                return
        self._paused = True
        self._loop.remove_reader(self._paho.socket())

    def _readable_still(self):
        way = self._paho.socket()
        if way and not self._paused and getattr(way, "pending", int)():
            self._readable()

    def _welcome(self, client, data, flags, code, properties):
        self.largest = getattr(properties, "MaximumPacketSize", self.largest)
        self._refused = _code(code) if code != 0 else 0
        self._connected(client, data, flags, code, properties)

    async def subscribe(self, topics) -> list:
        """Reason codes, one a topic; retained messages only of the last one."""
        wanted = [
            (topic, SubscribeOptions(qos=1, retainHandling=0 if topic == topics[-1] else 2))
            for topic in topics
        ]
        return [code.value for code in await self._ask(self._client.subscribe(wanted))]

    async def publish(self, topic, head, body, here) -> int:
        """Publishes head + body; the reason code once the broker has it. CarrierLost."""
        properties = None
        if here:
            properties = Properties(PacketTypes.PUBLISH)
            properties.MessageExpiryInterval = mqtt.EXPIRY
        self._alive()
        given = self._paho.publish(topic, head + body, 1, here, properties)
        if given.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise link.CarrierLost(f"connection lost ({given.rc.name})")
        answer = self._answers[given.mid] = self._loop.create_future()
        try:
            await asyncio.wait({answer, self._gone}, return_when=asyncio.FIRST_COMPLETED)
            self._alive()
            return answer.result()
        finally:
            del self._answers[given.mid]

    def _published(self, client, data, number, code, properties):
        answer = self._answers.get(number)
        if answer is not None and not answer.done():
            answer.set_result(code.value)

    async def ack(self, number):
        """Acknowledges what `take` was shown."""
        self._paho.ack(number, 1)
        if self._paused and not self._room.full() and self._paho.socket():
            self._paused = False
            self._loop.add_reader(self._paho.socket(), self._readable)
            self._loop.call_soon(self._readable_still)

    async def ping(self):
        """A question that changes nothing: aiomqtt keeps the broker's answer to a PINGREQ."""
        await self._ask(self._client.unsubscribe(f"{self._room.here}nobody"))
        self._room.pong()

    async def close(self, good_bye):
        """Ends it, in two seconds at most; `good_bye`: for good, or the session stays."""
        self._leave("closed")
        if good_bye:
            properties = Properties(PacketTypes.DISCONNECT)
            properties.SessionExpiryInterval = 0
            code = ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")
            self._paho.disconnect(code, properties)
            if self._reading:
                await asyncio.wait({self._reading}, timeout=_GOOD_BYE)
        # One that connects still ends by itself, in _socket_opened.
        opened = self._paho.socket() or self._closed.done()
        self._cut()
        for task in (self._reading, self._entering if opened else None):
            if task:
                task.cancel()
                await asyncio.wait({task}, timeout=_GOOD_BYE)

    def _cut(self):
        """Closes the socket, whatever waits in it."""
        way = self._paho.socket()
        if way is not None:
            with contextlib.suppress(OSError, ValueError):
                way.shutdown(socket.SHUT_RDWR)
            self._paho._sock_close()

    async def _ask(self, request):
        """What a call of aiomqtt brings; CarrierLost when the connection goes meanwhile."""
        asking = asyncio.ensure_future(request)
        try:
            await asyncio.wait({asking, self._gone}, return_when=asyncio.FIRST_COMPLETED)
            self._alive()
            return asking.result()
        except aiomqtt.MqttError as error:
            raise link.CarrierLost(f"connection lost ({error})") from None
        finally:
            if not asking.done():
                asking.cancel()
                await asyncio.wait({asking})

    def _alive(self):
        if self._gone.done():
            raise link.CarrierLost(self._room.why())

    def _leave(self, reason):
        if not self._gone.done():
            self._room.lost(reason)
            self._gone.set_result(None)

    async def _read(self):
        reason = "the broker closed the connection"
        try:
            async for message in self._client.messages:
                if message.qos == 1:  # others are of no member
                    self._take(message)
        except aiomqtt.MqttError as error:
            cause = error.__cause__
            if isinstance(cause, aiomqtt.MqttCodeError) and isinstance(cause.rc, ReasonCode):
                reason = "the broker ends the connection: " + mqtt.reason(_code(cause.rc))
            elif cause is not None:
                reason = f"connection lost ({cause})"
        except link.LinkError as error:
            reason = f"the broker speaks another language ({error})"
        finally:
            self._leave(reason)
            self._cut()

    def _take(self, message):
        topic = str(message.topic)
        if self._room.take(topic, message.payload or b"", message.retain, message.mid):
            self._paho.ack(message.mid, 1)


def _code(code) -> int:
    """The number of a reason that is no success; those of older brokers count from 1."""
    code = code.value if isinstance(code, ReasonCode) else 0x84
    return code if code >= 0x80 else 0x84
