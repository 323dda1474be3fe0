"""A logger: writes what is said and what happens to a file, one JSON object a line.

    mpseq relay
    python logger.py tcp://127.0.0.1:7676/garden log.jsonl --invited-by KEY

KEY is what ana's chat shows for /me. It prints the line that ana types to invite it, and says in
the conversation that it logs, again whenever somebody comes in: a log is what the others cannot
take back. The file is for you alone (mode 0600) and grows until you end this with Ctrl-C.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from typing import Any, TextIO

from mpseq import events
from mpseq.errors import LocalError
from mpseq.invitation import Invitation
from mpseq_aio.chat import Chat
from mpseq_tools import keys, rooms
from mpseq_tools.faults import Fault
from mpseq_tools.people import People

NOTICE = "I keep a log of this conversation. Remove me with /expel {} if you do not want that."


def plain(value: Any) -> Any:
    """A field of an event as JSON knows it: bytes in hex, members and codes as objects."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    if hasattr(value, "_asdict"):
        return {name: plain(field) for name, field in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if value is None or isinstance(value, str | int):
        return value
    return repr(value)  # an invitation, the error in a Fault


def write(file: TextIO, event: Any) -> None:
    """One line: the time in seconds since 1970, the event's name, its fields."""
    line = {"time": round(time.time(), 3), "event": type(event).__name__, **plain(event)}
    file.write(json.dumps(line, ensure_ascii=False) + "\n")
    file.flush()


async def follow(chat: Chat, file: TextIO, notice: str) -> None:
    """Writes until it is out of the conversation; whoever comes in is told."""
    async for event in chat.events():
        write(file, event)
        if isinstance(event, events.SessionStarted) and event.joined:
            try:
                await chat.send(notice)
            except LocalError as error:  # leaving, or 32 texts of mine wait already
                print(f"could not say that I log: {error}", flush=True)
        elif isinstance(event, events.Left):
            return


async def run(options: argparse.Namespace, file: TextIO) -> None:
    identity, _ = keys.load(options.nick)
    people = People.load(options.nick)

    def welcome(invitation: Invitation) -> bool:
        return invitation.inviter in options.invited_by or people.is_verified(invitation.inviter)

    chat = Chat(identity, options.nick, rooms.at(options.address).room())
    try:
        async with chat:
            print(f"/invite {options.nick} {identity.public.hex()}", flush=True)
            while True:  # out of one conversation it waits for the next invitation
                await chat.join(welcome)
                await follow(chat, file, NOTICE.format(options.nick))
    finally:
        await chat.close()
        while (event := await chat.next_event()) is not None:  # heard until the end
            write(file, event)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Writes a conversation to a file.")
    parser.add_argument("address", help="like tcp://HOST:PORT/ROOM")
    parser.add_argument("file", help="what is said is added to it")
    parser.add_argument("--nick", default="logger")
    parser.add_argument("--invited-by", type=bytes.fromhex, action="append", default=[],
                        metavar="KEY", help="who may invite it; several times")
    found = parser.parse_args()
    try:
        mine = os.open(found.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(mine, "w", encoding="utf-8", errors="backslashreplace") as opened:
            asyncio.run(run(found, opened))
    except (Fault, OSError) as error:  # CarrierLost is an OSError
        sys.exit(f"{error}\nCure: {getattr(error, 'cure', 'start the relay, or see the address')}")
    except KeyboardInterrupt:
        pass
