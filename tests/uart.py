"""A UART as an ESP32's console has one, played: 259 bytes are kept for a program that does not
read, the rest is lost, and nothing holds back who writes."""

import asyncio
import random

RING = 260  # MicroPython, ports/esp32/mphalport.c; it holds one byte less


class Uart:
    """`host` is a transport for a bridge, `board` a port for the device; a board that computes
    does not read for `busy` seconds, one of these before each read.

    Bytes arrive at once, which is harder than any baud rate. What the line does can be changed:
    `spoil(data)` is what arrives at the board, `hush(data)` whether a write of the board is lost.
    """

    def __init__(self, busy=(0, 0, 0, 0.02, 0.06), seed=1):
        self.ring = bytearray()
        self.most = 0  # bytes that were in it at once
        self.dropped = 0
        self.taken = 0
        self.spoil = lambda data: data
        self.hush = lambda data: False
        self.host = _Host(self)
        self.board = _Board(self, busy, random.Random(seed))
        self.news = asyncio.Event()
        self.back = asyncio.Queue()

    def arrive(self, data):
        kept = data[: RING - 1 - len(self.ring)]
        self.ring += kept
        self.dropped += len(data) - len(kept)
        self.most = max(self.most, len(self.ring))
        self.news.set()


class _Host:
    def __init__(self, uart):
        self._uart = uart

    async def read(self):
        return await self._uart.back.get()

    async def write(self, data):
        self._uart.arrive(self._uart.spoil(data))
        await asyncio.sleep(0)

    def close(self):
        pass


class _Board:
    def __init__(self, uart, busy, dice):
        self._uart, self._busy, self._dice = uart, busy, dice

    def open(self):
        pass

    async def read(self):
        uart = self._uart
        await asyncio.sleep(self._dice.choice(self._busy))
        while not uart.ring:
            uart.news.clear()
            await uart.news.wait()
        data = bytes(uart.ring[:64])
        del uart.ring[:64]
        uart.taken += len(data)
        return data

    def write(self, data):
        if not self._uart.hush(bytes(data)):
            self._uart.back.put_nowait(bytes(data))
        return len(data)

    def close(self):
        pass
