"""What makes a board a member: its entropy, its key store, its configuration, its program.

One source for CPython and MicroPython. Modules are imported one by one
(`from mpseq_board.keystore import KeyStore`), so that a board loads only what it uses.
"""

import gc

# Before anything else comes onto a small heap: what lies between its pieces and is collected late
# leaves no hole that is large enough for a join.
if hasattr(gc, "threshold") and gc.mem_free() + gc.mem_alloc() < 250000:
    gc.threshold(4096)
