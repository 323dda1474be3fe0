"""A node: it comes in by itself, comes back by itself, and nothing that happens ends it."""

import asyncio
import contextlib
import itertools
import json
import os
import sys
import time
import types

import pytest
from nodes import Elsewhere, here, household, quick, settle, until, write
from relays import a_relay

from mpseq import Identity, errors, events
from mpseq_aio import chat as aio
from mpseq_board import company, config
from mpseq_board.entropy import Source
from mpseq_board.keystore import KeyStore
from mpseq_board.node import KeyChanged, Node


def tale(function):
    """Runs an async test in quick time; one that takes over 180 s is a failure."""

    def run(tmp_path, unix_micropython):
        with quick():
            asyncio.run(asyncio.wait_for(function(tmp_path, unix_micropython), 180))

    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run


def nicks(node):
    return sorted(one.nick for one in node.members)


def address(relay):
    return f"tcp://127.0.0.1:{relay.port}/kitchen"


def texts(node):
    return [(one.nick, one.text) for one in node.seen if isinstance(one, events.Text)]


@tale
async def test_boards_find_one_another_and_each_comes_back_after_a_reset(tmp_path, micropython):
    async with a_relay() as relay, contextlib.AsyncExitStack() as stack:
        folders, _ = household(tmp_path, address(relay), "hub", "mini", "maxi")
        boards = {nick: Elsewhere(micropython, folders[nick]) for nick in ("hub", "mini")}
        for board in boards.values():
            await board.start()
            stack.push_async_callback(board.kill)
        maxi = await stack.enter_async_context(here(folders["maxi"]))
        everyone = ["hub", "maxi", "mini"]

        async def together(since=0, *those):
            """All are in one session; those have said so after that line."""
            await until(
                lambda: (
                    nicks(maxi) == everyone
                    and all(
                        board.heard("code " + maxi.code.digits, since if nick in those else 0)
                        for nick, board in boards.items()
                    )
                ),
                60,
            )

        await together()
        boards["mini"].type("before")
        await until(lambda: ("mini", "before") in texts(maxi))
        # The host too: somebody else brings it back into the room that there is.
        for nick in ("mini", "hub"):
            said = len(boards[nick].lines)
            await boards[nick].kill()
            await boards[nick].start()
            await together(said, nick)
        for nick in boards:
            boards[nick].type("after " + nick)
            await until(lambda n=nick: (n, "after " + n) in texts(maxi))
        await maxi.send("to all")
        for board in boards.values():
            await board.says("<maxi> to all")
        # Nothing is shown twice, not even what was said before the reset.
        assert sorted(texts(maxi)) == [
            ("hub", "after hub"), ("maxi", "to all"), ("mini", "after mini"), ("mini", "before"),
        ]  # fmt: skip
        for board in boards.values():
            shown = [line for line in board.lines if "> " in line]
            assert len(set(shown)) == len(shown) and not board.heard("Traceback"), board.lines


@tale
async def test_a_relay_that_is_not_there_yet_and_goes_and_comes_back_is_waited_for(tmp_path, _):
    async with a_relay() as relay:
        folders, _ = household(tmp_path, address(relay), "hub", "mini")
        await relay.stop()
        async with here(folders["hub"]) as hub, here(folders["mini"]) as mini:
            await until(lambda: any("no relay" in line for line in mini.lines))
            await relay.start()
            await until(lambda: nicks(hub) == nicks(mini) == ["hub", "mini"])
            await relay.stop()
            await until(lambda: any("disconnected" in line for line in mini.lines))
            await mini.send("while nobody listens")
            await relay.start()
            await until(lambda: ("mini", "while nobody listens") in texts(hub))
            await hub.send("all is well")
            await until(lambda: ("hub", "all is well") in texts(mini))
            assert len(texts(hub)) == len(texts(mini)) == 2


@tale
async def test_who_is_invited_and_whose_invitations_are_taken_goes_by_key(tmp_path, _):
    async with a_relay() as relay:
        folders, keys = household(tmp_path, address(relay), "hub", "mini")
        company._LISTEN = 1000
        stranger = aio.Chat(Identity.generate(os.urandom), "hub", address(relay))
        async with here(folders["mini"]) as mini, stranger:
            stranger.create("trap")
            await until(lambda: mini.chat and mini.chat.connected)
            stranger.invite([("mini", bytes.fromhex(keys["mini"]))])
            # Words of its own first: the stranger might be called "joined kitchen".
            await until(lambda: "not one of my people invites: hub" in mini.lines)
            async with here(folders["hub"]) as hub:
                await until(lambda: nicks(mini) == ["hub", "mini"])
                assert mini.chat.name == "kitchen" and hub.code == mini.code
                assert stranger.identity.public not in [one.key for one in mini.members]


@tale
async def test_a_known_nick_with_another_key_alarms(tmp_path, _):
    async with a_relay() as relay:
        folders, keys = household(tmp_path, address(relay), "hub", "mini", "maxi")
        hub_folder = str(folders["hub"])
        other = Identity.generate(os.urandom).public
        KeyStore(hub_folder, Source(hub_folder)).know("mini", other)
        alarms = []

        def on_event(node, event):
            if isinstance(event, KeyChanged):
                alarms.append(event)

        async with (
            here(folders["hub"], on_event=on_event) as hub,
            here(folders["mini"]) as mini,
            here(folders["maxi"]) as maxi,
        ):
            await until(lambda: len(maxi.members) == 3 and alarms)
            assert alarms == [KeyChanged("mini", bytes.fromhex(keys["mini"]))]
            assert any("WARNING: mini has another key" in line for line in hub.lines)
            assert not any("WARNING" in line for line in mini.lines + maxi.lines)
            assert not hub.is_verified(alarms[0].key)
            assert dict((one[1], one[0]) for one in hub.store.people()) == {
                other: "mini", bytes.fromhex(keys["maxi"]): "maxi",
            }  # fmt: skip


@tale
async def test_a_fault_of_the_application_or_of_memory_ends_nothing(tmp_path, _):
    async with a_relay() as relay:
        folders, _ = household(tmp_path, address(relay), "hub", "mini")
        heard = []

        async def on_text(node, event):
            heard.append(event.text)
            raise {"zero": ZeroDivisionError, "memory": MemoryError}[event.text]("as asked")

        def on_data(node, event):
            heard.append((event.content_type, bytes(event.data)))

        async with (
            here(folders["hub"]) as hub,
            here(folders["mini"], on_text=on_text, on_data=on_data, on_event=on_text) as mini,
        ):
            await until(lambda: len(hub.members) == 2)
            heard.clear()
            await hub.send("zero")
            await hub.send("memory")
            await hub.send_data("text/csv", b"1,2")
            await until(lambda: ("text/csv", b"1,2") in heard)
            await mini.send("still here")  # not shown to the one who sent it
            await until(lambda: ("mini", "still here") in texts(hub))
            assert heard.count("zero") == heard.count("memory") == 2  # as text and as event
            assert any("fault: MemoryError" in line for line in mini.lines)


@tale
async def test_a_fault_of_the_company_does_not_keep_the_watchdog_hungry(tmp_path, _):
    sys.modules["machine"] = types.SimpleNamespace(WDT=Dog)
    try:
        folder = tmp_path / "hub"
        settle(folder, "hub", "tcp://127.0.0.1:1/x", watchdog=8)

        async def broken(chat, time):
            raise MemoryError

        async with here(folder) as hub:
            await until(lambda: hub.company)
            dog, hub.company.look = Dog.made, broken
            await until(lambda: any("fault: MemoryError" in line for line in hub.lines))
            fed = len(dog.fed)
            await until(lambda: len(dog.fed) >= fed + 3)
            feeds = dog.fed[fed - 1 :]
            assert max(b - a for a, b in itertools.pairwise(feeds)) < 8
    finally:
        del sys.modules["machine"]


@tale
async def test_one_whose_friends_met_elsewhere_meanwhile_follows_them(tmp_path, _):
    async with a_relay() as relay:
        folders, _ = household(tmp_path, address(relay), "hub", "mini", "maxi")
        company._LISTEN, company._DESERTED = 1500, 3000
        async with here(folders["maxi"]) as maxi:
            async with here(folders["hub"]), here(folders["mini"]):
                await until(lambda: len(maxi.members) == 3)
            # Both lost their sessions in one power cut, and the host was quicker than maxi.
            maxi.company._invite = lambda *arguments: None
            async with here(folders["hub"]) as hub, here(folders["mini"]) as mini:
                # By two and then by three, or at once when maxi hears of it before they have met.
                await until(lambda: nicks(hub) == nicks(mini) == ["hub", "maxi", "mini"])
                await until(lambda: maxi.code == hub.code == mini.code)
                assert [one for one in maxi.seen if isinstance(one, events.Left)]


@tale
async def test_one_who_leaves_stays_out_until_it_wants_back(tmp_path, _):
    async with a_relay() as relay:
        folders, _ = household(tmp_path, address(relay), "hub", "mini")
        async with here(folders["hub"]) as hub, here(folders["mini"]) as mini:
            await until(lambda: len(hub.members) == 2)
            await mini.leave()
            await until(lambda: len(hub.members) == 1)
            with pytest.raises(errors.LocalError, match="not in a conversation"):
                await mini.send("to nobody")
            hub.company._skip.clear()
            hub.company.nudge()
            await asyncio.sleep(2.5)
            assert not mini.members
            mini.away = False
            hub.company.nudge()
            await until(lambda: len(hub.members) == 2)


@tale
async def test_settings_and_identity_are_waited_for_and_the_cure_is_said(tmp_path, _):
    folder = tmp_path / "new"
    async with here(folder) as node:
        await until(lambda: any("Cure: mpseq deploy" in line for line in node.lines))
        folder.mkdir(exist_ok=True)
        write(folder, nick="mini", carrier="tcp://127.0.0.1:1/x", host="perhaps")
        await until(lambda: any("host: true or false" in line for line in node.lines))
        write(folder, nick="mini", carrier="tcp://127.0.0.1:1/x")
        await until(lambda: any("no identity. Cure:" in line for line in node.lines))
        store = node.store
        store.create_identity()
        node.learn(store)
        await until(lambda: any("no relay" in line for line in node.lines))


def test_strangers_who_come_and_go_neither_put_off_invitations_nor_fill_the_memory(monkeypatch):
    time, invited = [0], []
    monkeypatch.setattr(company, "now", lambda: time[0])
    me = types.SimpleNamespace(nick="hub", key=b"h" * 32, index=0)
    chat = types.SimpleNamespace(
        labels={}, connected=True, members=[me], invite=lambda people, _: invited.append(people),
        conversation=types.SimpleNamespace(exchange_running=False),
    )  # fmt: skip
    node = types.SimpleNamespace(
        config={"host": True}, members=[me], chat=chat, away=False,
        identity=types.SimpleNamespace(public=me.key),
    )  # fmt: skip
    guests = [("ana", b"a" * 32)]
    them = company.Company(node, guests)

    async def tell():
        for second in range(60):
            time[0] += 1000
            name = "Gone" if second % 2 else "Entered"
            them.note(name, types.SimpleNamespace(label="stranger"))
            await them.look(chat, time[0])

    asyncio.run(tell())
    assert len(invited) > 5 and invited[0] == guests
    for number in range(10000):
        them.note("Entered", types.SimpleNamespace(label=f"stranger {number}"))
    assert len(them._here) < 200


def test_a_good_bye_that_takes_long_does_not_keep_a_host_from_founding_anew(monkeypatch):
    """LEAVE waits up to 30 s for texts that a dead member was to acknowledge."""
    time, founded, left = [0], [], []
    monkeypatch.setattr(company, "now", lambda: time[0])
    me = types.SimpleNamespace(nick="hub", key=b"h" * 32, index=0)
    ghost = types.SimpleNamespace(nick="mini", key=b"m" * 32, index=1)

    async def leave(patience):
        left.append(time[0])

    chat = types.SimpleNamespace(
        labels={ghost.key: "old"}, connected=True, members=[me, ghost], leave=leave,
        invite=lambda people, _: pytest.fail("while it leaves"), create=founded.append,
        conversation=types.SimpleNamespace(exchange_running=False),
    )  # fmt: skip
    node = types.SimpleNamespace(
        config={"host": True, "name": "room"}, members=chat.members, chat=chat, away=False,
        identity=types.SimpleNamespace(public=me.key), whole=None,
    )  # fmt: skip
    them = company.Company(node, [("mini", ghost.key)])
    them._here = ["new"]

    async def tell():
        while len(left) < 1 or time[0] < left[0] + 30000:
            time[0] += 1000
            if left:
                them.nudge()
            await them.look(chat, time[0])
        them.note("Left", None)
        begin, chat.members = time[0], []
        while not founded:
            time[0] += 1000
            await them.look(chat, time[0])
        return time[0] - begin

    assert asyncio.run(tell()) <= 2 * company._LISTEN


def test_panic_wipes_keys_that_do_not_open_and_whatever_else_fails(tmp_path):
    folder = tmp_path / "mini"
    settle(folder, "mini", "tcp://127.0.0.1:1/x", wifi={"ssid": "home", "password": "secret"})
    node = Node(str(folder))
    node.identity = KeyStore(str(folder), Source(str(folder))).identity
    secret = node.identity.secret
    for name in ("keys.0", "keys.1"):
        (folder / name).write_bytes(b"damaged" + (folder / name).read_bytes()[7:])

    for node.chat in (None, types.SimpleNamespace()):  # with another one nothing can be wiped
        with pytest.raises(SystemExit):
            node.panic()
        assert not folder.exists()
        settle(folder, "mini", "tcp://127.0.0.1:1/x")
    assert secret == bytes(32)


def test_on_a_desktop_nobody_else_can_read_what_is_kept(tmp_path):
    settle(tmp_path / "mini", "mini", "tcp://127.0.0.1:1/x")
    config.save(str(tmp_path / "mini"), {"nick": "mini", "carrier": "serial:x"})
    for file in (tmp_path / "mini").iterdir():
        assert file.stat().st_mode & 0o77 == 0, file


@pytest.mark.parametrize(
    ("wrong", "said"),
    (
        ({"nick": "x" * 33}, "nick: a text of 1-32 bytes"),
        ({"carrier": "http://there"}, "carrier: begins with serial:"),
        ({"people": [["ana", "12"]]}, "people: ana"),
        ({"people": [["ana", "11" * 32], ["ben", "11" * 32]]}, "people: ben is there twice"),
        ({"people": "ana"}, "people: .* 64 hex digits"),
        ({"wifi": {"password": "x"}}, "ssid"),
        ({"watchdog": 601}, "watchdog: 5 to 600 seconds, or 0"),
        ({"watchdog": 4}, "watchdog: 5 to 600 seconds, or 0"),  # it is fed once a second
        ({"watchdog": "5"}, "watchdog"),
        ({"colour": "red"}, "colour: there is no such setting"),
        ({"name": ""}, "name"),
    ),
)
def test_wrong_settings_are_refused_by_name_and_nothing_is_written(tmp_path, wrong, said):
    good = {"nick": "mini", "carrier": "serial:kitchen"}
    config.save(str(tmp_path), good)
    before = config.load(str(tmp_path))
    with pytest.raises(config.ConfigError, match=said):
        config.save(str(tmp_path), {**good, **wrong})
    assert config.load(str(tmp_path)) == before


def test_settings_survive_a_cut_at_every_byte(tmp_path, monkeypatch):
    good = {"nick": "mini", "carrier": "serial:kitchen"}
    other = {"nick": "maxi", "carrier": "tcp://there/cellar", "watchdog": 8}
    data = json.dumps(config.check(other)).encode()
    for at in range(2 * len(data) + 2):
        write(tmp_path, **good)
        left = at

        def write_some(path, data):
            nonlocal left
            with open(path, "wb") as file:
                file.write(data[:left])
            left -= len(data)
            if left < 0:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("mpseq_board.store.write", write_some)
            patch.setattr("os.remove", lambda path: None)
            with contextlib.suppress(KeyboardInterrupt):
                config.save(str(tmp_path), other)
        assert config.load(str(tmp_path))["nick"] in ("mini", "maxi")
    assert config.load(str(tmp_path))["nick"] == "maxi"


class Dog:
    """machine.WDT as far as a node uses it; on an RP2 nothing over 8,388 ms goes."""

    made = None

    def __init__(self, timeout):
        if timeout > 8388:
            raise ValueError("timeout too long")
        self.timeout, self.fed = timeout, []
        Dog.made = self

    def feed(self):
        self.fed.append(time.monotonic())


@tale
async def test_the_watchdog_is_fed_while_the_loop_turns_and_only_then(tmp_path, _):
    sys.modules["machine"] = types.SimpleNamespace(WDT=Dog)
    try:
        async with a_relay() as relay:
            folders, _ = household(tmp_path, address(relay), "hub")
            data = json.loads((folders["hub"] / "config.json").read_text())
            write(folders["hub"], **{**data, "watchdog": 60})

            def on_event(node, event):
                if isinstance(event, events.SessionStarted):
                    time.sleep(2.5)  # hangs

            async with here(folders["hub"], on_event=on_event) as hub:
                await until(lambda: hub.members)
                dog = Dog.made
                assert dog.timeout == 8000
                fed = len(dog.fed)
                await until(lambda: len(dog.fed) >= fed + 2)
                pauses = [b - a for a, b in zip(dog.fed, dog.fed[1:], strict=False)]
                assert max(pauses) > 2.4 and min(pauses) < 1.5
                # The loop turns, but nobody looks at the core's clock any more.
                hub.chat._ticker.cancel()
                hub.chat.conversation._wake = aio.now() - 31000
                hub.chat.conversation.next_tick = lambda: aio.now() - 31000
                fed = len(dog.fed)
                await asyncio.sleep(2.2)
                assert len(dog.fed) <= fed + 1
    finally:
        del sys.modules["machine"]


class Wlan:
    """network.WLAN of a network that is there when `there` says so."""

    there = False
    tries = 0

    def __init__(self, interface):
        self._on = False

    def active(self, on):
        self._on = on

    def connect(self, ssid, password):
        assert self._on and (ssid, password) == ("home", "secret")
        Wlan.tries += 1
        if Wlan.tries == 1:
            raise OSError("Wifi Internal Error")

    def disconnect(self):
        pass

    def isconnected(self):
        return Wlan.there and Wlan.tries > 1


@tale
async def test_wifi_is_connected_again_and_again(tmp_path, _):
    sys.modules["network"] = types.SimpleNamespace(WLAN=Wlan, STA_IF=0)
    Wlan.there, Wlan.tries = False, 0
    try:
        async with a_relay() as relay:
            folders, _ = household(tmp_path, address(relay), "hub")
            data = json.loads((folders["hub"] / "config.json").read_text())
            wifi = {"ssid": "home", "password": "secret"}
            write(folders["hub"], **{**data, "wifi": wifi})
            async with here(folders["hub"]) as hub:
                await until(lambda: Wlan.tries == 2)
                assert not hub.chat  # nothing is tried without it
                Wlan.there = True
                await until(lambda: hub.members)
                Wlan.there = False
                await until(lambda: any("home is lost" in line for line in hub.lines))
                await until(lambda: Wlan.tries == 3)
                Wlan.there = True
                await until(lambda: sum("to Wi-Fi home" in line for line in hub.lines) == 2)
                assert not any("secret" in line for line in hub.lines)
    finally:
        del sys.modules["network"]
