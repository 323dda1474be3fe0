"""Entropy and key store on emulated boards: their own files in their own flash memory."""

import ast
import os
import select
import time

import pytest
from story_runs import check, on_board
from test_keystore_everywhere import KEYS

from mpseq_tools.qemu import BOARDS, Board

SEED = bytes(range(64))
HEAD = """
import os
from mpseq_board.entropy import Source, Untrusted
from mpseq_board.keystore import KeyStore, KeyStoreError
FOLDER = "/mpseq.d"
source = Source(FOLDER)
"""
MAKE = HEAD + """
try:
    KeyStore(FOLDER, source).create_identity()
except Untrusted as error:
    print("refused:", error)
source.inject(bytes(range(%d, %d + 64)))
print(KeyStore(FOLDER, source).create_identity().public.hex())
"""


@pytest.fixture(params=BOARDS)
def name(request):
    return request.param


def test_two_boards_of_one_image_never_share_a_key(name, tmp_path):
    """The same image, an equal flash, clocks that count instructions from the start, and one and
    the same os.urandom: what a careless factory makes. Only what the host gives differs."""
    keys = set()
    drawn = set()
    for number in range(3):
        with Board(name, icount=True, seed=SEED, disk=tmp_path / f"{number}.img") as board:
            drawn.add(board.exec("import os; print(os.urandom(32).hex())"))
            refused, key = board.exec(MAKE % (number, number), timeout=60).splitlines()
            assert refused.startswith("refused: ") and "mpseq deploy" in refused
            keys.add(key)
    assert len(drawn) == 1, "else this shows nothing"
    assert len(keys) == 3


def test_without_any_randomness_a_board_refuses_and_says_so(name, tmp_path):
    with Board(name, disk=tmp_path / "flash.img") as board:
        refused, key = board.exec(MAKE % (1, 1), timeout=60).splitlines()
    assert "os.urandom is missing or fails" in refused and len(key) == 64


def test_what_a_board_knows_outlives_it(name, tmp_path):
    disk = tmp_path / "flash.img"
    ben = "bytes(range(32))"
    with Board(name, seed=SEED, disk=disk) as board:
        first = board.exec(
            HEAD + "source.inject(bytes(range(64)))\n"
            "store = KeyStore(FOLDER, source, b'a phrase')\n"
            f"identity = store.create_identity()\nprint(store.know('ben', {ben}))\n"
            f"store.verify('ben', {ben})\nprint(identity.public.hex(), identity.secret.hex())",
            timeout=60,
        ).split()
    flash = disk.read_bytes()
    assert bytes.fromhex(first[2]) not in flash and bytes.fromhex(first[1]) not in flash
    with Board(name, seed=SEED, disk=disk) as board:
        lines = board.exec(
            HEAD + "print(source.problems)\n"
            "for phrase in (b'', b'another'):\n"
            "    try:\n        KeyStore(FOLDER, source, phrase)\n"
            "    except KeyStoreError as error:\n        print(error)\n"
            "store = KeyStore(FOLDER, source, b'a phrase')\n"
            f"print(store.know('ben', {ben}), store.know('ben', bytes(range(1, 33))))\n"
            "print(store.identity.public.hex())",
            timeout=60,
        ).splitlines()
    assert lines[0] == "()" and "with a passphrase" in lines[1]
    assert "another passphrase" in lines[2]
    assert lines[3:] == ["verified changed", first[1]]


def heard(port, seconds):
    """What a board that never stops says in this time."""
    end = time.monotonic() + seconds
    said = b""
    fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        while (left := end - time.monotonic()) > 0:
            if select.select([fd], [], [], left)[0]:
                said += os.read(fd, 4096)
    finally:
        os.close(fd)
    return said


def test_a_board_that_is_killed_while_it_writes(tmp_path):
    """Again and again, at any moment: its store opens, and has all that it had said it had."""
    disk = tmp_path / "flash.img"
    with Board("qemu-rv32", seed=SEED, disk=disk) as board:
        key = board.exec(MAKE % (0, 0), timeout=60).split()[-1]
    told = 0
    for kill in range(8):
        with Board("qemu-rv32", seed=SEED, disk=disk) as board:
            lines = board.exec(
                HEAD + "store = KeyStore(FOLDER, source)\nprint(store.identity.public.hex())\n"
                "print(source.problems, [int(nick) for nick, _, _ in store.people()])",
                timeout=60,
            ).splitlines()
            assert lines[0] == key and lines[1].startswith("() [")
            known = ast.literal_eval(lines[1][3:])
            assert not known or known[0] >= told, "what it had told us is there"
            board.start(
                f"number = {known[0] if known else 0}\n"
                "while True:\n"
                "    number += 1\n"
                "    store.accept_change('%010d' % number, bytes(range(32)))\n"
                "    print(number)\n"
            )
            said = heard(board.port, 0.1 + kill * 0.037).split(b"\r\n")
            told = max([told, *[int(word) for word in said[:-1]]])
    assert told > 8


def test_a_wiped_board_has_nothing_left_in_its_flash(name, tmp_path):
    disk = tmp_path / "flash.img"
    with Board(name, seed=SEED, disk=disk) as board:
        pieces = board.exec(
            HEAD + "source.inject(bytes(range(64)))\n"
            "store = KeyStore(FOLDER, source)\nstore.create_identity()\n"
            "with open(FOLDER + '/config.json', 'w') as file: file.write('our little secret')\n"
            "for number in range(5):\n"
            "    store.know('p%d' % number, bytes(range(number + 2, number + 34)))\n"
            "    Source(FOLDER)\n"
            "    for name in os.listdir(FOLDER):\n"
            "        with open(FOLDER + '/' + name, 'rb') as file:\n"
            "            print(file.read()[11:43].hex())",
            timeout=60,
        ).split()
        seen = {bytes.fromhex(piece)[at : at + 8] for piece in pieces for at in (0, 8, 16, 24)}
        seen = {piece for piece in seen if len(piece) == 8}
        flash = disk.read_bytes()
        assert len([piece for piece in seen if piece in flash]) > 20, "else this shows nothing"
        files = board.exec("store.wipe()\nprint(os.listdir('/'))", timeout=60)
        assert "mpseq" not in files
        flash = disk.read_bytes()
        assert [piece for piece in seen if piece in flash] == []
    with Board(name, seed=SEED, disk=disk) as board:
        said = board.exec(HEAD + "print(KeyStore(FOLDER, source).identity, source.problems)")
        assert said.startswith("None ('os.urandom")


def test_a_passphrase_costs_half_a_second():
    """At 160 MHz, one instruction a cycle."""
    with Board("qemu-rv32", icount=True) as board:
        count = board.exec(
            "import machine\nfrom mpseq_board.keystore import stretch\n"
            "start = machine.mem32[0x200bff8]\nstretch(b'a phrase', bytes(16), 320)\n"
            "print((machine.mem32[0x200bff8] - start) * 100)",
            timeout=60,
        )
    assert 70e6 < int(count) < 95e6


@pytest.mark.parametrize("module", ("test_entropy_story", "test_keystore_story"))
def test_the_stories_on_the_board(module):
    """On the firmware with more heap, for a story holds several disks."""
    check(on_board(KEYS, module), KEYS, module)
