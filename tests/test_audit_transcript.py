"""The audit of transcripts is no rubber stamp: it refuses whatever was changed, and accepts what
people in real rooms recorded."""

import asyncio
import copy
import importlib
import os
import pathlib
import sys

import pytest
from transcripts import forged, key_of_nobody, read_back, record, said

from mpseq import Identity, wire
from mpseq.primitives import H, kdf, mac, seal, unseal
from mpseq_aio.chat import Chat
from mpseq_tools import transcript
from mpseq_tools.audit import audit
from mpseq_tools.follow import Follower
from mpseq_tools.forge import forge
from mpseq_tools.relay import Relay
from mpseq_tools.ring import Refused

sys.path.insert(0, str(pathlib.Path(__file__).parent / "core"))
import house as houses  # noqa: E402


@pytest.fixture(scope="module")
def real():
    return record("ana")


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
    data = read_back(asyncio.run(asyncio.wait_for(_talk(), 180)))
    assert said(audit(data)) == [("ben", "over a real carrier")]


# --- the hash chain


def test_the_transcript_of_a_session_can_be_computed_by_hand():
    data = forged("ana", "ana: hello")
    first, second = data["exchanges"][:2]
    count, last = first["transcript"]
    h = H(b"transcript", bytes.fromhex(first["sid"]))
    for frame in [f for f in data["frames"] if int(f[:2], 16) & 15 == wire.MESSAGE][: count - 1]:
        h = H(b"frame", h, bytes.fromhex(frame))
    h = H(b"span", h, bytes.fromhex(second["sid"]))  # its last SHARE ended the span
    assert h.hex() == last


def test_names_of_others_turn_no_line_around():
    nick = "ben\u202e\u2066x"
    keys = {"ana": key_of_nobody("ana"), nick: key_of_nobody("ben")}
    told = read_back(forge(keys, f"ana: hi\n{nick}: hello\u202e", "ana", suite=1))
    lines = list(audit(told).lines())
    assert any("ben\\u202e\\u2066x" in line for line in lines)
    assert not set("".join(lines)) & set("\u202e\u2066")


def test_a_file_that_was_there_is_for_its_owner_alone_afterwards(tmp_path):
    path = tmp_path / "t.json"
    path.write_text("old")
    path.chmod(0o644)
    transcript.save({"session": "secrets"}, path)
    assert path.stat().st_mode & 0o777 == 0o600 and transcript.load(path)
    transcript.save({}, os.devnull)
    assert os.stat(os.devnull).st_mode & 0o777 == 0o666
