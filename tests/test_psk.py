"""A passphrase made into a pre-shared key: `mpseq psk`, `mpseq chat --psk-file`."""

import os
import subprocess
import sys
import unicodedata

import pytest

from mpseq_tools import psk

PHRASE = "correct horse battery staple"
# Monocypher's Argon2i, 262,144 blocks, three passes: a change would lock boards out.
GARDEN = "8875e37360aef33adbaa768a205f6ecb21ee85be210b7bdfadaac0168532ae06"


def run(*arguments, text):
    return subprocess.run(
        [sys.executable, "-m", "mpseq_tools", *map(str, arguments)], input=text,
        capture_output=True, text=True, env={**os.environ, "PYTHONUTF8": "1"},
    )


def test_the_key_is_the_same_everywhere_and_always():
    assert psk.derive(PHRASE, "garden").hex() == GARDEN


def test_rooms_and_phrases_have_keys_of_their_own():
    keys = {
        psk.derive(phrase, room)
        for phrase in (PHRASE, PHRASE + " ", PHRASE.title()) for room in ("garden", "Garden")
    }
    assert len(keys) == 6


def test_an_accent_counts_alike_however_it_was_typed():
    phrase, room = "caf\u00e9 cr\u00e8me", "k\u00fcche"
    other = [unicodedata.normalize("NFD", text) for text in (phrase, room)]
    assert other != [phrase, room]
    assert psk.derive(phrase, room) == psk.derive(*other)


def test_a_guess_costs_memory_that_cannot_be_saved():
    """The work is done, not skipped: 256 MiB are touched."""
    program = (
        "import resource; from mpseq_tools import psk; psk.derive('x', 'y');"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert int(done.stdout) > 256 * 1024


def test_the_command_prints_the_key_and_nothing_else():
    done = run("psk", "--room", "garden", text=PHRASE + "\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, GARDEN + "\n", "")


@pytest.mark.parametrize("text", ["", "\n", "  \n"])
def test_no_passphrase_is_no_key(text):
    done = run("psk", "--room", "garden", text=text)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the passphrase is empty" in done.stderr


def test_a_short_one_is_said_to_be_short():
    done = run("psk", "--room", "garden", text="hunter2\n")
    assert done.returncode == 0
    assert "random words are better" in done.stderr


def test_a_chat_reads_the_key_from_a_file(tmp_path):
    path = tmp_path / "garden.psk"
    path.write_text(GARDEN + "\n")
    assert psk.read(path).hex() == GARDEN
    for wrong in ("", GARDEN[:-2], "x" * 64, GARDEN + "00"):
        path.write_text(wrong)
        with pytest.raises(psk.PskFault):
            psk.read(path)
        done = run(
            "chat", "--nick", "ana", "--room", "garden", "--relay", "127.0.0.1:1",
            "--psk-file", path, text="",
        )
        assert done.returncode == 2 and "--psk-file" in done.stderr
