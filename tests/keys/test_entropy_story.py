"""What a board's source gives and refuses, on boards of which everything else is the same: one
image, one os.urandom, clocks that stand."""

import sys

from shop import FOLDER, STEP, TEARS, Board, Cut, Disk, raises

from mpseq.primitives import H, kdf
from mpseq_board import entropy, gathering
from mpseq_board.entropy import Source, Untrusted
from mpseq_board.keystore import KeyStore

HOST = bytes(range(64))
OTHER_HOST = bytes(range(1, 65))


def counter(start=0):
    """An os.urandom that looks well and is the same on each board."""
    count = [start]

    def urandom(size):
        out = bytearray()
        while len(out) < size:
            count[0] += 1
            out += H(b"urandom", str(count[0]).encode())
        return out[:size]

    return urandom


def twin(disk=None, chip=b"", platform="rp2"):
    """A board as all others that this makes."""
    return Board(disk or Disk(), platform, counter(), chip)


def key_of(board, host=None):
    with board:
        source = Source(FOLDER)
        if host:
            source.inject(host)
        return KeyStore(FOLDER, source).create_identity().public


# --- two boards of one image


def test_without_a_host_no_board_makes_an_identity():
    for platform in ("rp2", "esp32", "qemu", "pyboard"):
        with twin(platform=platform) as disk:
            source = Source(FOLDER)
            (problem,) = source.problems
            assert "mpseq deploy" in problem, "the cure"
            store = KeyStore(FOLDER, source)
            error = raises(Untrusted, store.create_identity)
            assert str(error) == problem and store.identity is None
            assert [path for path in disk.files if "keys" in path or "device" in path] == []
            raises(Untrusted, source.random, 1)


def test_with_different_injections_no_key_is_shared():
    keys = {key_of(twin(), host) for host in (HOST, OTHER_HOST, HOST + b"\0")}
    assert len(keys) == 3


def test_only_what_the_host_gave_made_the_difference():
    """Else the test before would show nothing. A host must never give the same bytes twice."""
    assert key_of(twin(), HOST) == key_of(twin(), HOST)


def test_a_chips_id_tells_two_boards_apart_even_then():
    assert key_of(twin(chip=b"1"), HOST) != key_of(twin(chip=b"2"), HOST)


def test_a_copy_of_the_whole_flash_on_another_chip_is_refused():
    disk = Disk()
    key_of(twin(disk, b"first"), HOST)
    copy = disk.copy()
    with twin(copy, b"second"):
        for _ in range(3):
            source = Source(FOLDER)
            assert source.problems and "mpseq deploy" in source.problems[0]
            raises(Untrusted, source.random, 32)
        source.inject(OTHER_HOST)
        assert len(source.random(32)) == 32
    with twin(disk, b"first"):
        assert Source(FOLDER).problems == ()


def test_a_copy_without_a_chips_id_cannot_be_noticed():
    """What cannot be held, as the module says: nothing at all tells such boards apart."""
    disk = Disk()
    with twin(disk):
        Source(FOLDER).inject(HOST)
    drawn = []
    for one in (disk.copy(), disk.copy()):
        with twin(one):
            drawn.append(bytes(Source(FOLDER).random(32)))
    assert drawn[0] == drawn[1]


# --- what was injected


def test_the_injection_is_remembered():
    disk = Disk()
    with twin(disk):
        Source(FOLDER).inject(HOST)
    with Board(disk):  # os.urandom is gone altogether
        source = Source(FOLDER)
        assert source.problems == () and "fails" in source.health
        first = bytes(source.random(32))
    with Board(disk):
        assert bytes(Source(FOLDER).random(32)) != first


def test_too_little_or_nothing_random_is_no_injection():
    with twin():
        source = Source(FOLDER)
        for data in (b"", HOST[:31], bytes(64), b"ab" * 32):
            raises(ValueError, source.inject, data)
            assert source.problems
        source.inject(HOST[:32])
        assert source.problems == ()


def test_the_seed_on_the_disk_says_nothing_of_what_is_drawn():
    disk = Disk()
    with twin(disk):
        source = Source(FOLDER)
        source.inject(HOST)
        state = bytes(source._state)
        drawn = bytes(source.random(96))
        assert bytes(source._state) != state
        flash = b"".join(disk.files.values())
        for secret in (state, bytes(source._state), drawn[:32], drawn[32:64], drawn[64:], HOST):
            assert secret not in flash
        # Nor does a step forward from what is there lead to the state.
        source = Source(FOLDER)
        for data in disk.files.values():
            for at in range(len(data) - 31):
                assert kdf(32, data[at : at + 32], b"next") != source._state


def test_every_byte_comes_once():
    with twin():
        source = Source(FOLDER)
        source.inject(HOST)
        sizes = (0, 1, 31, 32, 33, 63, 64, 65, 128, 200)
        drawn = [source.random(size) for size in sizes]
        assert [len(one) for one in drawn] == list(sizes)
        assert all([isinstance(one, bytearray) for one in drawn])
        whole = b"".join(drawn)
        pieces = {whole[at : at + 8] for at in range(0, len(whole) - 8)}
        assert len(pieces) == len(whole) - 8


def test_who_reads_the_memory_cannot_go_back():
    """Two sources in one state give the same; one step later nothing of it is there."""
    with twin():
        source = Source(FOLDER)
        source.inject(HOST)
        before = bytes(source._state)
        drawn = bytes(source.random(32))
        left = [
            value for value in source.__dict__.values() if isinstance(value, (bytes, bytearray))
        ]
        assert before not in left and drawn not in left
        source._state[:] = before
        entropy.urandom = counter(10000)
        assert bytes(source.random(32)) != drawn, "fresh os.urandom goes into each output"


# --- the power goes


def test_no_two_starts_share_a_byte_wherever_the_power_goes():
    """Nothing differs between two starts but the stored seed. What a start drew before the power
    went, no other may draw again."""
    start = Disk()
    with Board(start):
        source = Source(FOLDER)
        source.inject(HOST)
        drawn_first = bytes(source.random(32))
    for tear in TEARS:
        for left in range(0, 210, STEP):
            disk = start.copy()
            disk.tear = tear
            disk.left = left
            drawn = [drawn_first]
            cut = False
            for _ in range(3):
                with Board(disk):
                    try:
                        source = Source(FOLDER)
                        assert source.problems == (), (tear, left)
                        drawn.append(bytes(source.random(32)))
                    except Cut:
                        cut = True
                    disk.left = None
            assert len(set(drawn)) == len(drawn) >= 3, (tear, left)
        assert not cut, "the last one was not cut at all"


def test_an_injection_that_is_cut_off_counts_or_does_not():
    for tear in TEARS:
        answers = set()
        for left in range(0, 250, STEP):
            disk = Disk()
            disk.tear = tear
            with Board(disk):
                source = Source(FOLDER)
                disk.left = left
                try:
                    source.inject(HOST)
                    done = True
                except Cut:
                    done = False
                disk.left = None
                trusted = not Source(FOLDER).problems
                assert trusted or not done
                answers.add((done, trusted))
        assert len(answers) >= 2


def test_a_disk_that_is_full_is_a_problem():
    with twin(Disk(room=50)):
        source = Source(FOLDER)
        assert "cannot be written" in source.problems[0]
        raises(Exception, source.inject, HOST)
        raises(Untrusted, source.random, 32)


def test_a_damaged_seed_asks_for_a_new_injection():
    disk = Disk()
    with twin(disk):
        Source(FOLDER).inject(HOST)
        for path in disk.files:
            disk.files[path] = disk.files[path][:-1] + b"\0"
        source = Source(FOLDER)
        assert "damaged" in source.problems[0] and "mpseq deploy" in source.problems[0]
        source.inject(HOST)
        assert Source(FOLDER).problems == ()


# --- the health of os.urandom


def repeating(block):
    return lambda size: bytearray((block * size)[:size])


def test_what_is_broken_is_found():
    good = counter()
    stuck_bit = lambda size: bytearray([byte & 1 for byte in good(size)])  # noqa: E731
    mostly = lambda size: bytearray([byte if byte > 60 else 7 for byte in good(size)])  # noqa: E731
    run = lambda size: good(size)[:100] + bytes(9) + good(size)[109:]  # noqa: E731
    broken = (
        (repeating(b"\0"), "twice"),
        (repeating(bytes(range(256))), "twice"),
        (stuck_bit, "repeats"),
        (mostly, "repeats"),
        (run, "repeats"),
        (None, "missing"),
    )
    for urandom, word in broken:
        with Board(Disk(), "system", urandom):
            source = Source(FOLDER)
            assert word in source.health and word in source.problems[0], word
            raises(Untrusted, source.random, 32)
            source.inject(HOST)  # the cure that it names
            assert source.problems == () and word in source.health


def test_what_is_well_gives_no_alarm():
    urandom = counter()
    for _ in range(50):
        assert gathering.faults(urandom(256), urandom(256)) == ""
    near = bytearray(urandom(256))
    near[7:15] = bytes(8)  # eight in a row: one less than an alarm
    near[15] = 1
    assert gathering.faults(near, urandom(256)) == ""


def test_an_operating_systems_source_is_trusted():
    with Board(Disk(), "system", counter()):
        source = Source(FOLDER)
        assert source.problems == () and source.health == ""


# --- the radio of an ESP32


class Radio:
    """Stands for the module `network`, whose station is also its class WLAN."""

    STA_IF = 0
    PM_NONE = 0

    def __init__(self, was_on=False, fails=None):
        self.on = was_on
        self.fails = fails
        self.pm = 1
        self.seen = []

    def WLAN(self, interface):
        return self

    def active(self, *value):
        if value and self.fails:
            raise self.fails
        if value:
            self.on = value[0]
        return self.on

    def config(self, *name, pm=None):
        if pm is None:
            return self.pm
        self.pm = pm

    def urandom(self, size):
        """Random with the radio on and awake; without, the same on each board."""
        self.seen.append(self.on and self.pm == self.PM_NONE)
        return counter(id(self) % 100000 + len(self.seen) * 1000)(size)


def on_esp32(radio, disk, call):
    sys.modules["network"] = radio
    time = gathering.time
    gathering.time = type("time", (), {"sleep_ms": lambda ms: None})
    try:
        with Board(disk, "esp32", radio.urandom):
            return call()
    finally:
        gathering.time = time
        del sys.modules["network"]


def test_the_radio_is_on_while_an_esp32_draws_its_first_seed():
    for was_on in (False, True):
        radio = Radio(was_on)
        disk = Disk()
        source = on_esp32(radio, disk, lambda: Source(FOLDER))
        assert source.problems == () and radio.seen == [True, True]
        assert radio.on == was_on and radio.pm == 1, "as it was"
        # Later starts have that seed, and need no radio.
        radio.seen = []
        source = on_esp32(radio, disk, lambda: Source(FOLDER))
        assert source.problems == () and radio.seen == [False, False]


def test_a_radio_that_fails_is_named():
    for fails in (OSError("Wifi"), RuntimeError("Wifi Unknown Error"), AttributeError("active")):
        source = on_esp32(Radio(fails=fails), Disk(), lambda: Source(FOLDER))
        assert "radio" in source.problems[0] and "mpseq deploy" in source.problems[0]


def test_an_esp32_whose_source_is_stuck_is_refused_with_the_radio_on_too():
    radio = Radio()
    radio.urandom = repeating(b"\5")
    source = on_esp32(radio, Disk(), lambda: Source(FOLDER))
    assert "twice" in source.problems[0] and not radio.on
