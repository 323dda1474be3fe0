"""What `mpseq interop` does: progress while a bench runs, its report, its exit code."""

import asyncio
import json
import secrets
import sys
import time

import rich.console
import rich.progress

from mpseq_aio.framing import clean

from ..faults import Fault
from . import report as reports
from . import scenarios
from .bench import EVERYTHING, FAILED, NOT_OFFERED, PASSED, TOO_SMALL, Bench, WrongUse

_COLOURS = {PASSED: "green", FAILED: "bold red", TOO_SMALL: "bold red", NOT_OFFERED: "yellow"}


def run(kinds, only, pairs, seed, folder, *, baudrate, jobs, share, show, as_json) -> int:
    """The whole command; its exit code. Fault."""
    console = rich.console.Console(stderr=as_json, highlight=False, soft_wrap=True)
    if show and not kinds:
        _list(console, EVERYTHING)
        return 0
    if not kinds:
        raise WrongUse(
            "no devices",
            "--device cpython --device unix --device qemu-rv32, or a serial port; each once",
        )
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    pairs = [one if one == "all" else tuple(one.split(",")) for one in pairs]
    progress = Progress(console)
    bench = Bench(
        kinds, seed, only, pairs, baudrate=baudrate, jobs=jobs, share=share, say=progress.say
    )
    if show:
        _list(console, bench.scenarios)
        for result in bench.results:
            console.print(f"{result.title:24} {' + '.join(result.members)}", markup=False)
        return 0
    console.print(f"devices: {', '.join(bench.names)}; seed {seed}", markup=False)
    try:
        with progress:
            asyncio.run(bench.run())
    except (KeyboardInterrupt, asyncio.CancelledError):
        bench.interrupted = True
    return _finish(bench, folder, console, as_json)


def _finish(bench, folder, console, as_json):
    code = bench.code
    if folder is None:
        folder = time.strftime("mpseq-interop-%Y%m%d-%H%M%S", time.localtime(bench.begun))
    try:
        written = reports.write(bench, folder)
        console.print(f"report: {written}/report.md, report.json, report.html", markup=False)
    except Fault as fault:
        console.print(f"mpseq: {fault}\nCure: {fault.cure}", markup=False)
        code = fault.code
    if bench.interrupted:
        console.print("interrupted: the rest was not run", markup=False)
    for result in bench.results:
        if result.verdict in (FAILED, TOO_SMALL):
            console.print(f"{result.title}, {' + '.join(result.members)}: {result.detail}",
                          markup=False)
            if result.cure:
                console.print(f"  cure: {result.cure}", markup=False)
            console.print(f"  replay: {result.replay}", markup=False)
    console.print(bench.summary, markup=False)
    if as_json:
        json.dump(reports.data_of(bench), sys.stdout, indent=1, ensure_ascii=False)
        print()
    return code


def _list(console, names):
    for name in names:
        console.print(f"{name:9} {scenarios.title(name)}", markup=False)


class Progress:
    """A bar below the results on a terminal; else just their lines."""

    def __init__(self, console):
        self._console = console
        self._bar = None
        self._task = None
        if console.is_terminal:
            self._bar = rich.progress.Progress(
                rich.progress.TextColumn("{task.description}"),
                rich.progress.BarColumn(),
                rich.progress.MofNCompleteColumn(),
                rich.progress.TimeElapsedColumn(),
                console=console,
                transient=True,
            )

    def __enter__(self):
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task("interop", total=None)
        return self

    def __exit__(self, *_):
        if self._bar:
            self._bar.stop()

    def say(self, result, done, of):
        """A result, the `done`th of so many."""
        if self._bar:
            self._bar.update(self._task, completed=done, total=of)
        where = " + ".join(result.members)
        line = f"{result.seconds:5.1f} s  {result.verdict:11} {result.title:22} {where}"
        if result.verdict != PASSED:
            line += f": {clean(result.detail)}"
        if not self._bar:
            line = f"[{done:{len(str(of))}}/{of}] {line}"
        self._console.print(line, markup=False, style=_COLOURS.get(result.verdict))
