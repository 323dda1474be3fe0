"""Writes tests/vectors/conversation*.txt, the conformance vectors (`make vectors`)."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS / "core"), str(TESTS.parent / "lib")]

HEAD = """\
# mpSEQ/1 conformance vectors: made by `make vectors`, checked on every runtime by tests/core.
# The script and the seeds are in tests/core/conformance.py and tests/core/house.py.
"""


def main():
    import conformance

    for suite, name in ((1, "conversation.txt"), (2, "conversation_suite_2.txt")):
        target = TESTS / "vectors" / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(HEAD + "".join(line + "\n" for line in conformance.lines(suite)))
        print(f"{target.relative_to(TESTS.parent)}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
