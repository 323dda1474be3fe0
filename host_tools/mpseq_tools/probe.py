"""Does a carrier keep one order for all, and does it send everyone's own frames back?

The protocol needs both, and a carrier that fails one of them looks at first as if it worked. So
two clients of our own meet in a room of their own beside the real one, post at once, and compare
what they heard. Nothing of the real room is touched or read.

    verdict = await probe(rooms.at("mqtt://host/garden"))
    print(verdict)
"""

import asyncio
import os
import time
from dataclasses import dataclass, field

from mpseq_aio import link
from mpseq_aio.framing import clean

PATIENCE = 5  # seconds for all of it, but for the good-byes
# Bytes of the frames of each of the two; the longest frame there is is one of them.
_SIZES = (
    (24, 900, 40, link.MAX_FRAME, 33, 300, 24, 120),
    (300, 24, 2000, 33, 120, 40, 500, 24),
)
_FRAMES = sum(len(sizes) for sizes in _SIZES)
# Carriers on which there is nothing to find out, and why.
_BY_ITSELF = {
    "udp": "there is no server here: the members themselves put the room in order",
    "serial": "a cable has one other end, and the board there hears all in one order",
}
_CURES = {
    "mqtt": "one broker for all members and no bridge between brokers; Mosquitto with "
    "max_queued_messages 0; or a relay of your own: mpseq relay",
    "xmpp": "a server whose rooms follow XEP-0045, like Prosody; or a relay of your own: "
    "mpseq relay",
}
_CURES["mqtts"] = _CURES["mqtt"]
_CURE = "another server; a relay of your own: mpseq relay"


@dataclass
class Verdict:
    """What was found out. `order`: both heard the same in one order; `echo`: both heard their own
    frames, under their own label; None: not found out, for the reason in `why`.

    `frames`: how many both heard of those that were posted; `milliseconds`: from the first post to
    the last frame heard; `faults`: what is wrong, a sentence each; `cure`: what helps.
    """

    carrier: str
    order: bool | None = None
    echo: bool | None = None
    frames: int = 0
    milliseconds: int = 0
    why: str = ""
    faults: list[str] = field(default_factory=list)
    cure: str = ""

    @property
    def good(self) -> bool | None:
        """Fit for a conversation; None: not checked."""
        if self.faults:
            return False
        return None if self.order is None else True

    def lines(self) -> list[str]:
        """For people: what was found, and the cure if something is wrong."""
        head = f"carrier {self.carrier}: "
        if self.good is None:
            return [f"{head}order and echo not checked: {self.why}"]
        if self.good:
            return [
                f"{head}one order for all, own frames come back "
                f"({self.frames} frames, 2 clients, {self.milliseconds} ms)"
            ]
        return [f"{head}NOT FIT for a conversation: {self.why}", f"Cure: {self.cure}"]

    def __str__(self):
        return "\n".join(self.lines())


async def probe(rooms, name=None, patience: float = PATIENCE) -> Verdict:
    """Tries a carrier out, in a room of its own beside room `name` (default: the one that the
    address names). `rooms`: a mpseq_tools.rooms.Rooms, or anything with its `kind` and `room`;
    `patience`: seconds. Raises nothing but being cancelled: what cannot be done is in `why`.
    """
    verdict = Verdict(clean(str(rooms)))
    verdict.why = _BY_ITSELF.get(rooms.kind, "")
    if verdict.why:
        return verdict
    clients = []
    try:
        beside = room_beside(rooms.kind, name or getattr(rooms, "name", None) or "mpseq")
        clients = [rooms.room(beside, link.any_label()) for _ in _SIZES]
        end = time.monotonic() + patience
        async with asyncio.timeout(patience):
            for client in clients:
                await client.open()
    except TimeoutError:
        verdict.why = f"no answer within {patience:g} s"
    except Exception as error:  # whatever a carrier does: the chat itself may still work
        verdict.why = f"no room for it ({clean(str(error)) or type(error).__name__})"
    else:
        await _try_out(clients, verdict, max(end - time.monotonic(), patience / 2))
        if verdict.faults:
            verdict.why = "; ".join(verdict.faults)
            verdict.cure = _CURES.get(rooms.kind, _CURE)
    finally:
        await asyncio.gather(*(client.close() for client in clients), return_exceptions=True)
    return verdict


def room_beside(kind: str, name: str) -> str:
    """A name for a room that nobody else has, of at most 64 bytes. On MQTT below the room's own
    topic, where the same rights hold."""
    suffix = ("/" if kind in ("mqtt", "mqtts") else "-") + "probe-" + os.urandom(4).hex()
    return name.encode()[: link.MAX_LABEL - len(suffix)].decode(errors="ignore") + suffix


async def _try_out(clients, verdict, patience):
    token = os.urandom(8)
    posted = [
        [token + bytes((who, at)) + bytes(size - 10) for at, size in enumerate(sizes)]
        for who, sizes in enumerate(_SIZES)
    ]
    heard = [[] for _ in clients]
    lost = []
    start = last = time.monotonic()

    async def listen(client, kept):
        nonlocal last
        different = set()
        while len(different) < _FRAMES and len(kept) < 4 * _FRAMES:
            message = await client.recv()
            if message[0] == link.FRAME and bytes(message[2][:8]) == token:
                kept.append((message[1], bytes(message[2])))
                different.add(kept[-1][1])
                last = time.monotonic()

    async def talk(client, frames):
        for frame in frames:
            await client.post(frame)

    tasks = [asyncio.ensure_future(listen(*pair)) for pair in zip(clients, heard, strict=True)]
    tasks += [asyncio.ensure_future(talk(*pair)) for pair in zip(clients, posted, strict=True)]
    try:
        done, _ = await asyncio.wait(tasks, timeout=patience, return_when=asyncio.FIRST_EXCEPTION)
        lost = [task.exception() for task in done if task.exception()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    verdict.milliseconds = round((last - start) * 1000)
    if not any(heard):
        said = clean(str(lost[0])) if lost else f"nothing was heard for {patience:.1f} s"
        verdict.why = said
    elif not lost and _is_slow(posted, heard):
        count = len({frame for kept in heard for _, frame in kept})
        verdict.why = (
            f"it is too slow: {count} of {_FRAMES} frames came within {patience:.1f} s. "
            "Cure: raise the server's limits, see host_tools/CARRIERS.md"
        )
    elif lost:
        verdict.faults.append(f"the way was lost while it was tried ({clean(str(lost[0]))})")
    else:
        _judge(verdict, [client.label for client in clients], posted, heard)


def _is_slow(posted, heard):
    """Whether all that is missing are the last frames of somebody, heard by nobody yet."""
    frames = [[frame for _, frame in kept] for kept in heard]
    both = set(frames[0]) & set(frames[1])
    return (
        len({*frames[0], *frames[1]}) < _FRAMES
        and all(
            [frame for frame in kept if frame in own] == own[: sum(f in kept for f in own)]
            for kept in frames
            for own in posted
        )
        and [f for f in frames[0] if f in both] == [f for f in frames[1] if f in both]
    )


def _judge(verdict, labels, posted, heard):
    """Compares what was heard with what was posted."""
    all_posted = [frame for frames in posted for frame in frames]
    frames = [[frame for _, frame in kept] for kept in heard]
    mute = [
        not any(frame in own for frame in kept) for own, kept in zip(posted, frames, strict=True)
    ]
    verdict.echo = not any(mute)
    if any(mute):
        verdict.faults.append("who posts does not get its own frames back")
    for label, own, kept in zip(labels, posted, heard, strict=True):
        if verdict.echo and any(frame in own and said != label for said, frame in kept):
            verdict.echo = False
            verdict.faults.append("own frames come back under the label of somebody else")
    if any(mute):  # compared without those that only one of them can have heard
        hidden = [frame for own, no in zip(posted, mute, strict=True) if no for frame in own]
        frames = [[frame for frame in kept if frame not in hidden] for kept in frames]
        all_posted = [frame for frame in all_posted if frame not in hidden]
    if any(len(set(kept)) < len(kept) for kept in frames):
        verdict.faults.append("frames come more than once")
        frames = [list(dict.fromkeys(kept)) for kept in frames]
    verdict.order = frames[0] == frames[1]
    verdict.frames = len(set(frames[0]) & set(frames[1]) & set(all_posted))
    missing = [frame for frame in all_posted if not all(frame in kept for kept in frames)]
    changed = any(frame not in all_posted for kept in frames for frame in kept)
    if changed:
        verdict.faults.append("frames are changed on their way")
    if missing and not changed:
        longest = max(len(frame) for frame in missing)
        text = f"{len(missing)} of {len(all_posted)} frames were not heard by both"
        if len(missing) == 1 and longest == link.MAX_FRAME:
            text += f", the one of {longest} bytes"
        verdict.faults.append(text)
    common = [[frame for frame in kept if frame not in missing] for kept in frames]
    if common[0] != common[1] and not changed:
        verdict.faults.append("it shows the same frames to different people in different order")
    elif any(
        [frame for frame in common[0] if frame in own] != [f for f in own if f in common[0]]
        for own in posted
    ):
        verdict.order = False
        verdict.faults.append("frames overtake others of the same sender")
    if not verdict.order and not verdict.faults:
        verdict.faults.append("two people did not hear the same")
