"""A Raspberry Pi Pico 2 W.

It takes part in the conversation of its settings, /mpseq.d/config.json. The LED blinks for each
message; the button says that it was pressed. Not tried on hardware.
"""

from mpseq_board.node import run
from mpseq_board.pins import Pins

# By GPIO; leave out what your board has not.
PINS = {
    "led": "LED",  # on the Wi-Fi chip
    "lit": 1,  # the level that lights it
    "button": 15,  # one that you add, to GND (pin 20 of the board)
}

pins = Pins(PINS)
run(on_text=pins.blink, on_data=pins.blink, tasks=[pins.watch_button])
