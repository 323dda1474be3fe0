"""What a relay says of its work: events without payloads, as text or JSON, one a line.

Names of rooms and labels are what people chose, and an address is where they are: a log that is
kept has numbers in their place, which mean something for as long as this relay runs.
"""

import json
import os
import queue
import threading
import time

from mpseq_aio.framing import clean

from .relay_limits import Bucket

_MOST_WAITING = 1000  # lines; a terminal that was stopped with Ctrl-S must not stop the relay
_LAST_WORDS = 1  # seconds


def in_words(event: str, fields: dict) -> str:
    """One line for people: `fields` with `room` and `label` has names, without them numbers."""
    who = fields.get("label") or f"client {fields.get('client')}"
    where = fields.get("room_name") or f"{fields.get('room')}"
    if event == "entered":
        return f"{who} entered room {where} ({fields['members']} there)"
    if event == "left":
        return f"{who} left room {where}: {fields['reason']}"
    if event == "refused":
        address = f" from {fields['address']}" if fields.get("address") else ""
        return f"client {fields['client']}{address} was not let in: {fields['reason']}"
    return fields["text"]


def _to_stdout(text):
    # Not by print: a thread that is stuck in it has a lock that the program's end waits for.
    data = text.encode(errors="replace")
    while data:
        data = data[os.write(1, data) :]


class Log:
    """Takes events, writes lines. A thread writes, so that whoever reads the lines, or does not,
    holds up nothing; `lost` counts those that there was no place for."""

    def __init__(self, form="text", names=False, write=None):
        self.form = form
        self.names = names
        self.lost = 0
        self._write_line = write or _to_stdout
        # Such lines a second: an attack must not fill the disk.
        self._buckets = {"refused": Bucket(5, 50), "entered": Bucket(5, 2000)}
        self._buckets["left"] = Bucket(5, 2000)
        self._unsaid = dict.fromkeys(self._buckets, 0)
        self._queue = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def __call__(self, event: str, fields: dict):
        """Writes an event. `fields`: what relay.py gives, or `text`."""
        bucket = self._buckets.get(event)
        if bucket:
            if not bucket.take(1, time.monotonic()):
                bucket.take(-1, time.monotonic())
                self._unsaid[event] += 1
                return
            if self._unsaid[event]:
                fields = {**fields, "and_before": self._unsaid[event]}
                self._unsaid[event] = 0
        if not self.names:
            fields = {
                key: value
                for key, value in fields.items()
                if key not in ("label", "room_name", "address")
            }
        self._put(self._line(event, fields))

    def say(self, text: str, event="relay", **fields):
        """A line about the relay itself."""
        self(event, {"text": text, **fields})

    def _line(self, event, fields):
        if self.form == "json":
            now = time.time()
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
            stamp += f".{int(now * 1000) % 1000:03}Z"
            return json.dumps({"time": stamp, "event": event, **fields})
        more = f" (and {fields['and_before']} more)" if fields.get("and_before") else ""
        head = "" if event == "listening" else time.strftime("%H:%M:%S ")
        return head + clean(in_words(event, fields)) + more

    def _put(self, line):
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self.lost += 1

    def _write(self):
        while (line := self._queue.get()) is not None:
            try:
                self._write_line(line + "\n")
            except OSError:  # nobody reads any more
                self.lost += 1

    def close(self):
        """Writes what waits; gives up after a second."""
        try:
            self._queue.put(None, timeout=_LAST_WORDS)
        except queue.Full:
            return
        self._thread.join(_LAST_WORDS)
