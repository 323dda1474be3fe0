"""A sensor node: sends the temperature of its chip once a minute, as DATA of type text/csv.

Copy it to the board as main.py (`mpseq deploy --example sensor`). Not tried on hardware.
"""

import asyncio
import time

from mpseq_board.node import run

PERIOD = 60  # seconds


def celsius():
    """The chip's temperature: rough, but it needs no wire."""
    try:
        import esp32
    except ImportError:  # RP2: a diode at ADC 4
        from machine import ADC

        return 27 - (ADC(4).read_u16() * 3.3 / 65535 - 0.706) / 0.001721
    if hasattr(esp32, "mcu_temperature"):  # C3, C6, S3
        return esp32.mcu_temperature()
    return (esp32.raw_temperature() - 32) / 1.8


async def measure(node):
    """Called again and again: one reading."""
    if not node.members:
        return
    line = "%d,%.1f" % (time.time(), celsius())
    await node.send_data("text/csv", line.encode())
    await asyncio.sleep(PERIOD)


run(tasks=[measure])
