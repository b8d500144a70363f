"""
Interactive sessions: a statement every few seconds, flushed each second, so that each chunk holds one event.

Sealing joins such chunks; what is compared is the sealed file beside a recording of the same lines that never
was flushed.
"""

import shutil
import tempfile
from pathlib import Path

import recordkit
from benchmarks.measure import Check, Report
from benchmarks.workloads import CONSTANTS, interactive, own_fields
from recordkit.clock import ManualClock
from recordkit.events import decode_line, parse_time


def run(events: int, _rounds: int) -> list[Report]:
    """
    Return the sizes of a long session and of a usual one.
    """
    return [Report(checks=[_check(min(max(20, events // 50), 2000)), _check(60)])]


def _check(events: int) -> Check:
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    try:
        sid, lines, flushed, chunks = _flushed_each_second(folder / "flushed", events)
        with recordkit.Recorder(folder / "full") as recorder, recorder.session(sid=sid, verbatim=True) as session:
            for line in lines:
                session.emit(decode_line(line))
        full = recordkit.open_store(folder / "full")[sid].summary.stored_bytes
    finally:
        shutil.rmtree(folder)
    return Check(
        what=f"interactive session of {events} events, flushed each second, sealed",
        against="the same events in full chunks", value=flushed / full, target=1.15, at_most=True,
        figures=f"{flushed / events:.1f} B an event against {full / events:.1f}; {chunks} chunks while open",
    )  # fmt: skip


def _flushed_each_second(folder: Path, events: int) -> tuple[str, list[bytes], int, int]:
    """
    Return the sid, the lines, the sealed file's bytes, and how many chunks there were before sealing.
    """
    made = interactive(events)
    clock = ManualClock(parse_time(made[0]["time"]))
    with recordkit.Recorder(folder, clock=clock, flush_interval_s=3600) as recorder:
        with recorder.session(**CONSTANTS) as session:
            for event in made:
                clock.set_time_ns(parse_time(event["time"]))
                session.emit(own_fields(event))
                session.flush()  # what the recorder does by itself each second, at a moment that is the same each time
            with recordkit.open_store(folder)[session.sid] as recording:
                chunks = sum(1 for _ in recording.chunks())
        with recordkit.open_store(folder)[session.sid] as recording:
            lines = b"".join(recording.lines())[:-1].split(b"\n")
            return session.sid, lines, recording.summary.stored_bytes, chunks
