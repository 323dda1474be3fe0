"""Frames of every type sealed with real keys around contents that a fuzzer chose: what somebody
who is in, or was invited, can make. Each maker takes a Scene's house and the fuzzer's bytes and
gives a frame, or None where that person has no such frame to make.
"""

from mpseq import wire
from mpseq.primitives import (
    H,
    KeyPairs,
    kdf,
    mac,
    mc,
    seal,
    seal_once,
    seal_random,
    sign,
    tdh,
)

CHEAT = "eva"  # the insider among ana, ben, eva


def exchange_of(person):
    """The exchange this person is in, or that failed for it last; None outside."""
    if person.session:
        attempt = person._attempt or person._dead
        return attempt.exchange if attempt else None
    return person._candidates[0].exchange if person._candidates else None


def message_frame(session, rest, skip=0):
    """A MESSAGE of this session's owner around `rest`, everything after the signature."""
    me = session.me
    who = bytes((me,))
    where = wire.varint(session._counters[me] + skip)
    chain = bytearray(session._chain(me))
    for _ in range(skip):
        kdf(chain, chain, b"chain")
    first = bytes((wire.head(wire.MESSAGE),))
    signature = sign(session._statement, H(b"message", session.sid, who, where, rest))
    sealed = seal(1, kdf(32, chain, b"message"), first + who + where, signature + rest)
    frame = who + where + bytes(sealed)
    return first + mac(4, session._header_key, first, frame) + frame


def rest_of(session, kind, body, ack_n=None, ack_h=None):
    """Everything after the signature of a MESSAGE whose form is right."""
    padding = bytes(wire.padded_length(len(body)) - len(body))
    return b"".join((
        bytes((kind,)), wire.varint(session.count if ack_n is None else ack_n),
        session.h[:16] if ack_h is None else ack_h, wire.varint(len(body)), body, padding,
    ))


def message(house, data):
    """First byte even: the rest is everything behind the signature. Odd: a kind and a body in a
    message whose form is right; bits 1-3 skip counters or falsify the acknowledgement."""
    session = house[CHEAT].session
    if session is None or len(data) < 2:
        return None
    how, rest = data[0], data[1:]
    skip = (0, 0, 0, 1, 63, 64, 65, 999)[how >> 4 & 7]
    if not how & 1:
        return message_frame(session, rest, skip)
    if len(rest) > 15000:
        return None
    ack_n = (None, None, None, 0, session.count + 1, 2**35 - 1, 1, None)[how >> 1 & 7]
    ack_h = bytes(16) if how >> 1 & 7 == 7 else None
    return message_frame(session, rest_of(session, rest[0], rest[1:], ack_n, ack_h), skip)


def _exchange_frame(exchange, kind, tag, plain):
    head = exchange._head(kind, exchange.me)
    who = bytes((exchange.me,))
    return head + bytes(seal_once(1, exchange.secret, tag, (exchange.sid, who), head, plain))


def _plain_of(exchange, frame, tag):
    return bytes(exchange._open(frame, tag)[1])


def changed(genuine, data):
    """`genuine` with pieces replaced: data is a list of (place u16, length, bytes)."""
    out = bytearray(genuine)
    at = 0
    while at + 3 <= len(data):
        place = (data[at] << 8 | data[at + 1]) % (len(out) + 1)
        piece = data[at + 3 : at + 3 + data[at + 2]]
        out[place : place + len(piece)] = piece
        at += 3 + data[at + 2]
    return bytes(out)


def share(house, data):
    """SHARE: first byte 0: the rest is the plaintext; 1: z, commit, s and auths changed and signed
    again; 2: a cut or longer one."""
    exchange = exchange_of(house[CHEAT])
    if exchange is None or exchange.my_share is None or not data:
        return None
    plain = _plain_of(exchange, exchange.my_share, b"share")
    if data[0] % 3 == 0:
        plain = data[1:]
    elif data[0] % 3 == 1:
        plain = changed(plain, data[1:])
        z, commit, rest = plain[:32], plain[32:64], plain[128:]
        who = bytes((exchange.me,))
        digest = H(b"share", exchange.sid, who, z, commit)
        plain = z + commit + sign(exchange.keys.t_secret, digest) + rest
    else:
        plain = (plain + data[2:])[: (data[1] << 1) + len(data[2:])] if len(data) > 1 else plain
    return _exchange_frame(exchange, wire.SHARE, b"share", plain)


def confirm(house, data):
    """CONFIRM: first byte 0: the plaintext; 1: changed and signed again, and its commitment made
    to fit, as if the SHARE had been for it; 2: a closing message around a fuzzed plaintext; 3: a
    closing of plain bytes."""
    person = house[CHEAT]
    exchange = exchange_of(person)
    if exchange is None or exchange.my_confirm is None or not data:
        return None
    plain = _plain_of(exchange, exchange.my_confirm, b"confirm")
    how, rest = data[0] % 4, data[1:]
    if how == 0:
        plain = rest
    elif how == 1:
        plain = changed(plain, rest)
        y, t = plain[:32], plain[32:64]
        who = bytes((exchange.me,))
        digest = H(b"confirm", exchange.sid, who, y, t)
        plain = y + t + sign(exchange.keys.t_secret, digest) + plain[128:]
        commit = exchange._commitment(exchange.me, y, t)
        for nick in house.order:
            other = exchange_of(house[nick])
            if nick != CHEAT and other:
                other._slot(other._commits, exchange.me)[:] = commit
    elif how == 2 and person.session:
        plain = plain[:144] + wire.sized(message_frame(person.session, rest))
    else:
        plain = plain[:144] + wire.sized(rest)
    return _exchange_frame(exchange, wire.CONFIRM, b"confirm", plain)


def _keys(house, exchange):
    """(x, secret of t) of the cheat in this exchange: it keeps them where others wipe theirs."""
    return house.cheats_keys.get(exchange.sid) or (exchange.keys.x, exchange.keys.t_secret)


def _signed(house, kind, tag, body):
    exchange = exchange_of(house[CHEAT])
    if exchange is None:
        return None
    who = bytes((exchange.me,))
    plain = sign(_keys(house, exchange)[1], H(tag, exchange.sid, who, body)) + body
    return _exchange_frame(exchange, kind, tag, plain)


def abort(house, data):
    """ABORT around a fuzzed body: reason, target, k."""
    return _signed(house, wire.ABORT, b"abort", bytes(data))


def reveal(house, data):
    """REVEAL: first byte 0: x, digest and slots are fuzzed; 1: its true x and the true digest,
    changed; 2: the same, and what follows."""
    exchange = exchange_of(house[CHEAT])
    if exchange is None or not exchange.dead or not data:
        return None
    body = data[1:]
    if data[0] % 3:
        true = bytes(_keys(house, exchange)[0]) + exchange.digest + b"\3"
        body = changed(true, data[1:]) if data[0] % 3 == 1 else true + data[1:]
    return _signed(house, wire.REVEAL, b"reveal", bytes(body))


def witness(house, data):
    """WITNESS: first byte 0: digest and slots are fuzzed; 1: the true ones, changed; 2: the same,
    and what follows."""
    exchange = exchange_of(house[CHEAT])
    if exchange is None or not exchange.dead or not data:
        return None
    body = data[1:]
    if data[0] % 3:
        true = exchange.digest + b"\3"
        body = changed(true, data[1:]) if data[0] % 3 == 1 else true + data[1:]
    return _signed(house, wire.WITNESS, b"witness", bytes(body))


def roster(house, data):
    """ROSTER by somebody who knows E and the ticket: the people in it are the fuzzer's."""
    joiner = house.people.get("zoe")
    if joiner is None or joiner._joining is None or not joiner._joining.asked or not data:
        return None
    inviting, ticket = joiner._joining.asked[0]
    secret = H(b"fuzz", data)
    wrap = kdf(bytearray(32), secret, b"wrap")
    public = bytes(mc.x25519_public_key(wrap))
    shared = mc.x25519(wrap, joiner._joining.keys.y)
    slot = mac(4, ticket, public) + bytes(
        seal_once(1, shared, b"wrap", (bytes(ticket),), public, secret)
    )
    opening = bytes((wire.head(wire.ROSTER),)) + public + b"\1" + slot
    plain = data[1:]
    if data[0] & 1:  # what must be right to be looked at further
        room = inviting.room
        plain = bytes(16) + room.creator + room.psk_check(bytes(16)) + plain
    return opening + bytes(seal_once(1, secret, b"roster", (), opening, plain))


def join(house, data):
    """JOIN by the invitee, around a fuzzed plaintext."""
    joiner = house.people.get("zoe")
    if joiner is None or joiner._joining is None or len(data) < 2:
        return None
    inviting = joiner._joining.asked[0][0]
    keys = KeyPairs(lambda size: H(b"fuzz", data[:1])[:size])
    key = bytearray(32)
    tdh(key, joiner.identity, keys, inviting.inviter, inviting._e, False)
    kdf(key, key, b"join", inviting.id)
    first = bytes((wire.head(wire.JOIN),))
    nonce = bytes(24)
    sealed = seal_random(key, nonce, first + nonce + keys.y, data[1:])
    rest = b"".join((nonce, keys.y, bytes(sealed)))
    return first + mac(8, inviting._k, b"join", rest) + rest


def invitation_frame(house, data):
    """INVITATION to zoe by ana, around fuzzed contents; odd first byte: A_inviter is fuzzed."""
    if "zoe" not in house.people or len(data) < 33:
        return None
    ana = house["ana"].identity
    key = house.key("zoe")
    inviter = bytes(data[1:33]) if data[0] & 1 else ana.public
    e = bytearray(H(b"fuzz", data[:1]))
    e_public = bytes(mc.x25519_public_key(e))
    nonce = bytes(24)
    head = bytes((wire.head(wire.INVITATION),)) + nonce + e_public + b"\1"
    outer = kdf(bytearray(32), mc.x25519(e, key), b"invitation", e_public, key)
    ends = (outer, e_public, inviter, key)
    inner = kdf(bytearray(32), mc.x25519(ana.secret, key), b"invitation", *ends)
    contents = data[33:] if data[0] & 1 else data[1:]
    return b"".join((
        head, bytes(seal_random(outer, nonce, head, inviter)),
        bytes(seal_random(inner, nonce, head, contents)),
    ))


MAKERS = {
    "message": message,
    "share": share,
    "confirm": confirm,
    "abort": abort,
    "reveal": reveal,
    "witness": witness,
    "roster": roster,
    "join": join,
    "invitation": invitation_frame,
}
