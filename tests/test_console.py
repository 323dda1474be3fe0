"""The console of a board: what a person types, between frames and on a bad line."""

import asyncio
import json
import random
import types

import pytest
from nodes import here, household, quick, until
from relays import a_relay

from mpseq import Identity
from mpseq_aio import framing, link
from mpseq_aio.framing import FrameReader
from mpseq_board import commands, console
from mpseq_board.console import Console
from mpseq_board.entropy import Source
from mpseq_board.keystore import KeyStore
from mpseq_board.node import Node


class Screen:
    """A console and what it echoes; `lines`: what a person has typed, complete."""

    def __init__(self, echo=True):
        self.echoed = b""
        self.told = []
        self.console = Console(types.SimpleNamespace(echo=self.echo, log=self.told.append))
        self.console._echo = echo
        self.console._working = True  # what the lines say is not done here
        self.lines = self.console._lines

    def echo(self, data):
        self.echoed += data


def on_the_cable(message):
    """A message as the bridge writes it."""
    return framing.shield(framing.encode(link.encode(message)))


def test_a_line_ends_with_enter_and_may_be_corrected():
    screen = Screen()
    for key in "/whp\bo ü\x7f\x7f€\x7f\r\n\n".encode():
        screen.console.take(bytes((key,)))
    assert screen.lines == ["/who"]
    assert screen.echoed.endswith(b"\r\n") and b"\b \b" in screen.echoed
    screen.console.take("grüße\n".encode())
    assert screen.lines == ["/who", "grüße"]


def test_a_backspace_too_many_and_a_line_too_long_do_no_harm():
    screen = Screen()
    screen.console.take(b"\b\x7fa\r" + b"b" * 1000 + b"\r")
    assert screen.lines == ["a", "b" * 400]
    screen.console.take(b"c\r" * 100)
    assert len(screen.lines) == 8


def test_ctrl_c_behind_enter_or_pressed_twice_goes_through():
    for keys in (b"\r\x03", b"/wh\x03\x03o\r", b"ab\r\x03\x03"):
        with pytest.raises(KeyboardInterrupt):
            Screen().console.take(keys)
        with pytest.raises(KeyboardInterrupt):
            screen = Screen()
            for key in keys:
                screen.console.take(bytes((key,)))


def test_one_byte_of_noise_does_not_end_a_node():
    screen = Screen()
    for noise in (b"\x03", b"/wh\x03o\x03", b"\0\x03\0\x03"):
        screen.console.take(noise)
    assert len(screen.told) == 5 and "Ctrl-C" in screen.told[0]
    screen.console.take(b"\r/who\r")
    assert screen.lines[-1] == "/who"


def test_typing_and_frames_on_one_wire_harm_neither():
    dice = random.Random(4)
    for _ in range(60):
        messages, wire = [], b""
        typed = "/verify ana 123456\rhow are you, ana?\r/who\r"
        for letter in typed.encode():
            if dice.random() < 0.4:
                frame = dice.randbytes(dice.choice((0, 1, 60, 142, 254, 300)))
                messages.append((link.FRAME, "relay", frame))
                wire += on_the_cable(messages[-1])
            wire += bytes((letter,))
        screen = Screen()
        reader = FrameReader(take=link.decode)
        reader.typed = screen.console.take
        got, at = [], 0
        while at < len(wire):
            size = dice.randrange(1, 64)
            got += list(reader.feed(wire[at : at + size]))
            at += size
        assert got == messages and reader.bad == 0
        assert screen.lines == ["/verify ana 123456", "how are you, ana?", "/who"]


def test_what_is_left_of_a_damaged_frame_is_never_taken_for_typing():
    dice = random.Random(5)
    for _ in range(300):
        screen = Screen()
        reader = FrameReader(take=lambda data: None)
        reader.typed = screen.console.take
        for _ in range(20):
            wire = bytearray(on_the_cable((link.FRAME, "x", dice.randbytes(dice.randrange(200)))))
            wire[1] ^= 1 << dice.randrange(8)  # what says that it is a frame
            if dice.random() < 0.5:
                del wire[0]
            list(reader.feed(bytes(wire)))
        list(reader.feed(b"\0"))
        screen.console.take(b"/who\r")
        # It may begin with some letters of junk, as on any bad line: a whole line it never is.
        assert len(screen.lines) <= 1
        assert all(line.endswith("/who") for line in screen.lines)


def test_what_a_node_prints_never_looks_like_a_frame(tmp_path):
    async def tell():
        async with here(tmp_path) as node:
            printed = []
            del node.log
            node._line = types.SimpleNamespace(log=printed.append, release=lambda: None)
            node.log("\0\x02\x05abc\0 \x1b[31m\r\nmpseq: joined")
            assert printed == ["mpseq: \\x00\\x02\\x05abc\\x00 \\x1b[31m\\x0d\\x0ampseq: joined"]
            node._line = None

    asyncio.run(tell())


async def say(node, *lines):
    """What a node answers when these lines are typed."""
    console = Console(node)
    before = len(node.lines)
    for line in lines:
        await console.command(line)
    return node.lines[before:]


def test_commands_do_what_they_say_or_say_why_not(tmp_path):
    async def tell():
        async with a_relay() as relay:
            address = f"tcp://127.0.0.1:{relay.port}/kitchen"
            folders, keys = household(tmp_path, address, "hub", "mini")
            async with here(folders["hub"]) as hub, here(folders["mini"]) as mini:
                await until(lambda: hub.members)
                assert await say(hub, "/code") == ["not done: nobody else is in the conversation"]
                await until(lambda: len(mini.members) == 2)
                digits = mini.code.digits
                wrong = "%06d" % ((int(digits) + 1) % 1000000)
                assert "NOT the same session" in (await say(mini, "/verify hub " + wrong))[0]
                assert not mini.is_verified(bytes.fromhex(keys["hub"]))
                for line in (
                    "/verify mini " + digits,
                    "/verify nobody",
                    "/verify",
                    "/who is",
                    "/x",
                ):
                    assert (await say(mini, line))[0].startswith("not done: "), line
                answer = await say(mini, f"/verify hub {digits[:3]} {digits[3:]}", "/who")
                assert answer[0].startswith("verified: hub [")
                assert mini.is_verified(bytes.fromhex(keys["hub"]))
                assert sum(line.endswith("] +") for line in answer) == 1
                assert keys["mini"] in (await say(mini, "/key"))[0]
                assert "there is an identity" in (await say(mini, "/identity"))[0]
                assert any("/invite NICK KEY" in line for line in await say(mini, "/help", "/"))
                await say(mini, "a text", "/leave")
                await until(lambda: len(hub.members) == 1)
                assert "not in a conversation" in (await say(mini, "a text"))[0]
                stats = (await say(mini, "/stats"))[0]
                assert " 1 sent, 0 received, " in stats
                await say(mini, "/join")
                # Somebody new: remembered, invited, there after a restart too.
                other = Identity.generate(Source(str(tmp_path / "x")).random).public.hex()
                assert (await say(hub, "/invite eve 12"))[0].startswith("not done: people: eve")
                assert await say(hub, "/invite eve " + other) == []
                assert ["eve", other] in json.loads((folders["hub"] / "config.json").read_text())[
                    "people"
                ]

    with quick():
        asyncio.run(asyncio.wait_for(tell(), 180))


def test_a_changed_key_is_accepted_with_the_digits_only(tmp_path, monkeypatch):
    async def tell():
        async with a_relay() as relay:
            address = f"tcp://127.0.0.1:{relay.port}/kitchen"
            folders, keys = household(tmp_path, address, "hub", "mini")
            hub_folder = str(folders["hub"])
            other = Identity.generate(Source(hub_folder).random).public
            KeyStore(hub_folder, Source(hub_folder)).verify("mini", other)
            async with here(folders["hub"]) as hub, here(folders["mini"]):
                await until(lambda: len(hub.members) == 2)
                key = bytes.fromhex(keys["mini"])
                opened, store = [], Node.store.fget
                seen = property(lambda node: opened.append(store(node)) or opened[-1])
                monkeypatch.setattr(Node, "store", seen)
                assert "was known otherwise" in (await say(hub, "/verify mini"))[0]
                assert len(opened) == 1 and not any(opened[0]._master)  # closed nevertheless
                assert not hub.is_verified(key)
                await say(hub, "/verify mini " + hub.code.digits)
                assert hub.is_verified(key) and not hub.is_verified(other)

    with quick():
        asyncio.run(asyncio.wait_for(tell(), 180))


def test_a_command_for_which_there_is_no_memory_now_is_done_a_little_later(monkeypatch):
    def short_of(times):
        async def do(node, *words):
            tries.append(words)
            if len(tries) <= times:
                raise MemoryError("memory allocation failed, allocating 301 bytes")
            node.log("done")

        monkeypatch.setattr(commands, "do", do)
        tries = []
        return tries

    async def send(text):
        sent.append(text)
        raise MemoryError("memory allocation failed")

    async def tell():
        short_of(2)
        assert await say(node, "/verify hub") == ["done"]
        tries = short_of(99)
        answer = await say(node, "/verify hub")
        assert len(tries) == console._TRIES and len(answer) == 1
        assert answer[0].startswith("not done: memory allocation failed")
        # A text may be on its way already.
        assert (await say(node, "hello"))[0].startswith("not done: ") and sent == ["hello"]

    monkeypatch.setattr(console, "_PAUSE", 0.01)
    sent, lines = [], []
    node = types.SimpleNamespace(lines=lines, log=lines.append, send=send)
    asyncio.run(tell())


def test_identity_is_refused_where_the_source_is_bad(tmp_path):
    async def tell():
        household(tmp_path, "tcp://127.0.0.1:1/x", "hub")
        folder = tmp_path / "hub"
        for file in folder.iterdir():
            if file.name != "config.json":
                file.unlink()
        async with here(folder) as node:
            await until(lambda: any("no identity" in line for line in node.lines))
            node.source._trusted, node.source._problem = False, "bad luck. Cure: better luck"
            answer = await say(node, "/key", "/identity")
            assert "no identity" in answer[0] and "better luck" in answer[1]
            assert node.identity is None
            node.source._trusted = True
            assert "fingerprint" in (await say(node, "/identity"))[-1]
            await until(lambda: node.chat)

    asyncio.run(asyncio.wait_for(tell(), 180))
