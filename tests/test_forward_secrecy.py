"""A member's whole memory, searched for every secret that it ever had: what is past is gone.

A recorded member lives in a room (secrecy/record.py), and once more alone in a process of its own,
on CPython and on MicroPython (secrecy/replay.py). At each mark of a scenario that process is
stopped and all memory it could have written to is searched: for what it must still have, and for
all the rest.
"""

import gc
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import monocypher as pymonocypher
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "core"))

from house import House  # noqa: E402
from secrecy.memory import Memory  # noqa: E402
from secrecy.record import Recording, contents, keepers  # noqa: E402
from secrecy.scenarios import SCENARIOS, a_rekey, messages  # noqa: E402

from mpseq import events  # noqa: E402
from mpseq.primitives import KEY, blake2b_framed  # noqa: E402

SCRIPTS = HERE / "secrecy"
LIB = HERE.parent / "lib"
RUNTIMES = ("cpython", "micropython")
PSK = bytes(range(200, 232))


@pytest.fixture(params=RUNTIMES)
def start(request, unix_micropython):
    """Starts a script on one of the runtimes."""

    @contextmanager
    def start(script, **environment):
        if request.param == "cpython":
            command = [sys.executable]
            # Python is linked as it is: at the first call of a function the dynamic linker
            # may save a register on the stack through which a secret was copied before.
            environment = {"LD_BIND_NOW": "1", "PYTHONPATH": str(LIB), **environment}
        else:
            command = [unix_micropython, "-X", "heapsize=2M"]
            environment = {"MICROPYPATH": f"{LIB}:.frozen"}
        process = subprocess.Popen(
            [*command, SCRIPTS / script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            bufsize=0,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    return start


def record(scenario, suite):
    """The Twin after the scenario."""
    with Recording() as recording:
        house = House("ana", "eva", "dan", psk=PSK)
        twin = recording.follow(house, "ben", PSK)
        found = house.found
        house.found = lambda nick: found(nick, suite=suite)
        scenario(house, twin)
    assert twin.marks
    twin.let_go()
    return twin


def explain(twin, memory, found):
    lines = []
    for value, what in found.items():
        lines.append(f"{what}: {value.hex()}")
        lines += ["    in memory: " + place for place in memory.where(value)[:4]]
        lines += ["    the twin keeps it in " + path for path in keepers(twin.me, value)]
    return "\n".join(lines)


def look(process, mark, twin):
    """At a mark: whatever it must have is there, and whatever is past is not."""
    memory = Memory(process.pid)
    missing = [name for name, value in mark.held.items() if not memory.has(value)]
    assert not missing, f"{mark.name}: not seen in memory, so nothing would be: {missing}"
    past = mark.past
    found = {value: what for value, what in past.items() if memory.has_part(value)}
    assert not found, f"{mark.name}:\n{explain(twin, memory, found)}"
    return past


@pytest.mark.parametrize(
    "scenario,suite",
    [(one, 1) for one in SCENARIOS] + [(messages, 2), (a_rekey, 2)],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_what_is_past_is_gone(scenario, suite, start):
    twin = record(scenario, suite)
    marks = list(twin.marks)
    with start("replay.py") as process:
        for line in twin.script:
            process.stdin.write(line.encode())
            if line == "mark\n":
                mark = marks.pop(0)
                said = process.stdout.readline().decode().strip()
                assert said == mark.posted, "it did not post the same frames"
                past = look(process, mark, twin)
    assert not marks
    # of the first mark something was held that is past at the last: it was seen to go
    gone = set(twin.marks[0].held.values()) & set(past)
    assert gone or len(twin.marks) == 1


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_no_object_keeps_what_is_past(scenario):
    """CPython's heap as its garbage collector sees it: nothing leads from the member to one."""
    twin = record(scenario, 1)
    twin.mark("the end")
    mark = twin.marks[-1]
    found = list(contents(twin.me))
    for name, value in mark.held.items():
        assert any(value in content for _, content in found), name
    long = [(path, content) for path, content in found if len(content) >= KEY // 2]
    for value, what in mark.past.items():
        paths = [path for path, content in long if value in content]
        assert not paths, f"{what} of the past in {paths}"


# --- the functions by themselves


def derived(secret):
    """What the functions of calls.py make of these 64 bytes on their way."""
    first, second = secret[:KEY], secret[KEY:]
    out = {"first half": first, "second half": second}
    for name, seed in (("first", first), ("second", second)):
        expanded = pymonocypher.blake2b(seed)
        out["scalar of the " + name] = expanded[:KEY]
        out["nonce prefix of the " + name] = expanded[KEY:]
        out["nonce of the " + name] = pymonocypher.blake2b(expanded[KEY:] + TEXT)
    out["shared secret"] = pymonocypher.x25519(first, PUBLIC)
    out["XChaCha20's subkey"] = pymonocypher.chacha20_h(first, bytes(16))
    out["Poly1305's key"] = pymonocypher.chacha20(first, bytes(24), bytes(KEY))
    once = blake2b_framed(first, KEY, b"tag")
    out["key of one seal"] = once
    out["suite 2's AES key"] = blake2b_framed(once, KEY, b"cipher")
    out["suite 2's MAC key"] = blake2b_framed(once, KEY, b"mac")
    return out


TEXT = b"a text that is no secret"  # as in calls.py
PUBLIC = pymonocypher.x25519_public_key(bytes(range(32)))


def test_a_function_leaves_no_copy_of_a_secret(start):
    with start("calls.py", LD_BIND_NOW="") as process:  # _pymonocypher sees to that itself
        names = process.stdout.readline().decode().split()
        assert len(names) > 10 and names[-1] == "careless"
        for number, name in enumerate(names):
            secret = os.urandom(2 * KEY)
            process.stdin.write(bytes([number]) + secret)
            assert process.stdout.readline() == b"done\n", name
            memory = Memory(process.pid)
            found = [what for what, value in derived(secret).items() if memory.has_part(value)]
            assert found == (["first half", "second half"] if name == "careless" else []), name


def test_random_bytes_are_there_once(start):
    """urandom() of mpseq_aio, which a Chat takes its secrets from."""
    with start("entropy.py") as process:
        for _ in range(3):
            given = process.stdout.read(KEY)
            assert len(given) == KEY
            memory = Memory(process.pid)
            assert sum(piece.count(given) for _, piece in memory.pieces) == 1
            assert len(memory.where(given)) == KEY // 8
            process.stdin.write(b"\n")
            assert process.stdout.readline() == b"wiped\n"
            assert not Memory(process.pid).has_part(given)
            process.stdin.write(b"\n")


# --- texts are the application's


def test_the_core_keeps_no_text_after_delivery():
    house = House("ana", "ben", "eva").together("ana", "ben", "eva")
    texts = ["the parcel is under the third stone", "then I shall fetch it tonight"]
    house.people["ana"].send(texts[0], house.now)
    assert keepers(house["ana"], texts[0].encode()), "it waits for its echo"
    house.settle()
    house.say("ben", texts[1])
    house.wait(20000)
    assert house.texts("eva") == list(zip(("ana", "ben"), texts, strict=True))
    house.seen = None
    gc.collect()
    for nick in ("ana", "ben", "eva"):
        for text in texts:
            assert not keepers(house[nick], text.encode()), nick


def test_a_waiting_text_that_is_given_back_is_not_kept():
    house = House("ana", "ben").together("ana", "ben")
    house.hook = lambda sender, frame: ()
    house["ana"].send("nobody will hear this", house.now)
    house.settle()
    house.hook = None
    house["ana"].leave(house.now)
    house.wait(120000)
    assert house.of("ana", events.Left)
    house.seen = None
    assert not keepers(house["ana"], b"nobody will hear this")
