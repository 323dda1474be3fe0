"""What attacks on the second edition of the design found, each by its name: section 9, second."""

from carriers import Late, Outage
from cheats import Cheat, exchange_of, opened, resealed, sealed, wrong_z
from house import House, Seeded
from outcomes import MINUTE, in_full, nobody_is_blamed
from test_bad_frames import Victim

from mpseq import Identity, errors, events, wire
from mpseq.bodies import ADMIT, Proposal, encode_admit, encode_invite
from mpseq.exchange import Exchange
from mpseq.primitives import H, KeyPairs, mac, sign, verify
from mpseq.roster import Guest, find, roster_frame


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


def another_s(exchange, plain):
    plain[128:160] = Seeded("another s")(32)


def test_second_a_re_sealed_copy_of_a_genuine_share_by_anyone_who_knows_e():
    """eva puts other unsigned parts behind ben's signature: after his, it is nothing."""
    house, carrier = held(wire.SHARE, "ana", "ben", "eva")
    (true,) = [frame for sender, frame in carrier.held if sender == "ben"]
    house.hook = None
    for sender, frame in carrier.held:
        if sender != "eva":
            house.deliver(sender, frame)
    copy = resealed(house["eva"]._attempt.exchange, true, another_s)
    assert copy != true
    for nick in house.order:
        assert Victim(house, nick).offer(copy) == errors.Duplicate.name
    carrier.held = [one for one in carrier.held if one[0] == "eva"]
    carrier.stop()
    in_full(house, "ana", "ben", "eva")
    nobody_is_blamed(house)


def test_second_a_signature_by_t_that_reaches_s():
    """Whatever t signs in an exchange that lives holds as well for another statement key."""
    house, carrier = held(wire.SHARE, "ana", "ben")
    for sender, frame in carrier.held:
        exchange = exchange_of(house[sender], frame)
        plain = opened(exchange, frame)
        assert plain[128:160] == exchange.statement[1]
        digest = H(b"share", exchange.sid, frame[5:6], plain[:32], plain[32:64])
        verify(plain[64:128], exchange.keys.t, digest)  # neither s nor auth is in it
    late = Late(house, kinds=(wire.CONFIRM,))
    for sender, frame in carrier.held:
        late.bring(sender, frame)
    house.settle()
    for sender, frame in late.held:
        exchange = exchange_of(house[sender], frame)
        plain = opened(exchange, frame)
        digest = H(b"confirm", exchange.sid, frame[5:6], plain[:32], plain[32:64])
        verify(plain[64:128], exchange.keys.t, digest)  # neither S nor a SHARE is in it
    late.stop()
    # REVEAL, whose signature covers hashes of SHAREs, comes of a sid whose s is wiped by then.
    house = room("ana", "ben", "eva")
    house.hook = Cheat(house).spoil("eva", wire.SHARE, wrong_z)
    statements = []
    real = Exchange.reveal

    def reveal(self):
        statements.append(bytes(self.statement[0]))
        return real(self)

    Exchange.reveal = reveal
    try:
        house["ana"].rekey(house.now)
        house.settle()
    finally:
        Exchange.reveal = real
    assert statements == [bytes(64)] * 3


def test_second_joiners_and_members_who_see_the_switch_at_different_frames():
    """ben's LEAVE crosses the exchange and comes between two CONFIRMs: one switch for all."""
    house = room("ana", "ben")
    house.add("zoe")
    late = Late(house, kinds=(wire.CONFIRM,))
    house.bring("ana", "zoe")
    held = late.held
    assert len(held) == 3
    house.hook = None
    switched = {}

    def deliver(sender, frame):
        house.deliver(sender, frame)
        for nick in ("ana", "zoe"):
            if nick not in switched and "zoe" in house.here(nick):
                switched[nick] = len(house.frames)

    deliver(*held[0])
    deliver("ben", house["ben"].session.seal(wire.LEAVE, b""))
    for sender, frame in held[1:]:
        deliver(sender, frame)
    assert sorted(switched) == ["ana", "zoe"] and switched["ana"] == switched["zoe"]
    assert house["ana"].session.sid == house["zoe"].session.sid == house["ben"].session.sid
    house["ben"].leave(house.now)
    house.wait(MINUTE)
    in_full(house, "ana", "zoe")


def test_second_replacement_as_eviction():
    """Whoever has ben's key announced anew cannot push his device out by that alone."""
    house = room("ana", "ben", "eva")
    again = House("ben", seed="house")  # ben's key on another device, which keeps silent
    assert again.key("ben") == house.key("ben")
    house["eva"].invite([("ben", house.key("ben"))], house.now, replace=True)
    house.settle()
    invitation = [frame for frame in house.frames if frame[0] & 15 == wire.INVITATION][-1]
    again["ben"].receive("x", invitation, again.now)
    again.drain()
    (join,) = again["ben"].take_frames()
    house.deliver("x", join)
    house.settle()
    assert house["ana"].exchange_running
    assert house.here("ben") == ["ana", "ben", "eva"]  # and stays a full participant until then
    house.say("ben", "still me")
    house.wait(3 * MINUTE)
    house.assert_one_session("ana", "ben", "eva")
    assert house.texts("ana") == [("ben", "still me")]
    assert [one.key for one in house.of("ana", events.GuestDropped)] == [house.key("ben")]
    # ben may refuse it, too
    house["eva"].invite([("ben", house.key("ben"))], house.now, replace=True)
    house.settle()
    house["ben"].cancel(house.key("ben"), house.now)
    house.settle()
    assert house.of("eva", events.NotInvited)
    in_full(house, "ana", "ben", "eva")


def test_second_keys_that_nobody_owes():
    house = room("ana", "ben", "eva")
    before = [house["ana"]._membership._next_keys[index] for index in range(3)]
    keys = KeyPairs(Seeded("keys"))
    house.deliver("eva", house["eva"].session.seal(wire.KEYS, bytes(keys.y) + bytes(keys.t)))
    for nick in ("ana", "ben"):
        assert house.refusals(nick) == [errors.OutOfPlace.name]
        membership = house[nick]._membership
        assert [membership._next_keys[index] for index in range(3)] == before
    house["ana"].rekey(house.now)
    house.settle()
    in_full(house, "ana", "ben", "eva")


def test_second_idle_group_that_suspects_itself():
    house = room("ana", "ben", "eva")
    house.wait(100 * MINUTE)
    house.say("ana", "good morning")
    house.wait(100 * MINUTE)
    for nick in house.order:
        assert house.of(nick, events.Suspected) == [], nick
    in_full(house, "ana", "ben", "eva")


def test_second_carrier_outage_of_20_minutes_that_makes_everyone_leave():
    for keeps in (False, True):
        house = room("ana", "ben", "eva")
        house["ana"].send("into the void", house.now)
        outage = Outage(house, keeps)
        house.wait(20 * MINUTE)
        outage.stop()
        house.wait(3 * MINUTE)
        assert ("ana", "into the void") in house.texts("ben")
        in_full(house, "ana", "ben", "eva")
        for nick in house.order:
            assert house.of(nick, events.Left) == []


def test_second_admission_known_to_old_members_only():
    """kim's ADMIT of zoe comes while an exchange brings eva in: it ends at the switch, and is made
    again where eva hears it."""
    house = House("ana", "kim", "eva", "zoe").together("ana", "kim")
    late = Late(house, kinds=(wire.CONFIRM,))
    house.bring("ana", "eva")
    house.invite("kim", "zoe")
    house.settle()
    zoe = house["kim"]._invites[0].guest
    assert zoe
    house.deliver("kim", house["kim"].session.seal(wire.ADMIT, encode_admit([zoe])))
    assert house["ana"]._membership.is_guest(house.key("zoe"))
    held = late.held
    late.held = []
    house.hook = None
    for sender, frame in held:
        house.deliver(sender, frame)
    for nick in ("ana", "kim", "eva"):
        assert house.here(nick) == ["ana", "eva", "kim"]
        assert not house[nick]._membership.is_guest(house.key("zoe")), nick
    house.wait(MINUTE)
    in_full(house, "ana", "kim", "eva", "zoe")


def test_second_roster_made_by_a_stranger_from_a_y_in_clear():
    """The stranger saw the JOIN, and so y; even with a MAC that fits, it lacks the ticket."""
    house = House("ana", "ben", "zoe").together("ana", "ben")
    late = Late(house, kinds=(wire.ROSTER,))
    house.bring("ana", "zoe")
    (join,) = [frame for frame in house.frames if frame[0] & 15 == wire.JOIN][-1:]
    y = join[33:65]
    zoe = house["zoe"]
    assert y == zoe._joining.keys.y
    _, ticket = zoe._joining.asked[0]
    random = Seeded("stranger")
    people = house["ana"]._attempt.exchange.people
    one = people[find(people, house.key("zoe"))]
    victim = Victim(house, "zoe")
    room = house["ana"].room
    for _ in range(8):
        secret = random(32)
        guest = Guest(one.nick, one.key, y, one.t, random(16))
        frame = roster_frame(room, secret, random(16), people, [guest], 0)
        assert victim.offer(frame) is None  # for somebody else
        fits = frame[:34] + mac(4, ticket, frame[1:33]) + frame[38:]
        assert victim.offer(fits) == errors.BadSeal.name
    late.stop()
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "zoe")


def test_second_proposer_silent_before_roster():
    house = House("ana", "ben", "eva").together("ana", "ben")
    house.hook = lambda sender, frame: () if sender == "ana" and (
        frame[0] & 15 == wire.ROSTER) else (frame,)
    house.bring("ana", "eva")
    assert house["ben"].exchange_running and not house["ben"]._attempt.started
    house.wait(15000)
    in_full(house, "ana", "ben", "eva")


def test_second_re_keys_that_starve_joins():
    """Two in league re-key again and again; a guest is admitted all the same."""
    house = House("ana", "kim", "lea", "zoe").together("ana", "kim", "lea")
    house.accepting = False
    house.bring("ana", "zoe")
    for at in range(6):
        house[("kim", "lea")[at % 2]].rekey(house.now)
        house.settle()
    assert raises_local(house["lea"].rekey, house.now)
    house["zoe"].accept(house.of("zoe", events.Invited)[0].invitation, house.now)
    house.settle()
    for at in range(6):
        if house.here("zoe"):
            break
        # what a cheat would post, whatever its own core thinks of it
        kim = house[("kim", "lea")[at % 2]]
        nonce = Seeded("nonce %d" % at)(16)
        body = nonce + bytes(32) + kim.room.psk_check(nonce) + b"\2"
        house.deliver("kim", kim.session.seal(wire.PROPOSE, body))
        house.settle()
        house.wait(5000)
    in_full(house, "ana", "kim", "lea", "zoe")
    # and once guests wait, a re-key is not right at all
    house.add("uma")
    late = Late(house, "ana", (wire.MESSAGE,))
    house["kim"].invite([("nobody", Identity.generate(Seeded("nobody")).public)], house.now)
    house.settle()
    late.stop()
    house["kim"]._membership.guests = [Guest("uma", house.key("uma"), b"", b"", bytearray(16))]
    nonce = bytes(16)
    rekey = Proposal(nonce, bytes(32), house["kim"].room.psk_check(nonce), 2)
    try:
        house["kim"]._membership.plan(0, rekey, None)
    except errors.OutOfPlace:
        house["kim"]._membership.guests = []
        return
    raise AssertionError("a re-key while guests wait")


def raises_local(function, *arguments):
    try:
        function(*arguments)
    except errors.LocalError:
        return True
    return False


class FalseGuest:
    """kim admits zoe with exchange keys that kim made itself, and takes zoe's seat with them."""

    def __init__(self, house):
        self.house = house
        self.keys = KeyPairs(Seeded("false keys"))
        self.frames = []

    def admit(self, invitation_id=b"12345678"):
        house = self.house
        kim = house["kim"]
        guest = Guest("zoe", house.key("zoe"), bytes(self.keys.y), bytes(self.keys.t), bytes(16))
        body = encode_invite(invitation_id, [("zoe", house.key("zoe"))])
        house.deliver("kim", kim.session.seal(wire.INVITE, body))
        nonce = Seeded("nonce")(16)
        secret = Seeded("secret")(32)
        proposal = Proposal(
            nonce, secret, kim.room.psk_check(nonce), ADMIT, (), [guest]
        )
        house.deliver("kim", kim.session.seal(wire.PROPOSE, bytes(proposal.encode())))
        exchange = kim._attempt.exchange
        people = exchange.people
        self.exchange = Exchange(
            kim.room, bytearray(secret), nonce, people, find(people, house.key("zoe")),
            self.keys, Identity(Seeded("not zoe")(32)),
        )
        share = self.exchange.share(Seeded("share"))
        return share


def test_second_guest_blamed_for_its_inviters_false_admission():
    house = House("ana", "ben", "kim", "zoe").together("ana", "ben", "kim")
    false = FalseGuest(house)
    held = []
    house.hook = lambda sender, frame: held.append((sender, frame)) or () if (
        frame[0] & 15 == wire.ROSTER) else (frame,)
    share = false.admit()
    house.settle()
    house.hook = None
    for sender, frame in held:
        house.deliver(sender, frame)
    house.deliver("kim", share)
    house.settle()
    reveal_as(house, false)
    house.wait(3 * MINUTE)
    house.assert_one_session("ana", "ben", "kim")
    nobody_is_blamed(house, "ana", "ben")
    for nick in ("ana", "ben"):
        dropped = [one.nick for one in house.of(nick, events.GuestDropped)]
        assert "zoe" in dropped, nick
    house.bring("ana", "zoe")  # dropped, never barred
    house.wait(MINUTE)
    in_full(house, "ana", "ben", "kim", "zoe")


def reveal_as(house, false):
    """What the false guest can say for itself: its x, and that all is its own."""
    if not false.exchange.dead:
        for frame in house.frames:
            if frame[0] & 15 == wire.SHARE and frame[1:5] == false.exchange.tag:
                try:
                    false.exchange.receive_share(frame)
                except errors.FrameError:
                    pass
        false.exchange._die()
    if [one for one in house["ana"]._trial.missing()] if house["ana"]._trial else ():
        house.deliver("kim", false.exchange.reveal())
        house.settle()


def test_second_an_inviter_whose_guests_fail_may_admit_no_more():
    house = House("ana", "ben", "kim", "zoe").together("ana", "ben", "kim")
    membership = house["ana"]._membership
    kim = house["kim"].session.me
    guest = Guest("zoe", house.key("zoe"), b"", b"", bytearray(16), house.key("kim"))
    for _ in range(3):
        assert membership.may_invite(kim)
        membership.start_log(0)  # each in an exchange of its own
        membership.guest_failed(guest)
    assert not membership.may_invite(kim)


def test_second_reveal_without_the_hashes_its_author_saw():
    house = room("ana", "ben", "eva", "dan")
    cheat = Cheat(house).spoil("eva", wire.SHARE, wrong_z)
    reveals = []
    secrets = {}

    def hook(sender, frame):
        if frame[0] & 15 == wire.SHARE:
            secrets[sender] = bytes(house[sender]._attempt.exchange.keys.t_secret)
        if frame[0] & 15 == wire.REVEAL:
            reveals.append((sender, frame))
            return ()
        return cheat(sender, frame)

    house.hook = hook
    house["ana"].rekey(house.now)
    house.settle()
    house.hook = None
    assert len(reveals) == 4
    for sender, frame in reveals:
        exchange = exchange_of(house[sender], frame)
        plain = opened(exchange, frame)
        body = plain[64:]
        assert len(body) == 32 + 32 + 1 and body[32:64] == exchange.digest
        # without them, and signed so
        short = bytes(body[:32]) + bytes(body[64:])
        digest = H(b"reveal", exchange.sid, frame[5:6], short)
        bad = sealed(exchange, wire.REVEAL, frame[5], sign(secrets[sender], digest) + short)
        if sender != "ana":
            assert Victim(house, "ana").offer(bad) == errors.Truncated.name
    # eva says that she saw other things: nobody is convicted by what she reveals
    for sender, frame in reveals:
        if sender == "eva":
            exchange = exchange_of(house["eva"], frame)
            body = bytearray(opened(exchange, frame)[64:])
            body[32] ^= 1
            digest = H(b"reveal", exchange.sid, frame[5:6], bytes(body))
            frame = sealed(exchange, wire.REVEAL, frame[5],
                           sign(secrets[sender], digest) + bytes(body))
        house.deliver(sender, frame)
    house.settle()
    for nick in ("ana", "ben", "dan"):
        assert house.of(nick, events.CarrierInconsistent), nick
    nobody_is_blamed(house)


