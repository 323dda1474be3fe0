"""Stands in for MicroPython's module of this name."""

STA_IF = 0
settings = {}


class WLAN:
    PM_NONE = 0

    def __init__(self, interface):
        assert interface == STA_IF

    def active(self, on):
        settings["active"] = on

    def config(self, **options):
        assert settings["active"]
        settings.update(options)
