"""What the tests of long texts share: rooms whose carrier knows a PART when it sees one, and PARTs
as an insider makes them.
"""

from mpseq import events, wire
from mpseq.parts import CHUNK
from mpseq.primitives import H

THREE = ("ana", "ben", "eva")
FRONT = 9  # salt and kind


def long_text(size, letter="x"):
    return "".join([letter, "." * (size - 2), letter])


def kind_of(house, frame):
    """The kind of a MESSAGE that nobody has received yet, from its author's memory."""
    for nick in house.order:
        session = house[nick].session
        for posted, message in session._posted if session else ():
            if posted == frame:
                return message.kind
    return None


class Watcher:
    """A carrier's hook that knows the PARTs; `change(number, frame)` gives what is brought instead
    of the PART of this number, counted from 0."""

    def __init__(self, house, change=lambda number, frame: (frame,)):
        self.house = house
        self.change = change
        self.parts = []

    def __call__(self, sender, frame):
        if frame[0] & 15 == wire.MESSAGE and kind_of(self.house, frame) == wire.PART:
            self.parts.append(frame)
            return self.change(len(self.parts) - 1, frame)
        return (frame,)


def parts_of(body, kind=wire.TEXT, salt=b"saltsalt", digest=None, total=None):
    """The bodies of all PARTs of a body, as an insider can make them."""
    content = salt + bytes((kind,)) + body
    digest = digest or H(b"long", content)[:16]
    front = digest + wire.varint(len(content) if total is None else total)
    return [
        front + wire.varint(at) + content[at : at + CHUNK] for at in range(0, len(content), CHUNK)
    ]


def post(house, nick, body, kind=wire.PART):
    """A message that this member posts by a program of its own."""
    house.deliver(nick, house[nick].session.seal(kind, body))
    house.settle()


def undelivered(house, nick):
    return [(event.nick, event.size) for event in house.of(nick, events.Undelivered)]


def nothing_is_kept(house):
    for nick in house.order:
        parts = house[nick]._parts
        assert parts.size == 0 and parts._open == [], nick
        assert house[nick]._outbox.texts == [], nick
