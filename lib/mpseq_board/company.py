"""Who should be in the conversation of a board: founding it, inviting whoever is absent, bringing
back a member that was reset, and which invitations are taken.

Decides by keys. What the carrier says of its labels (who came, who went) is a hint that costs an
invitation at most.
"""

from mpseq import errors
from mpseq_aio.clock import now

_AGAIN = 20000  # ms until people who did not come are invited again; then doubling
_SELDOM = 320000
_READY = 60000  # ms in which one who has answered is not invited again
_GOOD_BYE = 3600000  # ms in which one who said that is not invited, unless somebody enters
_LISTEN = 20000  # ms in which a host waits for an invitation while somebody else is here
# ms in a conversation that may go on elsewhere without me: I am alone in it, or nobody else of it
# is in the room, or its founder is not, though strangers are.
_ALONE = 20000
_DESERTED = 60000
_ORPHANED = 100000
_HOST = 120000  # a host, alone or deserted
_CROWD = 128  # labels kept, as many as a relay lets in


class Company:
    """`people`: [(nick, key)] of the settings."""

    def __init__(self, node, people):
        self.people = people
        self._node = node
        self._here = []  # labels of others in the room
        self._since = now()  # outside
        self._well = now()  # when there was last nothing wrong with the conversation
        self._founder = None  # its key, once it was seen in a session, until it says good-bye
        self._at = None  # when to invite
        self._pause = _AGAIN
        self._listen = _LISTEN
        self._leaves = False  # has decided to, and is not out yet
        self._skip = {}  # key -> until when: has answered, or said good-bye

    def note(self, name, event):
        """An event, by the name of its kind."""
        time = now()
        if name == "Connected":
            self._here = list(event.labels[1 : _CROWD + 1])
            self._since = time
            self._at = None
            self._found(self._node.chat, time)
            self.nudge()
        elif name == "Entered":
            if len(self._here) < _CROWD:
                self._here.append(event.label)
            for key in self._skip:
                self._skip[key] = min(self._skip[key], time + _READY)
            self.nudge()
        elif name == "Gone":
            if event.label in self._here:
                self._here.remove(event.label)
            labels = self._node.chat.labels
            for key in labels:
                if labels[key] == event.label:  # which somebody else may have next
                    labels[key] = ""
            self.nudge()
        elif name == "GuestReady":
            self._skip[event.key] = time + _READY
        elif name == "LeaveSeen":
            self._skip[event.key] = time + _GOOD_BYE
            if event.key == self._founder:
                self._founder = None
        elif name == "Left":
            self._since = time
            self._leaves = False
            self._founder = None
        elif name == "SessionStarted":
            self._well = time
            founder = self._node.chat.conversation.room.creator
            if founder in [one.key for one in event.members]:
                self._founder = founder
            if len(event.members) > 1:
                self._listen = _LISTEN
            for one in event.joined:
                self._skip.pop(one.key, None)
            if event.left:
                self.nudge()

    def nudge(self):
        """Soon it is time to invite: the host first, then one by one."""
        self._pause = _AGAIN
        wait = 1500
        if not self._node.config["host"]:
            wait = 5000
            for _, key, index in self._node.members:
                if key == self._node.identity.public:
                    wait += 1000 * index
        at = now() + wait
        if self._at is None or at < self._at:  # never later: strangers come and go as they like
            self._at = at

    def welcome(self, invitation):
        """Whether an invitation is taken: from people of the settings, or verified, by their key.
        Not from everyone ever met: somebody who was expelled may be among them."""
        if self._node.away:
            return False
        for one in self.people + self._node.known:
            if one[1] == invitation.inviter and (len(one) == 2 or one[2]):
                self._since = now()
                self._node.whole = None
                return True
        # Words of ours first: a stranger's nick could begin like any line of a node.
        self._node.log("not one of my people invites: %s" % invitation.inviter_nick)
        return False

    async def look(self, chat, time):
        """Does what is due."""
        if not chat.connected or chat.conversation.exchange_running:
            return
        members = chat.members
        if not members:
            if time - self._since >= self._listen:
                self._found(chat, time)
        elif self._leaves:
            pass  # for up to a minute, while texts wait for somebody who is gone
        elif time - self._well >= self._patience(chat, members, time):
            # Another conversation can be heard from outside only, and whoever is in it invites
            # ever more seldom.
            self._listen = min(2 * self._listen, 2 * _SELDOM)
            self._leaves = True
            await chat.leave(1)
        elif self._at is not None and time >= self._at:
            self._invite(chat, members, time)

    def _patience(self, chat, members, time):
        """How long it may go on like this."""
        own = self._node.identity.public
        orphaned = self._founder not in (None, own)
        labels = []
        for one in members:
            label = chat.labels.get(one.key)
            if one.key != own and (label is None or label in self._here):
                labels.append(label)
                orphaned = orphaned and one.key != self._founder
        host = self._node.config["host"]
        strangers = [label for label in self._here if label not in labels]
        if strangers and not labels:
            return _HOST if host else _ALONE if len(members) == 1 else _DESERTED
        if not strangers or not orphaned or host:
            self._well = time
        return _ORPHANED

    def _found(self, chat, time):
        """A host founds the conversation, unless somebody is here who may invite it."""
        node = self._node
        if node.config["host"] and not node.away and not chat.members:
            if not self._here or time - self._since >= self._listen:
                node.whole = None
                chat.create(node.config["name"])
                self._at = time

    def _invite(self, chat, members, time):
        """Invites who is absent, and whose old session sits here without its owner."""
        labels = [chat.labels.get(one.key) for one in members]
        self._at = None
        if not [label for label in self._here if label not in labels]:
            return  # everyone in the room is in the conversation
        keys = [one.key for one in members]
        wanted = []
        for one in self.people:
            if time < self._skip.get(one[1], 0):
                continue
            label = chat.labels.get(one[1])
            if one[1] not in keys or (label is not None and label not in self._here):
                wanted.append(one)
        self._at = time + self._pause
        self._pause = min(2 * self._pause, _SELDOM)
        if wanted:
            try:
                chat.invite(wanted, True)
                return
            except errors.LocalError:
                pass
        for one in wanted:  # one of them cannot be, the others may
            try:
                chat.invite([one], True)
            except errors.LocalError as error:
                self._node.log("not invited: %s: %s" % (one[0], error))
