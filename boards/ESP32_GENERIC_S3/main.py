"""An ESP32-S3 on a DevKitC-1 or a board like it.

It takes part in the conversation of its settings, /mpseq.d/config.json. The LED blinks for each
message; the button says that it was pressed. Not tried on hardware.
"""

from mpseq_board.node import run
from mpseq_board.pins import Pins

# By GPIO; leave out what your board has not.
PINS = {
    "neopixel": 48,  # the RGB LED; 38 on revision 1.1 of the DevKitC-1
    "button": 0,  # BOOT
}

pins = Pins(PINS)
run(on_text=pins.blink, on_data=pins.blink, tasks=[pins.watch_button])
