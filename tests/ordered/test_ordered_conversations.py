"""Whole conversations of mpseq over a bad air: join, chat, a fresh key, a dead head, a cut."""

from air import partial
from talkers import TalkingAir

from mpseq import events


def alarms(air, names):
    kinds = (events.Inconsistent, events.Missing, events.Refused, events.Undelivered)
    return [event for name in names for event in air[name].events if isinstance(event, kinds)]


def heard_all(air, names, texts):
    return lambda: all([len(air[name].texts()) >= texts for name in names])


def chat(air, names, count, mark):
    """`count` texts by turns, one every 150 ms; all must show all, in one order."""
    had = {name: len(air[name].texts()) for name in names}
    for at in range(count):
        name = names[at % len(names)]
        air.later(at * 150, partial(air.text, name, "%s %d" % (mark, at)))
    enough = lambda: all([len(air[n].texts()) - had[n] >= count for n in names])  # noqa: E731
    assert air.run(60000, enough), air.tell()
    first = air[names[0]].texts()[had[names[0]] :]
    assert len(first) == count
    for name in names:
        assert air[name].texts()[had[name] :] == first, air.tell()


def test_join_chat_and_a_fresh_key():
    for loss, names in ((0, "abc"), (30, "abcd"), (30, "abcdefghij")):
        air = TalkingAir(seed=loss + len(names), loss=loss, twice=5, late=20)
        air.found(names)
        chat(air, names, 50, "first")
        codes = air["a"].conversation.code.digits
        air["b"].conversation.rekey(air.now)
        air.wake(air["b"])
        fresh = lambda air=air, names=names, old=codes: (  # noqa: E731
            air["a"].conversation.code.digits != old and air.in_one(names)
        )
        assert air.run(60000, fresh), air.tell()
        chat(air, names, 10, "second")
        assert not alarms(air, names), air.tell()
        for name in names:
            assert not [what for what in air[name].log if what[0] == "lost"]


def test_the_head_dies_in_a_conversation():
    air = TalkingAir(seed=11, loss=20, twice=5, late=20)
    air.found("abcd")
    chat(air, "abcd", 8, "before")
    head = [name for name in "abcd" if air[name].engine._head == air[name].engine.id][0]
    air[head].kill()
    rest = [name for name in "abcd" if name != head]
    air.text(rest[0], "who is there?")
    assert air.run(30000, heard_all(air, rest, 9)), air.tell()
    # Then the protocol finds out that one of them is silent, and parts from it.
    assert air.run(240000, lambda: air.in_one(rest)), air.tell()
    chat(air, rest, 6, "after")
    assert not alarms(air, rest), air.tell()
