"""Which invitation to accept, for who is invited while nobody looks on: one at a time.

To accept a second one forgets what the first began (PROTOCOL.md 5.1), and anyone who knows a
public key can send one.
"""

PATIENCE = 120000  # ms that an inviter has until a session; then the next invitation has its turn
_MAX_WAITING = 8


class Door:
    """`welcome(invitation)` says yes or no to each as it comes; `accept(invitation)` answers one,
    and returns False when that cannot be.

    While one is accepted, others wait; except another by the same inviter, who knows what became
    of the first, and another into the same conversation, which the core joins to the first.
    """

    def __init__(self, welcome, accept):
        self._welcome = welcome
        self._accept = accept
        self._accepted = None
        self._until = 0
        self._waiting = []

    def knock(self, invitation, now: int):
        """An invitation has come. Raises what `welcome` raises, and is as before then."""
        if not self._welcome(invitation):
            return
        self._waiting = [one for one in self._waiting if one.inviter != invitation.inviter]
        if self._accepted is None or now >= self._until:
            self._take(invitation, now)
        elif self._belongs(invitation):  # without more time: nobody can stay the first for ever
            if self._accept(invitation):
                self._accepted = invitation
        elif len(self._waiting) < _MAX_WAITING:
            self._waiting.append(invitation)

    def next(self, now: int):
        """Accepts one that waits, if the accepted one has had its time."""
        while self._waiting and now >= self._until:
            self._take(self._waiting.pop(0), now)

    def reset(self):
        """What was accepted is over: the next may be."""
        self._accepted = None
        self._until = 0

    def _belongs(self, invitation):
        accepted = self._accepted
        if invitation.inviter == accepted.inviter:
            return True
        return invitation.room.conversation_id == accepted.room.conversation_id

    def _take(self, invitation, now):
        if self._accept(invitation):
            self._accepted = invitation
            self._until = now + PATIENCE
