"""Whoever is on the air: noise, other rooms, forged datagrams. Nothing crashes, nothing grows."""

from struct import pack

from air import Air, Dice, check, frames_of, heard, talk

from mpseq_aio import link
from mpseq_aio.ordered import OrderedRoom
from mpseq_aio.ordered_heir import tag


def held(engine):
    """Bytes of frames and datagrams that an engine keeps, and the number of things it counts."""
    size = sum([len(frame) for frame in engine._outbox])
    size += sum([len(message[-1]) for message in engine._messages])
    for entry in engine._log.values():
        if isinstance(entry, tuple):
            size += len(entry[1])
    for entry in engine._parts.values():
        size += len(entry.data or b"")
    size += sum([len(datagram) for datagram in engine._out])
    things = 0
    for name in ("_log", "_parts", "_peers", "_ready", "_mend", "_mended", "_new", "_answers"):
        things += len(getattr(engine, name))
    return size, things


def mangled(dice, datagram):
    data = bytearray(datagram)
    for _ in range(1 + dice.below(4)):
        # Not the room's tag: with another one nothing would be looked at.
        at = dice.below(len(data))
        if not 1 <= at <= 4:
            data[at] = dice.below(256)
    if dice.below(4) == 0:
        data = data[: 13 + dice.below(len(data))]
    if dice.below(4) == 0:
        data[0] = 0xA0 + dice.below(16)
    return bytes(data)


def test_noise_and_forged_datagrams(seeds=3):
    for seed in range(1, seeds + 1):
        air = Air(seed=seed, loss=5)
        names = "abcd"
        air.gather(names)
        dice = Dice(seed + 99)
        send = air.send

        def both(name, datagram, send=send, dice=dice, air=air):
            send(name, datagram)
            if dice.below(3) == 0:
                # From nobody's place, so that it reaches everyone.
                send("", mangled(dice, datagram))
                send("", dice.bytes(dice.below(230) + 13))

        air.send = both
        talk(air, frames_of(names, 20, 120) + frames_of(names, 1, 9000, "long"), 40)
        most = (0, 0)
        for _ in range(300):
            air.run(100)
            for name in names:
                if air[name].engine:
                    now = held(air[name].engine)
                    most = (max(most[0], now[0]), max(most[1], now[1]))
        assert most[0] < 45000 and most[1] < 300, most
        # When the noise ends all find together again and talk.
        air.send = send
        air.run(20000)
        air.meet(60000)
        lines = frames_of(names, 3, 60, "after")
        talk(air, lines)
        assert air.run(30000, heard(air, names, lines)), air.story()
        check(air, names)


def test_two_rooms_on_one_channel():
    air = Air(seed=5, loss=10)
    air.gather("ab")
    air.room = "kitchen"
    for name in "xy":
        air.add(name)
    air.run(8000)
    lines = frames_of("abxy", 5)
    talk(air, lines)
    air.run(10000)
    for name, room in (("a", "ab"), ("b", "ab"), ("x", "xy"), ("y", "xy")):
        assert sorted(air[name].engine.labels) == sorted(room), air.story()
        assert set(air[name].frames) == set([frame for who, frame in lines if who in room])


def test_one_label_for_two():
    air = Air(seed=6)
    first, second = air.add("a"), air.add("b")
    second.engine = OrderedRoom(air.room, "a", air.dice.bytes, air.now)
    air.wake(second)
    air.run(8000)
    assert sorted(first.engine.labels) == ["a", "a-2"], air.story()
    assert {first.engine.label, second.engine.label} == {"a", "a-2"}


def test_a_long_label_gets_its_number_too():
    air = Air(seed=6)
    for at in "abc":
        person = air.add(at)
        person.engine = OrderedRoom(air.room, "\u00e4" * 32, air.dice.bytes, air.now)
        air.wake(person)
    air.run(12000)
    labels = air["a"].engine.labels
    assert len(set(labels)) == 3, labels
    for label in labels:
        link.check_name(label)


def test_no_more_than_a_window_is_kept():
    """Ten people and a flood: what each keeps besides the one long frame stays small."""
    air = Air(seed=8, loss=20, twice=5, late=20)
    names = "abcdefghij"
    air.gather(names)
    talk(air, frames_of(names, 12, 190), 3)
    most = [0]

    def look(person, frame):
        for name in names:
            most[0] = max(most[0], held(air[name].engine)[0])

    air.on_arrival = look
    air.run(60000, lambda: all([len(air[n].frames) == 120 for n in names]))
    check(air, names, names)
    assert most[0] < 8000, most


def test_a_member_that_takes_no_messages_is_left_behind():
    air = Air(seed=9)
    names = "abc"
    air.gather(names)
    lazy = air["b"]
    lazy.again = False
    engine = lazy.engine
    lazy.engine = None  # the air asks it for nothing any more

    def arrive(name, datagram):
        engine.receive(datagram, air.now)
        engine.tick(air.now)
        for out in engine.take_datagrams():
            send("b", out)

    send = air.send
    arrival = air.arrival
    air.arrival = lambda name, datagram: (
        (lambda: arrive(name, datagram)) if name == "b" else arrival(name, datagram)
    )
    lines = frames_of("ac", 30)
    talk(air, lines)
    assert air.run(60000, heard(air, "ac", lines)), air.story()
    assert ("-", "b") in air["a"].log
    assert len(engine._messages) <= 17


def forged(engine, kind, sender, group, body):
    return bytes((0xA0 + kind,)) + engine._room + sender + group + body


def test_a_forged_welcome_lets_nobody_in():
    """Before there is any room in sight, and then with a place that cannot be."""
    engine = OrderedRoom("garden", "a", Dice(3).bytes, 0)
    for seq in (1, 0, 0xFFFFFFFF):
        welcome = engine.id + pack(">I", seq)
        engine.receive(forged(engine, 2, b"ABCD", bytes(4), welcome), 10)
    assert engine._head is None and not engine.joined
    gid = b"room"
    group = tag(gid, 1, b"ABCD")
    beacon = gid + pack(">H", 1) + bytes(4) + pack(">IIIBB", 1, 5, 5, 2, 0)
    engine.receive(forged(engine, 3, b"ABCD", group, beacon), 20)
    for seq in (0, 0xFFFFFFFF):
        welcome = engine.id + pack(">I", seq)
        engine.receive(forged(engine, 2, b"ABCD", group, welcome), 30)
    assert engine._head is None
    engine.receive(forged(engine, 2, b"ABCD", group, engine.id + pack(">I", 6)), 40)
    assert engine._head == b"ABCD"


def test_one_forged_beacon_keeps_nobody_out():
    air = Air(seed=3)
    air.gather("ab")
    engine = air["a"].engine
    gid, head = bytes(4), b"\0\0\0\1"
    beacon = gid + pack(">H", 1) + bytes(4) + pack(">IIIBB", 1, 1, 1, 200, 0)
    air.add("c")
    air.send("", forged(engine, 3, head, tag(gid, 1, head), beacon))
    assert air.run(8000, air.together), air.story()


def test_epochs_end_and_begin_again():
    engine = OrderedRoom("garden", "a", Dice(3).bytes, 0)
    engine._epoch = 0xFFFF  # somebody's word, taken from a BEACON
    engine._found(3000)
    assert engine.joined and engine._epoch == 0


def test_a_forged_list_of_members_has_an_end():
    air = Air(seed=4)
    air.gather("abc")
    engines = [air[name].engine for name in "abc"]
    member = [engine for engine in engines if engine._head != engine.id][0]
    head, seq = member._head, member._last + 1
    view = bytes(4) + b"".join([pack(">IHB", at, 0, 1) + b"x" for at in range(1, 2000)])
    key = bytes(4) + pack(">H", seq & 0xFFFF)
    record = pack(">I", seq) + key + pack(">H", len(view))
    member.receive(forged(member, 4, head, member._group, record), air.now)
    for at in range(0, len(view), 228):
        piece = key + pack(">HB", len(view), at // 228) + view[at : at + 228]
        member.receive(forged(member, 5, head, member._group, piece), air.now)
    assert "list of members" in member.lost and held(member)[1] < 50
    assert len(member.take_messages()) < 40


def test_nobody_does_not_come_in():
    """Its lists of members would be taken for somebody's frames, for ever."""
    air = Air(seed=4)
    air.gather("abc")
    engine = air["a"].engine
    for _ in range(3):
        air.send("", forged(engine, 1, bytes(4), engine._group, b"nobody"))
        air.run(500)
    air["c"].leave()
    assert air.run(12000, air.together), air.story()
    assert ("-", "c") in air["a"].log and engine._last < 20
    assert "nobody" not in engine.labels
