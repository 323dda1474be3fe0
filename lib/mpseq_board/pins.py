"""The LED and the button of a board: what its main.py names in one table."""

import asyncio


class Pins:
    """`table`: `led` (a GPIO, or what machine.Pin takes) with `lit`, the level that lights it; or
    `neopixel`, a GPIO with an RGB LED; `button`, a GPIO that is 0 while it is pressed."""

    def __init__(self, table):
        from machine import Pin

        self._light = lambda on: None
        self._button = None
        if "led" in table:
            lit = table.get("lit", 1)
            led = Pin(table["led"], Pin.OUT, value=1 - lit)
            self._light = lambda on: led.value(lit if on else 1 - lit)
        elif "neopixel" in table:
            from neopixel import NeoPixel

            pixel = NeoPixel(Pin(table["neopixel"], Pin.OUT), 1)

            def light(on):
                pixel[0] = (0, 24, 0) if on else (0, 0, 0)
                pixel.write()

            self._light = light
        if "button" in table:
            self._button = Pin(table["button"], Pin.IN, Pin.PULL_UP)

    async def blink(self, node, event):
        """Lights for a tenth of a second."""
        self._light(True)
        await asyncio.sleep(0.1)
        self._light(False)

    async def watch_button(self, node):
        """Says that the button was pressed, each time."""
        button = self._button
        while button:
            await asyncio.sleep(0.05)
            if not button.value():
                if node.members:
                    await node.send("the button of %s is pressed" % node.chat.nick)
                while not button.value():
                    await asyncio.sleep(0.05)
        await asyncio.sleep(3600)
