"""The report of the interop bench: for a person, for a program, for a phone; and the command."""

import html.parser
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import interop_fakes as fakes
import pytest

from mpseq_tools.faults import Fault
from mpseq_tools.interop import bench as benches
from mpseq_tools.interop import play, report, scenarios
from mpseq_tools.interop.bench import Bench

ROOT = Path(__file__).resolve().parent.parent
HOSTILE = "<script>alert(1)</script>\"'><img src=https://evil.example/x onerror=y>|`*_[a](b)&amp;"


def mpseq(*arguments, folder, **options):
    """Runs `mpseq interop` as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "mpseq_tools", "interop", *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, timeout=200, **options,
    )  # fmt: skip


def last_line(done):
    return [line for line in done.stdout.splitlines() if line.strip()][-1]


class Page(html.parser.HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.attributes = []
        self.words = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A report with a pass, a failure and something that is not offered; the bench behind it."""
    made = fakes.bench(fakes.NO_AES + fakes.SILENT, ["pairwise", "suite2", "body"], patience=3)
    return made, report.write(made, tmp_path_factory.mktemp("failed"))


def test_the_json_has_what_the_schema_promises(failed):
    made, folder = failed
    data = json.loads((folder / "report.json").read_text())
    assert data["schema"] == "mpseq-interop/1"
    assert data["seed"] == 1 and data["code"] == 1 and data["interrupted"] is False
    assert data["counts"] == {
        "passed": 1, "failed": 1, "too small": 0, "not offered": 1, "not run": 0,
    }
    assert data["summary"] == made.summary
    for device in data["devices"]:
        assert set(device) == {
            "name", "device", "runtime", "machine", "firmware", "architecture", "crypto", "aes",
            "mpseq", "heap_free", "heap_low",
        }
        assert device["runtime"].startswith("cpython 3") and device["crypto"] == "pymonocypher"
    assert [device["aes"] for device in data["devices"]] == [True, False]
    assert [one["name"] for one in data["scenarios"]] == ["pairwise", "body", "suite2"]
    for one in data["results"]:
        assert set(one) == {
            "scenario", "part", "devices", "verdict", "seconds", "detail", "cure", "told",
            "heap_low", "replay", "transcript",
        }
        assert (one["transcript"] is not None) == (one["verdict"] == "failed")
    (wrong,) = [one for one in data["results"] if one["verdict"] == "failed"]
    lines = wrong["transcript"]["cpython-2"]
    assert {line["what"] for line in lines} >= {"command", "answer", "event", "to the device"}
    assert all(line["at"] >= 0 for line in lines)
    assert "--seed 1 --only pairwise --pair cpython,cpython-2" in wrong["replay"]


def test_the_markdown_and_the_page_say_the_same(failed):
    made, folder = failed
    text = (folder / "report.md").read_text()
    page = Page((folder / "report.html").read_text())
    words = " ".join(page.words)
    for one in made.results:
        assert one.verdict in text and one.verdict in words
    for part in (made.summary, "no answer to 'send'", made.results[0].replay, "SessionStarted"):
        assert part in words
        assert part in text.replace("\\", "")
    assert "viewport" in str(page.attributes)
    assert "prefers-color-scheme: dark" in (folder / "report.html").read_text()


def test_no_secret_stands_in_a_report(failed):
    made, folder = failed
    names = "cpython,cpython-2"
    for scenario in ("pairwise", "suite2", "body"):
        for name in names.split(","):
            secret = play.identity_seed(1, scenario, names, name)
            for file in report.FILES:
                assert secret not in (folder / file).read_text()
    assert "'seed': '…'" in (folder / "report.json").read_text()


def test_what_strangers_say_is_text_in_every_form(tmp_path):
    made = Bench(["cpython", "cpython"], 1, ["pairwise"])
    (result,) = made.results
    result.verdict, result.detail, result.cure = benches.FAILED, HOSTILE, HOSTILE
    result.told = [HOSTILE]
    result.replay = HOSTILE
    result.transcript = {HOSTILE: [(1.0, "*", HOSTILE), (2.0, HOSTILE, HOSTILE)]}

    class Station:
        about = {name: HOSTILE for name in ("runtime", "machine", "firmware", "native", "mpseq")}

    made.stations = {"cpython": Station}
    made.kinds[0] = HOSTILE
    folder = report.write(made, tmp_path)
    source = (folder / "report.html").read_text()
    page = Page(source)
    assert "script" not in page.tags and "img" not in page.tags and "a" not in page.tags
    assert not [name for name, _ in page.attributes if name in ("src", "href", "onerror")]
    assert HOSTILE in " ".join(page.words)  # and nothing is lost
    # Nothing is loaded: no address stands anywhere but in what was said.
    assert "https:" not in re.sub("https://evil.example", "", source)
    assert "default-src &#39;none&#39;" in source or "default-src 'none'" in source
    for line in (folder / "report.md").read_text().splitlines():
        if "<script>" in line:
            assert line.startswith("    "), line  # in a block, where nothing is markup
        elif "script" in line and line.startswith("|"):
            assert line.count("|") - line.count("\\|") == 10  # it has not broken the table
    assert json.loads((folder / "report.json").read_text())["results"][0]["detail"] == HOSTILE


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Fault) as caught:
        report.write(Bench(["cpython", "cpython"], 1), tmp_path / "file" / "deep")
    assert "--report" in caught.value.cure


# --- the command


def test_a_run_that_passes_ends_with_its_figure_and_0(tmp_path):
    words = ("--device", "cpython", "--device", "cpython", "--only", "pairwise", "--seed", 1234)
    done = mpseq(*words, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(
        r"interop: 1 of 1 passed \(2 devices, 1 pair, 1 scenario, seed 1234, \d+ s\)",
        last_line(done),
    )
    (folder,) = tmp_path.glob("mpseq-interop-2*")
    assert f"report: {folder.name}/report.md" in done.stdout
    assert {file.name for file in folder.iterdir()} == set(report.FILES)
    assert "[1/1]" in done.stdout and "\x1b" not in done.stdout
    told = mpseq(*words, "--json", "--report", "there", folder=tmp_path)
    assert json.loads(told.stdout)["counts"]["passed"] == 1
    assert "[1/1]" in told.stderr
    assert (tmp_path / "there" / "report.html").exists()


def test_without_a_seed_there_is_a_new_one(tmp_path):
    words = ("--device", "cpython", "--only", "vectors", "--report", "r")
    first, second = (mpseq(*words, folder=tmp_path) for _ in range(2))
    assert first.returncode == second.returncode == 0
    seeds = [re.search(r"seed (\d+)", last_line(one))[1] for one in (first, second)]
    assert seeds[0] != seeds[1]


@pytest.mark.parametrize(
    "words, code, said",
    [
        ((), 2, "no devices"),
        (("--device", "unix", "--device", "cpython", "--only", "dance"), 2, "no scenario dance"),
        (("--device", "cpython", "--device", "/dev/ttyNONE"), 3, "no device /dev/ttyNONE"),
    ],
)
def test_what_cannot_be_run_is_said_with_its_cure(words, code, said, tmp_path):
    done = mpseq(*words, folder=tmp_path)
    assert done.returncode == code
    assert said in done.stderr and "Cure: " in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_list_names_every_scenario_and_runs_nothing(tmp_path):
    done = mpseq("--list", folder=tmp_path)
    assert done.returncode == 0
    for name in ("vectors", *scenarios.SCENARIOS):
        assert re.search(rf"^{name} ", done.stdout, re.M)
    done = mpseq("--list", "--device", "cpython", "--device", "unix", folder=tmp_path)
    assert "cpython + unix" in done.stdout and not list(tmp_path.iterdir())


def test_ctrl_c_ends_with_a_report_of_what_was_done(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "mpseq_tools", "interop", "--device", "cpython",
         "--device", "cpython", "--report", "r", "--seed", "1"],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for line in process.stdout:
            if "pairwise" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert "interrupted" in rest and "not run" in rest.splitlines()[-1]
    data = json.loads((tmp_path / "r" / "report.json").read_text())
    verdicts = {one["scenario"]: one["verdict"] for one in data["results"]}
    assert verdicts["pairwise"] == "passed" and verdicts["clocks"] == "not run"
    assert data["interrupted"] is True


def test_an_installed_mpseq_has_the_vectors(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT / "host_tools", capture_output=True, text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "site")
    done = mpseq(
        "--device", "cpython", "--only", "vectors", "--report", "r", folder=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert last_line(done).startswith("interop: 3 of 3 passed (1 device, ")
