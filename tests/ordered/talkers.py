"""People with a whole mpseq conversation each, in the simulated air."""

from air import Air, Person

from mpseq import Conversation, Identity, events


class Talker(Person):
    def __init__(self, air, name, again):
        random = air.dice.bytes
        self.conversation = Conversation(Identity.generate(random), name, random)
        self.events = []
        self._bell = None
        Person.__init__(self, air, name, again)

    def work(self):
        seen = len(self.log)
        out = Person.work(self)
        now = self.air.now
        for kind, what in self.log[seen:]:
            if not isinstance(what, (str, tuple)):
                self.conversation.receive(kind, what, now)
            elif kind == "+":
                self.conversation.carrier_enter(what, now)
            elif kind == "-":
                self.conversation.carrier_leave(what, now)
        due = self.conversation.next_tick()
        if due is not None and due <= now:
            self.conversation.tick(now)
            due = self.conversation.next_tick()
        for event in self.conversation.take_events():
            self.events.append(event)
            if isinstance(event, events.Invited):
                self.conversation.accept(event.invitation, now)
        for frame in self.conversation.take_frames():
            if frame not in self.waiting:
                self.waiting.append(frame)
        if self.engine is not None and self.waiting and self.engine.ready:
            self.air.later(1, self.ring)
        if due is not None and due != self._bell:
            self._bell = due
            self.air.later(max(due - now, 1), self.ring)
        return out

    def ring(self):
        self.air.wake(self)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def texts(self):
        return [(event.nick, event.text) for event in self.of(events.Text)]


class TalkingAir(Air):
    def add(self, name, again=True):
        person = Talker(self, name, again)
        self.people[name] = person
        self.order.append(name)
        self.wake(person)
        return person

    def found(self, names):
        """All in one session, founded by the first, who invites the others at once."""
        self.gather(names)
        first = self[names[0]]
        first.conversation.create("test", self.now)
        first.conversation.invite(
            [(name, self[name].conversation.identity.public) for name in names[1:]], self.now
        )
        self.wake(first)
        assert self.run(60000, lambda: self.in_one(names)), self.tell()

    def in_one(self, names):
        people = [self[name].conversation for name in names]
        if not all([len(person.members) == len(names) for person in people]):
            return False
        if any([person.exchange_running for person in people]):
            return False
        return len(set([person.code.digits for person in people])) == 1

    def text(self, name, text):
        self[name].conversation.send(text, self.now)
        self.wake(self[name])

    def tell(self):
        out = ["seed %d" % self.seed, self.story()]
        for name in self.order:
            person = self[name].conversation
            out.append("%s: %d members, %s" % (name, len(person.members), self[name].events[-4:]))
        return "\n".join(out)
