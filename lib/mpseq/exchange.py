"""One group key exchange: SHARE, CONFIRM, and the key they agree on (PROTOCOL.md 5.4, 5.5).

Knows one sid, its participants and my keys; knows nothing of conversations, order or time. Frames
that do not fit raise an errors.FrameError and change nothing. What is wrong under a good signature
becomes `failure`; an ABORT ends the exchange, and `judgement` finds out who is to blame (7).
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
    mc,
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

# Why an ABORT was posted (7).
REMOVED = 1  # somebody must go who is in this exchange
NOT_MINE = 2  # a frame in my slot is not mine
AUTH = 3  # the `auth` of a SHARE to me is wrong
RING = 4  # the z do not add up to zero
CHECK = 5  # the c of a CONFIRM is wrong

# What a WITNESS or REVEAL says of its author's own slots.
SHARE_IS_MINE = 1
CONFIRM_IS_MINE = 2  # or not there yet


class Exchange:
    """`people`: Participants ascending by A; `me`: my index, or -1 for one who only looks on
    because another device takes its place (5.2); `keys`: my (x, y, t) of this sid."""

    def __init__(self, room, secret, nonce, people, me, keys, identity):
        n = len(people)
        self.sid = room.sid(nonce, people)
        self.suite = room.suite
        self.psk_hash = room.psk_hash
        self.people = people
        self.me = me
        self.keys = keys
        self.identity = identity
        self.secret = secret
        self.tag = bytes(kdf(4, secret, b"tag"))
        self.failure = None  # (reason, index): why it cannot succeed, to be said in an ABORT
        self.spoilt = False  # one of its participants is convicted: it must not complete
        self.dead = False  # an ABORT came
        self._mine = SHARE_IS_MINE | CONFIRM_IS_MINE  # what stands in my slots
        self.digest = None  # of every slot as it was at the ABORT
        self.next_keys = None  # my key pairs for the exchange after this one
        self.statement = None  # (secret, public): signs the messages of the session to come
        self.shares_left = n
        self.confirms_left = n
        self.my_share = None
        self.my_confirm = None
        self.my_abort = None
        # Per participant, 32 bytes each: the hash of the SHARE in its slot, z, commitment, s,
        # pairwise key; and what its CONFIRM opens.
        self._hashes = bytearray(KEY * n)
        self._z = bytearray(KEY * n)
        self._commits = bytearray(KEY * n)
        self.statements = bytearray(KEY * n)
        self._pair = bytearray(KEY * n)
        self._agreed = bytearray(n)  # 1: the pairwise key is there
        self._have_share = bytearray(n)  # 1: the slot is filled; 2: and its auth to me is valid
        self._auths = [b""] * n  # of each SHARE, to every other: 8 bytes each
        self.opened = [None] * n  # (y_next, t_next)
        self._confirms = [b""] * n  # the hash of the CONFIRM in each slot, and its c
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

    def edge(self, k, key, out):
        """d_k of the ring from `key`, K_{k,k+1}: KDF(K_{k,k+1}, "gke", sid, k)."""
        kdf(out, key, b"gke", self.sid, bytes((k,)))

    def _own_edge(self, k, out):
        """d_k for an edge that I am part of."""
        other = (k + 1) % len(self.people) if k == self.me else k
        self.edge(k, self._slot(self._pair, other), out)

    def agree(self, j):
        """The pairwise key with participant `j`: three X25519, the costly part of a SHARE."""
        if not self._agreed[j]:
            who = self.people[j]
            out = self._slot(self._pair, j)
            tdh(out, self.identity, self.keys, who.key, who.y, self.me < j)
            self._agreed[j] = 1

    def agree_some(self, most):
        """So many pairwise keys more; whether all are there now."""
        for j in range(len(self.people)):
            if j != self.me and not self._agreed[j]:
                if most == 0:
                    return False
                self.agree(j)
                most -= 1
        return True

    def share(self, random):
        """Makes my SHARE: 150 + 8 * (n - 1) + 32 bytes. `random(n)` feeds s and my next keys."""
        n = len(self.people)
        me = self.me
        self.next_keys = KeyPairs(random)
        self.statement = signing_key(random)
        self.agree_some(n)
        z = bytearray(KEY)
        before = bytearray(KEY)
        self._own_edge(me, z)
        self._own_edge((me - 1) % n, before)
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
        where = (self.sid, bytes((me,)))
        sealed = seal_once(self.suite, self.secret, b"share", where, head, plain)
        self.my_share = head + bytes(sealed)
        return self.my_share

    def _open(self, frame, tag):
        """Index and plaintext of a frame of this exchange. The seal comes first: a frame under the
        same E may be of another exchange, with more people."""
        if len(frame) < _HEAD:
            raise errors.Truncated()
        head = bytes(frame[:_HEAD])
        sealed = memoryview(frame)[_HEAD:]
        plain = unseal_once(self.suite, self.secret, tag, (self.sid, head[5:]), head, sealed)
        if frame[5] >= len(self.people):
            raise errors.BadIndex()
        return frame[5], plain

    def receive_share(self, frame):
        """Takes the SHARE of one participant, mine included; returns its index.

        The first whose signature holds takes the slot, even mine (5.4). Raises Contradiction when
        its author signed another one before.
        """
        index, plain = self._open(frame, b"share")
        reader = wire.Reader(plain)
        z = reader.view(KEY)
        commit = reader.view(KEY)
        signature = reader.view(SIGNATURE)
        s = reader.take(KEY)
        auths = reader.take(_AUTH * (len(self.people) - 1))
        reader.end()
        filled = self._have_share[index]
        if filled and z == self._slot(self._z, index):
            if commit == self._slot(self._commits, index):
                raise errors.Duplicate()  # what is not signed anyone here can have changed
        failure = None
        if index != self.me or frame != self.my_share:
            digest = H(b"share", self.sid, bytes((index,)), z, commit)
            verify(signature, self.people[index].t, digest)
            if filled:
                raise errors.Contradiction(index)
            check_eddsa_key(s)
            failure = self._doubt_share(index, s, auths)
        self._slot(self._z, index)[:] = z
        self._slot(self._commits, index)[:] = commit
        self._slot(self.statements, index)[:] = s
        self._slot(self._hashes, index)[:] = H(b"frame", frame)
        self._auths[index] = auths
        self._have_share[index] = 1 if failure else 2
        self.failure = self.failure or failure
        self.shares_left -= 1
        if self.shares_left == 0:
            self._finish()
        return index

    def _doubt_share(self, index, s, auths):
        """What is wrong with the part of a SHARE that its signature does not cover."""
        if index == self.me:
            self._mine &= ~SHARE_IS_MINE
            return (NOT_MINE, index)
        if self.me < 0:
            return None
        self.agree(index)
        mine = self._auth(self._slot(self._pair, index), index, self.me, s)
        return None if equal(mine, _part(auths, index, self.me)) else (AUTH, index)

    def owes(self, index):
        """Whether a SHARE, or when all are in a CONFIRM, of this participant is missing."""
        if self.shares_left:
            return not self._have_share[index]
        return self.opened[index] is None

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
            self.failure = self.failure or (RING, 0)
        if self.failure or self.me < 0:
            return
        edges = bytearray(KEY * n)
        self._own_edge(self.me, self._slot(edges, self.me))
        for step in range(1, n):
            i = (self.me + step) % n
            here = self._slot(edges, i)
            there = self._slot(edges, (i - 1) % n)
            z = self._slot(self._z, i)
            for at in range(KEY):
                here[at] = there[at] ^ z[at]
        self.derive(self.group_key(edges))
        wipe(edges)

    def group_key(self, edges):
        """S from all d_k: a bytearray."""
        n = len(self.people)
        shares = H(b"shares", *[self._slot(self._hashes, i) for i in range(n)])
        group = bytearray(KEY)
        kdf(
            group, b"", b"key", self.sid, shares, self.psk_hash,
            *[self._slot(edges, i) for i in range(n)]
        )
        return group

    def confirm_key(self, group):
        """The key of every c, from S: a bytearray."""
        return kdf(bytearray(KEY), group, b"confirm")

    def derive(self, group):
        """Everything that comes from S (32 bytes, wiped here)."""
        n = len(self.people)
        self._confirm_key = self.confirm_key(group)
        self.header_key = bytearray(KEY)
        self.sas_key = bytearray(KEY)
        self.chains = bytearray(KEY * n)
        kdf(self.header_key, group, b"header")
        kdf(self.sas_key, group, b"sas")
        for i in range(n):
            kdf(self._slot(self.chains, i), group, b"chain", bytes((i,)))
        wipe(group)

    # --- CONFIRM

    @property
    def fails(self):
        """It cannot succeed any more, in my eyes."""
        return bool(self.failure or self.spoilt)

    @property
    def ready(self):
        """All SHAREs are in and nothing in them is wrong: CONFIRM may be posted."""
        return self._confirm_key is not None and not self.fails

    def check(self, confirm_key, index):
        """c of this participant: 16 bytes."""
        return mac(_CONFIRM_MAC, confirm_key, bytes((index,)))

    def confirm(self, closing=b""):
        """Makes my CONFIRM. `closing`: my last ACK message of the parent session, or nothing."""
        keys = self.next_keys
        who = bytes((self.me,))
        signature = sign(self.keys.t_secret, H(b"confirm", self.sid, who, keys.y, keys.t))
        check = self.check(self._confirm_key, self.me)
        plain = b"".join((keys.y, keys.t, signature, check, wire.sized(closing)))
        head = self._head(wire.CONFIRM, self.me)
        sealed = seal_once(self.suite, self.secret, b"confirm", (self.sid, who), head, plain)
        self.my_confirm = head + bytes(sealed)
        return self.my_confirm

    def receive_confirm(self, frame):
        """Takes the CONFIRM of one participant; returns (index, its closing message or b"").

        Raises BadCommitment when its author signed what misses its commitment.
        """
        index, plain = self._open(frame, b"confirm")
        if self.shares_left:
            raise errors.OutOfPlace()
        reader = wire.Reader(plain)
        y = reader.take(KEY)
        t = reader.take(KEY)
        signature = reader.view(SIGNATURE)
        check = reader.take(_CONFIRM_MAC)
        closing = bytes(reader.sized())
        reader.end()
        if self.opened[index] == (y, t):
            raise errors.Duplicate()
        failure = None
        if index != self.me or frame != self.my_confirm:
            digest = H(b"confirm", self.sid, bytes((index,)), y, t)
            verify(signature, self.people[index].t, digest)
            try:
                check_x25519_key(y)
                check_eddsa_key(t)
            except errors.BadPublicKey:
                raise errors.BadCommitment(index) from None
            if self._commitment(index, y, t) != self._slot(self._commits, index):
                raise errors.BadCommitment(index)
            # Of my own, too: what is right in everybody's eyes must be so in mine, whoever sealed
            # it with another closing message.
            if self._confirm_key and not equal(self.check(self._confirm_key, index), check):
                failure = (CHECK, index)
                if index == self.me:
                    self._mine &= ~CONFIRM_IS_MINE
                    failure = (NOT_MINE, index)
        self.opened[index] = (y, t)
        self._confirms[index] = H(b"frame", frame) + check
        self.failure = self.failure or failure
        self.confirms_left -= 1
        return index, closing

    # --- ABORT and REVEAL (7)

    def abort(self, reason, target, k=0):
        """Makes my ABORT: it kills this exchange for everyone. `target`: an index; `k`: for
        REMOVED, the number of session frames after which `target` was due."""
        body = bytes((reason, target)) + wire.varint(k)
        self.my_abort = self._signed(wire.ABORT, b"abort", body)
        return self.my_abort

    def _signed(self, kind, tag, body):
        who = bytes((self.me,))
        signature = sign(self.keys.t_secret, H(tag, self.sid, who, body))
        head = self._head(kind, self.me)
        plain = wire.packed(signature, body)
        sealed = seal_once(self.suite, self.secret, tag, (self.sid, who), head, plain)
        wipe(plain)
        return head + bytes(sealed)

    def _open_signed(self, frame, tag):
        """(index of the author, Reader of the body) of an ABORT, WITNESS or REVEAL."""
        index, plain = self._open(frame, tag)
        reader = wire.Reader(plain)
        signature = reader.view(SIGNATURE)
        body = wire.Reader(reader.rest())
        verify(signature, self.people[index].t, H(tag, self.sid, bytes((index,)), body.data))
        return index, body

    def receive_abort(self, frame):
        """(author, reason, target, k) of an ABORT; it is dead from here on."""
        author, body = self._open_signed(frame, b"abort")
        reason = body.byte()
        target = body.byte()
        k = body.varint()
        body.end()
        if not REMOVED <= reason <= CHECK:
            raise errors.UnknownType()
        if target >= len(self.people):
            raise errors.BadIndex()
        self._die()
        return author, reason, target, k

    def _die(self):
        """Kills this exchange: what came of it is wiped, but for E and x, which a REVEAL needs."""
        n = len(self.people)
        self.dead = True
        slots = [self._slot(self._hashes, i) if self._have_share[i] else b"" for i in range(n)]
        self.digest = H(b"slots", *(slots + [one[:KEY] for one in self._confirms]))
        if self.next_keys:
            self.next_keys.wipe()
        if self.statement:
            wipe(self.statement[0])
        wipe(self._pair)
        self._wipe_derived()

    def witness(self):
        """Makes my WITNESS: what stood in the slots when the ABORT came, and so that I have not
        switched. A frame."""
        return self._signed(wire.WITNESS, b"witness", self.digest + bytes((self._mine,)))

    def receive_witness(self, frame):
        """(author, digest, what it says of its own slots) of a WITNESS."""
        author, body = self._open_signed(frame, b"witness")
        return (author,) + _read_slots(body)

    def reveal(self):
        """Makes my REVEAL: x, and what stood in the slots when the ABORT came. A frame."""
        body = wire.packed(self.keys.x, self.digest, bytes((self._mine,)))
        frame = self._signed(wire.REVEAL, b"reveal", body)
        wipe(body)
        return frame

    def receive_reveal(self, frame):
        """(author, x, digest, what it says of its own slots) of a REVEAL; x fits its y."""
        author, body = self._open_signed(frame, b"reveal")
        try:
            x = body.secret(KEY)
            digest, mine = _read_slots(body)
        finally:
            wipe(body.data)
        if bytes(mc.x25519_public_key(x)) != self.people[author].y:
            raise errors.BadReveal()
        return author, x, digest, mine

    def shown_z(self, index):
        return self._slot(self._z, index)

    def auth_holds(self, i, j, key):
        """Whether the SHARE of `i` holds the `auth` to `j` that their key K_ij (32 bytes) asks."""
        s = self._slot(self.statements, i)
        return equal(self._auth(key, i, j, s), _part(self._auths[i], i, j))

    def check_holds(self, index, confirm_key):
        """Whether the CONFIRM of this participant, if it came, has the right c."""
        shown = self._confirms[index]
        return not shown or equal(self.check(confirm_key, index), shown[KEY:])

    # --- the end

    @property
    def complete(self):
        return self.confirms_left == 0 and not self.fails

    def wipe(self, keep_keys=False):
        """At the switch: x, K, E and what only the exchange needed."""
        if not keep_keys and self.keys:
            self.keys.wipe()
        for secret in (self._pair, self._z, self.secret, self._confirm_key):
            if secret is not None:
                wipe(secret)

    def _wipe_derived(self):
        for secret in (self.chains, self.header_key, self.sas_key, self._confirm_key):
            if secret is not None:
                wipe(secret)

    def abandon(self, keep_keys=False):
        """Wipes everything: this exchange leads nowhere for me. `keep_keys`: my (x, t) serve
        another one."""
        self.wipe(keep_keys)
        if self.next_keys:
            self.next_keys.wipe()
            wipe(self.statement[0])
        self._wipe_derived()


def _read_slots(body):
    digest = body.take(KEY)
    mine = body.byte()
    body.end()
    if mine & ~(SHARE_IS_MINE | CONFIRM_IS_MINE):
        raise errors.WrongLength()
    return digest, mine


def _part(auths, i, j):
    """The `auth` of participant `i` to `j` among those in its SHARE."""
    at = _AUTH * (j if j < i else j - 1)
    return auths[at : at + _AUTH]
