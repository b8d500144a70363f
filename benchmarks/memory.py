"""
Memory: the peak of a process of its own, less what it had after the imports.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.bulk import environment, record_long
from benchmarks.measure import Check, Report
from benchmarks.recording import installed

_PEAK: Final = """
import resource, sys
def peak_kib():
    try:  # of this program alone; what `resource` says may be its parent's
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
import recordkit
"""
_RECORDER: Final = """
from benchmarks.workloads import CONSTANTS, statements
made = statements(200)
folder, count = sys.argv[1], int(sys.argv[2])
before = peak_kib()
with recordkit.Recorder(folder) as recorder:
    sessions = [recorder.session(**CONSTANTS) for _ in range(count)]
    idle = peak_kib()
    for sql in made[:60]:
        for session in sessions:
            session.query(sql)
    peak = peak_kib()
    for session in sessions:
        session.close(wait=False)
print(peak - before, idle - before, peak_kib() - before)
"""
_READER: Final = """
before = peak_kib()
with recordkit.open_recording(sys.argv[1]) as recording:
    count = sum(1 for _ in recording.events())
    last = sum(1 for _ in recording.events(start_ei=count - 100))
print(peak_kib() - before, count)
"""
_EXPORT: Final = """
from recordkit import analytics
import pyarrow, pyarrow.parquet, pyarrow.compute
before = peak_kib()
report = analytics.export_parquet(sys.argv[1], sys.argv[2], table="events")
print(peak_kib() - before, report.rows)
"""
_BUDGET_MIB: Final = 64
"""What a recorder has unless it is told otherwise."""


def run(events: int, _rounds: int) -> list[Report]:
    """
    Return the peaks: a tenth of *events* open sessions; a reader and an export of 100 times, 20 times *events*.
    """
    sessions, many, exported = max(1, events // 10), events * 100, events * 20
    folder = Path(tempfile.mkdtemp(prefix="recordkit-bench-"))
    checks: list[Check] = []
    try:
        mib, (idle_kib, closing_kib) = _peak(_RECORDER, str(folder / "sessions"), str(sessions))
        figures = f"{idle_kib / 1024:.0f} MiB after their start, {closing_kib / 1024:.0f} MiB with closing them all"
        checks.append(
            Check(what=f"recorder with {sessions} open sessions", against="budget of 64 MiB + 64 MiB", value=mib,
                  target=_BUDGET_MIB + 64, at_most=True, unit=" MiB", figures=figures)
        )  # fmt: skip
        shutil.rmtree(folder / "sessions")
        mib, (count,) = _peak(_READER, str(record_long(folder / "reading", many)))
        checks.append(
            Check(what="reader of a recording", against="import", value=mib, target=64, at_most=True, unit=" MiB",
                  figures=f"{count} events read")
        )  # fmt: skip
        if installed("pyarrow"):
            if exported != many:
                shutil.rmtree(folder / "reading")
                record_long(folder / "reading", exported)
            mib, (count,) = _peak(_EXPORT, str(folder / "reading"), str(folder / "out"))
            checks.append(
                Check(what="export of a recording to Parquet", against="import", value=mib, target=512,
                      at_most=True, unit=" MiB", figures=f"{count} events exported")
            )  # fmt: skip
    finally:
        shutil.rmtree(folder)
    return [Report(checks=checks)]


def _peak(program: str, *arguments: str) -> tuple[float, list[int]]:
    """
    Return the MiB that *program* took beside its imports, and the further numbers that it printed.
    """
    command = [sys.executable, "-c", _PEAK + program, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment(), check=True)
    kib, *numbers = map(int, done.stdout.split())
    return kib / 1024, numbers
