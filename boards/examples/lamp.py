"""A lamp: shows the session code as colours, and obeys only people who are verified.

Six RGB LEDs (NeoPixel) at GPIO 4, one for each digit: who has the same code sees the same row.
A person at the lamp's console says `/verify NICK DIGITS`; from then on the lamp does what NICK
writes: `lamp on`, `lamp off`, `lamp code`. Copy it to the board as main.py
(`mpseq deploy --example lamp`). Not tried on hardware.
"""

from machine import Pin
from neopixel import NeoPixel

from mpseq_board.node import run

GPIO = 4  # free on each of these boards
COLOURS = (  # of the digits 0 to 9, red green blue: dark, for the eyes
    (24, 24, 24), (48, 0, 0), (48, 16, 0), (32, 32, 0), (0, 48, 0),
    (0, 32, 24), (0, 0, 48), (24, 0, 48), (48, 0, 24), (4, 4, 4),
)  # fmt: skip

pixels = NeoPixel(Pin(GPIO, Pin.OUT), 6)


def show(colours):
    for at, colour in enumerate(colours):
        pixels[at] = colour
    pixels.write()


def show_code(node):
    code = node.code
    show([COLOURS[int(digit)] for digit in code.digits] if code else [(0, 0, 0)] * 6)


def on_event(node, event):
    if type(event).__name__ in ("SessionStarted", "Left"):
        show_code(node)


async def on_text(node, event):
    word = event.text
    if not word.startswith("lamp "):
        return
    if not node.is_verified(event.key):
        await node.send("%s is not verified here" % event.nick)
    elif word == "lamp on":
        show([(255, 255, 255)] * 6)
    elif word == "lamp off":
        show([(0, 0, 0)] * 6)
    else:
        show_code(node)


run(on_text=on_text, on_event=on_event)
