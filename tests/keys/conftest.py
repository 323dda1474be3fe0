"""Lets pytest find these stories' helpers as MicroPython does with MICROPYPATH."""

import pathlib
import sys

_HERE = pathlib.Path(__file__).resolve().parent
for _folder in (str(_HERE), str(_HERE.parent.parent / "lib")):
    if _folder not in sys.path:
        sys.path.insert(0, _folder)
