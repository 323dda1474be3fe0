"""SHAREs and CONFIRMs whose seal holds and whose content is wrong, as a member could make them
(PROTOCOL.md 5.4, 5.5): refused under their own name, and nothing moves. What convicts its author
stands in test_cheaters."""

from house import House, Seeded
from test_bad_frames import Victim
from test_keys import SMALL_U, SMALL_Y, raw

from mpseq import errors, events, wire
from mpseq.primitives import H, KeyPairs, mac, seal_once, sign, unseal_once


def running(kind, *nicks):
    """A room whose re-key stands just before its first SHARE or CONFIRM: (house, held frames)."""
    house = House(*nicks).together(*nicks)
    held = []
    house.hook = lambda sender, frame: (
        held.append((sender, frame)) or () if frame[0] & 15 == kind else (frame,)
    )
    house["ana"].rekey(house.now)
    house.settle()
    house.hook = None
    assert len(held) == len(nicks)
    return house, held


def goes_on(house, held, *nicks):
    """The true frames come, and all is well."""
    for sender, frame in held:
        house.deliver(sender, frame)
    house.settle()
    house.assert_one_session(*nicks)


def exchange_of(house, nick):
    return house[nick]._attempt.exchange


def sealed(exchange, kind, index, plain, tag):
    """A SHARE or CONFIRM of anyone who knows E."""
    head = bytes((wire.head(kind),)) + exchange.tag + bytes((index,))
    return head + bytes(seal_once(1, exchange.secret, tag, (exchange.sid, head[5:]), head, plain))


def share(exchange, index, z=None, commit=None, t_secret=None, s=None, more=b""):
    z = z or bytes(32)
    commit = commit or bytes(32)
    signature = bytes(64)
    if t_secret:
        signature = sign(t_secret, H(b"share", exchange.sid, bytes((index,)), z, commit))
    auths = bytes(8 * (len(exchange.people) - 1))
    plain = z + commit + signature + (s or bytes(32)) + auths + more
    return sealed(exchange, wire.SHARE, index, plain, b"share")


def confirm(exchange, index, keys, t_secret, check=bytes(16), closing=b"\0"):
    signature = sign(
        t_secret, H(b"confirm", exchange.sid, bytes((index,)), keys.y, keys.t)
    )
    plain = keys.y + keys.t + signature + check + closing
    return sealed(exchange, wire.CONFIRM, index, plain, b"confirm")


def test_shares_that_only_look_right():
    house, held = running(wire.SHARE, "ana", "ben", "eva")
    eva = exchange_of(house, "eva")
    ana = Victim(house, "ana")
    mine = eva.keys.t_secret
    me = eva.me
    for plain, reason in (
        (b"", errors.Truncated),
        (bytes(176), errors.BadSignature),
        (bytes(175), errors.Truncated),
        (bytes(177), errors.TrailingBytes),
    ):
        assert ana.offer(sealed(eva, wire.SHARE, me, plain, b"share")) == reason.name
    other = exchange_of(house, "ben").me
    assert ana.offer(share(eva, other, t_secret=mine)) == errors.BadSignature.name
    assert ana.offer(share(eva, 3, t_secret=mine)) == errors.BadIndex.name
    assert ana.offer(share(eva, 255, t_secret=mine)) == errors.BadIndex.name
    own = share(eva, ana.person._attempt.exchange.me)
    assert ana.offer(own) == errors.BadSignature.name
    for y in SMALL_Y:
        bad = share(eva, me, t_secret=mine, s=raw(y))
        assert ana.offer(bad) == errors.BadPublicKey.name
    # a SHARE under the key of a CONFIRM, and the other way round
    plain = bytes(176)
    assert ana.offer(sealed(eva, wire.SHARE, me, plain, b"confirm")) == errors.BadSeal.name
    assert ana.offer(sealed(eva, wire.CONFIRM, me, plain, b"share")) == errors.BadSeal.name
    goes_on(house, held, "ana", "ben", "eva")


def test_a_share_signed_for_another_sid_or_place():
    house, held = running(wire.SHARE, "ana", "ben", "eva")
    eva = exchange_of(house, "eva")
    ana = Victim(house, "ana")
    z, commit = bytes(32), bytes(32)
    for sid, index, tag in (
        (bytes(32), eva.me, b"share"),
        (eva.sid, (eva.me + 1) % 3, b"share"),
        (eva.sid, eva.me, b"confirm"),
    ):
        signature = sign(eva.keys.t_secret, H(tag, sid, bytes((index,)), z, commit))
        plain = z + commit + signature + bytes(32) + bytes(16)
        bad = sealed(eva, wire.SHARE, eva.me, plain, b"share")
        assert ana.offer(bad) == errors.BadSignature.name
    goes_on(house, held, "ana", "ben", "eva")


def test_confirms_that_only_look_right():
    house, held = running(wire.CONFIRM, "ana", "ben", "eva")
    eva = exchange_of(house, "eva")
    ana = Victim(house, "ana")
    mine = eva.keys.t_secret
    keys = eva.next_keys
    me = eva.me
    right = mac(16, eva._confirm_key, bytes((me,)))
    other = KeyPairs(Seeded("other"))
    me_ana = ana.person._attempt.exchange.me
    ben = exchange_of(house, "ben").me
    for bad, reason in (
        (confirm(eva, me, keys, other.t_secret, right), errors.BadSignature),
        (confirm(eva, ben, keys, mine, right), errors.BadSignature),
        (confirm(eva, 3, keys, mine), errors.BadIndex),
        (confirm(eva, me, keys, mine, right, b""), errors.Truncated),
        (confirm(eva, me, keys, mine, right, b"\0\0"), errors.TrailingBytes),
        (confirm(eva, me, keys, mine, right, b"\x80\0"), errors.BadVarint),
        (confirm(eva, me, keys, mine, right, b"\x05abcd"), errors.Truncated),
        (sealed(eva, wire.CONFIRM, me, bytes(100), b"confirm"), errors.Truncated),
        (sealed(eva, wire.CONFIRM, me_ana, bytes(145), b"confirm"), errors.BadSignature),
    ):
        assert ana.offer(bad) == reason.name, reason
    goes_on(house, held, "ana", "ben", "eva")


def test_an_opening_of_a_small_order_key():
    """Committed to, opened, signed: and still no key."""
    for name, value in [("y", u) for u in SMALL_U] + [("t", y) for y in SMALL_Y]:
        house = House("ana", "ben").together("ana", "ben")

        def hook(sender, frame, house=house, name=name, value=value):
            if sender == "ben" and frame[0] & 15 == wire.SHARE:
                exchange = exchange_of(house, "ben")
                setattr(exchange.next_keys, name, raw(value))
                keys = exchange.next_keys
                commit = H(b"next", exchange.sid, bytes((exchange.me,)), keys.y, keys.t)
                plain = house_plain(exchange, frame)
                z, s, auths = plain[:32], plain[128:160], plain[160:]
                who = bytes((exchange.me,))
                signature = sign(
                    exchange.keys.t_secret, H(b"share", exchange.sid, who, z, commit)
                )
                frame = sealed(
                    exchange, wire.SHARE, exchange.me, z + commit + signature + s + auths, b"share"
                )
                exchange.my_share = frame
            return (frame,)

        house.hook = hook
        house["ana"].rekey(house.now)
        house.settle()
        assert house.refusals("ana") == [errors.BadCommitment.name], name
        assert [one.nick for one in house.of("ana", events.Convicted)] == ["ben"]


def house_plain(exchange, frame):
    return bytes(
        unseal_once(
            1, exchange.secret, b"share", (exchange.sid, frame[5:6]), frame[:6], frame[6:]
        )
    )


def test_shares_before_the_roster_do_not_count():
    """Section 9, third: SHAREs before ROSTER."""
    house = House("ana", "ben", "eva").together("ana", "ben")
    held = []
    house.hook = lambda sender, frame: (
        held.append((sender, frame)) or () if frame[0] & 15 == wire.ROSTER else (frame,)
    )
    house.bring("ana", "eva")
    ben = exchange_of(house, "ben")
    early = ben.share(Seeded("early"))
    assert Victim(house, "ana").offer(early) == errors.OutOfPlace.name
    assert Victim(house, "ana").offer(early[:1] + bytes(4) + early[5:]) == errors.Stranger.name


def test_a_confirm_before_the_last_share_does_not_count():
    house, held = running(wire.SHARE, "ana", "ben", "eva")
    for sender, frame in held[:2]:
        house.deliver(sender, frame)
    eva = exchange_of(house, "eva")
    bad = confirm(eva, eva.me, eva.next_keys, eva.keys.t_secret)
    assert Victim(house, "ana").offer(bad) == errors.OutOfPlace.name
    goes_on(house, held[2:], "ana", "ben", "eva")
