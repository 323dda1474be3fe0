"""A member whose air is its serial line: datagrams as commands and reports, for tests.

The emulated boards have no radio; the host's end of the line is one (test_ordered_devices.py).
Driven like any device, by mpseq_aio.agent. Runs on CPython and MicroPython.
"""

import asyncio
from binascii import hexlify, unhexlify

from mpseq_aio import link
from mpseq_aio.agent import Agent
from mpseq_aio.datagrams import DatagramRoom


class AirLine(DatagramRoom):
    """The carrier, and the agent's line: one cable carries both."""

    def __init__(self, line):
        super().__init__("-", "-")
        self._line = line
        self._commands = []
        self._heard = []
        self._said = []
        self._news = asyncio.Event()
        self._pump = asyncio.create_task(self._sort())
        self._writer = asyncio.create_task(self._write())

    def listen(self):
        pass

    def _no_way(self):
        return "the air on the serial line"

    def _start(self):
        pass

    def _stop(self):
        pass

    def _send(self, datagram):
        if len(self._said) < 40:
            self._said.append(str(hexlify(datagram), "ascii"))
            self._news.set()

    async def _next(self):
        while not self._heard:
            await asyncio.sleep(0.005)
        return self._heard.pop(0)

    async def next_command(self):
        while not self._commands:
            if self._pump.done():
                raise link.CarrierLost("the line has ended")
            await asyncio.sleep(0.005)
        return self._commands.pop(0)

    async def report(self, value):
        await self._line.report(value)

    async def _sort(self):
        try:
            while True:
                command = await self._line.next_command()
                if "air" not in command:
                    self._commands.append(command)
                elif len(self._heard) < 40:
                    self._heard.append(unhexlify(command["air"]))
        except link.CarrierLost:
            pass

    async def _write(self):
        while True:
            while self._said:
                await self._line.report({"air": self._said.pop(0)})
            self._news.clear()
            await self._news.wait()


async def run(line):
    """Serves until "quit" or until the line ends."""
    air = AirLine(line)
    try:
        await Agent(air).run()
    finally:
        for task in (air._pump, air._writer):
            task.cancel()


def main():
    from mpseq_aio.serial import SerialRoom

    line = SerialRoom("-", "-")
    try:
        asyncio.run(run(line))
    finally:
        line._port.close()
