"""What must be true when a bad carrier, or a stranger, has had its way: for stories in tests."""

from mpseq import errors, events

MINUTE = 60000
NAMED = (events.Inconsistent, events.Missing, events.Unverifiable, events.CarrierInconsistent)


def only_what_was_said(house, said):
    """Whoever is shown something is shown what its author said, once."""
    for nick in house.order:
        shown = house.texts(nick)
        for one in shown:
            assert one in said, (nick, one)
        assert len(shown) == len(set(shown)), (nick, shown)


def nobody_is_blamed(house, *nicks):
    """None of these was convicted or expelled in anybody's eyes; of nobody, if none is named."""
    for nick in house.order:
        for event in house.seen[nick]:
            if isinstance(event, (events.Convicted, events.Expelled)):
                assert nicks and event.nick not in nicks, (nick, event)


def named(house, nick):
    """The kinds of disagreement that this one was told of."""
    return [type(event).__name__ for event in house.seen[nick] if isinstance(event, NAMED)]


def in_full(house, *nicks):
    """All of these are in one session and hear each other."""
    house.assert_one_session(*nicks)
    for nick in nicks:
        house.say(nick, "here is " + nick)
    for nick in nicks:
        assert house.texts(nick)[-len(nicks) :] == [(one, "here is " + one) for one in nicks]


def come_together(house, *nicks):
    """The carrier is honest now. Those who were parted invite one another; all of these end in one
    session, whoever else is there."""
    house.wait(25 * MINUTE)
    first = nicks[0]
    for _ in nicks:
        for nick in nicks:
            if nick not in house.here(first):
                try:
                    house.invite(first, nick)
                except errors.LocalError:
                    pass
        house.wait(MINUTE)
    house.assert_one_session(*house.here(first))
    house.say(nicks[-1], "together")
    for nick in nicks:
        assert house.texts(nick)[-1] == (nicks[-1], "together"), nick
