"""Fuzz targets for Conversation.receive with live keys: `stranger` throws bytes and damaged copies
of genuine frames at a member in any state, `insider` frames whose seal and signature hold.

What must be so, whatever comes: nothing but FrameErrors inside (never an exception out of
receive), a refused frame leaves the state as it was, honest members agree afterwards, and what a
member holds stays bounded.
"""

import makers
import rooms
from freezing import difference, freeze
from makers import CHEAT, MAKERS

from mpseq import errors, events, wire

_NAMED = sorted(MAKERS)
NAMES = {words for _, words in errors.each(errors.REASONS + ";" + errors.PROOFS)}

# What a MESSAGE that holds may move although its body is refused: it was said (PROTOCOL.md 4).
_SAID = tuple("conversation." + name for name in (
    "session", "_named", "_shown", "_open_texts", "_unacked", "_labels", "_absent",
    "_membership._log",  # how long somebody is due, in frames
    "_said_again_at", "_ack_at", "_outbox.frames",  # a SUSPECT of me is answered
))
# These convict their author: the one refusal that has a consequence (7).
_PROOFS = (errors.BadCommitment.name, errors.Contradiction.name)
_MAX_HELD = 64 * 1024  # bytes of buffers in one conversation of four, the longest frames included
_MAX_PARTS = 4000


def check_weight(person):
    size, parts = rooms.weight(person)
    assert size <= _MAX_HELD and parts <= _MAX_PARTS, (size, parts)


def _told(found):
    """A difference as an assertion shows it: places, and values that are short."""
    return [
        (path,) + tuple(one if len(repr(one)) < 80 else "..." for one in values)
        for path, *values in found
    ]


def _offer(person, frame, now):
    """(the reason of the refusal or None, frozen before, frozen after, events)"""
    person.tick(now)
    person.take_frames()
    person.take_events()
    person._openings = 8  # so that each INVITATION is looked at
    before = freeze(person)
    person.receive("x", frame, now)
    seen = person.take_events()
    after = freeze(person)
    refused = [event.reason for event in seen if isinstance(event, events.Refused)]
    assert len(refused) <= 1 and set(refused) <= NAMES, seen
    check_weight(person)
    return (refused[0] if refused else None), before, after, seen


class _Fresh:
    """Copies of the scenes, made anew only where the last input moved something."""

    def __init__(self):
        self.house = {}

    def of(self, name):
        if name not in self.house:
            self.house[name] = rooms.clone(rooms.scene(name).house)
        return self.house[name]

    def moved(self, name):
        del self.house[name]


_fresh = _Fresh()


def stranger(data):
    """scene, person, 0 and the frame; or scene, person, k and changes (makers.changed) to the
    last but k-th genuine frame of that room. Whoever has no key moves nobody, except by a genuine
    frame brought once more or too early; returns whether the frame moved something."""
    if len(data) < 3:
        return False
    scene = rooms.scene(rooms.NAMES[data[0] % len(rooms.NAMES)])
    house = _fresh.of(scene.name)
    nick = house.order[data[1] % len(house.order)]
    genuine = scene.genuine()
    frame = bytes(data[3:])
    if data[2] and genuine:
        frame = makers.changed(genuine[-data[2] % len(genuine)], data[3:])
    reason, before, after, seen = _offer(house[nick], frame, house.now)
    if before == after:
        assert reason or not seen, seen
        return False
    _fresh.moved(scene.name)
    found = difference(before, after)
    assert not reason, (scene.name, nick, reason, _told(found))
    assert frame in genuine, (scene.name, nick, "moved by a stranger", _told(found))
    return True


def view(person):
    """What all honest members must agree on after the same frames."""
    if person.session is None:
        return None
    attempt = person._attempt
    membership = person._membership
    exchange = attempt.exchange if attempt else None
    return (
        person.session.sid, person.transcript, person._last_rekey, person._span_open,
        [(who.nick, who.key) for who in person.members],
        list(membership.invited),
        [who.encode_admission() for who in membership.guests],
        list(membership.gone), membership.due(), list(membership.dropped),
        list(membership.suspicions.stands), list(membership._votes), list(membership._keys_due),
        membership._log, membership._strikes, membership._failures,
        person._failed, person._trial and (person._trial.guilty, person._trial.missing()),
        exchange and (exchange.sid, attempt.started, exchange.shares_left, exchange.opened),
    )


def insider(data):
    """scene, maker, later, and what the maker puts into its frame. `later` 3: after the frame
    the room's own frames come and time passes. Returns whether somebody took the frame."""
    if len(data) < 4:
        return False
    scene = rooms.scene(rooms.NAMES[data[0] % len(rooms.NAMES)])
    house = _fresh.of(scene.name)
    maker = _NAMED[data[1] % len(_NAMED)]
    if CHEAT not in house.people:
        return False
    frame = MAKERS[maker](house, bytes(data[3:]))
    if maker == "confirm" or frame is None:
        _fresh.moved(scene.name)  # that maker changes what its victims expect
    if frame is None or len(frame) > wire.MAX_FRAME:
        return False
    honest = [nick for nick in house.order if nick != CHEAT]
    taken = moved = False
    for nick in honest:
        reason, before, after, _ = _offer(house[nick], frame, house.now)
        if before == after:
            continue
        moved = True
        taken = taken or not reason
        if reason and reason not in _PROOFS:
            found = [
                one for one in difference(before, after)
                if frame[0] != wire.head(wire.MESSAGE) or not one[0].startswith(_SAID)
            ]
            assert not found, (scene.name, nick, maker, reason, _told(found))
    views = [view(house[nick]) for nick in honest if house[nick].session]
    assert not views or views.count(views[0]) == len(views), (scene.name, maker, views)
    if moved:
        if data[2] & 3 == 3:
            _go_on(scene, house, frame)
        _fresh.house.pop(scene.name, None)
    return taken


def _go_on(scene, house, frame):
    """The frames of the room's own come, the insider's one too, and two minutes pass."""
    house.accepting = False
    for sender, held in scene.held:
        house.deliver(sender, held)
    cheat = house[CHEAT]
    cheat.receive(CHEAT, frame, house.now)  # it may not know its own; that is its own affair
    house.settle()
    house.wait(120000)
    for nick in house.order:
        if nick != CHEAT:
            check_weight(house[nick])


TARGETS = {"stranger": stranger, "insider": insider}


def seeds(name):
    if name == "stranger":
        out = [bytes((0, 0, 0)) + bytes((0x10 | kind,)) + bytes(60) for kind in range(1, 10)]
        for at, scene_name in enumerate(rooms.NAMES):
            scene = rooms.scene(scene_name)
            genuine = scene.genuine()
            for who in range(len(scene.house.order)):
                for frame in genuine[-3:]:
                    out.append(bytes((at, who, 0)) + frame)
                out.append(bytes((at, who, 1)) + b"\0\x20\1x")
        return out
    return list(_insider_seeds())


def _insider_seeds():
    later = 0
    for at, scene_name in enumerate(rooms.NAMES):
        scene = rooms.scene(scene_name)
        if CHEAT not in scene.house.people:
            continue
        for maker in _NAMED:
            for inside in _contents(scene, maker):
                if MAKERS[maker](rooms.clone(scene.house), inside) is not None:
                    later += 1
                    yield bytes((at, _NAMED.index(maker), later & 3)) + inside


def _contents(scene, maker):
    import decoders

    house = scene.house
    if maker == "message":
        kinds = {
            wire.TEXT: [b"hello"], wire.DATA: [b"\3a/bx"], wire.ACK: [b""], wire.LEAVE: [b""],
            wire.INVITE: decoders.seeds("invite_body"), wire.ADMIT: decoders.seeds("admit_body"),
            wire.TEXT | wire.AGAIN: [house[CHEAT].session.sid[:8] + b"\0x"],
        }
        nonce = bytes(16)
        head = nonce + bytes(range(32)) + house["ana"].room.psk_check(nonce)
        zoe = decoders.seeds("invitee_body")[0]
        kinds[wire.APPROVE] = kinds[wire.CANCEL] = [zoe]
        kinds[wire.KEYS] = decoders.seeds("keys_body")
        kinds[wire.EXPEL] = [b"\0", b"\1", b"\2"]
        kinds[wire.SUSPECT] = [
            bytes((kind, who, debt)) for kind in range(1, 7) for who, debt in ((0, 1), (1, 0))
        ]
        kinds[wire.PROPOSE] = [head + b"\2", head + b"\0\1\0", head + b"\1\0"]
        for kind in sorted(kinds):
            for body in kinds[kind]:
                for how in (1, 3, 7, 9, 0x31) if kind == wire.TEXT else (1,):
                    yield bytes((how, kind)) + body
        yield b"\0" + makers.rest_of(house[CHEAT].session, 1, b"hello")
    elif maker in ("share", "confirm"):
        for how in (0, 1, 2, 3):
            yield bytes((how,)) + b"\0\x05\3abc"
        yield b"\1" + b"\0\x81\3abc"
        yield b"\2" + makers.rest_of(house[CHEAT].session, wire.ACK, b"")
    elif maker == "abort":
        for reason in range(1, 6):
            for who in (0, 1, 2):
                yield bytes((reason, who, 1))
    elif maker in ("reveal", "witness"):
        yield b"\1"
        yield b"\1\0\x20\1x"
        yield b"\1\0\x40\1\0"
        yield b"\2"
        yield b"\0"
    elif maker == "roster" and house.people.get("zoe") and house["zoe"]._joining:
        keys = house["zoe"]._joining.keys
        people = sorted(
            (house.key(nick), nick) for nick in ("ana", "zoe")
        )
        plain = b"\0" + bytes((len(people),))
        for key, nick in people:
            plain += wire.sized(nick.encode()) + key + keys.y + keys.t
        yield b"\1" + plain
    elif maker == "join" and house.people.get("zoe") and house["zoe"]._joining:
        t = house["zoe"]._joining.keys.t
        yield b"\1\3zoe" + house.key("zoe") + t + bytes(16)
    elif maker == "invitation":
        for contents in decoders.seeds("invitation_contents"):
            yield b"\0" + contents
            yield b"\1" + house.key("ben") + contents
