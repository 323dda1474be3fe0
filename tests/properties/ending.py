"""What must be so when a schedule is over and its carrier is fair: the half of World that judges.
"""

from mpseq import events

MINUTE = 60000
_FAIR_FOR = 40 * MINUTE
_MAX_FRAMES = 600  # posted until the room is well again, for up to seven people


class Violated(AssertionError):
    """An invariant does not hold; the text says which."""


class Ending:
    # --- the end: a fair carrier

    def end(self):
        """The carrier is fair from here on: all must be well in bounded time and frames."""
        self.script.append("end")
        self.carrier.join()
        self.carrier.behind = {}
        posted = self.posted
        deadline = self.now + _FAIR_FOR
        self._do_flow("0")
        step = 2000
        for person in self.honest():
            self._do_say(person.nick)  # silence is noticed only where something is owed
        while True:
            why = self._not_well()
            if why is None:
                why = self._not_confirmed()
                if why is None:
                    break
            if self.now >= deadline:
                raise Violated("not well after %d min: %s" % (_FAIR_FOR // MINUTE, why))
            self._do_flow(str(step))
            step = min(60000, step * 2)
            self._check_sizes()
        frames = self.posted - posted
        if frames > _MAX_FRAMES:
            raise Violated("%d frames until all was well" % frames)
        self._check_texts()

    def honest(self):
        return [self.people[nick] for nick in self.order if self.people[nick].honest]

    def expected(self):
        """Who must be in, together, when every frame came to all in one order and in time."""
        wanted = {
            person.nick for person in self.honest() if person.was_in and not person.wants_out
        }
        for inviter, invitee in self.invited:
            person = self.people[invitee]
            if (inviter, invitee) in self.not_invited or person.wants_out or not person.honest:
                continue
            if inviter in wanted and not self.people[inviter].wants_out:
                wanted.add(invitee)
        return wanted

    def _not_well(self):
        """Why the room is not in order, or None."""
        for person in self.honest():
            session = person.session
            if not session:
                continue
            talk = person.talk
            if talk.exchange_running or talk._membership.due():
                return "%s is in an exchange, or somebody is due" % person.nick
            for who in talk.members:
                other = self.people[self._nick_of(who.key)]
                if other.honest and (not other.session or other.session.sid != session.sid):
                    return "%s counts on %s, which is elsewhere" % (person.nick, other.nick)
            if person.wants_out and len(talk.members) > 1:
                return "%s wants to leave and is in" % person.nick
        if self.in_order and self.quick:
            return self._not_together()
        return None

    def _not_together(self):
        """Two honest members that were in one session once are never parted, whatever others do;
        without cheats everyone who was asked in is in."""
        if len(self.honest()) == len(self.order):
            wanted = sorted(self.expected())
            pairs = [(nick, wanted[0]) for nick in wanted]
        else:
            fair = [person.nick for person in self.honest()]
            pairs = [
                (nick, other) for nick in fair for other in sorted(self.together.get(nick, ()))
                if other in fair
            ]
        for nick, other in pairs:
            one, two = self.people[nick].session, self.people[other].session
            if self.people[nick].wants_out or self.people[other].wants_out:
                continue
            if not one or not two or one.sid != two.sid:
                return "%s and %s are not in one session" % (nick, other)
        return None

    def _not_confirmed(self):
        """Everyone who is in says something, which must be confirmed to it in three minutes."""
        said = []
        for person in self.honest():
            if person.session:
                count = len(self.said)
                self._do_say(person.nick)
                if len(self.said) > count:
                    said.append((person, "%s-%d" % (person.nick, count)))
        self._do_flow(str(4 * MINUTE))
        why = self._not_well()
        if why:
            return why
        for person, text in said:
            for who in person.talk.members:
                other = self.people[self._nick_of(who.key)]
                if other.honest and not other.has_shown(text):
                    return "%s was not shown %r" % (other.nick, text)
            left_open = [one for one in person.numbers.values() if one[1] == text]
            if left_open and len(person.talk.members) > 1:
                return "%r was not confirmed to %s" % (text, person.nick)
        return None

    def _check_texts(self):
        """No text is lost without a word; all were shown the same ones in the same order."""
        for text, (sender, keys) in self.said.items():
            author = self.people[sender]
            if not author.honest:
                continue
            told = [e for e in author.events if isinstance(e, events.Unsent) and e.text == text]
            for person in self.honest():
                if person.talk.identity.public not in keys or told or not author.session:
                    continue
                if not person.session or person.session.sid != author.session.sid:
                    continue
                if person.has_shown(text) or self._was_told(author, person):
                    continue
                raise Violated(
                    "%r was never shown to %s, and nobody said so" % (text, person.nick)
                )
        if self.in_order:
            self._check_order()

    def _was_told(self, author, person):
        """Whether one of both was told that something is missing between them. On a fair carrier
        nothing is, as long as both stayed."""
        kinds = (events.Missing, events.Inconsistent, events.Unverifiable)
        for one, other in ((author, person), (person, author)):
            for event in one.events:
                if isinstance(event, events.Left):
                    return True
                if self.in_order and self.quick:
                    continue
                if isinstance(event, kinds) and event.key == other.talk.identity.public:
                    return True
                if isinstance(event, events.Unconfirmed):
                    return True
        return False

    def _check_order(self):
        """What two honest members were both shown, they were shown in one order."""
        people = self.honest()
        for one in people:
            mine = [entry[1:] for entry in one.shown]
            for other in people:
                theirs = [entry[1:] for entry in other.shown]
                both = [entry for entry in mine if entry in theirs]
                if both != [entry for entry in theirs if entry in mine]:
                    raise Violated("%s and %s saw different orders" % (one.nick, other.nick))
