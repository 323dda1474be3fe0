"""One group key exchange as a participant can check it afterwards (lib/mpseq/PROTOCOL.md 5.4, 5.5,
7): from its frames and the participant's one-time secrets, without its long-term one.
"""

from mpseq import wire
from mpseq.code import session_code
from mpseq.primitives import (
    KEY,
    SIGNATURE,
    H,
    check_eddsa_key,
    check_x25519_key,
    equal,
    kdf,
    mac,
    mc,
    sign,
    unseal_once,
    verify,
)
from mpseq.roster import find

_HEAD = 6
_AUTH = 8
_TAGS = {
    wire.SHARE: b"share",
    wire.CONFIRM: b"confirm",
    wire.ABORT: b"abort",
    wire.WITNESS: b"witness",
    wire.REVEAL: b"reveal",
}


class Refused(Exception):
    """Something does not fit; says what."""


def need(holds, why):
    """Refused(why) unless it holds."""
    if not holds:
        raise Refused(why)


def x25519(secret, public):
    return bytes(mc.x25519(secret, public))


def _xor(a, b):
    return bytes(one ^ other for one, other in zip(a, b, strict=True))


class Ring:
    """`follower`: who asks, for its room, witness and secrets; `secret`: E, or None for the
    session in which the creator begins; `people`: ascending by A. Refused when the witness cannot
    be in it."""

    def __init__(self, follower, secret, nonce, people, failed):
        self.sid = follower.room.sid(nonce, people)
        self.people = people
        self.me = find(people, follower.witness)
        need(self.me >= 0, "the witness is not in it")
        self.complete = False
        self.dead = False
        self.failure = None
        self.tag = bytes(kdf(4, secret, b"tag")) if secret else None
        self.last = None  # whose frame was taken last
        self.transcript = None
        self._witnesses = []
        self._secret = secret
        self._nonce = nonce
        self._failed = failed
        self._psk_hash = follower.room.psk_hash
        self.suite = follower.room.suite
        self._secrets = follower.secrets
        self._counts = follower.counts
        n = len(people)
        mine = people[self.me]
        self._x = self._secrets.exchange_secret(mine.y)
        need(self._x and bytes(mc.x25519_public_key(self._x)) == mine.y, "y does not fit its x")
        self._t = self._signer(mine.t)
        self._s = None
        self._static = [None] * n
        self._pair = [None] * n
        for j in range(n):
            if j != self.me:
                self._agree(j)
        self._edges = [None] * n
        self._shares = [None] * n  # (hash of the frame, z, commitment)
        self._revealed = [None] * n
        self.statements = [None] * n
        self.opened = [None] * n
        self._group = self._confirm_key = self._sas_key = self.header_key = None
        self.chains = [None] * n
        self.code = None
        self._counts["session ids recomputed"] += 1

    def _signer(self, public):
        seed = self._secrets.signing_seed(public)
        need(seed, "a signing key of the witness is not there")
        pair = mc.eddsa_key_pair(seed)
        need(pair[1] == public, "a signing key of the witness does not fit its secret")
        return bytes(pair[0])

    def _agree(self, j):
        """K with participant j (5.4). The witness's long-term secret is needed for one of the
        three parts only, and that part is in the transcript."""
        me, other = self.people[self.me], self.people[j]
        static = self._secrets.static(other.y)
        need(static, "a long-term Diffie-Hellman value of the witness is not there")
        parts = [static, x25519(self._x, other.key)]
        ends = [me.key, me.y, other.key, other.y]
        if self.me > j:
            parts.reverse()
            ends = ends[2:] + ends[:2]
        self._static[j] = static
        self._pair[j] = H(b"tdh", *parts, x25519(self._x, other.y), *ends)
        self._counts["pairwise keys recomputed"] += 1

    # --- frames

    @property
    def all_shared(self):
        return None not in self._shares

    def take(self, kind, frame):
        """A frame of the exchange; returns the closing message in a CONFIRM, if any."""
        need(len(frame) > _HEAD and frame[5] < len(self.people), "not of this exchange")
        after = kind in (wire.WITNESS, wire.REVEAL)
        need(not self.complete and self.dead == after, "out of place")
        index = frame[5]
        tag = _TAGS[kind]
        who = frame[5:_HEAD]
        plain = unseal_once(
            self.suite, self._secret, tag, (self.sid, who), frame[:_HEAD], frame[_HEAD:]
        )
        reader = wire.Reader(plain)
        if kind == wire.SHARE:
            closing = self._share(index, frame, reader)
        elif kind == wire.CONFIRM:
            closing = self._confirm(index, reader)
        else:
            closing = self._end(kind, index, reader)
        self.last = index
        self._counts["signatures by one-time exchange keys that hold"] += 1
        return closing

    def _verify(self, index, signature, tag, *fields):
        digest = H(tag, self.sid, bytes((index,)), *fields)
        verify(signature, self.people[index].t, digest)
        return digest

    def _auth(self, i, j, s):
        key = self._pair[j if i == self.me else i]
        return mac(_AUTH, key, b"auth", self.sid, bytes((i, j)), s)

    def _share(self, index, frame, reader):
        z, commit, signature, s = [reader.take(n) for n in (KEY, KEY, SIGNATURE, KEY)]
        others = [j for j in range(len(self.people)) if j != index]
        auths = {j: reader.take(_AUTH) for j in others}
        reader.end()
        digest = self._verify(index, signature, b"share", z, commit)
        need(self._shares[index] is None, "a second SHARE")
        check_eddsa_key(s)
        if index == self.me:
            whole = {j: self._auth(index, j, s) for j in others} == auths
            whole = whole and z == _xor(self._edge(index - 1), self._edge(index))
            whole = whole and signature == sign(self._t, digest)
            if whole and self._secrets.signing_seed(s):
                self._s = self._signer(s)
            else:
                self.failure = self.failure or "the witness's SHARE is not of its keys"
        elif not equal(self._auth(index, self.me, s), auths[self.me]):
            nick = self.people[index].nick
            self.failure = self.failure or f"the auth of {nick} to the witness does not hold"
        if not self.failure:
            self._counts["authentications from and to the witness that hold"] += (
                len(others) if index == self.me else 1
            )
        self.statements[index] = s
        self._shares[index] = (H(b"frame", frame), z, commit)
        if self.all_shared:
            self._agreed()
        return b""

    def _edge(self, k):
        """d_k, of an edge at which the witness stands."""
        n = len(self.people)
        k %= n
        key = self._pair[(k + 1) % n if k == self.me else k]
        return kdf(32, key, b"gke", self.sid, bytes((k,)))

    def _agreed(self):
        n = len(self.people)
        total = bytes(KEY)
        for _, z, _ in self._shares:
            total = _xor(total, z)
        if total != bytes(KEY):
            self.failure = self.failure or "the ring does not close"
        if self.failure:
            return
        self._edges[self.me] = self._edge(self.me)
        for step in range(1, n):
            i = (self.me + step) % n
            self._edges[i] = _xor(self._edges[i - 1], self._shares[i][1])
        shares = H(b"shares", *[share[0] for share in self._shares])
        self._derive(H(b"key", self.sid, shares, self._psk_hash, *self._edges))
        self._counts["rings that close, and their session keys"] += 1

    def _derive(self, group):
        self._group = group
        self._confirm_key = kdf(32, group, b"confirm")
        self.header_key = kdf(32, group, b"header")
        self._sas_key = kdf(32, group, b"sas")
        self.chains = [kdf(32, group, b"chain", bytes((i,))) for i in range(len(self.people))]

    def _confirm(self, index, reader):
        y, t = reader.take(KEY), reader.take(KEY)
        signature = reader.take(SIGNATURE)
        check = reader.take(16)
        closing = bytes(reader.sized())
        reader.end()
        digest = self._verify(index, signature, b"confirm", y, t)
        need(self.all_shared, "a CONFIRM before all SHAREs")
        need(self.opened[index] is None, "a second CONFIRM")
        check_x25519_key(y)
        check_eddsa_key(t)
        fits = H(b"next", self.sid, bytes((index,)), y, t) == self._shares[index][2]
        need(fits, "an opening that misses its commitment")
        if self._group and not equal(mac(16, self._confirm_key, bytes((index,))), check):
            self.failure = self.failure or "a CONFIRM of another key"
        if index == self.me and signature != sign(self._t, digest):
            self.failure = self.failure or "the witness's CONFIRM is not of its keys"
        self._counts["commitments that their openings fit"] += 1
        self.opened[index] = (y, t)
        if None not in self.opened and not self.failure:
            self.code = session_code(self._sas_key, self.opened)
            self.complete = True
            self._counts["session codes recomputed"] += 1
        return closing

    def _end(self, kind, index, reader):
        """ABORT, or what comes after it (7). An x that is told belongs to its y, and with it one
        can see that the witness's own part of their K was right."""
        signature = reader.take(SIGNATURE)
        body = bytes(reader.rest())
        self._verify(index, signature, _TAGS[kind], body)
        if kind == wire.ABORT:
            self.dead = True
            return b""
        if kind == wire.WITNESS:
            need(len(body) == KEY + 1, "a WITNESS of another length")
            need(index not in self._witnesses, "a second WITNESS")
            self._witnesses.append(index)
            return b""
        need(self._revealed[index] is None, "a second REVEAL")
        x = body[:KEY]
        need(len(body) == 2 * KEY + 1, "a REVEAL of another length")
        need(bytes(mc.x25519_public_key(x)) == self.people[index].y, "a REVEAL of another x")
        if index != self.me:
            shared = x25519(x, self.people[self.me].key)
            need(shared == self._static[index], "a REVEAL tells another K than the transcript")
        self._revealed[index] = x
        self._counts["revealed secrets that fit"] += 1
        return b""

    def found(self, group, seed):
        """A session of one: S (32 bytes) and the seed of s are random."""
        pair = mc.eddsa_key_pair(seed)
        self._s = bytes(pair[0])
        self.statements[0] = pair[1]
        self._derive(group)
        self.complete = True

    # --- what the transcript says of it

    def entry(self):
        """Everything, as in the file: see `transcript`."""
        return {
            "sid": self.sid,
            "complete": self.complete,
            "failure": self.failure,
            "failed_before": self._failed,
            "nonce": self._nonce,
            "exchange_secret": self._secret,
            "people": [[who.nick, who.key, who.y, who.t] for who in self.people],
            "x": self._x,
            "t_secret": self._t[:32],
            "s_secret": self._s and self._s[:32],
            "static": self._static,
            "pair": self._pair,
            "edges": self._edges,
            "group": self._group,
            "confirm_key": self._confirm_key,
            "header_key": self.header_key,
            "sas_key": self._sas_key,
            "chains": self.chains,
            "statements": self.statements,
            "next": [pair and list(pair) for pair in self.opened],
            "code": self.code and [self.code.digits, *self.code.words],
            "revealed": self._revealed,
            "transcript": self.transcript,
        }
