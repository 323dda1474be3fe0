"""A fuzz target for every decoder: bytes in, nothing but the decoder's own errors out.

Each target is a function of bytes. What it accepts it encodes again, which must give the very
bytes it was made from: a second encoding of the same thing is an error (PROTOCOL.md 3). `seeds()`
makes the inputs to begin with; nothing binary is kept. Knows nothing of atheris: any of these
runs on one input in a plain Python (`fuzzing.py replay`).
"""

import rooms

from mpseq import (
    bodies,
    errors,
    identity,
    invitation,
    membership,
    outbox,
    parts,
    roster,
    session,
    talk,
    wire,
)
from mpseq.primitives import TAG
from mpseq_aio import framing, link, plain


def same(one, other):
    assert bytes(one) == bytes(other), "%s came back as %s" % (
        bytes(one).hex(), bytes(other).hex()
    )


def refusing(decode):
    """The target `decode` where refusing under a name is right, whatever the bytes."""

    def target(data):
        """Whether it was accepted."""
        try:
            decode(data)
            return True
        except errors.FrameError as error:
            assert type(error) is not errors.FrameError and str(error)
            return False

    return target


@refusing
def reader(data):
    """wire.Reader: the first bytes say which fields to take off the rest, one after another."""
    if not data:
        return
    count = data[0] % 8
    asked = data[1 : 1 + count]
    rest = data[1 + count :]
    taken = wire.Reader(rest)
    for form in asked:
        at = taken.at
        if form % 8 == 0:
            same(bytes((taken.byte(),)), rest[at : taken.at])
        elif form % 8 == 1:
            same(wire.varint(taken.varint()), rest[at : taken.at])
        elif form % 8 == 2:
            same(wire.sized(taken.sized(form)), rest[at : taken.at])
        elif form % 8 == 3:
            limit = (wire.MAX_NICK, wire.MAX_NAME)[form >> 3 & 1]
            same(wire.text_bytes(taken.text(limit), limit), rest[at : taken.at])
        elif form % 8 == 4:
            assert len(taken.take(form >> 3)) == form >> 3
        elif form % 8 == 5:
            secret = taken.secret(form >> 3)
            assert type(secret) is bytearray
            same(secret, rest[at : taken.at])
        elif form % 8 == 6:
            body = taken.padding(form >> 3)
            same(bytes(body) + bytes(wire.padded_length(len(body)) - len(body)), rest[at:])
        else:
            same(taken.rest(), rest[at:])
        assert at <= taken.at <= len(rest)
    taken.end()


@refusing
def frame_type(data):
    kind = wire.frame_type(data)
    assert data[0] == wire.head(kind) and len(data) <= wire.MAX_FRAME


@refusing
def text(data):
    """UTF-8, as strict as CPython's own on every runtime."""
    try:
        expected = data.decode()
    except UnicodeDecodeError:
        expected = None
    try:
        got = wire.decoded(data)
    except errors.BadText:
        got = None
    assert got == expected
    if got is not None:
        same(wire.encoded(got), data)


@refusing
def participant(data):
    one = wire.Reader(data)
    who = roster.read_participant(one)
    one.end()
    same(who.encode(), data)


@refusing
def guest(data):
    one = wire.Reader(data)
    who = roster.read_guest(one)
    one.end()
    same(who.encode_admission(), data)


@refusing
def proposal(data):
    """The body of a PROPOSE; the first byte: whether its author is alone."""
    if data:
        found = bodies.read_proposal(bytearray(data[1:]), bool(data[0] & 1))
        same(found.encode(), data[1:])


def _membership():
    ana = SCENE.house["ana"]
    session = ana.session
    return membership.Membership(list(session.members), session.next_keys, session.me, ana.room)


@refusing
def invite_body(data):
    fresh = _membership()
    listed, dropped = fresh.take_invite(0, data)
    assert dropped == []
    same(bodies.encode_invite(data[:8], [(nick, key) for key, nick, _, _ in listed]), data)
    assert 1 <= len(fresh.invited) <= membership.MAX_INVITED


@refusing
def admit_body(data):
    """ADMIT of people who are all invited."""
    fresh = _membership()
    fresh.invited = [(key, nick, bytes(8), 0) for nick, key in SCENE.keys()]
    fresh.take_admit(0, data)
    same(bodies.encode_admit(fresh.guests), data)


@refusing
def invitee_body(data):
    """APPROVE and CANCEL."""
    same(b"".join(bodies.read_invitee(data)), data)


@refusing
def keys_body(data):
    """KEYS."""
    same(b"".join(bodies.read_keys(data)), data)


@refusing
def message(data):
    """The plaintext of a MESSAGE, as session.Message reads it."""
    plain = bytearray(data)
    if len(plain) < 64:
        return  # Session looks at that before
    found = session.Message(1, 5, plain, 0)
    rest = b"".join((
        bytes((found.kind,)), wire.varint(found.ack_n), found.ack_h,
        wire.varint(len(found.body)), found.body,
        bytes(wire.padded_length(len(found.body)) - len(found.body)),
    ))
    same(rest, data[64:])
    if outbox.is_text(found.kind):
        again = outbox.text_again(found, bytes(32))
        assert outbox.is_text(again.kind)
    found.wipe()
    assert not any(plain)


@refusing
def part(data):
    """PART."""
    found = parts.Part(data)
    front = found.digest + wire.varint(found.total) + wire.varint(found.offset)
    same(front + bytes(found.chunk), data)
    assert found.is_last == (found.offset + len(found.chunk) == found.total)


@refusing
def text_again(data):
    """A TEXT or DATA body, or one that was posted again; the first byte is the kind."""
    if not data or not outbox.is_text(data[0]):
        return
    kind, mark, body = outbox.decode_text(data[0], data[1:])
    kind_again, encoded = outbox.Queued(kind, body, mark).encode()
    same(bytes((kind_again,)) + encoded, data)
    content = talk._content(kind, body)
    if kind == wire.TEXT:
        same(content.encode(), body)
    else:
        same(wire.text_bytes(content[0], wire.MAX_NAME) + content[1], body)


@refusing
def invitation_form(data):
    """INVITATION before anything is opened."""
    e = invitation.check_invitation(data)
    same(e, data[25:57])


@refusing
def invitation_contents(data):
    """What stands in a slot, once it is opened."""
    found = invitation._read_invitation(data, bytes(32), bytes(32), b"")
    again = b"".join((
        found.room.conversation_id, wire.text_bytes(found.room.name, wire.MAX_NAME),
        bytes((found.room.suite, found.room.policy)), found.id, found.room.creator,
        wire.text_bytes(found.inviter_nick, wire.MAX_NICK), found._k,
    ))
    same(again, data)


@refusing
def join_contents(data):
    """nick, A, t, ticket of a JOIN, once it is opened."""
    found = invitation._read_join(data, bytes(32), bytes(32))
    again = wire.text_bytes(found.nick, wire.MAX_NICK) + found.key + found.t + found.ticket
    same(again, data)


@refusing
def roster_form(data):
    """e'B, slots and the sealed part of a ROSTER."""
    if len(data) <= wire.MAX_FRAME:
        public, slots, opening, sealed = roster._parts(data)
        same(opening + bytes(sealed), data)
        same(public, roster.roster_key(data))
        assert len(slots) % (4 + 32 + TAG) == 0


@refusing
def roster_people(data):
    """The sealed part of a ROSTER, once it is opened, for the joiner of the scene."""
    joining = SCENE.house["zoe"]._joining
    room = joining.asked[0][0].room
    found = roster._read_roster(
        data, room, joining.keys, SCENE.house.key("ana"), SCENE.house.key("zoe")
    )
    again = b"".join((
        found.nonce, room.creator, room.psk_check(found.nonce), wire.varint(found.failed),
        bytes((len(found.people),)), b"".join(who.encode() for who in found.people),
    ))
    same(again, data)


def cable(data):
    """framing.FrameReader: any bytes in any pieces; what it hands out does not depend on how the
    bytes were cut, and memory stays where it was promised to be. The first byte: how to cut."""
    if not data:
        return False
    step = data[0] + 1
    rest = bytes(data[1:])
    whole = framing.FrameReader(2048)
    out = list(whole.feed(rest)) + list(whole.idle())
    pieces = framing.FrameReader(2048)
    cut = []
    for at in range(0, len(rest), step):
        cut += list(pieces.feed(rest[at : at + step]))
    cut += list(pieces.idle())
    assert (whole.good, whole.bad, whole.overlong) == (pieces.good, pieces.bad, pieces.overlong)
    assert out == cut
    assert whole.good == len([one for one in out if isinstance(one, bytes)])
    assert len(whole._frame) <= 2048 + 4 + 10 + framing._FIRST
    for one in out:
        if isinstance(one, str):
            assert not [c for c in one if plain._hidden(ord(c)) and c != "\n"], repr(one)
        else:
            assert len(one) <= 2048
    return True


def cable_again(data):
    """framing.encode and shield: any payload comes back, alone, wherever the line is cut."""
    if not data or len(data) > framing.MAX_PAYLOAD:
        return False
    payload = bytes(data[1:])
    plain = framing.encode(payload)
    covered = framing.shield(plain)
    assert not [byte for byte in covered if byte in b"\x01\x02\x03\x04\x05\n\r"]
    for wired in (plain, covered):
        taker = framing.FrameReader()
        out = []
        for at in range(0, len(wired), data[0] + 1):
            out += list(taker.feed(wired[at : at + data[0] + 1]))
        assert out == [payload], out
    return True


def link_message(data):
    """A message between a member and its relay."""
    try:
        found = link.decode(data)
    except link.LinkError:
        return False
    same(link.encode(found), data)
    return True


def fingerprint(data):
    letters = identity.fingerprint(bytes(data[:32]))
    assert len(letters) == 24
    return True


TARGETS = {
    "reader": reader,
    "frame_type": frame_type,
    "text": text,
    "participant": participant,
    "guest": guest,
    "proposal": proposal,
    "invite_body": invite_body,
    "admit_body": admit_body,
    "invitee_body": invitee_body,
    "keys_body": keys_body,
    "message": message,
    "part": part,
    "text_again": text_again,
    "invitation_form": invitation_form,
    "invitation_contents": invitation_contents,
    "join_contents": join_contents,
    "roster_form": roster_form,
    "roster_people": roster_people,
    "cable": cable,
    "cable_again": cable_again,
    "link_message": link_message,
    "fingerprint": fingerprint,
}

# The room whose people and keys these decoders know.
SCENE = rooms.scene("joiner in its exchange")


def seeds(name):
    """Inputs that each target begins with: what the scene's own room would have it read."""
    house = SCENE.house
    people = house["zoe"]._candidates[0].exchange.people
    ticket = bytes(range(16))
    listed = people[0].encode()
    pairs = [(nick, key) for nick, key in SCENE.keys()]
    room = house["ana"].room
    nonce = bytes(16)
    check = room.psk_check(nonce)
    keys = house["zoe"]._joining.keys
    frames = house.frames
    roster_plain = (
        nonce + room.creator + check + b"\0" + bytes((len(people),))
        + b"".join(who.encode() for who in people)
    )
    head = nonce + bytes(32) + check
    plain = bytes(64) + b"\1\0" + bytes(16) + b"\5hello" + bytes(27)
    return {
        "reader": [b"\4\1\3\1\2" + b"\x81\0\3ana\5\2hi", b"\2\2\x26" + b"\2hiabcd" + bytes(28)],
        "frame_type": [b"\x11", b"\x18abc"],
        "text": ["aé€\U0001f600".encode(), b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc2\x85"],
        "participant": [listed],
        "guest": [listed + ticket],
        "proposal": [
            b"\0" + head + b"\0\1\2", b"\0" + head + b"\2", b"\1" + head + b"\2" + keys.y + keys.t,
            b"\0" + head + b"\1\1" + listed + ticket,
            b"\1" + head + b"\1\1" + listed + ticket + keys.y + keys.t,
        ],
        "invite_body": [
            bodies.encode_invite(bytes(8), pairs[-1:]),
            bodies.encode_invite(bytes(8), [("zoe", house.key("zoe")), ("li", keys.y)]),
        ],
        "admit_body": [
            b"\1" + wire.sized(b"zoe") + house.key("zoe") + keys.y + keys.t + ticket
        ],
        "invitee_body": [house.key("zoe") + bytes(8)],
        "keys_body": [keys.y + keys.t],
        "message": [plain, bytes(64) + b"\2\1" + bytes(16) + b"\4\3a/bc" + bytes(27)],
        "part": [bytes(16) + wire.varint(16257) + wire.varint(16256) + b"x"],
        "text_again": [b"\1hello", b"\2\3a/bc", b"\x81" + bytes(8) + b"\x81\0hello"],
        "invitation_form": [one for one in frames if one[0] == 0x12],
        "invitation_contents": [
            bytes(16) + b"\4room\1\0" + bytes(8) + room.creator + b"\3ana" + ticket
        ],
        "join_contents": [b"\3zoe" + house.key("zoe") + keys.t + ticket],
        "roster_form": [one for one in frames if one[0] == 0x14],
        "roster_people": [roster_plain],
        "cable": [b"\7ok\n" + framing.encode(b"payload\0x" * 40) + b"log\n", b"\0\0\x1e\x1f@\0"],
        "cable_again": [b"\3" + bytes(range(256)), b"\x40" + bytes(600), b"\1" + b"\xff" * 254],
        "link_message": [
            link.encode(one) for one in (
                (link.HELLO, 1, 900, "room", "me"), (link.POST, b"\x11frame"), (link.BYE,),
                (link.FRAME, "me", b"\x11frame"), (link.WELCOME, ("me", "you")),
                (link.ENTER, "you"), (link.ERROR, "no"), (link.COMMAND, "{}"),
                (link.TAKEN, 70000), (link.TOKEN, "0123456789abcdef"),
            )
        ],
        "fingerprint": [bytes(32)],
    }[name]
