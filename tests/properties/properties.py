"""Runs the properties without pytest: `make soak`, and measuring.

    properties.py soak [--minutes N] [--kind KIND]      random seeds until the time is over
    properties.py run [--kind KIND] [--examples N]      the seeded schedules of the tests
"""

import argparse
import pathlib
import random
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for _folder in (HERE, HERE.parent / "core", ROOT / "lib"):
    if str(_folder) in sys.path:
        sys.path.remove(str(_folder))
    sys.path.insert(0, str(_folder))


def examine(kind, examples, seed=None):
    """Runs so many schedules of this kind; raises what fails, with its script."""
    import machine
    from hypothesis import seed as seeded
    from hypothesis.stateful import run_state_machine_as_test

    room = machine.room(kind)
    profile = machine.profile(examples, seed is None)
    if seed is not None:
        room = seeded(seed)(room)
    run_state_machine_as_test(room, settings=profile)


def soak(minutes, kinds):
    until = time.monotonic() + 60 * minutes
    done = 0
    while time.monotonic() < until:
        seed = random.randrange(2**63)
        kind = kinds[done % len(kinds)]
        started = time.monotonic()
        examine(kind, 200, seed)
        done += 1
        print("%-9s 200 schedules in %.0f s" % (kind, time.monotonic() - started))
        sys.stdout.flush()
    print("%d schedules, all well" % (200 * done))


def main():
    import machine

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("do", choices=("soak", "run"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--kind", choices=sorted(machine.KINDS))
    parser.add_argument("--examples", type=int, default=400)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    kinds = [given.kind] if given.kind else list(machine.KINDS)
    if given.do == "soak":
        soak(given.minutes, kinds)
        return
    for kind in kinds:
        started = time.process_time()
        examine(kind, given.examples, given.seed)
        took = time.process_time() - started
        each = 1e3 * took / given.examples
        print("%-9s %d schedules, %.1f ms each" % (kind, given.examples, each))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
