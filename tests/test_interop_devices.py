"""The interop bench over what is here: a desktop, MicroPython, both emulated boards, and an
emulated board at its port like a real one.

`make interop` runs all of it. Here it is all scenarios over the room of all, and for each two of
the six pairs, drawn by a seed that the report names. The report stays in build/interop.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from mpseq_tools.interop import bench as benches
from mpseq_tools.interop import report, scenarios
from mpseq_tools.interop.bench import Bench
from mpseq_tools.qemu import Board

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("cpython", "unix", "qemu-rv32", "qemu-cortex-m3")
# One with which a board found no 10 kB in one piece for `body`, when sealing took a copy more.
# `make interop` takes any.
SEED = "3"


def test_all_scenarios_over_the_four_runtimes_that_are_here(tmp_path):
    build = Path(os.environ.get("MPSEQ_BUILD") or ROOT / "build")
    folder = build / "interop" if build.is_dir() else tmp_path / "interop"
    words = [word for kind in KINDS for word in ("--device", kind)]
    done = subprocess.run(
        [sys.executable, "-m", "mpseq_tools", "interop", *words, "--share", "1", "--seed", SEED,
         "--report", folder],
        cwd=tmp_path, capture_output=True, text=True, timeout=1500,
    )  # fmt: skip
    last = [line for line in done.stdout.splitlines() if line.strip()][-1]
    data = json.loads((folder / "report.json").read_text())
    wrong = [
        (one["scenario"], one["part"], one["detail"], one["replay"])
        for one in data["results"] if one["verdict"] != "passed"
    ]  # fmt: skip
    assert wrong == [] and done.returncode == 0, done.stdout + done.stderr
    assert last == data["summary"]
    # Each scenario over one pair and all in one room, and three kinds of vectors on each.
    assert len(data["results"]) == len(scenarios.SCENARIOS) * 2 + 4 * 3
    assert last.startswith(f"interop: {len(data['results'])} of {len(data['results'])} passed (4")
    rooms = {one["scenario"] for one in data["results"] if len(one["devices"]) == 4}
    assert rooms == set(scenarios.SCENARIOS)
    devices = {one["name"]: one for one in data["devices"]}
    assert set(devices) == set(KINDS)
    for name in KINDS[2:]:
        board = devices[name]
        assert board["heap_free"] > board["heap_low"] > 20000
        assert board["crypto"] == "built in" and board["aes"]
    assert devices["qemu-rv32"]["architecture"] == "rv32imc"
    assert devices["qemu-cortex-m3"]["architecture"] == "armv7em"
    faults = [note for one in data["results"] for note in one["told"]]
    assert any("was reset" in note for note in faults)
    assert (folder / "report.html").stat().st_size > 10000


def test_a_board_at_a_serial_port_is_tested_reset_and_given_back(tmp_path):
    with Board("qemu-rv32", seed=os.urandom(64)) as board:
        made = Bench([board.port, "cpython"], 3, ["pairwise", "reset", "cable", "body"])
        asyncio.run(asyncio.wait_for(made.run(), 400))
        wrong = [one for one in made.results if one.verdict != benches.PASSED]
        assert [(one.title, one.detail) for one in wrong] == []
        (told,) = [one.told for one in made.results if one.scenario == "reset"]
        name = made.names[0]
        assert re.fullmatch(r"pts-\d+", name) and f"{name} was reset" in " ".join(told)
        board.await_prompt()
        assert board.exec("print(1 + 1)") == "2\n"
    text = (report.write(made, tmp_path) / "report.md").read_text()
    assert "micropython" in text and name in text


def test_a_board_without_mpseq_is_told_what_to_do(tmp_path):
    with Board("qemu-cortex-m3", linked=False) as board:
        done = subprocess.run(
            [sys.executable, "-m", "mpseq_tools", "interop", "--device", board.port,
             "--device", "cpython"],
            cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert done.returncode == 3
    assert "has no mpseq" in done.stderr
    assert f"mpseq deploy --port {board.port}" in done.stderr
    assert not list(tmp_path.iterdir())
