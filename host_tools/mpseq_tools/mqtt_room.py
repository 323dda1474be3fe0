"""A room in a topic of an MQTT broker, for a desktop: aiomqtt does the packets.

What is in them, and what a room is, stands in lib/mpseq_aio/mqtt.py, which boards share. Three
things aiomqtt keeps from its caller, so this asks the paho client inside it: the broker's answer
to a publish (else what an ACL forbids would vanish in silence), the acknowledgement of what has
come (here once `recv` has given it out, so that a slow reader is slow at the broker and fills no
memory of ours), and the end of the session at the end of a connection.
"""

import asyncio
import contextlib
import socket

import aiomqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from mpseq_aio import link, mqtt

_GOOD_BYE = 1  # seconds


class MqttRoom(mqtt.MqttRoom):
    """As in mpseq_aio.mqtt, with more on the way at once."""

    WINDOW = 32
    MOST = 1024

    def _way_to(self, context):
        return _Way(self, context)


class _Way:
    """One connection to a broker, like mpseq_aio.mqtt_wire.Way."""

    def __init__(self, room, context):
        self._room = room
        self._gone = asyncio.get_running_loop().create_future()
        self._answers = {}  # packet number -> the future of its reason code
        self._reading = None
        self._entering = None
        self.largest = 1 << 28
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = mqtt.SESSION
        properties.ReceiveMaximum = room.WINDOW
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
        )
        self._paho = self._client._client
        self._paho.manual_ack_set(True)
        self._paho.on_publish = self._published
        self._connected = self._paho.on_connect
        self._paho.on_connect = self._welcome

    async def open(self) -> int:
        """Connects; the reason code of the broker's answer. CarrierLost."""
        # In a thread, which no cancellation ends: what it brings must be closed all the same.
        self._entering = asyncio.ensure_future(self._client.__aenter__())
        self._entering.add_done_callback(self._entered)
        try:
            await asyncio.shield(self._entering)
        except aiomqtt.MqttCodeError as error:
            return _code(error)
        except aiomqtt.MqttError as error:
            where = f"{self._room.host} port {self._room.port}"
            raise link.CarrierLost(f"no broker at {where} ({error})") from None
        self._reading = asyncio.ensure_future(self._read())
        return 0

    def _entered(self, task):
        failed = task.cancelled() or task.exception()
        if failed or self._gone.done():
            self._cut()

    def _welcome(self, client, data, flags, code, properties):
        self.largest = getattr(properties, "MaximumPacketSize", self.largest)
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
        answer = self._answers[given.mid] = asyncio.get_running_loop().create_future()
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
        self._cut()
        if self._reading:
            await asyncio.wait({self._reading}, timeout=_GOOD_BYE)
            self._reading.cancel()

    def _cut(self):
        """Closes the socket, now, whatever waits in it."""
        way = self._paho.socket()
        if way is None:
            return
        with contextlib.suppress(OSError, ValueError):
            way.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(Exception):
            self._paho.disconnect()
            self._paho.loop_write()

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
                reason = "the broker ends the connection: " + mqtt.reason(_code(cause))
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


def _code(error) -> int:
    """The reason code of an MqttCodeError; those of older brokers count from 1."""
    code = error.rc.value if isinstance(error.rc, ReasonCode) else 0x84
    return code if code >= 0x80 else 0x84
