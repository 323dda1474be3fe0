"""The radio of an ESP32, switched on before the library lies on the heap.

MicroPython's first piece of heap is as large as it may be for a second one to leave Wi-Fi what it
wants. The third is the largest block that ESP-IDF has left: then Wi-Fi finds no memory.
"""

_failed = None


def station():
    """The station's interface; RuntimeError says what helps."""
    global _failed
    import network

    # Where it has failed, another WLAN() is an assertion of ESP-IDF that fails: a reset.
    if not _failed:
        try:
            return network.WLAN(network.STA_IF)
        except RuntimeError as error:
            _failed = error
    raise _told(_failed)


def on():
    """The station's interface, switched on; RuntimeError says what helps."""
    wlan = station()
    try:
        wlan.active(True)
    except RuntimeError as error:
        raise _told(error) from None
    return wlan


def early(folder="/mpseq.d"):
    """Switches it on if the settings want it."""
    import json

    try:
        with open(folder + "/config.json") as file:
            config = json.load(file)
        if not config.get("wifi") and config["carrier"][:7] != "espnow:":
            return
    except Exception:  # whoever needs the settings tells it
        return
    try:
        on()
    except Exception as error:
        print("mpseq: the radio stays off: %s" % error)


def _told(error):
    return RuntimeError(
        "Wi-Fi does not start (%s; 0x0101 is: no memory). Cure: RESET; if it stays so, firmware"
        " with mpseq inside, or a board with PSRAM" % error
    )
