"""Runs the fuzz targets: `make fuzz`, the short run in tests/test_fuzz.py, and replays.

    fuzzing.py list
    fuzzing.py fuzz [TARGET …] [--seconds N]     each target in turn, N seconds in all
    fuzzing.py one TARGET [--runs N] [--seconds N] [--seed N]
    fuzzing.py replay TARGET FILE|HEX …          in a plain Python, with a traceback

atheris guides by coverage where its wheel is installed (Linux on x86-64); elsewhere `one` mutates
blindly, with a seed, and says so.
"""

import argparse
import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for _folder in (HERE, HERE.parent / "core", ROOT / "lib"):
    if str(_folder) in sys.path:
        sys.path.remove(str(_folder))
    sys.path.insert(0, str(_folder))

_MAX_LEN = 2048
_FOUND = HERE / "found.txt"


def build():
    return pathlib.Path(os.environ.get("MPSEQ_BUILD") or ROOT / "build") / "fuzz"


def modules():
    """[(targets by name, seeds)]"""
    import conversations
    import decoders

    return [(decoders.TARGETS, decoders.seeds), (conversations.TARGETS, conversations.seeds)]


def target(name):
    """(function of bytes, list of seeds); "decoders" is all of them, chosen by the first byte."""
    found = modules()
    if name == "decoders":
        return _all_decoders(*found[0])
    for targets, seeds in found:
        if name in targets:
            return targets[name], seeds(name) + regressions(name)
    raise SystemExit("no target %r; try: fuzzing.py list" % name)


def _all_decoders(targets, seeds):
    names = sorted(targets)

    def decoders(data):
        return data and targets[names[data[0] % len(names)]](bytes(data[1:]))

    out = []
    for at, name in enumerate(names):
        out += [bytes((at,)) + bytes(seed) for seed in seeds(name) + regressions(name)]
    return decoders, out


def names():
    return sorted(name for targets, _ in modules() for name in targets)


def regressions(name):
    """Inputs that once found a bug: found.txt, one a line, `target hex what it was`."""
    out = []
    for line in _FOUND.read_text().splitlines():
        fields = line.split(None, 2)
        if fields and fields[0] == name:
            out.append(bytes.fromhex(fields[1]))
    return out


def _seed_folder(name, seeds):
    """A folder with the seeds, for libFuzzer."""
    folder = build() / "seeds" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for seed in seeds:
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    return folder


def _report(name, data):
    """Keeps the input that failed and says how to see it again."""
    folder = build() / "crashes"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ("%s-%s" % (name, hashlib.sha256(data).hexdigest()[:12]))
    path.write_bytes(data)
    shown = os.path.relpath(path, ROOT)
    print("\nFAILED %s: %d bytes in %s" % (name, len(data), shown))
    print("replay: .venv/bin/python tests/fuzz/fuzzing.py replay %s %s" % (name, shown))
    print("keep, once repaired: a line in tests/fuzz/found.txt:\n%s %s WHAT" % (name, data.hex()))
    sys.stdout.flush()


def one(name, runs, seconds, seed):
    """Fuzzes one target in this process and does not return."""
    try:
        import atheris
    except ImportError:
        blindly(name, runs, seconds, seed)
        return
    with atheris.instrument_imports(include=["mpseq", "mpseq_aio"]):
        function, seeds = target(name)

    def checked(data):
        try:
            function(data)
        except BaseException:
            traceback.print_exc(file=sys.stdout)
            _report(name, data)
            os._exit(77)

    corpus = build() / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    arguments = [
        sys.argv[0], "-seed=%d" % seed, "-max_len=%d" % _MAX_LEN, "-timeout=60", "-verbosity=0",
        "-print_final_stats=1", "-artifact_prefix=%s/" % (build() / "crashes"),
    ]
    if runs:
        arguments.append("-runs=%d" % runs)
        arguments += [str(_seed_folder(name, seeds))]  # what was found before would change the run
    else:
        arguments.append("-max_total_time=%d" % seconds)
        arguments += [str(corpus), str(_seed_folder(name, seeds))]
    (build() / "crashes").mkdir(parents=True, exist_ok=True)
    atheris.Setup(arguments, checked)
    atheris.Fuzz()


def blindly(name, runs, seconds, seed):
    """Without coverage: seeds with a few bytes changed, cut, doubled."""
    print("%s: no atheris here, mutating without coverage" % name)
    function, seeds = target(name)
    die = random.Random(seed)
    until = None if runs else time.monotonic() + seconds
    done = 0
    while done < runs if runs else time.monotonic() < until:
        data = bytearray(seeds[done] if done < len(seeds) else mutated(die, seeds))
        try:
            function(bytes(data))
        except BaseException:
            traceback.print_exc(file=sys.stdout)
            _report(name, bytes(data))
            sys.exit(77)
        done += 1
    print("number_of_executed_units: %d" % done)


def mutated(die, seeds):
    data = bytearray(die.choice(seeds))
    for _ in range(die.choice((0, 1, 1, 1, 2, 3, 8))):
        at = die.randrange(len(data) + 1)
        what = die.randrange(5)
        if what == 0 and at < len(data):
            data[at] ^= 1 << die.randrange(8)
        elif what == 1 and at < len(data):
            data[at] = die.choice((0, 1, 127, 128, 255, die.randrange(256)))
        elif what == 2:
            del data[at : at + die.choice((1, 1, 4, 32, _MAX_LEN))]
        elif what == 3:
            data[at:at] = die.randbytes(die.choice((1, 1, 4, 32)))
        elif what == 4:
            other = die.choice(seeds)
            data[at:] = other[die.randrange(len(other) + 1) :]
    return data[:_MAX_LEN]


def fuzz(wanted, seconds):
    """Each target in a process of its own; returns how many failed."""
    known = names()
    wanted = wanted or known
    # Those with live keys have far more ways to go than a decoder.
    weight = {name: 12 if name in ("stranger", "insider") else 1 for name in wanted}
    failed = []
    for name in wanted:
        if name not in known + ["decoders"]:
            raise SystemExit("no target %r; try: fuzzing.py list" % name)
        share = max(2, seconds * weight[name] // sum(weight.values()))
        command = [sys.executable, __file__, "one", name, "--seconds", str(share)]
        command += ["--seed", str(random.randrange(1, 2**31))]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        lines = (done.stdout + done.stderr).splitlines()
        runs = [line for line in lines if "number_of_executed_units" in line]
        print("%-20s %4d s  %s" % (name, share, runs[0].split(":")[-1].strip() if runs else "?"))
        sys.stdout.flush()
        if done.returncode:
            failed.append(name)
            print("\n".join(lines[-60:]))
    print("%d targets, %d failed%s" % (len(wanted), len(failed), ": " * bool(failed)
                                       + " ".join(failed)))
    return len(failed)


def replay(name, inputs):
    function, _ = target(name)
    for one_input in inputs:
        path = pathlib.Path(one_input)
        data = path.read_bytes() if path.exists() else bytes.fromhex(one_input)
        print("%s: %d bytes: %s" % (name, len(data), "taken" if function(data) else "not taken"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("do", choices=("list", "fuzz", "one", "replay"))
    parser.add_argument("what", nargs="*")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.do == "list":
        print("\n".join(names()))
    elif given.do == "fuzz":
        sys.exit(1 if fuzz(given.what, given.seconds) else 0)
    elif given.do == "one":
        one(given.what[0], given.runs, given.seconds, given.seed)
    else:
        replay(given.what[0], given.what[1:])


if __name__ == "__main__":
    main()
