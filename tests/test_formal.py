"""The formal model, as far as it can be checked without a prover (tests/formal/README.md).

Its theories are read and looked over for what Tamarin would refuse; their rules are played, so
that every "exists" lemma has a witness and no other one holds for want of a run; and attacks are
played, against the theories as they are and with one check taken out. None of this is a proof.
"""

import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
FORMAL = ROOT / "tests" / "formal"
sys.path.insert(0, str(FORMAL))

import check_stories  # noqa: E402
import exchange_stories  # noqa: E402
import prove  # noqa: E402
import stories  # noqa: E402
from broken import MUTANTS, SLIPS  # noqa: E402
from play import CannotFire  # noqa: E402
from spthy import SyntaxFault, Theory  # noqa: E402
from wellformed import faults  # noqa: E402

THEORIES = sorted(one.stem for one in FORMAL.glob("*.spthy"))


def theory(name, *changes):
    """The theory, with text replaced: each change (old, new) must be there once."""
    text = (FORMAL / (name + ".spthy")).read_text()
    for old, new in changes:
        assert text.count(old) == 1, (name, old, text.count(old))
        text = text.replace(old, new)
    return Theory(text, name)


# --- form ----------------------------------------------------------------------------------------

def test_every_theory_is_in_the_list_of_make_prove():
    assert sorted(prove.THEORIES) == THEORIES


@pytest.mark.parametrize("name", THEORIES)
def test_tamarin_would_not_complain_about_its_form(name):
    assert faults(theory(name)) == []
    assert theory(name).name == "mpseq_" + name


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_of_the_pen_is_found(slip):
    try:
        found = faults(theory("pairwise", SLIPS[slip]))
    except SyntaxFault as fault:
        found = [str(fault)]
    assert found, slip


# --- runs ----------------------------------------------------------------------------------------

RUNS = {
    "pairwise": [
        (stories.pair_talks, {}),
        (stories.pair_corrupted_later, {}),
        (stories.pair_impersonated, {"leak": "x"}),
        (stories.pair_impersonated, {"leak": "b"}),
    ],
    "ring": [(stories.ring, {}), (stories.ring, {"reveal": True}),
             (stories.ring, {"forge": True, "switch": ()})],
    "exchange": [
        (exchange_stories.exchange, {}),
        (exchange_stories.exchange, {"corrupt_later": True}),
        (check_stories.exchange_after_failed_one, {}),
        (exchange_stories.exchange, {"corrupt_first": True}),
        (exchange_stories.exchange, {"steal_later": True}),
        (exchange_stories.reveal_before_switch, {}),
        (check_stories.reveal_beside_a_session, {"witness": "by a stolen key"}),
    ],
    "join": [
        (exchange_stories.guest_joins, {}),
        (exchange_stories.guest_joins, {"corrupt_later": "d"}),
        (exchange_stories.guest_joins, {"corrupt_later": "dab"}),
        (exchange_stories.stranger_makes_roster, {"leak": True}),
        (exchange_stories.removed_member_tells_secret, {}),
    ],
    "healing": [
        (stories.healing, {"plan": "start switch start abort start switch"}),
        (stories.healing, {"plan": "steal start switch"}),
        (stories.healing, {"plan": "start steal switch start switch start switch"}),
        (stories.healing, {"plan": "steal start abort start switch"}),
        (stories.healing, {"plan": "start switch start switch chains"}),
    ],
    "deniability": [(stories.forged, {})],
}


@pytest.mark.parametrize("name", THEORIES)
def test_every_exists_lemma_has_a_witness_and_no_other_is_broken(name):
    """And every other one is spoken to by a run of its theory or by a mutant below."""
    whole = theory(name)
    wanted = {one.name for one in whole.lemmas if one.exists}
    spoken = {one.name for one in whole.lemmas if not one.exists}
    spoken -= {lemma for one, _, _, lemmas in MUTANTS.values() if one == name for lemma in lemmas}
    for story, options in RUNS[name]:
        run = story(theory(name), **options)
        for lemma in whole.lemmas:
            if lemma.exists:
                wanted -= {lemma.name} if run.holds(lemma.name) else set()
            else:
                assert run.holds(lemma.name), (story.__name__, lemma.name)
                spoken -= {lemma.name} if run.touches(lemma.name) else set()
    assert not wanted
    assert not spoken


def test_every_rule_of_every_theory_fires_in_some_run():
    for name in THEORIES:
        fired = set()
        for story, options in RUNS[name]:
            fired |= set(story(theory(name), **options).fired)
        left = {one.name for one in theory(name).rules} - fired
        assert left <= ({"Corrupt"} if name == "deniability" else set()), (name, left)


@pytest.mark.parametrize("change", MUTANTS)
def test_an_attack_needs_the_check_that_was_taken_out(change):
    name, (story, options), changes, lemmas = MUTANTS[change]
    try:
        run = story(theory(name), **options)
        assert all(run.holds(one) for one in lemmas), "goes through as it stands"
        assert lemmas, "neither refused nor harmful"
    except CannotFire:
        pass
    run = story(theory(name, *changes), **options)
    for lemma in lemmas:
        assert not run.holds(lemma), lemma


# --- what was found with the model

@pytest.mark.parametrize("talks, target", [(2, 0), (2, 2), (0, 2), (1, 1)])
@pytest.mark.parametrize(
    "witness, against",
    [
        ("by another key", "Reveal_check: against equal"),
        ("of another member", "Reveal_check: against equal"),
        ("of an earlier exchange", "Reveal_check: against equal"),
        ("after it switched", "Witness: against no_switch_with_a_testimony"),
        ("before it switched", "Switch_%d: against no_switch_with_a_testimony"),
    ],
)
def test_no_x_is_shown_beside_a_session_for_want_of_its_witness(talks, target, witness, against):
    """Whoever of the three has switched, and whomever the others argue about. Without the
    WITNESSes this opens the session: see "ABORT(check) is answered without WITNESSes" above."""
    if "%" in against:
        against = against % talks
    with pytest.raises(CannotFire) as refused:
        check_stories.reveal_beside_a_session(
            theory("exchange"), talks=talks, target=target, witness=witness
        )
    assert str(refused.value) == against


def test_no_x_is_shown_when_the_slots_differ():
    with pytest.raises(CannotFire, match="Reveal_check: against equal"):
        check_stories.slots_differ(theory("exchange"))


# --- rows, README, make prove --------------------------------------------------------------------

# The table "What it must give" (PROTOCOL.md 1): what stands for each row; None: not modelled.
ROWS = {
    "confidentiality": ["pairwise", "ring", "exchange", "join"],
    "participant authenticity": ["pairwise", "exchange", "join"],
    "origin authenticity": ["pairwise", "exchange", "join"],
    "deniability": ["deniability"],
    "forward secrecy": ["pairwise", "exchange", "healing"],
    "healing": ["healing"],
    "room consistency": ["ring", "exchange", "join"],
    "transcript consistency": None,
    "cheater identification": None,
    "no stranger can disturb": None,
    "unknown key share": ["pairwise", "ring", "exchange"],
    "revealed failed exchange": ["exchange", "healing"],
}


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_its_lemmas_and_the_readme_says_so(row):
    lines = [
        one for one in (FORMAL / "README.md").read_text().splitlines() if one.startswith("| ")
    ]
    (line,) = [one for one in lines if one.split("|")[1].strip() == row]
    if ROWS[row] is None:
        assert "not modelled" in line
        return
    begin = row.replace(" ", "_")
    for name in ROWS[row]:
        lemmas = [one.name for one in theory(name).lemmas if one.name.startswith(begin)]
        assert lemmas, (name, begin)
        for lemma in lemmas:
            assert "`%s:%s`" % (name, lemma) in line, lemma


def test_the_readme_names_every_lemma_and_no_other():
    text = (FORMAL / "README.md").read_text()
    told = set(re.findall(r"`(\w+):(\w+)`", text))
    assert told == {(name, one.name) for name in THEORIES for one in theory(name).lemmas}
    assert "`{0}/{0} lemmas verified`".format(len(told)) in text
    assert text.splitlines()[2].startswith("**Never yet run by a prover.**")


def run_make_prove(path, *args):
    return subprocess.run(
        [sys.executable, str(FORMAL / "prove.py"), *args], capture_output=True, text=True,
        env={**os.environ, "PATH": path, "MPSEQ_PROVE_MINUTES": "0.1"}, timeout=60, check=False,
    )


def test_without_a_prover_make_prove_fails_and_says_why(tmp_path):
    done = run_make_prove(str(tmp_path))
    assert done.returncode == 2
    assert "nothing was proved" in done.stderr and "tamarin-prover" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    "result, status, said",
    [
        ("verified (12 steps)", 0, "verified"),
        ("falsified - found trace (9 steps)", 1, "falsified"),
        ("analysis incomplete (1 steps)", 1, "not decided"),
        ("nonsense", 1, "error"),
        ("sleep", 1, "timeout"),
        ("warn", 1, "ill-formed"),
    ],
)
def test_make_prove_believes_only_a_verified_lemma(tmp_path, result, status, said):
    """A stand-in for the prover that says one thing of every lemma."""
    fake = tmp_path / "tamarin-prover"
    body = 'lemma="${1#--prove=}"\n'
    if result == "sleep":
        body += "exec %s 60\n" % shutil.which("sleep")
    if result == "warn":
        body += "echo 'WARNING: 1 wellformedness check failed!'\n"
        result = "verified (2 steps)"
    body += 'echo "  $lemma (all-traces): %s"\n' % result
    fake.write_text("#!/bin/sh\n" + body)
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    done = run_make_prove("%s:/bin:/usr/bin" % tmp_path, "deniability")
    assert done.returncode == status
    assert re.search(r"^deniability +deniability +exists +%s$" % said, done.stdout, re.MULTILINE)
    assert done.stdout.endswith("%d/1 lemmas verified\n" % (status == 0))
