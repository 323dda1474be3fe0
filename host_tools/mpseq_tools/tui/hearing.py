"""What events mean for a person. The part of Room that hears; knows no screen."""

import time

from mpseq import fingerprint
from mpseq_aio.framing import clean

from ..faults import Fault
from . import marks

_SHORT = 200  # bytes of text/csv and the like that are shown as they are
_QUOTED = 60  # characters of a text that is only named
_NAMED = 30  # labels in one note
_PASSING = 60  # notes at once of people who come and go, then one in so many seconds:
_REST = 2  # strangers, too, can do that, and must not push away what was said


class Hearing:
    def _start_hearing(self):
        self.changed_keys = set()  # of members whose nick was known under another key
        self.suspected = {}  # key -> by whom, of what
        self.present = set()  # labels in the room
        self._away = False  # was connected, and is not
        self._alike = set()
        self._passing = _PASSING
        self._passed = 0.0
        self._unsaid = 0

    def show(self, event):
        """Takes in one event, and says what there is to say about it."""
        shower = getattr(self, "_on_" + type(event).__name__.lower(), None)
        if shower:
            shower(event)
            self.listener.changed(self)

    # --- the way to the room

    def _on_connected(self, event):
        self.present = set(event.labels[1:])
        others = ", ".join(event.labels[1 : _NAMED + 1]) or "nobody else"
        if len(event.labels) > _NAMED + 1:
            others += f", and {len(event.labels) - _NAMED - 1} more"
        again = " again" if self._away else ""
        self.say(f"* connected{again} as {event.label}; in the room: {others}")
        if self._away and self.pending:
            quoted = ", ".join(repr(_quote(text)) for text in self.pending)
            self.say(f"* posted again, as the room has not shown it: {quoted}")
        if self._away:
            for warning in self.warnings:
                if warning.subject == ("disconnected",):
                    warning.rows = [warning.rows[0], "Connected again since."]
            self.doorstep.came()
        self._away = False

    def _on_disconnected(self, event):
        self._away = True
        self.present = set()
        waits = "What you write meanwhile waits, and is posted then."
        if self.pending:
            way = "is on its" if len(self.pending) == 1 else "are on their"
            waits = f"{marks.count(len(self.pending), 'text')} of yours {way} way. {waits}"
        self.warn(
            f"disconnected: {clean(event.reason)}. Trying again until it works. {waits}",
            "disconnected",
        )

    def _on_entered(self, event):
        self.present.add(event.label)
        self.doorstep.came()
        self._say_passing(f"* {event.label} is in the room (not in the conversation yet)")

    def _on_gone(self, event):
        self.present.discard(event.label)
        self._say_passing(f"* {event.label} is no longer connected")

    def _say_passing(self, text):
        now = time.monotonic()
        self._passing = min(_PASSING, self._passing + (now - self._passed) / _REST)
        self._passed = now
        if self._passing < 1:
            self._unsaid += 1
            return
        self._passing -= 1
        if self._unsaid:
            text += f"; {self._unsaid} more came and went before"
            self._unsaid = 0
        self.say(text)

    def _on_dropped(self, event):
        one = event.count == 1
        lost = "1 notice was lost" if one else f"{event.count} notices were lost"
        self.warn(f"{lost}: too many at once", "dropped")

    def _on_fault(self, event):
        error = clean(str(event.error))
        kind = type(event.error).__name__
        self.warn(f"internal fault, please report it: {kind}: {error}", "fault", kind)

    # --- who comes

    def _on_invited(self, event):
        from .room import Invite

        one = event.invitation
        for known in self.invitations:
            same = known.invitation
            if known.state == "open" and (same.inviter, same.name) == (one.inviter, one.name):
                known.invitation = one  # asked again; the new one is good
                invite = known
                break
        else:
            invite = Invite(len(self.invitations) + 1, one)
            self.invitations.append(invite)
        known = self.known_as(one.inviter)
        self.say(
            f"* invitation {invite.number}: {invite.words()}. "
            + (f"You have verified that key as {known}." if known
               else "Is that fingerprint theirs?")
            + f" /accept {invite.number}"
        )
        self._compare(one.inviter_nick, one.inviter, "/accept")

    def known_as(self, key: bytes):
        """The nick under which a key was verified, or None."""
        try:
            person = self.people.by_key(key) if self.people is not None else None
        except Fault:
            person = None
        return person.nick if person and person.verified else None

    def _compare(self, nick, key, before):
        """Somebody who is not in a session comes under a nick: is it somebody else's?"""
        try:
            others = [] if self.people is None else self.people.by_nick(nick)
        except Fault as fault:
            self._complain(fault)
            return
        if others and key not in [one.key for one in others]:
            # Strangers can make as many keys as they like: one warning for each whom they play.
            subject = "outside", others[0].key
            self._warn_changed(nick, key, others[0], f"before you {before}", subject)

    def _warn_changed(self, nick, key, known, then, subject=None):
        was = "verified" if known.verified else "known"
        self.warn(
            f"KEY CHANGED: {nick} comes with the key [{fingerprint(key)}], but is {was} to you"
            f" under [{fingerprint(known.key)}]. Either a new identity, or somebody who uses the"
            f" name. Ask by another way {then}.",
            "changed", subject or key,
        )

    def _complain(self, fault):
        self.warn(f"{fault}. Cure: {fault.cure}.", type(fault).__name__)

    def _on_guestready(self, event):
        self.say(f"* {marks.who(event.nick, event.key)} accepted")

    def _on_sessionstarted(self, event):
        for invite in self.invitations:
            if invite.state in ("open", "accepted"):
                invite.state = "past"
        for member in event.members:
            self.doorstep.arrived(member.key)
        self.suspected = {}
        for verb, people in (("joined", event.joined), ("left", event.left)):
            if people:
                self.say(f"* {verb}: {', '.join(marks.name(one.nick) for one in people)}")
        nicks = ", ".join(marks.name(member.nick) for member in event.members)
        self.say(f"* session {event.number} of {self.chat.name!r}: {nicks}")
        if event.code:
            self.say(f"* session code: {marks.show_code(event.code)}")
        if event.failed:
            many = f"{event.failed} exchanges failed before this one"
            self.warn("1 exchange failed before this one" if event.failed == 1 else many, "failed")
        self.meet(event.members)

    def meet(self, members):
        """Looks at the keys of members, and remembers them."""
        changed = set()
        for member in members:
            if self.people is None or member.key == self.own_key:
                continue
            try:
                answer = self.people.meet(member.nick, member.key)
                if answer == "changed":
                    changed.add(member.key)
                    if member.key not in self.changed_keys:
                        others = self.people.by_nick(member.nick)
                        known = [one for one in others if one.key != member.key]
                        then = f"and then /verify {member.nick}, or /expel {member.nick}"
                        self._warn_changed(member.nick, member.key, known[0], then)
                elif answer == "verified":
                    person = self.people.by_key(member.key)
                    if person and person.nick != member.nick:
                        self.say(f"* {member.nick} is whom you verified as {person.nick}")
            except Fault as fault:
                self._complain(fault)
        self.changed_keys = changed
        self._warn_alike(members)

    def _warn_alike(self, members):
        seen = {}
        for member in members:
            other = seen.setdefault(marks.looks(member.nick), member)
            pair = frozenset((member.key, other.key))
            if other is not member and pair not in self._alike:
                self._alike.add(pair)
                self.warn(
                    f"two names look alike: {marks.who(other.nick, other.key)} and"
                    f" {marks.who(member.nick, member.key)}",
                    "alike", pair,
                )

    def _on_notinvited(self, event):
        self.warn(
            f"{marks.who(event.nick, event.key)} is not invited: the invitation was"
            " cancelled, the room was full of invitations, or they came in meanwhile.",
            "not invited", event.key,
        )

    def _on_inviteseen(self, event):
        self.invitees[event.nick] = event.key
        who = marks.who(event.nick, event.key)
        if not event.replaces:
            self.say(f"* {event.by_nick} invites {who}: agree with /approve {event.nick}")
            self._compare(event.nick, event.key, "/approve")
        elif event.key == self.own_key:
            self.warn(
                f"{event.by_nick} invites another device with your key, which would take your"
                f" place. If it is not yours: /cancel {event.nick}, and your key is stolen.",
                "second device", event.key,
            )
        else:
            self.warn(
                f"{event.by_nick} invites another device of {who} in its place: a second device"
                " of theirs, or somebody who has their key",
                "second device", event.key,
            )

    def _on_replaced(self, event):
        self.warn("another device with your key has taken your place", "replaced")

    def _on_guestdropped(self, event):
        self.warn(
            f"{marks.who(event.nick, event.key)} did not manage to come in",
            "dropped guest", event.key,
        )

    # --- what is said

    def _on_text(self, event):
        if event.own:
            self._no_longer_pending(event.text)
        self.suspected.pop(event.key, None)
        self.show_message(event, event.text)

    def _on_data(self, event):
        self.suspected.pop(event.key, None)
        what = f"{event.content_type}, {marks.count(len(event.data), 'byte')}"
        if event.content_type.startswith("text/") and len(event.data) <= _SHORT:
            what += ": " + marks.show_text(bytes(event.data).decode(errors="replace"))
        self.show_message(event, f"[{what}]")

    def _no_longer_pending(self, text):
        if text in self.pending:
            self.pending.remove(text)

    def _tick(self, first, last, state):
        for line in reversed(self.lines):
            if line.kind == "text":
                if line.number < first or line.state == "confirmed":
                    break
                if line.number <= last and line.state == "sent":
                    line.state = state

    def _on_confirmed(self, event):
        self.suspected = {}
        if len(self.chat.members) == 1:
            self._tick(0, event.number, "alone")
            self.say("* nobody else is in the conversation")
            return
        self._tick(0, event.number, "confirmed")
        self.say_confirmed(event.number)

    def _on_unconfirmed(self, event):
        self._tick(event.first, event.last, "never")
        if event.first == event.last:
            which, them = f"#{event.first} was", "it"
        else:
            which, them = f"#{event.first} to #{event.last} were", "them"
        self.warn(f"{which} never confirmed by everyone: not all may have seen {them}")

    def _on_missing(self, event):
        if event.first == event.last:
            which, them = f"message {event.first}", "it"
        else:
            which, them = f"messages {event.first} to {event.last}", "them"
        self.warn(
            f"{which} of {event.nick} never came: the room lost {them} or keeps {them} from you",
            "missing", event.key,
        )

    def _on_inconsistent(self, event):
        self.warn(
            f"INCONSISTENT: {event.nick} saw another conversation than you, at #{event.number} or"
            " before. The room may be showing you different things. Ask by another way."
            " No text of this session is confirmed any more: /rekey begins a new one, in which"
            " they are again.",
            "inconsistent", event.key,
        )

    def _on_unverifiable(self, event):
        self.warn(
            f"cannot check what {event.nick} saw before #{event.number}: too old",
            "unverifiable", event.key,
        )

    def _on_undelivered(self, event):
        size = marks.count(event.size, "byte")
        self.warn(
            f"{event.nick} sent {size} that cannot be shown: too long for me, or not all of it"
            " came",
            "undelivered", event.key,
        )

    def _on_unsent(self, event):
        text = event.text if isinstance(event.text, str) else f"data ({event.text[0]})"
        self._no_longer_pending(text)
        if not self.chat.members:
            self.warn(f"not sent, you were out before: {marks.show_text(text)}")
            return
        self.warn(
            f"not sent, because somebody new is here now: {marks.show_text(text)}\n"
            "Send it again if you mean them too."
        )

    # --- what goes wrong with people

    def _on_exchangefailed(self, event):
        self.say(f"* an exchange failed; {event.nick} says: {clean(event.reason)}. Trying again.")

    def _on_convicted(self, event):
        self.warn(
            f"{marks.who(event.nick, event.key)} is proven to have cheated: {event.why}."
            " The others go on without it.",
            "convicted", event.key,
        )

    def _on_carrierinconsistent(self, event):
        self.warn(
            "members were shown different things in an exchange: by the room, or by one who lies"
            " about it. Nobody is blamed; trying again.",
            "carrier",
        )

    def _on_suspected(self, event):
        self.suspected[event.key] = clean(f"{event.by_nick} waits for {event.what}")
        self.say(f"* {event.by_nick} waits for {event.nick}: {event.what}")

    def _on_expelvote(self, event):
        if self.chat and event.by_key == self.own_key:
            self.say(f"* you want to expel {event.nick}; all others must agree")
            return
        self.say(f"* {event.by_nick} wants to expel {event.nick}: /expel {event.nick} agrees")

    def _on_expelled(self, event):
        self.warn(f"{event.nick} is expelled", "expelled", event.key)

    def _on_leaveseen(self, event):
        self.say(f"* {event.nick} leaves")

    def _on_left(self, event):
        self.doorstep.close()
        self.suspected = {}
        if event.removed:
            self.warn("the others removed you from the conversation", "removed")
        else:
            self.say("* you left the conversation")


def _quote(text):
    text = marks.show_text(text)
    return text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"
