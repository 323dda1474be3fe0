"""Rooms in which everything crosses everything: each member's frames wait in a line of its own and
the carrier takes from these lines as a seeded die says. Whatever happens, everyone who stays ends
in one session with one transcript, shows every text once and in one order, and falls silent."""

from house import House, Seeded

from mpseq import errors, events

PEOPLE = ("ana", "ben", "eva", "dan", "fay")


class Crossing(House):
    """A house whose carrier is slow and fair to nobody."""

    def __init__(self, *nicks, seed="crossing", **changes):
        super().__init__(*nicks, seed=seed, **changes)
        self.die = Seeded(seed + "/die")
        self.lines = {}
        self.losing = 0  # of 256 frames, this many are lost
        self.repeating = 0  # after so many of 256, an old one comes once more

    def throw(self, sides):
        return int.from_bytes(self.die(4), "big") % sides

    def collect(self):
        for nick in self.order:
            self.lines.setdefault(nick, []).extend(self.people[nick].take_frames())
        return [nick for nick in self.order if self.lines[nick]]

    def carry(self, most):
        """Brings up to `most` frames; returns whether some are left."""
        self.drain()
        for _ in range(most):
            waiting = self.collect()
            if not waiting:
                return False
            nick = waiting[self.throw(len(waiting))]
            frame = self.lines[nick].pop(0)
            if self.throw(256) >= self.losing:
                self.deliver(nick, frame)
            if self.frames and self.throw(256) < self.repeating:
                self.deliver("again", self.frames[-1 - self.throw(min(20, len(self.frames)))])
        return bool(self.collect())

    def settle(self, most=5000):
        if self.carry(most):
            raise AssertionError("the room does not come to rest")


def tidy(nick, house):
    """Refusals that crossing explains; anything else is a fault of the core."""
    allowed = (errors.OutOfPlace.name, errors.Stranger.name, errors.Duplicate.name,
               errors.NotMine.name)
    return [reason for reason in house.refusals(nick) if reason not in allowed]


def live(seed, steps, losing=0, repeating=0):
    """A room that lives through `steps` random wishes, at any moment, and then comes to rest."""
    house = Crossing(*PEOPLE, seed=seed)
    house.found("ana")
    house.bring("ana", "ben", "eva")
    house.losing = losing
    house.repeating = repeating
    house.said = []
    for _ in range(steps):
        nick = PEOPLE[house.throw(len(PEOPLE))]
        person = house[nick]
        wish = house.throw(10)
        try:
            if person.session is None:
                pass
            elif wish < 6:
                text = "%s %d" % (nick, len(house.said))
                person.send(text, house.now)
                house.said.append((nick, text))
            elif wish == 6:
                person.rekey(house.now)
            elif wish == 7:
                other = PEOPLE[house.throw(len(PEOPLE))]
                if house[other].session is None and house[other]._joining is None:
                    house.invite(nick, other)
            elif wish == 8 and len(person.members) > 2 and not losing:
                person.leave(house.now)
        except errors.LocalError:
            pass
        if house.throw(4):
            house.carry(house.throw(12))
        else:
            house.now += house.throw(4000)
            for one in PEOPLE:
                house[one].tick(house.now)
    house.losing = house.repeating = 0
    house.wait(300000)
    house.settle()
    return house


def check(house, lossy=False):
    inside = [nick for nick in PEOPLE if house[nick].session]
    assert inside
    house.assert_one_session(*inside)
    for nick in PEOPLE:
        assert tidy(nick, house) == [], (nick, tidy(nick, house))
        texts = house.texts(nick)
        assert len(set(texts)) == len(texts), nick
    for nick in inside:
        assert house.of(nick, events.Inconsistent) == [], nick
        assert lossy or house.of(nick, events.Missing) == [], nick
        assert not house[nick]._outbox.texts, nick
        assert not house[nick]._open_texts, nick
    for one in PEOPLE:
        for two in PEOPLE:
            shared = set(house.texts(one)) & set(house.texts(two))
            mine = [text for text in house.texts(one) if text in shared]
            theirs = [text for text in house.texts(two) if text in shared]
            assert mine == theirs, (one, two)
    for nick in inside:
        if not house.of(nick, events.Left):
            mine = [text for who, text in house.said if who == nick]
            shown = [event.text for event in house.of(nick, events.Text) if event.own]
            unsent = [event.text for event in house.of(nick, events.Unsent)]
            assert sorted(shown + unsent) == sorted(mine), nick
    at = len(house.frames)
    house.wait(200000)
    assert len(house.frames) == at


def test_rooms_in_which_everything_crosses():
    for seed in range(12):
        check(live("crossing/%d" % seed, 60))


def test_rooms_whose_carrier_loses_frames():
    """For all alike. Nobody leaves: who leaves while an exchange hangs needs section 7."""
    for seed in range(6):
        check(live("lossy/%d" % seed, 60, losing=25), lossy=True)


def test_rooms_whose_carrier_repeats_itself():
    for seed in range(6):
        check(live("repeating/%d" % seed, 60, repeating=60))
