"""Attacks of insiders on Burmester-Desmedt rings, and unknown key share (PROTOCOL.md 5.4, 5.5): no
honest member ends with a key that differs, nor with people that are not who they seem."""

from carriers import Carrier, Late
from cheats import exchange_of, opened, resealed, sealed, signed_share
from house import House, Seeded
from outcomes import MINUTE, come_together, in_full, nobody_is_blamed
from test_bad_frames import Victim

from mpseq import Identity, errors, events, primitives, wire
from mpseq.bodies import ADMIT, Proposal, encode_invite
from mpseq.exchange import AUTH, Exchange
from mpseq.primitives import KeyPairs, kdf, mac, seal_random, tdh
from mpseq.roster import Guest, Participant


def ring():
    """Five members, by the order of their keys; the one in the middle sits between two liars:
    (house, order)."""
    house = House("ana", "ben", "eva", "dan", "uma").together("ana", "ben", "eva", "dan", "uma")
    order = [who.nick for who in house["ana"].members]
    return house, order


def one_key_or_none(house, *nicks):
    """Whoever of these switched into one session has one key in it; nobody a key of its own."""
    keys = {}
    for nick in nicks:
        session = house[nick].session
        if session:
            keys.setdefault(session.sid, set()).add(
                (bytes(session._header_key), session.code, tuple(house.here(nick)))
            )
    for sid in keys:
        assert len(keys[sid]) == 1


class Neighbours(Carrier):
    """The two neighbours of one member change their z so that the ring still closes; with
    `victims`, those alone are shown it."""

    def __init__(self, house, liars, victims=None, most=99):
        super().__init__(house)
        self.most = most
        self.liars = liars
        self.victims = victims
        self.shift = Seeded("shift")(32)
        self.changed = 0

    def _lie(self, exchange, plain):
        for at in range(32):
            plain[at] ^= self.shift[at]
        signed_share(exchange, plain)

    def show(self, nick, sender, frame):
        if sender not in self.liars or frame[0] & 15 != wire.SHARE:
            return (frame,)
        if self.victims is not None and nick not in self.victims:
            return (frame,)
        if self.changed == self.most:
            return (frame,)
        exchange = exchange_of(self.house[sender], frame)
        changed = resealed(exchange, frame, self._lie)
        self.changed += 1
        return (changed,)


def test_two_neighbours_shift_the_ring_for_all():
    """Their z cancel, so the sum is zero; those on the two sides of them compute other keys."""
    house, order = ring()
    left, victim, right = order[1:4]
    carrier = Neighbours(house, (left, right))
    known = {nick: len(house.of(nick, events.SessionStarted)) for nick in order}
    house[order[0]].rekey(house.now)
    house.settle()
    assert carrier.changed == 2 * 5
    honest = [nick for nick in order if nick not in (left, right)]
    for nick in honest:
        for one in house.of(nick, events.SessionStarted)[known[nick] :]:
            assert sorted([who.nick for who in one.members]) == sorted(honest)
            assert one.failed == 1  # nobody accepted the first
    carrier.stop()
    house.wait(3 * MINUTE)
    in_full(house, *honest)
    for nick in honest:
        convicted = sorted([one.nick for one in house.of(nick, events.Convicted)])
        assert convicted == sorted([left, right]), nick


def test_two_neighbours_and_the_carrier_give_one_member_another_key():
    house, order = ring()
    left, victim, right = order[1:4]
    carrier = Neighbours(house, (left, right), (victim,), 2)
    started = {nick: len(house.of(nick, events.SessionStarted)) for nick in order}
    house[order[0]].rekey(house.now)
    house.settle()
    assert carrier.changed == 2
    honest = [nick for nick in order if nick not in (left, right)]
    for nick in honest:
        for one in house.of(nick, events.SessionStarted)[started[nick] :]:
            assert one.failed  # not by this exchange
    one_key_or_none(house, *order)
    carrier.stop()
    nobody_is_blamed(house, *honest)
    come_together(house, *honest)
    one_key_or_none(house, *honest)


def test_one_neighbour_alone_cannot_close_the_ring():
    house, order = ring()
    carrier = Neighbours(house, (order[1],))
    house[order[0]].rekey(house.now)
    house.settle()
    carrier.stop()
    house.wait(3 * MINUTE)
    honest = [nick for nick in order if nick != order[1]]
    in_full(house, *honest)
    for nick in honest:
        assert [one.nick for one in house.of(nick, events.Convicted)] == [order[1]]


def test_n_minus_one_in_league_against_one_member():
    """Everyone but one lies as it likes: the one accepts nothing, and ends alone or in a session
    that is what it says."""
    house, order = ring()
    victim = order[2]
    liars = [nick for nick in order if nick != victim]
    carrier = Neighbours(house, liars, (victim,))
    before = len(house.of(victim, events.SessionStarted))
    house[order[0]].rekey(house.now)
    house.settle()
    assert len(house.of(victim, events.SessionStarted)) == before
    carrier.stop()
    house.wait(3 * MINUTE)
    one_key_or_none(house, *order)


def test_a_seat_of_one_who_was_never_there_filled_by_both_its_neighbours():
    """Two members in league admit zoe, who is away, with keys of their own and sit on both sides
    of her: her z they can make; what she owes to the third, they cannot."""
    for seed in range(40):
        nicks = ("ana", "kim", "lea", "zoe")
        house = House(*nicks, seed="seat %d" % seed)
        order = sorted(nicks, key=house.key)
        if abs(order.index("ana") - order.index("zoe")) == 2:
            break  # in a ring of four: opposite each other
    house.together("ana", "kim", "lea")
    keys = KeyPairs(Seeded("false keys"))
    kim = house["kim"]
    held = []
    house.hook = lambda sender, frame: held.append(frame) or () if (
        frame[0] & 15 == wire.SHARE) else (frame,)
    admit(house, "kim", "zoe", keys)
    house.settle()
    house.hook = None
    exchange = kim._attempt.exchange
    people = exchange.people
    seat = [who.nick for who in people].index("zoe")
    false = Exchange(kim.room, bytearray(exchange.secret), bytes(16), people, seat, keys,
                     Identity(Seeded("not zoe")(32)))
    false.sid = exchange.sid
    share = false.share(Seeded("share"))
    plain = opened(false, share)
    edges = bytearray(64)
    view = memoryview(edges)
    for nick in ("kim", "lea"):
        other = house[nick]._attempt.exchange
        k = seat if people[(seat + 1) % 4].nick == nick else (seat - 1) % 4
        other._own_edge(k, view[:32] if nick == "kim" else view[32:])
        own = other._slot(other._pair, seat)
        at = 160 + 8 * (other.me if other.me < seat else other.me - 1)
        plain[at : at + 8] = other._auth(own, seat, other.me, false.statement[1])
    for at in range(32):
        plain[at] = edges[at] ^ edges[32 + at]
    signed_share(false, plain)
    for frame in held:
        house.deliver("x", frame)
    before = house["ana"].session.sid
    house.deliver("kim", sealed(false, wire.SHARE, seat, plain))
    assert house["ana"]._attempt.exchange.shares_left == 0
    assert house["ana"]._attempt.exchange.failure[0] == AUTH  # of zoe's seat to ana
    house.settle()
    assert house["ana"].session.sid == before
    house.wait(5 * MINUTE)
    assert "zoe" not in house.here("ana")
    assert [one for one in house.of("ana", events.SessionStarted)
            if "zoe" in [who.nick for who in one.members]] == []
    nobody_is_blamed(house, "ana", "kim", "lea")


def admit(house, author, nick, keys):
    """An ADMIT by PROPOSE of somebody who never posted a JOIN, with keys of the author's choice;
    N is zero."""
    person = house[author]
    guest = Guest(nick, house.key(nick), bytes(keys.y), bytes(keys.t), bytes(16))
    body = encode_invite(b"12345678", [(nick, house.key(nick))])
    house.deliver(author, person.session.seal(wire.INVITE, body))
    proposal = Proposal(bytes(16), Seeded("E")(32), person.room.psk_check(bytes(16)), ADMIT, (),
                        [guest])
    house.deliver(author, person.session.seal(wire.PROPOSE, bytes(proposal.encode())))
    assert person.exchange_running


# --- unknown key share


def test_unknown_key_share_by_a_y_of_somebody_else():
    """mallory joins with the y of ben's JOIN, which is in clear: she would be taken for the one
    who holds it. Without its x there is no JOIN; nor with ben's whole JOIN."""
    house = House("ana", "ben", "mallory").together("ana")
    house.accepting = False
    house.bring("ana", "ben", "mallory")
    late = Late(house, kinds=(wire.JOIN,))
    house["ben"].accept(house.of("ben", events.Invited)[0].invitation, house.now)
    house.settle()
    ((_, join),) = late.held
    late.held = []
    y = join[33:65]
    invitation = house.of("mallory", events.Invited)[0].invitation
    mallory = house["mallory"].identity
    keys = KeyPairs(Seeded("mallory"))
    key = bytearray(32)
    tdh(key, mallory, keys, house.key("ana"), invitation._e, False)
    kdf(key, key, b"join", invitation.id)
    first = bytes((wire.head(wire.JOIN),))
    nonce = bytes(24)
    box = bytes(seal_random(key, nonce, first + nonce + y,
                            b"\7mallory" + mallory.public + keys.t + bytes(16)))
    rest = nonce + y + box
    frame = first + mac(8, invitation._k, b"join", rest) + rest
    assert Victim(house, "ana").offer(frame) == errors.BadSeal.name
    rest = join[9:]
    frame = first + mac(8, invitation._k, b"join", rest) + rest  # ben's own, under her k
    assert Victim(house, "ana").offer(frame) in (errors.BadSeal.name, errors.Duplicate.name)
    late.bring("ben", join)
    late.stop()
    house["mallory"].accept(invitation, house.now)
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "mallory")


def test_unknown_key_share_each_key_is_of_both_identities():
    """The same exchange keys under another long-term key, or another's, are another K and sid."""
    random = Seeded("uks")
    ana, ben, eva = [Identity.generate(random) for _ in range(3)]
    one, two = KeyPairs(random), KeyPairs(random)

    def between(me, mine, key, y, first):
        out = bytearray(32)
        tdh(out, me, mine, key, y, first)
        return bytes(out)

    true = between(ana, one, ben.public, two.y, True)
    assert between(ben, two, ana.public, one.y, False) == true
    assert between(ana, one, eva.public, two.y, True) != true
    assert between(eva, two, ana.public, one.y, False) != true
    assert between(ben, two, eva.public, one.y, False) != true
    house = House("ana", "ben").together("ana", "ben")
    room = house["ana"].room
    people = [Participant("ana", ana.public, one.y, one.t),
              Participant("ben", ben.public, two.y, two.t)]
    posing = [people[0], Participant("ben", eva.public, two.y, two.t)]
    sid = room.sid(bytes(16), people)
    assert room.sid(bytes(16), posing) != sid
    renamed = [people[0], Participant("eva", ben.public, two.y, two.t)]
    assert room.sid(bytes(16), renamed) != sid


def test_unknown_key_share_through_a_member_that_relays():
    """eva is in a room with ana and in one with ben, and passes all frames on: ana and ben never
    take part in one exchange without knowing it."""
    here = House("ana", "eva", seed="here").together("ana", "eva")
    there = House("ben", "eva", seed="there")
    there.people["eva"].identity = here["eva"].identity  # one and the same eva
    there.together("ben", "eva")
    for house, other, nick in ((here, there, "ana"), (there, here, "ben")):
        members = [who.key for who in house[nick].members]
        for frame in list(other.frames):
            house[nick].receive("eva", frame, house.now)
        house.drain()
        assert [who.key for who in house[nick].members] == members
        house.say(nick, "still here")
        house.assert_one_session(nick, "eva")
    assert here["ana"].code != there["ben"].code
    assert primitives.equal(here["ana"].session.sid, there["ben"].session.sid) is False
