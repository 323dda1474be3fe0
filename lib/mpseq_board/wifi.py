"""Keeps a board in its Wi-Fi: connects the station interface, again and again, for ever."""

import asyncio

_TRY = 20  # seconds for one attempt
_BACK_OFF = (1, 2, 5, 10, 30, 60)  # seconds between attempts


class Wifi:
    """`settings`: `ssid` and `password`. `log(text)` is told what happens. Nothing here waits but
    in asyncio. RuntimeError when there is no memory for it."""

    def __init__(self, settings, log):
        from .radio import on

        self._wlan = on()
        self._ssid = settings["ssid"]
        self._password = settings.get("password", "")
        self._log = log
        self._news = asyncio.Event()

    async def up(self):
        """Returns once there is a connection; at once when there is one."""
        while not self._wlan.isconnected():
            self._news.clear()
            await self._news.wait()

    async def keep(self):
        """Connects, and again whenever the connection is lost; never ends."""
        tries = 0
        while True:
            if await self._connect():
                tries = 0
                self._news.set()
                self._log("connected to Wi-Fi %s" % self._ssid)
                while self._wlan.isconnected():
                    await asyncio.sleep(1)
                self._log("Wi-Fi %s is lost" % self._ssid)
            else:
                pause = _BACK_OFF[min(tries, len(_BACK_OFF) - 1)]
                tries += 1
                self._log("fault: no Wi-Fi %s; again in %d s" % (self._ssid, pause))
                await asyncio.sleep(pause)

    async def _connect(self):
        wlan = self._wlan
        try:
            wlan.active(True)
            if wlan.isconnected():
                return True
            wlan.connect(self._ssid, self._password)
            for _ in range(_TRY * 4):
                await asyncio.sleep(0.25)
                if wlan.isconnected():
                    return True
            wlan.disconnect()
        except (OSError, RuntimeError) as error:  # the driver is busy or in a bad state
            self._log("fault: Wi-Fi: %s" % error)
            wlan.active(False)  # from the beginning
        return False
