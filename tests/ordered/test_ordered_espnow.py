"""The thin adapter to ESP-NOW, with a stand-in for MicroPython's module. Not tried on hardware."""

import asyncio
import sys

from mpseq_aio import datagrams, link
from mpseq_aio.address import room_at

HERE = __file__.rpartition("/")[0] if "/" in __file__ else "."


def with_radio(story):
    """Runs it where `import espnow` finds the stand-in."""
    sys.path.insert(0, HERE + "/radio")
    try:
        asyncio.run(asyncio.wait_for(story(), 60))
    finally:
        sys.path.remove(HERE + "/radio")
        for name in ("espnow", "network"):
            sys.modules.pop(name, None)


def test_three_boards_without_any_network():
    async def story():
        import espnow
        import network

        rooms = [room_at("espnow:garden", label) for label in ("a", "b", "c")]
        rooms[2].channel = 6
        for at, room in enumerate(rooms):
            labels = await room.open()
            assert labels[0] == "abc"[at] and len(labels) == at + 1
        assert network.settings == {"active": True, "pm": 0, "channel": 6}
        frames = [b"from a", b"from b" * 300, b"from c"]
        for at, room in enumerate(rooms):
            await room.post(frames[at])
        seen = []
        for room in rooms:
            got = []
            while len(got) < 3:
                message = await room.recv()
                if message[0] == link.FRAME:
                    got.append(message[1:])
            seen.append(got)
        assert seen[0] == seen[1] == seen[2] and sorted([f for _, f in seen[0]]) == frames
        await rooms[0].ping()
        assert await rooms[0].recv() == (link.PONG,)
        await rooms[0].close()
        while True:
            message = await rooms[1].recv()
            if message == (link.LEAVE, "a"):
                break
        assert len(espnow.everyone) == 2
        for room in rooms:
            await room.close()
        assert not espnow.everyone

    with_radio(story)


def test_a_radio_that_cannot_send_ends_the_connection():
    async def story():
        import espnow

        room = room_at("espnow:garden", "a")
        await room.open()

        def broken(mac, data, sync=True):
            raise OSError(-12391, "ESP_ERR_ESPNOW_NO_MEM")

        espnow.everyone[0].send = broken
        patience, datagrams._MUTE = datagrams._MUTE, 600
        try:
            await room.recv()
            raise AssertionError("it goes on")
        except link.CarrierLost as error:
            assert "ESP-NOW" in str(error) and "NO_MEM" in str(error)
        finally:
            datagrams._MUTE = patience
        await room.close()

    with_radio(story)


def test_a_radio_that_is_never_silent_leaves_time_for_everything_else():
    async def story():
        import espnow

        room = room_at("espnow:garden", "a")
        await room.open()
        calls = []

        def irecv(timeout):
            calls.append(1)
            if len(calls) > 5000:
                return None, None
            return b"\x02\0\0\0\0\1", b"of another room"

        espnow.everyone[0].irecv = irecv
        while not calls:  # at first it waits for 5 ms, as in a silence
            await asyncio.sleep(0.001)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(calls) < 1000
        await room.close()

    with_radio(story)


def test_a_fault_of_the_engine_ends_the_connection_and_no_task():
    async def story():
        import espnow

        room = room_at("espnow:garden", "a")
        await room.open()

        def broken(datagram, now):
            raise ValueError("a bug")

        room._engine.receive = broken
        espnow.everyone[0]._come.append(b"anything")
        try:
            await room.recv()
            raise AssertionError("it goes on")
        except link.CarrierLost as error:
            assert "ValueError: a bug" in str(error)
        assert not [task for task in room._tasks if task.done()]
        assert await room.open() == ["a"]
        await room.close()

    with_radio(story)


def test_elsewhere_the_error_says_what_is_missing():
    async def story():
        try:
            await room_at("espnow:garden", "a").open()
            raise AssertionError("there is no radio")
        except link.CarrierLost as error:
            assert "no module espnow" in str(error)

    asyncio.run(story())
