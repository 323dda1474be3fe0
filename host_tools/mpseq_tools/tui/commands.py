"""What a line that somebody types means. The same for plain lines and for the screen."""

import inspect
import os
import shlex

from mpseq import fingerprint, membership
from mpseq.errors import LocalError, MpseqError
from mpseq_aio import link

from ..faults import Fault
from . import marks
from .typed import nick_and_code, nicks_and_keys

POLICIES = {
    "any": membership.ANY,
    "creator": membership.CREATOR,
    "unanimous": membership.UNANIMOUS,
}


class Command:
    """`usage`: its arguments; `help`: a line or several; `least`, `most`: how many words."""

    def __init__(self, name, usage, help, act, least=0, most=0):
        self.name = name
        self.usage = usage
        self.help = help
        self.act = act
        self.least = least
        self.most = most

    def head(self):
        """How it is typed."""
        return f"/{self.name} {self.usage}".rstrip()


class Question:
    """Asked before something is done. `rows`: what to know before; `yes`: what is done then."""

    def __init__(self, title, rows, yes):
        self.title = title
        self.rows = rows
        self.yes = yes


async def do(room, line: str):
    """Does what a line says; what is wrong with it is shown, never raised."""
    line = line.rstrip("\r\n")
    try:
        if not line.strip():
            return
        if not line.startswith("/"):
            await room.send(line)
        elif line.startswith("//"):
            await room.send(line[1:])
        else:
            await _command(room, line[1:])
    except Fault as fault:
        room.say(f"* not done: {fault}\n* Cure: {fault.cure}")
    except (MpseqError, link.LinkError, link.CarrierLost) as error:
        room.say(f"* not done: {error}")


async def _command(room, line):
    name, *words = line.split() or ["help"]
    command = BY_NAME.get(name)
    if command is None:
        room.say(f"* /{name}: unknown. /help shows the commands.")
    elif not command.least <= len(words) <= command.most:
        room.say(f"* usage: {command.head()}")
    else:
        result = command.act(room, *words)
        if inspect.isawaitable(result):
            await result


def _create(room, *words):
    policy = membership.ANY
    if words[-1].startswith("policy="):
        *words, option = words
        policy = POLICIES.get(option.removeprefix("policy="))
        if policy is None:
            raise LocalError(f"{option}: there are {', '.join(POLICIES)}")
    room.chat.create(" ".join(words) or room.name, policy=policy, suite=room.suite)


def _invite(room, *words):
    pairs = nicks_and_keys(words)
    if pairs is None:
        room.say(f"* usage: {BY_NAME['invite'].head()}")
        return
    for nick, key in pairs:
        _refuse_own(room, key)
        _refuse_member(room, nick, key)
    _let_in(room, pairs, False)


def _refuse_own(room, key):
    if key == room.own_key:
        raise Fault(
            "that is your own key", "whoever else uses this machine starts with --profile NAME"
        )


def _refuse_member(room, nick, key):
    here = room.nick_of(key)
    if here == nick:
        raise Fault(
            f"{nick} is here already",
            f"it was reset? /replace {nick} KEY puts it back in at once; else it is parted from a"
            " minute or two after the next text",
        )
    if here:
        raise Fault(
            f"that is the key of {here}, who is here already",
            f"the key that /me shows {nick}; or, if {here} was reset, /replace {here} KEY",
        )


def _replace(room, *words):
    pairs = nicks_and_keys(words)
    if pairs is None or len(pairs) > 1:
        room.say(f"* usage: {BY_NAME['replace'].head()}")
        return
    _refuse_own(room, pairs[0][1])
    _let_in(room, pairs, True)


def _let_in(room, pairs, replace):
    room.doorstep.invite(pairs, replace)
    for nick, key in pairs:
        if room.invitees.get(nick, key) != key:
            room.doorstep.cancelled(room.invitees[nick])
        room.invitees[nick] = key
        room.say(f"* invited {nick} [{fingerprint(key)}]")
    if room.chat.connected and not room.present:
        room.say("* nobody else is in the room yet: who comes while you are here is invited then")


def _invitee(room, who):
    return room.invitees[who] if who in room.invitees else room.key_of(who)


def _approve(room, *nick):
    room.chat.approve(_invitee(room, " ".join(nick)))


def _cancel(room, *nick):
    key = _invitee(room, " ".join(nick))
    room.chat.cancel(key)
    room.doorstep.cancelled(key)


def _expel(room, *nick):
    room.chat.expel(room.key_of(" ".join(nick)))


async def _accept(room, number=""):
    await room.accept(room.invite_of(number))


def _decline(room, number=""):
    room.decline(room.invite_of(number))


def _who(room):
    if not room.chat.members:
        room.say("* nobody: not in a conversation")
    for seat in room.seats():
        said = f" ({seat.words()})" if seat.mark != "unverified" or seat.suspected else ""
        room.say(f"* {marks.who(seat.nick, seat.key)}{said}")


def _code(room):
    code = room.chat.code
    said = f"session code: {marks.show_code(code)}" if code else "no session code: alone"
    room.say(f"* {said}")


def _me(room):
    room.say(f"* {room.chat.nick} {room.own_key.hex()}")
    room.say(f"* fingerprint {room.chat.identity.fingerprint}")


def _verify(room, *words):
    nick, given = nick_and_code(words)
    key = room.key_of(nick)
    if key == room.own_key:
        raise LocalError("that is you")
    if room.people is None:
        raise LocalError("nobody is remembered here")
    name = room.nick_of(key)
    code = room.chat.code

    def yes():
        room.people.verify(key, name)
        room.say(f"* verified: {name} [{fingerprint(key)}]")
        room.meet(room.chat.members)
        room.remark()

    if given and not given.equals(code):
        room.warn(
            f"{name} reads {given}, but your session code is {marks.show_code(code)}: that is NOT"
            " the same session. Somebody may be in between. Nobody was verified.",
            "code", key,
        )
    elif given:
        yes()
    else:
        rows = [
            f"Call {name}, or meet: not by this chat. Compare",
            f"the session code: {marks.show_code(code)}",
            f"or the fingerprint of {name}: {fingerprint(key)}",
            f"({name} sees both, the fingerprint with /me). Are they equal?",
        ]
        if key in room.changed_keys:
            known = [one for one in room.people.by_nick(name) if one.key != key]
            rows.insert(0, f"KEY CHANGED: before it was {fingerprint(known[0].key)}.")
        room.ask(Question(f"Verify {name}", rows, yes))


def _unverify(room, *nick):
    nick = " ".join(nick)
    if room.people is None:
        raise LocalError("nobody is remembered here")
    try:
        keys = [room.key_of(nick)]
    except LocalError:
        keys = [one.key for one in room.people.by_nick(nick) if one.verified]
    keys = [key for key in keys if room.people.is_verified(key)]
    if not keys:
        raise LocalError(f"{nick} is not verified")
    for key in keys:
        room.people.unverify(key)
        room.say(f"* no longer verified: {nick} [{fingerprint(key)}]")
    room.remark()


async def _answer(room, yes):
    question, room.question = room.question, None
    if question is None:
        raise LocalError("nothing was asked")
    if yes:
        question.yes()
    else:
        room.say(f"* not done: {question.title}")


def _rekey(room):
    room.chat.rekey()


async def _leave(room):
    if not room.chat.members:
        room.say("* not in a conversation")
    elif not await room.chat.leave():
        room.warn("nobody heard that you left: there is no connection", "unheard")


def _warnings(room):
    if not room.warnings:
        room.say("* no warnings")
    for number, one in enumerate(room.warnings, 1):
        room.say(f"* warning {number}: {one.text()}")


def _dismiss(room, which=""):
    if which == "all":
        while room.dismiss():
            pass
    elif which:
        if not which.isdigit() or not 1 <= int(which) <= len(room.warnings):
            raise LocalError("no such warning")
        room.dismiss(room.warnings[int(which) - 1])
    elif not room.dismiss():
        raise LocalError("no warnings")


def _save(room, *path):
    path = os.path.expanduser(" ".join(path))
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            for line in list(room.lines):
                for row in line.plain():
                    file.write(f"{line.clock()} {row}\n")
    except OSError as error:
        raise LocalError(f"{path}: {error.strerror}") from None
    room.say(f"* saved in {path}, readable: whoever gets that file reads these texts")


async def _join(room, *words):
    from .. import rooms

    address, *rest = shlex.split(" ".join(words))
    psk = None
    if rest and rest[-1].startswith("psk="):
        psk = rest.pop().removeprefix("psk=")
    there = rooms.at(address)
    await room.talk.join(there, " ".join(rest) or room.chat.nick, psk)


async def _part(room):
    await room.talk.part(room)


def _rooms(room):
    for number, one in enumerate(room.talk.rooms, 1):
        mine = " (this one)" if one is room else ""
        unread = f", {one.unread} unread" if one.unread else ""
        many = "" if len(one.warnings) == 1 else "s"
        warned = f", {len(one.warnings)} warning{many}" if one.warnings else ""
        people = f"{len(one.chat.members)} in the conversation"
        room.say(f"* {number} {one.name}: {one.address}, {people}{unread}{warned}{mine}")


def _room(room, *which):
    room.talk.turn_to(room.talk.room_of(" ".join(which)))


def _quit(room):
    room.talk.done = True


def _help(room):
    room.say(HELP)


MANY = 1000
COMMANDS = (
    Command("create", "NAME", "found a conversation; with policy=creator only you invite and"
            " expel,\nwith policy=unanimous everyone must approve whoever comes",
            _create, 1, MANY),
    Command("invite", "NICK KEY ...", "invite people, several at once; KEY is what /me shows them",
            _invite, 2, MANY),
    Command("replace", "NICK KEY", "invite another device of a member in the place of the one that"
            " is here", _replace, 2, MANY),
    Command("approve", "NICK", "let somebody in whom another member invited", _approve, 1, MANY),
    Command("cancel", "NICK", "take your invitation back; or refuse a device in the place of"
            " yours", _cancel, 1, MANY),
    Command("expel", "NICK", "vote to remove a member: all others must say so", _expel, 1, MANY),
    Command("accept", "[NUMBER]", "join by an invitation (the latest)", _accept, 0, 1),
    Command("decline", "[NUMBER]", "ignore an invitation; nobody is told", _decline, 0, 1),
    Command("who", "", "who is in, with fingerprints and what is known of them", _who),
    Command("code", "", "the session code: read it to one another, it must be equal", _code),
    Command("verify", "NICK [DIGITS]", "you compared by voice: this is them. With the six digits"
            " that they read\n(and the words, if you like): no question is asked",
            _verify, 1, MANY),
    Command("unverify", "NICK", "take that back", _unverify, 1, MANY),
    Command("yes", "", "the answer to a question", lambda room: _answer(room, True)),
    Command("no", "", "the other answer", lambda room: _answer(room, False)),
    Command("me", "", "my nick, key and fingerprint", _me),
    Command("rekey", "", "fresh keys now", _rekey),
    Command("leave", "", "leave the conversation", _leave),
    Command("warnings", "", "warnings that nobody has dismissed", _warnings),
    Command("dismiss", "[NUMBER|all]", "I have seen it: the oldest warning", _dismiss, 0, 1),
    Command("save", "FILE", "write what is on this screen into a file; else it is in memory only",
            _save, 1, MANY),
    Command("join", "ADDRESS [NICK] [psk=FILE]", "open another room, with the same identity",
            _join, 1, MANY),
    Command("part", "", "leave and close this room", _part),
    Command("rooms", "", "the rooms that are open", _rooms),
    Command("room", "NAME", "turn to another room; its number does, too", _room, 1, MANY),
    Command("quit", "", "leave everything and end", _quit),
    Command("help", "", "this", _help),
)
BY_NAME = {command.name: command for command in COMMANDS}
NOTES = """\
Anything else is a text to the conversation; begin it with // for a text that begins with /.
A text is marked confirmed when every member has acknowledged it, in this order. Its number is
your screen's: others, who came earlier or later, count otherwise.
+ before a nick: you have verified that key. NICK can be the 8 letters of a fingerprint, too."""


def _listed(command):
    first, *more = command.help.splitlines()
    return [f"{command.head():<23} {first}"] + [f"{'':<23} {row}" for row in more]


HELP = "\n".join([row for command in COMMANDS for row in _listed(command)] + [NOTES])


def card_of(room) -> str:
    """What a QR code of mine says."""
    from .. import card  # segno takes a while to load

    return card.text(room.chat.nick, room.own_key)
