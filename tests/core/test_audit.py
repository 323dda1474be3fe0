"""What the audit of (n+1)sec found, and what its design gave away: a test each (PROTOCOL.md,
section 8 of the design)."""

from carriers import Late
from cheats import Cheat, exchange_of, wrong_check
from freezing import freeze
from house import House, Seeded
from outcomes import MINUTE, in_full, nobody_is_blamed

from mpseq import Identity, errors, events, primitives, session, wire
from mpseq.primitives import KeyPairs


def room(*nicks):
    return House(*nicks).together(*nicks)


# 001: statements could be proved to later joiners and earlier leavers


def test_audit_001_a_statement_key_lives_for_one_session_and_nothing_signs_it():
    """ana holds all that makes ben's word for his statement key: she can give it for any key, so
    nobody who was not there learns from her who said what."""
    house = room("ana", "ben", "eva")
    late = Late(house, kinds=(wire.SHARE,))
    first = [bytes(house[nick].session._statements) for nick in house.order]
    assert first[0] == first[1] == first[2]
    house["ana"].rekey(house.now)
    house.settle()
    frame = [frame for sender, frame in late.held if sender == "ben"][0]
    ana = exchange_of(house["ana"], frame)
    ben = frame[5]
    forged = primitives.signing_key(Seeded("ana says this is ben's"))[1]
    key = ana._slot(ana._pair, ben)
    auths = bytearray(8 * 2)
    at = 8 * (ana.me if ana.me < ben else ana.me - 1)
    auths[at : at + 8] = ana._auth(key, ben, ana.me, forged)
    assert ana._doubt_share(ben, forged, bytes(auths)) is None  # to her it is as good as his
    late.stop()
    second = bytes(house["ana"].session._statements)
    for index in range(3):
        assert second[32 * index : 32 * index + 32] not in first[0]


def test_audit_001_who_came_later_knows_no_statement_key_of_before():
    house = room("ana", "ben")
    house.add("zoe")
    house.say("ben", "before")
    before = bytes(house["ana"].session._statements)
    house.bring("ana", "zoe")
    for path, value in freeze(house["zoe"]):
        if isinstance(value, bytes):
            for index in range(2):
                assert before[32 * index : 32 * index + 32] not in value, path


# 002: a weaker generator for short-lived keys


def test_audit_002_all_keys_come_from_the_one_source_that_the_application_gave():
    """Two rooms with one source live byte for byte the same life, and with another source nothing
    is the same: there is no second generator."""

    def life(seed):
        house = House("ana", "ben", seed=seed)
        house.together("ana", "ben")
        house.say("ana", "hello")
        house["ben"].rekey(house.now)
        house.settle()
        return house.frames

    first = life("one")
    assert first == life("one")
    for one in life("two"):
        for other in first:
            assert one != other
            if one[0] & 15 in (wire.SHARE, wire.CONFIRM):
                assert one[1:5] != other[1:5]


def test_audit_002_every_secret_is_drawn_at_full_size():
    drawn = []

    class Watched(Seeded):
        def __call__(self, size):
            drawn.append(size)
            return super().__call__(size)

    KeyPairs(Watched("keys"))
    Identity.generate(Watched("identity"))
    primitives.signing_key(Watched("signing"))
    assert drawn == [32, 32, 32, 32]


# 003: room keys answer strangers


def test_audit_003_no_answer_to_strangers():
    """Whatever somebody unknown posts, neither members nor others post anything because of it."""
    house = room("ana", "ben")
    house.add("zoe")
    house.accepting = False
    stranger = House("mallory", seed="stranger").together("mallory")
    stranger["mallory"].invite(
        [(nick, house.key(nick)) for nick in house.order], stranger.now
    )
    posted = stranger["mallory"].take_frames()
    die = Seeded("stranger")
    for kind in range(1, 10):
        posted.append(bytes((wire.head(kind),)) + die(170))
    for true in list(house.frames):
        posted.append(true)
        posted.append(true[:40] + die(len(true) - 40))
    for frame in posted:
        for nick in house.order:
            house[nick].receive("mallory", frame, house.now)
            assert house[nick].take_frames() == [], (nick, frame[0] & 15)
    house.drain()
    (one,) = house.of("zoe", events.Invited)  # it is for zoe to answer, or not
    house["zoe"].decline(one.invitation)
    assert house["zoe"].take_frames() == []
    house.assert_one_session("ana", "ben")


# Key life-times fail closed


def test_audit_key_life_times_fail_closed():
    """A re-key that never comes about: past twice the life of the keys no text goes out; control
    does, and the texts follow once there are new keys."""
    house = room("ana", "ben")
    late = Late(house, kinds=(wire.SHARE, wire.CONFIRM))
    settings = house["ana"].settings
    settings.suspect_after = house["ben"].settings.suspect_after = 1 << 40
    house.wait(19 * MINUTE)
    house.say("ana", "in time")
    assert ("ana", "in time") in house.texts("ben")
    house.wait(2 * MINUTE)
    before = len(house.frames)
    house["ana"].send("too late", house.now)
    house["ben"].send_data("text/plain", b"too late", house.now)
    house.settle()
    house.wait(5 * MINUTE)
    assert len(house.texts("ben")) == 1 and not house.of("ana", events.Data)
    assert set(house.kinds(before)) <= {wire.MESSAGE}
    late.stop()
    house.wait(MINUTE)
    assert house.texts("ben") == [("ana", "in time"), ("ana", "too late")]
    assert [one.data for one in house.of("ana", events.Data)] == [b"too late"]
    in_full(house, "ana", "ben")


def test_audit_the_number_of_frames_fails_closed_too():
    house = House("ana", "ben", rekey_frames=20).together("ana", "ben")
    late = Late(house, kinds=(wire.SHARE,))
    for at in range(60):
        try:
            house["ana"].send("t%d" % at, house.now)
        except errors.LocalError:
            break  # the queue is full
        house.settle()
    assert house["ana"].session.count == 2 * 20
    late.stop()
    house.wait(MINUTE)
    shown = [text for _, text in house.texts("ben")]
    assert shown == ["t%d" % at for at in range(len(shown))] and len(shown) > 40


def test_audit_one_message_one_key():
    house = room("ana", "ben")
    keys = []
    real = primitives.seal

    def seal(suite, key, ad, plain):
        keys.append(bytes(key))
        return real(suite, key, ad, plain)

    session.seal = seal
    try:
        for _ in range(10):
            house.say("ana", "the same text")
    finally:
        session.seal = real
    assert len(set(keys)) == len(keys) == 10


# Membership, keys and signatures in clear; tags unchecked (for that see test_np1sec, 8)


def test_audit_nothing_in_clear_that_tells_who_and_what():
    """A whole life: founding, joins, texts, data, a cheat and its trial, an expulsion, a leave. No
    frame holds a long-term key, nick, name, id, text, or any key but a joiner's y and e."""
    house = House("anastasia", "benedict", "evangeline", "dandelion", "zoroaster")
    house.found("anastasia", "the secret garden")
    seen = set()

    def note():
        for nick in house.order:
            talk = house[nick].session
            if talk:
                seen.add(bytes(talk.sid))
                for index in range(len(talk.members)):
                    seen.add(bytes(talk._statements[32 * index : 32 * index + 32]))
                for pair in talk.next_keys:
                    for key in pair or ():
                        seen.add(bytes(key))

    house.bring("anastasia", "benedict", "evangeline", "dandelion")
    note()
    house.say("benedict", "meet me at the fountain")
    house["anastasia"].send_data("image/jpeg", b"\xff\xd8 not for everyone's eyes", house.now)
    house.settle()
    house["benedict"].rekey(house.now)
    house.settle()
    note()
    house.hook = Cheat(house).spoil("evangeline", wire.CONFIRM, wrong_check)
    house["anastasia"].rekey(house.now)
    house.wait(2 * MINUTE)
    house.hook = None
    note()
    house.bring("benedict", "zoroaster")
    note()
    for nick in ("anastasia", "benedict", "zoroaster"):
        house[nick].expel(house.key("dandelion"), house.now)
    house.wait(MINUTE)
    house["zoroaster"].leave(house.now)
    house.wait(MINUTE)
    house.assert_one_session("anastasia", "benedict")
    nobody_is_blamed(house, "anastasia", "benedict", "zoroaster")
    hidden = list(seen) + [house["anastasia"].room.conversation_id, b"the secret garden",
                           b"fountain", b"image/jpeg", b"everyone's eyes"]
    for nick in house.order:
        hidden += [nick.encode(), house.key(nick), bytes(house[nick].identity.secret)]
    assert len(hidden) > 40
    for frame in house.frames:
        for what in hidden:
            assert what not in frame, (frame[0] & 15, what)
    for kind in range(1, 10):
        assert kind in house.kinds(), kind
