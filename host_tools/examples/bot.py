"""A bot that answers `!ping` and `!who`: only in a conversation, only to people it knows.

    mpseq relay
    python bot.py tcp://127.0.0.1:7676/garden --invited-by KEY

KEY is what ana's chat shows for /me. The bot prints the line that ana types to invite it; then
anybody whom you have verified under its profile (see VERIFY.md), or who may invite it, is answered
when typing `!ping`. With --anyone all members are. Ctrl-C: it says good-bye.
"""

import argparse
import asyncio
import sys

from mpseq import events
from mpseq.errors import LocalError
from mpseq.invitation import Invitation
from mpseq_aio.chat import Chat, Disconnected, Dropped
from mpseq_aio.link import CarrierLost
from mpseq_aio.plain import clean
from mpseq_tools import keys, rooms
from mpseq_tools.faults import Fault
from mpseq_tools.people import People


def answer(chat: Chat, text: str) -> str | None:
    """What the bot says to a text; nothing to most of them."""
    if text == "!ping":
        return "pong"
    if text == "!who":
        return "here: " + ", ".join(sorted(member.nick for member in chat.members))
    return None


async def talk(chat: Chat, listens_to: set[bytes], people: People, anyone: bool) -> None:
    """Answers until it is out of the conversation."""
    async for event in chat.events():
        if isinstance(event, events.Text) and not event.own:
            reply = answer(chat, event.text.strip())
            if reply is None:
                continue
            if not (anyone or event.key in listens_to or people.is_verified(event.key)):
                print(f"not answered, because unknown: {clean(event.nick)}", flush=True)
                continue
            try:
                await chat.send(reply)
            except LocalError as error:  # leaving, or 32 texts of mine wait already
                print(f"could not answer: {error}", flush=True)
        elif isinstance(event, events.SessionStarted):
            code = event.code.digits if event.code else "none: alone"
            nicks = ", ".join(clean(member.nick) for member in event.members)
            print(f"in a session with {nicks}; code {code}", flush=True)
        elif isinstance(event, Disconnected):
            print(f"disconnected: {clean(event.reason)}; trying again", flush=True)
        elif isinstance(event, Dropped):
            print(f"too slow: {event.count} events were thrown away", flush=True)
        elif isinstance(event, events.Left):
            return


async def run(options: argparse.Namespace) -> None:
    identity, _ = keys.load(options.profile)
    people = People.load(options.profile)
    listens_to = set(options.invited_by)

    def welcome(invitation: Invitation) -> bool:
        return invitation.inviter in listens_to or people.is_verified(invitation.inviter)

    async with Chat(identity, options.nick, rooms.at(options.address).room()) as chat:
        print(f"/invite {options.nick} {identity.public.hex()}", flush=True)
        while True:  # out of one conversation it waits for the next invitation
            await chat.join(welcome)
            await talk(chat, listens_to, people, options.anyone)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A bot that answers !ping and !who.")
    parser.add_argument("address", help="like tcp://HOST:PORT/ROOM")
    parser.add_argument("--nick", default="bot")
    parser.add_argument("--profile", default="bot", help="whose identity it uses")
    parser.add_argument("--invited-by", type=bytes.fromhex, action="append", default=[],
                        metavar="KEY", help="who may invite it; several times")
    parser.add_argument("--anyone", action="store_true", help="answer all members")
    try:
        asyncio.run(run(parser.parse_args()))
    except (Fault, CarrierLost) as error:
        sys.exit(f"{error}\nCure: {getattr(error, 'cure', 'start the relay, or see the address')}")
    except KeyboardInterrupt:
        pass
