"""Five members on four runtimes in one room: the boards play real participants over serial."""

import asyncio

from mpseq_tools.devices import connect
from mpseq_tools.relay import Relay

ROOM = "mixed"
KINDS = {
    "ana": "cpython",
    "ben": "cpython",
    "porch": "unix",
    "cellar": "qemu-rv32",
    "roof": "qemu-cortex-m3",
}
QUICK = {"ack_after": 500, "batch_wait": 2000}
TROUBLE = ("Missing", "Inconsistent", "Unverifiable", "Unconfirmed", "Fault", "Dropped", "Refused")


class Stage:
    """A relay and the five; `with_ways` puts those that can on TCP, the boards on their cable."""

    async def __aenter__(self):
        self.relay = Relay(port=0)
        await self.relay.start()
        self.devices = {}
        try:
            for name, kind in KINDS.items():
                device = self.devices[name] = await connect(kind, name, self.relay.port)
                way = {} if kind != "cpython" else {"tcp": ["127.0.0.1", self.relay.port]}
                await device.be(ROOM, settings=QUICK, **way)
                await device.do("open")
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_):
        for device in self.devices.values():
            await device.close()
        await self.relay.stop()

    def key(self, name):
        return self.devices[name].key

    async def found(self, founder, *others):
        await self.devices[founder].do("create", name=ROOM)
        people = [[name, self.key(name)] for name in others]
        await self.devices[founder].do("invite", people=people)
        await self.session(founder, *others)

    async def session(self, *names, after=0):
        """Waits until all of these are in one session; returns its code."""
        for name in names:
            await self.devices[name].expect(
                "SessionStarted",
                lambda f: f[0] > after and sorted(m[0] for m in f[1]) == sorted(names),
            )
        states = [await self.devices[name].do("state") for name in names]
        assert len({(s["digits"], s["words"]) for s in states}) == 1
        assert len({str(s["members"]) for s in states}) == 1
        return states[0]["digits"]

    async def say(self, who, text, *hearers):
        """Says it; all hear it, and all come to know that all have."""
        await self.devices[who].do("send", text=text)
        for name in hearers:
            device = self.devices[name]
            heard = await device.expect("Text", lambda f: f[0] == who and f[3] == text)
            number = heard[2]
            await device.expect("Confirmed", lambda f, n=number: f[0] >= n)

    async def assert_one_transcript(self, *names):
        for _ in range(600):
            states = [await self.devices[name].do("state") for name in names]
            if len({(s["count"], s["h"]) for s in states}) == 1:
                return states
            await asyncio.sleep(0.1)
        raise AssertionError([(n, s["count"], s["h"]) for n, s in zip(names, states, strict=True)])


async def _play():
    everyone = tuple(KINDS)
    async with Stage() as stage:
        await stage.found("cellar", "ana", "ben", "porch", "roof")
        for name in everyone:
            await stage.say(name, f"greetings from {name}", *everyone)
        await stage.devices["roof"].do("send_data", type="text/csv", data=b"1,2".hex())
        for name in everyone:
            await stage.devices[name].expect("Data", lambda f: f[3:5] == ["text/csv", "312c32"])
        await stage.assert_one_transcript(*everyone)
        for state in [await stage.devices[n].do("state") for n in ("cellar", "roof")]:
            assert state["free"] > 80 * 1024, state

        await stage.devices["porch"].do("leave")
        rest = ("ana", "ben", "cellar", "roof")
        first = await stage.session(*rest)
        await stage.say("roof", "without porch", *rest)
        numbers = [event[0] for event in stage.devices["ana"].seen("SessionStarted")]
        await stage.devices["roof"].do("rekey")
        second = await stage.session(*rest, after=max(numbers))
        assert first != second
        await stage.say("cellar", "with fresh keys", *rest)
        await stage.assert_one_transcript(*rest)
        heard = [fields[3] for fields in stage.devices["porch"].seen("Text")]
        assert "greetings from roof" in heard and "without porch" not in heard
        for device in stage.devices.values():
            assert not [event for event in device.events if event["event"] in TROUBLE], device.name


def test_five_members_on_four_runtimes_hold_one_conversation():
    asyncio.run(asyncio.wait_for(_play(), 180))
