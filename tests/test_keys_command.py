"""`mpseq keys`: who I am, whom I know, a backup of both under a passphrase."""

import json
import os

import monocypher
import pytest
from commanding import in_a_terminal, run

from mpseq import Identity, fingerprint
from mpseq_tools import backup, card, keys
from mpseq_tools.people import People, Person

BEN, EVA = (Identity.generate(lambda size, n=n: bytes([n]) * size).public for n in (7, 8))
PHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MPSEQ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def cheap(monkeypatch):
    """Argon2 over 64 KiB: these tests are not about its cost."""
    seal = backup.seal
    monkeypatch.setattr(backup, "seal", lambda *parts: seal(*parts, blocks=64, passes=1))


def shown(*options):
    return json.loads(run("keys", "show", "--json", *options).stdout)


# --- who I am


def test_the_first_look_makes_an_identity_and_the_second_shows_the_same():
    first = run("keys", "show")
    assert first.exit_code == 0 and "a new identity was made" in first.stdout
    identity, created = keys.load(create=False)
    assert not created
    again = run("keys", "show")
    assert "a new identity" not in again.stdout
    assert identity.public.hex() in again.stdout and identity.fingerprint in again.stdout
    found = shown()
    assert (found["profile"], found["key"], found["fingerprint"], found["people"]) == (
        "default", identity.public.hex(), identity.fingerprint, [],
    )  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "show", "--profile", "typo"),
        ("keys", "qr", "--profile", "typo"),
        ("keys", "export", "b", "--profile", "typo"),
        ("audit-transcript", "nothing.json", "--profile", "typo"),
    ],
)
def test_a_mistyped_profile_makes_no_identity(home, command):
    keys.load("work")
    done = run(*command)
    assert done.exit_code == 2
    assert (
        "no profile 'typo'" in done.stderr and "Cure: take one that is here (work)" in done.stderr
    )
    assert keys.profiles() == ["work"]


def test_new_makes_one_only_once_and_list_shows_all(home):
    assert run("keys", "list").stdout.startswith("no identity in ")
    assert run("keys", "new", "work").exit_code == 0
    key = keys.load("work", create=False)[0].public
    again = run("keys", "new", "work")
    assert again.exit_code == 2 and "is there already" in again.stderr
    assert keys.load("work", create=False)[0].public == key
    (home / "broken.key").write_text("what?")
    (home / "broken.key").chmod(0o600)
    rows = json.loads(run("keys", "list", "--json").stdout)["profiles"]
    assert [row["profile"] for row in rows] == ["broken", "work"]
    assert "no identity" in rows[0]["problem"] and rows[1]["fingerprint"] == fingerprint(key)
    assert "cannot be used" in run("keys", "list").stdout
    assert run("keys", "new", "../x").exit_code == 2


def test_the_qr_code_is_explained_and_its_line_verifies(home):
    done = run("keys", "qr", "--nick", "ana")
    line = next(line for line in done.stdout.splitlines() if line.startswith("mpseq-key-1"))
    key = keys.load(create=False)[0].public
    assert card.parse(line) == ("ana", key)
    assert "█" in done.stdout and "mpseq keys verify" in done.stdout
    # On somebody else's machine, as scanned.
    assert run("keys", "new", "ben").exit_code == 0
    assert run("keys", "verify", "--profile", "ben", line).exit_code == 0
    assert People.load("ben").is_verified(key)
    assert run("keys", "qr", "--nick", "x" * 33).exit_code == 2


# --- whom I know


def test_somebody_reads_out_a_fingerprint():
    People.load().meet("ben", BEN)
    wrong = run("keys", "verify", "ben", "--fingerprint", fingerprint(EVA))
    assert wrong.exit_code == 1 and "NOT the key" in wrong.stderr
    assert fingerprint(BEN) in wrong.stderr  # what is known, to look at
    assert not People.load().is_verified(BEN)
    heard = fingerprint(BEN).lower().replace("-", " ").replace("1", "l").replace("0", "o")
    assert run("keys", "verify", "ben", "--fingerprint", heard).exit_code == 0
    assert shown()["people"][0]["verified"] is True
    assert run("keys", "unverify", "ben").exit_code == 0
    assert shown()["people"][0]["verified"] is False


def test_a_nick_alone_shows_the_fingerprint_and_asks():
    People.load().meet("ben", BEN)
    no = run("keys", "verify", "ben", text="n\n")
    assert no.exit_code == 1 and fingerprint(BEN) in no.stdout
    assert not People.load().is_verified(BEN)
    assert run("keys", "verify", "ben", text="y\n").exit_code == 0
    assert People.load().is_verified(BEN)
    stranger = run("keys", "verify", "eva", text="y\n")
    assert stranger.exit_code == 2 and "met nobody" in stranger.stderr


def test_another_key_than_before_is_taken_only_when_you_say_so():
    People.load().meet("ben", BEN)
    done = run("keys", "verify", "ben", EVA.hex())
    assert done.exit_code == 1 and "NOT the key" in done.stderr and "--changed" in done.stderr
    assert People.load().by_key(EVA) is None
    assert run("keys", "verify", "ben", EVA.hex(), "--changed").exit_code == 0
    assert list(People.load()) == [People.load().by_key(EVA)]


def test_whoever_was_never_met_can_be_verified_by_key_and_be_forgotten():
    assert run("keys", "verify", "ben", BEN.hex()).exit_code == 0
    assert run("keys", "verify", "eva", EVA.hex()).exit_code == 0
    assert "ben" in run("keys", "show").stdout
    assert run("keys", "forget", "ben").exit_code == 0
    assert run("keys", "forget", EVA.hex()).exit_code == 0
    assert shown()["people"] == []
    done = run("keys", "forget", "ben")
    assert done.exit_code == 2 and "know nobody" in done.stderr


def test_a_line_of_others_turns_no_line_around():
    done = run("keys", "verify", f"mpseq-key-1 {BEN.hex()} ben\u202e")
    assert done.exit_code == 0 and "ben\\u202e" in done.stdout and "\u202e" not in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("ben", "abc"),
        ("ben", "00" * 32),  # a point of small order
        ("ben", BEN.hex(), "more"),
        ("x" * 33, BEN.hex()),
        (f"mpseq-key-1 {BEN.hex()}",),
        (f"mpseq-key-1 {'00' * 32} ben",),
        (f"mpseq-key-1 {BEN.hex()} be\x1b[2Jn",),
        (f"mpseq-key-1 {BEN.hex()} be\nn",),
    ],
)
def test_what_is_no_key_is_verified_as_nobody(words):
    assert run("keys", "verify", *words).exit_code == 2
    assert len(People.load()) == 0


def test_my_own_key_is_nobody_elses():
    key = keys.load()[0].public
    assert "your own" in run("keys", "verify", "ben", key.hex()).stderr
    assert len(People.load()) == 0


# --- a backup


def test_a_backup_brings_everything_back_on_another_machine(home, tmp_path, monkeypatch):
    """With the real cost of Argon2, once."""
    key = keys.load()[0].public
    secret = bytes(keys.load()[0].secret)
    People.load().verify(BEN, "ben")
    file = tmp_path / "backup"
    done = run("keys", "export", file, text=PHRASE + "\n")
    assert done.exit_code == 0 and done.stderr == ""
    assert file.stat().st_mode & 0o777 == 0o600
    data = file.read_bytes()
    for form in (secret, secret.hex().encode(), BEN.hex().encode(), b"ben", PHRASE.encode()):
        assert form not in data
    monkeypatch.setenv("MPSEQ_HOME", str(tmp_path / "new"))
    done = run("keys", "import", file, text=PHRASE + "\n")
    assert done.exit_code == 0, done.output
    assert keys.load(create=False)[0].public == key
    assert People.load().by_nick("ben")[0].verified


def test_a_backup_never_overwrites(home, tmp_path, cheap):
    keys.load()
    file = tmp_path / "backup"
    file.write_text("my novel")
    done = run("keys", "export", file, text=PHRASE + "\n")
    assert done.exit_code == 2 and "is there already" in done.stderr
    assert file.read_text() == "my novel"
    assert run("keys", "export", tmp_path / "no" / "b", text=PHRASE + "\n").exit_code == 2
    assert run("keys", "export", tmp_path / "b", text="\n").exit_code == 2
    assert not (tmp_path / "b").exists()


def test_another_identity_is_replaced_only_when_you_say_so(tmp_path, cheap):
    old = keys.load("work")[0].public
    file = tmp_path / "backup"
    assert run("keys", "export", file, "--profile", "work", text=PHRASE + "\n").exit_code == 0
    here = keys.load()[0].public
    done = run("keys", "import", file, text=PHRASE + "\n")
    assert done.exit_code == 2
    assert fingerprint(old) in done.stderr and fingerprint(here) in done.stderr
    assert keys.load()[0].public == here
    assert run("keys", "import", file, "--replace", text=PHRASE + "\n").exit_code == 0
    assert keys.load()[0].public == old
    # The same one again: nothing to ask, and its people are added.
    People.load().meet("eva", EVA)
    assert run("keys", "import", file, text=PHRASE + "\n").exit_code == 0
    assert [one.nick for one in People.load()] == ["eva"]


def test_a_wrong_passphrase_and_a_changed_file_do_not_open(tmp_path, cheap):
    keys.load()
    file = tmp_path / "backup"
    run("keys", "export", file, text=PHRASE + "\n")
    wrong = run("keys", "import", file, "--profile", "x", text="nope\n")
    assert wrong.exit_code == 2 and "does not open" in wrong.stderr
    whole = json.loads(file.read_text())
    for name in ("salt", "nonce", "mac", "sealed"):
        changed = dict(whole)
        changed[name] = ("1" if changed[name][0] == "0" else "0") + changed[name][1:]
        file.write_text(json.dumps(changed))
        assert run("keys", "import", file, "--profile", "x", text=PHRASE + "\n").exit_code == 2
    file.write_text(json.dumps({**whole, "passes": 2}))
    assert run("keys", "import", file, "--profile", "x", text=PHRASE + "\n").exit_code == 2
    assert keys.profiles() == ["default"]


@pytest.mark.parametrize(
    "change",
    [
        {"blocks": 1 << 30},
        {"blocks": -1},
        {"blocks": True},
        {"passes": 10**9},
        {"passes": "3"},
        {"salt": "00"},
        {"nonce": ""},
        {"format": "mpseq-backup-2"},
        {"sealed": None},
    ],
)
def test_what_a_file_asks_for_is_looked_at_before_memory_is_taken(tmp_path, monkeypatch, change):
    identity = Identity.generate(os.urandom)
    whole = json.loads(backup.seal(identity, [], PHRASE, os.urandom, blocks=64, passes=1))
    file = tmp_path / "backup"
    file.write_text(json.dumps({**whole, **change}))
    monkeypatch.setattr(monocypher, "argon2i_32", lambda *_: pytest.fail("it was computed"))
    done = run("keys", "import", file, text=PHRASE + "\n")
    assert done.exit_code == 2 and "is no backup of mpseq" in done.stderr, done.output
    assert keys.profiles() == []


@pytest.mark.parametrize("text", ["", "[]", "null", "[" * 9999, "\0\1\2"])
def test_what_is_no_backup_is_told_so_without_asking(tmp_path, text):
    file = tmp_path / "backup"
    file.write_text(text)
    with pytest.raises(backup.BackupFault, match="no backup"):
        backup.load(file, lambda: pytest.fail("it asked for a passphrase"))


def test_the_length_of_a_backup_says_little():
    identity = Identity.generate(os.urandom)
    sizes = set()
    for count in (0, 1, 10):
        people = [Person(f"nick{n}", bytes([n]) * 32, True, n) for n in range(count)]
        sizes.add(len(backup.seal(identity, people, PHRASE, os.urandom, blocks=8, passes=1)))
    assert len(sizes) == 1


def test_at_a_terminal_the_passphrase_is_asked_twice_and_not_shown(home, tmp_path):
    keys.load()
    file = tmp_path / "backup"
    code, text = in_a_terminal(
        "keys", "export", file, typed=[("backup: ", PHRASE), ("again: ", PHRASE + "x")]
    )
    assert code == 2 and "not the same" in text and not file.exists()
    assert PHRASE not in text
