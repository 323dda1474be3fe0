"""The events that wait until the application takes them, and the events of this layer.

Bounded: anyone in the room can cause events without end, and must not push out with them what
only members can say. Knows nothing of carriers or of the core's state.
"""

import asyncio
from collections import namedtuple

from mpseq import events

# Events of this layer, beside those of mpseq.events. Labels are the carrier's word, no more.
# In the room: my label there and all labels, mine first.
Connected = namedtuple("Connected", ("label", "labels"))
# The way to the room is gone; it is tried again until close().
Disconnected = namedtuple("Disconnected", ("reason",))
# Somebody came into the room or left it, which says nothing about the conversation.
Entered = namedtuple("Entered", ("label",))
Gone = namedtuple("Gone", ("label",))
# So many events were thrown away because nobody took them.
Dropped = namedtuple("Dropped", ("count",))
# The core, the carrier or a callback of the application failed: a bug to report. The conversation
# goes on.
Fault = namedtuple("Fault", ("error",))
# join() wanted to accept this invitation, but it cannot be accepted.
Unacceptable = namedtuple("Unacceptable", ("invitation", "reason"))

MAX_EVENTS = 128
MAX_REFUSED = 8
# What goes first when there are too many: what strangers and the room cause, oldest first; then
# what is superseded or can be asked for again; then the rest.
_NOISE = (events.Refused, Entered, Gone)
_NEWS = (Connected, Disconnected, Fault, Unacceptable, events.Invited, events.Confirmed)


class Inbox:
    """At most 128 events, of these at most 8 Refused: what a flood of junk holds beyond them is
    counted in `Conversation.refused` only. `lost` counts the others that were thrown away."""

    def __init__(self):
        self.waiting = []
        self.lost = 0
        self.closed = False
        self._refused = 0
        self._news = asyncio.Event()

    def put(self, event):
        """Keeps an event until it is taken, or until more important ones need its place."""
        if isinstance(event, events.Refused):
            if self._refused >= MAX_REFUSED:
                return
            self._refused += 1
        self.waiting.append(event)
        if len(self.waiting) > MAX_EVENTS:
            self._remove(self._least())
            self.lost += 1
        self._news.set()

    def close(self):
        """What waits can still be taken; after that there is only None."""
        self.closed = True
        self._news.set()

    async def take(self):
        """The next event; None once closed and all were taken. Dropped comes before the rest."""
        while not self.waiting:
            if self.closed:
                return None
            self._news.clear()
            await self._news.wait()
        if self.lost:
            lost, self.lost = self.lost, 0
            return Dropped(lost)
        return self._remove(0)

    def _least(self):
        for kinds in (_NOISE, _NEWS):
            for at, event in enumerate(self.waiting):
                if isinstance(event, kinds):
                    return at
        return 0

    def _remove(self, at):
        event = self.waiting.pop(at)
        if isinstance(event, events.Refused):
            self._refused -= 1
        return event
