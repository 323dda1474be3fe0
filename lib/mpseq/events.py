"""What a conversation tells its application: plain named tuples.

`nick` and `key` (32 bytes, the long-term X25519 key) name a member; `number` counts the messages
of the conversation as this member saw them. Nothing here is ever made from an unchecked frame.
"""

try:
    from collections import namedtuple
except ImportError:
    from ucollections import namedtuple

# An invitation to this identity. `invitation` has .name, .inviter (key), .inviter_nick; give it to
# Conversation.accept or decline.
Invited = namedtuple("Invited", ("invitation",))
# Somebody invited by me posted a JOIN that holds.
GuestReady = namedtuple("GuestReady", ("nick", "key"))
# My invitation was not right when its turn came (the room was full of invitations, or that person
# had come in meanwhile): it stands no more.
NotInvited = namedtuple("NotInvited", ("nick", "key"))
# A session starts: for everyone at the same frame. `members`: list of Member; `code`: Code, or
# None when alone; `joined`, `left`: lists of Member; `failed`: exchanges that failed before it.
SessionStarted = namedtuple(
    "SessionStarted", ("number", "members", "code", "joined", "left", "failed")
)
Text = namedtuple("Text", ("nick", "key", "number", "text", "own"))
Data = namedtuple("Data", ("nick", "key", "number", "content_type", "data", "own"))
# Every text with number <= this was seen by everyone, in this order.
Confirmed = namedtuple("Confirmed", ("number",))
# The session ended before these were confirmed by everyone: numbers first..last.
Unconfirmed = namedtuple("Unconfirmed", ("first", "last"))
# A gap: messages first..last (the member's own counters) never came.
Missing = namedtuple("Missing", ("nick", "key", "first", "last"))
# This member's transcript differs from mine, at or before `number`.
Inconsistent = namedtuple("Inconsistent", ("nick", "key", "number"))
# It acknowledged something older than what I remember.
Unverifiable = namedtuple("Unverifiable", ("nick", "key", "number"))
# `text` (str, or (content_type, bytes)) was never counted, and somebody new is here now: send it
# again if you mean them too.
Unsent = namedtuple("Unsent", ("text",))
# Somebody may come in if all approve (policy UNANIMOUS), or takes the place of a device that is
# here (`replaces`): Conversation.approve(key) or, from the old device, cancel(key).
InviteSeen = namedtuple("InviteSeen", ("nick", "key", "by_nick", "by_key", "replaces"))
# My device is no longer in: another one with my key came in in its place.
Replaced = namedtuple("Replaced", ())
# An exchange failed: `nick`, `key` said so; the old session goes on and a new exchange follows.
ExchangeFailed = namedtuple("ExchangeFailed", ("reason", "nick", "key"))
# This member, or guest, is proven to have cheated: it is removed.
Convicted = namedtuple("Convicted", ("nick", "key", "why"))
# A guest did not come in: it kept silent, or was found wrong. It may be invited again.
GuestDropped = namedtuple("GuestDropped", ("nick", "key"))
# Members were shown different frames, by the carrier or by somebody who says so: nobody is blamed.
CarrierInconsistent = namedtuple("CarrierInconsistent", ())
# `by` waits in vain for `what` of this member; it is over when that comes (then without an event).
Suspected = namedtuple("Suspected", ("nick", "key", "by_nick", "by_key", "what"))
# A vote to expel, and that it is decided.
ExpelVote = namedtuple("ExpelVote", ("nick", "key", "by_nick", "by_key"))
Expelled = namedtuple("Expelled", ("nick", "key"))
# A long text or data of `size` bytes was begun and cannot be shown: it is longer than I take, some
# of it never came, or it is not what its author announced.
Undelivered = namedtuple("Undelivered", ("nick", "key", "size"))
# A member said that it leaves.
LeaveSeen = namedtuple("LeaveSeen", ("nick", "key"))
# I am out: by my own LEAVE, or removed by the others.
Left = namedtuple("Left", ("removed",))
# A frame was refused; `reason` is the name of an errors.FrameError.
Refused = namedtuple("Refused", ("label", "reason"))

Member = namedtuple("Member", ("nick", "key", "index"))
# `digits`: six; `words`: three. Either is enough to compare.
Code = namedtuple("Code", ("digits", "words"))
