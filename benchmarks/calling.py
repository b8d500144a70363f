"""
The caller's own time: what a connection of the proxy feels of ``session.query``, call by call.

A statement comes, the proxy records it and goes on, ten in a burst and then a millisecond of rest: ten
thousand a second, a busy connection. Meanwhile another thread asks for ``flush(sync=True)``, an ``fsync``,
every 20 ms. In the same loop, in turns, the whole event goes through ``orjson.dumps``, which is timed the
same way. From both the time of an empty measurement is taken off. The same again with all calls in one
tight loop, which no connection does, is reported without a target.
"""

import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson

import recordkit
from benchmarks.measure import Check, Report
from benchmarks.workloads import CONSTANTS, SID, query_events

_BURST: Final = 10
_REST_S: Final = 0.001
_SYNC_S: Final = 0.02


def run(events: int, rounds: int) -> list[Report]:
    """
    Return medians and 99.9 percentiles.
    """
    paced = [_measure(min(events // 2, 20_000), paced=True) for _ in range(rounds)]
    tight = [_measure(events, paced=False) for _ in range(rounds)]
    checks = _checks(paced, "10 in a burst, fsync going on", targets=(1.5, 20.0))
    return [Report(checks=checks + _checks(tight, "tight loop, fsync going on", targets=(None, None)))]


def _checks(
    rounds: list[tuple[list[int], list[int]]], how: str, *, targets: tuple[float | None, float | None]
) -> list[Check]:
    ours = [(statistics.median(query), _p999(query)) for query, _ in rounds]
    theirs = [(statistics.median(dumped), _p999(dumped)) for _, dumped in rounds]
    median = statistics.median(mine[0] / other[0] for mine, other in zip(ours, theirs, strict=True))
    tail = statistics.median(mine[1] / mine[0] for mine in ours)
    their_tail = statistics.median(other[1] / other[0] for other in theirs)
    middle_us = statistics.median(mine[0] for mine in ours) / 1e3
    other_us = statistics.median(other[0] for other in theirs) / 1e3
    tail_us = statistics.median(mine[1] for mine in ours) / 1e3
    return [
        Check(what=f"caller's time of session.query, {how}", against="orjson.dumps of the full event", value=median,
              target=targets[0], at_most=True, figures=f"median {middle_us:.2f} µs against {other_us:.2f} µs"),
        Check(what=f"p99.9 of session.query, {how}", against="its own median", value=tail, target=targets[1],
              at_most=True, figures=f"p99.9 {tail_us:.1f} µs; orjson.dumps in the same loop: {their_tail:.1f}x"),
    ]  # fmt: skip


def _p999(times: list[int]) -> int:
    return sorted(times)[int(len(times) * 0.999)]


def _measure(count: int, *, paced: bool) -> tuple[list[int], list[int]]:
    """
    Return the nanoseconds of each call of ``query`` and of ``orjson.dumps``.
    """
    events = query_events(count)
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    stop = threading.Event()
    try:
        with recordkit.Recorder(folder) as recorder, recorder.session(sid=SID, start=False, **CONSTANTS) as session:
            syncing = threading.Thread(target=_sync, args=(session, stop))
            syncing.start()
            try:
                times = _times(events, session.query, paced=paced)
            finally:
                stop.set()
                syncing.join()
    finally:
        shutil.rmtree(folder)
    return times


def _times(events: list[dict[str, Any]], query: Callable[[str], None], *, paced: bool) -> tuple[list[int], list[int]]:
    now, dumps, option = time.perf_counter_ns, orjson.dumps, orjson.OPT_APPEND_NEWLINE
    ours: list[int] = []
    theirs: list[int] = []
    empty: list[int] = []
    for number, event in enumerate(events):
        sql = event["db_query"]
        begin = now()
        query(sql)
        called = now()
        dumps(event, None, option)
        dumped = now()
        end = now()
        ours.append(called - begin)
        theirs.append(dumped - called)
        empty.append(end - dumped)
        if paced and number % _BURST == _BURST - 1:
            time.sleep(_REST_S)
    nothing = round(statistics.median(empty))
    return [max(1, taken - nothing) for taken in ours], [max(1, taken - nothing) for taken in theirs]


def _sync(session: recordkit.RecordingSession, stop: threading.Event) -> None:
    while not stop.wait(_SYNC_S):
        session.flush(sync=True)
