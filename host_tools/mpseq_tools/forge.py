"""`mpseq forge`: a complete transcript of a conversation that never was, from public keys alone.

It runs the protocol core for everybody. What the core needs of a long-term secret a is DH(a, y)
with somebody's one-time key, and whoever has made that y up knows its x: DH(a, y) = DH(x, A). No
more is needed: the frames are those of the real protocol, and what a participant could hand over
of them is what `transcript.Recorder` hands over here, as of a real conversation.

The script, one line each; those whom no line invites are there from the beginning:

    ana: a text                     ana /invite ben eva
    ben /rekey                      eva /leave
    ben /cheat                      /wait 30
    # a comment

`/cheat`: in the next exchange ben's contribution is wrong, which the others prove and remove him
for. `/wait` counts in seconds.
"""

import hashlib
import os

from mpseq import Conversation, events, primitives, wire
from mpseq.errors import LocalError, MpseqError
from mpseq.primitives import H, check_x25519_key, seal_once, sign, unseal_once

from .transcript import Draws, Recorder

_PATIENCE = 300000  # ms for an invitation, a re-key or a leave to be done
_VERBS = {"say": True, "/invite": True, "/rekey": False, "/leave": False, "/cheat": False}
_LAST_WORDS = 60000  # ms after the script, in which the last texts are acknowledged


class ScriptFault(Exception):
    """A line of the script that cannot be played; says which."""


class PublicIdentity:
    """A participant of whom nothing but the public key is known. `secret` is only a handle: what
    it stands for exists nowhere in this process."""

    def __init__(self, public):
        self.public = bytes(check_x25519_key(bytes(public)))
        self.secret = _Handle(self.public)


class _Handle:
    def __init__(self, public):
        self.public = public


class PublicKeysOnly:
    """`with PublicKeysOnly(sources):` the core computes with handles, because the x behind every
    one-time key is in one of the `sources` (Draws). A key of two long-term secrets is beyond this:
    INVITATION, the one frame that needs it, gets a made-up one, and is in no transcript.

    It stands in for the binding in `mpseq.primitives`; so one at a time, and no threads.
    """

    def __init__(self, sources):
        self._sources = sources
        self._binding = primitives.mc

    def __enter__(self):
        primitives.mc = self
        return self

    def __exit__(self, *_):
        primitives.mc = self._binding

    def __getattr__(self, name):
        return getattr(self._binding, name)

    def x25519(self, secret, public, out=None):
        if not isinstance(secret, _Handle):
            return self._binding.x25519(secret, public, out)
        for source in self._sources:
            if x := source.exchange_secret(bytes(public)):
                return self._binding.x25519(x, secret.public, out)
        ends = b"".join(sorted((secret.public, bytes(public))))
        out[:] = hashlib.blake2b(ends, digest_size=32).digest()
        return out


class Stage:
    """A room with a carrier and a clock for people who exist only here: {nick: identity}."""

    def __init__(self, cast, witness, random=os.urandom, psk=b"", suite=1):
        self.now = 0
        self.suite = suite
        self.people = {}
        self.keys = {nick: identity.public for nick, identity in cast.items()}
        self.sources = []
        self._cheats = []
        for nick, identity in cast.items():
            draws = Draws(random)
            self.sources.append(draws)
            self.people[nick] = Conversation(identity, nick, draws, psk)
            if nick == witness:
                self.recorder = Recorder(self.people[nick], draws)

    def play(self, script):
        """Plays a script (str); ScriptFault when a line cannot be played."""
        lines = list(_lines(script, self.people))
        named = {nick for _, _, verb, who in lines if verb == "/invite" for nick in who.split()}
        founder, *others = self.people
        self.people[founder].create("room", self.now, suite=self.suite)
        if here := [nick for nick in others if nick not in named]:
            self._invite(founder, here)
        for number, nick, verb, rest in lines:
            try:
                self._do(nick, verb, rest)
            except LocalError as error:
                raise ScriptFault(f"line {number}: {error}") from None
        self.wait(_LAST_WORDS)

    def _do(self, nick, verb, rest):
        if verb == "/wait":
            self.wait(int(rest) * 1000)
            return
        person = self.people[nick]
        if verb == "say":
            person.send(rest, self.now)
            self.settle()
            self.wait(1000)
        elif verb == "/invite":
            self._invite(nick, rest.split())
        elif verb == "/cheat":
            self._cheats.append(nick)
        elif verb == "/rekey":
            sid = person.session and person.session.sid
            person.rekey(self.now)
            self._until(lambda: person.session.sid != sid)
        else:
            others = [one for one in person.members if one.key != self.keys[nick]]
            person.leave(self.now)
            self._until(lambda: not person.members)
            key = self.keys[nick]
            self._until(lambda: not any(self._has(one.nick, key) for one in others))

    def _invite(self, inviter, nicks):
        self.people[inviter].invite([(nick, self.keys[nick]) for nick in nicks], self.now)
        here = [one.nick for one in self.people[inviter].members] + nicks
        keys = [self.keys[nick] for nick in nicks]
        self._until(lambda: all(self._has(nick, key) for nick in here for key in keys))

    def _has(self, nick, key):
        return any(one.key == key for one in self.people[nick].members)

    def _until(self, done):
        end = self.now + _PATIENCE
        self.settle()
        while not done():
            if self.now >= end:
                raise LocalError("it does not come about")
            self.wait(1000)

    def wait(self, ms):
        """Lets time pass."""
        end = self.now + ms
        self.settle()
        while True:
            wakes = [(one.next_tick(), nick) for nick, one in self.people.items()]
            wakes = [wake for wake in wakes if wake[0] is not None and wake[0] <= end]
            self.now = max(self.now, min(wakes)[0]) if wakes else end
            for at, nick in wakes:
                if at <= self.now:
                    self.people[nick].tick(self.now)
            self.settle()
            if not wakes:
                return

    def settle(self):
        """Delivers what is posted, in one order to all."""
        posted = True
        while posted:
            posted = False
            for nick, person in self.people.items():
                for frame in person.take_frames():
                    posted = True
                    if nick in self._cheats and frame[0] & 15 == wire.SHARE:
                        self._cheats.remove(nick)
                        frame = _spoilt(person, frame)
                    for one in self.people.values():
                        one.receive("", frame, self.now)
                        self._accept(one)

    def _accept(self, person):
        for event in person.take_events():
            if isinstance(event, events.Invited):
                person.accept(event.invitation, self.now)


def _spoilt(person, frame):
    """The SHARE of somebody who sends a wrong z, and signs it."""
    exchange = person._attempt.exchange
    who = frame[5:6]
    tag = (exchange.sid, who)
    plain = unseal_once(exchange.suite, exchange.secret, b"share", tag, frame[:6], frame[6:])
    plain[0] ^= 1
    digest = H(b"share", exchange.sid, who, plain[:32], plain[32:64])
    plain[64:128] = sign(exchange.keys.t_secret, digest)
    suite = exchange.suite
    sealed = seal_once(suite, exchange.secret, b"share", tag, frame[:6], plain)
    spoilt = frame[:6] + bytes(sealed)
    exchange.my_share = spoilt
    return spoilt


def _lines(script, people):
    """(number, nick or None, verb, rest) of every line that says something."""
    for number, line in enumerate(script.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        first, _, rest = line.partition(" ")
        if first == "/wait" and rest.strip().isdigit():
            yield number, None, first, rest.strip()
            continue
        nick, verb, rest = _spoken(line)
        unknown = [one for one in [nick, *rest.split() * (verb == "/invite")] if one not in people]
        if unknown:
            raise ScriptFault(f"line {number}: {unknown[0]!r} is none of {', '.join(people)}")
        if _VERBS.get(verb) != bool(rest):
            raise ScriptFault(f"line {number}: not understood: {line}")
        yield number, nick, verb, rest


def _spoken(line):
    nick, colon, text = line.partition(":")
    if colon and " /" not in nick:
        return nick.strip(), "say", text.strip()
    nick, _, rest = line.partition(" ")
    verb, _, rest = rest.strip().partition(" ")
    return nick, verb, rest.strip()


def forge(people, script, witness=None, random=os.urandom, psk=b"", suite=1):
    """The transcript, as a dict ready for JSON, of what `script` says among `people` ({nick:
    public key of 32 bytes}, the first founds the room) in the eyes of `witness` (a nick)."""
    cast = {nick: PublicIdentity(key) for nick, key in people.items()}
    stage = Stage(cast, witness or next(iter(cast)), random, psk, suite)
    with PublicKeysOnly(stage.sources):
        stage.play(script)
        return stage.recorder.transcript()


def parse_people(words):
    """{nick: key} of words like NICK=KEY, the key in 64 hex digits; ValueError says why not."""
    people = {}
    for word in words:
        nick, _, text = word.rpartition("=")
        try:
            key = bytes.fromhex(text)
            check_x25519_key(key)
        except (ValueError, MpseqError):
            why = "a key has 64 hex digits, as `mpseq chat` shows it; a fingerprint is its hash"
            raise ValueError(f"{word!r} is not NICK=KEY: {why}") from None
        if nick in people or key in people.values():
            raise ValueError(f"{word!r}: a nick and a key stand for one person each")
        people[nick] = key
    return people
