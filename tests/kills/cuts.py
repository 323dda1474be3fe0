"""Power cuts by the hundred: `make kills`, or cuts.py --kills 200 --seed 7 --only board.

What happens at random comes of the seed, which is printed, and of what else the machine does.
"""

import argparse
import functools
import pathlib
import random
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import cut_files  # noqa: E402
import cut_rooms  # noqa: E402

BOARD = "qemu-rv32"
MAIN = HERE.parents[1] / "boards" / "QEMU_RV32" / "main.py"
NODES = {
    "board": functools.partial(cut_rooms.OnBoard, BOARD, main=MAIN.read_text()),
    "unix": cut_rooms.OnUnix,
}
STORIES = ("files", *NODES)


def play(story, folder, kills, seed, say=print):
    """One of STORIES; AssertionError when something was lost, shown twice, or did not recover."""
    chance = random.Random(f"{story} {seed}")
    if story == "files":
        cut_files.play(BOARD, folder, kills, chance, say)
        return
    cut_rooms.play([(NODES[story], folder, kills, chance, say)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="power cuts of each story")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", choices=STORIES)
    arguments = parser.parse_args()
    kills, seed = arguments.kills, arguments.seed
    if not arguments.only:
        print(f"{kills} power cuts of each kind, seed {seed}", flush=True)
        command = [sys.executable, "-u", __file__, "--kills", str(kills), "--seed", str(seed)]
        running = [subprocess.Popen([*command, "--only", story]) for story in STORIES]
        sys.exit(any([process.wait() for process in running]))
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        play(arguments.only, pathlib.Path(folder), kills, seed)
    print(f"{arguments.only}: {kills} power cuts, all well, {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
