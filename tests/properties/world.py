"""A room of honest people, cheats and a carrier, moved by lines of text, and what must always be
so in it. A schedule is a list of such lines: `replay.py` runs one without hypothesis.

    room ana ben eva ; zoe      who is in from the start; who may be invited
    villain eva                 eva cheats from here on as `cheat` lines say
    say ana | rekey ana | leave ana | invite ana zoe | expel ana eva
    deliver 3                   three frames of the line, to all (0: until nobody has any)
    first ana                   the first frame of ana's in the line
    wait 5000 | flow 5000       ms pass: nothing is delivered | everything is
    drop 0 | twice 0 | swap 0   the frame at this place of the line: never, twice, after the next
    again 2                     a frame of long ago once more, for all
    miss 0 ana | late 0 ana | garble 0 ana | other 0 ana      what only ana (not) gets
    cut ana ben | join          two halves that do not hear each other; no more
    cheat eva wrong_z 1         see villains.py

Everything that follows from a schedule follows from its lines: no clock, no other randomness.
"""

from carrier import Carrier
from ending import Ending, Violated
from house import Seeded
from villains import Villain

from mpseq import Conversation, Identity, Settings, errors

# A frame that took longer may have made honest members suspect one another (PROTOCOL.md 6).
_PATIENCE = 40000
_MAX_BYTES = 48 * 1024
_MAX_PARTS = 3000


class Person:
    """One member and all it told its application."""

    def __init__(self, nick, conversation):
        self.nick = nick
        self.talk = conversation
        self.villain = None
        self.shown = []  # (sid, key of the sender, text)
        self.numbers = {}  # number of a message -> text, in the session that runs
        self.events = []
        self.sid = None
        self.was_in = False
        self.wants_out = False

    @property
    def honest(self):
        return self.villain is None

    def has_shown(self, text, key=None):
        for _, sender, shown in self.shown:
            if shown == text and key in (None, sender):
                return True
        return False

    @property
    def session(self):
        return self.talk.session


class World(Ending):
    def __init__(self):
        self.now = 0
        self.carrier = Carrier()
        self.people = {}
        self.order = []
        self.script = []
        self.said = {}  # text -> (sender, keys of those in its session then)
        self.hashes = {}  # (sid, count) -> h, of honest members
        self.rosters = {}  # sid -> (members, code)
        self.invited = []  # (inviter, invitee)
        self.not_invited = set()
        self.in_order = True  # all members got the same frames in the same order
        self.quick = True  # and none of them late
        self.posted = 0
        self.together = {}  # nick -> those honest ones with whom it was in one session

    # --- the script

    def do(self, line):
        """Carries out one line."""
        self.script.append(line)
        words = line.split()
        getattr(self, "_do_" + words[0])(*words[1:])
        self._check_sizes()

    def _do_room(self, *words):
        at = words.index(";") if ";" in words else len(words)
        inside, outside = words[:at], words[at + 1 :]
        for nick in inside + outside:
            random = Seeded("properties/" + nick)
            talk = Conversation(Identity.generate(random), nick, random, b"", Settings())
            self.people[nick] = Person(nick, talk)
            self.order.append(nick)
        first = self.people[inside[0]]
        first.talk.create("room", self.now)
        self._collect()
        self._do_invite(inside[0], *inside[1:])
        self._do_flow("0")
        for nick in inside:
            members = [who.nick for who in self.people[nick].talk.members]
            if sorted(members) != sorted(inside):
                raise Violated("the room does not come together: %s sees %s" % (nick, members))

    def _do_villain(self, nick):
        self.people[nick].villain = Villain(self, self.people[nick])

    def _do_cheat(self, nick, *words):
        self.people[nick].villain.cheat(*words)
        self._collect()

    def _ask(self, nick, what, *arguments):
        """What an application asks for; that it cannot be done now is an answer too."""
        try:
            getattr(self.people[nick].talk, what)(*arguments)
            done = True
        except errors.LocalError:
            done = False
        self._collect()
        return done

    def _do_say(self, nick):
        person = self.people[nick]
        if not person.session:
            return
        text = "%s-%d" % (nick, len(self.said))
        here = [who.key for who in person.talk.members]
        if self._ask(nick, "send", text, self.now):
            self.said[text] = (nick, here)

    def _do_rekey(self, nick):
        self._ask(nick, "rekey", self.now)

    def _do_leave(self, nick):
        person = self.people[nick]
        if person.session:
            person.wants_out = True
            self._ask(nick, "leave", self.now)

    def _do_invite(self, nick, *others):
        invitees = [(other, self.people[other].talk.identity.public) for other in others]
        if invitees:
            self._ask(nick, "invite", invitees, self.now)

    def _do_expel(self, nick, other):
        if self.people[other].villain:
            self._ask(nick, "expel", self.people[other].talk.identity.public, self.now)

    # --- the carrier

    def _do_deliver(self, count):
        count = int(count)
        done = 0
        while self.carrier.line and (not count or done < count):
            self._deliver(self.carrier.take())
            done += 1
            if done > 3000:
                raise Violated("the room does not come to rest")

    def _do_first(self, nick):
        for at, entry in enumerate(self.carrier.line):
            if entry.sender == nick:
                self._deliver(self.carrier.take(at))
                return

    def _do_drop(self, at):
        if self.carrier.line:
            self.carrier.line.pop(int(at) % len(self.carrier.line))

    def _do_twice(self, at):
        entry = self.carrier.entry(int(at))
        if entry:
            self.carrier.line.insert(self.carrier.line.index(entry), entry)

    def _do_swap(self, at):
        line = self.carrier.line
        if len(line) > 1:
            at = int(at) % (len(line) - 1)
            line[at], line[at + 1] = line[at + 1], line[at]

    def _do_again(self, back):
        log = self.carrier.log
        if log:
            self.carrier.post("carrier", log[-1 - int(back) % len(log)], self.now)

    def _fault(self, at, nick):
        entry = self.carrier.entry(int(at))
        if entry:
            self.in_order = False
        return entry

    def _do_miss(self, at, nick):
        entry = self._fault(at, nick)
        if entry:
            entry.skips.add(nick)

    def _do_late(self, at, nick):
        entry = self._fault(at, nick)
        if entry:
            entry.late.add(nick)

    def _do_garble(self, at, nick):
        entry = self._fault(at, nick)
        if entry:
            middle = len(entry.frame) // 2
            damaged = bytes((entry.frame[middle] ^ 1,))
            entry.shown[nick] = entry.frame[:middle] + damaged + entry.frame[middle + 1 :]

    def _do_other(self, at, nick):
        entry = self._fault(at, nick)
        if entry and self.carrier.log:
            entry.shown[nick] = self.carrier.log[-1]

    def _do_cut(self, *nicks):
        self.in_order = False
        self.carrier.cut(nicks, self.order)

    def _do_join(self):
        self.carrier.join()

    # --- time

    def _do_wait(self, ms):
        self._pass(int(ms), False)

    def _do_flow(self, ms):
        self._pass(int(ms), True)

    def _pass(self, ms, delivering):
        end = self.now + ms
        if delivering:
            self._do_deliver(0)
        still = 0
        while True:
            wakes = [(self.people[nick].talk.next_tick(), nick) for nick in self.order]
            wakes = [wake for wake in wakes if wake[0] is not None and wake[0] <= end]
            before = self.now
            self.now = max(self.now, min(wakes)[0]) if wakes else end
            still = 0 if self.now > before else still + 1
            if still > 300:
                raise Violated("woken for nothing at %d: %r" % (self.now, wakes))
            for at, nick in wakes:
                if at <= self.now:
                    self._tick(self.people[nick])
            self._collect()
            if delivering:
                self._do_deliver(0)
            if not wakes:
                return

    def _tick(self, person):
        if person.villain:
            person.villain.tick(self.now)
        else:
            person.talk.tick(self.now)

    # --- frames and events

    def _deliver(self, entry):
        late = self.now - self.carrier.first_posted[entry.frame]
        if late > _PATIENCE:
            self.quick = False
        for nick in self.order:
            person = self.people[nick]
            for sender, frame in self.carrier.copies(entry, nick):
                if person.villain:
                    person.villain.receive(sender, frame, self.now)
                else:
                    person.talk.receive(sender, frame, self.now)
                    self._listen(person)
        self._collect()

    def _collect(self):
        """Frames into the line, events to their applications."""
        for nick in self.order:
            person = self.people[nick]
            self._listen(person)
            frames = person.talk.take_frames()
            if person.villain:
                frames = person.villain.changed(frames)
            for frame in frames:
                self.posted += 1
                self.carrier.post(nick, frame, self.now)

    def _listen(self, person):
        for event in person.talk.take_events():
            person.events.append(event)
            handler = getattr(self, "_on_" + type(event).__name__, None)
            if handler:
                handler(person, event)
        session = person.session
        if session and person.honest:
            place = (session.sid, session.count)
            if self.in_order:
                if self.hashes.setdefault(place, session.h) != session.h:
                    raise Violated("%s has another transcript at %d" % (person.nick, place[1]))

    def _nick_of(self, key):
        for nick in self.order:
            if self.people[nick].talk.identity.public == key:
                return nick
        return None

    def _on_Invited(self, person, event):
        inviter = self._nick_of(event.invitation.inviter)
        self.invited.append((inviter, person.nick))
        try:
            person.talk.accept(event.invitation, self.now)
            person.wants_out = False
        except errors.LocalError:
            pass

    def _on_Left(self, person, event):
        if not event.removed:
            person.was_in = False
            self.invited = [one for one in self.invited if one[1] != person.nick]
            for nick in self.together.pop(person.nick, ()):
                self.together[nick].discard(person.nick)

    def _on_NotInvited(self, person, event):
        self.not_invited.add((person.nick, self._nick_of(event.key)))

    def _on_SessionStarted(self, person, event):
        person.was_in = True
        person.numbers = {}
        person.sid = person.session.sid if person.session else None
        if not person.honest or not person.session:
            return
        seen = (event.members, event.code, bytes(person.session._header_key))
        if len(event.members) > 1 and self.rosters.setdefault(person.sid, seen) != seen:
            raise Violated("one session, two rosters or codes: " + person.nick)
        mine = self.together.setdefault(person.nick, set())
        for other in self.honest():
            if other is not person and other.session and other.session.sid == person.sid:
                mine.add(other.nick)
                self.together[other.nick].add(person.nick)

    def _on_Text(self, person, event):
        if not person.honest:
            return
        text = event.text
        sender = self._nick_of(event.key)
        if sender is None or self.people[sender].honest:
            if text not in self.said:
                raise Violated("%s was shown %r, which nobody said" % (person.nick, text))
            if self.said[text][0] != sender:
                raise Violated("%s was shown %r as %s's" % (person.nick, text, sender))
            if person.talk.identity.public not in self.said[text][1]:
                raise Violated("%s was shown %r, not meant for it" % (person.nick, text))
        if person.has_shown(text, event.key):
            raise Violated("%s was shown %r twice" % (person.nick, text))
        person.shown.append((person.sid, event.key, text))
        person.numbers[event.number] = (event.key, text)

    def _on_Confirmed(self, person, event):
        """Confirmed means: every honest member that is still counted on was shown it."""
        if not person.honest or not person.session:
            return
        done = [number for number in person.numbers if number <= event.number]
        for number in done:
            key, text = person.numbers.pop(number)
            meant = self.said.get(text, (None, None))[1]
            for index in person.talk._membership.remaining():
                other = self.people[self._nick_of(person.talk.members[index].key)]
                if not other.honest or other.has_shown(text, key):
                    continue
                if meant is not None and other.talk.identity.public not in meant:
                    continue  # it came in by the same frame
                raise Violated(
                    "%s has %r confirmed, %s was never shown it" % (person.nick, text, other.nick)
                )

    def _on_Convicted(self, person, event):
        culprit = self._nick_of(event.key)
        if person.honest and self.people[culprit].honest:
            raise Violated("%s is convicted by %s: %s" % (culprit, person.nick, event.why))

    # --- bounded memory

    def _check_sizes(self):
        for nick in self.order:
            if self.people[nick].honest:
                size, parts = weight(self.people[nick].talk)
                if size > _MAX_BYTES or parts > _MAX_PARTS:
                    raise Violated("%s holds %d bytes in %d parts" % (nick, size, parts))


def weight(thing, seen=None):
    """(bytes, parts) of everything that a conversation holds."""
    seen = set() if seen is None else seen
    size = parts = 0
    waiting = [thing]
    while waiting:
        one = waiting.pop()
        parts += 1
        if isinstance(one, (bytes, bytearray, str)):
            size += len(one)
            continue
        if isinstance(one, (int, type(None))) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, memoryview):
            waiting.append(one.obj)
        elif isinstance(one, dict):
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, (list, tuple, set)):
            waiting.extend(one)
        elif hasattr(one, "__dict__"):
            waiting.extend(one.__dict__.values())
    return size, parts
