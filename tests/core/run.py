"""Runs the core's tests where there is no pytest: `run.py test_wire test_keys …`.

Imports each module, runs every test_* function in it, and prints `ok MODULE.NAME`, or
`FAIL MODULE.NAME` and the traceback. Exit status 1 when one failed, or when there was none.
With `--twin PACKAGE` first, twins.py compares every conversation with one of that package.
"""

import sys


def _explain(error):
    try:
        sys.print_exception(error, sys.stdout)
    except AttributeError:  # CPython
        import traceback

        traceback.print_exception(error, file=sys.stdout)


def run(names, twins=None):
    passed = failed = 0
    for name in names:
        module = __import__(name)
        for test in sorted(dir(module)):
            if not test.startswith("test_"):
                continue
            if twins:
                twins.where = "%s.%s" % (name, test)
                twins.forget()
            try:
                getattr(module, test)()
            except Exception as error:
                failed += 1
                print("FAIL %s.%s" % (name, test))
                _explain(error)
            else:
                passed += 1
                print("ok %s.%s" % (name, test))
    print("%d passed, %d failed" % (passed, failed))
    return passed and not failed


def run_with_twins(package, names):
    import twins

    made = twins.install(__import__(package))
    done = run(names, made)
    for where, what in made.differ:
        print("differs %s %s" % (where, what[:300]))
    print("%d pairs, %d calls, %d differ" % (made.pairs, made.calls, len(made.differ)))
    return done


if __name__ == "__main__":
    given = sys.argv[1:]
    if given[0] == "--twin":
        sys.exit(0 if run_with_twins(given[1], given[2:]) else 1)
    sys.exit(0 if run(given) else 1)
