"""Section 7: an x is shown only where it opens nothing. Found with the formal model: the
carrier can have let a member switch whom the others believe to be still with them."""

from cheats import Cheat, resealed, wrong_check, wrong_z
from house import House, Seeded

from mpseq import events, wire
from mpseq.attempt import Attempt
from mpseq.exchange import RING, Exchange

MINUTES = 60000


def test_an_x_is_not_shown_while_somebody_may_have_switched():
    """One who was removed knows E, and the carrier shows its copy of ana's CONFIRM to ben alone
    and all the true ones to eva alone. ben cries; eva is in the session that the x of two
    neighbours would open."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    copies = []

    def hook(sender, frame):
        if frame[0] & 15 != wire.CONFIRM or sender != "ana":
            return (frame,)
        copies.append(resealed(house["ana"]._attempt.exchange, frame, wrong_check))
        return (frame, copies[0])

    def reaches(recipient, frame):
        if frame[0] & 15 != wire.CONFIRM:
            return True
        if frame in copies:
            return recipient == "ben"
        return recipient == "eva" or (recipient, frame[5]) in honest

    honest = []
    for nick in ("ana", "ben"):
        for other in ("ana", "ben", "eva"):
            # ana never sees that of eva, ben none of ana but the copy
            if (nick, other) not in (("ana", "eva"), ("ben", "ana")):
                honest.append((nick, house[other].session.me))
    house.hook = hook
    house.reaches = reaches
    before = house["eva"].session.sid
    at = len(house.frames)
    house["ana"].rekey(house.now)
    house.settle()
    assert house["eva"].session.sid != before
    assert house["ana"].session.sid == house["ben"].session.sid == before
    kinds = house.kinds(at)
    assert wire.ABORT in kinds and wire.WITNESS in kinds
    house.reaches = house.hook = None
    house["eva"].send("for eyes in this session only", house.now)
    house.wait(10 * MINUTES)
    assert wire.REVEAL not in house.kinds(at)
    house.assert_one_session("ana", "ben")
    for nick in ("ana", "ben", "eva"):
        assert house.of(nick, events.Convicted) == []


def test_a_guest_who_confirmed_elsewhere_shows_no_x():
    """Section 3: a joiner's y serves several sids until it has sent CONFIRM; an ABORT of another
    of these sids must not make it show the x that opens the one that it confirmed."""
    house = House("ana", "ben", "eva").together("ana", "ben")
    house.hook = Cheat(house).hush("ben", wire.CONFIRM)
    house.bring("ana", "eva")
    eva = house["eva"]
    confirmed = eva._candidates[0]
    assert confirmed.exchange.my_confirm
    x = eva._joining.keys.x

    exchange = confirmed.exchange  # and another with the same y, of which all SHAREs came
    other = Exchange(
        eva._joining.asked[0][0].room, bytearray(32), bytes(16), exchange.people, exchange.me,
        exchange.keys, eva.identity,
    )
    other.share(Seeded("other"))
    other.shares_left = 0
    other._have_share = bytearray(b"\2\2\2")
    other = Attempt(other, None, False, 0)
    other.invitation = confirmed.invitation
    eva._candidates.append(other)
    at = len(house.frames)
    eva._abort_as_joiner(other, 0, RING, 0, house.now)
    house.settle()
    assert wire.REVEAL not in house.kinds(at) and wire.JOIN not in house.kinds(at)
    assert eva._candidates == [confirmed]
    assert bytes(x) != bytes(32)


def test_a_ring_that_does_not_close_needs_no_witnesses():
    """Nobody honest has confirmed then."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    house.hook = Cheat(house).spoil("eva", wire.SHARE, wrong_z, most=1)
    at = len(house.frames)
    house["ana"].rekey(house.now)
    house.settle()
    assert wire.REVEAL in house.kinds(at) and wire.WITNESS not in house.kinds(at)
