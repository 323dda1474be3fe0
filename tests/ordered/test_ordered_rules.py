"""The rules that keep a room in one order, one by one: each story is about one of them."""

from struct import pack

from air import Air, check, frames_of, heard, talk
from test_ordered_strangers import held

from mpseq_aio.ordered import OrderedRoom


def room_of(names, seed=3, **options):
    air = Air(seed=seed, **options)
    air.gather(names)
    air.run(2000)
    head = [name for name in names if air[name].engine._head == air[name].engine.id][0]
    return air, head, [name for name in names if name != head]


def forged(engine, kind, body):
    """A datagram as the head of this engine's room would send it."""
    return bytes((0xA0 + kind,)) + engine._room + engine._head + engine._group + body


def lost(air, name):
    return [what[1] for what in air[name].log if what[0] == "lost"]


def test_one_who_hears_nothing_takes_nobody_along():
    """It believes that all others are gone, and says so to them: they hear it, and stay."""
    air, head, rest = room_of("abcde")
    deaf = rest[0]
    air.deaf = {deaf: [name for name in air.order if name != deaf]}
    others = [name for name in air.order if name != deaf]
    lines = frames_of(others, 30, 40)
    talk(air, lines, 100)
    assert air.run(60000, heard(air, others, lines)), air.story()
    assert not any([lost(air, name) for name in others]), air.story()
    assert ("-", deaf) in air[others[0]].log
    air.part()
    air.meet(30000)
    lines = frames_of("abcde", 2, 40, "after")
    talk(air, lines)
    assert air.run(20000, heard(air, "abcde", lines)), air.story()
    check(air, "abcde", others)


def test_one_who_does_not_hear_the_head_calls_in_vain():
    air, head, rest = room_of("abcde", seed=4)
    deaf = rest[0]
    air.deaf = {deaf: [head]}
    air.run(7500)  # its calls are over by then, and it is alone
    others = [name for name in air.order if name != deaf]
    for name in others:
        assert air[name].engine._epoch == 1 and not air[name].engine._frozen, air.story()
    air.run(20000)
    assert not any([lost(air, name) for name in others]), air.story()


def test_a_member_that_never_gets_on_does_not_hold_up_the_room_for_ever():
    air, head, rest = room_of("abc", seed=5)
    stuck = air[rest[0]]
    stuck.again = False
    # It hears beacons and says how far it is, but what it asks for does not come.
    engine = stuck.engine
    engine._on_data = lambda body, now: None
    engine._due[4] = None
    engine._work = engine._work[:4] + (lambda now: None,) + engine._work[5:]
    others = [head, rest[1]]
    lines = frames_of(others, 20)
    talk(air, lines)
    assert air.run(40000, heard(air, others, lines)), air.story()
    assert ("-", rest[0]) in air[head].log


def test_who_is_left_behind_is_told():
    air, head, rest = room_of("abc", seed=6)
    engine = air[rest[0]].engine
    last = engine._last
    body = engine._gid + pack(">H", engine._epoch) + engine._previous
    body += pack(">IIIBB", engine._start, last + 9, last + 5, 3, 0)
    engine.receive(forged(engine, 3, body), air.now)
    assert engine.lost == "the room could not wait for this member"


def test_another_past_is_noticed():
    air, head, rest = room_of("abc", seed=7)
    air[rest[0]].engine._chain ^= 1
    air.add("d")
    air.run(5000)
    assert "the room has another past" in lost(air, rest[0]), air.story()
    assert not lost(air, head) and not lost(air, rest[1])


def test_a_newcomer_does_not_lead_those_who_were_there_before():
    """What they lack it has never had. Only when nobody else is left it goes on."""
    air, head, rest = room_of("abc", seed=8)
    air.add("d")
    assert air.run(20000, lambda: air["d"].engine.joined)
    newcomer = air["d"].engine
    newcomer._stable = newcomer._since - 1  # not all have its VIEW yet, as far as it knows
    newcomer._free = lambda stable: None
    newcomer.id = b"\0\0\0\1"  # the first in turn, were it not new
    for name in air.order:
        for peer in air[name].engine._peers:
            if peer.label == "d":
                peer.id = newcomer.id
    air[head].kill()
    air.run(12000)
    leaders = [name for name in air.order if air[name].engine and name != head]
    leaders = [name for name in leaders if air[name].engine._head == air[name].engine.id]
    assert leaders and leaders != ["d"], air.story()


def test_forged_records_take_no_memory():
    air, head, rest = room_of("abc", seed=9)
    engine = air[rest[0]].engine
    for size in (65535, 16384):
        for number in range(30):
            key = engine._head + pack(">H", number + 100)
            record = pack(">I", engine._last + 1 + number) + key + pack(">H", size)
            engine.receive(forged(engine, 4, record), air.now)
            part = key + pack(">HB", size, 0) + bytes(228)
            engine.receive(forged(engine, 5, part), air.now)
        size, things = held(engine)
        assert size < 30000 and things < 100, (size, things)


def test_what_is_no_list_of_members_ends_in_an_error_with_words():
    for data in (b"", b"abc", b"\0\0\0\0" + b"abcd" + b"\0\1\5ab", b"\0\0\0\0abcd\0\1\2\xff\xff"):
        air, head, rest = room_of("ab", seed=10)
        engine = air[rest[0]].engine
        key = b"\0\0\0\0" + pack(">H", (engine._last + 1) & 0xFFFF)
        record = pack(">I", engine._last + 1) + key + pack(">H", len(data))
        engine.receive(forged(engine, 4, record), air.now)
        engine.receive(forged(engine, 5, key + pack(">HB", len(data), 0) + data), air.now)
        assert engine.lost, data
        air.run(1)


def test_nothing_works_before_it_is_in_or_after_the_end():
    air = Air(seed=11)
    engine = OrderedRoom("garden", "a", air.dice.bytes, 0)
    assert not engine.ready and not engine.joined
    engine.leave(0)
    assert engine.lost == "left" and engine.next_tick() is None and not engine.take_datagrams()
    engine.receive(bytes(40), 1)
    engine.tick(2)


def test_numbers_of_frames_begin_again_after_65535():
    air, head, rest = room_of("abc", seed=12, loss=20)
    for name in "abc":
        air[name].engine._number = 65534
        for peer in air[name].engine._peers:
            peer.number = 65533
    lines = frames_of("abc", 6)
    talk(air, lines)
    assert air.run(20000, heard(air, "abc", lines)), air.story()
    check(air, "abc", "abc")
    assert air["a"].engine._number == 4


def test_what_has_not_its_exact_length_is_nothing():
    """Two datagrams of the head in one: the first half would be believed, the rest is made up."""
    air, head, rest = room_of("ab")
    engine = air[rest[0]].engine
    kept = held(engine), engine._last, engine._known
    record = pack(">I", engine._last + 1) + engine._head + pack(">HH", 7, 30)
    beacon = (
        engine._gid
        + pack(">H", engine._epoch)
        + engine._previous
        + pack(">IIIBB", engine._start, engine._last + 5, engine._stable, 2, 0)
    )
    for kind, body in ((4, record), (3, beacon), (10, b""), (10, b"\1")):
        for more in (b"\0", b"\1\0", forged(engine, 3, beacon)):
            engine.receive(forged(engine, kind, body + more), air.now)
            assert (held(engine), engine._last, engine._known) == kept and not engine.lost, kind
    engine.receive(forged(engine, 4, record), air.now)
    assert engine._known == kept[1] + 1
