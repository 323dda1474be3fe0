"""People invited before they were in the room hear of it when they come, and nobody else does
more than look."""

import asyncio
import os

import pytest

from mpseq import Conversation, Identity, events, wire
from mpseq.errors import LocalError
from mpseq_aio import link
from mpseq_tools.tui import doorstep
from mpseq_tools.tui.doorstep import Doorstep


class Host:
    """What a Doorstep needs of a Chat; `posted`: by the chat itself, then by the doorstep."""

    def __init__(self):
        self.conversation = Conversation(Identity.generate(os.urandom), "ana", os.urandom)
        self.conversation.create("kitchen", 0)
        self.connected = True
        self.carrier = self
        self.queued = []
        self.posted = []

    def invite(self, invitees, replace=False):
        self.conversation.invite(invitees, 0, replace)
        self.queued += self.conversation.take_frames()

    async def post(self, frame):
        if not self.connected:
            raise link.CarrierLost("gone")
        self.posted.append(frame)

    def invitations(self):
        return [one for one in self.queued if wire.frame_type(one) == wire.INVITATION]


def guest():
    return Conversation(Identity.generate(os.urandom), "ben", os.urandom)


def told(story, rest=0.01):
    def run(monkeypatch):
        monkeypatch.setattr(doorstep, "REST", rest)
        host = Host()
        asyncio.run(asyncio.wait_for(story(host, Doorstep(host)), 60))

    run.__name__ = story.__name__
    return run


async def visit(step):
    step.came()
    await asyncio.sleep(0.05)


@told
async def test_who_comes_later_is_invited_by_the_same_frame(host, step):
    ben = guest()
    step.invite([("ben", ben.identity.public)])
    await visit(step)
    assert host.posted == host.invitations() and len(host.posted) == 1
    ben.receive("ana", host.posted[0], 0)
    assert [type(one) for one in ben.take_events()] == [events.Invited]
    ben.receive("ana", host.posted[0], 0)  # it was there all the time
    assert ben.refused == {"duplicate or late": 1}


@told
async def test_whoever_is_in_or_cancelled_is_waited_for_no_more(host, step):
    ben, eve, kim = guest(), guest(), guest()
    step.invite([("ben", ben.identity.public), ("eve", eve.identity.public)])
    step.invite([("kim", kim.identity.public)])
    step.arrived(ben.identity.public)
    await visit(step)
    assert len(host.posted) == 2  # eve is still waited for
    step.cancelled(kim.identity.public)
    await visit(step)
    assert host.posted[2:] == host.invitations()[:1]
    step.arrived(eve.identity.public)
    await visit(step)
    assert len(host.posted) == 3


@told
async def test_the_invitation_that_is_open_is_the_last_that_a_guest_gets(host, step):
    ben, eve = guest(), guest()
    step.invite([("ben", ben.identity.public), ("eve", eve.identity.public)])
    step.invite([("ben", ben.identity.public)])
    await visit(step)
    assert host.posted == host.invitations()  # the first one is eve's
    step.arrived(eve.identity.public)
    host.posted.clear()
    await visit(step)
    assert host.posted == host.invitations()[1:]


@told
async def test_a_refused_invitation_leaves_nothing(host, step):
    with pytest.raises(LocalError):
        step.invite([("ana", host.conversation.identity.public)])
    await visit(step)
    assert not host.posted
    step.invite([("ben", guest().identity.public)])
    assert len(host.invitations()) == 1


@told
async def test_without_a_connection_nothing_is_posted_and_nothing_breaks(host, step):
    step.invite([("ben", guest().identity.public)])
    host.connected = False
    await visit(step)
    host.connected = True
    await visit(step)
    assert len(host.posted) == 1


async def _crowd(host, step):
    step.invite([(f"guest {n}", guest().identity.public) for n in range(3)])
    for n in range(20):
        step.invite([(f"other {n}", guest().identity.public)])
    for _ in range(200):
        step.came()
        await asyncio.sleep(0)
    assert len(host.posted) == doorstep.MOST
    await asyncio.sleep(0.3)  # who came meanwhile is not forgotten
    assert len(host.posted) == 2 * doorstep.MOST
    step.close()
    step.came()
    await asyncio.sleep(0.3)
    assert len(host.posted) == 2 * doorstep.MOST


test_strangers_who_come_and_go_do_not_make_it_post_more = told(_crowd, 0.2)
