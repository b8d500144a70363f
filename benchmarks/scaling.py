"""
Several threads and processes recording at once: how the whole goes faster, and that nothing is lost or mixed.

Threads record into sessions of their own, eight threads also into one together; two processes record into one
store. Afterwards each recording is read: as many events as were given, numbered without a gap, and those of
each thread in the order in which it gave them.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

import recordkit
from benchmarks.bulk import environment
from benchmarks.measure import Check, Report
from benchmarks.workloads import CONSTANTS

_PROCESS: Final = """
import pathlib, sys
from benchmarks.scaling import record
print("ready", flush=True)
sys.stdin.readline()
print(*record(pathlib.Path(sys.argv[1]), threads=1, events=int(sys.argv[2]), shared=False))
"""


def run(events: int, rounds: int) -> list[Report]:
    """
    Return events a second against one thread's.
    """
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, threads, shared in (
            ("1 thread", 1, False),
            ("2 threads", 2, False),
            ("8 threads", 8, False),
            ("8 threads, one session", 8, True),
        ):
            rates.setdefault(name, []).append(_threads(events, threads, shared=shared))
        rates.setdefault("2 processes, one store", []).append(_processes(events, 2))
    one = rates.pop("1 thread")
    checks = [
        Check(
            what=f"{name} recording, nothing lost or mixed", against="1 thread",
            value=statistics.median(ours / alone for ours, alone in zip(found, one, strict=True)),
            figures=f"{statistics.median(found):,.0f} events/s against {statistics.median(one):,.0f}",
        )
        for name, found in rates.items()
    ]  # fmt: skip
    return [Report(checks=checks)]


def _threads(events: int, threads: int, *, shared: bool) -> float:
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    try:
        begin, end = record(folder, threads=threads, events=events // threads, shared=shared)
        found = check(folder)
    finally:
        shutil.rmtree(folder)
    _expect(found, events // threads * threads)
    return found / (end - begin)


def _processes(events: int, count: int) -> float:
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    command = [sys.executable, "-c", _PROCESS, str(folder), str(events // count)]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True)
        for _ in range(count)
    ]
    try:
        for child in children:
            if child.stdout is None or child.stdout.readline() != "ready\n":
                raise SystemExit("a recording process did not start")
        for child in children:
            if child.stdin is not None:
                child.stdin.write("\n")
                child.stdin.flush()
        spans = [tuple(map(float, child.communicate()[0].split())) for child in children]
        seconds = max(end for _, end in spans) - min(begin for begin, _ in spans)
        found = check(folder)
    finally:
        shutil.rmtree(folder)
    _expect(found, events // count * count)
    return found / seconds


def _expect(found: int, expected: int) -> None:
    if found != expected:
        raise SystemExit(f"{found} events found, {expected} recorded")


def record(folder: Path, *, threads: int, events: int, shared: bool) -> tuple[float, float]:
    """
    Record *events* statements with each of so many threads.

    Returns:
        When the first was recorded and when all were in their files; on a clock that all processes share.
    """
    with recordkit.Recorder(folder) as recorder:
        sessions = [recorder.session(start=False, **CONSTANTS) for _ in range(1 if shared else threads)]
        ready = threading.Barrier(threads + 1)

        def work(number: int) -> None:
            query = sessions[number % len(sessions)].query
            made = [f"SELECT {place} FROM t WHERE thread = {number}" for place in range(events)]
            ready.wait()
            for sql in made:
                query(sql)

        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        ready.wait()
        begin = time.perf_counter()
        for worker in workers:
            worker.join()
        for session in sessions:
            session.flush()
        end = time.perf_counter()
        for session in sessions:
            session.close()
    return begin, end


def check(folder: Path) -> int:
    """
    Read all recordings and return how many statements they hold.

    Raises:
        SystemExit: One is lost, doubled, or out of its thread's order.
    """
    count = 0
    with recordkit.open_store(folder) as store:
        for sid in store:
            numbers: dict[str, int] = {}
            with store[sid] as recording:
                for place, event in enumerate(recording.events()):
                    _, number, *_, thread = event["db_query"].split()
                    if event["ei"] != place or event["sid"] != sid or int(number) != numbers.get(thread, -1) + 1:
                        raise SystemExit(f"session {sid}: event {place} is out of order: {event}")
                    numbers[thread] = int(number)
                    count += 1
    return count
