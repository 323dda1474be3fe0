"""A sensor that is none: it sends made-up temperatures, as a board does real ones.

    mpseq relay
    python sensor.py tcp://127.0.0.1:7676/garden --nick porch --invited-by KEY

KEY is what ana's chat shows for /me; what she types to invite the sensor is printed. Then
dashboard.py in the same conversation has something to plot. Each reading is DATA of the type
text/csv, `SECONDS,CELSIUS`, as boards/examples/sensor.py sends it.
"""

import argparse
import asyncio
import math
import random
import sys
import time

from mpseq.errors import LocalError
from mpseq.invitation import Invitation
from mpseq_aio.chat import Chat
from mpseq_aio.link import CarrierLost
from mpseq_tools import keys, rooms
from mpseq_tools.faults import Fault
from mpseq_tools.people import People


def celsius(seconds: float) -> float:
    """A day of two minutes, with some noise."""
    return 18 + 6 * math.sin(seconds * 2 * math.pi / 120) + random.gauss(0, 0.2)


async def measure(chat: Chat, period: float) -> None:
    """A reading each `period` seconds, as long as it is in a conversation; what cannot be sent
    now is not sent later: the next one is newer."""
    while chat.members:
        now = time.time()
        line = f"{now:.0f},{celsius(now):.1f}"
        try:
            await chat.send_data("text/csv", line.encode())
        except LocalError as error:  # 32 wait already, because there is no connection
            print(f"not sent: {error}", flush=True)
        await asyncio.sleep(period)


async def drain(chat: Chat) -> None:
    """Nobody here wants the events, but they must be taken: 128 wait at most."""
    async for _ in chat.events():
        pass


async def run(options: argparse.Namespace) -> None:
    identity, _ = keys.load(options.profile or options.nick)
    people = People.load(options.profile or options.nick)

    def welcome(invitation: Invitation) -> bool:
        return invitation.inviter in options.invited_by or people.is_verified(invitation.inviter)

    async with Chat(identity, options.nick, rooms.at(options.address).room()) as chat:
        print(f"/invite {options.nick} {identity.public.hex()}", flush=True)
        while True:
            await chat.join(welcome)
            draining = asyncio.create_task(drain(chat))
            try:
                await measure(chat, options.period)
            finally:
                draining.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Sends made-up temperatures.")
    parser.add_argument("address", help="like tcp://HOST:PORT/ROOM")
    parser.add_argument("--nick", default="sensor")
    parser.add_argument("--profile", help="whose identity it uses; by default the nick's")
    parser.add_argument("--period", type=float, default=1, help="seconds between readings")
    parser.add_argument("--invited-by", type=bytes.fromhex, action="append", default=[],
                        metavar="KEY", help="who may invite it; several times")
    try:
        asyncio.run(run(parser.parse_args()))
    except (Fault, CarrierLost) as error:
        sys.exit(f"{error}\nCure: {getattr(error, 'cure', 'start the relay, or see the address')}")
    except KeyboardInterrupt:
        pass
