"""
The command line beside other programs, as whole processes with their start-up.

``grep`` searches all recordings of a store; beside it the same files go through ``zstd -dc … | grep -c``, one
process each. ``play --format jsonl`` writes one large recording; beside it ``zstd -dc``. Both write to
``/dev/null``. Start-up alone (``recordkit --version``) is shown as well, since it is most of a small run.
"""

import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.bulk import environment, record_long, record_many, recordkit_command, zstd_program
from benchmarks.measure import Check, Report, Row, race

_EVENTS_EACH = 40_000


def grep(events: int, rounds: int) -> list[Report]:
    """
    Return how fast `recordkit grep` is for a rare statement, a rare expression, without case, and a common one.
    """
    zstd = zstd_program()
    environment()  # made once, and not while anything is timed
    each = min(_EVENTS_EACH, events)
    count = max(4, events * 100 // each)
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    try:
        paths = [str(path) for path in record_many(folder / "store", count, each)]
        report = Report(title="grep, whole processes")
        for what, pattern, peer, options, target in (
            ("a rare statement", "DROP TABLE", ["DROP TABLE"], (), 1.5),
            ("a rare expression", r"DROP\s+TABLE", ["-E", r"DROP\s+TABLE"], (), 1.5),
            ("a rare statement, -i", "drop table", ["-i", "drop table"], ("-i",), None),
            ("every tenth event", "pgbench_history", ["pgbench_history"], (), None),
        ):
            ours = recordkit_command("--store", str(folder / "store"), "grep", "--count", *options, pattern)
            contestants = {"recordkit grep": lambda ours=ours: _counted(ours)}
            if zstd:
                contestants = {
                    "zstd -dc | grep -c": lambda peer=peer: _piped([zstd, "-dcq", *paths], ["grep", "-c", *peer])
                } | contestants
            rows = race(contestants, events=count * each, rounds=min(rounds, 3))
            report.rows += [replace(row, name=f"{row.name}: {what}") for row in rows]
            if zstd:
                _same(rows, pattern)
                start_s = _startup_s()
                seconds = [statistics.median(row.rounds) for row in rows]
                cpu = " against ".join(f"{row.extra['cpu_s']:.2f}" for row in reversed(rows))
                wall = f"{seconds[1]:.2f} s against {seconds[0]:.2f} s"
                figures = f"{wall}; CPU {cpu} s; start-up {start_s:.2f} s"
                report.checks.append(
                    Check(what=f"grep for {what}, {count} recordings", against="zstd -dc | grep -c",
                          value=rows[1].ratio, target=target,
                          figures=figures)
                )  # fmt: skip
        return [report]
    finally:
        shutil.rmtree(folder)


def _same(rows: list[Row], pattern: str) -> None:
    found = {row.extra["found"] for row in rows}
    if len(found) > 1:
        raise SystemExit(f"grep {pattern}: found {found}")


def play(events: int, rounds: int) -> list[Report]:
    """
    Return how fast `recordkit play --format jsonl` is.
    """
    zstd = zstd_program()
    environment()
    many = events * 20
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    try:
        path = str(record_long(folder / "store", many))
        contestants: dict[str, Callable[[], Mapping[str, float]]] = {
            "recordkit play --format jsonl": lambda: _to_nowhere(recordkit_command("play", "--format", "jsonl", path))
        }
        if zstd is None:
            return [Report(rows=race(contestants, events=many, rounds=rounds), title="play")]
        contestants = {"zstd -dc": lambda: _to_nowhere([zstd, "-dcq", path])} | contestants
        rows = race(contestants, events=many, rounds=rounds)
        theirs, ours = rows
        start_s = statistics.median(_startup_s() for _ in range(3))
        behind = statistics.median(
            other / max(mine - start_s, 1e-9) for mine, other in zip(ours.rounds, theirs.rounds, strict=True)
        )
        figures = f"{ours.us * many / 1e6:.2f} s against {theirs.us * many / 1e6:.2f} s; start-up {start_s:.2f} s"
        return [
            Report(
                checks=[
                    Check(what=f"play --format jsonl, {many} events, start-up in it", against="zstd -dc",
                          value=ours.ratio, target=0.5, figures=figures),
                    Check(what="the same without start-up", against="zstd -dc", value=behind),
                ]
            )
        ]  # fmt: skip
    finally:
        shutil.rmtree(folder)


def _counted(command: list[str]) -> dict[str, float]:
    before = _cpu_s()
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment(), check=True)
    found = sum(int(line.split(b"\t")[1]) for line in done.stdout.splitlines())
    return {"found": found, "cpu_s": _cpu_s() - before}


def _piped(first: list[str], second: list[str]) -> dict[str, float]:
    before = _cpu_s()
    with subprocess.Popen(first, stdout=subprocess.PIPE) as source:
        done = subprocess.run(second, stdin=source.stdout, stdout=subprocess.PIPE, check=False)
        if source.stdout is not None:
            source.stdout.close()
    return {"found": int(done.stdout), "cpu_s": _cpu_s() - before}


def _cpu_s() -> float:
    """
    Return the processor's seconds that ended child processes have taken; less disturbed by others than the clock.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _to_nowhere(command: list[str]) -> dict[str, float]:
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment(), check=True)
    return {"seconds": time.perf_counter() - begin}


def _startup_s() -> float:
    begin = time.perf_counter()
    subprocess.run(recordkit_command("--version"), stdout=subprocess.DEVNULL, env=environment(), check=True)
    return time.perf_counter() - begin
