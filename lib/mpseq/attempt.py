"""An exchange under way, and the part of Conversation that is not in yet: from an invitation to
the switch of whichever exchange takes it in (PROTOCOL.md 5.2, 5.3).
"""

from . import errors, wire
from .exchange import AUTH, CHECK, RING, Exchange
from .primitives import KeyPairs, wipe
from .roster import find, open_roster, roster_key, roster_secret

_MOST_CANDIDATES = 8
_MOST_ASKED = 8
_MOST_SERVED = 32  # ROSTERs for one y: each costs 3 (n - 1) X25519


class Attempt:
    """One exchange under way. `roster`: the ROSTER frame that must come first, or None."""

    def __init__(self, exchange, roster, mine, now, failed=0):
        self.exchange = exchange
        self.roster = roster
        self.started = roster is None  # SHAREs count only after ROSTER
        self.roster_at = None if roster is None else now
        self.mine = mine
        self.owes_share = False  # mine, which takes time (Settings.pairs_at_once)
        self.since = now
        self.waits_since = now  # the frames that are owed now
        self.failed = failed
        self.invitation = None  # by which I join

    def is_vouched_for(self):
        """Whether my inviter's SHARE holds a valid `auth` to me."""
        exchange = self.exchange
        return exchange.has_auth(find(exchange.people, self.invitation.inviter))


class Joining:
    """That I asked to join a room. Several members may have invited me: my JOINs carry one y,
    so that whichever admission counts fits, and a ticket each."""

    def __init__(self, keys):
        self.keys = keys
        self.asked = []  # (Invitation, ticket), the latest first
        self.served = []  # 16 bytes of each sid that I made a SHARE for: never a second one
        self._known = []  # (e'B, E, Invitation) of the latest ROSTERs

    @property
    def conversation_id(self):
        return self.asked[0][0].room.conversation_id

    def forget_tickets(self):
        for _, ticket in self.asked:
            wipe(ticket)
        for _, secret, _ in self._known:
            wipe(secret)
        self._known = []

    def secret_of(self, frame):
        """(a fresh copy of E, the Invitation it belongs to) of a ROSTER, or Stranger. What is
        known of this e'B is used again: a copy costs no X25519."""
        public = roster_key(frame)
        for known, secret, invitation in self._known:
            if known == public:
                return bytearray(secret), invitation
        for invitation, ticket in self.asked:
            secret = roster_secret(invitation.room.suite, frame, ticket, self.keys)
            if secret:
                if len(self._known) >= _MOST_CANDIDATES:
                    wipe(self._known.pop(0)[1])
                self._known.append((public, bytearray(secret), invitation))
                return secret, invitation
        raise errors.Stranger()


class Joiner:
    def _start_joining(self):
        self._candidates = []  # the exchanges of a joiner
        self._joining = None

    def _ask_to_join(self, invitation, now):
        """Once a CONFIRM of mine is out the switch is near: there is nothing more to ask for."""
        joining = self._joining
        if joining:
            same = joining.conversation_id == invitation.room.conversation_id
            if same and self._confirmed():
                return
            if not same:
                self._give_up_joining()
                joining = None
        joining = joining or Joining(KeyPairs(self._random))
        frame, ticket = invitation.join(
            self.identity, self.nick, self._random, joining.keys
        )
        joining.asked = [(invitation, ticket)] + joining.asked[: _MOST_ASKED - 1]
        self._joining = joining
        self._outbox.post(frame, now)

    def _confirmed(self):
        """Whether a CONFIRM of mine is out in an exchange that I join by."""
        for candidate in self._candidates:
            if candidate.exchange.my_confirm:
                return True
        return False

    def _give_up_joining(self):
        """LocalError when others count on me already: they would be in a session with nobody."""
        if self._confirmed():
            raise errors.LocalError("about to be in a conversation; leave it first")
        if self._joining:
            self._forget_joining()
        self._close_trial()

    def _forget_joining(self, keep_keys=False):
        """`keep_keys`: a trial may ask for x yet."""
        if not keep_keys:
            self._joining.keys.wipe()
        self._joining.forget_tickets()
        for candidate in self._candidates:
            candidate.exchange.abandon(keep_keys)
        self._candidates = []
        self._joining = None
        self._outbox.forget((wire.JOIN, wire.SHARE, wire.CONFIRM))

    def _abort_as_joiner(self, attempt, author, reason, target, now):
        """One exchange of a joiner is dead. After the last SHARE that spends my y, if it was an
        exchange that my inviter vouches for; then I JOIN anew (5.3, 7)."""
        exchange = attempt.exchange
        self._candidates.remove(attempt)
        elsewhere = self._confirmed()  # there this x would open S
        if exchange.shares_left or elsewhere or not attempt.is_vouched_for():
            exchange.abandon(keep_keys=True)
            return
        from .judgement import Trial, is_in_form  # as in failures

        joining = self._joining
        self._close_trial()
        asked = reason in (AUTH, RING, CHECK) and is_in_form(exchange, author, reason, target)
        self._forget_joining(keep_keys=asked)
        if asked:
            self._dead = attempt
            self._trial = Trial(exchange, author, reason, target)
            self._testify(now)
            if self._trial.may_reveal:
                self._close_trial()
        else:
            exchange.abandon()
        for invitation, _ in reversed(joining.asked):
            self._ask_to_join(invitation, now)

    def _receive_roster_as_joiner(self, frame, now):
        joining = self._joining
        if self._confirmed():
            raise errors.OutOfPlace()
        if len(joining.served) >= _MOST_SERVED:
            raise errors.TooManyRosters()
        try:
            secret, invitation = joining.secret_of(frame)
        except errors.Stranger:
            return  # for somebody else
        me = self.identity.public
        try:
            roster = open_roster(
                frame, secret, invitation.room, joining.keys, invitation.inviter, me
            )
            sid = invitation.room.sid(roster.nonce, roster.people)
            if sid[:16] in joining.served:
                raise errors.Duplicate()  # one sid, one SHARE, even when the exchange is over
            self._make_room()
        except errors.FrameError:
            wipe(secret)
            raise
        exchange = Exchange(
            invitation.room, secret, roster.nonce, roster.people,
            find(roster.people, me), joining.keys, self.identity,
        )
        attempt = Attempt(exchange, frame, False, now, roster.failed)
        attempt.started = attempt.owes_share = True
        attempt.invitation = invitation
        self._candidates.append(attempt)
        joining.served.append(sid[:16])
        self._outbox.forget((wire.JOIN,))

    def _make_room(self):
        """Of too many exchanges those go first that my inviter has not vouched for (5.3)."""
        if len(self._candidates) < _MOST_CANDIDATES:
            return
        for candidate in self._candidates:
            if not candidate.is_vouched_for():
                self._candidates.remove(candidate)
                candidate.exchange.abandon(keep_keys=True)
                return
        raise errors.TooManyRosters()
