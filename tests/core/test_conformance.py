"""Fixed seeds give the transcript that is checked in, byte for byte, on this runtime too."""

import conformance

# beside this file, wherever the runtime finds it
_VECTORS = __file__.rsplit("/", 1)[0] + "/../vectors/"


def test_transcript_is_the_one_checked_in():
    with open(_VECTORS + "conversation.txt") as vectors:
        assert conformance.compare(vectors) > 60


def test_transcript_of_suite_2_is_the_one_checked_in():
    with open(_VECTORS + "conversation_suite_2.txt") as vectors:
        assert conformance.compare(vectors, 2) > 60


def test_a_changed_line_is_noticed():
    changed = ["step ana founds", "state ana sid 00"]
    try:
        conformance.compare(changed)
    except AssertionError:
        return
    raise AssertionError("a wrong line passed")
