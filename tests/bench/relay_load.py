"""What a relay carries: `make load` prints a table, `make load SOAK=600` kills clients meanwhile.

The clients are in processes of their own, the relay is the command as a user starts it. Whatever
is missing, or in another order for somebody, is a failure.
"""

import argparse
import contextlib
import multiprocessing
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from relay_clients import size_on_wire, victim, worker  # noqa: E402

_CONTEXT = multiprocessing.get_context("spawn")
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_COLUMNS = (
    "", "posted/s", "delivered/s", "p50 ms", "p90 ms", "p99 ms", "max ms",
    "in the relay: p50, p99", "CPU us/delivery", "RSS MiB: empty, all in, most", "lost", "order",
)


class LoadFault(Exception):
    """The relay did not do what it must."""


class Program:
    """The relay as a process."""

    def __init__(self, process, port, metrics, authority):
        self._metrics = metrics
        self.pid = process.pid
        self.port = port
        self.authority = authority
        self._process = process

    def memory(self):
        """Bytes of it that are in memory."""
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * _PAGE

    def seconds(self):
        """CPU seconds that it took so far."""
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def metrics(self):
        """What it counts."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics}/metrics") as page:
            return page.read().decode()

    def files(self):
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


@contextlib.contextmanager
def relay(*options, tls=False):
    """A relay for many clients of one address; ends it by SIGTERM, which must work."""
    with tempfile.TemporaryDirectory() as home:
        command = [
            sys.executable, "-m", "mpseq_tools", "relay", "--port", "0", "--quiet",
            "--max-clients", "20000", "--max-members", "1000", "--max-per-address", "0",
            "--frame-rate", "100000", "--frame-burst", "1000000",
            "--byte-rate", "1e9", "--byte-burst", "1000000000", "--metrics", "0",
            "--idle", "86400", *options,  # these clients do not PING: a PONG is for one alone
        ]
        if tls:
            command += ["--tls-self-signed", "127.0.0.1"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=dict(os.environ, MPSEQ_HOME=home),
        )
        try:
            line = process.stdout.readline()
            while "relay at" not in line:
                if not line:
                    raise LoadFault("the relay did not start")
                line = process.stdout.readline()
            port = int(line.partition("127.0.0.1:")[2].split(";")[0].split(",")[0])
            metrics = int(process.stdout.readline().rpartition(":")[2].partition("/")[0])
            yield Program(process, port, metrics, os.path.join(home, "relay.pem") if tls else None)
            process.terminate()
            if process.wait(30):
                raise LoadFault(f"the relay ended with {process.returncode}")
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


class Crowd:
    """Clients in `processes` processes; each room has `posters` of them who post."""

    def __init__(self, program, rooms, members, *, window=0, rate=0.0, size=138, posters=3,
                 processes=2):
        self.size = size
        jobs = [[] for _ in range(processes)]
        number = 0
        for room in range(rooms):
            for place in range(members):
                posts = place < posters
                jobs[number % processes].append({
                    "room": f"room{room}", "number": number, "size": size,
                    "window": window if posts else 0, "rate": rate / posters if posts else 0.0,
                })
                number += 1
        self._pipes = []
        self._processes = []
        for some in jobs:
            ours, theirs = _CONTEXT.Pipe()
            process = _CONTEXT.Process(
                target=worker, args=(theirs, program.port, some, program.authority), daemon=True
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def enter(self):
        """Until all are in."""
        self._all()

    def _all(self):
        try:
            return [pipe.recv() for pipe in self._pipes]
        except EOFError:
            raise LoadFault("a process of clients ended") from None

    def post(self, seconds):
        """Starts to post, for so long."""
        for pipe in self._pipes:
            pipe.send(seconds)

    def results(self, everything=True):
        """What each client saw. `everything`: nobody else was in the rooms, so that it is known
        how many bytes each has to see."""
        posted = self._all()
        self.posted = sum(sum(one.values()) for one in posted)
        wanted = None
        if everything:
            wanted = {}
            for one in posted:
                for room, count in one.items():
                    wanted[room] = wanted.get(room, 0) + count * size_on_wire(self.size)
        for pipe in self._pipes:
            pipe.send(wanted)
        clients = [client for some in self._all() for client in some]
        for client in clients:
            client["wanted"] = wanted and wanted[client["room"]]
        return clients

    def end(self):
        """They leave, and end."""
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.send(None)
        for process in self._processes:
            process.join(10)
            process.kill()


def judge(clients):
    """(frames lost or doubled, rooms whose members saw different things, first faults)."""
    lost = 0
    faults = []
    streams = {}
    for client in clients:
        who = f"{client['room']} {client['number']}"
        if client["lost"]:
            faults.append(f"{who}: {client['lost']}")
        faults += [f"{who}: {fault}" for fault in client["faults"]]
        lost += len(client["faults"])
        if client["wanted"] is not None and client["seen"] != client["wanted"]:
            lost += 1
            faults.append(f"{who}: {client['seen']} bytes of {client['wanted']}")
        streams.setdefault(client["room"], set()).add((client["seen"], client["sum"]))
    return lost, sum(len(one) > 1 for one in streams.values()), faults


def measure(title, rooms, members, *, seconds, tls=False, **options):
    """A row of the table: dictionary by column; LoadFault when something was lost."""
    with relay(tls=tls) as program:
        empty = program.memory()
        crowd = Crowd(program, rooms, members, **options)
        try:
            crowd.enter()
            idle = program.memory()
            before = program.seconds()
            crowd.post(seconds)
            peak = _watch(program, seconds)
            clients = crowd.results()
            used = program.seconds() - before
            peak = max(peak, program.memory())
            shown = program.metrics()
        finally:
            crowd.end()
    lost, disorder, faults = judge(clients)
    if faults or disorder:
        raise LoadFault(f"{title}: {lost} lost, {disorder} rooms in disorder: {faults[:5]}")
    delivered = crowd.posted * members
    times = sorted(time for client in clients for time in client["times"])
    row = [title, f"{crowd.posted / seconds:,.0f}", f"{delivered / seconds:,.0f}"]
    row += [f"{times[int(len(times) * part)] * 1000:.1f}" for part in (0.5, 0.9, 0.99)]
    row += [f"{times[-1] * 1000:.0f}", ", ".join(f"< {inside(shown, p)}" for p in (0.5, 0.99))]
    row.append(f"{used / delivered * 1e6:.1f}")
    row.append(", ".join(f"{size / 2**20:.0f}" for size in (empty, idle, peak)))
    row += ["0", "same"]
    return dict(zip(_COLUMNS, row, strict=True))


def inside(metrics, part):
    """The class, in ms, of the relay's own latencies below which `part` of them are."""
    found = re.findall(r'latency_seconds_bucket{le="([^"]*)"} ([0-9.e+]+)', metrics)
    total = float(found[-1][1])
    return next(
        (f"{float(bound) * 1000:g}" for bound, count in found if float(count) >= total * part), "?"
    )


def _watch(program, seconds):
    end = time.monotonic() + seconds
    peak = 0
    while time.monotonic() < end:
        peak = max(peak, program.memory())
        time.sleep(min(0.2, seconds))
    return peak


def soak(seconds, rooms=20, members=10, victims=4, seed=1, rate=20.0, tls=False):
    """Survivors talk while processes of other clients in their rooms are killed at random;
    returns lines of a report, or raises LoadFault."""
    dice = random.Random(seed)
    names = [f"room{number}" for number in range(rooms)]
    # What a deaf client makes the relay keep, so that it is dropped within the time.
    with relay("--max-waiting", "65536", tls=tls) as program:
        crowd = Crowd(program, rooms, members, rate=rate, processes=1)
        hunted = []
        try:
            crowd.enter()
            idle, files = program.memory(), program.files()
            crowd.post(seconds)
            end = time.monotonic() + seconds
            started = killed = peak = 0
            while time.monotonic() < end - min(2, seconds / 4):
                if len(hunted) < victims:
                    started += 1
                    process = _CONTEXT.Process(
                        target=victim,
                        args=(program.port, names, started * 100_000, dice.randrange(1 << 30),
                              program.authority),
                        daemon=True,
                    )
                    process.start()
                    hunted.append((time.monotonic() + 1 + dice.random() * 6, process))
                for one in list(hunted):
                    if time.monotonic() > one[0]:
                        one[1].kill()  # SIGKILL: the kernel closes what it had open
                        one[1].join()
                        hunted.remove(one)
                        killed += 1
                peak = max(peak, program.memory())
                time.sleep(0.1)
            for _, process in hunted:
                process.kill()
                process.join()
                killed += 1
            clients = crowd.results(everything=False)
            left, back = _settled(program, files)
            cpu = program.seconds()
        finally:
            crowd.end()
            for _, process in hunted:
                process.kill()
    _, disorder, faults = judge(clients)
    if faults or disorder:
        raise LoadFault(f"{disorder} rooms in disorder: {faults[:5]}")
    if left > files:
        raise LoadFault(f"{left} files are open, {files} were before")
    if back > idle * 1.2 + (8 << 20):
        raise LoadFault(f"{back >> 20} MiB in memory, {idle >> 20} MiB before")
    heard = sum(client["seen"] for client in clients)
    return [
        f"{seconds} s, seed {seed}: {rooms} rooms with {members} members who stayed,"
        f" {killed} processes of 8 other clients each killed",
        f"the {rooms * members} who stayed posted {crowd.posted:,} frames and got"
        f" {heard / 1e6:,.0f} MB: nothing missing, byte for byte the same in each room",
        f"relay: {idle / 2**20:.1f} MiB before, {peak / 2**20:.1f} at most, {back / 2**20:.1f}"
        f" after; {files} files open before, {left} after; {cpu:.0f} s of CPU",
    ]


def _settled(program, files, patience=15):
    """Open files and memory once the last clients are forgotten."""
    end = time.monotonic() + patience
    while program.files() > files and time.monotonic() < end:
        time.sleep(0.2)
    return program.files(), program.memory()


def table(rows):
    """Markdown."""
    lines = ["| " + " | ".join(_COLUMNS) + " |", "|---" * len(_COLUMNS) + "|"]
    return lines + ["| " + " | ".join(row[name] for name in _COLUMNS) + " |" for row in rows]


def main():
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for each row")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="kill clients, for so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tls", action="store_true", help="soak behind TLS")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and nothing is left running
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < 4096:
        sys.exit(f"{hard} files may be open at once, 4096 are needed. Cure: ulimit -Hn 4096")
    try:
        if options.soak:
            print("\n".join(soak(options.soak, seed=options.seed, tls=options.tls)))
            return
        rows = []
        for title, rooms, members, how in (
            ("1,000 clients, 100 rooms, 20 frames/s each", 100, 10, {"rate": 20}),
            ("the same, as fast as it goes", 100, 10, {"window": 2}),
            ("one room of 200, 40 frames/s", 1, 200, {"rate": 40}),
            ("the same, as fast as it goes", 1, 200, {"window": 8}),
            ("the first behind TLS", 100, 10, {"rate": 20, "tls": True}),
            ("100 rooms of 10, frames of 10,000 bytes", 100, 10, {"rate": 3, "size": 10000}),
        ):
            rows.append(measure(title, rooms, members, seconds=options.seconds, **how))
            print(*table(rows)[-1:], file=sys.stderr, flush=True)
        print("\n".join(table(rows)))
    except LoadFault as fault:
        sys.exit(f"relay_load: {fault}")


if __name__ == "__main__":
    main()
