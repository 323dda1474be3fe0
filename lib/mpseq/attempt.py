"""An exchange under way, and the part of Conversation that is not in yet: from an invitation to
the switch of whichever exchange takes it in (PROTOCOL.md 5.2, 5.3).
"""

from . import errors, wire
from .exchange import Exchange
from .primitives import wipe
from .roster import find, open_roster

_MOST_CANDIDATES = 8
_MOST_INVITERS = 8


class Attempt:
    """One exchange under way. `roster`: the ROSTER frame that must come first, or None."""

    def __init__(self, exchange, roster, mine, now, room=None, failed=0):
        self.exchange = exchange
        self.roster = roster
        self.started = roster is None  # SHAREs count only after ROSTER
        self.roster_at = None if roster is None else now
        self.mine = mine
        self.since = now
        self.room = room
        self.failed = failed


class Joiner:
    def _start_joining(self):
        self._candidates = []  # the exchanges of a joiner
        self._joining = None  # (Invitation, KeyPairs, ticket, keys of all who invited)

    def _ask_to_join(self, invitation, now):
        """Several members may invite one person: its JOINs to one room carry one y and one ticket,
        so that whichever admission comes last fits. Once its CONFIRM is out the switch is near and
        there is nothing more to ask for."""
        keys = ticket = None
        inviters = [invitation.inviter]
        if self._joining:
            before = self._joining[0].room
            if before.conversation_id == invitation.room.conversation_id:
                if self._confirmed():
                    return
                _, keys, ticket, others = self._joining
                inviters += [key for key in others if key != invitation.inviter]
            else:
                self._forget_joining()
        frame, keys, ticket = invitation.join(
            self.identity, self.nick, self._random, keys, ticket
        )
        self._joining = (invitation, keys, ticket, inviters[:_MOST_INVITERS])
        self._outbox.post(frame, now)

    def _confirmed(self):
        """Whether a CONFIRM of mine is out in an exchange that I join by."""
        for candidate in self._candidates:
            if candidate.exchange.my_confirm:
                return True
        return False

    def _forget_joining(self):
        self._joining[1].wipe()
        wipe(self._joining[2])
        for candidate in self._candidates:
            candidate.exchange.abandon()
        self._candidates = []
        self._joining = None
        self._outbox.forget((wire.JOIN, wire.SHARE, wire.CONFIRM))

    def _receive_roster_as_joiner(self, frame, now):
        invitation, keys, ticket, inviters = self._joining
        if self._confirmed():
            raise errors.OutOfPlace()
        if len(self._candidates) >= _MOST_CANDIDATES:
            raise errors.TooManyInvitations()
        for candidate in self._candidates:
            if candidate.roster == frame:
                raise errors.Duplicate()
        try:
            roster = open_roster(
                frame, invitation.room, ticket, keys, inviters, self.identity.public
            )
        except errors.Stranger:
            return  # for somebody else
        me = find(roster.people, self.identity.public)
        exchange = Exchange(
            invitation.room, roster.secret, roster.nonce, roster.people, me, keys, self.identity
        )
        attempt = Attempt(exchange, frame, False, now, invitation.room, roster.failed)
        attempt.started = True
        self._candidates.append(attempt)
        self._outbox.forget((wire.JOIN,))
        self._outbox.post(exchange.share(self._random), now)
