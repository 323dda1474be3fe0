"""Deniability: a transcript with all session secrets is accepted by the audit, a forged one too,
and nothing tells them apart; and the audit is no rubber stamp: whatever is changed is refused."""

import asyncio
import copy
import hashlib
import importlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

from mpseq import Identity, wire
from mpseq.primitives import H, kdf, mac, mc, seal, unseal
from mpseq_aio.chat import Chat
from mpseq_tools import transcript
from mpseq_tools.audit import VERDICT, audit
from mpseq_tools.follow import Follower
from mpseq_tools.forge import PublicIdentity, ScriptFault, Stage, forge, parse_people
from mpseq_tools.relay import Relay
from mpseq_tools.ring import Refused

sys.path.insert(0, str(pathlib.Path(__file__).parent / "core"))
import house as houses  # noqa: E402

SCRIPT = """
# ana founds the room; ben is there from the beginning
ana: hello
ben: hi
ana /invite eva dan
eva: good evening
/wait 20
ben /rekey
ben: nobody will ever prove that I said this
eva /cheat
ana /rekey
dan: eva is out
ben /leave
ana: just the two of us
"""
NICKS = ("ana", "ben", "eva", "dan")
P = 2**255 - 19


def identity(nick):
    """A person with a secret of its own."""
    return Identity(hashlib.sha256(nick.encode()).digest())


def key_of_nobody(label):
    """A public key whose secret never existed: a point of the curve found by hashing, times the
    cofactor and more, so that it is of the prime-order subgroup as real keys are."""
    for at in range(100):
        u = int.from_bytes(hashlib.sha256(f"{label} {at}".encode()).digest(), "little") % P
        if pow(u**3 + 486662 * u**2 + u, (P - 1) // 2, P) == 1:
            scalar = hashlib.sha256(b"a multiple").digest()
            return bytes(mc.x25519(scalar, u.to_bytes(32, "little")))
    raise AssertionError("no point")


def read_back(data):
    """As it comes out of the file."""
    return json.loads(json.dumps(data))


def record(witness, script=SCRIPT, suite=1):
    """The transcript of a real conversation: everyone computes with its own long-term secret."""
    stage = Stage({nick: identity(nick) for nick in NICKS}, witness, suite=suite)
    stage.play(script)
    return read_back(stage.recorder.transcript())


def forged(witness, script=SCRIPT, key=key_of_nobody, suite=1):
    people = {nick: key(nick) for nick in NICKS}
    return read_back(forge(people, script, witness, suite=suite))


@pytest.fixture(scope="module")
def real():
    return record("ana")


def said(result):
    return [(nick, content) for _, nick, content, counts in result.texts if counts]


ALL = [
    ("ana", "hello"), ("ben", "hi"), ("eva", "good evening"),
    ("ben", "nobody will ever prove that I said this"), ("dan", "eva is out"),
    ("ana", "just the two of us"),
]


# --- real and forged


@pytest.mark.parametrize(
    "witness, heard",
    [("ana", ALL), ("ben", ALL[:5]), ("eva", ALL[2:4]), ("dan", ALL[2:])],
)
@pytest.mark.parametrize("make", [record, forged])
def test_a_real_and_a_forged_transcript_are_accepted(make, witness, heard):
    """In the eyes of the founder, of one who leaves, of a cheat who is thrown out, of a guest."""
    result = audit(make(witness))
    assert said(result) == heard
    assert not result.doubts
    assert result.counts["revealed secrets that fit"] > 0, "the failed exchange is in it"


@pytest.mark.parametrize("make", [record, forged])
def test_the_same_with_the_other_suite(make):
    assert said(audit(make("dan", suite=2))) == ALL[2:]


@pytest.mark.parametrize("witness", NICKS)
def test_the_long_term_secret_of_the_witness_does_not_tell_them_apart(witness):
    """A judge who has got hold of it learns nothing: the forger did without."""
    secret = bytes(identity(witness).secret)

    def public_only(nick):
        return identity(nick).public

    for data in (record(witness), forged(witness, key=public_only)):
        result = audit(data, secret)
        assert result.counts["values that the witness's own long-term secret gives"] > 3
        with pytest.raises(Refused, match="not the witness's secret"):
            audit(data, bytes(identity("somebody else").secret))


def shape(value):
    """Types, names and sizes; of short strings and numbers, the values too."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    if isinstance(value, str) and len(value) > 12:
        return len(value)
    return value


def repetitions(value, seen):
    """The same with each string replaced by where it stood first: which values are equal."""
    if isinstance(value, dict):
        return {name: repetitions(one, seen) for name, one in value.items()}
    if isinstance(value, list):
        return [repetitions(one, seen) for one in value]
    return seen.setdefault(value, len(seen)) if isinstance(value, str) else value


def without_codes(data):
    data = copy.deepcopy(data)
    for exchange in data["exchanges"]:
        exchange["code"] = exchange["code"] and len(exchange["code"])
    return data


@pytest.mark.parametrize("witness", NICKS)
def test_nothing_in_form_or_repetition_tells_a_real_from_a_forged_one(witness):
    one = without_codes(record(witness))
    other = without_codes(forged(witness, key=lambda nick: identity(nick).public))
    heads = [frame[:2] for frame in one["frames"]]
    assert heads == [frame[:2] for frame in other["frames"]]
    assert {int(head, 16) & 15 for head in heads} == {
        wire.MESSAGE, wire.JOIN, wire.ROSTER, wire.SHARE, wire.CONFIRM, wire.ABORT, wire.REVEAL
    }
    assert shape(one) == shape(other)
    assert repetitions(one, {}) == repetitions(other, {})


def test_the_report_of_both_is_the_same_but_for_the_session_codes():
    def lines(data):
        return [line.split("; session code")[0] for line in audit(data).lines()]

    real = record("dan")
    assert lines(real) == lines(forged("dan", key=lambda nick: identity(nick).public))


def test_a_forger_without_a_long_term_secret_cannot_make_an_invitation():
    """The exception that the README names: only its two sides can. So it is in no transcript."""
    cast = {nick: PublicIdentity(key_of_nobody(nick)) for nick in ("ana", "ben")}
    with pytest.raises(TypeError):
        stage = Stage(cast, "ana")
        stage.play("ana: hello")
    for data in (record("ana"), forged("ana")):
        assert not [f for f in data["frames"] if int(f[:2], 16) & 15 == wire.INVITATION]


# --- keys


def test_no_long_term_key_signs_anything(monkeypatch):
    signed = []
    sign = mc.eddsa_sign

    def spy(secret, message, *out):
        signed.append(bytes(secret))
        return sign(secret, message, *out)

    monkeypatch.setattr(mc, "eddsa_sign", spy)
    stage = Stage({nick: identity(nick) for nick in NICKS}, "ana")
    stage.play(SCRIPT)
    assert len(signed) > 50
    for secret in signed:
        assert secret[:32] not in [bytes(identity(nick).secret) for nick in NICKS]
        assert mc.eddsa_to_x25519(secret[32:]) not in [identity(nick).public for nick in NICKS]
        drawn = [source for source in stage.sources if source.signing_seed(secret[32:])]
        assert len(drawn) == 1, "each was drawn by one person, for this conversation"


def test_no_long_term_secret_is_in_the_file(real):
    text = json.dumps(real)
    for nick in NICKS:
        assert bytes(identity(nick).secret).hex() not in text
        assert identity(nick).public.hex() in text


# --- the audit refuses what does not fit


def leaves(value, path=()):
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, (*path, name))
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from leaves(one, (*path, at))
    else:
        yield path


def field(path):
    return ".".join([part for part in path if isinstance(part, str)])


def changed(data, path, change):
    data = copy.deepcopy(data)
    place = data
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = change(place[path[-1]])
    return data


def corrupt(value):
    """Another value of the same form."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if value is None:
        return "00" * 32
    other = "1" if value[len(value) // 2] == "0" else "0"
    return value[: len(value) // 2] + other + value[len(value) // 2 + 1 :]


FIELDS = sorted({field(path) for path in leaves(record("ana"))})


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_was_changed_is_refused(real, name):
    """Each place where this field stands; and what is no such value at all."""
    paths = [path for path in leaves(real) if field(path) == name]
    assert paths
    for path in paths:
        with pytest.raises(Refused):
            audit(changed(real, path, corrupt))
    for other in (None, "", "x", "00", -1, 3.5, [], {}):
        with pytest.raises(Refused):
            audit(changed(real, paths[0], lambda value, new=other: new if new != value else "zz"))


def test_all_that_a_transcript_should_hold_is_among_these_fields():
    for name in ("x", "t_secret", "s_secret", "static", "pair", "edges", "group", "chains"):
        assert f"exchanges.{name}" in FIELDS
    assert {"frames", "witness", "room.psk_hash", "joins.ticket"} <= set(FIELDS)


def test_a_frame_that_was_changed_left_out_or_doubled_is_refused(real):
    frames = real["frames"]
    for at, frame in enumerate(frames):
        others = [[], [frame, frame]]
        for place in (0, 2, 12, len(frame) - 2):
            others.append([frame[:place] + f"{int(frame[place : place + 2], 16) ^ 1:02x}"
                           + frame[place + 2 :]])
        for other in others:
            with pytest.raises(Refused):
                audit(dict(real, frames=frames[:at] + other + frames[at + 1 :]))


def test_messages_in_another_order_are_refused(real):
    frames = real["frames"]
    pairs = [
        at for at in range(len(frames) - 1)
        if {int(frame[:2], 16) & 15 for frame in frames[at : at + 2]} == {wire.MESSAGE}
    ]
    assert len(pairs) > 5
    for at in pairs:
        swapped = frames[:at] + [frames[at + 1], frames[at]] + frames[at + 2 :]
        with pytest.raises(Refused):
            audit(dict(real, frames=swapped))


def test_a_field_too_few_or_too_many_is_refused(real):
    for path in [(), ("room",), ("exchanges", 0), ("exchanges", 2), ("joins", 0)]:
        place = real
        for part in path:
            place = place[part]
        for name in list(place):
            data = copy.deepcopy(real)
            where = data
            for part in path:
                where = where[part]
            del where[name]
            with pytest.raises(Refused):
                audit(data)
            where[name] = place[name]
            where[name + "2"] = place[name]
            with pytest.raises(Refused):
                audit(data)
    for suite in (0, 7):
        with pytest.raises(Refused):
            audit(changed(real, ("room", "suite"), lambda _, new=suite: new))
    for nothing in (None, [], "", {}, {"format": transcript.FORMAT}):
        with pytest.raises(Refused):
            audit(nothing)


def test_a_witness_cannot_put_words_into_anothers_mouth(real):
    """It has the chain keys and seals whatever it likes; the signature by s is what it lacks. To
    change what was said it must forge everything, and can."""
    told = transcript.Told(real)
    at = [frame[0] & 15 for frame in told.frames].index(wire.MESSAGE)
    frame = told.frames[at]
    exchange = real["exchanges"][0]
    chain = bytes.fromhex(exchange["chains"][0])
    key = kdf(32, chain, b"message")
    plain = unseal(1, key, frame[:1] + frame[5:7], frame[7:])
    plain[-1] ^= 1
    rest = frame[5:7] + bytes(seal(1, key, frame[:1] + frame[5:7], plain))
    header = bytes.fromhex(exchange["header_key"])
    again = frame[:1] + mac(4, header, frame[:1], rest) + rest
    frames = list(real["frames"])
    frames[at] = again.hex()
    with pytest.raises(Refused, match="signature"):
        audit(dict(real, frames=frames))


def test_who_leaves_a_message_out_and_counts_anew_is_contradicted_by_the_others(real):
    """What the members acknowledged is in their signed messages."""
    told = transcript.Told(real)
    sizes = [len(frame) for frame in told.frames if frame[0] & 15 == wire.MESSAGE]
    assert sizes
    found = 0
    for at, frame in enumerate(told.frames):
        if frame[0] & 15 != wire.MESSAGE:
            continue
        frames = told.frames[:at] + told.frames[at + 1 :]
        fresh = transcript.Told(real)
        follower = Follower(fresh.room, fresh.witness, fresh)
        try:
            for one in frames:
                assert follower.take(one)
        except (Refused, AssertionError):
            continue  # that message was needed for what follows
        result = audit(read_back(transcript.written(fresh.room, follower, frames)))
        found += bool(result.doubts)
    assert found > 3


# --- real rooms


STORIES = ("test_any_order", "test_cheaters", "test_rekeying", "test_span", "test_joining")


@pytest.mark.parametrize("module", STORIES)
def test_every_member_of_the_cores_stories_can_hand_over_a_transcript(module, monkeypatch):
    """Losing and repeating carriers, cheats, crossing frames: the audit computes every exchange
    and message again, apart from the core, and finds what the members found."""
    recorders = []
    add = houses.House.add

    def recorded(self, nick, *arguments, **options):
        person = add(self, nick, *arguments, **options)
        person._random = transcript.Draws(person._random)
        recorders.append((person, transcript.Recorder(person, person._random)))
        return person

    monkeypatch.setattr(houses.House, "add", recorded)
    stories = vars(importlib.import_module(module))
    exchanges = 0
    for name in [name for name in stories if name.startswith("test_")]:
        recorders.clear()
        stories[name]()
        for person, recorder in recorders:
            if data := recorder.transcript():
                secret = bytes(person.identity.secret)
                exchanges += len(audit(read_back(data), secret).rings)
    assert exchanges > 50


def test_what_a_carrier_keeps_from_somebody_is_a_doubt():
    room = houses.House("ana", "ben")
    ana = room["ana"]
    ana._random = draws = transcript.Draws(ana._random)
    recorder = transcript.Recorder(ana, draws)
    room.together("ana", "ben")
    room.reaches = lambda nick, frame: nick != "ben"
    room.say("ana", "one that ben does not get")
    room.reaches = None
    room.say("ben", "one")
    room.say("ben", "two")
    result = audit(read_back(recorder.transcript()))
    assert result.doubts == ["in session 2 ben saw other messages than these"]


def test_only_the_first_room_is_in_it():
    """One who was alone leaves without a frame, and founds another room."""
    house = houses.House("ana", "ben")
    ana = house["ana"]
    ana._random = draws = transcript.Draws(ana._random)
    recorder = transcript.Recorder(ana, draws)
    house.found("ana")
    house.say("ana", "in the first")
    ana.leave(house.now)
    house.settle()
    house.together("ana", "ben")
    house.say("ana", "in the second")
    data = read_back(recorder.transcript())
    assert said(audit(data)) == [("ana", "in the first")]


async def _talk():
    relay = Relay(port=0)
    await relay.start()
    draws = transcript.Draws()
    address = f"tcp://127.0.0.1:{relay.port}/garden"
    ana = Chat(Identity.generate(os.urandom), "ana", address, draws)
    recorder = transcript.Recorder(ana.conversation, draws)
    ben = Chat(Identity.generate(os.urandom), "ben", address)
    try:
        await ana.open()
        ana.create("garden")
        await ben.open()
        ana.invite([("ben", ben.identity.public)])
        await ben.join()
        await ben.send("over a real carrier")
        await ben.leave()
        while len(ana.members) > 1:
            await asyncio.sleep(0.05)
    finally:
        await ana.close()
        await ben.close()
        await relay.stop()
    return recorder.transcript()


def test_a_chat_over_a_relay_is_recorded():
    data = read_back(asyncio.run(asyncio.wait_for(_talk(), 60)))
    assert said(audit(data)) == [("ben", "over a real carrier")]


# --- the commands


def mpseq(*arguments, home=None, **options):
    return subprocess.run(
        [sys.executable, "-m", "mpseq_tools", *map(str, arguments)], capture_output=True,
        text=True, env={**os.environ, "PYTHONUTF8": "1", "MPSEQ_HOME": str(home)}, **options,
    )


def test_the_commands_forge_and_audit(tmp_path):
    script = tmp_path / "texts.txt"
    script.write_text(SCRIPT)
    out = tmp_path / "forged.json"
    people = [f"{nick}={key_of_nobody(nick).hex()}" for nick in NICKS]
    run = mpseq("forge", *people, "--script", script, "--out", out, "--witness", "ben")
    assert run.returncode == 0, run.stderr
    assert out.stat().st_mode & 0o077 == 0
    run = mpseq("audit-transcript", out)
    assert run.returncode == 0, run.stderr
    assert "<ben> nobody will ever prove that I said this" in run.stdout
    assert run.stdout.endswith(VERDICT + "\n")
    data = json.loads(out.read_text())
    data["exchanges"][0]["group"] = "00" * 32
    out.write_text(json.dumps(data))
    run = mpseq("audit-transcript", out)
    assert (run.returncode, run.stdout[:8]) == (1, "Refused:")


def test_the_command_chat_records_and_warns(tmp_path):
    async def run():
        relay = Relay(port=0)
        await relay.start()
        try:
            return await asyncio.to_thread(
                mpseq, "chat", "--nick", "ana", "--room", "garden", "--profile", "ana",
                "--relay", f"127.0.0.1:{relay.port}", "--record", tmp_path / "t.json",
                home=tmp_path / "home", input="/create garden\nto myself\n",
            )
        finally:
            await relay.stop()

    done = asyncio.run(asyncio.wait_for(run(), 60))
    assert done.returncode == 0, done.stderr
    assert "WARNING: --record" in done.stderr
    checked = mpseq("audit-transcript", tmp_path / "t.json", "--profile", "ana",
                    home=tmp_path / "home")
    assert checked.returncode == 0, checked.stderr + checked.stdout
    assert "<ana> to myself" in checked.stdout


@pytest.mark.parametrize(
    "line, fault",
    [
        ("uma: hello", "'uma' is none of"),
        ("ana /invite uma", "'uma' is none of"),
        ("ana /dance", "not understood"),
        ("ana", "not understood"),
        ("ana /leave now", "not understood"),
        ("ana /invite ana", "your own key"),
        ("ana /invite ben\nana /invite ben", "line 2: ben is here already"),
    ],
)
def test_a_script_that_cannot_be_played_names_its_line(line, fault):
    with pytest.raises(ScriptFault, match=fault):
        forged("ana", line)


def test_a_fingerprint_is_not_a_key():
    with pytest.raises(ValueError, match="64 hex digits"):
        parse_people(["ana=" + identity("ana").fingerprint])
    with pytest.raises(ValueError, match="not NICK=KEY"):
        parse_people(["ana=" + "00" * 32])
    key = identity("ana").public
    assert parse_people(["ana=" + key.hex()]) == {"ana": key}
    with pytest.raises(ValueError, match="one person each"):
        parse_people(["ana=" + key.hex(), "ben=" + key.hex()])


def test_the_transcript_of_a_session_can_be_computed_by_hand():
    data = forged("ana", "ana: hello")
    first = data["exchanges"][0]
    count, last = first["transcript"]
    h = H(b"transcript", bytes.fromhex(first["sid"]))
    for frame in [f for f in data["frames"] if int(f[:2], 16) & 15 == wire.MESSAGE][:count]:
        h = H(b"frame", h, bytes.fromhex(frame))
    assert h.hex() == last
