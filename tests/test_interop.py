"""The interop bench is worth something only if it fails when a device does something wrong."""

import asyncio
import random
import re

import interop_fakes as fakes
import pytest

from mpseq_aio import link
from mpseq_tools.interop import bench as benches
from mpseq_tools.interop import play, scenarios, vectors
from mpseq_tools.interop.bench import Bench, WrongUse
from mpseq_tools.interop.line import Losses, Noise
from mpseq_tools.interop.station import NotThere, names_of


def only_result(made):
    (result,) = made.results
    return result


# --- a device that is out of order

NEVER_COMES = (
    fakes.TEXT_INVENTED, fakes.ANOTHER_AUTHOR, fakes.TEXT_SWALLOWED, fakes.ANOTHER_CODE,
    fakes.ANOTHER_TRANSCRIPT, fakes.SILENT,
)  # fmt: skip


@pytest.mark.parametrize(
    "extra, scenario, why",
    [
        (fakes.TEXT_TWICE, "pairwise", "twice"),
        (fakes.TEXT_INVENTED, "pairwise", "no Text"),
        (fakes.ANOTHER_AUTHOR, "pairwise", "no Text"),
        (fakes.TEXT_SWALLOWED, "pairwise", "no Text"),
        (fakes.ANOTHER_CODE, "pairwise", "not one session with one code"),
        (fakes.ANOTHER_TRANSCRIPT, "pairwise", "transcripts differ"),
        (fakes.SILENT, "pairwise", "cpython-2: no answer to 'send'"),
        (fakes.DEAF_TO_CLOCKS, "clocks", "its clock was not set"),
        # What a line loses is allowed to be missing, but not without a word, and not twice.
        (fakes.TEXT_SWALLOWED, "losses", "no Text|never heard"),
        (fakes.TEXT_TWICE, "cable", "twice"),
    ],
)
def test_what_is_wrong_fails_and_is_named(extra, scenario, why, monkeypatch):
    monkeypatch.setattr(scenarios, "LIMITS", {})
    monkeypatch.setattr(scenarios, "LIMIT", 40)
    # What is seen at once may take its time on a busy machine, what never comes may not.
    made = fakes.bench(extra, [scenario], patience=6 if extra in NEVER_COMES else 20)
    result = only_result(made)
    assert result.verdict == benches.FAILED, result
    assert any(word in result.detail for word in why.split("|")), result.detail
    assert set(result.transcript) == {"cpython", "cpython-2"}
    assert any("SessionStarted" in text for *_, text in result.transcript["cpython"])
    assert made.code == 1
    assert made.summary.startswith("interop: 0 of 1 passed, 1 failed (2 devices, 1 pair, ")


def test_a_text_that_is_confirmed_was_seen_by_all(monkeypatch):
    monkeypatch.setattr(scenarios, "Losses", lambda random: Losses(random, share=0))
    assert only_result(fakes.bench("", ["losses"])).verdict == benches.PASSED
    result = only_result(fakes.bench(fakes.TEXT_DENIED, ["losses"]))
    assert result.verdict == benches.FAILED
    assert "was told that all have seen" in result.detail, result.detail
    assert result.detail.endswith("and cpython-2 has not")


def test_wrong_bytes_are_not_the_published_ones():
    made = fakes.bench(fakes.OTHER_BYTES, ["vectors"])
    verdicts = {(one.members[0], one.part): one.verdict for one in made.results}
    for part in vectors.FILES:
        assert verdicts["cpython", part] == benches.PASSED
        assert verdicts["cpython-2", part] == benches.FAILED
    details = " ".join(one.detail for one in made.results)
    assert "another conversation" in details and "AssertionError: check " in details


def test_a_device_that_dies_fails_its_scenario_and_is_there_for_the_next():
    made = fakes.bench(fakes.DIES, ["body", "clocks", "suite2"])
    verdicts = {one.scenario: one.verdict for one in made.results}
    assert verdicts == {"body": "failed", "clocks": "passed", "suite2": "passed"}
    (failed,) = [one for one in made.results if one.verdict == "failed"]
    assert "cpython-2" in failed.detail and "ended" in failed.detail
    assert made.code == 1


def test_a_heap_that_is_too_small_is_no_pass_and_comes_with_a_cure():
    made = fakes.bench(fakes.NO_MEMORY, ["body"])
    result = only_result(made)
    assert result.verdict == benches.TOO_SMALL
    assert "firmware with mpseq inside" in result.cure
    assert made.code == 1
    assert "0 of 1 passed, 1 too small" in made.summary


def test_what_a_device_does_not_offer_is_no_pass_and_no_failure():
    made = fakes.bench(fakes.NO_AES, ["suite2", "pairwise"])
    verdicts = {one.scenario: one.verdict for one in made.results}
    assert verdicts == {"suite2": "not offered", "pairwise": "passed"}
    assert "interop: 1 of 1 passed, 1 not offered by a device" in made.summary
    assert made.code == 0


def test_a_device_without_mpseq_is_not_there_and_comes_with_a_cure():
    with pytest.raises(NotThere) as caught:
        fakes.bench(fakes.OLD, ["pairwise"])
    assert caught.value.code == 3
    assert "cpython-2" in str(caught.value) and caught.value.cure


def test_what_a_device_says_is_no_command_to_a_terminal():
    made = fakes.bench(fakes.HOSTILE, ["pairwise"], patience=3)
    result = only_result(made)
    assert "\x1b" not in result.detail and "<script>" in result.detail


# --- everything at once


def test_all_scenarios_pass_over_a_room_of_three_desktops():
    made = fakes.bench("", [], kinds=("cpython",) * 3, seed=5, pairs=["all"])
    wrong = [one for one in made.results if one.verdict != benches.PASSED]
    assert [(one.title, one.detail) for one in wrong] == []
    assert len(made.results) == 3 * 3 + 10
    assert made.code == 0
    notes = [note for one in made.results for note in one.told if one.scenario == "reset"]
    assert [note for note in notes if "was reset" in note]


# --- what follows from the seed


def spoiled(seed, pieces, size=20000):
    noise = Noise(play.chance(seed, "a line"), 300)
    data = random.Random(1).randbytes(size)
    out, late = b"", 0.0
    for at in range(0, size, pieces):
        piece, wait = noise.spoil(data[at : at + pieces])
        out += piece
        late += wait
    return out, late, noise.hits


def test_the_same_seed_makes_the_same_noise_in_whatever_pieces_it_comes():
    whole, late, hits = spoiled(7, 20000)
    assert spoiled(7, 1)[::2] == (whole, hits)
    assert spoiled(7, 64)[::2] == (whole, hits)
    assert spoiled(8, 64)[0] != whole
    assert {fault for _, fault, _ in hits} == {"drop", "damage", "repeat", "delay"}
    assert late > 0 and len(hits) > 30


def test_the_same_seed_loses_the_same_frames():
    frames = [(link.FRAME, "peer", bytes([n])) for n in range(200)]

    def through(seed):
        losses = Losses(play.chance(seed, "a room"))
        return [out for frame in frames for out in losses.spoil(frame)], losses.hits

    out, hits = through(3)
    assert through(3) == (out, hits)
    assert through(4) != (out, hits)
    assert {fault for _, fault in hits} == {"lost", "doubled", "swapped"}
    assert Losses(play.chance(3)).spoil((link.LEAVE, "peer")) == [(link.LEAVE, "peer")]


def said(seed):
    """What a pair says in a play, and where it was reset."""
    made = Bench(["cpython", "cpython"], seed, ["reset"])
    plays = []
    real = benches.Play

    class Kept(real):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            plays.append(self)

    benches.Play = Kept
    try:
        asyncio.run(asyncio.wait_for(made.run(), 120))
    finally:
        benches.Play = real
    assert only_result(made).verdict == benches.PASSED, only_result(made).detail
    begun = [text for *_, text in plays[0].stations[0].log if "SessionStarted" in text]
    keys = set(re.findall("[0-9a-f]{64}", " ".join(begun)))
    assert len(keys) == 2
    told = [note for note in plays[0].told if "was reset" in note]
    return plays[0].sent, told, keys


def test_the_same_seed_gives_the_same_identities_texts_and_faults():
    first = said(11)
    assert said(11) == first
    assert said(12)[0] != first[0]


def test_a_failure_says_how_it_is_replayed():
    made = fakes.bench(fakes.TEXT_TWICE, ["pairwise"], seed=99, kinds=("cpython",) * 3)
    wrong = [one for one in made.results if one.verdict == benches.FAILED]
    assert len(wrong) == 3  # with the first, with the third, and all of them
    pair = next(one for one in wrong if one.members == ("cpython", "cpython-2"))
    assert pair.replay == (
        "mpseq interop --device cpython --device cpython --device cpython --seed 99"
        " --only pairwise --pair cpython,cpython-2"
    )
    assert wrong[-1].replay.endswith("--only pairwise --pair all")
    again = fakes.bench(
        fakes.TEXT_TWICE, ["pairwise"], seed=99, kinds=("cpython",) * 3,
        pairs=[("cpython", "cpython-2")],
    )
    assert only_result(again).members == pair.members
    assert only_result(again).detail == pair.detail


# --- names and options


def test_devices_have_short_names_that_are_unique():
    kinds = ["cpython", "/dev/ttyACM0", "cpython", "/dev/pts/4", "COM5", "unix", "/x y/é"]
    names = ["cpython", "ttyACM0", "cpython-2", "pts-4", "COM5", "unix", "x_y-_"]
    assert names_of(kinds) == names


def test_a_share_of_the_pairs_follows_from_the_seed():
    def plan(seed):
        made = Bench(["cpython"] * 4, seed, share=2)
        return [one.members for one in made.results if one.scenario == "leave"]

    assert plan(1) == plan(1) and len(plan(1)) == 3  # two pairs and the room
    assert len({tuple(plan(seed)) for seed in range(20)}) > 5


@pytest.mark.parametrize(
    "kinds, only, pairs, cure",
    [
        (["cpython"], [], [], "--only vectors"),
        (["cpython", "unix"], ["dance"], [], "pairwise"),
        (["cpython", "unix"], [], [("cpython", "eva")], "cpython, unix"),
        (["cpython", "unix"], [], [("cpython",)], "--pair cpython,unix"),
    ],
)
def test_wrong_options_are_said_with_their_cure(kinds, only, pairs, cure):
    with pytest.raises(WrongUse) as caught:
        Bench(kinds, 1, only, pairs)
    assert cure in caught.value.cure and caught.value.code == 2
