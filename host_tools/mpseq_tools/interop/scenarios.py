"""The scenarios: what devices have to do together, pair by pair and all in one room.

Each is a coroutine function of a `play.Play`; it raises Failed, DeviceError or NotOffered.
"""

import asyncio
import time

from mpseq import wire
from mpseq_aio import link

from ..devices import DeviceError
from .line import Losses, Noise
from .play import Failed, NotOffered, identity_seed, need, together

BODY = 10000  # bytes
_NOISE = 700  # bytes of a cable between two faults
_HOURS = 3600 * 1000
# A device that was reset is parted from soon: the room says that its label has left.
_RESET = {"suspect_absent_after": 1500, "abort_after": 500, "repost_after": 4000}
# Nobody is parted from because of a bad line; what does not come back is posted again soon.
_BAD = {"repost_after": 2000}


async def pairwise(play):
    """talk both ways: every text confirmed, one session code, one transcript"""
    await play.gather()
    founder = play.random.choice(play.stations)
    await play.found(founder, *play.others(founder))
    for _ in range(2):
        await play.talk(*play.stations)
    await play.one_transcript(*play.stations)
    await play.audit()


async def join(play):
    """join in batches: each in turn founds and invites, or another brings the rest"""
    many = len(play.stations) > 2
    founders = [play.random.choice(play.stations)] if many else play.stations
    for founder in founders:
        await play.gather()
        others = play.random.sample(play.others(founder), len(play.stations) - 1)
        first = others[: (len(others) + 1) // 2]
        await play.found(founder, *first)
        await play.talk(founder, *first)
        rest = others[len(first) :]
        if rest:
            before = play.numbers(founder, *first)
            await play.invite(first[0], *rest)
            await play.session(*play.stations, after=before)
            await play.talk(*play.stations)
        await play.one_transcript(*play.stations)
        await play.audit()


async def leave(play):
    """the rest go on under another code; who left reads no more and comes in again"""
    await play.gather()
    founder = play.random.choice(play.stations)
    await play.found(founder, *play.others(founder))
    await play.talk(*play.stations)
    leavers = play.stations if len(play.stations) == 2 else play.random.sample(play.stations, 2)
    for leaver in leavers:
        rest = play.others(leaver)
        before = play.numbers(*play.stations)
        times = len(leaver.seen("Left"))
        answer = await leaver.do("leave")
        need(answer.get("heard"), f"{leaver.name} left, and the room did not hear it")
        need(len(leaver.seen("Left")) > times or await _left(leaver, times), "no event Left")
        await play.session(*rest, after=before)
        secret = play.text()
        await play.say(rest[0], *rest, text=secret)
        await leaver.catch_up()
        heard = [fields[3] for fields in leaver.seen("Text")]
        need(secret not in heard, f"{leaver.name} has left and still reads")
        before = play.numbers(*play.stations)
        await play.invite(play.random.choice(rest), leaver)
        await play.session(*play.stations, after=before)
        await play.talk(*play.stations)
    await play.one_transcript(*play.stations)
    await play.audit()


async def _left(leaver, times):
    await leaver.expect("Left", lambda _: len(leaver.seen("Left")) > times, 10)
    return True


async def rekey(play):
    """fresh keys, asked for by each in turn while somebody talks; nothing is lost"""
    await play.gather()
    founder = play.random.choice(play.stations)
    await play.found(founder, *play.others(founder))
    codes = [await play.session(*play.stations)]
    for asker in play.random.sample(play.stations, len(play.stations)):
        before = play.numbers(*play.stations)
        talker = play.random.choice(play.stations)
        await asker.do("rekey")
        text = await play.send(talker)
        codes.append(await play.session(*play.stations, after=before))
        for one in play.stations:
            await one.expect("Text", lambda f, t=text: f[3] == t)
    need(len(set(codes)) > 1, "every session has the same code")
    await play.talk(*play.stations)
    await play.one_transcript(*play.stations)
    # A text on its way at the switch may be confirmed by nobody: that is said, and it was heard.
    await play.audit(allowed=("Unconfirmed",))


# Where in an exchange a device is reset.
_CUTS = {
    "as it hears the proposal": lambda way, kind: (way, kind) == (">", wire.MESSAGE),
    "as it posts its share": lambda way, kind: (way, kind) == ("<", wire.SHARE),
    "as it hears the first share": lambda way, kind: (way, kind) == (">", wire.SHARE),
}


async def reset(play):
    """reset in mid-exchange: the others part from it and go on, it comes back in"""
    await play.gather(_RESET)
    founder = play.random.choice(play.stations)
    await play.found(founder, *play.others(founder))
    await play.talk(*play.stations)
    victims = play.stations if len(play.stations) == 2 else [play.random.choice(play.stations)]
    for victim in play.random.sample(victims, len(victims)):
        rest = play.others(victim)
        where = play.random.choice(list(_CUTS))
        before = play.numbers(*rest)
        cut = victim.cut_when(_trip(_CUTS[where]))
        await play.random.choice(rest).do("rekey")
        try:
            await asyncio.wait_for(cut.wait(), 20)
        except asyncio.TimeoutError:
            raise DeviceError(f"{victim.name}: no exchange began that it takes part in") from None
        play.tell(f"{victim.name} was reset {where}")
        start = time.monotonic()
        await victim.reset()
        await play.session(*rest, after=before)
        play.tell(f"the others went on {time.monotonic() - start:.1f} s later")
        if len(rest) > 1:
            await play.talk(*rest)
        before = play.numbers(*rest)
        await play.enter(victim, _RESET, again=play.random.randint(1, 255))
        await play.invite(play.random.choice(rest), victim)
        await play.session(*play.stations, after=before)
        await play.talk(*play.stations)
    await play.one_transcript(*play.stations)
    allowed = ("Suspected", "ExchangeFailed", "Unconfirmed", "GuestDropped")
    await play.audit(allowed=allowed)


def _trip(cut):
    def trip(way, message):
        frame = message[-1] if message[0] in (link.POST, link.FRAME) else b""
        return bool(frame) and cut(way, frame[0] & 15)

    return trip


async def cable(play):
    """a bad cable: bytes dropped, damaged, repeated and late; nothing silently lost or doubled"""
    await _spoiled(play, _noise)


def _noise(play, station):
    station.make_noise(
        Noise(play.chance(station.name, "to the device"), _NOISE),
        Noise(play.chance(station.name, "from the device"), _NOISE),
    )


async def losses(play):
    """a bad room: frames lost, doubled and out of order for each; losses are named"""
    await _spoiled(play, lambda play, station: station.lose(Losses(play.chance(station.name))))


async def _spoiled(play, spoil):
    await play.gather(_BAD)
    founder = play.random.choice(play.stations)
    await play.found(founder, *play.others(founder))
    await play.talk(*play.stations)
    for station in play.stations:
        spoil(play, station)
    try:
        for _ in range(3):
            for author in play.random.sample(play.stations, len(play.stations)):
                await play.send(author)
                await asyncio.sleep(play.random.uniform(0, 0.2))
        await _rest(play, 4)
    finally:
        faults = sum([station.clean_up() for station in play.stations])
    # The line is good again. What was lost at its end is seen by what comes behind it.
    for author in play.stations:
        await play.send(author)
    await _rest(play, 20)
    missed = play.losses(*play.stations)
    for hearer, author, text, named in missed:
        need(named or hearer == author, f"{hearer} never heard {text!r} of {author}, unnamed")
        need(hearer != author, f"{author} said {text!r} and never learnt that it was posted")
    play.tell(f"{faults} faults; {len(missed)} texts lost, each named by who missed it")
    await _heal(play)
    await play.talk(*play.stations)
    await play.one_transcript(*play.stations)
    await together([one.catch_up() for one in play.stations])
    play.audit_confirmed()
    for one in play.stations:
        for kind in ("Fault", "Dropped", "Error", "Convicted", "Unsent", "Undelivered"):
            for fields in one.seen(kind):
                raise Failed(f"{one.name} reports {kind}: {fields}")


async def _rest(play, patience):
    """Waits until everyone has heard, or named, everything; at most so many seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        await together([one.catch_up() for one in play.stations])
        if all(named for *_, named in play.losses(*play.stations)):
            return
        await asyncio.sleep(0.3)


async def _heal(play):
    """A fresh session, in which all have seen the same. Whoever proposed the last may not."""
    end = time.monotonic() + 60
    askers = list(play.stations)
    while True:
        asker = askers.pop(0)
        askers.append(asker)
        before = play.numbers(*play.stations)
        await asker.do("rekey")
        try:
            await play.session(*play.stations, after=before, patience=12)
            return
        except (Failed, DeviceError):
            if time.monotonic() > end:
                raise


async def body(play):
    """a body of 10,000 bytes from each, whole at all others and confirmed"""
    await play.gather()
    founder = play.random.choice(play.stations)
    await play.found(founder, *play.others(founder))
    for author in play.stations:
        seed = identity_seed(*play.about, author.name, "body")
        start = time.monotonic()
        told = await author.do("body", type="application/octet-stream", seed=seed, size=BODY)
        told = told["digest"]
        play.sent[told] = author.name
        for one in play.stations:
            heard = await one.expect("Data", lambda f, d=told: f[4] == d)
            need(heard[3] == "application/octet-stream", f"{one.name} shows type {heard[3]!r}")
            await one.expect("Confirmed", lambda f, n=heard[2]: f[0] >= n)
        play.tell(f"from {author.name}: {time.monotonic() - start:.1f} s until confirmed by all")
    await play.one_transcript(*play.stations)
    await play.audit()


async def _before_and_after_a_rekey(play):
    await play.talk(*play.stations)
    before = play.numbers(*play.stations)
    await play.random.choice(play.stations).do("rekey")
    await play.session(*play.stations, after=before)
    await play.talk(*play.stations)
    await play.one_transcript(*play.stations)
    await play.audit(allowed=("Unconfirmed",))


async def clocks(play):
    """clocks that are hours apart and run 2 % fast and slow"""
    ways = {}
    for at, one in enumerate(play.stations):
        ahead = play.random.randrange(0, 24 * _HOURS)
        pace = (1020, 980)[at % 2]
        ways[one.name] = {"clock": [ahead, pace]}
        play.tell(f"{one.name}: {ahead / _HOURS:+.1f} h, {'fast' if pace > 1000 else 'slow'}")
    await play.gather(None, **ways)
    founder = play.random.choice(play.stations)
    await play.found(founder, *play.others(founder))
    await _before_and_after_a_rekey(play)
    for one in play.stations:
        now = (await one.state())["now"]
        need(now >= ways[one.name]["clock"][0], f"{one.name}: its clock was not set")


async def suite(play):
    """suite 2 (AES-256-CTR, BLAKE2b): talk and re-key"""
    without = [one.name for one in play.stations if not (one.about or {}).get("aes")]
    if without:
        raise NotOffered(f"no AES on {', '.join(without)}")
    await play.gather()
    founder = play.random.choice(play.stations)
    await play.found(founder, *play.others(founder), suite=2)
    await _before_and_after_a_rekey(play)


# By their names on the command line, in the order in which they are run.
SCENARIOS = {
    "pairwise": pairwise,
    "join": join,
    "leave": leave,
    "rekey": rekey,
    "reset": reset,
    "cable": cable,
    "losses": losses,
    "body": body,
    "clocks": clocks,
    "suite2": suite,
}

# For these a device begins anew: no real one has had a dozen identities before, whose remains are
# scattered over a small heap.
FRESH = ("body",)


def title(name) -> str:
    """What a scenario is about, in a line."""
    from . import vectors

    about = vectors.vectors if name == "vectors" else SCENARIOS[name]
    return about.__doc__.strip().splitlines()[0]


# Seconds that a scenario may take over a pair; a room of all gets more.
LIMIT = 90
LIMITS = {"reset": 150, "cable": 150, "losses": 150, "vectors": 300}


def limit(name, members) -> float:
    """Seconds after which it has failed."""
    return LIMITS.get(name, LIMIT) * (1 if members < 3 else 1 + 0.25 * members)
