"""What makes a board a member: its entropy, its key store, its configuration, its program.

One source for CPython and MicroPython. Modules are imported one by one
(`from mpseq_board.keystore import KeyStore`), so that a board loads only what it uses. A main.py
imports one of them before anything else of mpseq: what stands here must come first.
"""

import gc
import sys

# Before anything else comes onto a small heap: what lies between its pieces and is collected late
# leaves no hole that is large enough for a join. On an ESP32 mem_free() counts memory that the
# heap does not have yet; without PSRAM all of it is less than 520 kB.
if hasattr(gc, "threshold"):
    if gc.mem_free() + gc.mem_alloc() < (600000 if sys.platform == "esp32" else 250000):
        gc.threshold(4096)

if sys.platform == "esp32":
    from . import radio

    radio.early()
