"""What makes a board a member: its entropy, its key store, its configuration, its program.

One source for CPython and MicroPython. Modules are imported one by one
(`from mpseq_board.keystore import KeyStore`), so that a board loads only what it uses. A main.py
imports one of them before anything else of mpseq: what stands here must come first.
"""

import sys

# Before anything else comes onto a small heap.
import mpseq_aio  # noqa: F401

if sys.platform == "esp32":
    from . import radio

    radio.early()
