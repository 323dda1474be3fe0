"""Runs the core's tests where there is no pytest: `run.py test_wire test_keys …`.

Imports each module, runs every test_* function in it, and prints `ok MODULE.NAME`, or
`FAIL MODULE.NAME` and the traceback. Exit status 1 when one failed, or when there was none.
"""

import sys


def _explain(error):
    try:
        sys.print_exception(error, sys.stdout)
    except AttributeError:  # CPython
        import traceback

        traceback.print_exception(error, file=sys.stdout)


def run(names):
    passed = failed = 0
    for name in names:
        module = __import__(name)
        for test in sorted(dir(module)):
            if not test.startswith("test_"):
                continue
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


if __name__ == "__main__":
    sys.exit(0 if run(sys.argv[1:]) else 1)
