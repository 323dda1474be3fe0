"""Runs Tamarin over the theories of this folder, lemma by lemma, and prints what came out.

Exit status: 0 if every lemma came out as wanted, 1 if one did not, 2 if there is no prover. A
missing prover is a failure: nobody shall take this for proved.

    prove.py [THEORY[:LEMMA] …]      default: everything
    MPSEQ_PROVE_MINUTES=…            a lemma's time, default 30
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

from spthy import Theory

HERE = pathlib.Path(__file__).resolve().parent
# In the order in which they are likely to end. The options: `README.md`, "How it is run".
THEORIES = {
    "healing": [],
    "deniability": [],
    "pairwise": [],
    "join": [],
    "ring": [],
    "exchange": ["--heuristic=S"],
}
_RESULT = re.compile(
    r"^\s+(\w+) \((all-traces|exists-trace)\): (verified|falsified|analysis incomplete)"
)
MISSING = """\
make prove: nothing was proved. There is no tamarin-prover on PATH.
  It needs the Tamarin prover (1.8 or later) and Maude (2.7.1 or later; Debian has it).
  The Tamarin project offers binaries, a Homebrew tap, packages of some distributions and a build
  with Haskell's stack; its manual tells how. Then run make prove again.
  What can be checked without it: .venv/bin/python -m pytest tests/test_formal.py"""


def verdicts(output):
    """{lemma: result} of Tamarin's summary, and whether its wellformedness checks complained."""
    found = {}
    for line in output.splitlines():
        match = _RESULT.match(line)
        if match:
            found[match.group(1)] = match.group(3)
    return found, "wellformedness check" in output and "WARNING" in output


def prove(prover, theory, lemma, seconds):
    """One lemma: "verified", "falsified", "not decided", "timeout", "ill-formed" or "error"."""
    command = [prover, "--prove=" + lemma, *THEORIES[theory], str(HERE / (theory + ".spthy"))]
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )
    try:
        output, _ = run.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)  # Maude too
        run.communicate()
        return "timeout"
    found, complaints = verdicts(output)
    if run.returncode or lemma not in found:
        print(output[-2000:], file=sys.stderr)
        return "error"
    if complaints:
        print(output[-4000:], file=sys.stderr)
        return "ill-formed"
    return "not decided" if found[lemma] == "analysis incomplete" else found[lemma]


def main(wanted):
    prover = shutil.which("tamarin-prover")
    if prover is None:
        print(MISSING, file=sys.stderr)
        return 2
    seconds = 60 * float(os.environ.get("MPSEQ_PROVE_MINUTES", "30"))
    bad = total = 0
    for name in THEORIES:
        theory = Theory((HERE / (name + ".spthy")).read_text(), name + ".spthy")
        for lemma in theory.lemmas:
            if wanted and not {name, name + ":" + lemma.name} & set(wanted):
                continue
            total += 1
            result = prove(prover, name, lemma.name, seconds)
            bad += result != "verified"
            kind = "exists" if lemma.exists else "all"
            print("%-12s %-42s %-7s %s" % (name, lemma.name, kind, result), flush=True)
    print("%d/%d lemmas verified" % (total - bad, total))
    return 1 if bad or not total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
