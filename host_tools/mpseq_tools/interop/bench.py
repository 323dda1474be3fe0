"""Which scenario over whom, and when: pairs of devices that nobody else uses run side by side."""

import asyncio
import itertools
import shlex
import time
from dataclasses import dataclass, field

from mpseq_aio.framing import clean

from ..devices import DeviceError
from ..faults import SMALL_HEAP, Fault
from ..qemu import BOARDS
from ..relay import Relay
from . import scenarios, vectors
from .play import Failed, NotOffered, Play, chance
from .station import NotThere, Station, TooSmall, names_of, port_of

# Verdicts of a part of the matrix.
PASSED, FAILED, TOO_SMALL, NOT_OFFERED, NOT_RUN = (
    "passed", "failed", "too small", "not offered", "not run",
)
EVERYTHING = ("vectors", *scenarios.SCENARIOS)
_LINES = 400  # of a device's log in the transcript of a failure


class WrongUse(Fault):
    """Options that do not fit."""


@dataclass
class Result:
    """One field of the matrix. `part`: of the vectors, which; `transcript`: of a failure, what
    happened, by device: lists of (seconds, mark, text)."""

    scenario: str
    members: tuple
    part: str = ""
    verdict: str = NOT_RUN
    seconds: float = 0.0
    detail: str = ""
    cure: str = ""
    told: list = field(default_factory=list)
    heap: dict = field(default_factory=dict)
    transcript: dict = field(default_factory=dict)
    replay: str = ""

    @property
    def title(self):
        return f"{self.scenario} ({self.part})" if self.part else self.scenario


class Bench:
    """`kinds`: what `--device` named; `seed`: an int; `only`: scenarios, by default all; `pairs`:
    tuples of names, or "all" for the room of everyone, by default all of them; `share`: of the
    pairs, how many are drawn (by the seed) for each scenario, None for all.

    `say(result, done, of)` is told of each result as it comes. `extra`: by device's name, source
    that it runs first; for tests of the bench itself. WrongUse, NotThere.
    """

    def __init__(self, kinds, seed, only=(), pairs=(), *, baudrate=115200, jobs=2, share=None,
                 say=None, extra=None):
        self.seed = seed
        self.jobs = jobs
        self.baudrate = baudrate
        self.results = []
        self.begun = time.time()
        self.seconds = 0.0
        self.interrupted = False
        self.kinds = list(kinds)
        self._say = say or (lambda *_: None)
        self._share = share
        self._only = list(only)
        self._pairs = list(pairs)
        self._extra = extra or {}
        self._relay = None
        self._number = 0
        self.names = names_of(kinds)
        self.stations = {}
        self.scenarios = [name for name in EVERYTHING if not only or name in only]
        for name in only:
            if name not in EVERYTHING:
                raise WrongUse(
                    f"no scenario {clean(name)}", f"there are {', '.join(EVERYTHING)}"
                )
        if len(kinds) < 2 and self.scenarios != ["vectors"]:
            raise WrongUse("a bench wants two devices", "give --device twice, or --only vectors")
        if len(kinds) > 64:
            raise WrongUse("a conversation has at most 64 members", "give fewer devices")
        self._plan([self._group(pair) for pair in pairs])

    def _group(self, pair):
        if pair == "all":
            return tuple(self.names)
        names = tuple(sorted(pair, key=lambda n: self.names.index(n) if n in self.names else 0))
        for name in names:
            if name not in self.names:
                raise WrongUse(
                    f"no device {clean(name)} in --pair", f"there are {', '.join(self.names)}"
                )
        if len(set(names)) < 2 and self.scenarios != ["vectors"]:
            raise WrongUse("--pair names two devices", "like --pair cpython,unix, or --pair all")
        return names

    def _plan(self, groups):
        pairs = list(itertools.combinations(self.names, 2))
        room = [tuple(self.names)] if len(self.names) > 2 else []
        for name in self.scenarios:
            if name == "vectors":
                tested = [n for n in self.names if not groups or any(n in g for g in groups)]
                for one in tested:
                    self.results += [
                        Result(name, (one,), part) for part in vectors.FILES
                    ]
                continue
            drawn = pairs
            if self._share is not None and not groups:
                drawn = chance(self.seed, "pairs", name).sample(
                    pairs, min(self._share, len(pairs))
                )
            for members in groups or [*drawn, *room]:
                self.results.append(Result(name, members))
        for result in self.results:
            result.replay = self._replay(result)

    def _words(self):
        words = ["mpseq", "interop"]
        for kind in self.kinds:
            words += ["--device", kind]
        if self.baudrate != 115200:
            words += ["--baud", str(self.baudrate)]
        return [*words, "--seed", str(self.seed)]

    def _replay(self, result):
        words = [*self._words(), "--only", result.scenario]
        if len(result.members) > 1:
            everyone = len(result.members) == len(self.names) > 2
            words += ["--pair", "all" if everyone else ",".join(result.members)]
        elif len(self.names) > 1:
            words += ["--pair", result.members[0]]
        return shlex.join(words)

    @property
    def command(self):
        """The command line that runs all of this again."""
        words = self._words()
        for name in self._only:
            words += ["--only", name]
        for pair in self._pairs:
            words += ["--pair", pair if pair == "all" else ",".join(pair)]
        if self._share is not None:
            words += ["--share", str(self._share)]
        return shlex.join(words)

    # --- running

    async def run(self):
        """Starts the devices, runs everything, ends them; NotThere when one is not there."""
        start = time.monotonic()
        self._relay = Relay(port=0)
        await self._relay.start()
        try:
            await self._start_all()
            await self._run_all()
        except asyncio.CancelledError:
            self.interrupted = True
            raise
        finally:
            self.seconds = time.monotonic() - start
            stops = [station.stop() for station in self.stations.values()]
            await asyncio.gather(*stops, return_exceptions=True)
            await self._relay.stop()

    async def _start_all(self):
        used = {name for result in self.results for name in result.members}
        for at, (name, kind) in enumerate(zip(self.names, self.kinds, strict=True)):
            if name not in used:
                continue
            seed = None
            if kind in BOARDS:
                seed = bytes(chance(self.seed, "os.urandom", name, at).randbytes(64))
            self.stations[name] = Station(
                name, port_of(kind), self._relay.port, self.baudrate, seed,
                self._extra.get(name, ""),
            )
        starts = [station.start() for station in self.stations.values()]
        for failure in await asyncio.gather(*starts, return_exceptions=True):
            if isinstance(failure, BaseException):
                raise failure

    async def _run_all(self):
        waiting = list(self.results)
        running = {}
        done = 0
        try:
            while waiting or running:
                busy = {name for result in running.values() for name in result.members}
                for result in list(waiting):
                    if len(running) >= self.jobs:
                        break
                    if busy.isdisjoint(result.members):
                        waiting.remove(result)
                        running[asyncio.ensure_future(self._run_one(result))] = result
                    busy.update(result.members)  # nobody passes one that waits for a device
                ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    result = running.pop(task)
                    task.result()
                    done += 1
                    self._say(result, done, len(self.results))
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _run_one(self, result):
        stations = [self.stations[name] for name in result.members]
        for one in stations:
            one.heap_low = None
            one.log.clear()
            one.began = time.monotonic()
        start = time.monotonic()
        self._number += 1
        play = self._play(result, stations)
        try:
            for one in stations:
                used = one.lives and result.scenario in scenarios.FRESH
                if used or one.worn or not one.sound:
                    await one.reset()
            try:
                await self._tell(result, play)
            except TooSmall as error:
                # Perhaps by chance: what lives lies where it fell. Too small a heap is so twice.
                play = self._play(result, stations)
                play.tell(f"a second time, as devices that began anew: {error}")
                for one in stations:
                    await one.reset()
                await self._tell(result, play)
            result.verdict = PASSED
        except NotOffered as reason:
            result.verdict, result.detail = NOT_OFFERED, str(reason)
        except asyncio.TimeoutError:
            self._failed(result, "it did not end in time")
        except TooSmall as error:
            self._failed(result, str(error), TOO_SMALL, SMALL_HEAP)
        except NotThere as error:
            self._failed(result, str(error), cure=error.cure)
        except (Failed, DeviceError) as error:
            self._failed(result, str(error))
        except asyncio.CancelledError:
            result.detail = "interrupted"
            raise
        except Exception as error:  # a report without a field, from a device that is out of order
            self._failed(result, f"{type(error).__name__}: {error}")
        finally:
            result.seconds = time.monotonic() - start
            result.told = [clean(line) for line in play.told]
            for one in stations:
                if one.heap_low is not None:
                    result.heap[one.name] = one.heap_low

    def _play(self, result, stations):
        play = Play(result.scenario, stations, self.seed, self._number)
        play.part = result.part
        return play

    async def _tell(self, result, play):
        name = result.scenario
        story = vectors.vectors if name == "vectors" else scenarios.SCENARIOS[name]
        await asyncio.wait_for(story(play), scenarios.limit(name, len(play.stations)))

    def _failed(self, result, why, verdict=FAILED, cure=""):
        result.verdict, result.detail, result.cure = verdict, clean(why), cure
        for name in result.members:
            station = self.stations[name]
            result.transcript[name] = list(station.log[-_LINES:])
            station.sound = False  # whatever it still does: it begins anew

    # --- what came of it

    def count(self, *verdicts):
        """How many results have one of these verdicts."""
        return sum(result.verdict in verdicts for result in self.results)

    @property
    def code(self):
        """The exit code of the command: 0 only when everything was run and nothing failed."""
        if self.interrupted:
            return 130
        return 1 if self.count(FAILED, TOO_SMALL, NOT_RUN) else 0

    @property
    def summary(self):
        """The figure in a line."""
        offered = len(self.results) - self.count(NOT_OFFERED)
        devices, pairs = len(self.names), len(self.names) * (len(self.names) - 1) // 2
        line = f"interop: {self.count(PASSED)} of {offered} passed"
        for verdict in (FAILED, TOO_SMALL, NOT_RUN):
            if self.count(verdict):
                line += f", {self.count(verdict)} {verdict}"
        if self.count(NOT_OFFERED):
            line += f", {self.count(NOT_OFFERED)} not offered by a device"
        what = (
            f"{devices} {_s('device', devices)}, {pairs} {_s('pair', pairs)}, "
            f"{len(self.scenarios)} {_s('scenario', len(self.scenarios))}"
        )
        return f"{line} ({what}, seed {self.seed}, {self.seconds:.0f} s)"


def _s(word, count):
    return word if count == 1 else word + "s"
