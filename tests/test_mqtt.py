"""Rooms on a real MQTT broker: the desktop's client, the board's on CPython and MicroPython."""

import asyncio
import contextlib
import functools
import gc
import itertools
import os
import pathlib

import mqtt_stories
import pytest
from mosquitto import Mosquitto

from mpseq_aio.address import room_at
from mpseq_tools import rooms

TESTS = pathlib.Path(__file__).resolve().parent
LIB = TESTS.parent / "lib"
_numbers = itertools.count()


def quiet(function):
    """Runs an async test with its fixtures; what it leaves running, or the loop complains about,
    is a failure, and so are 40 s."""

    @functools.wraps(function)
    def run(*arguments, **fixtures):
        complaints = []

        async def tell():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: complaints.append(context))
            await asyncio.wait_for(function(*arguments, **fixtures), 40)
            for _ in range(50):
                if len(asyncio.all_tasks()) == 1:
                    break
                await asyncio.sleep(0.02)
            assert len(asyncio.all_tasks()) == 1, asyncio.all_tasks()
            gc.collect()
            await asyncio.sleep(0)

        asyncio.run(tell())
        gc.collect()
        assert not complaints, complaints

    return run


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("mqtt")) as broker:
        yield broker


@pytest.fixture
def address(broker):
    """Of a room that no other test is in."""
    return broker.address(f"garden/{next(_numbers)}")


def desktop(address, label):
    return rooms.at(address).room(label=label)


CLIENTS = {"aiomqtt": desktop, "board": room_at}


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


async def on_micropython(program, source, *arguments, heap="320K", lib=LIB):
    """Starts `source` in MicroPython, with the library as it is here and the tests' folder."""
    return await asyncio.create_subprocess_exec(
        str(program), "-X", f"heapsize={heap}", "-c", source % arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(os.environ, MICROPYPATH=f"{lib}:{TESTS}:.frozen"),
    )  # fmt: skip


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
        said = (await asyncio.wait_for(process.communicate(), 30))[0].decode()
        assert said.split() == ["well"], said
