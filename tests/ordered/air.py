"""A lossy air in virtual time, and people in it. For CPython and MicroPython.

    air = Air(seed=7, loss=20)
    for name in "abc": air.add(name)
    air.run(5000)
    air["a"].post(b"hello")

Everything follows from the seed. The channel carries 1 Mbit/s, one datagram at a time; each
receiver loses, gets twice, or gets late each datagram by itself.
"""

import heapq

from mpseq_aio import link
from mpseq_aio.ordered import MTU, OrderedRoom


def partial(function, *arguments):
    return lambda: function(*arguments)


class Dice:
    """Numbers that follow from a seed; the same on every runtime."""

    def __init__(self, seed):
        self.state = (seed * 2654435761 + 12345) & 0xFFFFFFFF or 1

    def below(self, limit):
        x = self.state
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        self.state = x
        return (x >> 3) % limit

    def bytes(self, size):
        return bytes([self.below(256) for _ in range(size)])


class Person:
    """`log`: what it saw: (label, frame), ("+", label), ("-", label), ("in", labels), ("lost",
    reason), ("cut", ""). `stays`: the log divided at each entry."""

    def __init__(self, air, name, again):
        self.air = air
        self.name = name
        self.again = again  # comes in again when it is lost
        self.log = []
        self.waiting = []
        self.engine = None
        self.begin()

    def begin(self):
        self.engine = OrderedRoom(self.air.room, self.name, self.air.dice.bytes, self.air.now)
        self.was_in = False

    def post(self, frame):
        self.waiting.append(frame)

    def work(self):
        """Moves what the engine has to give and to take; returns its datagrams."""
        engine = self.engine
        if engine is None:
            return []
        now = self.air.now
        while self.waiting and engine.ready:
            engine.post(self.waiting.pop(0), now)
        if engine.joined and not self.was_in:
            self.was_in = True
            engine.take_messages()
            self.log.append(("in", tuple(engine.labels)))
        for message in engine.take_messages():
            if message[0] == link.FRAME:
                self.log.append((message[1], message[2]))
                self.air.arrived(self, message[2])
            else:
                self.log.append(("+" if message[0] == link.ENTER else "-", message[1]))
        out = engine.take_datagrams()
        if engine.lost:
            self.log.append(("lost", engine.lost))
            self.engine = None
            if self.again:
                self.air.later(1000, self.begin_again)
        return out

    def begin_again(self):
        if self.engine is None:
            self.begin()
            self.air.wake(self)

    def kill(self):
        self.engine = None
        self.again = False

    def leave(self):
        self.engine.leave(self.air.now)
        self.again = False
        self.air.wake(self)

    @property
    def frames(self):
        return [what[1] for what in self.log if not isinstance(what[1], (str, tuple))]

    @property
    def stays(self):
        out = []
        for what in self.log:
            if what[0] == "in":
                out.append([])
            if out:
                out[-1].append(what)
        return out


class Air:
    """`loss`, `twice`: percent; `late`: ms by which a datagram may come late."""

    def __init__(self, seed=1, loss=0, twice=0, late=2, room="garden"):
        self.seed = seed
        self.loss = loss
        self.twice = twice
        self.late = late
        self.room = room
        self.dice = Dice(seed)
        self.us = 0
        self.people = {}
        self.order = []
        self.bytes = self.count = 0  # on the air
        self.deaf = {}  # name -> names that it cannot hear
        self.born = {}  # frame -> when it was posted
        self.delays = []
        self.on_arrival = None
        self._events = []
        self._tie = 0
        self._busy = 0

    @property
    def now(self):
        return self.us // 1000

    def __getitem__(self, name):
        return self.people[name]

    def add(self, name, again=True):
        person = Person(self, name, again)
        self.people[name] = person
        self.order.append(name)
        self.wake(person)
        return person

    def say(self, name, frame):
        self.born[frame] = self.us
        self.people[name].post(frame)
        self.wake(self.people[name])

    def arrived(self, person, frame):
        if frame in self.born:
            self.delays.append((self.us - self.born[frame]) // 1000)
        if self.on_arrival:
            self.on_arrival(person, frame)

    def part(self, *groups):
        """Only those in one group hear each other; without groups everyone does."""
        self.deaf = {}
        if groups:
            for name in self.order:
                self[name].log.append(("cut", ""))
        for group in groups:
            for name in group:
                self.deaf[name] = [other for other in self.order if other not in group]

    def later(self, ms, work):
        self._at(self.us + ms * 1000, work)

    def _at(self, us, work):
        self._tie += 1
        heapq.heappush(self._events, (us, self._tie, work))

    def wake(self, person):
        """Lets it work now, and again when it wants to."""
        for datagram in person.work():
            self.send(person.name, datagram)
        engine = person.engine
        if engine is not None:
            due = engine.next_tick()
            if due is not None:
                self._at(max(due * 1000, self.us + 1000), lambda: self.ring(person, engine, due))

    def ring(self, person, engine, due):
        if person.engine is engine and engine.next_tick() is not None:
            if engine.next_tick() <= self.now:
                engine.tick(self.now)
                self.wake(person)

    def send(self, name, datagram):
        assert 13 <= len(datagram) <= MTU, len(datagram)
        self.count += 1
        self.bytes += len(datagram)
        begin = max(self.us, self._busy)
        self._busy = begin + 300 + 8 * (len(datagram) + 43) + self.dice.below(200)
        for other in self.order:
            if other == name or name in self.deaf.get(other, ()):
                continue
            for _ in range(2 if self.dice.below(100) < self.twice else 1):
                if self.dice.below(100) >= self.loss:
                    late = self.dice.below(self.late * 1000 + 1)
                    self._at(self._busy + late, self.arrival(other, datagram))

    def arrival(self, name, datagram):
        def arrive():
            person = self.people[name]
            if person.engine is not None:
                person.engine.receive(datagram, self.now)
                self.wake(person)

        return arrive

    def run(self, ms, until=None):
        """Lets `ms` pass, or less when until() holds; whether it held."""
        end = self.us + ms * 1000
        while self._events and self._events[0][0] <= end:
            us, _, work = heapq.heappop(self._events)
            self.us = max(self.us, us)
            work()
            if until and until():
                return True
        if not until:
            self.us = end
        return False

    def gather(self, names, ms=30000):
        """Adds people and waits until all see each other."""
        for name in names:
            self.add(name)
        self.meet(ms)

    def together(self):
        present = [self[n].engine for n in self.order if self[n].engine or self[n].again]
        if not all(present) or not all([engine.joined for engine in present]):
            return False
        return all([len(engine.labels) == len(present) for engine in present])

    def meet(self, ms=30000):
        assert self.run(ms, self.together), "seed %d: %s" % (self.seed, self.story())

    def story(self):
        out = []
        for name in self.order:
            engine = self[name].engine
            short = [
                w if isinstance(w[1], (str, tuple)) else (w[0], w[1][:8]) for w in self[name].log
            ]
            out.append(
                "%s: %s" % (name, [what for what in short if what[0] in ("in", "+", "-", "lost")])
            )
            out.append("   %d heard, last %s" % (len(self[name].frames), short[-3:]))
            if engine:
                fields = ("joined", "labels", "_epoch", "_last", "_known", "_stable", "_ready")
                out.append("   " + ", ".join(["%s=%s" % (f, getattr(engine, f)) for f in fields]))
        return "\n".join(out)


def frames_of(names, each, size=40, mark="f"):
    """[(name, frame)], every frame different."""
    out = []
    for i in range(each):
        for name in names:
            out.append((name, ("%s-%s-%d-" % (name, mark, i)).encode() + bytes(size)))
    return out


def talk(air, lines, every=20):
    """Says all of them, one each `every` ms, from now on."""
    for at, (name, frame) in enumerate(lines):
        air.later(at * every, partial(air.say, name, frame))


def heard(air, names, lines):
    """A condition for Air.run: all these people have heard all these lines."""
    wanted = set([frame for _, frame in lines])

    def done():
        for name in names:
            if len(air[name].frames) < len(wanted):
                return False
        return all([wanted <= set(air[name].frames) for name in names])

    return done


def check(air, names, steady=()):
    """Those who are present at the end saw the same since the later one of each two came: every
    frame, every coming and going, in one order. `steady`: none of these was ever lost."""
    for name in names:
        assert air[name].engine is not None, "seed %d: %s\n%s" % (air.seed, name, air.story())
        for stay in air[name].stays:
            frames = [what for what in stay if not isinstance(what[1], (str, tuple))]
            assert len(set(frames)) == len(frames), "seed %d: %s twice" % (air.seed, name)
    for name in steady:
        losses = [what for what in air[name].log if what[0] == "lost"]
        assert not losses, "seed %d: %s lost %s" % (air.seed, name, losses)
    last = [[w for w in air[name].stays[-1][1:] if w[0] != "cut"] for name in names]
    for one in last:
        for other in last:
            if len(one) <= len(other):
                tail = other[len(other) - len(one) :]
                assert tail == one, "seed %d\n%s" % (air.seed, air.story())
