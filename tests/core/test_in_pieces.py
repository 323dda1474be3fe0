"""A SHARE costs three X25519 for each other participant: a board computes it in pieces, and does
other things in between (Settings.pairs_at_once)."""

from house import House

from mpseq import events, exchange, wire


class Costly:
    """Counts the pairwise keys that one call of a conversation computes."""

    def __enter__(self):
        self.most = self.now = self.all = 0
        self.kept = exchange.tdh
        exchange.tdh = self.count
        return self

    def __exit__(self, *_):
        exchange.tdh = self.kept

    def count(self, *arguments):
        self.now += 1
        self.all += 1
        self.most = max(self.most, self.now)
        return self.kept(*arguments)

    def watch(self, person):
        """From here on each call of these begins at nought."""
        for name in ("receive", "tick"):
            setattr(person, name, self.wrapped(getattr(person, name)))

    def wrapped(self, method):
        def call(*arguments):
            self.now = 0
            return method(*arguments)

        return call


def in_pieces(*nicks, **changes):
    house = House(*nicks, pairs_at_once=1, **changes)
    house.found(nicks[0])
    house.invite(nicks[0], *nicks[1:])
    house.wait(10000)
    house.assert_one_session(*nicks)
    return house


def test_a_join_and_a_rekey_in_pieces():
    nicks = ["m%d" % number for number in range(9)]
    with Costly() as costly:
        house = House(*nicks, pairs_at_once=2)
        for nick in nicks:
            costly.watch(house[nick])
        house.found("m0")
        house.invite("m0", *nicks[1:])
        house.wait(10000)
        house.assert_one_session(*nicks)
        assert costly.all == 9 * 8
        # Two of my own, and one that somebody's SHARE needs before I have come to it.
        assert 2 <= costly.most <= 3
        house["m3"].rekey(house.now)
        house.wait(10000)
        assert costly.all == 2 * 9 * 8 and costly.most <= 3
    house.assert_one_session(*nicks)
    assert [len(house.of(nick, events.SessionStarted)) for nick in nicks[:2]] == [3, 2]


def test_the_loop_is_free_between_the_pieces():
    """While one computes, others' frames are taken, and a text of before comes through."""
    house = in_pieces("ana", "ben", "eva", "dan")
    house["ana"].rekey(house.now)
    house.settle()  # the clock stands still: the SHAREs are not there yet
    begun = [nick for nick in ("ben", "eva", "dan") if house[nick].exchange_running]
    assert begun and house.kinds()[-1] != wire.SHARE
    assert house["ben"].next_tick() <= house.now
    house.wait(10000)
    house.assert_one_session("ana", "ben", "eva", "dan")


def test_a_slow_one_is_waited_for_and_may_leave():
    house = in_pieces("ana", "ben", "eva", "dan")
    house["ana"].rekey(house.now)
    house.settle()
    house["ben"].leave(house.now)
    house.wait(60000)
    assert house.of("ben", events.Left)
    house.assert_one_session("ana", "eva", "dan")


def test_a_joiner_that_gives_up_while_it_computes():
    house = in_pieces("ana", "ben", "eva")
    house.add("dan")
    house.invite("ana", "dan")
    house.settle()
    for _ in range(100):  # until the ROSTER has come
        if house["dan"]._candidates:
            break
        house.now += 100
        for nick in ("ana", "ben", "eva"):
            house[nick].tick(house.now)
        house.settle()
    assert house["dan"]._candidates[0].owes_share
    house["dan"].create("elsewhere", house.now)
    house.wait(300000)
    assert house.here("dan") == ["dan"]
    house.assert_one_session("ana", "ben", "eva")


def test_a_wrong_share_while_my_own_is_not_ready():
    """Mine is posted before my ABORT: the others need it to judge."""
    from cheats import Cheat, wrong_auth_to

    house = in_pieces("ana", "ben", "eva", "dan", "uma")
    before = len(house.frames)
    house.hook = Cheat(house).spoil("eva", wire.SHARE, wrong_auth_to(0))
    house["eva"].rekey(house.now)
    house.wait(300000)
    kinds = house.kinds(before)
    assert wire.ABORT in kinds
    convicted = [house.of(nick, events.Convicted) for nick in ("ana", "ben", "dan", "uma")]
    assert [one[0].nick for one in convicted] == ["eva"] * 4
    house.assert_one_session("ana", "ben", "dan", "uma")


def test_a_share_is_made_once_whatever_comes_in_between():
    house = in_pieces("ana", "ben", "eva", "dan")
    before = len(house.frames)
    house["ana"].rekey(house.now)
    house.settle()
    for _ in range(3):
        for nick in ("ana", "ben", "eva", "dan"):
            house[nick].carrier_leave("nobody", house.now)
            house[nick].send("in between", house.now)
        house.settle()
    house.wait(10000)
    assert house.kinds(before).count(wire.SHARE) == 4
    house.assert_one_session("ana", "ben", "eva", "dan")
    assert len(house.texts("ben")) == 12
