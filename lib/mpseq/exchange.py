"""One group key exchange: SHARE, CONFIRM, and the key they agree on (PROTOCOL.md 5.4, 5.5).

Knows one sid, its participants and my keys; knows nothing of conversations, order or time. Frames
that do not fit raise an errors.FrameError and change nothing. What section 7 adds (ABORT, REVEAL,
judgement) has its place where `failure` is set.
"""

from . import errors, wire
from .primitives import (
    KEY,
    SIGNATURE,
    H,
    KeyPairs,
    check_eddsa_key,
    check_x25519_key,
    equal,
    kdf,
    mac,
    seal_once,
    sign,
    signing_key,
    tdh,
    unseal_once,
    verify,
    wipe,
)

_HEAD = 6  # type, tag, index
_AUTH = 8
_CONFIRM_MAC = 16


class Exchange:
    """`people`: Participants ascending by A; `me`: my index; `keys`: my (x, y, t) of this sid."""

    def __init__(self, room, secret, nonce, people, me, keys, identity):
        n = len(people)
        self.sid = room.sid(nonce, people)
        self.psk_hash = room.psk_hash
        self.people = people
        self.me = me
        self.keys = keys
        self.identity = identity
        self.secret = secret
        self.tag = bytes(kdf(4, secret, b"tag"))
        self.failure = None  # why it cannot succeed: section 7 judges it
        self.next_keys = None  # my key pairs for the exchange after this one
        self.statement = None  # (secret, public): signs the messages of the session to come
        self.shares_left = n
        self.confirms_left = n
        self.my_share = None
        self.my_confirm = None
        # Per participant, 32 bytes each: the hash of the SHARE in its slot, z, commitment, s,
        # pairwise key; and what its CONFIRM opens.
        self._hashes = bytearray(KEY * n)
        self._z = bytearray(KEY * n)
        self._commits = bytearray(KEY * n)
        self.statements = bytearray(KEY * n)
        self._pair = bytearray(KEY * n)
        self._have_share = bytearray(n)  # 1: the slot is filled; 2: and its auth to me is valid
        self.opened = [None] * n  # (y_next, t_next)
        # Derived from S, which itself is wiped at once.
        self._confirm_key = None
        self.chains = None
        self.header_key = None
        self.sas_key = None

    # --- SHARE

    def _head(self, kind, index):
        return bytes((wire.head(kind),)) + self.tag + bytes((index,))

    def _slot(self, packed, index):
        return memoryview(packed)[KEY * index : KEY * index + KEY]

    def _auth(self, key, i, j, statement):
        return mac(_AUTH, key, b"auth", self.sid, bytes((i, j)), statement)

    def _commitment(self, i, y, t):
        """Bound to its author: a copied one cannot be opened by another member."""
        return H(b"next", self.sid, bytes((i,)), y, t)

    def _edge(self, k, out):
        """d_k of the ring, for an edge that I am part of: KDF(K_{k,k+1}, "gke", sid, k)."""
        n = len(self.people)
        other = (k + 1) % n if k == self.me else k
        kdf(out, self._slot(self._pair, other), b"gke", self.sid, bytes((k,)))

    def agree(self, j):
        """The pairwise key with participant `j`: three X25519, the costly part of a SHARE."""
        who = self.people[j]
        out = self._slot(self._pair, j)
        tdh(out, self.identity, self.keys, who.key, who.y, self.me < j)

    def share(self, random):
        """Makes my SHARE: 150 + 8 * (n - 1) + 32 bytes. `random(n)` feeds s and my next keys."""
        n = len(self.people)
        me = self.me
        self.next_keys = KeyPairs(random)
        self.statement = signing_key(random)
        for j in range(n):
            if j != me:
                self.agree(j)
        z = bytearray(KEY)
        before = bytearray(KEY)
        self._edge(me, z)
        self._edge((me - 1) % n, before)
        for at in range(KEY):
            z[at] ^= before[at]
        wipe(before)
        commit = self._commitment(me, self.next_keys.y, self.next_keys.t)
        signature = sign(
            self.keys.t_secret, H(b"share", self.sid, bytes((me,)), z, commit)
        )
        s = self.statement[1]
        auths = [
            self._auth(self._slot(self._pair, j), me, j, s) for j in range(n) if j != me
        ]
        plain = b"".join([bytes(z), commit, signature, s] + auths)
        head = self._head(wire.SHARE, me)
        sealed = seal_once(self.secret, b"share", (self.sid, bytes((me,))), head, plain)
        self.my_share = head + bytes(sealed)
        return self.my_share

    def _open(self, frame, tag):
        """Index and plaintext of a SHARE or CONFIRM of this exchange."""
        if len(frame) < _HEAD:
            raise errors.Truncated()
        index = frame[5]
        if index >= len(self.people):
            raise errors.BadIndex()
        head = bytes(frame[:_HEAD])
        sealed = memoryview(frame)[_HEAD:]
        return index, unseal_once(self.secret, tag, (self.sid, head[5:]), head, sealed)

    def receive_share(self, frame):
        """Takes the SHARE of one participant, mine included; returns its index."""
        index, plain = self._open(frame, b"share")
        if self._have_share[index]:
            raise errors.Duplicate()
        if index == self.me and frame != self.my_share:
            raise errors.NotMine()
        reader = wire.Reader(plain)
        z = reader.view(KEY)
        commit = reader.view(KEY)
        signature = reader.view(SIGNATURE)
        s = reader.take(KEY)
        auths = reader.view(_AUTH * (len(self.people) - 1))
        reader.end()
        who = bytes((index,))
        failure = None
        if index != self.me:
            digest = H(b"share", self.sid, who, z, commit)
            verify(signature, self.people[index].t, digest)
            check_eddsa_key(s)
            place = self.me if self.me < index else self.me - 1
            mine = self._auth(self._slot(self._pair, index), index, self.me, s)
            if not equal(mine, auths[_AUTH * place : _AUTH * place + _AUTH]):
                failure = ("auth", index)
        self._slot(self._z, index)[:] = z
        self._slot(self._commits, index)[:] = commit
        self._slot(self.statements, index)[:] = s
        self._slot(self._hashes, index)[:] = H(b"frame", frame)
        self._have_share[index] = 1 if failure else 2
        self.failure = self.failure or failure
        self.shares_left -= 1
        if self.shares_left == 0:
            self._finish()
        return index

    def has_auth(self, index):
        """Whether the SHARE of this participant is in and holds a valid `auth` to me."""
        return self._have_share[index] == 2

    def _finish(self):
        """All SHAREs are in: check the ring, compute S, derive from it, wipe it (5.5)."""
        n = len(self.people)
        total = bytearray(KEY)
        for at in range(len(self._z)):
            total[at % KEY] ^= self._z[at]
        if total != bytes(KEY):
            self.failure = self.failure or ("ring", None)
        if self.failure:
            return
        edges = bytearray(KEY * n)
        self._edge(self.me, self._slot(edges, self.me))
        for step in range(1, n):
            i = (self.me + step) % n
            here = self._slot(edges, i)
            there = self._slot(edges, (i - 1) % n)
            z = self._slot(self._z, i)
            for at in range(KEY):
                here[at] = there[at] ^ z[at]
        shares = H(b"shares", *[self._slot(self._hashes, i) for i in range(n)])
        group = bytearray(KEY)
        kdf(
            group, b"", b"key", self.sid, shares, self.psk_hash,
            *[self._slot(edges, i) for i in range(n)]
        )
        wipe(edges)
        self.derive(group)

    def derive(self, group):
        """Everything that comes from S (32 bytes, wiped here)."""
        n = len(self.people)
        self._confirm_key = bytearray(KEY)
        self.header_key = bytearray(KEY)
        self.sas_key = bytearray(KEY)
        self.chains = bytearray(KEY * n)
        kdf(self._confirm_key, group, b"confirm")
        kdf(self.header_key, group, b"header")
        kdf(self.sas_key, group, b"sas")
        for i in range(n):
            kdf(self._slot(self.chains, i), group, b"chain", bytes((i,)))
        wipe(group)

    # --- CONFIRM

    @property
    def ready(self):
        """All SHAREs are in and nothing in them is wrong: CONFIRM may be posted."""
        return self._confirm_key is not None

    def confirm(self, closing=b""):
        """Makes my CONFIRM. `closing`: my last ACK message of the parent session, or nothing."""
        keys = self.next_keys
        who = bytes((self.me,))
        signature = sign(self.keys.t_secret, H(b"confirm", self.sid, who, keys.y, keys.t))
        check = mac(_CONFIRM_MAC, self._confirm_key, who)
        plain = b"".join((keys.y, keys.t, signature, check, wire.sized(closing)))
        head = self._head(wire.CONFIRM, self.me)
        sealed = seal_once(self.secret, b"confirm", (self.sid, who), head, plain)
        self.my_confirm = head + bytes(sealed)
        return self.my_confirm

    def receive_confirm(self, frame):
        """Takes the CONFIRM of one participant; returns (index, its closing message or b"")."""
        index, plain = self._open(frame, b"confirm")
        if self.opened[index]:
            raise errors.Duplicate()
        if not self.ready:
            raise errors.OutOfPlace()
        if index == self.me and frame != self.my_confirm:
            raise errors.NotMine()
        reader = wire.Reader(plain)
        y = reader.take(KEY)
        t = reader.take(KEY)
        signature = reader.view(SIGNATURE)
        check = reader.view(_CONFIRM_MAC)
        closing = bytes(reader.sized())
        reader.end()
        who = bytes((index,))
        if index != self.me:
            verify(signature, self.people[index].t, H(b"confirm", self.sid, who, y, t))
            if not equal(self._commitment(index, y, t), self._slot(self._commits, index)):
                raise errors.BadCommitment()
            check_x25519_key(y)
            check_eddsa_key(t)
            if not equal(mac(_CONFIRM_MAC, self._confirm_key, who), check):
                raise errors.BadSeal()  # section 7 judges it; anyone who knows E can have made it
        self.opened[index] = (y, t)
        self.confirms_left -= 1
        return index, closing

    @property
    def complete(self):
        return self.confirms_left == 0

    def wipe(self, keep_keys=False):
        """At the switch: x, K, E and what only the exchange needed."""
        if not keep_keys:
            self.keys.wipe()
        for secret in (self._pair, self._z, self.secret, self._confirm_key):
            if secret is not None:
                wipe(secret)

    def abandon(self, keep_keys=False):
        """Wipes everything: this exchange leads nowhere for me. `keep_keys`: my (x, t) serve
        another one."""
        self.wipe(keep_keys)
        if self.next_keys:
            self.next_keys.wipe()
            wipe(self.statement[0])
        for secret in (self.chains, self.header_key, self.sas_key):
            if secret is not None:
                wipe(secret)
