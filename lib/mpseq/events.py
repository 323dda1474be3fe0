"""What a conversation tells its application: plain named tuples.

`nick` and `key` (32 bytes, the long-term X25519 key) name a member; `number` counts the messages
of the conversation as this member saw them. Nothing here is ever made from an unchecked frame.
The classes are made when they are first asked for: a board has better use for 2 kB of memory.
"""

try:
    from collections import namedtuple
except ImportError:
    from ucollections import namedtuple

# Name and fields of each: one text, which is a quarter of the memory of a table.
EVENTS = (
    # An invitation to this identity. `invitation` has .name, .inviter (key), .inviter_nick; give
    # it to Conversation.accept or decline.
    "Invited invitation;"
    # Somebody invited by me posted a JOIN that holds.
    "GuestReady nick key;"
    # My invitation was cancelled, or not right when its turn came (the room was full of
    # invitations, or that person had come in meanwhile): it stands no more.
    "NotInvited nick key;"
    # A session starts: for everyone at the same frame. `members`: list of Member; `code`: Code,
    # or None when alone; `joined`, `left`: lists of Member; `failed`: exchanges that failed
    # before it.
    "SessionStarted number members code joined left failed;"
    "Text nick key number text own;"
    "Data nick key number content_type data own;"
    # Every text with number <= this was seen by everyone, in this order.
    "Confirmed number;"
    # The session ended before these were confirmed by everyone: numbers first..last.
    "Unconfirmed first last;"
    # A gap: messages first..last (the member's own counters) never came.
    "Missing nick key first last;"
    # This member's transcript differs from mine, at or before `number`.
    "Inconsistent nick key number;"
    # It acknowledged something older than what I remember.
    "Unverifiable nick key number;"
    # `text` (str, or (content_type, bytes)) was never counted, and somebody new is here now: send
    # it again if you mean them too.
    "Unsent text;"
    # Somebody may come in if all approve (policy UNANIMOUS), or takes the place of a device that
    # is here (`replaces`): Conversation.approve(key) or, from the old device, cancel(key).
    "InviteSeen nick key by_nick by_key replaces;"
    # My device is no longer in: another one with my key came in in its place.
    "Replaced;"
    # An exchange failed: `nick`, `key` said so; the old session goes on, a new exchange follows.
    "ExchangeFailed reason nick key;"
    # This member is proven to have cheated: it is removed.
    "Convicted nick key why;"
    # A guest did not come in: it kept silent, or was found wrong. It may be invited again.
    "GuestDropped nick key;"
    # Members were shown different frames, by the carrier or by somebody who says so: nobody is
    # blamed.
    "CarrierInconsistent;"
    # `by` waits in vain for `what` of this member; it is over when that comes (without an event).
    "Suspected nick key by_nick by_key what;"
    # A vote to expel, and that it is decided.
    "ExpelVote nick key by_nick by_key;"
    "Expelled nick key;"
    # A long text or data of `size` bytes was begun and cannot be shown: it is longer than I take,
    # some of it never came, or it is not what its author announced.
    "Undelivered nick key size;"
    # A member said that it leaves.
    "LeaveSeen nick key;"
    # I am out: by my own LEAVE, or removed by the others.
    "Left removed;"
    # A frame was refused; `reason` is the name of an errors.FrameError.
    "Refused label reason;"
    "Member nick key index;"
    # `digits`: six; `words`: three. Either is enough to compare.
    "Code digits words"
)


def __getattr__(wanted):
    for entry in EVENTS.split(";"):
        fields = entry.split(" ")
        if fields.pop(0) == wanted:
            made = namedtuple(wanted, fields)
            globals()[wanted] = made
            return made
    raise AttributeError(wanted)
