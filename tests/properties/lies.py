"""Rooms in which something is wrong, for the tests of the model itself: each must be noticed."""

from world import Violated, World

from mpseq import events


def _room():
    world = World()
    for line in ("room ana ben eva", "say ana", "deliver 0", "say ben", "deliver 0"):
        world.do(line)
    return world


def _tell(world, nick, event):
    """An event that its Conversation would have had no reason for."""
    world.people[nick].talk._events.append(event)
    world._collect()


def _key(world, nick):
    return world.people[nick].talk.identity.public


def _text(world, nick, text, number=99):
    return events.Text(nick, _key(world, nick), number, text, False)


def _said(world):
    _tell(world, "eva", _text(world, "ana", "forged"))


def _twice(world):
    _tell(world, "eva", _text(world, "ana", "ana-0"))


def _audience(world):
    world.said["ana-0"] = ("ana", [])
    _tell(world, "eva", _text(world, "ana", "ana-0"))


def _order(world):
    shown = world.people["eva"].shown
    shown[0], shown[1] = shown[1], shown[0]
    world.end()


def _transcript(world):
    world.people["eva"].session.h = bytes(32)
    world._collect()


def _roster(world):
    person = world.people["eva"]
    start = [one for one in person.events if isinstance(one, events.SessionStarted)][-1]
    _tell(world, "eva", start._replace(code=None))


def _confirmed(world):
    world.people["eva"].shown.clear()
    _tell(world, "ana", events.Confirmed(99))


def _convicted(world):
    _tell(world, "eva", events.Convicted("ana", _key(world, "ana"), "no reason"))


def _lost(world):
    world.people["eva"].numbers = {}
    world.said["ana-lost"] = ("ana", [_key(world, "eva")])
    world.end()


def _stuck(world):
    world.people["eva"].talk.next_tick = lambda: None
    world.people["eva"].talk.receive = lambda label, frame, now: None
    world.end()


def _large(world):
    world.people["eva"].talk._hoard = list(range(100000))
    world.do("deliver 0")


def tell(lie):
    globals()["_" + lie](_room())


__all__ = ["Violated", "tell"]
