"""The people that a profile knows: who is new, known, verified, or somebody else under a known
nick; kept in one file that several processes change."""

import json
import os
import subprocess
import sys

import pytest

from mpseq_tools import people as module
from mpseq_tools.people import People, PeopleFault

ANA, BEN, EVA = (bytes([number]) * 32 for number in (1, 2, 3))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MPSEQ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_somebody_is_new_once_and_known_from_then_on():
    people = People.load("ana")
    assert people.meet("ben", BEN) == "new"
    assert people.meet("ben", BEN) == "known"
    assert People.load("ana").meet("ben", BEN) == "known"
    assert not people.is_verified(BEN)
    assert len(People.load("other")) == 0


def test_a_known_nick_with_another_key_is_shouted_until_somebody_decides():
    people = People.load()
    people.meet("ben", BEN)
    first = people.by_nick("ben")[0]
    assert people.meet("ben", EVA) == "changed"
    assert people.meet("ben", EVA) == "changed"
    assert people.by_nick("ben") == [first]  # the first meeting is what is remembered
    assert people.meet("ben", BEN) == "known"

    people.verify(EVA, "ben")  # ben has a new device, says his voice
    assert people.meet("ben", EVA) == "verified"
    assert people.meet("ben", BEN) == "changed"
    assert [one.key for one in people.by_nick("ben")] == [EVA, BEN]
    people.forget(BEN)
    assert [one.key for one in people] == [EVA]


def test_forgetting_the_first_one_frees_the_nick():
    people = People.load()
    people.meet("ben", BEN)
    assert people.meet("ben", EVA) == "changed"
    assert people.forget(BEN)
    assert not people.forget(BEN)
    assert people.meet("ben", EVA) == "new"


@pytest.mark.parametrize("nick", ["Ben", "BEN", "\uff42en", "ben\u2002"])
def test_nicks_that_a_reader_takes_for_one_are_one(nick):
    people = People.load()
    people.verify(BEN, "ben")
    assert people.meet(nick, EVA) == "changed"
    assert [one.key for one in people.by_nick(nick)] == [BEN]


def test_verified_is_a_key_and_a_friend_cannot_come_as_another_friend():
    people = People.load()
    people.meet("ben", BEN)
    people.verify(EVA, "eva")
    assert people.meet("evi", EVA) == "verified"
    assert people.by_key(EVA).nick == "eva"  # which a screen can show beside the new nick
    assert people.meet("ben", EVA) == "changed"
    people.unverify(EVA)
    assert not people.is_verified(EVA)
    assert people.meet("eva", EVA) == "known"


def test_another_object_sees_a_change_at_once():
    here, there = People.load(), People.load()
    there.verify(BEN, "ben")
    assert here.is_verified(BEN)
    here.forget(BEN)
    assert list(there) == []


def test_a_date_that_no_calendar_has_is_refused():
    for first_met in (-1, 10**18, 2**63, True):
        listed = [{"nick": "ben", "key": "00" * 32, "verified": True, "first_met": first_met}]
        with pytest.raises(ValueError):
            module.parse(json.dumps({"version": 1, "people": listed}).encode())


def test_processes_at_once_lose_nothing_of_each_other(home):
    program = (
        "import sys\nfrom mpseq_tools.people import People\n"
        "people = People.load()\nsys.stdin.readline()\n"
        "for i in range(12):\n"
        "    people.meet(sys.argv[1] + str(i), bytes([int(sys.argv[2]), i]) * 16)\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, nick, str(n)], stdin=subprocess.PIPE)
        for n, nick in enumerate(("ana", "ben", "eva"))
    ]
    for process in running:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in running:
        assert process.wait(60) == 0
    assert len(People.load()) == 36
    assert not [name for name in os.listdir(home) if name.startswith(".default.people.")
                and not name.endswith(".lock")]  # fmt: skip


def test_the_oldest_unverified_go_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(module, "MOST", 4)
    times = iter(range(1000, 2000))
    monkeypatch.setattr(module.time, "time", lambda: next(times))
    people = People.load()
    people.verify(ANA, "ana")
    for number in range(10, 20):
        assert people.meet(f"guest{number}", bytes([number]) * 32) == "new"
    assert [one.nick for one in people] == ["ana", "guest17", "guest18", "guest19"]
    for number in (17, 18, 19):
        people.verify(bytes([number]) * 32, f"guest{number}")
    assert people.meet("ben", BEN) == "new"  # seen, with no room to remember it
    assert people.by_key(BEN) is None
    with pytest.raises(PeopleFault, match="4 verified people"):
        people.verify(BEN, "ben")
    assert len(People.load()) == 4


def test_a_whole_list_is_not_too_large_to_be_read():
    people = People.load()
    people.add(module.Person('"' * 32, number.to_bytes(32, "big"), True, 1 << 33)
               for number in range(module.MOST))  # fmt: skip
    assert len(People.load()) == module.MOST


def test_people_of_a_backup_are_added_to_those_who_are_here():
    people = People.load()
    people.meet("ben", BEN)
    met = people.by_key(BEN).first_met
    people.add([module.Person("ben", BEN, True, met + 9), module.Person("eva", EVA, False, 5)])
    assert people.by_key(BEN) == module.Person("ben", BEN, True, met)
    people.verify(EVA, "eva")
    people.add([module.Person("eva", EVA, False, 3)])
    assert people.by_key(EVA) == module.Person("eva", EVA, True, 3)


def test_the_file_is_for_its_owner_alone(home):
    People.load().meet("ben", BEN)
    path = home / "default.people"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(PeopleFault, match="open to others") as caught:
        People.load()
    assert "chmod 600" in caught.value.cure


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": 2, "people": []}',
        '{"version": 1, "people": {"a": 1}}',
        '{"version": 1, "people": [{"nick": "", "key": "' + "01" * 32
        + '", "verified": true, "first_met": 1}]}',
        '{"version": 1, "people": [{"nick": "ben", "key": "01", "verified": true,'
        ' "first_met": 1}]}',
        '{"version": 1, "people": [{"nick": "ben", "key": "' + "01" * 32
        + '", "verified": 1, "first_met": 1}]}',
        "[" * 100000,
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_and_left_alone(home, text):
    People.load().meet("ben", BEN)
    path = home / "default.people"
    path.write_text(text)
    with pytest.raises(PeopleFault, match="holds no list of people"):
        People.load()
    assert path.read_text() == text


def test_the_file_has_a_version_and_plain_json(home):
    People.load().verify(BEN, "bën")
    found = json.loads((home / "default.people").read_text())
    assert found["version"] == 1
    (one,) = found["people"]
    assert one["key"] == BEN.hex() and one["nick"] == "bën" and one["verified"] is True


@pytest.mark.parametrize("nick, key", [("ben", b"short"), ("", BEN), ("x" * 33, BEN)])
def test_what_is_no_person_is_never_stored(home, nick, key):
    with pytest.raises(ValueError):
        People.load().meet(nick, key)
    assert not (home / "default.people").exists()
