"""What attacks on the earlier editions of the design found, each by its name: section 9, first."""

from carriers import Late, Lying
from cheats import Cheat, exchange_of, sealed, wrong_check, wrong_z
from freezing import freeze
from house import House, Seeded
from outcomes import MINUTE, in_full, nobody_is_blamed
from test_bad_frames import Victim
from test_equivocating import TwoFaced, other_statement_key
from test_review import Roster

from mpseq import errors, events, primitives, wire
from mpseq.exchange import Exchange
from mpseq.invitation import Invitation
from mpseq.primitives import H, KeyPairs, sign
from mpseq.roster import Guest, Participant, roster_frame
from mpseq.suspicion import ACK, Suspicions


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


def test_first_x_revealed_in_an_aborted_exchange_and_its_y_used_in_the_next():
    house = room("ana", "ben", "eva", "dan")
    cheat = Cheat(house).spoil("eva", wire.SHARE, wrong_z)
    used = {}
    revealed = []

    def hook(sender, frame):
        if frame[0] & 15 == wire.SHARE:
            for who in exchange_of(house[sender], frame).people:
                used.setdefault(who.y, set()).add(frame[1:5])
        if frame[0] & 15 == wire.REVEAL:
            exchange = exchange_of(house[sender], frame)
            revealed.append(exchange.people[frame[5]].y)
        return cheat(sender, frame)

    house.hook = hook
    house["ana"].rekey(house.now)
    house.wait(3 * MINUTE)
    house.assert_one_session("ana", "ben", "dan")
    assert len(revealed) == 4
    for y in revealed:
        assert len(used[y]) == 1
    assert len(used) == 4 + 3
    for nick in ("ana", "ben", "dan"):
        for y, _ in house[nick].session.next_keys:
            assert y not in used


def test_first_junk_confirm_that_makes_an_honest_member_cry_abort():
    house, carrier = held(wire.CONFIRM, "ana", "ben", "eva")
    eva = house["eva"]._attempt.exchange
    junk = Seeded("junk")
    for index in range(3):
        for size in (0, 100, 145, 200):
            house.deliver("eva", sealed(eva, wire.CONFIRM, index, junk(size)))
        keys = KeyPairs(junk)
        false = sign(keys.t_secret, H(b"confirm", eva.sid, bytes((index,)), keys.y, keys.t))
        plain = keys.y + keys.t + false + bytes(16) + b"\0"
        house.deliver("eva", sealed(eva, wire.CONFIRM, index, plain))
    carrier.stop()
    assert wire.ABORT not in house.kinds()
    house.assert_one_session("ana", "ben", "eva")
    nobody_is_blamed(house)


def test_first_sid_or_signature_that_links_sessions():
    house = room("ana", "ben", "eva")
    seen = []
    for nick in ("ana", "ben", "ana"):
        session = house["eva"].session
        keys = [session.sid, bytes(session._header_key)]
        for index in range(3):
            at = 32 * index
            keys.append(bytes(session._statements[at : at + 32]))
            keys += [bytes(key) for key in session.next_keys[index]]
        seen += keys
        house[nick].rekey(house.now)
        house.settle()
    assert len(set(seen)) == len(seen)
    # sid holds nothing but what the participants of this one exchange are told
    nonces = []
    real = house["ana"].room.sid
    house["ana"].room.sid = lambda nonce, people: nonces.append((nonce, people)) or real(
        nonce, people)
    house["ben"].rekey(house.now)
    house.settle()
    ((nonce, people),) = nonces
    assert real(nonce, people) == house["ana"].session.sid


def test_first_group_secret_kept_while_only_chains_are_needed():
    secrets = []
    real = Exchange.derive

    def derive(self, group):
        secrets.append((group, bytes(group)))
        return real(self, group)

    Exchange.derive = derive
    try:
        house = room("ana", "ben")
    finally:
        Exchange.derive = real
    assert len(secrets) == 3  # ana alone, then both
    for group, copy in secrets:
        assert bytes(group) == bytes(32) and copy != bytes(32)
        for nick in house.order:
            for path, value in freeze(house[nick]):
                assert not isinstance(value, bytes) or copy not in value, path


class Sealing:
    """Stands in for Monocypher and notes what is sealed under which key and nonce."""

    def __init__(self, mc):
        self._mc = mc
        self.sealed = {}
        self.looking = True

    def __getattr__(self, name):
        return getattr(self._mc, name)

    def aead_lock(self, key, nonce, ad, plain):
        if self.looking:
            what = self.sealed.setdefault((bytes(key), bytes(nonce)), set())
            what.add((bytes(ad), bytes(plain)))
        return self._mc.aead_lock(key, nonce, ad, plain)


def test_first_join_wraps_confirm_or_message_re_encrypted_under_one_key():
    true_mc = primitives.mc
    primitives.mc = sealing = Sealing(true_mc)
    try:
        house = House("ana", "ben", "eva", "dan").together("ana", "ben", "dan")
        lost = []

        def losing(sender, frame):
            if frame[0] & 15 not in lost:
                lost.append(frame[0] & 15)  # the first of each kind: it is posted again
                return ()
            return (frame,)

        house.hook = losing
        house.bring("ana", "eva")
        house.say("ana", "hello")
        house.wait(3 * MINUTE)
        cheat = Cheat(house).spoil("dan", wire.CONFIRM, wrong_check)

        def cheating(sender, frame):
            sealing.looking = False  # what dan does wrong is not asked here
            out = cheat(sender, frame)
            sealing.looking = True
            return out

        house.hook = cheating
        house["ben"].rekey(house.now)
        house.say("ben", "in between")
        house.wait(3 * MINUTE)
        house.hook = None
        house["eva"].leave(house.now)
        house.wait(MINUTE)
        house.bring("ben", "eva")
        house.wait(MINUTE)
    finally:
        primitives.mc = true_mc
    house.assert_one_session("ana", "ben", "eva")
    assert len(sealing.sealed) > 60
    # Every member seals the ROSTER by itself, to the same bytes: one plaintext.
    for what in sealing.sealed.values():
        assert len(what) == 1
    for kind in range(wire.MESSAGE, wire.WITNESS + 1):
        assert kind in house.kinds(), kind


def test_first_forged_join_by_a_participant():
    """kim is told of zoe's invitation, has seen it, and knows even its k: no JOIN for zoe."""
    house = room("ana", "kim")
    house.add("zoe")
    house.accepting = False
    house.bring("ana", "zoe")
    (open_invite,) = house["ana"]._invites
    kim = house["kim"]
    invitation = Invitation(kim.room, house.key("ana"), "ana", open_invite.id,
                            bytearray(open_invite.k), open_invite.y)

    class Posing:
        secret = kim.identity.secret
        public = house.key("zoe")

    ana = Victim(house, "ana")
    own, _ = invitation.join(kim.identity, "zoe", Seeded("kim"), KeyPairs(Seeded("kim")))
    assert ana.offer(own) == errors.BadSeal.name
    posing, _ = invitation.join(Posing, "zoe", Seeded("posing"), KeyPairs(Seeded("posing")))
    assert ana.offer(posing) == errors.BadSeal.name
    assert open_invite.guest is None
    house["zoe"].accept(house.of("zoe", events.Invited)[0].invitation, house.now)
    house.settle()
    in_full(house, "ana", "kim", "zoe")


def test_first_roster_shown_differently_to_joiners_and_members():
    """kim, a member, shows the joiner a roster of its own under the true E: ana under another y,
    and with kim's nick and hers exchanged."""

    def make(room, exchange, nonce):
        guests = [who for who in exchange.people if isinstance(who, Guest)]
        for swap in (True, False):
            people = []
            for who in exchange.people:
                keys = KeyPairs(Seeded(who.nick))
                nick = {"ana": "kim", "kim": "ana"}.get(who.nick, who.nick)
                if who in guests:
                    people.append(Guest(who.nick, who.key, who.y, who.t, who.ticket))
                elif swap:
                    people.append(Participant(nick, who.key, who.y, who.t))
                else:
                    people.append(Participant(who.nick, who.key, keys.y, who.t))
            guests = [who for who in people if isinstance(who, Guest)]
            yield roster_frame(room, exchange.secret, nonce, people, guests, 0)

    for first in (True, False):
        house = Roster(make, first).play()
        in_full(house, "ana", "kim", "eva")
        for nick in ("ana", "kim"):
            assert house["eva"].members == house[nick].members
        (started,) = house.of("eva", events.SessionStarted)
        assert sorted([who.nick for who in started.members]) == ["ana", "eva", "kim"]


def test_first_endless_supersession():
    """eva proposes at each frame of the running exchange: the first that is right wins."""
    house = room("ana", "ben", "eva")
    tried = []

    def hook(sender, frame):
        out = [frame]
        if frame[0] & 15 in (wire.SHARE, wire.CONFIRM) and house["ana"]._attempt:
            eva = house["eva"]
            nonce = Seeded(frame)(16)
            body = nonce + bytes(32) + eva.room.psk_check(nonce) + b"\2"
            out.insert(0, eva.session.seal(wire.PROPOSE, body))
            tried.append(frame)
        return out

    house.hook = hook
    house["ana"].rekey(house.now)
    house.settle()
    house.hook = None
    assert len(tried) >= 4
    assert house.refusals("ben").count(errors.OutOfPlace.name) == len(tried)
    in_full(house, "ana", "ben", "eva")
    assert len(house.of("ana", events.SessionStarted)) == 3


def groups(n, doubts):
    suspicions = Suspicions(n)
    for author, target in doubts:
        suspicions.add(author, target, ACK, 1)
    return [suspicions.group(me, list(range(n))) for me in range(n)]


def test_first_split_rule_on_which_two_honest_members_disagree():
    """Whoever suspects whom, among three and four: groups are the same in the eyes of all in them,
    and two who suspect not each other are together."""
    for n in (3, 4):
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        step = 1 if n == 3 else 7
        for case in range(0, 1 << len(pairs), step):
            doubts = [pairs[bit] for bit in range(len(pairs)) if case >> bit & 1]
            found = groups(n, doubts)
            for i in range(n):
                assert i in found[i]
                for j in found[i]:
                    assert found[j] == found[i], doubts
                for j in range(n):
                    if i != j and (i, j) not in doubts and (j, i) not in doubts:
                        assert j in found[i], doubts


def test_first_honest_member_convicted_through_an_equivocating_carrier():
    house = room("ana", "ben", "eva", "dan")
    TwoFaced(house, "eva", ("ben",), wire.SHARE, other_statement_key, most=1)
    house["ana"].rekey(house.now)
    house.wait(MINUTE)
    nobody_is_blamed(house)
    for nick in ("ana", "ben", "dan"):
        assert house.of(nick, events.CarrierInconsistent), nick
    house = room("ana", "ben", "eva", "dan")
    Lying(house).instead("ben", wire.SHARE, lambda frame: (), most=99)
    house["ana"].rekey(house.now)
    house.wait(6 * MINUTE)
    assert wire.ABORT in house.kinds()
    nobody_is_blamed(house)
