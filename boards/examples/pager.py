"""A pager with two buttons: one sends an alarm, both held for three seconds wipe all its keys.

Buttons from GPIO 4 (alarm) and GPIO 5 to GND, an LED at GPIO 2, which lights when somebody else
sends an alarm, until the second button is pressed. After the wipe the board is nobody: who finds
it learns nothing, and it must be deployed anew. Copy it to the board as main.py
(`mpseq deploy --example pager`). An ESP32-C3 reads GPIO 2 at a reset, where an LED pulls it down:
take GPIO 10 there, which belongs to the flash of an ESP32. Not tried on hardware.
"""

import asyncio

from machine import Pin

from mpseq_board.node import run

ALARM = "ALARM"
HELD = 60  # times 50 ms

alarm = Pin(4, Pin.IN, Pin.PULL_UP)
other = Pin(5, Pin.IN, Pin.PULL_UP)
led = Pin(2, Pin.OUT, value=0)  # on many an ESP32 its own


def on_text(node, event):
    if event.text == ALARM:
        led.value(1)


async def watch(node):
    """Looks at the buttons; pressed they are 0. One alone counts when it is let go."""
    held = 0
    first = both = False
    while True:
        await asyncio.sleep(0.05)
        one, two = not alarm.value(), not other.value()
        held = held + 1 if one and two else 0
        if held >= HELD:
            node.panic()
        if two:
            led.value(0)
        if one or two:
            first = first or one
            both = both or held > 0
            continue
        if first and not both and node.members:
            await node.send(ALARM)
        first = both = False


run(on_text=on_text, tasks=[watch])
