"""What an insider may say in a session, and how little it moves: endless proposals, accusations,
lies about the transcript, messages in another's name, frames of yesterday (PROTOCOL.md 4-6)."""

from freezing import assert_unmoved, freeze
from house import Seeded
from insiders import MINUTE, Insider, Room, beside

from mpseq import errors, events, wire
from mpseq.bodies import ADMIT, REKEY, REMOVE
from mpseq.exchange import NOT_MINE
from mpseq.primitives import KeyPairs
from mpseq.suspicion import ACK, FRAME, KEYS, REVEAL, STRIKES, SUSPECT

FOUR = ("ana", "ben", "eva", "dan")
HONEST = ("ana", "ben", "dan")
WRONG = errors.OutOfPlace.name


def room(*nicks):
    nicks = nicks or FOUR
    house = Room(*nicks).together(*nicks)
    return house, Insider(house, "eva")


def sid(house):
    return house["ana"].session.sid


# --- proposals without end


def test_nobody_rekeys_twice_in_a_row():
    house, eva = room()
    assert eva.propose(REKEY) is None
    house.settle()
    now = sid(house)
    for _ in range(20):
        assert eva.propose(REKEY) == WRONG
    assert sid(house) == now
    house.goes_on(*FOUR)


def test_an_aborted_rekey_counts_too():
    """Else one who proposes and aborts in turn would never stop."""
    house, eva = room()
    house.nobody_proposes(*FOUR)
    house.after(wire.SHARE, 1, lambda: eva.abort(NOT_MINE, eva.kept().me))
    assert eva.propose(REKEY) is None
    house.settle()
    assert not house["ana"]._membership.keys_missing()
    assert eva.propose(REKEY) == WRONG
    house.anybody_proposes(*FOUR)
    house.goes_on(*FOUR)


def rekeying(house, *cheats, most=40, fair=False):
    """Each of these proposes a re-key as soon as it may, in turn; returns the list of theirs.
    `fair`: when it is their turn to speak, not before everyone else."""
    done = []

    def act():
        if len(done) < most:
            house.after(wire.CONFIRM, len(house["ana"].members), act)
        cheat = cheats[len(done) % len(cheats)]
        done.append(cheat.nick)
        if fair:
            cheat.person._post_message(wire.PROPOSE, cheat.proposal(), house.now)
        else:
            cheat.propose(REKEY)

    house.after(wire.CONFIRM, len(house["ana"].members), act)
    return done


def test_one_who_rekeys_whenever_it_may_does_not_keep_guests_out():
    """Section 9, second: re-keys that starve joins."""
    house = Room("ana", "ben", "eva", "dan", "uma").together(*FOUR)
    eva = Insider(house, "eva")
    done = rekeying(house, eva)
    house.invite("ana", "uma")
    house.rekey("dan")
    house.wait(30000)
    assert len(done) > 1
    house.goes_on("ana", "ben", "dan", "uma", newcomers=("uma",), also=("eva",))


def test_two_who_rekey_in_turn_do_not_keep_guests_out():
    """Whose PROPOSE comes first, wins; and an inviter's comes right behind its INVITE."""
    house = Room("ana", "ben", "eva", "dan", "uma").together(*FOUR)
    eva, dan = Insider(house, "eva"), Insider(house, "dan")
    done = rekeying(house, eva, dan, fair=True)
    come = []
    house.after(wire.JOIN, 1, lambda: come.append(len(done)))
    house.after(wire.ROSTER, 1, lambda: come.append(len(done)))
    house.invite("ana", "uma")
    house.rekey("dan")
    house.wait(30000)
    assert len(come) == 2 and 1 <= come[1] - come[0] < 5, (come, len(done))
    assert "uma" in house.here("ana") and "uma" in house.here("ben")


def test_two_who_rekey_in_turn_do_not_keep_the_others_from_talking():
    """Texts that fall outside a span are said again, each is shown once, in order."""
    house, eva = room()
    dan = Insider(house, "dan")
    done = rekeying(house, eva, dan)
    house.rekey("dan")
    for number in range(3):
        house["ana"].send("text %d" % number, house.now)
        house.wait(5000)
    assert len(done) > 10
    house.wait(MINUTE)
    for nick in ("ana", "ben"):
        assert house.texts(nick) == [("ana", "text %d" % number) for number in range(3)]
    house.goes_on("ana", "ben", also=("eva", "dan"))


def test_wrong_proposals_convict_nobody_and_move_nothing():
    house, eva = room()
    ana = house.index("ana")
    now = sid(house)
    for _ in range(10):
        assert eva.propose(REMOVE, (ana,)) == WRONG
        assert eva.propose(REMOVE, ()) == WRONG
        assert eva.propose(REMOVE, (eva.index,)) == WRONG
        assert eva.propose(ADMIT) == WRONG
    assert sid(house) == now and not house["ana"].exchange_running
    house.goes_on(*FOUR)


def test_a_running_exchange_is_not_superseded():
    """Section 9, first: endless supersession."""
    house, eva = room()
    said = []

    def act():
        said.append(eva.propose(REKEY))
        said.append(eva.propose(REMOVE, (house.index("ana"),)))

    for kind, nth in ((wire.SHARE, 1), (wire.SHARE, 4), (wire.CONFIRM, 2)):
        house.after(kind, nth, act)
    house.rekey("ana")
    assert said == [WRONG] * 6
    house.goes_on(*FOUR)


def test_no_proposal_before_all_keys_are_in():
    house, eva = room()
    eva.mute(wire.KEYS)
    house.after(wire.SHARE, 1, lambda: eva.abort(NOT_MINE, eva.kept().me))
    house.rekey("ana")
    assert house["ana"]._membership.keys_missing() == [eva.index]
    assert eva.propose(REKEY) == WRONG
    keys = eva.person.session.keys
    assert eva.message(wire.KEYS, keys.y + keys.t) is None
    house.goes_on(*FOUR)


def test_a_nonce_and_a_secret_that_come_twice_lead_to_another_sid():
    house, eva = room()
    house.nobody_proposes(*FOUR)
    house.after(wire.SHARE, 4, lambda: eva.abort(NOT_MINE, eva.kept().me))
    assert eva.propose(REKEY, seed="twice") is None
    house.settle()
    house.anybody_proposes(*FOUR)
    house.rekey("ana")
    assert eva.propose(REKEY, seed="twice") is None
    house.settle()
    sids = [one.sid for one in house.kept["ana"]]
    tags = [one.tag for one in house.kept["ana"]]
    assert len(set(sids)) == len(sids) and tags[1] == tags[3]
    house.goes_on(*FOUR)


def test_fresh_keys_count_once():
    """KEYS that nobody asked for, others after the first, those of another member."""
    house, eva = room()
    keys = KeyPairs(Seeded("keys"))
    body = keys.y + keys.t
    assert eva.message(wire.KEYS, body) == WRONG
    said = []

    def act():
        eva.abort(NOT_MINE, eva.kept().me)
        house.settle()
        said.append(eva.message(wire.KEYS, body))
        said.append(eva.message(wire.KEYS, house["ana"].session.keys.y + body[32:]))

    house.after(wire.SHARE, 4, act)
    house.rekey("ana")
    assert said == [WRONG] * 2
    house.goes_on(*FOUR)


# --- accusations


def accusations(house):
    """Of everyone, of everything, with debts of many sizes."""
    for kind in (FRAME, KEYS, REVEAL, ACK, SUSPECT, STRIKES, 0, 7, 255):
        for who in (0, 1, 2, 3, 4, 255):
            for debt in (0, 1, 2, 3, 2**20):
                yield kind, who, debt


def test_accusing_everyone_of_everything_when_nobody_owes_anything():
    house, eva = room()
    for kind, who, debt in accusations(house):
        assert eva.suspect(kind, who, debt) == WRONG, (kind, who, debt)
    for nick in HONEST:
        assert house.of(nick, events.Suspected) == []
        assert house[nick]._membership.remaining() == [0, 1, 2, 3]
    house.goes_on(*FOUR)


def test_accusing_everyone_who_has_not_spoken_yet():
    """Those debts are open, so it stands, until they are paid: that same moment."""
    house, eva = room()
    heard = []

    def act():
        for kind, who, debt in accusations(house):
            if eva.suspect(kind, who, debt) is None:
                heard.append((kind, who, debt))

    house.after(wire.SHARE, 1, act)
    house.after(wire.CONFIRM, 1, act)
    house.rekey("ana")
    assert FRAME in [kind for kind, _, _ in heard]
    assert len(heard) >= 4
    for nick in HONEST:
        assert house[nick]._membership.suspicions.stands == []
    house.goes_on(*FOUR)


def test_two_in_league_who_accuse_one_that_is_slow():
    """ben's SHARE takes 50 s. He owes it, so their word stands; but he is together with everyone
    who does not suspect him."""
    house, eva = room()
    dan = Insider(house, "dan")
    late = []
    house.overtake("ben", wire.SHARE, lambda frame: late.append(frame) or ())
    house.rekey("ana")
    debt = 2 * house["ana"]._exchanges
    for cheat in (eva, dan):
        assert cheat.suspect(FRAME, house.index("ben"), debt) is None
    house.wait(50000)
    house.deliver("ben", late[0])
    house.settle()
    for nick in ("ana", "ben"):
        assert len(house.of(nick, events.Suspected)) >= 2
    house.goes_on("ana", "ben", also=("eva", "dan"))


def test_accusing_everyone_of_a_missing_acknowledgement():
    """At once, when nobody can have acknowledged yet: it falls with the ACKs."""
    house, eva = room()
    house.say("eva", "answer me")
    place = house["ana"].session.count
    for who in range(4):
        said = eva.suspect(ACK, who, place)
        assert (said is None) == (who != eva.index)
    for nick in HONEST:
        assert len(house.of(nick, events.Suspected)) == 3
    house.wait(20000)
    for nick in HONEST:
        assert house[nick]._membership.suspicions.stands == []
    house.goes_on(*FOUR)


def test_one_who_takes_back_nothing_parts_only_itself():
    """She suspects ana of an ACK that ana owes no more, and says so again and again."""
    house, eva = room()
    house.say("ben", "hello")
    place = house["ana"].session.count
    house.wait(20000)
    for _ in range(5):
        assert eva.suspect(ACK, house.index("ana"), place) == WRONG
    house.goes_on(*FOUR)


# --- lies about the transcript


def fork(house, eva, **what):
    """eva says something with another acknowledgement than what she saw."""
    session = eva.person.session
    frame = beside(session, wire.TEXT, b"as I saw it", **what)
    eva.hush(wire.MESSAGE)  # from here on her own core is out of step
    eva.post(frame)


def test_another_transcript_is_named_and_nobody_else_is():
    for what in ({"h": bytes(16)}, {"count": 1000}, {"count": 0, "h": bytes(16)}):
        house, eva = room()
        house.say("ana", "one")
        fork(house, eva, **what)
        for nick in HONEST:
            assert house.names(nick, events.Inconsistent) == ["eva"], what
            assert house.texts(nick)[-1] == ("eva", "as I saw it")
        house.talk_of(*HONEST)


def test_two_messages_under_one_counter():
    """The first counts for all; what would be a fork under a fair carrier is a duplicate."""
    house, eva = room()
    session = eva.person.session
    frames = [beside(session, wire.TEXT, text) for text in (b"yes", b"no")]
    eva.hush(wire.MESSAGE)
    eva.post(frames[0])
    assert eva._refusal(frames[1]) == errors.Duplicate.name
    for nick in HONEST:
        assert house.texts(nick) == [("eva", "yes")]
    house.talk_of(*HONEST)


def test_counters_that_jump_leave_a_gap_that_is_told():
    house, eva = room()
    session = eva.person.session
    first = session._counters[session.me]
    frame = beside(session, wire.TEXT, b"later", counter=first + 500)
    too_far = beside(session, wire.TEXT, b"too far", counter=first + 1700)
    eva.hush(wire.MESSAGE)
    eva.post(frame)
    assert eva._refusal(too_far) == errors.SkippedTooFar.name
    for nick in HONEST:
        assert house.names(nick, events.Missing) == ["eva"]
        assert house.texts(nick) == [("eva", "later")]
    house.talk_of(*HONEST)


def test_speaking_for_another():
    """She knows ana's chain and not ana's statement key."""
    house, eva = room()
    session = eva.person.session
    for nick in HONEST:
        frame = beside(session, wire.TEXT, b"I agree", index=house.index(nick))
        judges = [other for other in HONEST if other != nick]
        for judge in judges:
            house[judge].receive("eva", frame, house.now)
        house[nick].receive("eva", frame, house.now)
        house.drain()
        for judge in judges:
            assert house.refusals(judge)[-1] == errors.BadSignature.name
        assert house.refusals(nick)[-1] == errors.NotMine.name
    house.never_shown("I agree", *HONEST)
    house.goes_on(*FOUR)


# --- yesterday's frames


def replayed(house, nick, frames):
    """What this one says to them; nothing of it moves."""
    person = house[nick]
    person.tick(house.now)
    before = freeze(person)
    for frame in frames:
        person.receive("eva", frame, house.now)
        person._events = [one for one in person._events if isinstance(one, events.Refused)]
        said = [one.reason for one in person.take_events()]
        assert len(said) <= 1
    assert_unmoved(before, person)


def test_frames_of_older_sessions_and_exchanges_are_nothing_now():
    house, eva = room()
    house.say("ana", "monday")
    house.rekey("ana")
    house.say("ben", "tuesday")
    house.rekey("ben")
    house.wait(MINUTE)
    old = list(house.frames)
    for nick in HONEST:
        replayed(house, nick, old)
    house.goes_on(*FOUR)


def test_frames_of_older_exchanges_are_nothing_in_a_running_one():
    house, eva = room()
    house.rekey("ana")
    house.wait(MINUTE)
    old = list(house.frames)
    for kind in (wire.SHARE, wire.CONFIRM):
        house.before(kind, 2, lambda: [replayed(house, nick, old) for nick in HONEST])
    house.rekey("ben")
    house.goes_on(*FOUR)


def test_frames_of_a_dead_exchange_are_nothing_in_the_next():
    house, eva = room()
    dead = []

    def act():
        for nick in HONEST:
            dead.append(house.kept[nick][-1].live.my_share)
        eva.abort(NOT_MINE, eva.kept().me)

    house.after(wire.SHARE, 4, act)
    house.rekey("ana")
    house.before(wire.CONFIRM, 1, lambda: [replayed(house, nick, dead) for nick in HONEST])
    assert len(dead) == 3
    house.goes_on(*FOUR)
