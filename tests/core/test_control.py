"""Control messages that are signed and ordered but not right at their place: ignored by all alike,
and they convict nobody (PROTOCOL.md 5.1-5.3). The author is a member with a core of its own."""

from house import House, Seeded
from test_forging import Forger
from test_inviting import crowd, keys_of

from mpseq import errors, wire
from mpseq.bodies import ADMIT, REKEY, REMOVE, Proposal, encode_admit, encode_invite
from mpseq.primitives import H, kdf, signing_key
from mpseq.roster import Guest, Participant, Room


def guest(nick, key, seed="guest"):
    random = Seeded(seed + nick)
    return Guest(nick, key, keys_of(1, seed + nick)[0], signing_key(random)[1], bytearray(16))


def proposal(house, what, removed=(), carried=(), check=None, pair=None):
    nonce = bytes(16)
    check = check or house["ana"].room.psk_check(nonce)
    return bytes(Proposal(nonce, bytes(32), check, what, removed, carried, pair).encode())


def rebel():
    """ana, ben and eva; eva says what it likes: (house, say, number). say(kind, body) returns why
    the others refused it, None if they did not."""
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    forger = Forger(house, "eva")
    session = house["eva"].session
    eva = session.me
    secret = session._statement

    def say(kind, body):
        frame = forger.message(eva, secret, kind=kind, body=body)
        kdf(session._chain(eva), session._chain(eva), b"chain")
        session._counters[eva] += 1
        session.h = H(b"frame", session.h, frame)
        session.count += 1
        session._remember()
        reasons = []
        for nick in ("ana", "ben"):
            at = len(house.refusals(nick))
            house[nick].receive("eva", frame, house.now)
            house.drain()
            reasons.append(house.refusals(nick)[at:])
        assert reasons[0] == reasons[1]
        assert house["ana"].transcript == house["ben"].transcript
        return reasons[0][0] if reasons[0] else None

    return house, say, eva


WRONG = errors.OutOfPlace.name


def test_the_rebel_of_these_tests_can_propose_what_is_right():
    house, say, _ = rebel()
    assert say(wire.PROPOSE, proposal(house, REKEY)) is None
    assert house["ana"].exchange_running and house["ben"].exchange_running


def test_nobody_is_removed_who_is_not_due():
    house, say, eva = rebel()
    others = [index for index in range(3) if index != eva]
    for removed in ((), others[:1], others, (eva,), (0, 1, 2), (7,)):
        assert say(wire.PROPOSE, proposal(house, REMOVE, removed)) == WRONG
    assert not house["ana"].exchange_running


def test_exactly_those_are_removed_who_are_due():
    house, say, eva = rebel()
    ben = house["ben"].session
    leave = ben.seal(wire.LEAVE, b"")
    house["ana"].receive("ben", leave, house.now)
    house["eva"].receive("ben", leave, house.now)
    house["ana"].take_frames()
    forger = Forger(house, "eva")
    secret = house["eva"].session._statement
    ana_index = house["ana"].session.me
    for what, removed in (
        (REMOVE, ()), (REMOVE, (ana_index,)), (REMOVE, (ben.me, ana_index)),
        (REMOVE, (ben.me, ben.me)), (REKEY, ()), (ADMIT, ()),
    ):
        at = len(house.refusals("ana"))
        frame = forger.message(
            eva, secret, kind=wire.PROPOSE, body=proposal(house, what, removed)
        )
        session = forger.session
        kdf(session._chain(eva), session._chain(eva), b"chain")
        session._counters[eva] += 1
        house["ana"].receive("eva", frame, house.now)
        house.drain()
        assert house.refusals("ana")[at:] == [WRONG], (what, removed)
    assert not house["ana"].exchange_running


def test_nobody_is_admitted_whom_this_author_did_not_invite():
    house, say, _ = rebel()
    (nick, key), (other, other_key) = crowd(2)
    assert say(wire.PROPOSE, proposal(house, ADMIT)) == WRONG
    assert say(wire.PROPOSE, proposal(house, ADMIT, carried=[guest(nick, key)])) == WRONG
    assert say(wire.ADMIT, encode_admit([guest(nick, key)])) == WRONG
    house["ana"].invite([(nick, key)], house.now)
    house.deliver("ana", house["ana"].take_frames()[0])
    assert say(wire.ADMIT, encode_admit([guest(nick, key)])) == WRONG
    assert say(wire.PROPOSE, proposal(house, ADMIT, carried=[guest(nick, key)])) == WRONG
    assert say(wire.INVITE, encode_invite(bytes(8), [(other, other_key)])) is None
    both = [guest(nick, key), guest(other, other_key)]
    assert say(wire.ADMIT, encode_admit(both)) == WRONG
    assert house["ana"]._membership.guests == []
    assert say(wire.ADMIT, encode_admit(both[1:])) is None
    assert len(house["ben"]._membership.guests) == 1


def test_a_guest_takes_nobodys_nick():
    house, say, _ = rebel()
    (nick, key), (other, other_key) = crowd(2)
    assert say(wire.INVITE, encode_invite(bytes(8), [(nick, key), (other, other_key)])) is None
    assert say(wire.ADMIT, encode_admit([guest(other, other_key)])) is None
    for taken in ("ana", "eva", other):
        assert say(wire.ADMIT, encode_admit([guest(taken, key)])) == WRONG
        carried = [guest(taken, key)]
        assert say(wire.PROPOSE, proposal(house, ADMIT, carried=carried)) == WRONG
    assert not house["ana"].exchange_running
    assert say(wire.ADMIT, encode_admit([guest("chosen", key)])) is None
    assert say(wire.ADMIT, encode_admit([guest("chosen", other_key)])) == WRONG


def test_a_later_admission_of_the_same_guest_replaces_the_earlier():
    house, say, _ = rebel()
    (nick, key) = crowd(1)[0]
    assert say(wire.INVITE, encode_invite(bytes(8), [(nick, key)])) is None
    for seed in ("one", "two"):
        assert say(wire.ADMIT, encode_admit([guest(nick, key, seed)])) is None
        guests = house["ana"]._membership.guests
        assert [who.y for who in guests] == [guest(nick, key, seed).y]


def test_while_guests_wait_a_rekey_is_wrong():
    house, say, _ = rebel()
    (nick, key) = crowd(1)[0]
    assert say(wire.INVITE, encode_invite(bytes(8), [(nick, key)])) is None
    assert say(wire.ADMIT, encode_admit([guest(nick, key)])) is None
    assert say(wire.PROPOSE, proposal(house, REKEY)) == WRONG
    assert say(wire.PROPOSE, proposal(house, ADMIT)) is None
    assert house["ana"].exchange_running


def test_two_rekeys_in_a_row_by_one_member_are_wrong():
    """Section 9, second: re-keys that starve joins."""
    house, say, eva = rebel()
    house["ana"]._last_rekey = house["ben"]._last_rekey = house.key("eva")
    assert say(wire.PROPOSE, proposal(house, REKEY)) == WRONG
    assert not house["ana"].exchange_running


def test_while_an_exchange_runs_there_is_no_other():
    """Section 9: endless supersession."""
    house, say, _ = rebel()
    assert say(wire.PROPOSE, proposal(house, REKEY)) is None
    sid = house["ana"]._attempt.exchange.sid
    (nick, key) = crowd(1)[0]
    assert say(wire.INVITE, encode_invite(bytes(8), [(nick, key)])) is None
    assert say(wire.ADMIT, encode_admit([guest(nick, key)])) is None
    assert say(wire.PROPOSE, proposal(house, ADMIT)) == WRONG
    assert say(wire.PROPOSE, proposal(house, REKEY)) == WRONG
    assert house["ana"]._attempt.exchange.sid == sid


def test_a_proposal_under_another_pre_shared_key():
    house, say, _ = rebel()
    body = proposal(house, REKEY, check=bytes(8))
    assert say(wire.PROPOSE, body) == errors.OtherPsk.name
    assert not house["ana"].exchange_running


def test_proposals_that_do_not_decode():
    house, say, _ = rebel()
    good = proposal(house, REKEY)
    assert say(wire.PROPOSE, good + b"\0") == errors.TrailingBytes.name
    assert say(wire.PROPOSE, good[:-1]) == errors.Truncated.name
    assert say(wire.PROPOSE, good[:-1] + b"\3") == WRONG
    assert say(wire.PROPOSE, good[:-1] + b"\0\5") == errors.Truncated.name
    assert say(wire.PROPOSE, good + bytes(64)) == errors.TrailingBytes.name  # nobody is alone
    assert not house["ana"].exchange_running


def test_invites_that_the_room_does_not_take():
    """Section 10: 64 pending invitations, nobody twice."""
    house, say, _ = rebel()
    key, other = keys_of(2, "who")
    for listed in (
        [], [("new", house.key("eva"))],  # eva says it
        [("new", key), ("new", other)], [("new", key), ("newer", key)], crowd(65),
    ):
        assert say(wire.INVITE, encode_invite(bytes(8), listed)) == WRONG, listed
    assert say(wire.INVITE, encode_invite(bytes(8), crowd(64))) is None
    assert say(wire.INVITE, encode_invite(bytes(8), [("new", key)])) == WRONG
    assert say(wire.INVITE, encode_invite(bytes(8), crowd(1))) is None  # replaces its own
    assert len(house["ana"]._membership.invited) == 64


def test_every_part_of_a_session_is_in_its_id():
    """Section 5.4, so that nothing of one session fits another."""
    random = Seeded("sid")

    def person(nick="ana"):
        return Participant(nick, keys[0], keys[1], keys[2])

    keys = keys_of(4, "sid")
    other = keys[3]
    nonce, conversation_id, creator = random(16), random(16), keys[0]
    room = Room("name", conversation_id, creator, 1, 0, b"")
    sid = room.sid(nonce, [person()])
    assert Room("other", conversation_id, creator, 1, 0, b"psk").sid(nonce, [person()]) == sid
    others = [
        Room("name", conversation_id, creator, 2, 0, b"").sid(nonce, [person()]),
        Room("name", conversation_id, creator, 1, 1, b"").sid(nonce, [person()]),
        Room("name", conversation_id, other, 1, 0, b"").sid(nonce, [person()]),
        Room("name", random(16), creator, 1, 0, b"").sid(nonce, [person()]),
        room.sid(random(16), [person()]),
        room.sid(nonce, [person(), person()]),
        room.sid(nonce, []),
        room.sid(nonce, [person("anb")]),
    ]
    for name in ("key", "y", "t"):
        changed = person()
        setattr(changed, name, other)
        others.append(room.sid(nonce, [changed]))
    assert len(set(others + [sid])) == len(others) + 1
