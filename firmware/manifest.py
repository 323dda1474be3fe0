# What is frozen into every MicroPython with mpseq inside. The packages' files are listed as they
# are found, so a new module needs no entry; some are CPython's bindings and not a board's.
import os

CPYTHON = ("_pymonocypher.py", "_cryptolib.py")

for name in ("mpseq", "mpseq_aio", "mpseq_board"):
    root = os.path.join("..", "lib", name)
    files = [
        os.path.relpath(os.path.join(folder, file), root)
        for folder, _, found in os.walk(root)
        for file in found
        if file.endswith(".py") and file not in CPYTHON
    ]
    if files:
        package(name, files=sorted(files), base_path="../lib")  # noqa: F821  # makemanifest's own
