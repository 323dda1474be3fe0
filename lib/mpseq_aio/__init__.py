"""asyncio around the sans-I/O core `mpseq`: carriers and the `Chat` façade.

One source for CPython and MicroPython. Modules are imported one by one
(`from mpseq_aio.tcp import TcpRoom`), so that a board loads only what it uses. On a small heap
this sets gc.threshold, unless the program has.
"""

import gc
import sys

# What lives among what is collected late leaves no hole that is large enough for a join. On an
# ESP32 mem_free() counts memory that the heap does not have yet; without PSRAM all of it is less
# than 520 kB.
if hasattr(gc, "threshold") and gc.threshold() < 0:
    if gc.mem_free() + gc.mem_alloc() < (600000 if sys.platform == "esp32" else 250000):
        gc.threshold(4096)
