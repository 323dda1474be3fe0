"""What makes a board a member: its entropy, its key store, its configuration, its program.

One source for CPython and MicroPython. Modules are imported one by one
(`from mpseq_board.keystore import KeyStore`), so that a board loads only what it uses.
"""
