"""The list of `make mutants` fits the code as it is. The run itself takes too long to be here."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "mutants"))
import mutations  # noqa: E402
import run  # noqa: E402

ROWS = {
    "confidentiality", "participant authenticity", "origin authenticity", "deniability",
    "forward secrecy", "healing", "room consistency", "transcript consistency",
    "cheater identification", "no stranger can disturb",
}


@pytest.mark.parametrize("mutation", mutations.MUTATIONS, ids=lambda one: one.name)
def test_a_mutation_changes_one_place(mutation):
    source = (ROOT / "lib" / "mpseq" / f"{mutation.file}.py").read_text()
    mutated = run.apply(mutation, source)
    assert mutated != source
    compile(mutated, mutation.file, "exec")
    for name in mutation.tests:
        assert (ROOT / "tests" / "core" / f"{name}.py").exists(), name


def test_every_row_of_what_it_must_give_has_a_mutation():
    assert {one.row for one in mutations.MUTATIONS} == ROWS
    names = [one.name for one in mutations.MUTATIONS]
    assert len(names) == len(set(names)) >= 30
