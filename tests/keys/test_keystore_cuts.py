"""The power goes at any byte of any operation: afterwards the store is as it was or as it should
be, whatever the file system has left of the file that was being written."""

from shop import FOLDER, TEARS, Board, Cut, Disk, Seeded, keys, people_of

from mpseq_board.keystore import KeyStore

ANA, BEN, EVA, GUS = keys(4)


def at_every_byte(prepare, change):
    """Does `change(store)` to the store that `prepare(store)` has made, with the power cut after
    0, 1, 2, … steps, for each tear; returns the state before and after, and the cuts."""
    start = Disk()
    with Board(start):
        store = KeyStore(FOLDER, Seeded(1))
        prepare(store)
        old = people_of(start)
        done = start.copy()
    with Board(done):
        change(KeyStore(FOLDER, Seeded(2)))
        new = people_of(done)
    assert old != new
    cuts = 0
    for tear in TEARS:
        left = 0
        seen = set()
        while cut_off(start, change, left, tear, old, new, seen):
            left += 1
        cuts += left
        assert seen == {True, False}, "never cut before, or never after, what counts"
    return old, new, cuts


def cut_off(start, change, left, tear, old, new, seen):
    """Whether there was a cut after this many steps."""
    disk = start.copy()
    disk.tear = tear
    with Board(disk):
        store = KeyStore(FOLDER, Seeded(2))
        disk.left = left
        try:
            change(store)
            cut = False
        except Cut:
            cut = True
        disk.left = None
        found = people_of(disk)
        assert found in (old, new), (tear, left)
        seen.add(found == old)
        assert not [path for path in disk.files if path.endswith(".wipe")]
        # And all goes on: what was cut off is done again, if it was not done.
        if cut and found == old:
            change(KeyStore(FOLDER, Seeded(3)))
            assert people_of(disk)[1] == new[1]
    return cut


def with_people(store):
    store.create_identity()
    store.know("ana", ANA)
    store.know("ben", BEN)


def test_creating():
    def create(store):
        store.create_identity()

    cuts = at_every_byte(lambda store: None, create)[2]
    assert cuts > 1000  # four tears of two files, each twice


def test_knowing_one_more():
    at_every_byte(with_people, lambda store: store.know("eva", EVA))


def test_knowing_when_there_was_one_write():
    at_every_byte(lambda store: store.create_identity(), lambda store: store.know("eva", EVA))


def test_verifying():
    at_every_byte(with_people, lambda store: store.verify("ben", BEN))


def test_accepting_a_change():
    at_every_byte(with_people, lambda store: store.accept_change("ana", GUS))


def test_forgetting():
    at_every_byte(with_people, lambda store: store.forget("ana"))


def test_wiping():
    old, new, _ = at_every_byte(with_people, lambda store: store.wipe())
    assert old[0] and new == (None, [])


def test_a_second_cut_while_what_the_first_left_is_mended():
    start = Disk()
    with Board(start):
        with_people(KeyStore(FOLDER, Seeded(1)))
        old = people_of(start)
    for first in range(0, 260, 7):
        for second in range(0, 260, 11):
            disk = start.copy()
            disk.tear = TEARS[(first + second) % 4]
            with Board(disk):
                for left in (first, second):
                    store = KeyStore(FOLDER, Seeded(left))
                    disk.left = left
                    try:
                        store.know("eva", EVA)
                    except Cut:
                        pass
                    disk.left = None
                state = people_of(disk)
                assert state[0] == old[0]
                assert [one for one in state[1] if one[0] != "eva"] == old[1]


def test_creating_is_cut_off_twice_and_then_works():
    for first in range(0, 300, 13):
        for second in range(0, 300, 17):
            disk = Disk()
            disk.tear = TEARS[(first + second) % 4]
            with Board(disk):
                for left in (first, second, None):
                    store = KeyStore(FOLDER, Seeded(first))
                    disk.left = left
                    try:
                        if not store.identity:
                            store.create_identity()
                    except Cut:
                        pass
                    disk.left = None
                assert people_of(disk)[0]
