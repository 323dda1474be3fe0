"""The key store on FAT. A sector is written whole or not at all here; on a bare flash memory, that
is erased first, no file on FAT is safe from a cut, whoever writes it."""

from flash import everywhere, wiped_clean
from vfs import VfsFat


def test_a_cut():
    everywhere(VfsFat)


def test_a_wipe_leaves_nothing_in_any_sector():
    assert wiped_clean(VfsFat)
