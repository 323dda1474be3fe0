"""Who is to blame for an exchange that failed: PROTOCOL.md section 7.

Everyone takes the same REVEALs in the same order and recomputes from them what the frames should
have held. Knows one dead exchange; knows nothing of who is a member, of time, or of what follows.
"""

from .exchange import AUTH, CHECK, CONFIRM_IS_MINE, RING, SHARE_IS_MINE
from .primitives import KEY, tdh_revealed, wipe


class Trial:
    """After an ABORT of `author` about `target`. `needed`: who must REVEAL; `guilty`: who is
    proven wrong; `disowned`: in whose slot stood what it did not post; `differs`: whose slots were
    not as mine; all are indexes of the exchange. `over`: nothing more will be learnt.

    When a c is disputed CONFIRMs are out, and one to whom the carrier showed others than me may
    have switched to a session whose key the x would open: then an x is shown only when everyone
    has signed, as a WITNESS, that it stands where I stand.
    """

    def __init__(self, exchange, author, reason, target):
        n = len(exchange.people)
        self.exchange = exchange
        self.author = author
        self.reason = reason
        self.target = target
        self.needed = [author, target] if reason == AUTH else list(range(n))
        self.guilty = []
        self.disowned = []
        self.differs = []
        self.over = False
        self.may_reveal = reason != CHECK
        self._witnessed = bytearray(n)
        self._x = [None] * n
        self._mine = bytearray(n)
        self._edges = bytearray(KEY * n)
        self._have_edge = bytearray(n)
        self._judged = bytearray(n)

    def missing(self):
        """Who owes a REVEAL, or before that a WITNESS, still."""
        if self.over:
            return []
        if not self.may_reveal:
            return [i for i in self.needed if not self._witnessed[i]]
        return [i for i in self.needed if self._x[i] is None]

    def take_witness(self, author, digest, mine):
        """One WITNESS of those that are missing."""
        self._witnessed[author] = 1
        self._note(author, digest, mine)
        if self.missing():
            return
        if self.differs:
            self.close()
        elif self._disowns(self.target, CONFIRM_IS_MINE):
            self.disowned.append(self.target)
            self.close()
        else:
            self.may_reveal = True

    def take(self, author, x, digest, mine):
        """One REVEAL of those that are missing."""
        self._x[author] = x
        self._note(author, digest, mine)
        if self.reason == AUTH:
            self._judge_auth()
        else:
            self._judge_ring()

    def _note(self, author, digest, mine):
        self._mine[author] = mine
        if digest != self.exchange.digest:
            self.differs.append(author)

    def close(self):
        """Wipes what was revealed."""
        self.over = True
        for x in self._x:
            if x is not None:
                wipe(x)
        wipe(self._edges)

    def _disowns(self, index, slot):
        return not self._mine[index] & slot

    def _judge_auth(self):
        """Two parties, one disputed `auth`: of the target's SHARE to the author."""
        if self.missing():
            return
        if not self.differs:
            i, j = sorted((self.author, self.target))
            people = self.exchange.people
            key = bytearray(KEY)
            tdh_revealed(key, people[i], self._x[i], people[j], self._x[j])
            holds = self.exchange.auth_holds(self.target, self.author, key)
            wipe(key)
            if holds:
                self.guilty.append(self.author)
            elif self._disowns(self.target, SHARE_IS_MINE):
                self.disowned.append(self.target)
            else:
                self.guilty.append(self.target)
        self.close()

    def _judge_ring(self):
        """All reveal; each z is judged as soon as its two edges are known, so that one who keeps
        silent covers nobody but its neighbours."""
        people = self.exchange.people
        n = len(people)
        good = [self._x[i] is not None and i not in self.differs for i in range(n)]
        for k in range(n):
            j = (k + 1) % n
            if good[k] and good[j] and not self._have_edge[k]:
                self._have_edge[k] = 1
                self._edge(k)
        for i in range(n):
            if self._have_edge[i] and self._have_edge[i - 1] and not self._judged[i]:
                self._judged[i] = 1
                here = self._slot(i)
                before = self._slot((i - 1) % n)
                z = self.exchange.shown_z(i)
                for at in range(KEY):
                    if z[at] != here[at] ^ before[at]:
                        self.guilty.append(i)
                        break
        if self.missing():
            return
        if not self.guilty and not self.differs:
            self._judge_checks()
            if not self.guilty and not self.disowned:
                self.guilty.append(self.author)
        self.close()

    def _judge_checks(self):
        """All z fit, so S is known: whose c is wrong?"""
        group = self.exchange.group_key(self._edges)
        key = self.exchange.confirm_key(group)
        wipe(group)
        for i in range(len(self.exchange.people)):
            if self.exchange.check_holds(i, key):
                continue
            if self._disowns(i, CONFIRM_IS_MINE):
                self.disowned.append(i)
            else:
                self.guilty.append(i)
        wipe(key)

    def _slot(self, k):
        return memoryview(self._edges)[KEY * k : KEY * k + KEY]

    def _edge(self, k):
        people = self.exchange.people
        i, j = sorted((k, (k + 1) % len(people)))
        out = self._slot(k)
        tdh_revealed(out, people[i], self._x[i], people[j], self._x[j])
        self.exchange.edge(k, out, out)


def is_in_form(exchange, author, reason, target):
    """Whether an ABORT that cries about others' frames could be right where it came."""
    if exchange.shares_left:
        return False
    if reason == RING:
        return target == 0
    if target == author:
        return False
    return reason == AUTH or exchange.opened[target] is not None
