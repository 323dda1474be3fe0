"""An ESP32 on a DevKitC or a board like it.

It takes part in the conversation of its settings, /mpseq.d/config.json. The LED blinks for each
message; the button says that it was pressed. Not tried on hardware.
"""

from mpseq_board.node import run
from mpseq_board.pins import Pins

# By GPIO; leave out what your board has not.
PINS = {
    "led": 2,  # of most such boards; Espressif's own DevKitC has none
    "lit": 1,  # the level that lights it
    "button": 0,  # BOOT
}

pins = Pins(PINS)
run(on_text=pins.blink, on_data=pins.blink, tasks=[pins.watch_button])
