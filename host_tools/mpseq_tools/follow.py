"""Follows a conversation with the eyes of one witness, from the frames it received and the secrets
it holds, and checks all of it (lib/mpseq/PROTOCOL.md 4, 5, 7).

Both who writes a transcript and who audits one run this: the first to find out what the frames
say, the second to see that the file says the same. Exchanges are computed here, apart from
`mpseq.exchange`, so that an error there does not hide itself; messages are opened by
`mpseq.session`. `secrets` tells what the witness knows; nothing here needs its long-term secret.
"""

from collections import Counter

from mpseq import events, wire
from mpseq.bodies import ADMIT, REMOVE, read_proposal
from mpseq.errors import FrameError
from mpseq.outbox import decode_text, is_text
from mpseq.parts import SALT, Part
from mpseq.primitives import (
    KEY,
    H,
    H_pieces,
    check_eddsa_key,
    equal,
    kdf,
    mac,
    mc,
    unseal_once,
    unseal_random,
)
from mpseq.roster import Participant, check_order, find, read_guest, read_participant, roster_frame
from mpseq.session import Session

from .ring import Refused, Ring, need, x25519

_WRAPPED = 4 + 32 + 16  # a slot of a ROSTER


class Follower:
    """`room`: a Room; `witness`: its long-term key; `secrets`: an object with

    `founding()`        None, or (N, y, t) of the session of one in which the witness began
    `exchange_secret(y)`, `signing_seed(public)`    32 bytes of the witness's own, or None
    `static(public)`    DH(a, public) of the witness's long-term secret a and a one-time key
    `group(sid)`        (S, seed of s) of a session in which the witness is alone, or None
    `join(frame)`       what it knows of a JOIN: a dict, or None
    """

    def __init__(self, room, witness, secrets):
        self.room = room
        self.witness = witness
        self.secrets = secrets
        self.rings = []  # exchanges of which a frame came, in that order; sessions of one too
        self.joins = []
        self.texts = []  # (number of the session, nick, content, whether it counts)
        self.doubts = []  # members who saw something else: the carrier's doing, or the witness's
        self.counts = Counter()
        self._session = None
        self._under_way = []
        self._admissions = []  # (e'B, E, N, guests, the author's pair if alone): ROSTER to come
        self._failed = 0
        self._numbered = 0
        begun = secrets.founding()
        if begun:
            nonce, nick, y, t = begun
            self._alone(Ring(self, None, nonce, [Participant(nick, witness, y, t)], 0))

    def take(self, frame):
        """Takes the next frame; returns whether it says anything to the witness. Refused: it does
        not fit, and nothing is changed."""
        try:
            kind = wire.frame_type(frame)
            if kind == wire.MESSAGE:
                return self._message(frame)
            if kind == wire.JOIN:
                return self._join(frame)
            if kind == wire.ROSTER:
                return self._roster(frame)
            if kind in (wire.SHARE, wire.CONFIRM, wire.ABORT, wire.WITNESS, wire.REVEAL):
                return self._exchange(kind, frame)
            return False  # INVITATION: see the README, Deniability
        except FrameError as error:
            raise Refused(str(error)) from None

    def finish(self):
        """No more frames come."""
        if self._session:
            self._session.close()

    # --- joining

    def _join(self, frame):
        known = self.secrets.join(frame)
        if known is None:
            return False
        need(len(frame) >= 9 + 24 + KEY, "a JOIN is too short")
        need(equal(mac(8, known["k"], b"join", frame[9:]), frame[1:9]), "a JOIN under another k")
        nonce, y = frame[9:33], frame[33:65]
        inviter, invitee, e = known["inviter"], known["invitee"], known["e"]
        need(self.witness in (inviter, invitee), "a JOIN between others")
        if inviter == self.witness:
            public = mc.x25519_public_key(known["e_secret"])
            shared = (known["static"], x25519(known["e_secret"], invitee))
            shared += (x25519(known["e_secret"], y),)
            need(known["x"] is None and bytes(public) == e, "e does not fit its secret")
        else:
            x = known["x"]
            shared = (x25519(x, inviter), known["static"], x25519(x, e))
            fits = known["e_secret"] is None and bytes(mc.x25519_public_key(x)) == y
            need(fits, "y of a JOIN does not fit its x")
        key = H(b"tdh", *shared, inviter, e, invitee, y)
        key = kdf(32, key, b"join", known["id"])
        reader = wire.Reader(unseal_random(key, nonce, frame[:1] + frame[9:65], frame[65:]))
        nick = reader.text(wire.MAX_NICK)
        named = reader.take(KEY)
        t = check_eddsa_key(reader.take(KEY))
        ticket = reader.take(16)
        reader.end()
        need(named == invitee, "a JOIN in another's name")
        self.joins.append(dict(known, y=y, key=key, nick=nick, t=t, ticket=ticket))
        self.counts["JOINs that open"] += 1
        return True

    def _roster(self, frame):
        for admission in self._admissions:
            if admission[0] == frame[1:33]:
                _, secret, _, guests, pair = admission
                nonce, failed, people = self._open_roster(frame, secret)
                joiners = self._joiners(people, guests, pair)
                made = roster_frame(self.room, secret, nonce, people, joiners, self._failed)
                need(made == frame, "a ROSTER that its members would not make")
                break
        else:
            secret = None if self._session else self._unwrap(frame)
            if secret is None:
                return False
            nonce, failed, people = self._open_roster(frame, secret)
        ring = Ring(self, secret, nonce, people, failed)
        for other in self._under_way:
            need(other.sid != ring.sid, "a second ROSTER of one exchange")
        self._under_way.append(ring)
        self.counts["ROSTERs recomputed or opened"] += 1
        return True

    def _joiners(self, people, guests, pair):
        """Who in a roster is new. All who are here must be in it, with the keys they announced
        in the CONFIRM before (or in KEYS), and new ones with those of their admission."""
        session = self._session
        keys = [who.key for who in people]
        joiners = []
        for who in people:
            here = find(session.people, who.key)
            if here >= 0 and (pair or session.next[here]) == (who.y, who.t):
                continue
            fits = [one for one in guests if (one.key, one.y, one.t) == (who.key, who.y, who.t)]
            need(fits, "somebody in a ROSTER whom nobody admitted")
            joiners.append(fits[-1])
        for who in session.people:
            need(who.key in keys, "a ROSTER without somebody who is here")
        return joiners

    def _unwrap(self, frame):
        """E, as it is wrapped for the witness: by a ticket and an x of its JOINs."""
        reader = wire.Reader(frame, 1)
        public = reader.take(KEY)
        slots = [reader.take(_WRAPPED) for _ in range(reader.byte())]
        for join in self.joins:
            if join["invitee"] != self.witness:
                continue
            for slot in slots:
                if equal(slot[:4], mac(4, join["ticket"], public)):
                    shared = x25519(join["x"], public)
                    secret = unseal_once(
                        self.room.suite, shared, b"wrap", (join["ticket"],), public, slot[4:]
                    )
                    wrap = kdf(32, secret, b"wrap")
                    need(mc.x25519_public_key(wrap) == public, "E does not belong to its ROSTER")
                    return bytes(secret)
        return None

    def _open_roster(self, frame, secret):
        at = wire.Reader(frame, 33).byte() * _WRAPPED + 34
        plain = unseal_once(self.room.suite, secret, b"roster", (), frame[:at], frame[at:])
        reader = wire.Reader(plain)
        nonce = reader.take(16)
        need(reader.take(KEY) == self.room.creator, "a ROSTER of another creator's room")
        need(reader.take(8) == self.room.psk_check(nonce), "the pre-shared key differs")
        failed = reader.varint()
        people = [read_participant(reader) for _ in range(reader.byte())]
        reader.end()
        check_order(people)
        return nonce, failed, people

    # --- exchanges

    def _exchange(self, kind, frame):
        rings = [one for one in self._under_way if one.tag == frame[1:5]]
        if kind == wire.ABORT and not rings:
            rings = self._before_roster(frame[1:5])
        for ring in rings:
            try:
                closing = ring.take(kind, frame)
            except FrameError:
                if ring is rings[-1]:
                    raise
                continue  # two sids under one E: whose frame it is, its seal tells
            self._entered(ring, kind)
            if closing and self._session:
                self._session.closing(closing, ring, self.counts)
            if ring.complete:
                self._switch(ring)
            return True
        return False

    def _before_roster(self, tag):
        """An ABORT can come while the ROSTER is still owed: the exchange it ends."""
        for _, secret, nonce, guests, pair in self._admissions:
            if kdf(4, secret, b"tag") == tag:
                newest = {guest.key: guest for guest in guests}
                people = self._session.staying(newest, pair) + list(newest.values())
                people.sort(key=lambda who: who.key)
                check_order(people)
                ring = Ring(self, secret, nonce, people, self._failed)
                self._under_way.append(ring)
                return [ring]
        return []

    def _entered(self, ring, kind):
        if ring not in self.rings:
            self.rings.append(ring)
        session = self._session
        if kind == wire.ABORT:
            self._failed += 1
            self._admissions = []
            if session:
                session.ring_failed(ring)
        elif session and ring.all_shared and not ring.dead:
            session.end_span(ring)

    def _alone(self, ring):
        """A session of one: S is random (4)."""
        known = self.secrets.group(ring.sid)
        need(known, "the key of a session of one is not there")
        ring.found(*known)
        self.rings.append(ring)
        self._switch(ring)

    def _switch(self, ring):
        if self._session:
            self._session.close()
        self._numbered += 1
        self._session = _Talk(ring, self._numbered)
        self._under_way = []
        self._admissions = []
        self._failed = 0

    # --- messages

    def _message(self, frame):
        session = self._session
        if session is None:
            return False
        message = session.open(frame)
        self.counts["messages opened, their signatures by a statement key hold"] += 1
        if session.agrees(message):
            self.counts["acknowledgements of this very transcript"] += 1
        else:
            self._doubt(session, session.members[message.index].nick)
        try:
            if is_text(message.kind):
                kind, _, body = decode_text(message.kind, message.body)
                self._text(message, kind, body)
            elif message.kind == wire.PART:
                whole = session.part(message)
                if whole:
                    self._text(message, whole[0], whole[1:])
            else:
                self._control(message)
        except (FrameError, Refused):
            pass  # it was said, and has no effect (PROTOCOL.md, Errors)
        return True

    def _doubt(self, session, nick):
        doubt = f"in session {session.number} {nick} saw other messages than these"
        if doubt not in self.doubts:
            self.doubts.append(doubt)

    def _text(self, message, kind, body):
        session = self._session
        if kind == wire.TEXT:
            content = wire.decoded(body)
        else:
            reader = wire.Reader(body)
            content = f"[{reader.text(wire.MAX_NAME)}, {len(reader.rest())} bytes]"
        nick = session.members[message.index].nick
        self.texts.append((session.number, nick, content, session.span_open))

    def _control(self, message):
        session = self._session
        author = message.index
        reader = wire.Reader(message.body)
        if message.kind == wire.ADMIT:
            guests = [read_guest(reader) for _ in range(reader.byte())]
            session.guests += self._checked(guests, author)
        elif message.kind == wire.LEAVE:
            reader.end()
            session.left.append(author)
        elif message.kind == wire.KEYS:
            session.fresh_keys(author, reader)
        elif message.kind == wire.PROPOSE:
            self._propose(read_proposal(message.body, len(session.people) == 1), author)

    def _checked(self, guests, author):
        """Those whom the witness brings in asked for it, with these keys."""
        if self._session.people[author].key == self.witness:
            asked = [(one["invitee"], one["y"], one["t"], one["ticket"]) for one in self.joins]
            for guest in guests:
                said = (guest.key, guest.y, guest.t, bytes(guest.ticket))
                need(said in asked, "a guest of the witness without a JOIN")
        return guests

    def _propose(self, proposal, author):
        """An exchange that may follow: whether it was right shows in who takes part."""
        session = self._session
        need(proposal.check == self.room.psk_check(proposal.nonce), "the pre-shared key differs")
        secret = bytes(proposal.secret)
        if proposal.what == ADMIT:
            need(not session.left, "somebody who left was not removed")
            guests = session.guests + self._checked(proposal.carried, author)
            public = bytes(mc.x25519_public_key(kdf(32, secret, b"wrap")))
            self._admissions.append((public, secret, proposal.nonce, guests, proposal.pair))
            return
        removed = proposal.removed if proposal.what == REMOVE else ()
        need(set(session.left) <= set(removed), "somebody who left was not removed")
        need(max(removed, default=0) < len(session.people), "nobody has this place")
        gone = [session.people[index].key for index in removed]
        people = session.staying(gone, proposal.pair)
        if find(people, self.witness) >= 0:
            ring = Ring(self, secret, proposal.nonce, people, self._failed)
            if len(people) == 1:
                self._alone(ring)
            else:
                self._under_way.append(ring)


class _Talk:
    """The messages of one session."""

    def __init__(self, ring, number):
        self.ring = ring
        self.number = number
        self.people = ring.people
        self.next = list(ring.opened)
        self.left = []
        self.guests = []
        self._fresh = list(range(len(ring.people)))  # nobody owes KEYS
        self._long = {}  # author -> (digest, what came of the content so far)
        self.span_open = True  # texts count until the last SHARE of the next exchange
        self.members = [
            events.Member(who.nick, who.key, index) for index, who in enumerate(ring.people)
        ]
        self._session = Session.from_exchange(_Keys(ring), self.members)
        self._seen = [self._session.h[:16]]
        self._acked = [0] * len(self.people)

    def staying(self, gone, pair):
        """Participants of the next exchange: all but those whose key is in `gone`. `pair`: the
        fresh (y, t) of one who is alone."""
        return [
            Participant(who.nick, who.key, *(pair or self.next[index]))
            for index, who in enumerate(self.people) if who.key not in gone
        ]

    def ring_failed(self, ring):
        """An ABORT: the texts since the last SHARE count, everyone owes fresh KEYS, and guests
        whose y is spent ask again (5.5, 7)."""
        if not self.span_open:
            self.span_open = True
            self._mark(ring)
        self._fresh = []
        if ring.all_shared:
            self.guests = []

    def end_span(self, ring):
        """The last SHARE is in: a step of the transcript (4)."""
        if self.span_open:
            self.span_open = False
            self._mark(ring)

    def _mark(self, ring):
        self._session.mark(ring.sid)
        self._seen.append(self._session.h[:16])

    def fresh_keys(self, author, reader):
        """KEYS: the first of each member since the ABORT count."""
        if author not in self._fresh:
            self._fresh.append(author)
            self.next[author] = (reader.take(KEY), reader.take(KEY))

    def open(self, frame):
        need(len(frame) < 6 or frame[5] not in self.left, "a message after its author's LEAVE")
        message = self._session.open(frame)
        self._seen.append(self._session.h[:16])
        return message

    def part(self, message):
        """A PART of a long text: kind and body once it is complete, else nothing."""
        part = Part(message.body)
        if part.offset == 0:
            self._long[message.index] = (part.digest, bytearray())
        digest, content = self._long.get(message.index, (None, b""))
        if digest != part.digest or len(content) != part.offset:
            return b""
        content += part.chunk
        if not part.is_last or H_pieces(b"long", [content])[:16] != digest:
            return b""
        return bytes(content[SALT:])

    def agrees(self, message):
        """Whether its author had seen what the witness has. All of `h` is kept here, while a
        member remembers 64."""
        n = message.ack_n
        if not self._acked[message.index] <= n < len(self._seen) - 1:
            return False
        self._acked[message.index] = n
        return self._seen[n] == message.ack_h

    def closing(self, frame, ring, counts):
        """The last ACK of this session, in a CONFIRM of the next: believed or ignored (5.5)."""
        index = find(self.people, ring.people[ring.last].key)
        if index >= 0 and self._session.open_closing(frame, index):
            counts["closing ACKs that open"] += 1

    def close(self):
        self.ring.transcript = [self._session.count, self._session.h]


class _Keys:
    """What Session takes from an exchange, of somebody who only reads: it has no place (`me`), so
    that the witness's own messages are opened as those of anyone."""

    def __init__(self, ring):
        self.sid = ring.sid
        self.suite = ring.suite
        self.me = 255
        self.header_key = bytearray(ring.header_key)
        self.chains = bytearray(b"".join(ring.chains))
        self.statement = (None, None)
        self.statements = bytearray(b"".join(ring.statements))
        self.next_keys = None
        self.opened = ring.opened
