"""What the tests of MQTT rooms share."""

import asyncio
import functools
import gc
import os
import pathlib

from mpseq_aio.address import room_at
from mpseq_tools import rooms

TESTS = pathlib.Path(__file__).resolve().parent
LIB = TESTS.parent / "lib"


def quiet(function):
    """Runs an async test with its fixtures; what it leaves running, or the loop complains about,
    is a failure, and so are 180 s."""

    @functools.wraps(function)
    def run(*arguments, **fixtures):
        complaints = []

        async def tell():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: complaints.append(context))
            await asyncio.wait_for(function(*arguments, **fixtures), 180)
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


def desktop(address, label):
    return rooms.at(address).room(label=label)


# The desktop's client, and the board's on CPython.
CLIENTS = {"aiomqtt": desktop, "board": room_at}


async def on_micropython(program, source, *arguments, heap="320K", lib=LIB):
    """Starts `source` in MicroPython, with the library as it is here and the tests' folder."""
    return await asyncio.create_subprocess_exec(
        str(program), "-X", f"heapsize={heap}", "-c", source % arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(os.environ, MICROPYPATH=f"{lib}:{TESTS}:.frozen"),
    )  # fmt: skip
