"""The board's MQTT client: whatever bytes come, little memory, the library as files, a node."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mosquitto import Mosquitto
from mqtt_rooms import LIB, on_micropython, quiet
from mqtt_stories import frames, within
from nodes import here, settle, until, write
from test_tls import told

from mpseq import events
from mpseq_aio import link, mqtt, mqtt_wire
from mpseq_aio.address import room_at
from mpseq_tools import deploy

# --- bytes

CONNACK = b"\x20\x03\0\0\0"


class Reader:
    """An asyncio stream that has these bytes and no more, in pieces of `piece`."""

    def __init__(self, data, piece=1024):
        self.data = data
        self.at = 0
        self.piece = piece
        self.most = 0  # the longest read that was asked for

    async def read(self, size):
        self.most = max(self.most, size)
        out = self.data[self.at : self.at + min(size, self.piece)]
        self.at += len(out)
        return out

    async def readexactly(self, size):
        self.most = max(self.most, size)
        out = self.data[self.at : self.at + size]
        self.at += len(out)
        if len(out) < size:
            raise EOFError
        return out


class Writer:
    def __init__(self):
        self.written = b""

    def write(self, data):
        self.written += bytes(data)

    async def drain(self):
        pass


async def fed(data, piece=1024):
    """A room to whose client these bytes came, and how the client ended: (room, way, reader)."""
    room = room_at("mqtt://127.0.0.1/garden", "ana")
    room.LIMIT = 1 << 30  # nobody reads here
    room._way = way = mqtt_wire.Way(room, None)
    way._reader = reader = Reader(data, piece)
    way._writer = Writer()
    way._wanted = (mqtt_wire._PUBACK, 7)
    await way._run()
    assert room._reason
    return room, way, reader


def publish(topic, payload, flags=2, number=1, properties=b"\0"):
    body = mqtt_wire.string(topic) + number.to_bytes(2, "big") + properties + payload
    return bytes((0x30 | flags,)) + mqtt_wire.varint(len(body)) + body


FRAME = link.encode((link.FRAME, "ben", b"a frame"))

# What a broker or a member could send, bent here and there.
packets = st.one_of(
    st.binary(max_size=40),
    st.builds(
        publish,
        st.sampled_from(["garden", "garden/here/x", "garden/here/y", "other", b"\xff\xfe", ""]),
        st.one_of(st.binary(max_size=60), st.just(FRAME), st.just(link.encode((0x83, "eva")))),
        st.integers(0, 15),
        st.integers(0, 65535),
        st.sampled_from([b"\0", b"\x05\x02\0\0\0\1", b"\xff\xff\xff\x7f", b"\x7f", b""]),
    ),
    st.builds(
        lambda kind, body: bytes((kind,)) + mqtt_wire.varint(len(body)) + body,
        st.integers(0, 255),
        st.binary(max_size=30),
    ),
    st.builds(
        lambda kind, size: bytes((kind,)) + size, st.integers(0, 255), st.binary(max_size=5)
    ),
)


@given(st.lists(packets, max_size=8), st.integers(1, 50))
@settings(max_examples=400, deadline=None)
def test_whatever_comes_ends_in_a_reason_at_worst(parts, piece):
    async def tell():
        room, way, reader = await fed(b"".join(parts), piece)
        assert reader.most <= mqtt_wire._PIECE * 2
        for message, _ in room._inbox:
            link.encode(message)  # whole, and within its limits

    asyncio.run(tell())


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_properties_of_any_form(data):
    try:
        size = mqtt_wire.largest(b"\0\0" + data)
        assert 0 <= size <= 0xFFFFFFFF
    except (link.LinkError, IndexError):  # the two that _run answers
        pass


@given(st.integers(0, (1 << 28) - 1), st.binary(max_size=3))
def test_lengths(number, tail):
    data = mqtt_wire.varint(number)
    assert mqtt_wire.take_varint(data + tail, 0) == (number, len(data))


@quiet
async def test_good_packets_are_taken_whole_or_in_pieces():
    data = b"\xd0\0" + publish("garden", FRAME) + publish("garden", FRAME, 0x0A, 2)
    data += publish("garden/here/x", link.encode((link.ENTER, "eva")), 3, 3)
    data += publish("garden", FRAME, 2, 4, b"\x05\x02\0\0\0\1") + b"\x40\x03\0\7\x97"
    for piece in (1, 3, 1024):
        room, way, _ = await fed(data, piece)
        assert [message for message, _ in room._inbox] == [
            (link.PONG,),
            (link.FRAME, "ben", b"a frame"),
            (link.FRAME, "ben", b"a frame"),
            (link.FRAME, "ben", b"a frame"),
        ]
        assert [label for label, _ in room._there.values()] == ["eva"]
        assert way._writer.written == b"\x40\x02\0\3"  # the frames, once they are given out
        assert way._answer == b"\0\7\x97"
        assert room._reason == "the broker closed the connection"


@quiet
async def test_a_length_is_looked_at_before_memory_is_taken():
    for head in (b"\x32\xff\xff\xff\x7f", b"\x40\xff\xff\xff\x7f", b"\x32\xff\xff\xff\xff\x01"):
        room, way, reader = await fed(head + bytes(5000))
        assert reader.most <= 2 and "packet of" in room._reason, room._reason
    # A long topic is no member's, and nobody else's end: what is retained there comes each time.
    room, way, reader = await fed(publish("t" * 4000, FRAME, 3, 7) + b"\xd0\0")
    assert reader.most <= mqtt_wire._PIECE and room._inbox == [((link.PONG,), None)]
    assert way._writer.written == b"\x40\x02\0\7"
    room, way, reader = await fed(publish("t" * 4000, b"")[:2] + b"\x05\xff\xff" + bytes(99))
    assert room._reason and not room._inbox
    # What nobody who is a member sends is read past in pieces, even if it is long.
    data = b"\x30" + mqtt_wire.varint(16000) + bytes(16000) + b"\xd0\0"
    room, way, reader = await fed(data)
    assert reader.most == mqtt_wire._PIECE and room._inbox == [((link.PONG,), None)]


@quiet
async def test_no_memory_for_a_frame_costs_that_frame(monkeypatch):
    calls = []

    def poor(size):
        calls.append(size)
        if len(calls) == 1:
            raise MemoryError
        return bytearray(size)

    monkeypatch.setattr(mqtt_wire, "_room_for", poor)
    room, way, _ = await fed(publish("garden", FRAME, 2, 1) + publish("garden", FRAME, 2, 2))
    assert len(room._inbox) == 1 and way.left_out == 1
    assert way._writer.written == b"\x40\x02\0\1"


# --- on MicroPython

POOR = """
import asyncio, gc
from mpseq_aio.address import room_at
async def main():
    room = room_at(%r, "board")
    await room.open()
    hog = None
    gc.collect()
    while gc.mem_free() > 15000:
        hog = bytearray(500), hog
    await room.post(b"now")
    while True:
        message = await room.recv()
        if message[0] == 0x82:
            print("heard", len(message[2]), room._way.left_out)
            if message[2] == b"bye":
                break
    hog = None
    await room.close()
asyncio.run(main())
"""


@quiet
async def test_a_board_without_memory_loses_a_frame_and_nothing_else(tmp_path, unix_micropython):
    with Mosquitto(tmp_path) as broker:
        ana = room_at(broker.address("garden"), "ana")
        await ana.open()
        process = await on_micropython(
            unix_micropython, POOR, broker.address("garden"), heap="200K"
        )
        assert await frames(ana, 1) == [("board", b"now")]
        own = asyncio.create_task(frames(ana, 4))
        for frame in (bytes(16384), b"short", bytes(16384), b"bye"):
            await ana.post(frame)
        await within(own)
        said = (await asyncio.wait_for(process.communicate(), 60))[0].decode().split("\n")
        assert said[-2] == "heard 3 2" and "heard 5 1" in said, said
        await ana.close()


FILES = """
import asyncio
from mpseq_aio.address import room_at
async def main():
    room = room_at(%r, "board")
    await room.open()
    await room.post(b"from files")
    await room.recv()
    await room.close()
    print("well")
asyncio.run(main())
"""


@quiet
async def test_the_library_as_files_has_it(tmp_path, unix_micropython):
    files = LIB.parent / "build" / "mpy"
    if not (files / "mpseq_aio" / "mqtt_wire.mpy").exists():
        pytest.fail("no mqtt_wire.mpy in build/mpy. Cure: make mpy", pytrace=False)
    with Mosquitto(tmp_path) as broker:
        address = broker.address("garden")
        process = await on_micropython(unix_micropython, FILES, address, lib=files)
        said = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
        assert said.split() == ["well"], said


NODE = """
async def on_text(node, event):
    await node.send("heard " + event.text)

from mpseq_board.node import run
run(%r, on_text=on_text)
"""


@told
async def test_a_board_s_node_in_a_topic(tmp_path, unix_micropython):
    with Mosquitto(tmp_path, users={"porch": "se:cret"}) as broker:
        carrier = broker.address("garden", "porch:se:cret")
        hub, mini = tmp_path / "hub", tmp_path / "mini"
        hub_key = settle(hub, "hub", carrier, host=True)
        key = settle(mini, "mini", carrier, people=[["hub", hub_key]])
        write(hub, **{**json.loads((hub / "config.json").read_text()), "people": [["mini", key]]})
        async with here(hub) as host:
            await until(lambda: host.seen)  # it has founded the conversation, with nobody there
            process = await on_micropython(unix_micropython, NODE, str(mini), heap="512K")
            said = asyncio.create_task(process.stdout.read())
            try:
                await until(lambda: len(host.members) == 2)
                await host.send("hello")
                await until(
                    lambda: (
                        "heard hello"
                        in [one.text for one in host.seen if isinstance(one, events.Text)]
                    )
                )
            finally:
                process.kill()
                await process.wait()
                lines = (await within(said)).decode()
                assert "se:cret" not in lines, lines


def test_deploy_takes_such_an_address():
    for carrier in ("mqtt://192.168.1.2/garden", "mqtts://porch:secret@broker/a/b#/mpseq/ca.der"):
        deploy._check(deploy.Wanted(carrier=carrier))
    for carrier in ("mqtt://192.168.1.2/", "mqtt:garden", "mqtt://a:secret@b:c/d", "mqtt://b/a+"):
        with pytest.raises(deploy.DeployFault) as fault:
            deploy._check(deploy.Wanted(carrier=carrier))
        assert fault.value.cure and "secret" not in str(fault.value)


def test_a_name_server_that_is_needed_is_seen():
    for address, named in (
        ("mqtt://192.168.1.2/garden", False),
        ("mqtt://ana:word@192.168.1.2:1883/garden", False),
        ("mqtts://ana:word@broker.local/garden", True),
        ("mqtt://broker.local/garden", True),
    ):
        assert bool(deploy._NAMED.match(address)) is named, address


def test_the_labels_numbers_fit():
    assert mqtt.with_number("ana", 2) == "ana-2"
    for label in ("x" * 64, "ü" * 32):
        numbered = mqtt.with_number(label, 12)
        assert link.check_name(numbered) and numbered.endswith("-12")
