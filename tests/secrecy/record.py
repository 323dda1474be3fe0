"""A member of a House whose every secret is written down, with a script to live through it again.

    with Recording() as recording:
        house = House(…)
        twin = recording.follow(house, "ben", psk)
        …
        twin.mark("after the message")

What is written down: all that goes through the cryptographic module as a key or comes out of it as
one, by what it is for. It runs on CPython, beside the whole room; the memory that is searched is
another process's.
"""

import gc
from types import ModuleType

import monocypher as pymonocypher

from mpseq import code, primitives
from mpseq.primitives import KEY

_LEAST = 16  # bytes of a secret
_CALLS = ("receive", "tick", "accept", "create", "invite", "send", "rekey", "leave", "expel")


def _name(parts):
    """What a hash is for: its tag."""
    tag = bytes(parts[0]) if parts else b""
    return tag.decode() if tag.isalpha() and len(tag) < 12 else "mac"


class Recording:
    """`secrets`: value to what it is, of the followed member, while it is at work."""

    def __init__(self):
        self.secrets = {}
        self.on = False
        self._before = []

    def note(self, what, value):
        value = bytes(value)
        if self.on and len(value) >= _LEAST and any(value):
            self.secrets.setdefault(value, what)

    def follow(self, house, nick, psk):
        return Twin(self, house, nick, psk)

    # --- the module's functions, with an ear

    def __enter__(self):
        mc = primitives.mc
        self._replace(mc, "x25519", self._x25519)
        self._replace(mc, "x25519_public_key", self._first("x", KEY))
        self._replace(mc, "eddsa_key_pair", self._seed)
        self._replace(mc, "eddsa_sign", self._first("signing key", KEY))
        self._replace(mc, "aead_lock", self._aead)
        self._replace(mc, "aead_unlock", self._aead)
        for module in (primitives, code):
            self._replace(module, "blake2b_framed", self._blake2b_framed)
        return self

    def __exit__(self, *exception):
        while self._before:
            setattr(*self._before.pop())

    def _replace(self, module, name, wrap):
        original = getattr(module, name)
        self._before.append((module, name, original))
        setattr(module, name, lambda *arguments: wrap(original, *arguments))

    def _first(self, what, size):
        def wrapped(original, secret, *rest):
            self.note(what, memoryview(secret)[:size])
            return original(secret, *rest)

        return wrapped

    def _x25519(self, original, secret, public, out):
        self.note("x", secret)
        original(secret, public, out)
        self.note("shared secret", out)
        return out

    def _seed(self, original, seed):
        self.note("seed", seed)
        expanded = pymonocypher.blake2b(bytes(seed))
        self.note("scalar", expanded[:KEY])
        self.note("nonce prefix", expanded[KEY:])
        return original(seed)

    def _aead(self, original, key, nonce, *rest):
        self.note("sealing key", key)
        self.note("subkey", pymonocypher.chacha20_h(bytes(key), bytes(nonce[:16])))
        return original(key, nonce, *rest)

    def _blake2b_framed(self, original, key, out, *parts):
        what = _name(parts)
        self.note("key for " + what, key)
        if what == "key":  # S, from all the edges of the ring
            for edge in parts[4:]:
                self.note("edge", edge)
        result = original(key, out, *parts)
        if not isinstance(out, int):
            self.note(what, out)
        return result


class Twin:
    """The member that is followed: `script`, lines for replay.py; `marks`, what was so at each."""

    def __init__(self, recording, house, nick, psk):
        self.recording = recording
        self.house = house
        self.nick = nick
        self.marks = []
        self.script = []
        recording.on = True
        self.me = house.add(nick, psk=psk)
        recording.on = False
        self._say("be", nick, "%s/%s" % (house.seed, nick), psk.hex())
        self.always = {primitives.H(b"psk", psk)}  # a long-term secret of the application's
        for name in _CALLS:
            setattr(self.me, name, self._heard(name, getattr(self.me, name)))
        take = self.me.take_frames
        self.posted = primitives.H(b"posted")

        def take_frames():
            frames = take()
            for frame in frames:
                self.posted = primitives.H(b"posted", self.posted, frame)
            return frames

        self.me.take_frames = take_frames

    def _say(self, *words):
        self.script.append(" ".join(words) + "\n")

    def _heard(self, name, original):
        def call(*arguments, **options):
            self._write(name, arguments, options)
            self.recording.on = True
            try:
                return original(*arguments, **options)
            finally:
                self.recording.on = False

        return call

    def _write(self, name, arguments, options):
        *rest, now = arguments
        if name == "receive":
            rest = [rest[0], rest[1].hex()]
        elif name == "accept":
            rest = []
        elif name == "send":
            rest = [rest[0].encode().hex()]
        elif name == "invite":
            rest = ["%s=%s" % (nick, key.hex()) for nick, key in rest[0]]
        elif name == "create":
            rest.append(str(options.get("suite", 1)))
        self._say(name, str(now), *rest)

    def let_go(self):
        """The member is a Conversation like any other again; nothing leads from it to here."""
        for name in _CALLS + ("take_frames",):
            delattr(self.me, name)

    def mark(self, name):
        """Here the memory of the one who lives through the script is looked at."""
        self._say("mark")
        known = self.recording.secrets
        known = {value: known[value] for value in known if value not in self.always}
        posted = self.posted
        for frame in self.me._outbox.frames:  # the carrier has not come for them yet
            posted = primitives.H(b"posted", posted, frame)
        self.marks.append(Mark(name, held(self.me), known, posted.hex()))


class Mark:
    """`held`: what the member may still have, by name; `known`: each secret so far, with its name;
    `posted`: the hash over all its frames."""

    def __init__(self, name, held, known, posted):
        self.name = name
        self.held = held
        self.known = known
        self.posted = posted

    @property
    def past(self):
        """The secrets that it must not have any more."""
        still = set(self.held.values())
        return {value: what for value, what in self.known.items() if value not in still}


def held(me):
    """The secrets a member has to have: those in the attributes that this function names."""
    out = {"a": me.identity.secret}
    session = me.session
    if session:
        out["header"] = session._header_key
        out["s"] = session._statement[:KEY]
        for index in range(len(session.members)):
            out["chain %d" % index] = session._chain(index)
        out.update(_pairs("own", session.keys))
    for one in me._invites:
        out["e for " + one.nick] = one.x
        out["k for " + one.nick] = one.k
        if one.guest:
            out["ticket of " + one.nick] = one.guest.ticket
    for guest in me._membership.guests if me._membership else ():
        out["ticket of guest " + guest.nick] = guest.ticket
    if me._joining:
        out.update(_pairs("joining", me._joining.keys))
        for invitation, ticket in me._joining.asked:
            out["k of invitation"] = invitation._k
            out["ticket"] = ticket
    for attempt in [me._attempt] + me._candidates:
        if attempt:
            out.update(_exchange(attempt.exchange))
    if me._dead:  # x went into the REVEAL, s died with the exchange (7)
        out["E of the dead exchange"] = me._dead.exchange.secret
    if me._trial:
        for index, x in enumerate(me._trial._x):
            out["revealed x %d" % index] = x or b""
            out["edge %d of the trial" % index] = me._trial._slot(index)
    return {name: bytes(value) for name, value in out.items() if any(value)}


def _pairs(whose, keys):
    return {whose + " x": keys.x, whose + " t": keys.t_secret[:KEY]} if keys else {}


def _exchange(exchange):
    out = {"E": exchange.secret}
    out.update(_pairs("exchange", exchange.keys))
    out.update(_pairs("next", exchange.next_keys))
    if exchange.statement:
        out["next s"] = exchange.statement[0][:KEY]
    for index in range(len(exchange.people)):
        out["K %d" % index] = exchange._slot(exchange._pair, index)
        if exchange.chains:
            out["next chain %d" % index] = exchange._slot(exchange.chains, index)
    for name in ("header_key", "sas_key", "_confirm_key"):
        if getattr(exchange, name):
            out["next " + name] = getattr(exchange, name)
    return out


def contents(root):
    """(path, bytes) of every object reachable from `root` that has content: strings, buffers and
    numbers."""
    seen = {id(root)}
    queue = [("", root)]
    while queue:
        path, one = queue.pop()
        path = (path + "/" + type(one).__name__)[-200:]
        if isinstance(one, str):
            yield path, one.encode("utf-8", "surrogatepass")
        elif isinstance(one, int):
            size = one.bit_length() // 8 + 1
            yield path, one.to_bytes(size, "big", signed=True)
            yield path, one.to_bytes(size, "little", signed=True)
        elif isinstance(one, (bytes, bytearray, memoryview)):
            yield path, bytes(one)
        for other in gc.get_referents(one):
            if id(other) not in seen and not isinstance(other, (type, ModuleType)):
                seen.add(id(other))
                queue.append((path, other))


def keepers(root, value):
    """Paths to the objects reachable from `root` in which a value (bytes) stands."""
    return [path for path, content in contents(root) if value in content]
