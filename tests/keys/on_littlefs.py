"""The key store and the seed on LittleFS, the file system of most boards."""

from flash import FOLDER, HOST, STEP, Cut, Mounted, again, everywhere, formatted, wiped_clean
from vfs import VfsLfs2

from mpseq_board import entropy, gathering
from mpseq_board.entropy import Source


def test_a_cut():
    everywhere(VfsLfs2)


def test_a_wipe_leaves_nothing_in_any_block():
    assert wiped_clean(VfsLfs2)


def test_no_two_starts_share_a_byte():
    """With nothing random but what the host gave once, and clocks that stand."""
    old = entropy.urandom, entropy.ticks, gathering._time
    entropy.urandom = gathering.urandom = None
    entropy.ticks = gathering.ticks = gathering._time = lambda: 0
    try:
        start = formatted(VfsLfs2)
        with Mounted(VfsLfs2, start):
            Source(FOLDER).inject(HOST)
        for left in range(0, 3000, 3 * STEP):
            flash = again(start)
            flash.left = left
            drawn = []
            for _ in range(3):
                with Mounted(VfsLfs2, flash):
                    try:
                        drawn.append(bytes(Source(FOLDER).random(32)))
                    except Cut:
                        pass
                flash = again(flash)
            assert len(set(drawn)) == len(drawn) >= 2
    finally:
        entropy.urandom, entropy.ticks, gathering._time = old
        gathering.urandom, gathering.ticks = old[:2]
