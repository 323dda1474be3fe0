"""What every client of an MQTT room does, told so that CPython and MicroPython can run it.

Each story is given `make(label)`, which makes a carrier for one room, not opened yet. On
MicroPython: `run("name", address)`, which prints "well".
"""

import asyncio

from mpseq_aio import link
from mpseq_aio.address import room_at

_LONG = 10  # seconds after which what was to come does not come any more


def within(awaitable, seconds=_LONG):
    return asyncio.wait_for(awaitable, seconds)


async def frames(room, count):
    """The next `count` frames as (label, frame); who comes and goes is passed over."""
    out = []
    while len(out) < count:
        message = await within(room.recv())
        if message[0] == link.FRAME:
            out.append(message[1:])
    return out


async def until(room, wanted):
    """Reads up to this message; all before it."""
    out = []
    while True:
        message = await within(room.recv())
        if message == wanted:
            return out
        out.append(message)


async def lost(awaitable):
    """The reason of the CarrierLost that must come."""
    try:
        got = await within(awaitable)
    except link.CarrierLost as error:
        return str(error)
    raise AssertionError("no CarrierLost but %r" % (got,))


async def all_open(*rooms):
    out = []
    for room in rooms:  # MicroPython awaits in no comprehension
        out.append(await within(room.open()))
    return out


async def all_closed(*rooms):
    for room in rooms:
        await within(room.close(), 2)


async def labels(make):
    ana, ben, other = make("ana"), make("b/+n#%$ü"), make("ana")
    seen = await all_open(ana, ben, other)
    assert seen[0] == ("ana",), seen
    assert seen[1] == ("b/+n#%$ü", "ana"), seen
    assert seen[2][0] == other.label == "ana-2", seen
    assert sorted(seen[2]) == ["ana", "ana-2", "b/+n#%$ü"], seen
    assert await until(ana, (link.ENTER, "ana-2")) == [(link.ENTER, "b/+n#%$ü")]
    await all_closed(other)
    await until(ana, (link.LEAVE, "ana-2"))
    assert (await within(other.open()))[0] == "ana-2"
    await all_closed(ana)
    await until(ben, (link.LEAVE, "ana"))
    await all_closed(ben, other)


async def one_order(make):
    rooms = [make("m%d" % at) for at in range(3)]
    await all_open(*rooms)

    async def talk(room):
        for at in range(20):
            await within(room.post(b"%s %d" % (room.label.encode(), at)))

    async def listen(room):
        return await frames(room, 60)

    heard = await asyncio.gather(*[talk(room) for room in rooms], *[listen(it) for it in rooms])
    heard = heard[3:]
    assert heard[0] == heard[1] == heard[2], heard
    for room in rooms:  # one's own among them, and each one's in its order
        own = [frame for label, frame in heard[0] if label == room.label]
        assert own == [b"%s %d" % (room.label.encode(), at) for at in range(20)], own
    await all_closed(*rooms)


async def long_frame(make):
    ana, ben = make("ana"), make("ben")
    await all_open(ana, ben)
    frame = bytes(range(256)) * 64
    assert len(frame) == link.MAX_FRAME
    await within(ana.post(frame))
    try:
        await within(ana.post(frame + b"x"))
        raise AssertionError("too long, and taken")
    except link.TooLong:
        pass
    await within(ana.post(b""))
    for room in (ana, ben):
        heard = await frames(room, 2)
        assert heard[0][1] == frame and heard[1] == ("ana", b""), [len(it) for _, it in heard]
    await all_closed(ana, ben)


async def answers(make):
    ana = make("ana")
    await within(ana.open())
    await within(ana.ping())
    assert await until(ana, (link.PONG,)) == []
    await within(ana.ping())
    await within(ana.ping())
    assert await within(ana.recv()) == (link.PONG,)
    await all_closed(ana)


async def again(make):
    ana, ben = make("ana"), make("ben")
    await all_closed(ana, ana)  # never opened
    for call in (ana.recv, ana.ping, lambda: ana.post(b"x")):
        assert await lost(call()) == "not connected"
    await all_open(ben)
    for _ in range(3):
        assert await within(ana.open()) == ("ana", "ben")
        assert await within(ana.open()) == ("ana", "ben")  # without a close
        await within(ana.post(b"here"))
        assert await frames(ana, 1) == [("ana", b"here")]
        await all_closed(ana)
        for call in (ana.recv, ana.ping, lambda: ana.post(b"x")):
            assert await lost(call()) == "closed"
    assert await frames(ben, 3) == [("ana", b"here")] * 3
    await all_closed(ben)


async def cancelled(make):
    """A post, a recv and an open are cut short; close and open work all the same."""
    ana, ben = make("ana"), make("ben")
    await all_open(ben)
    for wait in (0, 0.001, 0.003):
        opening = asyncio.create_task(ana.open())
        await asyncio.sleep(wait)
        opening.cancel()
        try:
            await opening
        except asyncio.CancelledError:
            pass
        await all_closed(ana)
    await all_open(ana)
    for call in (lambda: ana.post(bytes(16384)), ana.recv):
        cut = asyncio.create_task(call())
        await asyncio.sleep(0)
        cut.cancel()
        try:
            await cut
        except (asyncio.CancelledError, link.CarrierLost):
            pass
        await all_closed(ana)
        await all_open(ana)
    await within(ana.post(b"still here"))
    while (await frames(ben, 1))[0][1] != b"still here":
        pass
    # Who waits for a frame learns that there will be none.
    waiting = asyncio.create_task(lost(ana.recv()))
    await until(ana, (link.FRAME, "ana", b"still here"))
    await asyncio.sleep(0)
    await all_closed(ana)
    assert await within(waiting) == "closed"
    await all_closed(ben)


async def strangers(make):
    """Whatever anyone publishes there costs nothing, not even an event."""
    ana, eva = make("ana"), make("eva")
    await all_open(ana, eva)
    junk = [b"", b"\x00", b"\x82", b"\x82\x05ana", b"\x82\x00frame", b"\x83\x01x", b"\xff" * 300]
    junk += [b"\x82\x02\xff\xfeframe", b"\x82\x03a\nbx", b"\x04", b"{}", b"\x81\x00\x01\x01x"]
    for payload in junk:
        await within(eva._publish(eva.room, payload))
        for topic in (eva.here + "x", eva.here + "y", eva.here + "\u2028"):
            if payload != b"\x83\x01x":
                await within(eva._publish(topic, payload))
    await within(eva._publish(eva.room, b"\x82\x01xretained", b"", True))
    await within(eva._publish(ana.topic, b""))  # says that ana is gone
    # Nobody's presence, for the broker to give to everyone who comes.
    await within(eva._publish(eva.here + "x" * 200, b"\x83\x01x", b"", True))
    late = make("late")
    await within(late.open())
    await within(eva._publish(eva.room, b"", b"", True))
    await within(ana.post(b"well"))
    assert await frames(late, 1) == [("ana", b"well")]
    heard = await until(ana, (link.FRAME, "ana", b"well"))
    assert heard == [(link.ENTER, "eva"), (link.FRAME, "x", b"retained"), (link.ENTER, "late")]
    await within(ana.ping())  # and says that it is here
    third = make("third")
    assert "ana" in await within(third.open())
    await all_closed(ana, eva, late, third)


async def slow(make):
    """What is not read waits at the broker, and comes in its order."""
    ana, ben = make("ana"), make("ben")
    await all_open(ana, ben)

    async def own():
        return await frames(ben, 100)

    hearing = asyncio.create_task(own())
    for at in range(100):
        await within(ben.post(b"%d " % at + bytes(500)))
    assert ana._load <= ana.LIMIT + 800, ana._load
    mine = await within(hearing)
    heard = await frames(ana, 100)
    assert heard == mine
    assert [int(frame.split(b" ")[0]) for _, frame in heard] == list(range(100))
    await all_closed(ana, ben)


async def cut(make):
    """The broker's session outlives a connection: what is said meanwhile comes afterwards. The
    connection of "cut" goes through somebody who ends it at these words."""
    ana, ben = make("cut"), make("ben")
    await all_open(ana, ben)
    await within(ben.post(b"before"))
    assert await frames(ana, 1) == [("ben", b"before")]
    try:
        await within(ana.post(b"cut me"))
    except link.CarrierLost:
        pass
    try:
        while True:
            await within(ana.recv())
    except link.CarrierLost:
        pass
    await until(ben, (link.LEAVE, "cut"))

    async def own():
        return await frames(ben, 30)

    hearing = asyncio.create_task(own())
    for at in range(30):  # more than a board reads ahead
        await within(ben.post(b"%d " % at + bytes(1000)))
    await within(hearing)
    assert (await within(ana.open()))[0] == "cut"
    heard = []
    while not heard or heard[-1] != b"29":
        heard.append((await frames(ana, 1))[0][1].split(b" ")[0])
    if heard[0] == b"before":  # its acknowledgement was cut off, too
        heard.pop(0)
    assert heard == [b"%d" % at for at in range(30)], heard
    await within(ana.post(b"back"))
    assert await frames(ana, 1) == [("cut", b"back")]
    await all_closed(ana, ben)


STORIES = {
    story.__name__: story
    for story in (
        labels, one_order, long_frame, answers, again, cancelled, strangers, slow, cut,
    )
}  # fmt: skip


def run(name, address, other=None):
    """Runs a story with boards' clients; `other`: the address of whoever is called "cut"."""

    def make(label):
        return room_at(other if other and label == "cut" else address, label)

    asyncio.run(STORIES[name](make))
    print("well")
