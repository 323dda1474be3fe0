"""An ESP32-C3 on a DevKitM-1, DevKitC-02 or a board like it.

It takes part in the conversation of its settings, /mpseq.d/config.json. The LED blinks for each
message; the button says that it was pressed. Not tried on hardware.
"""

from mpseq_board.node import run
from mpseq_board.pins import Pins

# By GPIO; leave out what your board has not.
PINS = {
    "neopixel": 8,  # the RGB LED; small boards without one have a plain LED here, lit by 0:
    # "led": 8, "lit": 0,
    "button": 9,  # BOOT
}

pins = Pins(PINS)
run(on_text=pins.blink, on_data=pins.blink, tasks=[pins.watch_button])
