"""A carrier in league with a member: different frames, each well signed, for different people. The
disagreement is named, nobody honest is convicted, and the honest can go on in one session
(PROTOCOL.md sections 4, 5.4, 7)."""

from carriers import Carrier
from cheats import exchange_of, resealed, signed_share
from house import House, Seeded
from outcomes import MINUTE, come_together, named, nobody_is_blamed, only_what_was_said

from mpseq import events, wire


class TwoFaced(Carrier):
    """Shows `victims` another frame of this kind of a member that helps it: change(exchange,
    plain), as in cheats; `both`: and the true one after it."""

    def __init__(self, house, liar, victims, kind, change, most=99, both=False):
        super().__init__(house)
        self.liar = liar
        self.victims = victims
        self.kind = kind
        self.change = change
        self.most = most
        self.both = both

    def show(self, nick, sender, frame):
        if sender != self.liar or frame[0] & 15 != self.kind or nick not in self.victims:
            return (frame,)
        if not self.most:
            return (frame,)
        self.most -= 1
        other = resealed(exchange_of(self.house[sender], frame), frame, self.change)
        return (other, frame) if self.both else (other,)


def other_commitment(exchange, plain):
    plain[32] ^= 1
    signed_share(exchange, plain)


def other_z(exchange, plain):
    plain[0] ^= 1
    signed_share(exchange, plain)


def other_statement_key(exchange, plain):
    plain[128:160] = Seeded("another statement key")(32)


def rekeyed(victims, kind, change, most=99, both=False):
    house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    carrier = TwoFaced(house, "eva", victims, kind, change, most, both)
    house["ana"].rekey(house.now)
    house.settle()
    return house, carrier


HONEST = ("ana", "ben", "dan")


def test_shares_with_two_commitments_for_two_halves():
    house, carrier = rekeyed(("ben",), wire.SHARE, other_commitment, most=1)
    house.wait(MINUTE)
    carrier.stop()
    nobody_is_blamed(house, *HONEST)
    for nick in HONEST:
        assert house[nick].session.sid == house["eva"].session.sid, "nobody switched"
    come_together(house, *HONEST)
    nobody_is_blamed(house, *HONEST)


def test_shares_with_two_z_for_two_halves():
    house, carrier = rekeyed(("ben",), wire.SHARE, other_z, most=1)
    house.wait(MINUTE)
    carrier.stop()
    nobody_is_blamed(house, *HONEST)
    come_together(house, *HONEST)
    nobody_is_blamed(house, *HONEST)


def test_two_statement_keys_for_two_halves():
    """What the signature does not cover: nobody is blamed, the carrier is named, all go on."""
    house, carrier = rekeyed(("ben",), wire.SHARE, other_statement_key, most=1)
    house.wait(MINUTE)
    carrier.stop()
    for nick in HONEST:
        assert "CarrierInconsistent" in named(house, nick), nick
    nobody_is_blamed(house)
    house.wait(2 * MINUTE)
    house.assert_one_session("ana", "ben", "dan", "eva")


def test_a_carrier_that_never_stops_lying_about_statement_keys():
    house, carrier = rekeyed(("ben",), wire.SHARE, other_statement_key)
    for _ in range(3):
        house.wait(10 * MINUTE)
    carrier.stop()
    nobody_is_blamed(house, *HONEST)
    come_together(house, *HONEST)
    only_what_was_said(house, [("dan", "together")])


def test_both_shares_of_a_liar_for_all_convict_it():
    everyone = ("ana", "ben", "dan", "eva")
    house, carrier = rekeyed(everyone, wire.SHARE, other_commitment, both=True, most=4)
    house.wait(3 * MINUTE)
    for nick in HONEST:
        assert [one.nick for one in house.of(nick, events.Convicted)] == ["eva"], nick
    house.assert_one_session(*HONEST)
    carrier.stop()


def test_both_shares_for_one_member_only():
    house, carrier = rekeyed(("ben",), wire.SHARE, other_commitment, both=True, most=1)
    house.wait(3 * MINUTE)
    carrier.stop()
    assert [one.nick for one in house.of("ben", events.Convicted)] == ["eva"]
    nobody_is_blamed(house, *HONEST)
    come_together(house, *HONEST)


def test_a_confirm_of_another_key_for_one_half():
    def other_check(exchange, plain):
        plain[128] ^= 1

    house, carrier = rekeyed(("ben",), wire.CONFIRM, other_check, most=1)
    house.wait(3 * MINUTE)
    carrier.stop()
    nobody_is_blamed(house, *HONEST)
    come_together(house, *HONEST)
    nobody_is_blamed(house, *HONEST)


def two_texts(house, liar):
    """Two MESSAGEs of one member under one counter, both well signed."""
    session = house[liar].session
    chains = bytes(session._chains)
    counters = list(session._counters)
    first = session.seal(wire.TEXT, b"yes")
    session._chains[:] = chains
    session._counters = counters
    session._posted.pop()
    return first, session.seal(wire.TEXT, b"no")


def test_two_messages_under_one_counter_for_two_halves():
    house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    yes, no = two_texts(house, "eva")
    for nick in house.order:
        house[nick].receive("eva", yes if nick == "ben" else no, house.now)
    house.settle()
    house.wait(MINUTE)
    assert house.texts("ben") == [("eva", "yes")]
    assert house.texts("ana") == house.texts("dan") == [("eva", "no")]
    assert sorted([one.nick for one in house.of("ben", events.Inconsistent)]) == [
        "ana", "dan", "eva"]
    for nick in ("ana", "dan"):
        assert [one.nick for one in house.of(nick, events.Inconsistent)] == ["ben"]
    for nick in house.order:
        assert house.of(nick, events.Confirmed) == [], nick
    nobody_is_blamed(house)
    come_together(house, *HONEST)


def test_two_messages_under_one_counter_for_all():
    """The first in the order counts, for everyone alike."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    yes, no = two_texts(house, "eva")
    house["eva"].session._posted[0] = (yes, house["eva"].session._posted[0][1])
    house.deliver("eva", yes)
    house.deliver("eva", no)
    assert house.texts("ana") == house.texts("ben") == [("eva", "yes")]
    for nick in ("ana", "ben"):
        assert house.refusals(nick) == ["duplicate or late"]
        assert named(house, nick) == []


def test_two_proposals_for_two_halves():
    """Each half makes an exchange of its own, none completes; after the carrier's lie all meet."""
    house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    other = {}

    class Halves(Carrier):
        def show(self, nick, sender, frame):
            if sender == "eva" and frame in other and nick in ("ben",):
                return (other[frame],)
            return (frame,)

    carrier = Halves(house)
    session = house["eva"].session
    chains = bytes(session._chains)
    counters = list(session._counters)
    house["eva"].rekey(house.now)
    (one,) = house["eva"].take_frames()
    posted = session._posted.pop()
    later = bytes(session._chains)
    session._chains[:] = chains
    session._counters = counters
    house["eva"]._rekey_asked = True
    house["eva"]._propose(2, house.now)
    (two,) = house["eva"].take_frames()
    session._chains[:] = later
    session._posted = [posted]
    other[one] = two
    house.hook("eva", one)
    house.settle()
    house.wait(3 * MINUTE)
    carrier.stop()
    nobody_is_blamed(house, *HONEST)
    come_together(house, *HONEST)
