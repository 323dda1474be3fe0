"""The rest of what attacks on the earlier editions found, each by its name: section 9, first."""

from carriers import Late
from cheats import opened, sealed
from house import House, Seeded
from outcomes import MINUTE, in_full
from test_bad_frames import Victim

from mpseq import errors, events, primitives, wire
from mpseq.code import session_code
from mpseq.primitives import H, KeyPairs, kdf, mac, seal, sign, unseal


def room(*nicks):
    return House(*nicks).together(*nicks)


def held(kind, *nicks):
    """A room in whose re-key the frames of this type are held back: (house, carrier)."""
    house = room(*nicks)
    carrier = Late(house, kinds=(kind,))
    house["ana"].rekey(house.now)
    house.settle()
    assert len(carrier.held) == len(nicks)
    return house, carrier


def test_first_ground_sas():
    """eva confirms last, knows all that goes into the code, and looks for keys that make it come
    out as she likes: hers were committed to before she saw any."""
    house, carrier = held(wire.CONFIRM, "ana", "ben", "eva")
    mine = [one for one in carrier.held if one[0] == "eva"]
    carrier.held = [one for one in carrier.held if one[0] != "eva"]
    carrier.release()
    exchange = house["eva"]._attempt.exchange
    known = list(exchange.opened)
    me = exchange.me
    codes = set()
    for at in range(8):
        keys = KeyPairs(Seeded("ground %d" % at))
        known[me] = (keys.y, keys.t)
        codes.add(session_code(exchange.sas_key, known).digits)
    assert len(codes) == 8  # it would pay
    plain = opened(exchange, mine[0][1])
    plain[:64] = keys.y + keys.t
    digest = H(b"confirm", exchange.sid, bytes((me,)), keys.y, keys.t)
    plain[64:128] = sign(exchange.keys.t_secret, digest)
    house.hook = None
    house.deliver("eva", sealed(exchange, wire.CONFIRM, me, plain))
    for nick in ("ana", "ben"):
        assert house.refusals(nick) == [errors.BadCommitment.name]
        assert [one.nick for one in house.of(nick, events.Convicted)] == ["eva"]
        assert house[nick].exchange_running


def test_first_carrier_leave_as_removal():
    house = room("ana", "ben", "eva")
    house.say("ben", "hello")
    house.say("eva", "hello")
    house.wait(30000)
    for nick in house.order:
        for label in house.order:
            house[nick].carrier_leave(label, house.now)
    house.wait(60 * MINUTE)
    for nick in house.order:
        house[nick].carrier_leave("eva", house.now)
    house["ana"].rekey(house.now)
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "eva")


def test_first_a_colluding_neighbour_filling_an_absent_members_seat():
    """The neighbours of one who is away know both its edges, so its z: not its t, nor its K."""
    house = room("ana", "ben", "eva", "dan", "uma")
    carrier = Late(house, kinds=(wire.SHARE,))
    house["ana"].rekey(house.now)
    house.settle()
    order = [who.nick for who in house["ana"].members]
    absent = order[2]
    left, right = order[1], order[3]
    exchanges = {nick: house[nick]._attempt.exchange for nick in (left, right)}
    z = bytearray(32)
    after = bytearray(32)
    exchanges[left]._own_edge(1, z)  # d of left and absent
    exchanges[right]._own_edge(2, after)
    for at in range(32):
        z[at] ^= after[at]
    true = [frame for sender, frame in carrier.held if sender == absent][0]
    exchange = exchanges[left]
    assert opened(exchange, true)[:32] == z  # it is the right one
    for secret in (exchange.keys.t_secret, exchange.statement[0], exchanges[right].keys.t_secret):
        who = bytes((2,))
        commit = bytes(32)
        signature = sign(secret, H(b"share", exchange.sid, who, z, commit))
        plain = bytes(z) + commit + signature + exchange.statement[1] + bytes(8 * 4)
        false = sealed(exchange, wire.SHARE, 2, plain)
        for nick in (order[0], order[4]):
            assert Victim(house, nick).offer(false) == errors.BadSignature.name
    held_back = [one for one in carrier.held if one[0] == absent]
    carrier.held = [one for one in carrier.held if one[0] != absent]
    carrier.stop()
    house.hook = lambda sender, frame: () if sender == absent else (frame,)
    house.wait(5 * MINUTE)
    assert held_back
    house.assert_one_session(*[nick for nick in order if nick != absent])


def resealed_message(house, insider, frame, counter):
    """A MESSAGE of somebody else as a member can seal it again: it has that chain too. `counter`:
    the bytes in place of its varint."""
    session = house[insider].session
    chain = session._chain(frame[5])
    key = kdf(32, chain, b"message")
    ad = frame[:1] + frame[5:7]
    plain = unseal(session.suite, key, ad, frame[7:])
    first = frame[:1]
    rest = frame[5:6] + counter
    box = bytes(seal(session.suite, key, first + rest, plain))
    return first + mac(4, session._header_key, first, rest + box) + rest + box


def test_first_header_or_varint_re_encoding_that_splits_transcripts():
    house = room("ana", "ben", "eva")
    house["ben"].send("once", house.now)
    (frame,) = house["ben"].take_frames()
    assert resealed_message(house, "eva", frame, frame[6:7]) == frame  # she can make this one
    other = resealed_message(house, "eva", frame, b"\x80" + frame[6:7])
    assert other != frame
    for nick in ("ana", "eva"):
        assert Victim(house, nick).offer(other) == errors.BadVarint.name
        assert Victim(house, nick).offer(b"\x21" + frame[1:]) == errors.WrongVersion.name
    house.deliver("ben", frame)
    house.deliver("eva", other)
    assert house.texts("ana") == [("ben", "once")]
    house.assert_one_session("ana", "ben", "eva")


def test_first_counter_jump_before_authentication():
    """eva, who has ben's chain, seals what he never signed at counters far ahead."""
    house = room("ana", "ben", "eva")
    session = house["eva"].session
    index = house["ben"].session.me
    chain = bytearray(session._chain(index))
    first = bytes((wire.head(wire.MESSAGE),))
    ana = Victim(house, "ana")
    for counter in range(1, 40):
        kdf(chain, chain, b"chain")
        rest = bytes((index, counter))
        key = kdf(32, chain, b"message")
        box = bytes(seal(session.suite, key, first + rest, bytes(64) + b"\1\0" + bytes(49)))
        false = first + mac(4, session._header_key, first, rest + box) + rest + box
        assert ana.offer(false) == errors.BadSignature.name
    far = bytes((index,)) + wire.varint(5000) + bytes(200)
    far = first + mac(4, session._header_key, first, far) + far
    assert ana.offer(far) == errors.SkippedTooFar.name
    house.say("ben", "as ever")
    assert house.texts("ana") == [("ben", "as ever")]
    assert house.of("ana", events.Missing) == []


def test_first_last_messages_of_a_session_never_confirmed():
    house = room("ana", "ben", "eva")
    house["ben"].send("last words", house.now)
    house["ana"].rekey(house.now)
    house.settle()
    assert house.kinds()[-1] == wire.CONFIRM
    for nick in house.order:
        (text,) = house.of(nick, events.Text)
        assert house.of(nick, events.Confirmed)[-1].number >= text.number
        assert house.of(nick, events.Unconfirmed) == []


def test_first_text_re_posted_to_people_it_was_not_meant_for():
    house = room("ana", "ben")
    house.add("zoe")
    late = Late(house, kinds=(wire.CONFIRM,))
    house.bring("ana", "zoe")
    house["ben"].send("only ana", house.now)
    house.settle()
    late.stop()
    house.wait(MINUTE)
    house.assert_one_session("ana", "ben", "zoe")
    assert house.texts("zoe") == []
    assert house.texts("ana") == []
    assert [one.text for one in house.of("ben", events.Unsent)] == ["only ana"]


def test_first_invitation_nobody_can_open():
    """The longest one fits a frame, and the last of those in it can open it."""
    house = House("ana", "zoe")
    house.accepting = False
    house["ana"].create("n" * wire.MAX_NAME, house.now)
    crowd = []
    for at in range(62):
        key = primitives.mc.x25519_public_key(Seeded("crowd %d" % at)(32))
        crowd.append(("%032d" % at, key))
    house["ana"].invite(crowd + [("z" * 32, house.key("zoe"))], house.now)
    house.settle()
    for frame in house.frames:
        assert len(frame) <= wire.MAX_FRAME
    (one,) = house.of("zoe", events.Invited)
    assert one.invitation.name == "n" * wire.MAX_NAME
    house["zoe"].accept(one.invitation, house.now)
    house.wait(10000)
    house.assert_one_session("ana", "zoe")


def test_first_expelled_member_still_voting():
    house = room("ana", "ben", "eva", "dan")
    house.hook = lambda sender, frame: () if house.of("ana", events.Expelled) and (
        sender != "eva") else (frame,)
    target = house["eva"].session.members
    dan = [who.index for who in target if who.nick == "dan"][0]
    for nick in ("ana", "ben", "dan"):
        house[nick].expel(house.key("eva"), house.now)
    house.settle()
    assert [one.nick for one in house.of("ana", events.Expelled)] == ["eva"]
    vote = house["eva"].session.seal(wire.EXPEL, bytes((dan,)))
    for nick in ("ana", "ben"):
        assert Victim(house, nick).offer(vote) == errors.OutOfPlace.name
        house[nick]._membership.vote(house["eva"].session.me, dan)  # even if it had come before
    house.hook = None
    house["ana"].expel(house.key("dan"), house.now)
    house.settle()
    for nick in ("ana", "ben"):
        assert [one.nick for one in house.of(nick, events.Expelled)] == ["eva"], nick
    house.wait(3 * MINUTE)
    house.assert_one_session("ana", "ben", "dan")


def test_first_ack_older_than_the_ring_taken_as_confirmation():
    house = room("ana", "ben", "eva")
    house.say("ana", "first")
    stale = house["eva"].session.seal(wire.ACK, b"")
    late = Late(house, "eva")
    for at in range(70):
        house.say("ana", "%d" % at)
    house.wait(16000)  # ben acknowledges; eva's word is 70 frames old when it comes
    assert house.of("ana", events.Confirmed) == []
    house.hook = None
    house.deliver("eva", stale)
    assert [one.nick for one in house.of("ana", events.Unverifiable)] == ["eva"]
    assert house.of("ana", events.Confirmed) == []
    late.stop()
    house.wait(MINUTE)
    assert house.of("ana", events.Confirmed)
    house.assert_one_session("ana", "ben", "eva")
