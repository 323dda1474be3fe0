"""No member can speak for another, and nothing that is refused moves anything (PROTOCOL.md 4)."""

from freezing import assert_unmoved, freeze
from house import House, Seeded

from mpseq import errors, events, wire
from mpseq.primitives import H, kdf, mac, seal, sign, signing_key
from mpseq.session import MAX_SKIP


class Forger:
    """A member who knows what members know (chains, header key) and seals as it likes."""

    def __init__(self, house, nick):
        self.session = house[nick].session

    def index(self, nick):
        for who in self.session.members:
            if who.nick == nick:
                return who.index

    def message(
        self, index, secret, counter=None, kind=wire.TEXT, body=b"forged", skip=0, **with_
    ):
        """A MESSAGE in the place of `index`, signed with `secret` (a statement key).

        with_: `plain` instead of the whole plaintext after the signature; `where` instead of the
        counter's bytes; `first` instead of the first byte.
        """
        session = self.session
        counter = session._counters[index] if counter is None else counter
        who = bytes((index,))
        where = with_.get("where", wire.varint(counter))
        first = bytes((with_.get("first", wire.head(wire.MESSAGE)),))
        rest = with_.get("plain")
        if rest is None:
            rest = b"".join((
                bytes((kind,)), wire.varint(session.count), session.h[:16],
                wire.varint(len(body)), body, bytes(wire.padded_length(len(body)) - len(body)),
            ))
        chain = bytearray(session._chain(index))
        for _ in range(skip):
            kdf(chain, chain, b"chain")
        key = kdf(32, chain, b"message")
        signature = sign(secret, H(b"message", session.sid, who, where, rest))
        frame = who + where + bytes(seal(1, key, first + who + where, signature + rest))
        return first + mac(4, session._header_key, first, frame) + frame


def refused(house, nick, frame, reason):
    """Asserts that this person refuses the frame for this reason and is as before."""
    person = house[nick]
    person.tick(house.now)
    before = freeze(person)
    count = len(house.refusals(nick))
    person.receive("x", frame, house.now)
    house.drain()
    assert house.refusals(nick)[count:] == [reason.name], (nick, house.refusals(nick)[count:])
    assert_unmoved(before, person)


def three():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    forger = Forger(house, "eva")
    return house, forger, house["eva"].session._statement


def test_the_forger_of_these_tests_can_seal_for_itself():
    """Else the refusals below would prove nothing."""
    house, forger, mine = three()
    frame = forger.message(forger.index("eva"), mine)
    house["ana"].receive("eva", frame, house.now)
    house.drain()
    assert house.texts("ana") == [("eva", "forged")]


def test_a_member_cannot_speak_for_another():
    """It knows the chain keys; the signature by the statement key is what it lacks."""
    house, forger, mine = three()
    frame = forger.message(forger.index("ana"), mine)
    refused(house, "ben", frame, errors.BadSignature)
    other = signing_key(Seeded("other"))[0]
    refused(house, "ben", forger.message(forger.index("ana"), other), errors.BadSignature)


def test_a_message_of_another_cannot_be_sealed_again():
    """The same signed plaintext under another counter, or in another place."""
    house, forger, mine = three()
    house["ana"].send("genuine", house.now)
    genuine = house["ana"].take_frames()[0]
    ana = forger.index("ana")
    plain = bytes(house["ana"].session._posted[0][1]._plain)
    session = forger.session
    for index, counter in ((ana, 1), (forger.index("ben"), 0)):
        who = bytes((index,))
        where = wire.varint(counter)
        chain = bytearray(session._chain(index))
        for _ in range(counter):
            kdf(chain, chain, b"chain")
        first = genuine[:1]
        sealed = bytes(seal(1, kdf(32, chain, b"message"), first + who + where, plain))
        frame = who + where + sealed
        frame = first + mac(4, session._header_key, first, frame) + frame
        target = "ben" if index == ana else "ana"
        refused(house, target, frame, errors.BadSignature)
    house.deliver("ana", genuine)
    assert house.texts("ben") == [("ana", "genuine")]


def test_a_frame_in_my_place_that_i_never_posted_is_refused():
    house, forger, mine = three()
    refused(house, "ana", forger.message(forger.index("ana"), mine), errors.NotMine)
    house.say("ana", "mine")
    refused(house, "ana", house.frames[-1], errors.Duplicate)


def test_a_duplicate_is_refused():
    house, forger, _ = three()
    house.say("ana", "once")
    frame = house.frames[-1]
    for nick in ("ben", "eva"):
        refused(house, nick, frame, errors.Duplicate)
    assert house.texts("ben") == [("ana", "once")]


def test_a_late_frame_is_refused():
    house, forger, _ = three()
    house["ana"].send("one", house.now)
    house["ana"].send("two", house.now)
    one, two = house["ana"].take_frames()
    house.deliver("ana", two)
    refused(house, "ben", one, errors.Duplicate)
    assert [(e.first, e.last) for e in house.of("ben", events.Missing)] == [(0, 0)]


def test_a_frame_of_an_older_session_is_refused():
    house, forger, _ = three()
    house.say("ana", "old")
    house["ana"].send("old too", house.now)
    unseen = house["ana"].take_frames()
    old = [frame for frame in house.frames if frame[0] & 15 == wire.MESSAGE] + unseen
    house["ben"].rekey(house.now)
    house.settle()
    for frame in old:
        for nick in house.order:
            refused(house, nick, frame, errors.Stranger)


def test_counters_may_skip_so_far_and_no_farther():
    """Section 4: 1,000; and nothing moves until the signature holds."""
    house, forger, mine = three()
    eva = forger.index("eva")
    far = forger.message(eva, mine, counter=MAX_SKIP + 1, skip=MAX_SKIP + 1)
    refused(house, "ana", far, errors.SkippedTooFar)
    other = signing_key(Seeded("other"))[0]
    jump = forger.message(eva, other, counter=MAX_SKIP, skip=MAX_SKIP)
    refused(house, "ana", jump, errors.BadSignature)
    house["ana"].receive("eva", forger.message(eva, mine, counter=MAX_SKIP, skip=MAX_SKIP), 0)
    house.drain()
    assert house.texts("ana") == [("eva", "forged")]
    missing = house.of("ana", events.Missing)
    assert [(e.nick, e.first, e.last) for e in missing] == [("eva", 0, MAX_SKIP - 1)]


def test_a_counter_has_one_encoding():
    """Section 9: header re-encoding that splits transcripts."""
    house, forger, mine = three()
    eva = forger.index("eva")
    for where in (b"\x80\x00", b"\x80\x80\x00", b"\x80"):
        frame = forger.message(eva, mine, where=where)
        refused(house, "ana", frame, errors.BadVarint)
    refused(house, "ana", forger.message(eva, mine, where=b"\x81" * 5 + b"\0"), errors.BadVarint)


def test_a_place_that_is_nobodys_is_refused():
    house, forger, mine = three()
    session = forger.session
    first = bytes((wire.head(wire.MESSAGE),))
    for index in (3, 64, 255):
        frame = bytes((index,)) + bytes(200)
        frame = first + mac(4, session._header_key, first, frame) + frame
        refused(house, "ana", frame, errors.BadIndex)


def plaintext(session, body=b"x", kind=wire.TEXT, length=None, padding=None):
    return b"".join((
        bytes((kind,)), wire.varint(session.count), session.h[:16],
        wire.varint(len(body)) if length is None else length, body,
        bytes(32 - len(body)) if padding is None else padding,
    ))


def test_a_plaintext_that_does_not_decode_is_refused_though_its_signature_holds():
    house, forger, mine = three()
    eva = forger.index("eva")
    session = forger.session
    for plain, reason in (
        (b"", errors.Truncated),
        (plaintext(session)[:10], errors.Truncated),
        (plaintext(session, length=wire.varint(5000)), errors.Truncated),
        (plaintext(session, length=b"\x80\x01"), errors.BadVarint),
        (plaintext(session, padding=bytes(30)), errors.BadPadding),
        (plaintext(session, padding=bytes(32)), errors.BadPadding),
        (plaintext(session, padding=bytes(63)), errors.BadPadding),
        (plaintext(session, padding=bytes(30) + b"\1"), errors.BadPadding),
    ):
        refused(house, "ana", forger.message(eva, mine, plain=plain), reason)


def test_a_message_with_a_wrong_body_is_in_the_transcript_and_has_no_other_effect():
    """Section 4: valid is what is signed, whatever the body. All members refuse it alike."""
    house, forger, mine = three()
    eva = forger.index("eva")
    for kind, body, reason in (
        (wire.TEXT, b"\xff", errors.BadText),
        (wire.TEXT, b"\xc0\xaf", errors.BadText),
        (wire.DATA, b"", errors.Truncated),
        (wire.DATA, b"\x00data", errors.BadText),
        (wire.TEXT | wire.AGAIN, b"short", errors.Truncated),
        (wire.ACK, b"x", errors.TrailingBytes),
        (wire.LEAVE, b"x", errors.TrailingBytes),
        (wire.INVITE, b"", errors.Truncated),
        (wire.INVITE, bytes(9), errors.OutOfPlace),
        (wire.ADMIT, b"", errors.Truncated),
        (wire.ADMIT, b"\0", errors.OutOfPlace),
        (wire.ADMIT, b"\0\0", errors.TrailingBytes),
        (wire.PROPOSE, b"", errors.Truncated),
        (wire.PROPOSE, bytes(57), errors.Truncated),
        (wire.APPROVE, b"", errors.Truncated),
        (wire.APPROVE, bytes(40), errors.OutOfPlace),
        (wire.CANCEL, bytes(41), errors.TrailingBytes),
        (wire.CANCEL, bytes(40), errors.OutOfPlace),
        (wire.SUSPECT, b"", errors.Truncated),
        (wire.SUSPECT, b"\1\0\0", errors.OutOfPlace),
        (wire.SUSPECT, b"\1\0\0\0", errors.TrailingBytes),
        (wire.SUSPECT, b"\7\0\0", errors.OutOfPlace),
        (wire.SUSPECT, b"\1\3\0", errors.OutOfPlace),
        (wire.KEYS, b"", errors.Truncated),
        (wire.KEYS, bytes(64), errors.BadPublicKey),
        (wire.EXPEL, b"", errors.Truncated),
        (wire.EXPEL, b"\3", errors.BadIndex),
        (wire.EXPEL, b"\0\0", errors.TrailingBytes),
        (0, b"", errors.UnknownType),
        (99, b"", errors.UnknownType),
    ):
        frame = forger.message(eva, mine, kind=kind, body=body)
        session = forger.session
        kdf(session._chain(eva), session._chain(eva), b"chain")  # eva itself goes on, too
        session._counters[eva] += 1
        session.h = H(b"frame", session.h, frame)
        session.count += 1
        session._remember()
        for nick in ("ana", "ben"):
            count = len(house.refusals(nick))
            before = house[nick]._membership.__dict__.copy()
            house[nick].receive("eva", frame, house.now)
            house.drain()
            assert house.refusals(nick)[count:] == [reason.name], (kind, body)
            assert house[nick]._membership.__dict__ == before
            assert house.here(nick) == ["ana", "ben", "eva"]
            assert not house[nick].exchange_running
        assert house["ana"].transcript == house["ben"].transcript == house["eva"].transcript
    assert house.of("ana", events.Text) == []
