"""A conversation: one member's view of one room. The only door to the protocol core.

In: `receive(label, frame, now)`, `tick(now)` and what the application asks for. Out:
`take_frames()` and `take_events()`. No I/O, no clock, no randomness of its own. `now` counts
milliseconds, never goes back and never wraps. What moves the state from session to session stands
here and in `rounds`; the rules of who is in stand in `membership`.
"""

from . import errors, events, wire
from .bodies import encode_invite
from .invitation import check_invitation, invite, open_invitation
from .membership import ANY, CREATOR, MAX_INVITED, UNANIMOUS
from .outbox import Outbox
from .primitives import SUITE_XCHACHA20_POLY1305, check_suite, check_x25519_key
from .roster import Room, find
from .rounds import Rounds
from .talk import Talk
from .watch import Watch

_MIN_PSK = 16
_OPENINGS = 8  # invitations opened in a burst; then one in two seconds
_OPENING_REFILL = 2000
_OPENED = 16  # invitations remembered: a second copy is a duplicate
_UNOPENED = 8192  # bytes of invitations that wait until I may open them


class Settings:
    """Times in milliseconds; PROTOCOL.md 4-6 gives the bounds."""

    def __init__(self):
        self.ack_after = 15000  # a text unacknowledged: at most 60 s
        self.batch_wait = 3000  # an inviter waits this long for more JOINs
        self.next_proposer = 5000  # each higher index proposes this much later
        self.roster_after = 10000  # anyone posts a ROSTER that its proposer owes
        self.rekey_after = 600000
        self.rekey_frames = 1000
        self.repost_after = 10000  # a frame without echo is posted again
        self.suspect_after = 60000  # a debt is that old when I say so
        self.suspect_ack_after = 120000  # the same for an acknowledgement
        self.suspect_absent_after = 15000  # the same when the carrier says that somebody left
        self.abort_after = 5000  # who is only slow may still be heard
        self.max_body = 65536  # bytes of a text or datum: longer ones are neither sent nor taken
        self.pairs_at_once = 64  # pairwise keys computed in one call: each is three X25519
        self.max_unfinished = 131072  # bytes of long ones that are on their way from all members


class Conversation(Talk, Watch, Rounds):
    """`identity`: an Identity; `nick`: 1-32 bytes of UTF-8; `random(n)` returns n random bytes,
    best in a bytearray, which is wiped after use: of a bytes object a copy stays in memory;
    `psk`: a pre-shared key that all members must have, at least 16 bytes that nobody can guess
    (its check value lets a guest try guesses), or nothing."""

    def __init__(self, identity, nick, random, psk=b"", settings=None):
        wire.text_bytes(nick, wire.MAX_NICK)
        self.identity = identity
        self.nick = nick
        if 0 < len(psk) < _MIN_PSK:
            raise errors.LocalError("a pre-shared key has at least %d random bytes" % _MIN_PSK)
        self.settings = settings or Settings()
        self.room = None
        self.session = None
        self.refused = {}  # how many frames were refused, by reason
        self._random = random
        self._psk = psk
        self._events = []
        self._outbox = Outbox(self.settings.repost_after)
        self._wake = None
        self._openings = _OPENINGS
        self._opened_at = 0
        self._opened = []  # 8 bytes of e of each that was for me, the latest last
        self._unopened = []  # INVITATION frames that wait
        self._start_talk()
        self._start_rounds()
        self._start_watch()

    # --- what the application sees

    @property
    def name(self):
        return self.room.name if self.room else None

    @property
    def members(self):
        """Members of the session, ascending by key; empty outside."""
        return list(self.session.members) if self.session else []

    @property
    def code(self):
        """The session code (5.5) to compare by voice, or None."""
        return self.session.code if self.session else None

    @property
    def transcript(self):
        """(messages, 32-byte hash): equal for all who saw the same in this session."""
        return (self.session.count, self.session.h) if self.session else (0, b"")

    @property
    def exchange_running(self):
        return self._attempt is not None

    def take_events(self):
        out = self._events
        self._events = []
        return out

    def take_frames(self):
        return self._outbox.take_frames()

    def next_tick(self):
        """When tick() should be called at the latest, or None."""
        return self._wake

    # --- what the application asks for

    def create(self, name, now, suite=SUITE_XCHACHA20_POLY1305, policy=ANY):
        """Founds a conversation; I am alone in it until somebody joins (section 4)."""
        if self.room:
            raise errors.LocalError("already in a conversation")
        _check_kind(suite, policy)
        wire.text_bytes(name, wire.MAX_NAME)
        self._give_up_joining()
        room = Room(name, bytes(self._random(16)), self.identity.public, suite, policy, self._psk)
        self.room = room
        self._found(now)
        self._act(now)

    def invite(self, invitees, now, replace=False):
        """Invites several at once: [(nick, 32-byte key)], at most 64 open invitations. Replaces
        open invitations of mine to the same nick or key. `replace`: the key of a member that is
        here means another device in the place of this one (5.2)."""
        self._need_session()
        invitees = list(invitees)
        me = self.session.me
        new = [one for one in invitees if find(self.session.members, one[1]) < 0]
        if len(new) + len(self.session.members) > wire.MAX_PARTICIPANTS:
            raise errors.LocalError("a room has at most %d people" % wire.MAX_PARTICIPANTS)
        if not self._membership.may_invite(me):
            raise errors.LocalError("you may not invite here, or too many of your guests failed")
        nicks = []
        keys = []
        for nick, key in invitees:
            wire.text_bytes(nick, wire.MAX_NICK)
            try:
                check_x25519_key(key)
            except errors.BadPublicKey:
                raise errors.LocalError("the key of %s is not a valid key" % nick) from None
            if key == self.identity.public:
                raise errors.LocalError("that is your own key")
            if key in keys or (not replace and find(self.session.members, key) >= 0):
                raise errors.LocalError("%s is here already" % nick)
            if nick in nicks or self._membership.nick_is_promised(nick, key, me):
                raise errors.LocalError("the nick %s is taken" % nick)
            nicks.append(nick)
            keys.append(key)
        self._check_pending(keys)
        for one in self._invites:
            if one.key in keys or one.nick in nicks:
                one.wipe()
        self._invites = [
            one for one in self._invites if one.key not in keys and one.nick not in nicks
        ]
        nick = self._member(me).nick
        frame, opened = invite(self.identity, nick, self.room, invitees, self._random)
        self._post_message(wire.INVITE, encode_invite(opened[0].id, invitees), now)
        self._outbox.post(frame, now)
        self._invites.extend(opened)
        self._act(now)

    def accept(self, invitation, now):
        """Answers an invitation (of the event Invited) with a JOIN."""
        _check_kind(invitation.room.suite, invitation.room.policy)
        if self.session:
            if not self._may_rejoin(invitation):
                raise errors.LocalError("already in a conversation")
            if len(self.session.members) > 1:
                self._post_message(wire.LEAVE, b"", now)
            self._out(False)
        self._ask_to_join(invitation, now)
        self._act(now)

    def decline(self, invitation):
        """Nothing is sent: a stranger learns nothing from silence."""

    def approve(self, key, now):
        """Lets in whoever is invited under this key (policy UNANIMOUS; the event InviteSeen)."""
        for invitation_id in self._invitation_ids(key):
            self._word(self._approved, key + invitation_id)
            self._post_message(wire.APPROVE, key + invitation_id, now)

    def cancel(self, key, now):
        """Takes my invitation of this key back; with my own key: refuses the device that would
        take the place of this one."""
        self._need_session()
        if key == self.identity.public:
            ids = self._invitation_ids(key)
            for invitation_id in ids:
                self._word(self._refused, key + invitation_id)
        else:
            ids = [one.id for one in self._invites if one.key == key]
            if not ids:
                raise errors.LocalError("you have not invited anybody under this key")
        for invitation_id in ids:
            self._post_message(wire.CANCEL, key + invitation_id, now)

    def expel(self, key, now):
        """Votes to remove a member: the creator's word if the policy is CREATOR, else all others
        must say so (section 6)."""
        self._need_session()
        index = find(self.session.members, key)
        if index < 0 or index == self.session.me:
            raise errors.LocalError("there is no other member with this key")
        self._word(self._expels, key)
        self._post_message(wire.EXPEL, bytes((index,)), now)
        self._act(now)

    def send(self, text, now):
        """Queues a text (str); it is posted as soon as the protocol allows."""
        self._say(wire.TEXT, wire.encoded(text), now)

    def send_data(self, content_type, data, now):
        """Queues data with a content type, for instance "text/csv"."""
        self._say(wire.DATA, wire.text_bytes(content_type, wire.MAX_NAME) + data, now)

    def rekey(self, now):
        """Asks for a fresh group key now, not when it falls due."""
        self._need_session()
        if len(self.session.members) > 1 and self._last_rekey == self.identity.public:
            raise errors.LocalError("the last re-key was mine: somebody else must do the next")
        self._rekey_asked = True
        self._act(now)

    def leave(self, now):
        """Says good-bye; the event Left comes when the room has heard it."""
        if self.session is None:
            self._out(False)
        elif self._leaving is None:
            self._leaving = now
        self._act(now)

    # --- what the carrier brings

    def tick(self, now):
        self._act(now, self.settings.pairs_at_once)

    def receive(self, label, frame, now):
        """A frame of the room, mine included. A frame that is refused changes nothing; the event
        Refused says why."""
        frame = bytes(frame)
        session = self.session
        count = session.count if session else 0
        moved = True
        try:
            self._outbox.echoed(frame)
            self._receive(frame, now)
            if session and self.session is session and wire.frame_type(frame) == wire.MESSAGE:
                self._heard(label, frame[5])
        except errors.FrameError as error:
            moved = isinstance(error, errors.Proof) or (session and session.count != count)
            self._count(error)
            self._events.append(events.Refused(label, error.name))
        if self.session and moved:
            self._settle(now)
        # A frame costs enough by itself, unless everything is to be done at once.
        most = self.settings.pairs_at_once
        self._act(now, most if most >= wire.MAX_PARTICIPANTS else 0)

    def _receive(self, frame, now):
        kind = wire.frame_type(frame)
        if kind == wire.MESSAGE:
            if self.session:
                self._receive_message(frame, now)
        elif kind == wire.INVITATION:
            self._receive_invitation(frame, now)
        elif kind == wire.JOIN:
            self._receive_join(frame, now)
        elif kind == wire.ROSTER:
            self._receive_roster(frame, now)
        else:
            self._receive_exchange(kind, frame, now)

    def _receive_invitation(self, frame, now):
        """Opening one costs an X25519, whoever it is for: eight at once, then one in two seconds;
        some wait for their turn."""
        if self.session and not self._parted:
            return  # an invitee already inside ignores it (5.1)
        # By e: a stranger may have changed the slots of others.
        if check_invitation(frame)[:8] in self._opened or frame in self._unopened:
            raise errors.Duplicate()
        if self._may_open(now):
            self._open(frame)
            return
        self._unopened.append(frame)
        while sum([len(one) for one in self._unopened]) > _UNOPENED:
            self._unopened.pop(0)
        raise errors.TooManyInvitations()

    def _may_open(self, now):
        refill = (now - self._opened_at) // _OPENING_REFILL
        self._opened_at += refill * _OPENING_REFILL
        self._openings = min(_OPENINGS, self._openings + refill)
        if self._openings == 0:
            return False
        self._openings -= 1
        return True

    def _open(self, frame):
        try:
            invitation = open_invitation(frame, self.identity, self._psk)
        except errors.Stranger:
            return  # for somebody else
        e = check_invitation(frame)[:8]
        if e in self._opened:
            raise errors.Duplicate()  # a copy of one that waited
        self._opened.append(e)
        del self._opened[:-_OPENED]
        if self.session and not self._may_rejoin(invitation):
            return
        self._events.append(events.Invited(invitation))

    def _act_invitations(self, now):
        while self._unopened and self._may_open(now):
            try:
                self._open(self._unopened.pop(0))
            except errors.FrameError as error:
                self._count(error)
        if self._unopened:
            self._wake_at(self._opened_at + _OPENING_REFILL)

    def _count(self, error):
        self.refused[error.name] = self.refused.get(error.name, 0) + 1

    # --- helpers

    def _may_rejoin(self, invitation):
        """Whether it comes from somebody that I lost sight of, in this very room (section 6)."""
        if invitation.room.conversation_id != self.room.conversation_id:
            return False
        inviter = invitation.inviter
        return inviter in self._parted and find(self.session.members, inviter) < 0

    def _invitation_ids(self, key):
        self._need_session()
        found = [one[2] for one in self._membership.invited if one[0] == key]
        if not found:
            raise errors.LocalError("nobody is invited under this key")
        return found

    def _need_session(self):
        if self.session is None:
            raise errors.LocalError("not in a conversation yet")
        if self._leaving is not None:
            raise errors.LocalError("leaving")

    def _check_pending(self, keys):
        """At most 64 invitations of mine; what those of others leave room for, the room says."""
        mine = [one for one in self._invites if one.key not in keys]
        if not keys or len(mine) + len(keys) > MAX_INVITED:
            raise errors.LocalError("1-%d open invitations" % MAX_INVITED)

    def _member(self, index):
        return self.session.members[index]

    def _out(self, removed):
        """I am no longer in: everything of the conversation is wiped and forgotten."""
        if self._attempt:
            self._attempt.exchange.abandon()
        if self.session:
            self.session.wipe()
            if self.session.keys:
                self.session.keys.wipe()
        self._close_trial()
        if self._joining:
            self._forget_joining()
        for one in self._invites:
            one.wipe()
        self.room = None
        self.session = None
        self._tell_unsent(self._outbox.texts)
        self._outbox.clear()
        self._start_talk()
        self._start_rounds()
        self._start_watch()
        self._events.append(events.Left(removed))

    def _act(self, now, most=0):
        """Does what is due at `now` and sets when to look again. `most`: pairwise keys."""
        self._wake = None
        self._act_shares(now, most)
        if self.session:
            self._act_rounds(now)
        if self.session and not self._parted:
            self._unopened = []
        self._act_invitations(now)
        if self.session:
            self._act_talk(now)
        if self.session:
            self._act_watch(now)
        self._wake_at(self._outbox.repost(now))

    def _wake_at(self, when):
        if when is not None and (self._wake is None or when < self._wake):
            self._wake = when


def _check_kind(suite, policy):
    check_suite(suite)
    if policy not in (ANY, CREATOR, UNANIMOUS):
        raise errors.LocalError("there is no policy %d" % policy)
