"""A ROSTER that comes again, or changed, to one who joins: one SHARE a sid for ever, and no second
Diffie-Hellman for it (PROTOCOL.md sections 1, 3, 5.3)."""

from carriers import Carrier, Late
from house import House
from outcomes import MINUTE, in_full
from test_outsiders import count

from mpseq import wire


class Again(Carrier):
    """Anybody posts a frame again behind each ABORT."""

    def __init__(self, house, frame):
        super().__init__(house)
        self.frame = frame

    def take(self, sender, frame):
        out = [(sender, frame)]
        if frame[0] & 15 == wire.ABORT:
            out.append(("stranger", self.frame))
        return out


def test_a_roster_posted_again_after_its_exchange_was_aborted():
    """Another SHARE of the same exchange would be two plaintexts under one key, signed twice."""
    house = House("ana", "ben", "zoe", "eva").together("ana", "ben", "eva")
    Late(house, "eva", (wire.SHARE,))
    house.bring("ana", "zoe")
    head = house["zoe"]._candidates[0].exchange.my_share[:6]
    roster = [frame for frame in house.frames if frame[0] & 15 == wire.ROSTER][-1]
    Again(house, roster)
    house["ana"].expel(house.key("eva"), house.now)
    house["ben"].expel(house.key("eva"), house.now)
    house.wait(8000)
    assert wire.ABORT in house.kinds() and house.frames.count(roster) == 2
    shares = {frame for frame in house.frames if frame[:6] == head}
    assert len(shares) == 1
    house.hook = None
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "zoe")


def test_changed_copies_of_a_roster_that_the_carrier_holds_back():
    house = House("ana", "ben", "zoe").together("ana", "ben")
    late = Late(house, kinds=(wire.ROSTER,))
    house.bring("ana", "zoe")
    ((_, true),) = late.held
    copies = []
    for at in range(50):
        bad = bytearray(true)
        bad[-1 - at] ^= 1
        copies.append(bytes(bad))
    cost = count(house["zoe"], copies, house.now)
    assert cost["x25519"] == cost["x25519_public_key"] == 1, cost
    late.stop()
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "zoe")
