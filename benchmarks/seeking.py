"""
Opening a recording, its first event, and the last of it, in a short recording and in a huge one.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import recordkit
from benchmarks.bulk import record_long
from benchmarks.measure import Check, Report

_SMALL = 1000
_REPEATED = 10


def run(events: int, rounds: int) -> list[Report]:
    """
    Return the times of a recording of 100 times *events* against one of 1000.
    """
    many = events * 100
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    try:
        paths = {size: record_long(folder / str(size), size) for size in (_SMALL, many)}
        with recordkit.open_recording(paths[many]) as recording:
            begin, end = recording.summary.start_ns or 0, recording.summary.end_ns or 0
        delay = (end - begin) / 1e9
        questions: dict[str, Callable[[Path, int], None]] = {
            "open + first event + last event": _all_three,
            "open": _open,
            "open + first event": _first,
            "open + seek to the end by number": _last,
        }
        checks = []
        for what, question in questions.items():
            figures = [_median_s(partial(question, paths[size], size), rounds * _REPEATED) for size in paths]
            small, large = figures
            checks.append(
                Check(what=f"{what}, {many} events", against=f"{_SMALL} events", value=large / small,
                      target=3.0 if question is _all_three else None, at_most=True,
                      figures=f"{large * 1e3:.2f} ms against {small * 1e3:.2f} ms")
            )  # fmt: skip
        took = _median_s(partial(_delayed, paths[many], delay - 0.1), rounds * _REPEATED)
        short = _median_s(partial(_delayed, paths[_SMALL], 1.9), rounds * _REPEATED)
        checks.append(
            Check(what="open + seek to the end by delay", against=f"{_SMALL} events", value=took / short,
                  at_most=True, figures=f"{took * 1e3:.2f} ms against {short * 1e3:.2f} ms")
        )  # fmt: skip
    finally:
        shutil.rmtree(folder)
    return [Report(checks=checks)]


def _median_s(ask: Callable[[], None], times: int) -> float:
    ask()
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def _open(path: Path, _events: int) -> None:
    with recordkit.open_recording(path) as recording:
        recording.summary  # noqa: B018 - it is read from the file


def _first(path: Path, _events: int) -> None:
    with recordkit.open_recording(path) as recording:
        next(recording.events())


def _last(path: Path, events: int) -> None:
    with recordkit.open_recording(path) as recording:
        found = sum(1 for _ in recording.events(start_ei=events - 10))
    if found != 10:
        raise SystemExit(f"found {found} events, expected 10")


def _all_three(path: Path, events: int) -> None:
    with recordkit.open_recording(path) as recording:
        next(recording.events())
        found = sum(1 for _ in islice(recording.events(start_ei=events - 10), 10))
    if found != 10:
        raise SystemExit(f"found {found} events, expected 10")


def _delayed(path: Path, delay_s: float) -> None:
    with recordkit.open_recording(path) as recording:
        next(recording.events(start_delay=delay_s))
