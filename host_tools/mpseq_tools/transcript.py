"""What a participant can hand over of a conversation after the fact: a file, and how to write it.

One JSON object; all byte strings are hex. Nothing in it is there for its own word: what follows
from the rest is computed again by `audit`.

`format`     "mpseq-transcript-1"
`witness`    long-term public key of the participant whose view this is
`room`       `conversation_id`, `creator`, `suite`, `policy`, `psk_hash`: what every session id and
             key covers. The room's name stands in no frame but INVITATION, so it is not here
`frames`     every frame that said something to the witness, in the order of the carrier: JOIN
             (made by the witness, or to it), ROSTER, SHARE, CONFIRM, ABORT, WITNESS, REVEAL,
             MESSAGE
`joins`      for each JOIN `inviter`, `invitee`, `id` of the invitation, `e`, `k`, what the witness
             knows (`e_secret` as inviter, `x` as invitee, `static`), the `key` that opens it, and
             what is in it: `y`, `nick`, `t`, `ticket`
`exchanges`  each one, failed ones too, and each session of one

An exchange: `sid`, whether it is `complete`, its `failure`, how many `failed_before`, N (`nonce`),
E (`exchange_secret`), `people` as [nick, A, y, t] by index; the witness's one-time secrets `x`,
`t_secret`, `s_secret` (seeds); by participant `static` = DH(a, y_j) of the witness's long-term
secret, `pair` = K with the witness; d_k (`edges`), S (`group`) and what is derived from it
(`confirm_key`, `header_key`, `sas_key`, `chains` from their start: they open every MESSAGE);
`statements` s, `next` [y, t], the `code`, `revealed` x of a failed one, and the session's
`transcript`: [messages, hash].

The witness's long-term secret is not in it. It would add nothing: `static` is all that it does
in here, and `audit` takes it too. INVITATION frames are not in it either: they are sealed under a
key of two long-term ones, so that one of their two sides has made them (README, Deniability).
"""

import json
import os

from mpseq import wire
from mpseq.errors import FrameError, LocalError
from mpseq.invitation import open_invitation
from mpseq.primitives import H, check_suite, dh, equal, kdf, mac, mc, unseal
from mpseq.roster import Room

from . import private
from .follow import Follower
from .ring import Refused, x25519

FORMAT = "mpseq-transcript-1"
_JOIN = {"inviter": 32, "invitee": 32, "id": 8, "e": 32, "k": 16, "static": 32}
_ROOM = ("conversation_id", "creator", "suite", "policy", "psk_hash")


class Draws:
    """A source of randomness that remembers what it gave: whose keys these are is found by their
    public halves, so that nothing inside the protocol core has to be watched."""

    def __init__(self, random=os.urandom):
        self._random = random
        self.given = []
        self._exchange = {}
        self._signing = {}
        self._indexed = 0

    def __call__(self, size):
        out = bytes(self._random(size))
        self.given.append(out)
        return out

    def _index(self):
        for secret in self.given[self._indexed :]:
            if len(secret) == 32:
                self._exchange[bytes(mc.x25519_public_key(secret))] = secret
                self._signing[mc.eddsa_key_pair(secret)[1]] = secret
        self._indexed = len(self.given)

    def exchange_secret(self, public):
        """The x of this y (bytes of 32), or None."""
        if public not in self._exchange:
            self._index()
        return self._exchange.get(bytes(public))

    def signing_seed(self, public):
        """The seed of this t or s, or None."""
        if public not in self._signing:
            self._index()
        return self._signing.get(bytes(public))


class Recorder:
    """Watches the frames of a Conversation whose `random` is `draws`, until it is out of its first
    room. From now on nothing in it is forgotten: whoever gets the transcript reads everything."""

    def __init__(self, conversation, draws):
        self._conversation = conversation
        self._draws = draws
        self._receive = conversation.receive
        conversation.receive = self._watch
        self._invite = conversation.invite
        conversation.invite = self._note_invitees
        self._invitees = []  # keys
        self._frames = []  # (frame, whether a message that counted)
        self._room = None
        self._first = None
        self._over = False

    def _note_invitees(self, invitees, *arguments, **options):
        invitees = list(invitees)
        self._invite(invitees, *arguments, **options)
        self._invitees += [key for _, key in invitees if key not in self._invitees]

    def _watch(self, label, frame, now):
        self._look()
        before = self._conversation.transcript
        self._receive(label, frame, now)
        if self._over:
            return
        frame = bytes(frame)
        try:
            message = wire.frame_type(frame) == wire.MESSAGE
        except FrameError:
            return
        if not message or self._conversation.transcript != before:
            self._frames.append((frame, message))
        self._look()

    def _look(self):
        """Notes what only now can be seen from outside."""
        conversation = self._conversation
        self._over = self._over or bool(self._room) and conversation.room is not self._room
        if conversation.session and not self._room:
            self._room = conversation.room
            self._first = (conversation.session.sid, conversation.members)

    def transcript(self):
        """The transcript so far, as a dict ready for JSON; None when nothing was said."""
        self._look()
        if self._room is None:
            return None
        secrets = _Remembered(
            self._conversation.identity, self._draws, self._room, self._first,
            [frame for frame, _ in self._frames], self._invitees,
        )
        follower = Follower(self._room, self._conversation.identity.public, secrets)
        frames = []
        for frame, counted in self._frames:
            try:
                if follower.take(frame):
                    frames.append(frame)
            except Refused:
                if counted:
                    raise  # it was good enough for the conversation
        return written(self._room, follower, frames) if follower.rings else None


class _Remembered:
    """What a participant knows that has kept everything: see `follow.Follower`."""

    def __init__(self, identity, draws, room, first, frames, invitees):
        self._identity = identity
        self._draws = draws
        self._room = room
        self._first = first
        self._frames = frames
        self.exchange_secret = draws.exchange_secret
        self.signing_seed = draws.signing_seed
        self._invitees = invitees
        self._invitations = None

    def static(self, public):
        out = bytearray(32)
        dh(self._identity.secret, public, out)
        return bytes(out)

    def founding(self):
        """Which of the first draws make up the session id."""
        sid, members = self._first
        if len(members) != 1 or not self.group(sid):
            return None
        early = self._draws.given[:64]
        nonces = [draw for draw in early if len(draw) == 16]
        secrets = [draw for draw in early if len(draw) == 32]
        ys = [bytes(mc.x25519_public_key(draw)) for draw in secrets]
        ts = [mc.eddsa_key_pair(draw)[1] for draw in secrets]
        nick = members[0].nick
        for nonce in nonces:
            for y in ys:
                for t in ts:
                    who = _Listed(nick, members[0].key, y, t)
                    if self._room.sid(nonce, [who]) == sid:
                        return nonce, nick, y, t
        return None

    def group(self, sid):
        """S and the seed of s: a draw whose header key fits a message, and one whose key signs in
        it. A session of one without a message tells nothing."""
        given = [draw for draw in self._draws.given if len(draw) == 32]
        messages = [frame for frame in self._frames if frame[0] & 15 == wire.MESSAGE]
        for group in given:
            header = kdf(32, group, b"header")
            for frame in messages:
                if equal(mac(4, header, frame[:1], frame[5:]), frame[1:5]):
                    if found := self._signed(sid, group, frame, given):
                        return found
                    break  # of another session of one
        return None

    def _signed(self, sid, group, frame, given):
        reader = wire.Reader(frame, 6)
        counter = reader.varint()
        chain = kdf(32, group, b"chain", bytes(1))
        for _ in range(counter):
            chain = kdf(32, chain, b"chain")
        key = kdf(32, chain, b"message")
        ad = frame[:1] + frame[5 : reader.at]
        plain = unseal(self._room.suite, key, ad, reader.rest())
        digest = H(b"message", sid, frame[5:6], wire.varint(counter), plain[64:])
        for seed in given:
            if mc.eddsa_check(bytes(plain[:64]), mc.eddsa_key_pair(seed)[1], digest):
                return group, seed
        return None

    def join(self, frame):
        """A JOIN that the witness made by one of its invitations, or one that answers its own."""
        y = frame[33:65]
        x = self.exchange_secret(y)
        return self._asked(frame, y, x) if x else self._answered(frame, y)

    def _asked(self, frame, y, x):
        if self._invitations is None:
            self._invitations = list(self._opened())
        for invitation, e in self._invitations:
            if equal(mac(8, invitation._k, b"join", frame[9:]), frame[1:9]):
                return {
                    "inviter": invitation.inviter, "invitee": self._identity.public,
                    "id": invitation.id, "e": e, "e_secret": None, "k": bytes(invitation._k),
                    "x": x, "static": self.static(e),
                }
        return None

    def _opened(self):
        for frame in self._frames:
            if frame[0] & 15 == wire.INVITATION:
                try:
                    yield open_invitation(frame, self._identity, b""), frame[25:57]
                except FrameError:
                    continue

    def _answered(self, frame, y):
        """An invitation of mine: e, a nonce, its id, then a k for each invitee were drawn."""
        given = self._draws.given
        for at, k in enumerate(given):
            if len(k) == 16 and equal(mac(8, k, b"join", frame[9:]), frame[1:9]):
                back = [draw for draw in given[:at] if len(draw) != 16]
                *_, e_secret, _, invitation_id = back
                e = bytes(mc.x25519_public_key(e_secret))
                known = {
                    "inviter": self._identity.public, "id": invitation_id, "e": e,
                    "e_secret": e_secret, "k": k, "x": None, "static": self.static(y),
                }
                for invitee in self._invitees:
                    shared = (known["static"], x25519(e_secret, invitee), x25519(e_secret, y))
                    key = H(b"tdh", *shared, known["inviter"], e, invitee, y)
                    key = kdf(32, key, b"join", invitation_id)
                    if mc.aead_unlock(key, frame[9:33], frame[:1] + frame[9:65], frame[65:]):
                        return dict(known, invitee=invitee)
        return None


class _Listed:
    """A participant, in the bytes that a session id covers."""

    def __init__(self, nick, key, y, t):
        self._encoded = wire.text_bytes(nick, wire.MAX_NICK) + key + y + t

    def encode(self):
        return self._encoded


# --- the file


def written(room, follower, frames):
    """The transcript as a dict ready for JSON."""
    follower.finish()
    return _plain({
        "format": FORMAT,
        "witness": follower.witness,
        "room": {name: getattr(room, name) for name in _ROOM},
        "frames": frames,
        "joins": follower.joins,
        "exchanges": [ring.entry() for ring in follower.rings],
    })


def _plain(value):
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def save(transcript, path):
    """Writes the file, readable by its owner only."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        private.narrow(file.fileno())
        json.dump(transcript, file, indent=1)
        file.write("\n")


def load(path):
    """The dict in a file; Refused when it holds none, OSError when it cannot be read."""
    with open(path, encoding="utf-8") as file:
        try:
            return json.load(file)
        except (ValueError, RecursionError):
            raise Refused("this file holds no JSON") from None


class Told:
    """What the file says that the witness knows: see `follow.Follower`. Refused when a field is
    missing or not what it should be."""

    def __init__(self, transcript):
        try:
            self.room, self.witness, self.frames = _read_head(transcript)
            self._read_secrets(transcript)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, LocalError):
            raise Refused("a field of the transcript is missing or malformed") from None

    def _read_secrets(self, transcript):
        self._exchange = {}
        self._signing = {}
        self._static = {}
        self._alone = {}
        self._founding = None
        self._joins = []
        for at, entry in enumerate(transcript["exchanges"]):
            people = [_read_person(*one) for one in entry["people"]]
            me = [who[1] for who in people].index(self.witness)
            nick, _, y, t = people[me]
            self._exchange[y] = _bytes(entry["x"], 32)
            self._signing[t] = _bytes(entry["t_secret"], 32)
            if entry["s_secret"] or len(people) == 1:
                s_secret = _bytes(entry["s_secret"], 32)
                self._signing[_bytes(entry["statements"][me], 32)] = s_secret
            for who, static in zip(people, entry["static"], strict=True):
                if who is not people[me]:
                    self._static[who[2]] = _bytes(static, 32)
            if len(people) == 1:
                self._alone[_bytes(entry["sid"], 32)] = (_bytes(entry["group"], 32), s_secret)
                if at == 0:
                    self._founding = (_bytes(entry["nonce"], 16), nick, y, t)
        for entry in transcript["joins"]:
            known = {name: _bytes(entry[name], size) for name, size in _JOIN.items()}
            mine = "e_secret" if known["inviter"] == self.witness else "x"
            known.update(e_secret=None, x=None)
            known[mine] = _bytes(entry[mine], 32)
            self._static[known["e"] if known["x"] else _bytes(entry["y"], 32)] = known["static"]
            self._joins.append(known)
        self._left = list(self._joins)

    def founding(self):
        return self._founding

    def exchange_secret(self, public):
        return self._exchange.get(public)

    def signing_seed(self, public):
        return self._signing.get(public)

    def static(self, public):
        return self._static.get(public)

    def statics(self):
        """Every DH(a, public) in the file: {public: value}."""
        return self._static

    def group(self, sid):
        return self._alone.get(sid)

    def join(self, frame):
        return self._left.pop(0) if self._left else None


def _read_head(transcript):
    facts = transcript["room"]
    room = Room(
        "", _bytes(facts["conversation_id"], 16), _bytes(facts["creator"], 32),
        facts["suite"], facts["policy"], b"",
    )
    bytes((room.suite, room.policy))
    check_suite(room.suite)
    room.psk_hash = _bytes(facts["psk_hash"], 32)
    return room, _bytes(transcript["witness"], 32), [_bytes(one) for one in transcript["frames"]]


def _read_person(nick, key, y, t):
    wire.text_bytes(nick, wire.MAX_NICK)
    return nick, _bytes(key, 32), _bytes(y, 32), _bytes(t, 32)


def _bytes(text, size=None):
    data = bytes.fromhex(text)
    if size is not None and len(data) != size or data.hex() != text:
        raise ValueError
    return data
