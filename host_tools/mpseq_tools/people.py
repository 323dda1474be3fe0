"""The people that a profile knows: under which nick a key was first met, and whom you verified.

One JSON file beside the identity, `PROFILE.people`. A nick belongs to whoever came under it
first, until you verify somebody else by it or forget the first one: nicks that differ only in
case, width or accents' spelling count as one. Whoever calls `meet` does so for people of a session
only, so that strangers cannot fill the file; beyond the cap the oldest unverified ones go.
"""

import contextlib
import dataclasses
import json
import pathlib
import time
import unicodedata
from collections.abc import Iterable, Iterator

import filelock

from . import keys, private
from .faults import Fault

MOST = 1000  # people of a profile
_VERSION = 1
_LARGEST = 1 << 20  # bytes of a file that is read at all
_PATIENCE = 10  # seconds until another process has written, which takes milliseconds
_LATEST = 1 << 34  # seconds since 1970; beyond, some machines have no date
_NICK = 32  # bytes, as in the protocol


class PeopleFault(Fault):
    """The file of known people cannot be used."""

    code = 4


@dataclasses.dataclass(frozen=True)
class Person:
    """`key`: 32 bytes; `first_met`: seconds since 1970."""

    nick: str
    key: bytes
    verified: bool
    first_met: int


def skeleton(nick: str) -> str:
    """What is equal of two nicks that a reader could take for one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", nick).casefold()).strip()


class People:
    """Every change is saved at once; what another process has changed is seen at once. All
    methods may raise PeopleFault; keys are 32 bytes, ValueError otherwise."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._lock = filelock.FileLock(
            path.with_name(f".{path.name}.lock"), timeout=_PATIENCE, mode=0o600
        )
        self._known: dict[bytes, Person] = {}  # oldest meeting first
        self._seen = None  # of which state of the file that is

    @classmethod
    def load(cls, profile: str = "default") -> "People":
        """The people of a profile; none when there is no file yet."""
        people = cls(path_of(profile))
        people._refresh()
        return people

    def meet(self, nick: str, key: bytes) -> str:
        """Somebody is in a session with me: "new", "known", "verified", or "changed", when this
        nick is that of another key. Then nothing is stored, so that the next meeting says so
        again, until `verify` or `forget` decides. Somebody verified under another nick is
        "verified"; see `by_key`."""
        _check(nick, key)
        answer = self._judge(nick, key)
        if answer == "new":
            with self._changing():
                answer = self._judge(nick, key)  # another process may have met them, too
                if answer == "new":
                    self._make_room()
                    if len(self._known) < MOST:
                        self._known[key] = Person(nick, key, False, int(time.time()))
        return answer

    def is_verified(self, key: bytes) -> bool:
        """Whether you have verified this key, under whatever nick."""
        person = self.by_key(key)
        return person is not None and person.verified

    def verify(self, key: bytes, nick: str) -> None:
        """You compared: this key is that of the person whom you call `nick`, from now on."""
        _check(nick, key)
        with self._changing():
            old = self._known.get(key)
            if not old:
                self._make_room()
                if len(self._known) >= MOST:
                    raise PeopleFault(
                        f"{MOST} verified people are known", "forget some: mpseq keys forget"
                    )
            met = old.first_met if old else int(time.time())
            self._known[key] = Person(nick, key, True, met)

    def unverify(self, key: bytes) -> None:
        """This person stays known, unverified."""
        with self._changing():
            if old := self._known.get(bytes(key)):
                self._known[old.key] = dataclasses.replace(old, verified=False)

    def forget(self, key: bytes) -> bool:
        """This person was never met. Whether there was one."""
        with self._changing():
            return self._known.pop(bytes(key), None) is not None

    def by_nick(self, nick: str) -> list[Person]:
        """The people of this nick, verified ones first, then by the time of the first meeting."""
        wanted = skeleton(nick)
        found = [person for person in self if skeleton(person.nick) == wanted]
        return sorted(found, key=lambda person: (not person.verified, person.first_met))

    def by_key(self, key: bytes) -> Person | None:
        """The person of this key, whose `nick` may be another one than it comes with; or None."""
        self._refresh()
        return self._known.get(bytes(key))

    def add(self, persons: Iterable[Person]) -> None:
        """Takes over people from a backup. Whoever is known stays as first met; verified is who
        was so here or there."""
        with self._changing():
            for person in persons:
                _check(person.nick, person.key)
                old = self._known.get(person.key, person)
                if person.verified and not old.verified:
                    old = dataclasses.replace(old, nick=person.nick, verified=True)
                if old.first_met > person.first_met:
                    old = dataclasses.replace(old, first_met=person.first_met)
                self._known[person.key] = old
            self._make_room(0)
            if len(self._known) > MOST:
                raise PeopleFault(
                    f"{MOST} verified people are known", "forget some: mpseq keys forget"
                )

    def __iter__(self) -> Iterator[Person]:
        self._refresh()
        return iter(list(self._known.values()))

    def __len__(self) -> int:
        self._refresh()
        return len(self._known)

    def _judge(self, nick, key):
        others = [one for one in self.by_nick(nick) if one.key != key]
        own = self._known.get(key)
        is_mine = own is not None and skeleton(own.nick) == skeleton(nick)
        if own and own.verified and (is_mine or not others):
            return "verified"
        if others and not (is_mine and own.first_met <= others[0].first_met):
            return "changed"
        if is_mine and any(one.verified for one in others):
            return "changed"
        return "known" if own else "new"

    def _make_room(self, wanted=1):
        """Forgets the oldest unverified people until `wanted` more fit."""
        surplus = len(self._known) + wanted - MOST
        if surplus > 0:
            strangers = [one for one in self._known.values() if not one.verified]
            for one in sorted(strangers, key=lambda person: person.first_met)[:surplus]:
                del self._known[one.key]

    @contextlib.contextmanager
    def _changing(self):
        """The file is nobody else's meanwhile, and is written afterwards if anything changed."""
        try:
            private.folder_of(self._path, PeopleFault)
            with self._lock:
                self._refresh()
                before = dict(self._known)
                try:
                    yield
                    if self._known != before:
                        private.write(self._path, dump(self._known.values()), True)
                        self._seen = self._state()
                except BaseException:
                    self._known = before
                    raise
        except filelock.Timeout:
            raise PeopleFault(
                f"another program holds {self._path}", "end it, and try again"
            ) from None
        except OSError as error:
            raise private.unusable(self._path, error, PeopleFault) from None

    def _state(self):
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _refresh(self):
        """Reads the file if it is not the one that was read before."""
        try:
            state = self._state()
            if state is None:
                self._known = {}
            elif state != self._seen:
                private.refuse_wide(self._path.parent, 0o700, PeopleFault)
                private.refuse_wide(self._path, 0o600, PeopleFault)
                with open(self._path, "rb") as file:
                    data = file.read(_LARGEST + 1)
                try:
                    self._known = {person.key: person for person in parse(data)}
                except ValueError as error:
                    raise PeopleFault(
                        f"{self._path} holds no list of people: {error}",
                        "restore it from a copy (mpseq keys import), or move it away and verify"
                        " your people again",
                    ) from None
            self._seen = state
        except OSError as error:
            raise private.unusable(self._path, error, PeopleFault) from None


def path_of(profile: str) -> pathlib.Path:
    """File of a profile's people. KeyFault when the name cannot be a file's."""
    return keys.path_of(profile).with_suffix(".people")


def dump(persons: Iterable[Person]) -> bytes:
    """The file's bytes."""
    listed = [
        {
            "key": one.key.hex(),
            "nick": one.nick,
            "verified": one.verified,
            "first_met": one.first_met,
        }
        for one in persons
    ]
    text = json.dumps({"version": _VERSION, "people": listed}, ensure_ascii=False, indent=1)
    return text.encode() + b"\n"


def parse(data: bytes) -> list[Person]:
    """The people of a file's bytes. ValueError says what is wrong."""
    if len(data) > _LARGEST:
        raise ValueError("it is too large")
    try:
        found = json.loads(data)
        version = found["version"]
        if version != _VERSION:
            version = repr(version)[:40]
            raise ValueError(f"it has version {version}, made by another mpseq than this one")
        persons = []
        for one in found["people"]:
            person = Person(
                one["nick"], bytes.fromhex(one["key"]), one["verified"], one["first_met"]
            )
            _check(person.nick, person.key)
            if type(person.verified) is not bool or type(person.first_met) is not int:
                raise ValueError("a person is not as it should be")
            if not 0 <= person.first_met < _LATEST:
                raise ValueError("a person was met at no time")
            persons.append(person)
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("it is not as it should be") from None
    if len(persons) > MOST:
        raise ValueError("too many people")
    return persons


def _check(nick, key):
    if len(key) != 32:
        raise ValueError("a key has 32 bytes")
    if not 1 <= len(nick.encode()) <= _NICK:
        raise ValueError("a nick has 1 to 32 bytes")
