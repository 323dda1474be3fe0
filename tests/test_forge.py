"""Deniability: a transcript with all session secrets is accepted by the audit, a forged one too,
and nothing tells them apart."""

import asyncio
import copy
import json
import os
import subprocess
import sys

import pytest
from transcripts import ALL, NICKS, SCRIPT, forged, identity, key_of_nobody, record, said

from mpseq import wire
from mpseq.primitives import mc
from mpseq_tools.audit import VERDICT, audit
from mpseq_tools.forge import PublicIdentity, ScriptFault, Stage, parse_people
from mpseq_tools.relay import Relay
from mpseq_tools.ring import Refused

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


@pytest.mark.parametrize("make", [record, forged])
def test_a_long_text_that_went_in_parts_is_whole(make):
    text = "a long story " * 2000
    data = make("eva", script=f"ben: {text}\nana: short")
    assert said(audit(data)) == [("ben", text.strip()), ("ana", "short")]


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


def test_no_long_term_secret_is_in_the_file():
    text = json.dumps(record("ana"))
    for nick in NICKS:
        assert bytes(identity(nick).secret).hex() not in text
        assert identity(nick).public.hex() in text


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
    assert f"{out}: a conversation of ana, ben" in run.stdout
    run = mpseq("audit-transcript", out)
    assert run.returncode == 0, run.stderr
    assert "<ben> nobody will ever prove that I said this" in run.stdout
    assert run.stdout.endswith(VERDICT + "\n")
    told = json.loads(mpseq("audit-transcript", out, "--json").stdout)
    assert told["accepted"] is True and told["refused"] is None
    assert {one["nick"] for one in told["people"]} == set(NICKS)
    assert "nobody will ever prove that I said this" in [one["text"] for one in told["texts"]]
    assert told["frames"] > 10 and sum(told["checks"].values()) > 10 and not told["doubts"]
    data = json.loads(out.read_text())
    data["exchanges"][0]["group"] = "00" * 32
    out.write_text(json.dumps(data))
    run = mpseq("audit-transcript", out)
    assert (run.returncode, run.stdout[:8]) == (1, "Refused:")
    run = mpseq("audit-transcript", out, "--json")
    assert run.returncode == 1 and json.loads(run.stdout)["accepted"] is False


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

    done = asyncio.run(asyncio.wait_for(run(), 180))
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


def test_no_file_is_overwritten(tmp_path):
    there = tmp_path / "t.json"
    there.write_text("mine")
    command = [sys.executable, "-m", "mpseq_tools", "forge", f"ana={'11' * 32}"]
    command += ["--script", str(there), "--out", str(there)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and "there already" in run.stderr
    assert there.read_text() == "mine"
