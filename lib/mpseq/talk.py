"""What members say in a session, and who has seen it: texts, acknowledgements, the span
(PROTOCOL.md 4). The part of Conversation that owns messages.
"""

from . import errors, events, wire
from .outbox import MAX_QUEUE, Queued, Shown, Withheld, decode_text, is_text, text_again
from .parts import ONE_FRAME, SALT, Long, Part, Parts
from .roster import find
from .session import DIFFERENT, TOO_OLD

_LATEST_ACK = 60000  # ms after a text
_MOST_WITHHELD = 16384  # bytes of texts after the span: who keeps the rules sends few
_MOST_PAST = 2  # past sessions remembered for texts that are posted again


class Talk:
    _parts = None

    def _start_talk(self):
        if self._parts:
            self._parts.wipe()
        self._base = 0  # numbers of messages go on from session to session
        self._past = []  # Shown of the sessions before
        self._shown = None
        self._open_texts = []  # place after each text that some have not acknowledged
        self._last_text = 0  # place after the last one
        self._ack_at = None  # when I owe an ACK
        self._withheld = []  # texts after the span
        self._closing = None  # the ACK in my CONFIRM
        self._void = []  # (counter, Queued) of mine that the carrier lost, or nobody kept
        self._span_open = True
        self._parts = Parts(self.settings.max_body, self.settings.max_unfinished)

    # --- sending

    def _say(self, kind, body, now):
        self._need_session()
        most = max(ONE_FRAME, self.settings.max_body)
        if len(body) > most:
            raise errors.LocalError("a message has at most %d bytes" % most)
        if len(body) <= ONE_FRAME:
            self._outbox.queue(Queued(kind, body))
        else:
            self._outbox.queue(Long(kind, bytes(body), self._random(SALT)))
        self._act(now)

    def _post_message(self, kind, body, now):
        self._outbox.post(self.session.seal(kind, body), now)
        self._ack_at = None

    def _may_talk(self, now):
        """Texts wait while somebody is due for removal, after the span, and past twice the life
        of the keys (sections 4, 6)."""
        settings = self.settings
        if self._membership.due() or not self._span_open:
            return False
        if self.session.waiting >= MAX_QUEUE:
            return False  # nothing comes back: the carrier is away
        if self.session.count >= 2 * settings.rekey_frames:
            return False
        return now < self._since + 2 * settings.rekey_after

    def _act_talk(self, now):
        texts = self._outbox.texts
        while texts and not self._leave_posted and self._may_talk(now):
            long = texts[0]
            if isinstance(long, Long):
                if not long.may_post(self.session.waiting):
                    break
                counter = self.session.counter
                self._post_message(wire.PART, long.next_part(), now)
                long.posted(counter)
                continue
            kind, body = texts.pop(0).encode()
            self._post_message(kind, body, now)
        if self._ack_at is not None and not self._leave_posted:
            if now >= self._ack_at:
                self._post_message(wire.ACK, b"", now)
            else:
                self._wake_at(self._ack_at)

    # --- receiving

    def _receive_message(self, frame, now):
        session = self.session
        if len(frame) > 5 and self._membership.is_void(frame[5]):
            raise errors.OutOfPlace()  # section 6: a void member's messages count for nothing
        message = session.open(frame)
        try:
            self._note_gap(message)
            self._note_lost(session, now)
            self._note_ack(message, session.judge_ack(message))
            kind = message.kind
            if is_text(kind) or kind == wire.PART:
                self._receive_text(message, now)
            elif kind == wire.ACK:
                self._receive_ack(bytes(message.body), now)
            else:
                self._receive_control(message, now)
        finally:
            message.wipe()
            if self.session is session:
                self._confirm()  # its acknowledgement counts, whatever its body

    def _receive_ack(self, body, now):
        """An ACK needs no acknowledgement, unless it asks for one."""
        if body == b"\1":
            self._watch_text(self.session.count, now)
            self._owe_ack(now)
        elif body:
            raise errors.TrailingBytes()

    def _owe_ack(self, now):
        if self._ack_at is None and len(self.session.members) > 1:
            self._ack_at = now + min(self.settings.ack_after, _LATEST_ACK)

    def _note_gap(self, message):
        if message.skipped:
            first = message.counter - message.skipped
            who = self._member(message.index)
            self._shown.gap(message.index, first, message.counter - 1)
            self._events.append(
                events.Missing(who.nick, who.key, first, message.counter - 1)
            )

    def _note_lost(self, session, now):
        """Messages of mine that the carrier lost: texts go back into the queue, the rest is said
        again if it still matters."""
        lost = session.lost
        session.lost = []
        if lost:  # one gap, as it is to the others
            self._shown.gap(session.me, lost[0][1].counter, lost[-1][1].counter)
        again = []
        for frame, message in lost:
            self._outbox.echoed(frame)  # it would be refused as late
            if is_text(message.kind):
                again.append((message.counter, text_again(message, session.sid)))
            elif message.kind == wire.PART:
                self._part_failed(message)
            elif message.kind == wire.PROPOSE:
                self._proposed = False
            elif message.kind == wire.LEAVE:
                self._leave_posted = False
            elif message.kind in (wire.INVITE, wire.ADMIT):
                self._invite_again((), now)
            elif message.kind == wire.KEYS:
                self._post_keys_again(now)
            elif message.kind == wire.SUSPECT:
                self._suspected = []
            elif message.kind in (wire.EXPEL, wire.APPROVE, wire.CANCEL):
                self._post_message(message.kind, bytes(message.body), now)
            message.wipe()
        if self._span_open:
            self._outbox.texts[:0] = [text for _, text in again]
        else:
            self._void.extend(again)

    def _note_ack(self, message, verdict):
        who = self._member(message.index)
        number = self._base + message.ack_n
        if verdict == DIFFERENT:
            if who.index not in self._named:
                self._named.append(who.index)
                self._events.append(events.Inconsistent(who.nick, who.key, number))
        elif verdict == TOO_OLD and who.index != self.session.me:
            self._events.append(events.Unverifiable(who.nick, who.key, number))

    def _receive_text(self, message, now):
        text = Withheld(message, self.session.count)
        if self._span_open:
            self._show_text(text, now)
            return
        size = sum([len(one.body) + 32 for one in self._withheld])
        if size + len(text.body) > _MOST_WITHHELD:
            self._shown.gap(text.index, text.counter, text.counter)
            if text.index == self.session.me:
                if text.kind == wire.PART:
                    self._part_failed(text)
                else:
                    self._void.append((text.counter, text_again(text, self.session.sid)))
            raise errors.OutOfPlace()
        self._withheld.append(text)

    def _show_text(self, message, now):
        if message.kind == wire.PART:
            self._take_part(message, now)
            return
        kind, mark, body = decode_text(message.kind, message.body)
        content = _content(kind, body)
        self._note_text(message.place, now)
        if message.index != self.session.me:
            self._parts.interrupt(self._member(message.index).key)
            self._tell_undelivered()
        if not mark or not self._was_shown(mark, message.index):
            self._show(kind, content, message)

    def _take_part(self, message, now):
        """A part of a long text; the last one is its place, and is acknowledged like a text
        whatever the body is worth to me: everyone must see the same debt (6)."""
        part = Part(message.body)
        if part.is_last:
            self._note_text(message.place, now)
        if message.index == self.session.me:
            self._own_part(part, message)
            return
        who = self._member(message.index)
        whole = self._parts.take(who.nick, who.key, part)
        if whole:
            self._show_long(whole, message)
        self._tell_undelivered()

    def _show_long(self, long, message):
        kind = long.kind
        length = long.length
        try:
            self._show(kind, _content(kind, long.take_body()), message)
        except (errors.FrameError, MemoryError):
            who = self._member(message.index)
            self._events.append(events.Undelivered(who.nick, who.key, length))
            long.wipe()

    def _own_part(self, part, message):
        long = self._long_on_its_way(message)
        if long and long.heard(part):
            self._outbox.texts.remove(long)
            self._show_long(long, message)

    def _part_failed(self, message):
        """A part of mine will not count: all of the body on its way goes again."""
        long = self._long_on_its_way(message)
        if long:
            long.restart()

    def _long_on_its_way(self, message):
        """The Long of mine that this PART of mine is of; None if it went out before that began
        anew."""
        for text in self._outbox.texts:
            if isinstance(text, Long) and text.first is not None:
                return text if message.counter >= text.first else None
        return None

    def _note_text(self, place, now):
        """All owe an acknowledgement of what came at this place."""
        self._open_texts.append(place)
        self._watch_text(place, now)
        self._last_text = place
        self._owe_ack(now)

    def _show(self, kind, content, message):
        who = self._member(message.index)
        number = self._base + message.place
        own = message.index == self.session.me
        if kind == wire.TEXT:
            self._events.append(events.Text(who.nick, who.key, number, content, own))
        else:
            self._events.append(
                events.Data(who.nick, who.key, number, content[0], content[1], own)
            )

    def _tell_undelivered(self):
        for nick, key, size in self._parts.lost:
            self._events.append(events.Undelivered(nick, key, size))
        self._parts.lost = []

    def _was_shown(self, mark, index):
        """Whether the text posted first at this place was shown; from now on it counts as such."""
        sid, counter = mark
        if self._shown.sid == sid:
            return self._shown.has_or_show(index, counter, self.session.heard())
        key = self._member(index).key
        for past in self._past:
            if past.sid == sid:
                index = find(past.members, key)
                return index >= 0 and past.has_or_show(index, counter, None)
        return False

    # --- who has seen it

    def _confirm(self):
        """A message is confirmed when every remaining participant acknowledged past it; what I
        have seen myself needs no word of mine."""
        session = self.session
        texts = self._open_texts
        level = session.count
        for index in self._membership.alive():
            if index != session.me:
                level = min(level, session.acked[index])
        last = None
        while texts and texts[0] <= level:
            last = texts.pop(0)
        if last is not None:
            self._events.append(events.Confirmed(self._base + last))

    def _closing_ack(self):
        """My last ACK of this session, to travel in my CONFIRM; b"" when nothing waits for it."""
        if self.session.sent_ack >= self._last_text:
            return b""
        self._ack_at = None
        self._closing = self.session.seal(wire.ACK, b"")
        return self._closing

    def _post_closing(self, now):
        """The CONFIRM that carried it is dead and nobody has read it: it comes as the MESSAGE that
        it is, and leaves no gap."""
        closing = self._closing
        self._closing = None
        if closing:
            self._outbox.post(closing, now)

    def _receive_closing(self, frame, key, now):
        index = find(self.session.members, key)
        if index < 0:
            return
        message = self.session.open_closing(frame, index)
        if message is None:
            return
        self._note_gap(message)
        self._note_lost(self.session, now)
        if index == self.session.me:
            self._closing = None  # the room has it
        self.session.take_closing_ack(message)
        self._confirm()
        message.wipe()

    # --- from session to session

    def _end_span(self, sid=None):
        """`sid`: of the exchange whose SHAREs are complete; or the session itself is over."""
        self._span_open = False
        self._shown.close(self.session.heard())
        if sid:
            self.session.mark(sid)

    def _reopen_span(self, sid, now):
        """At an ABORT what was withheld counts, in order (section 4, Span)."""
        if self._span_open:
            return
        self._span_open = True
        self.session.mark(sid)
        self._shown.reopen()
        withheld = self._withheld
        self._withheld = []
        self._outbox.texts[:0] = _in_order(self._void)
        self._void = []
        for text in withheld:
            try:
                self._show_text(text, now)
            except errors.FrameError as error:
                self._count(error)

    def _close_session(self, old, joined):
        """At the switch: texts of mine that did not count are posted again, or the application is
        asked, when somebody new would read them (section 4, Span)."""
        if self._open_texts:
            first = self._base + self._open_texts[0]
            self._events.append(events.Unconfirmed(first, self._base + self._open_texts[-1]))
        void = self._void
        for text in self._withheld:
            if text.index == old.me and is_text(text.kind):
                void.append((text.counter, text_again(text, old.sid)))
        for message in old.unechoed():
            if is_text(message.kind):
                void.append((message.counter, text_again(message, old.sid)))
        texts = _in_order(void) + self._outbox.texts
        for text in texts:
            if isinstance(text, Long):
                text.restart()
        if joined:
            self._tell_unsent(texts)
            texts = []
        self._outbox.texts = texts
        if self._span_open:
            self._end_span()
        self._shown.members = old.members
        self._past = [self._shown] + self._past[: _MOST_PAST - 1]
        self._base += old.count
        old.wipe()

    def _tell_unsent(self, texts):
        for text in texts:
            self._events.append(events.Unsent(_content(text.kind, text.body)))
            if isinstance(text, Long):
                text.wipe()

    def _open_session(self, session):
        self._shown = Shown(session.sid)
        self._open_texts = []
        self._last_text = 0
        self._ack_at = None
        self._withheld = []
        self._closing = None
        self._void = []
        self._span_open = True
        self._named = []  # members already named as inconsistent in this session
        self._parts.start_session([who.key for who in session.members])
        self._tell_undelivered()


def _in_order(texts):
    """Texts of mine as I posted them, from [(counter, Queued)]."""
    return [text for _, text in sorted(texts, key=lambda one: one[0])]


def _content(kind, body):
    """str of a TEXT, (content type, bytes) of a DATA; raises BadText and the like."""
    if kind == wire.TEXT:
        return wire.decoded(body)
    if kind != wire.DATA:
        raise errors.OutOfPlace()
    reader = wire.Reader(body)
    content_type = reader.text(wire.MAX_NAME)
    return content_type, bytes(reader.rest())
