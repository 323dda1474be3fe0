"""Rooms with live keys, stopped at a moment: where a fuzzed frame finds members in every state.

A scene is made once; each run that moved it gets a fresh copy, keys and half-read frames included.
"""

import copy
import ctypes

from cheats import Cheat, wrong_check, wrong_z
from house import House

from mpseq import wire


def _copy_view(view, memo):
    """A memoryview for copy.deepcopy: a view of the copy of what it looks at."""
    under = copy.deepcopy(view.obj, memo)
    if view.readonly:
        return memoryview(bytes(view))
    at = 0
    if len(view):
        first = ctypes.addressof(ctypes.c_char.from_buffer(view.obj))
        at = ctypes.addressof(ctypes.c_char.from_buffer(view)) - first
    return memoryview(under)[at : at + len(view)]


copy._deepcopy_dispatch[memoryview] = _copy_view


def clone(house):
    return copy.deepcopy(house)


class Scene:
    """`house`: the room as it stands; `held`: [(sender, frame)] posted and not yet delivered."""

    def __init__(self, name, house, held):
        self.name = name
        self.house = house
        self.held = held

    def keys(self):
        return [(nick, self.house.key(nick)) for nick in self.house.order]

    def genuine(self):
        """Every frame that a member of this room made up to now."""
        return [frame for frame in self.house.frames] + [frame for _, frame in self.held]


def _keep_keys(house):
    """What a cheat that does not wipe its exchange keys still has."""
    cheat = house.people.get("eva")
    attempt = cheat and cheat._attempt
    if attempt and attempt.exchange.keys:
        keys = attempt.exchange.keys
        house.cheats_keys[attempt.exchange.sid] = (bytes(keys.x), bytes(keys.t_secret))


def _held(house, kind, begin):
    """Runs `begin` and keeps back every frame from the first of this kind on."""
    held = []
    inner = house.hook

    def hook(sender, frame):
        _keep_keys(house)
        if inner:
            (frame,) = inner(sender, frame)
        if held or frame[0] & 15 == kind:
            held.append((sender, frame))
            return ()
        return (frame,)

    house.hook = hook
    begin()
    house.settle()
    house.hook = None
    return held


def _three(seed, *others):
    house = House("ana", "ben", "eva", *others, seed=seed).together("ana", "ben", "eva")
    house.say("ana", "good morning")
    return house


def _rekey(house):
    return lambda: house["ben"].rekey(house.now)


def _invite(house):
    return lambda: house.invite("ana", "zoe")


def _spoil(house):
    house.hook = Cheat(house).spoil("eva", wire.SHARE, wrong_z)
    return _rekey(house)


def _spoil_check(house):
    house.hook = Cheat(house).spoil("eva", wire.CONFIRM, wrong_check)
    return _rekey(house)


def _leave(house):
    return lambda: house["ben"].leave(house.now)


_STORIES = {
    "outside": (("zoe",), None, None),
    "alone": (None, None, None),
    "in": ((), None, None),
    "with texts on their way": ((), wire.MESSAGE, lambda house: lambda: [
        house["ana"].send("one", house.now), house["eva"].send("two", house.now),
    ]),
    "invited": (("zoe",), wire.JOIN, _invite),
    "joiner before the roster": (("zoe",), wire.ROSTER, _invite),
    "joiner in its exchange": (("zoe",), wire.SHARE, _invite),
    "joiner before the switch": (("zoe",), wire.CONFIRM, _invite),
    "re-key before the shares": ((), wire.SHARE, _rekey),
    "re-key before the switch": ((), wire.CONFIRM, _rekey),
    "failed, before the abort": ((), wire.ABORT, _spoil),
    "failed, before the witnesses": ((), wire.WITNESS, _spoil_check),
    "failed, before the reveals": ((), wire.REVEAL, _spoil),
    "one leaves": ((), wire.SHARE, _leave),
}

NAMES = tuple(_STORIES)
_made = {}


def scene(name):
    """The Scene of this name; made once. Do not change it: clone() its house."""
    if name not in _made:
        others, kind, begin = _STORIES[name]
        if others is None:
            house = House("ana", "ben", seed=name).together("ana")
        else:
            house = _three(name, *others)
        house.cheats_keys = {}
        held = _held(house, kind, begin(house)) if begin else []
        if begin and kind not in [frame[0] & 15 for _, frame in held]:
            raise AssertionError("the story of %r has no such frame" % name)
        house.drain()
        _made[name] = Scene(name, house, held)
    return _made[name]


# --- what a member holds


def weight(thing, seen=None):
    """(bytes in buffers, elements of containers) that a conversation holds."""
    seen = set() if seen is None else seen
    if isinstance(thing, (bytes, bytearray, str)):
        return len(thing), 1
    if isinstance(thing, (int, bool, type(None))):
        return 0, 1
    if id(thing) in seen:
        return 0, 0
    seen.add(id(thing))
    if isinstance(thing, memoryview):
        return weight(thing.obj, seen)
    if isinstance(thing, dict):
        parts = list(thing) + list(thing.values())
    elif isinstance(thing, (list, tuple, set)):
        parts = list(thing)
    elif hasattr(thing, "__dict__"):
        parts = list(thing.__dict__.values())
    else:
        return 0, 1
    size, count = 0, 1
    for part in parts:
        more = weight(part, seen)
        size += more[0]
        count += more[1]
    return size, count
