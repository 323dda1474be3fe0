"""`Chat` among people who mean it no good: nothing that comes in ends its work or hides a text."""

import asyncio
import contextlib
import json
import os
import pathlib
import subprocess
import sys

import pytest
from changing import changed
from relays import a_relay, story, until
from test_chat import people, together

from mpseq import Conversation, Identity, events, wire
from mpseq.invitation import invite
from mpseq.roster import Room
from mpseq_aio import chat as aio
from mpseq_aio import door, inbox, link, tcp
from mpseq_aio.agent import Agent


class Carrier:
    """A room that the test plays: what it puts into `come` the chat hears."""

    label = "eva"

    def __init__(self):
        self.come = asyncio.Queue()
        self.posted = []
        self.opened = self.closed = 0

    async def open(self):
        self.opened += 1
        return ("eva",)

    async def recv(self):
        message = await self.come.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def post(self, frame):
        self.posted.append(frame)

    async def ping(self):
        pass

    async def close(self):
        self.closed += 1

    def hears(self, *frames):
        for frame in frames:
            self.come.put_nowait((link.FRAME, "somebody", frame))

    def joins(self):
        return [frame for frame in self.posted if frame[0] & 15 == wire.JOIN]


class Inviter:
    """Somebody who founds a conversation and invites; `policy` 1 is one that nobody supports."""

    def __init__(self, policy=0):
        self.identity = Identity.generate(os.urandom)
        self.room = Room("lure", os.urandom(16), self.identity.public, 1, policy, b"")

    def invitation_to(self, chat):
        people = [(chat.nick, chat.identity.public)]
        return invite(self.identity, "inviter", self.room, people, os.urandom)[0]


@contextlib.asynccontextmanager
async def a_chat(carrier=None, open=True):
    """A chat on a played carrier, closed at the end; nothing of it may run after that."""
    before = asyncio.all_tasks()
    carrier = carrier or Carrier()
    chat = aio.Chat(Identity.generate(os.urandom), "eva", carrier)
    try:
        if open:
            await chat.open()
        yield chat, carrier
    finally:
        await asyncio.wait_for(chat.close(), 5)
        assert not asyncio.all_tasks() - before


def taken(chat):
    """The events that wait."""
    out = list(chat._inbox.waiting)
    chat._inbox.waiting.clear()
    return out


def kinds(chat):
    return [type(event).__name__ for event in chat._inbox.waiting]


@contextlib.asynccontextmanager
async def joining(chat, *arguments):
    task = asyncio.ensure_future(chat.join(*arguments))
    await asyncio.sleep(0.02)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def accepted(chat):
    """Inviters that the core was told to answer, the latest first."""
    asked = chat.conversation._joining
    return [invitation.inviter for invitation, _ in asked.asked] if asked else []


# --- invitations


@story
async def test_an_invitation_that_cannot_be_accepted_is_told_and_the_next_one_works():
    async with a_chat() as (chat, carrier), joining(chat):
        carrier.hears(Inviter(policy=9).invitation_to(chat))
        await until(lambda: "Unacceptable" in kinds(chat))
        ana = Conversation(Identity.generate(os.urandom), "ana", os.urandom)
        ana.create("kitchen", 0)
        ana.invite([("eva", chat.identity.public)], 0)
        carrier.hears(*ana.take_frames())
        await until(carrier.joins)
        assert accepted(chat) == [ana.identity.public]


@story
async def test_a_welcome_that_fails_is_a_fault_and_nothing_more():
    def welcome(invitation):
        raise ZeroDivisionError("in the application")

    async with a_chat() as (chat, carrier), joining(chat, welcome) as task:
        carrier.hears(Inviter().invitation_to(chat))
        await until(lambda: "Fault" in kinds(chat))
        carrier.come.put_nowait((link.ENTER, "somebody"))
        await until(lambda: "Entered" in kinds(chat))
        assert not task.done() and not carrier.joins()


@story
async def test_one_invitation_is_accepted_at_a_time_and_its_inviter_may_invite_again():
    first, second = Inviter(), Inviter()
    async with a_chat() as (chat, carrier), joining(chat):
        carrier.hears(first.invitation_to(chat))
        await until(lambda: accepted(chat) == [first.identity.public])
        carrier.hears(second.invitation_to(chat))
        await until(lambda: kinds(chat).count("Invited") == 2)
        assert accepted(chat) == [first.identity.public]
        carrier.hears(first.invitation_to(chat))
        await until(lambda: len(accepted(chat)) == 2)
        assert set(accepted(chat)) == {first.identity.public}


@story
async def test_an_inviter_who_brings_no_session_makes_room_for_the_next():
    first, second = Inviter(), Inviter()
    with changed(door, PATIENCE=1000), changed(aio, _DOOR=0.02):
        async with a_chat() as (chat, carrier), joining(chat):
            carrier.hears(first.invitation_to(chat), second.invitation_to(chat))
            await until(lambda: accepted(chat) == [first.identity.public])
            await until(lambda: accepted(chat) == [second.identity.public])


@story
async def test_an_invitation_that_came_before_join_counts():
    inviter = Inviter()
    async with a_chat() as (chat, carrier):
        carrier.hears(inviter.invitation_to(chat))
        await until(lambda: "Invited" in kinds(chat))
        asked = []
        async with joining(chat, lambda invitation: asked.append(invitation.inviter) or True):
            assert accepted(chat) == [inviter.identity.public] == asked
            await until(carrier.joins)


@story
async def test_who_is_not_welcome_never_waits_before_the_door():
    friend = Inviter()
    async with a_chat() as (chat, carrier):
        async with joining(chat, lambda one: one.inviter == friend.identity.public):
            carrier.hears(*[Inviter().invitation_to(chat) for _ in range(5)])
            carrier.hears(friend.invitation_to(chat))
            await until(lambda: accepted(chat) == [friend.identity.public])


class Line:
    """A cable whose host is the test."""

    def __init__(self):
        self.commands = asyncio.Queue()
        self.reports = []

    async def next_command(self):
        command = await self.commands.get()
        return json.loads(command) if isinstance(command, str) else command

    async def report(self, value):
        self.reports.append(value)

    def events(self):
        return [report["event"] for report in self.reports if "event" in report]


@story
async def test_the_agent_survives_bad_invitations_and_bad_commands():
    line = Line()
    agent = Agent(line)
    running = asyncio.ensure_future(agent.run())
    async with a_chat(open=False) as (chat, carrier):
        agent._chat = chat
        for command in ("{not json", "[]", {"do": "invite", "people": 7}, {"do": "open"}):
            line.commands.put_nowait(command)
        await until(lambda: len([one for one in line.reports if "re" in one]) == 4)
        assert [("error" in one) for one in line.reports if "re" in one] == [True] * 3 + [False]
        first, second = Inviter(), Inviter()
        for inviter in (Inviter(policy=9), first, second):
            carrier.hears(inviter.invitation_to(chat))
        await until(lambda: line.events().count("Invited") == 3)
        assert "Error" in line.events() and accepted(chat) == [first.identity.public]
        line.commands.put_nowait({"do": "quit"})
        await asyncio.wait_for(running, 5)
        assert chat.closed


NO_TEXT = r"""
import asyncio, json
from mpseq_aio.agent import Agent

class Line:
    commands = [
        '{"do": "be", "nick": "eva", "room": "kitchen", "tcp": ["127.0.0.1", 1]}',
        '{"do": "create", "name": "kitchen"}',
        '{"do": "send", "text": "half \\ud83c"}',
        '{"do": "send", "text": "whole"}',
        '{"do": "quit"}',
    ]

    async def next_command(self):
        return json.loads(self.commands.pop(0))

    async def report(self, value):
        print(value["re"], value.get("error"))

asyncio.run(Agent(Line()).run())
"""


@pytest.mark.parametrize("runtime", ("cpython", "unix"))
def test_the_agent_refuses_what_nobody_could_read(runtime, unix_micropython):
    """As MicroPython's json makes of an escaped pair of surrogates; its str takes even that."""
    command = [sys.executable] if runtime == "cpython" else [str(unix_micropython)]
    lib = pathlib.Path(__file__).resolve().parent.parent / "lib"
    run = subprocess.run(
        [*command, "-c", NO_TEXT], capture_output=True, text=True, timeout=60,
        env={**os.environ, "MICROPYPATH": f"{lib}:.frozen"},
    )  # fmt: skip
    said = ["be None", "create None", "send LocalError: a text that has no UTF-8", "send None"]
    assert run.stdout.splitlines() == [*said, "quit None"], run.stderr


# --- texts come first


@story
async def test_a_strangers_junk_hides_no_text():
    async with a_relay() as relay, people(relay, "ana", "ben") as (ana, ben):
        await together(ana, ben)
        ben._watching.cancel()
        taken(ben.chat)
        stranger = tcp.TcpRoom("127.0.0.1", relay.port, "kitchen", "mallory")
        await stranger.open()
        await ana.chat.send("precious")
        for _ in range(300):
            await stranger.post(b"\x10junk")
        await until(lambda: sum(ben.chat.conversation.refused.values()) == 300)
        await stranger.close()
        seen = kinds(ben.chat)
        assert "Text" in seen and seen.count("Refused") == inbox.MAX_REFUSED
        ben._watching = asyncio.ensure_future(ben._watch())
        await until(lambda: ben.texts() == [("ana", "precious")])
        assert not ben.all(aio.Dropped)


@story
async def test_of_too_many_events_strangers_go_first_and_texts_last():
    box = inbox.Inbox()
    text = events.Text("ana", bytes(32), 1, "precious", False)
    box.put(text)
    for number in range(inbox.MAX_EVENTS):
        box.put(events.Confirmed(number))
        box.put(inbox.Entered("x"))
        box.put(events.Refused("x", "truncated"))
    for event in (events.Unsent("never posted"), events.Left(False)):
        box.put(event)
    box.close()
    out = []
    while (event := await box.take()) is not None:
        out.append(event)
    assert isinstance(out[0], aio.Dropped) and len(out) == 1 + inbox.MAX_EVENTS
    assert out[1] == text and isinstance(out[-1], events.Left)
    assert events.Unsent("never posted") in out and events.Confirmed(127) in out
    assert not [event for event in out if isinstance(event, (inbox.Entered, events.Refused))]


@story
async def test_what_is_told_with_left_can_be_taken_after_close():
    async with a_chat() as (chat, _):
        chat.create("kitchen")
        await chat.leave(1)
        chat.conversation._events.append(events.Unsent("told at the very end"))
    out = [event async for event in chat.events()]
    assert events.Left(False) in out and events.Unsent("told at the very end") in out
