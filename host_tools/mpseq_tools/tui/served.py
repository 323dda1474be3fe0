"""The process behind a browser's window: the screen, told what to do by its environment."""

import asyncio
import contextlib
import dataclasses
import json
import os

from textual import messages
from textual.drivers.web_driver import WebDriver

from .. import rooms
from .talk import Options

OPTIONS = "MPSEQ_CHAT_OPTIONS"


class Driver(WebDriver):
    """Ends with the server, even one that was killed; paints anew for another window."""

    def run_input_thread(self):
        super().run_input_thread()
        # No more input: the server is gone, or this is the end anyway.
        with contextlib.suppress(RuntimeError):
            self._app.post_message(messages.ExitApp())

    def on_meta(self, packet_type, payload):
        if packet_type == "repaint":
            self._app.call_later(self._app.screen.refresh)
        else:
            super().on_meta(packet_type, payload)


def dump(options, places) -> str:
    """What the process is to do, as JSON; with secrets."""
    said = dataclasses.asdict(options)
    said["psk"] = options.psk.hex()
    return json.dumps({"options": said, "places": [vars(there) for there in places]})


def load(text: str):
    """`(options, places)` again."""
    said = json.loads(text)
    said["options"]["psk"] = bytes.fromhex(said["options"]["psk"])
    places = []
    for told in said["places"]:
        there = rooms.Rooms(told["kind"], told["host"])
        vars(there).update(told)
        places.append(there)
    return Options(**said["options"]), places


if __name__ == "__main__":
    from ..chat import run_served

    asyncio.run(run_served(*load(os.environ.pop(OPTIONS))))
