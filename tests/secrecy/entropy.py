"""Takes random bytes of this machine and shows them, wipes them, and waits in between: for CPython
and MicroPython. Out: 32 bytes; then, after a byte in, a line."""

from mpseq.primitives import wipe
from mpseq_aio.entropy import urandom


def main():
    commands = open(0, "rb", 0)
    shown = open(1, "wb", 0)
    while True:
        secret = urandom(32)
        shown.write(secret)
        commands.read(1)
        wipe(secret)
        shown.write(b"wiped\n")
        commands.read(1)


main()
