"""What a key store remembers, what it refuses, and what is left of it."""

from binascii import hexlify

from shop import FOLDER, Board, Disk, Seeded, keys, people_of, raises

from mpseq import Identity, errors
from mpseq_board import keystore, store
from mpseq_board.keystore import KeyStore, KeyStoreError

ANA, BEN, EVA, GUS = keys(4)
PHRASE = b"correct horse battery staple"


def made(disk=None, **options):
    """A board's disk with a store that knows ana, and ben, who is verified."""
    disk = disk or Disk()
    with Board(disk):
        opened = KeyStore(FOLDER, Seeded(), **options)
        opened.create_identity()
        opened.know("ana", ANA)
        opened.verify("ben", BEN)
    return disk


def opened(disk, **options):
    return KeyStore(FOLDER, Seeded(5), **options)


# --- the identity


def test_an_identity_outlives_the_program():
    disk = Disk()
    with Board(disk):
        first = KeyStore(FOLDER, Seeded())
        assert first.identity is None and first.people() == []
        made_now = first.create_identity()
        assert first.identity is made_now
        again = opened(disk).identity
        assert (again.public, again.secret) == (made_now.public, made_now.secret)
        error = raises(KeyStoreError, first.create_identity)
        assert "already" in str(error) and opened(disk).identity.public == made_now.public


def test_an_identity_that_cannot_be_stored_is_not_there():
    disk = Disk(room=150)
    with Board(disk):
        one = KeyStore(FOLDER, Seeded())
        error = raises(KeyStoreError, one.create_identity)
        assert "cannot be written" in str(error) and one.identity is None
        disk.room = 2000
        one.create_identity()
        assert opened(disk).identity.public == one.identity.public


# --- trust on first use


def test_who_comes_again_is_known():
    with Board(Disk()) as disk:
        one = opened(disk)
        assert one.know("ana", ANA) == "new"
        assert one.know("ana", ANA) == "known"
        writes = disk.writes
        assert opened(disk).know("ana", bytearray(ANA)) == "known"
        assert disk.writes == writes, "what is known is not written again"
        one.verify("ana", ANA)
        assert one.know("ana", ANA) == opened(disk).know("ana", ANA) == "verified"
        assert one.people() == [("ana", ANA, True)]
        assert one.is_verified(ANA) and not one.is_verified(BEN)


def test_another_key_under_a_known_nick_is_an_alarm():
    with Board(made()) as disk:
        one = opened(disk)
        before = people_of(disk)
        for nick in ("ana", "ben"):
            assert one.know(nick, EVA) == one.know(nick, EVA) == "changed"
            error = raises(KeyStoreError, one.verify, nick, EVA)
            assert "accept the change" in str(error)
        assert one.know("ana", BEN) == "changed", "the loudest, also when the key is somebody's"
        assert people_of(disk) == before and one.people() == opened(disk).people()
        one.accept_change("ben", EVA)
        assert one.know("ben", EVA) == "known", "verified was the other key"
        assert one.know("ben", BEN) == "changed"
        assert not one.is_verified(BEN) and not one.is_verified(EVA)
        one.verify("ben", EVA)
        assert opened(disk).know("ben", EVA) == "verified"


def test_a_known_key_under_another_nick():
    with Board(made()) as disk:
        one = opened(disk)
        before = people_of(disk)
        assert one.know("bob", BEN) == "renamed" and one.nick_of(BEN) == "ben"
        assert people_of(disk) == before
        one.accept_change("bob", BEN)
        assert one.people() == [("ana", ANA, False), ("bob", BEN, True)]
        assert one.know("ben", GUS) == "new", "that nick is free again"
        # One of the two who had the nick and the key goes: a nick has one key, a key one nick.
        one.accept_change("ana", BEN)
        assert sorted(one.people()) == [("ana", BEN, True), ("ben", GUS, False)]
        assert opened(disk).people() == one.people() and one.nick_of(ANA) is None


def test_forgetting():
    with Board(made()) as disk:
        one = opened(disk)
        raises(KeyStoreError, one.forget, "eva")
        one.forget("ana")
        assert one.people() == [("ben", BEN, True)] and one.identity
        assert one.know("ana", EVA) == "new"
        # Not even the older copy on the disk has her.
        one.forget("ana")
        for path in (FOLDER + "/keys.0", FOLDER + "/keys.1"):
            alone = disk.copy()
            del alone.files[path]
            with Board(alone):
                assert opened(alone).people() == [("ben", BEN, True)]


def test_sixty_four_people_and_no_more():
    many = keys(65)
    with Board(Disk(room=20000)) as disk:
        one = opened(disk)
        one.create_identity()
        for number, key in enumerate(many[:64]):
            assert one.know("%032d" % number, key) == "new"
        error = raises(KeyStoreError, one.know, "eva", many[64])
        assert "forget" in str(error)
        raises(KeyStoreError, one.verify, "eva", many[64])
        for again in (one, opened(disk)):
            assert len(again.people()) == 64 and again.identity.public == one.identity.public
            assert again.know("%032d" % 63, many[63]) == "known"
        one.accept_change("%032d" % 7, many[64])
        one.forget("%032d" % 8)
        assert one.know("eva", many[8]) == "new"
        assert max([len(data) for data in disk.files.values()]) < 5000


def test_what_is_no_nick_or_no_key_changes_nothing():
    with Board(made()) as disk:
        one = opened(disk)
        before = dict(disk.files)
        for call in (one.know, one.verify, one.accept_change):
            for nick in ("", "x" * 33, "\u00e9" * 17):
                raises(errors.LocalError, call, nick, EVA)
            for key in (b"", bytes(31), bytes(32), bytes(33), b"\xff" * 32):
                raises(errors.BadPublicKey, call, "eva", key)
        assert disk.files == before and opened(disk).people() == one.people()
        assert one.know("\u00e9" * 16, EVA) == "new"
        assert ("\u00e9" * 16, EVA, False) in opened(disk).people()


# --- the seal


def test_nothing_of_it_can_be_read_on_the_disk():
    with Board(made()) as disk:
        identity = opened(disk).identity
        flash = b"".join(disk.files.values())
        for secret in (bytes(identity.secret), identity.public, ANA, b"ana", b"ben"):
            assert secret not in flash


def test_each_write_is_sealed_anew():
    with Board(made()) as disk:
        one = opened(disk)
        seen = set()
        for _ in range(6):
            one.accept_change("ana", ANA)
            for path in (FOLDER + "/keys.0", FOLDER + "/keys.1"):
                data = disk.files[path]
                for at in range(45, len(data) - 40, 16):
                    seen.add(data[at : at + 16])
        # Each of these texts has 7 blocks; one was there, six were written.
        assert len(seen) == 7 * 7


def test_a_source_that_fails_makes_no_two_texts_of_one_keystream():
    """With the same random bytes for both, and one counter: a cut, and then another change."""
    stuck = Seeded()
    stuck.random = lambda size: bytearray(size)
    texts = []
    for key in (EVA, GUS):
        with Board(made()) as disk:
            one = KeyStore(FOLDER, stuck)
            one.know("eva", key)
            texts.append(max(disk.files[FOLDER + "/keys.0"], disk.files[FOLDER + "/keys.1"]))
    assert texts[0][:29] == texts[1][:29], "head, rounds, salt"
    same = [at for at in range(45, 45 + 144) if texts[0][at] == texts[1][at]]
    assert len(same) < 12, "chance makes one in 256 the same"


def test_any_change_is_noticed():
    """Each byte of the newer file damaged: what was there before it opens. Of both: an error,
    and nothing is touched."""
    with Board(made()) as disk:
        whole = opened(disk).people()
        size = len(disk.files[FOLDER + "/keys.0"])
        for at in range(size):
            bad = disk.copy()
            for path in (FOLDER + "/keys.0", FOLDER + "/keys.1"):
                data = bytearray(bad.files[path])
                if at < len(data):
                    data[at] ^= 1 << at % 8
                bad.files[path] = bytes(data)
            if at >= len(disk.files[FOLDER + "/keys.1"]):
                continue
            before = dict(bad.files)
            with Board(bad):
                error = raises(KeyStoreError, opened, bad)
                assert "damaged" in str(error)
            assert bad.files == before
        assert opened(disk).people() == whole


def test_a_change_by_one_who_knows_the_format_is_noticed_too():
    """The hash at the end is no secret; whoever changes the file can make it anew."""
    with Board(made()) as disk:
        names = (FOLDER + "/keys.0", FOLDER + "/keys.1")
        for at in range(len(disk.files[names[0]]) - 8):
            bad = disk.copy()
            for path in names:
                data = bytearray(bad.files[path])
                at = min(at, len(data) - 9)
                data[at] ^= 1
                data[-8:] = store.H(bytes(data[:-8]))[:8]
                bad.files[path] = bytes(data)
            with Board(bad):
                raises(KeyStoreError, opened, bad)


def test_nothing_is_decrypted_before_its_mac_holds():
    with Board(made()) as disk:
        for path in list(disk.files):
            if "/keys" in path:
                data = bytearray(disk.files[path])
                data[60] ^= 1
                data[-8:] = store.H(bytes(data[:-8]))[:8]
                disk.files[path] = bytes(data)
        calls = []
        crypt = keystore.crypt
        keystore.crypt = lambda *arguments: calls.append(1)
        try:
            raises(KeyStoreError, opened, disk)
        finally:
            keystore.crypt = crypt
        assert calls == []


def test_another_version_is_refused_by_name():
    with Board(made()) as disk:
        for path in (FOLDER + "/keys.0", FOLDER + "/keys.1"):
            one = disk.copy()
            data = bytearray(one.files[path])
            data[6] = 2
            data[-8:] = store.H(bytes(data[:-8]))[:8]
            one.files[path] = bytes(data)
            with Board(one):
                before = dict(one.files)
                error = raises(KeyStoreError, opened, one)
                assert "version" in str(error) and one.files == before


def test_a_file_that_grew_is_damaged():
    with Board(made()) as disk:
        for path in (FOLDER + "/keys.0", FOLDER + "/keys.1"):
            disk.files[path] += bytes(9000)
        assert "damaged" in str(raises(KeyStoreError, opened, disk))


def test_without_aes_there_is_no_store():
    available = keystore.available
    keystore.available = lambda: False
    try:
        with Board(Disk()) as disk:
            error = raises(KeyStoreError, opened, disk)
            assert "cryptolib" in str(error) and disk.files == {}
    finally:
        keystore.available = available


# --- under a passphrase, or for the device


def test_a_passphrase_opens_it_and_another_one_does_not():
    disk = made(passphrase=PHRASE)
    with Board(disk):
        assert opened(disk, passphrase=PHRASE).know("ben", BEN) == "verified"
        assert FOLDER + "/device.0" not in disk.files
        before = dict(disk.files)
        for wrong in (PHRASE + b" ", b"x", PHRASE[:-1]):
            error = raises(KeyStoreError, opened_with, disk, wrong)
            assert "another passphrase" in str(error) and PHRASE.decode() not in str(error)
        assert "with a passphrase" in str(raises(KeyStoreError, opened, disk))
        assert disk.files == before


def opened_with(disk, passphrase):
    return opened(disk, passphrase=passphrase)


def test_a_store_under_a_passphrase_opens_on_any_machine():
    disk = made(passphrase=PHRASE)
    with Board(disk, "other", chip=b"other"):
        assert opened(disk, passphrase=bytearray(PHRASE)).people()


def test_a_store_for_the_device_opens_on_no_other():
    with Board(made()) as disk:
        assert opened(disk).people()
        error = raises(KeyStoreError, opened_with, disk, PHRASE)
        assert "without a passphrase" in str(error)
    with Board(disk, chip=b"other"):
        raises(KeyStoreError, opened, disk)
    del disk.files[FOLDER + "/device.0"], disk.files[FOLDER + "/device.1"]
    with Board(disk):
        assert "device's key" in str(raises(KeyStoreError, opened, disk))


def test_the_key_of_a_passphrase_is_the_same_everywhere():
    """One format for all machines: the value was written down once."""
    key = keystore.stretch(PHRASE, bytes(range(16)), 320)
    assert hexlify(key) == b"c57b1eb946da22f7ecc9cc9de7a382159fb07e35a60f9716541d08e24ccba47a"
    assert keystore.stretch(PHRASE, bytes(range(16)), 321) != key
    assert keystore.stretch(PHRASE, bytes(range(1, 17)), 320) != key


def test_a_closed_store_knows_but_keeps_no_key():
    disk = made(passphrase=PHRASE)
    with Board(disk):
        one = opened(disk, passphrase=PHRASE)
        master = one._master
        phrase = one._passphrase
        one.close()
        assert master == bytes(32) and phrase == bytes(len(PHRASE))
        assert one.know("ben", BEN) == "verified" and one.identity.secret != bytes(32)
        assert "closed" in str(raises(KeyStoreError, one.know, "eva", EVA))
        assert opened(disk, passphrase=PHRASE).know("eva", EVA) == "new"


# --- panic


def test_wiping_leaves_nothing():
    disk = made()
    disk.folders.add(FOLDER + "/sub")
    disk.files[FOLDER + "/config.json"] = b'{"nick": "ana"}'
    disk.files[FOLDER + "/sub/notes"] = bytes(1000)
    disk.files["/main.py"] = b"run()"
    with Board(disk):
        one = opened(disk)
        secret = one.identity.secret
        master = one._master
        fed = []
        one.wipe(lambda: fed.append(1))
        assert disk.files == {"/main.py": b"run()"} and disk.folders == {""}
        assert secret == bytes(32) and master == bytes(32), "the memory too"
        assert fed, "the watchdog was fed"
        assert one.identity is None and one.people() == [] and not one.is_verified(BEN)
        assert "closed" in str(raises(KeyStoreError, one.create_identity))
        assert "closed" in str(raises(KeyStoreError, one.know, "ana", ANA))
        assert disk.files == {"/main.py": b"run()"}
        fresh = opened(disk)
        assert fresh.identity is None and fresh.people() == []


def test_wiping_a_full_disk():
    disk = made()
    disk.room = disk.used()
    with Board(disk):
        opened(disk).wipe()
        assert disk.files == {}


def test_a_wipe_that_was_cut_off_is_resumed_before_anything_is_read():
    disk = made()
    disk.files["/keep.wipe"] = b""
    with Board(disk):
        store.resume(FOLDER)
        assert disk.files == {} and disk.folders == {""}
        store.resume(FOLDER)  # nothing to do


def test_no_secret_stays_in_what_is_closed():
    """Also after an error: the key that was derived, and the passphrase."""
    disk = made(passphrase=PHRASE)
    derived = []
    stretch = keystore.stretch
    keystore.stretch = lambda *arguments: derived.append(stretch(*arguments)) or derived[-1]
    try:
        with Board(disk):
            raises(KeyStoreError, opened_with, disk, b"wrong")
    finally:
        keystore.stretch = stretch
    assert derived and all([key == bytes(32) for key in derived])


def test_an_identity_is_what_it_was_made_of():
    with Board(Disk()):
        made_now = KeyStore(FOLDER, Seeded(3)).create_identity()
        assert Identity(made_now.secret).public == made_now.public
