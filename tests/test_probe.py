"""The probe finds out what is wrong with a carrier, and says what helps."""

import asyncio
import contextlib

import pytest
from prosody import Prosody
from relays import a_relay
from test_tls import told

from mpseq_aio import link
from mpseq_tools import probe, rooms


class Fake:
    """Rooms in memory, good ones; those below carry badly."""

    kind = "mqtt"
    name = "garden"

    def __init__(self):
        self.there = {}
        self.made = []

    def __str__(self):
        return "mqtt://fake/garden"

    def room(self, name, label=None, max_frame=link.MAX_FRAME):
        self.made.append(FakeRoom(self, name, label))
        return self.made[-1]

    def carry(self, sender, frame):
        for member in self.there[sender.room]:
            member.inbox.put_nowait((link.FRAME, sender.label, frame))


class FakeRoom:
    def __init__(self, rooms, name, label):
        self.rooms, self.room, self.label = rooms, name, label
        self.inbox = asyncio.Queue()
        self.closed = False

    async def open(self):
        self.rooms.there.setdefault(self.room, []).append(self)
        return (self.label,)

    async def recv(self):
        return await self.inbox.get()

    async def post(self, frame):
        await asyncio.sleep(0)
        self.rooms.carry(self, frame)

    async def close(self):
        self.closed = True


class Reordering(Fake):
    def carry(self, sender, frame):
        first, second = self.there[sender.room]
        first.inbox.put_nowait((link.FRAME, sender.label, frame))
        # The second one hears its own at once and the others' a little later.
        wait = 0.01 if sender is first else 0
        message = (link.FRAME, sender.label, frame)
        asyncio.get_running_loop().call_later(wait, second.inbox.put_nowait, message)


class Overtaking(Fake):
    """Long frames come last, for all alike."""

    def carry(self, sender, frame):
        wait = len(frame) / 100_000
        asyncio.get_running_loop().call_later(wait, super().carry, sender, frame)


class Silent(Fake):
    """Nobody hears itself, as on an MQTT subscription with "no local"."""

    def carry(self, sender, frame):
        for member in self.there[sender.room]:
            if member is not sender:
                member.inbox.put_nowait((link.FRAME, sender.label, frame))


class Losing(Fake):
    """No frame of over 4,096 bytes passes."""

    def carry(self, sender, frame):
        if len(frame) <= 4096:
            super().carry(sender, frame)


class Changing(Fake):
    def carry(self, sender, frame):
        first, second = self.there[sender.room]
        first.inbox.put_nowait((link.FRAME, sender.label, frame))
        if len(frame) == 300:
            frame = frame[:-1] + b"!"
        second.inbox.put_nowait((link.FRAME, sender.label, frame))


class Doubling(Fake):
    def carry(self, sender, frame):
        super().carry(sender, frame)
        if len(frame) == 900:
            super().carry(sender, frame)


class Renaming(Fake):
    def carry(self, sender, frame):
        for member in self.there[sender.room]:
            member.inbox.put_nowait((link.FRAME, "somebody", frame))


class Deaf(Fake):
    def carry(self, sender, frame):
        pass


class Breaking(Fake):
    def carry(self, sender, frame):
        if len(frame) > 4096:
            raise link.CarrierLost("over the limit\x1b[2J")
        super().carry(sender, frame)


class Slow(Fake):
    """So many bytes a second, in order."""

    def carry(self, sender, frame):
        loop = asyncio.get_running_loop()
        self.free = max(getattr(self, "free", 0), loop.time()) + len(frame) / 10_000
        loop.call_at(self.free, super().carry, sender, frame)


class Crowded(Fake):
    """Strangers talk in that room, too."""

    def carry(self, sender, frame):
        for member in self.there[sender.room]:
            member.inbox.put_nowait((link.ENTER, "eve"))
            member.inbox.put_nowait((link.FRAME, "eve", b"buy!"))
            member.inbox.put_nowait((link.FRAME, "eve", bytes(16384)))
        super().carry(sender, frame)


def good(verdict, carrier):
    assert (verdict.good, verdict.order, verdict.echo, verdict.frames) == (True, True, True, 16)
    assert str(verdict) == (
        f"carrier {carrier}: one order for all, own frames come back "
        f"(16 frames, 2 clients, {verdict.milliseconds} ms)"
    )


@told
async def test_a_relay_is_good():
    async with a_relay() as relay:
        there = rooms.at(f"127.0.0.1:{relay.port}")
        good(await probe.probe(there, "garden"), f"tcp://127.0.0.1:{relay.port}/")
        await asyncio.sleep(0.1)
        assert not relay.rooms


@told
async def test_prosody_is_good(tmp_path):
    with Prosody(tmp_path) as server:
        address = server.address("garden")
        good(await probe.probe(rooms.at(address), patience=20), address)


@told
async def test_strangers_in_its_room_disturb_nothing():
    there = Crowded()
    good(await probe.probe(there), "mqtt://fake/garden")
    # Below the topic, where the same access list holds.
    assert {room.room.rpartition("-")[0] for room in there.made} == {"garden/probe"}


FAULTS = {
    Reordering: (False, True, "in different order"),
    Overtaking: (False, True, "overtake others of the same sender"),
    Silent: (True, False, "who posts does not get its own frames back"),
    Losing: (True, True, "1 of 16 frames were not heard by both, the one of 16384 bytes"),
    Changing: (False, True, "frames are changed on their way"),
    Doubling: (True, True, "frames come more than once"),
    Renaming: (True, False, "under the label of somebody else"),
    Breaking: (None, None, "the way was lost while it was tried (over the limit\\x1b[2J)"),
}


@pytest.mark.parametrize("kind", FAULTS)
@told
async def test_what_is_wrong_is_said_with_its_cure(kind):
    order, echo, why = FAULTS[kind]
    there = kind()
    verdict = await probe.probe(there, patience=0.5)
    assert why in verdict.why, verdict
    assert all(room.closed for room in there.made)
    assert (verdict.good, verdict.order, verdict.echo) == (False, order, echo), verdict
    assert verdict.lines()[0].startswith("carrier mqtt://fake/garden: NOT FIT for a conversation")
    assert verdict.lines()[1].startswith("Cure: ") and "mpseq relay" in str(verdict)


@told
async def test_what_cannot_be_checked_is_no_verdict():
    verdict = await probe.probe(Deaf(), patience=0.3)
    assert (verdict.good, verdict.order, verdict.echo) == (None, None, None)
    assert str(verdict) == (
        "carrier mqtt://fake/garden: order and echo not checked: nothing was heard for 0.3 s"
    )
    verdict = await probe.probe(Slow(), patience=0.5)
    assert verdict.good is None
    assert "it is too slow: " in verdict.why and "Cure: raise" in verdict.why
    verdict = await probe.probe(rooms.at("tcp://127.0.0.1:1/garden"))
    assert verdict.good is None and "no relay at 127.0.0.1 port 1" in verdict.why
    for address in ("udp://127.255.255.255/garden", "serial:/dev/ttyACM0"):
        verdict = await probe.probe(rooms.at(address))
        assert verdict.good is None and "not checked: " in str(verdict)


@told
async def test_a_server_that_never_answers_costs_no_more_than_the_patience():
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    verdict = await probe.probe(rooms.at(f"127.0.0.1:{port}"), "garden", patience=0.3)
    assert verdict.why == "no answer within 0.3 s"
    server.close()


@told
async def test_being_cancelled_leaves_nobody_in_the_room():
    there = Deaf()
    task = asyncio.ensure_future(probe.probe(there))
    await asyncio.sleep(0.05)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled() and all(room.closed for room in there.made)
    assert len(asyncio.all_tasks()) <= 2


@pytest.mark.parametrize("kind, name", [("mqtt", "a" * 64), ("xmpp", "ä" * 32), ("tcp", "x")])
def test_the_room_beside_has_a_name_that_may_be(kind, name):
    beside = probe.room_beside(kind, name)
    assert link.check_name(beside) != probe.room_beside(kind, name)
    assert beside[0] == name[0] and "probe-" in beside
