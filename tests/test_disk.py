"""A board with a disk is a board with flash memory: its files stay, and its own program starts."""

import hashlib
import json
import os
import subprocess
import sys
import time

import pytest

from mpseq_tools.qemu import BOARDS, DISK_SIZE, Board, BoardError

PUT = "def put(name, text):\n    with open(name, 'w') as file:\n        file.write(text)\n"
FOR_EVER = "print('main runs')\nwhile True: pass\n"


@pytest.fixture(params=BOARDS)
def name(request):
    return request.param


@pytest.fixture
def disk(tmp_path):
    return tmp_path / "flash, of a board.img"


def heard(board, words, timeout=60):
    """What the board says until it has said these words."""
    got, end = b"", time.monotonic() + timeout
    while words not in got:
        assert time.monotonic() < end, got
        got += board.drain()
    return got


def mpremote(board, *arguments, cwd=None, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", board.port, *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("linked", (True, False), ids=("linked", "plain"))
def test_files_outlive_the_board_and_cost_little_of_its_heap(name, linked, disk):
    free = "import gc\ngc.collect()\nprint(gc.mem_free())"
    content = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(256)) * 10
    with Board(name, linked) as board:
        without = int(board.exec(free))
        assert board.exec("import os\nprint(os.listdir())") == "[]\n"
    with Board(name, linked, disk=disk) as board:
        assert without - int(board.exec(free)) < 1000
        board.exec(
            "import hashlib, os\nos.mkdir('lib')\nf = open('lib/big', 'wb')\n"
            "for i in range(2560): f.write(hashlib.sha256(bytes([i % 256])).digest())\nf.close()"
        )
    assert disk.stat().st_size == DISK_SIZE
    # the same file system under the other firmware
    with Board(name, not linked, disk=disk) as board:
        board.exec("import hashlib\nh = hashlib.sha256()\nf = open('/lib/big', 'rb')")
        board.exec("while part := f.read(1000): h.update(part)")
        digest = board.exec("print(h.digest().hex())").strip()
    assert digest == hashlib.sha256(content).hexdigest()


def test_a_board_runs_boot_and_main_as_a_real_one_does(name, disk):
    with Board(name, disk=disk) as board:
        board.exec(
            PUT + "import os\nos.mkdir('lib')\n"
            "put('lib/word.py', 'w = 7')\nput('boot.py', 'import word')\n"
            f"put('main.py', 'print(\"main\", word.w)\\n' + {FOR_EVER!r})"
        )
    with pytest.raises(BoardError, match="silent"):  # no prompt comes
        Board(name, disk=disk, start_timeout=5)
    with Board(name, disk=disk, prompt=False) as board:
        heard(board, b"main 7\r\nmain runs\r\n")
        board.interrupt()
        assert b"KeyboardInterrupt" in heard(board, b">>> ")
        # Ctrl-D at the prompt starts it again, as does machine.reset()
        board.press("\x04")
        heard(board, b"soft reboot\r\nmain 7\r\nmain runs\r\n")
        board.start("import machine\nmachine.reset()")
        heard(board, b"main 7\r\nmain runs\r\n")
        # a raw prompt skips main.py after a soft reset, which mpremote relies on
        assert mpremote(board, "exec", "print('alone')") == "alone\n"


def test_main_that_ends_leaves_the_prompt_and_its_error_is_told(name, disk):
    with Board(name, disk=disk) as board:
        board.exec(PUT + "put('main.py', 'x = 5\\nraise ValueError(x)')")
        board.press("\x04")
        assert b"ValueError: 5" in heard(board, b">>> ")
        assert board.exec("print(x)") == "5\n"


def test_mpremote_copies_lists_installs_and_resets(name, disk, tmp_path):
    (tmp_path / "main.py").write_text(FOR_EVER)
    package = tmp_path / "package"
    (package / "things").mkdir(parents=True)
    (package / "things" / "__init__.py").write_text("size = 3\n")
    urls = [["things/__init__.py", "things/__init__.py"]]
    (package / "package.json").write_text(json.dumps({"urls": urls, "version": "1"}))
    with Board(name, disk=disk) as board:
        mpremote(board, "fs", "cp", "main.py", ":main.py", cwd=tmp_path)
        assert "main.py" in mpremote(board, "fs", "ls")
        mpremote(board, "mip", "install", str(package / "package.json"))
        assert mpremote(board, "exec", "import things\nprint(things.size)") == "3\n"
        mpremote(board, "reset")
        heard(board, b"main runs\r\n")


def test_after_a_reset_the_random_source_goes_on_with_something_new(name, disk):
    draw = "import os\nprint(os.urandom(32).hex())"
    drawn = set()
    with Board(name, seed=bytes(range(64)), disk=disk) as board:
        for _ in range(3):
            drawn.add(board.exec(draw))
            board.start("import machine\nmachine.reset()")
            board.await_prompt()
    assert len(drawn) == 3


def test_a_watchdog_that_is_not_fed_resets_the_board(name, disk):
    with Board(name, disk=disk) as board:
        assert board.exec("import machine\nprint(machine.reset_cause())") == "1\n"
        board.exec(
            "import time\ndog = machine.WDT(timeout=2000)\n"
            "for _ in range(6):\n    time.sleep(0.5)\n    dog.feed()\n"
        )
        for hang in ("while True: pass", "import time\ntime.sleep(100)"):
            board.start(f"import machine\ndog = machine.WDT(timeout=2000)\n{hang}")
            board.await_prompt()
            cause = "import machine\nprint(machine.reset_cause() == machine.WDT_RESET)"
            assert board.exec(cause) == "True\n"


def test_what_is_no_file_system_is_left_alone(name, disk):
    disk.write_bytes(b"somebody's letters " * 5000)
    before = disk.read_bytes()
    with Board(name, disk=disk, prompt=False) as board:
        heard(board, b"damaged")
        assert board.exec("import os\nprint(os.listdir())") == "[]\n"
    assert disk.read_bytes() == before


def test_a_disk_that_cannot_be_opened_is_told(name, tmp_path):
    with Board(name, disk=tmp_path, prompt=False) as board:
        assert os.fsencode(tmp_path) in heard(board, b"no disk")
        board.await_prompt()


def test_two_boards_do_not_get_one_disk(disk):
    with Board("qemu-rv32", disk=disk):
        with pytest.raises(BoardError, match="another board has the disk"):
            Board("qemu-cortex-m3", disk=disk)
    with Board("qemu-cortex-m3", disk=disk):
        pass
