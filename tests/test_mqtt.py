"""Rooms on a real MQTT broker: the desktop's client, the board's on CPython and MicroPython."""

import asyncio
import contextlib
import itertools

import mqtt_stories
import pytest
from mosquitto import Mosquitto
from mqtt_rooms import CLIENTS, on_micropython, quiet

_numbers = itertools.count()


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("mqtt")) as broker:
        yield broker


@pytest.fixture
def address(broker):
    """Of a room that no other test is in."""
    return broker.address(f"garden/{next(_numbers)}")


@pytest.fixture(params=CLIENTS)
def client(request):
    """The desktop's client, and the board's on CPython."""
    return CLIENTS[request.param]


@contextlib.asynccontextmanager
async def cutting(broker):
    """A way to the broker that ends each connection in which "cut me" comes; yields its port."""
    writers = []

    async def serve(reader, writer):
        there, back = await asyncio.open_connection(broker.host, broker.port)
        writers.extend((writer, back))

        async def pass_on(source, to):
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    if b"cut me" in data:
                        break
                    to.write(data)
            writer.transport.abort()
            back.transport.abort()

        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


@pytest.mark.parametrize("name", mqtt_stories.STORIES)
@quiet
async def test_a_client(name, client, broker, address):
    async with cutting(broker) as port:
        other = address.replace(f":{broker.port}/", f":{port}/")

        def make(label):
            return client(other if label == "cut" else address, label)

        await mqtt_stories.STORIES[name](make)


@pytest.mark.parametrize("name", mqtt_stories.STORIES)
@quiet
async def test_a_client_on_micropython(name, broker, address, unix_micropython):
    async with cutting(broker) as port:
        other = address.replace(f":{broker.port}/", f":{port}/")
        source = "import mqtt_stories\nmqtt_stories.run(%r, %r, %r)"
        process = await on_micropython(unix_micropython, source, name, address, other)
        said = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
        assert said.split() == ["well"], said
