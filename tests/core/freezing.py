"""The whole state of a conversation as one comparable value: "refused, and nothing changed".

freeze() walks every attribute, whatever modules it belongs to, so that state added later is
compared without a word here. On CPython and MicroPython.
"""

# What a refused frame may change: the count of refusals and the events that tell of it; what was
# posted and waits for its echo; how many invitations may still be opened and which wait for that;
# which JOINs of an invitee and which ROSTERs cost something already; when to look again.
_EXCEPT = (
    "refused", "_events", "_unechoed", "_openings", "_opened_at", "_unopened", "_seen", "_known",
    "_wake",
)

_PLAIN = (int, str, bytes, bool, type(None))


def freeze(thing, path="conversation", out=None):
    """A list of (path, value): what is compared, and says where the difference is."""
    if out is None:
        out = []
    if isinstance(thing, _PLAIN):
        out.append((path, thing))
    elif isinstance(thing, (bytearray, memoryview)):
        out.append((path, bytes(thing)))
    elif isinstance(thing, (list, tuple)):
        out.append((path, len(thing)))
        for at in range(len(thing)):
            freeze(thing[at], "%s[%d]" % (path, at), out)
    elif isinstance(thing, dict):
        for key in sorted(thing):
            freeze(thing[key], "%s[%r]" % (path, key), out)
    elif hasattr(thing, "__dict__"):
        out.append((path, type(thing).__name__))
        for name in sorted(thing.__dict__):
            if name not in _EXCEPT:
                freeze(thing.__dict__[name], path + "." + name, out)
    else:
        raise TypeError("%s: %r cannot be compared" % (path, thing))
    return out


def difference(before, after):
    """Where two frozen states differ: a list of (path, before, after)."""
    one = dict(before)
    two = dict(after)
    return [
        (path, one.get(path, "(none)"), two.get(path, "(none)"))
        for path in sorted(set(one) | set(two))
        if one.get(path, "(none)") != two.get(path, "(none)")
    ]


def assert_unmoved(before, conversation):
    found = difference(before, freeze(conversation))
    assert not found, found
