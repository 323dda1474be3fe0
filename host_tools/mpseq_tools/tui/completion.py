"""What could follow in the entry: commands, nicks, numbers. Pure: a room and a text in."""

import os.path

from mpseq_aio.framing import clean

from .commands import COMMANDS

_NICKS = ("approve", "cancel", "expel", "verify", "unverify", "replace")


def candidates(room, text: str) -> list:
    """[(whole line, what to say of it)] for a line that is being typed."""
    if not text.startswith("/") or text.startswith("//") or "\n" in text:
        return []
    name, space, rest = text[1:].partition(" ")
    if not space:
        return [
            (f"/{one.name} " if one.usage else f"/{one.name}", f"{one.head()}  {_first(one)}")
            for one in COMMANDS
            if one.name.startswith(name)
        ]
    known = [one for one in COMMANDS if one.name == name]
    if not known:
        return []
    found = [
        (f"/{name} {argument}", clean(f"/{name} {argument}"))
        for argument in _arguments(room, name)
        if argument.startswith(rest) and argument != rest
    ]
    return found or [(text, f"{known[0].head()}  {_first(known[0])}")]


def completed(room, text: str) -> str:
    """The line as far as there is only one way to go on."""
    found = [line for line, _ in candidates(room, text)]
    return os.path.commonprefix(found) if found else text


def _first(command):
    return command.help.splitlines()[0]


def _arguments(room, name):
    if name in _NICKS:
        nicks = [m.nick for m in room.chat.members if m.key != room.own_key]
        if name in ("approve", "cancel"):
            nicks += [nick for nick in room.invitees if nick not in nicks]
        return nicks
    if name in ("accept", "decline"):
        return [str(one.number) for one in room.invitations if one.state == "open"]
    if name == "room" and room.talk:
        return [one.name for one in room.talk.rooms if one is not room]
    if name == "create":
        return [room.name]
    return []
