"""Points of small order, and points that are not canonical, in every place where a point arrives:
refused wherever it stands, and nothing moves (PROTOCOL.md section 3)."""

from carriers import Late
from cheats import Cheat, exchange_of, opened, sealed, wrong_z
from house import House, Seeded, raises
from outcomes import MINUTE
from test_bad_frames import Victim
from test_keys import SMALL_U, SMALL_Y, raw

from mpseq import errors, primitives, wire
from mpseq.bodies import Proposal, encode_admit, encode_invite
from mpseq.invitation import invite
from mpseq.primitives import H, KeyPairs, kdf, mac, seal_random, sign, tdh
from mpseq.roster import Guest, Participant, Room, roster_frame

P = (1 << 255) - 19
MONTGOMERY = [raw(u) for u in SMALL_U]
EDWARDS = [raw(y) for y in SMALL_Y]
# u >= p, and the top bit
TWISTED = [raw(P + 9), raw(9 | 1 << 255), b"\xff" * 32]


def bad_x25519():
    return MONTGOMERY + TWISTED


def bad_eddsa():
    return EDWARDS + [raw(P + 9), b"\xff" * 32]


def refused_messages(house, author, kind, bodies):
    """Each of these control messages is refused for its key by the others, and does nothing."""
    for body in bodies:
        frame = house[author].session.seal(kind, bytes(body))
        others = [nick for nick in house.order if nick != author and house[nick].session]
        before = {nick: house[nick]._membership for nick in others}
        invited = [list(before[nick].invited) for nick in others]
        guests = [list(before[nick].guests) for nick in others]
        house.deliver(author, frame)
        for at in range(len(others)):
            nick = others[at]
            assert house.refusals(nick)[-1] == errors.BadPublicKey.name, nick
            assert before[nick].invited == invited[at] and before[nick].guests == guests[at]
            assert not house[nick].exchange_running


def test_in_an_invite():
    house = House("ana", "ben").together("ana", "ben")
    refused_messages(house, "ana", wire.INVITE, [
        encode_invite(b"12345678", [("zoe", key)]) for key in bad_x25519()
    ])


def guests(nick, key):
    """Admissions with one bad key each: y, t, A."""
    random = Seeded("guest")
    keys = KeyPairs(random)
    for y in bad_x25519():
        yield Guest(nick, key, y, keys.t, random(16))
    for t in bad_eddsa():
        yield Guest(nick, key, keys.y, t, random(16))
    for other in bad_x25519():
        yield Guest(nick, other, keys.y, keys.t, random(16))


def test_in_an_admit_and_in_a_propose():
    house = House("ana", "ben", "zoe").together("ana", "ben")
    house.accepting = False
    house.bring("ana", "zoe")
    bad = list(guests("zoe", house.key("zoe")))
    refused_messages(house, "ana", wire.ADMIT, [encode_admit([guest]) for guest in bad])
    room = house["ana"].room
    refused_messages(house, "ana", wire.PROPOSE, [
        Proposal(bytes(16), bytes(32), room.psk_check(bytes(16)), 1, (), [guest]).encode()
        for guest in bad
    ])


def test_in_the_propose_of_one_who_is_alone():
    house = House("ana").together("ana")
    ana = house["ana"]
    random = Seeded("alone")
    keys = KeyPairs(random)
    pairs = [(y, keys.t) for y in bad_x25519()] + [(keys.y, t) for t in bad_eddsa()]
    for pair in pairs:
        proposal = Proposal(
            bytes(16), bytes(32), ana.room.psk_check(bytes(16)), 2, (), (), pair
        )
        frame = ana.session.seal(wire.PROPOSE, bytes(proposal.encode()))
        house.deliver("ana", frame)
        assert house.refusals("ana")[-1] == errors.BadPublicKey.name


def test_in_keys_after_an_abort():
    house = House("ana", "ben", "eva", "dan").together("ana", "ben", "eva", "dan")
    cheat = Cheat(house).spoil("eva", wire.SHARE, wrong_z)
    held = []

    def hook(sender, frame):
        if sender == "ben" and frame[0] & 15 == wire.MESSAGE:
            held.append(frame)
            return ()
        return cheat(sender, frame)

    house.hook = hook
    house["ana"].rekey(house.now)
    house.settle()
    house.hook = None
    ben = house["ben"].session
    index = ben.me
    assert held and index in house["ana"]._membership.keys_missing()
    random = Seeded("keys")
    keys = KeyPairs(random)
    bad = [bytes(y) + keys.t for y in bad_x25519()] + [keys.y + bytes(t) for t in bad_eddsa()]
    for body in bad:
        house.deliver("ben", ben.seal(wire.KEYS, body))
        assert house.refusals("ana")[-1] == errors.BadPublicKey.name
        assert index in house["ana"]._membership.keys_missing()


def test_in_a_share():
    """s is in nobody's signature: whoever put a bad one there, the true SHARE still counts."""
    house = House("ana", "ben").together("ana", "ben")
    late = Late(house, kinds=(wire.SHARE,))
    house["ana"].rekey(house.now)
    house.settle()
    (true,) = [frame for sender, frame in late.held if sender == "ben"]
    exchange = exchange_of(house["ana"], true)
    plain = opened(exchange, true)
    for s in bad_eddsa():
        plain[128:160] = s
        bad = sealed(exchange, wire.SHARE, true[5], plain)
        assert Victim(house, "ana").offer(bad) == errors.BadPublicKey.name
    late.stop()
    house.assert_one_session("ana", "ben")


def test_in_the_opening_of_a_commitment():
    """Committed to, signed, opened: still no key, and a proof against its author."""
    house = House("ana", "ben").together("ana", "ben")
    late = Late(house, kinds=(wire.CONFIRM,))
    house["ana"].rekey(house.now)
    house.settle()
    exchange = exchange_of(house["ben"], late.held[0][1])
    who = bytes((exchange.me,))
    for y, t in [(y, exchange.next_keys.t) for y in bad_x25519()] + [
        (exchange.next_keys.y, t) for t in bad_eddsa()
    ]:
        signature = sign(exchange.keys.t_secret, H(b"confirm", exchange.sid, who, y, t))
        frame = sealed(exchange, wire.CONFIRM, exchange.me, y + t + signature + bytes(16) + b"\0")
        ana = exchange_of(house["ana"], late.held[0][1])
        commit = exchange._commitment(exchange.me, y, t)
        ana._slot(ana._commits, exchange.me)[:] = commit  # as if it had been committed to
        raises(errors.BadCommitment, ana.receive_confirm, frame)


def test_in_an_invitation():
    house = House("ana", "zoe").together("ana")
    room = house["ana"].room
    random = Seeded("invitation")
    identity = house["ana"].identity
    zoe = Victim(house, "zoe")
    listed = [("zoe", house.key("zoe"))]
    for key in bad_x25519():
        other = Room("test", room.conversation_id, key, room.suite, room.policy, b"")
        frame, _ = invite(identity, "ana", other, listed, random)
        assert zoe.offer(frame) == errors.BadPublicKey.name, "creator"
        frame = frame[:25] + key + frame[57:]
        assert zoe.offer(frame) == errors.BadPublicKey.name, "e"

        class Posing:
            secret = identity.secret
            public = key

        frame, _ = invite(Posing, "ana", room, listed, random)
        assert zoe.offer(frame) == errors.BadPublicKey.name, "inviter"


def test_in_a_join():
    house = House("ana", "zoe").together("ana")
    house.accepting = False
    house.bring("ana", "zoe")
    (open_invite,) = house["ana"]._invites
    zoe = house["zoe"].identity
    first = bytes((wire.head(wire.JOIN),))
    random = Seeded("join")
    for kind, bad in [("y", key) for key in bad_x25519()] + [("t", t) for t in bad_eddsa()]:
        keys = KeyPairs(random)
        if kind == "t":
            keys.t = bad
        y = bad if kind == "y" else keys.y
        open_invite._seen = []
        key = bytearray(32)
        tdh(key, zoe, keys, house.key("ana"), open_invite.y, False)
        kdf(key, key, b"join", open_invite.id)
        nonce = random(24)
        plain = b"\3zoe" + zoe.public + keys.t + bytes(16)
        box = bytes(seal_random(key, nonce, first + nonce + y, plain))
        rest = nonce + y + box
        frame = first + mac(8, open_invite.k, b"join", rest) + rest
        assert Victim(house, "ana").offer(frame) == errors.BadPublicKey.name, kind


def test_in_a_roster():
    house = House("ana", "ben", "zoe").together("ana", "ben")
    late = Late(house, kinds=(wire.ROSTER,))
    house.bring("ana", "zoe")
    exchange = house["ben"]._attempt.exchange
    people = list(exchange.people)
    (guest,) = [who for who in people if isinstance(who, Guest)]
    (at,) = [at for at in range(3) if people[at].nick == "ben"]
    zoe = Victim(house, "zoe")
    random = Seeded("roster")
    ben = people[at]
    room = house["ben"].room

    def offered(y, t):
        listed = list(people)
        listed[at] = Participant(ben.nick, ben.key, y, t)
        return zoe.offer(roster_frame(room, random(32), random(16), listed, [guest], 0))

    for y in bad_x25519():
        assert offered(y, ben.t) == errors.BadPublicKey.name
    for t in bad_eddsa():
        assert offered(ben.y, t) == errors.BadPublicKey.name
    ((_, true),) = late.held
    _, ticket = house["zoe"]._joining.asked[0]
    for key in bad_x25519():  # e'B, under a MAC that fits
        bad = true[:1] + key + true[33:34] + mac(4, ticket, key) + true[38:]
        assert zoe.offer(bad) == errors.BadPublicKey.name
    late.stop()
    house.wait(MINUTE)
    house.assert_one_session("ana", "ben", "zoe")


def test_where_the_application_gives_one():
    house = House("ana", "ben").together("ana", "ben")
    for key in bad_x25519():
        raises(errors.LocalError, house["ana"].invite, [("zoe", key)], house.now)
        raises(errors.LocalError, house["ana"].expel, key, house.now)
    assert house["ana"].take_frames() == []


def test_a_diffie_hellman_that_comes_out_as_zero_is_refused():
    """The last line, should a check of keys ever miss one."""
    out = bytearray(32)
    for key in MONTGOMERY:
        raises(errors.AllZeroSecret, primitives.dh, Seeded("x")(32), key, out)
