"""
Which recordings of an export are published together, and what became of them.

Small ones are grouped until there are rows for one good file. A huge one is a group of its own, and divided if there
are workers for its parts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path

from recordkit.analytics.export_tasks import CHANGED, Outcome, PartOutcome, TaskPart
from recordkit.analytics.manifest import ExportedFile, ExportedRecording
from recordkit.analytics.parquet import FILE_BYTES, FILE_ROWS
from recordkit.analytics.sources import Found, open_found
from recordkit.analytics.splitting import runs_of
from recordkit.errors import FormatError
from recordkit.events import format_time

Work = list[tuple[TaskPart, ...]]
"""The parts of each task."""


def groups(chosen: Iterable[Found], *, workers: int) -> Iterator[tuple[list[Found], Work]]:
    """
    Yield recordings that are published together, and the work to be done for them.

    Args:
        chosen: The recordings.
        workers: For how many a huge one is divided; 1 leaves all whole.
    """
    group: list[Found] = []
    events = 0
    for found in chosen:
        runs = _runs(found, workers) if workers > 1 and found.sealed else []
        if len(runs) > 1:
            yield [found], [(run,) for run in runs]
            continue
        group.append(found)
        events += found.summary.events
        if events >= FILE_ROWS:
            yield group, [_parts(group)]
            group, events = [], 0
    if group:
        yield group, [_parts(group)]


def _parts(group: list[Found]) -> tuple[TaskPart, ...]:
    return tuple(TaskPart(number, one.summary.sid, one.path, one.summary.events) for number, one in enumerate(group))


def _runs(found: Found, workers: int) -> list[TaskPart]:
    """
    Return the parts of a recording that make good files; none if it is one.
    """
    summary = found.summary
    count = max(ceil(summary.events / FILE_ROWS), ceil(summary.raw_bytes / FILE_BYTES))
    if count < 2:
        return []
    even = ceil(count / workers) * workers
    if 2 * summary.events >= even * FILE_ROWS:
        count = even  # so that all end at the same time
    try:
        with open_found(found.path, mode="salvage") as recording:
            # its index may be wrong: who reads a run looks whether it begins where it should
            runs = list(runs_of(recording.table(), ceil(summary.raw_bytes / count)))
    except (FormatError, FileNotFoundError):
        return []  # who reads it will tell
    whole = TaskPart(0, summary.sid, found.path, summary.events)
    return [replace(whole, after=run.after, last=run.last, events=run.events) for run in runs]


class Group:
    """
    Recordings that are published together, by one commit.

    Attributes:
        commit: Its number.
        found: The recordings.
        tasks: How many there are.
        outcomes: Of those that are done.
    """

    def __init__(self, commit: int, found: list[Found], tasks: int) -> None:
        self.commit = commit
        self.found = found
        self.tasks = tasks
        self.outcomes: list[Outcome] = []

    def result(self) -> tuple[list[ExportedFile], list[ExportedRecording], list[str]]:
        """
        Return its files, its recordings that could be read, and what is wrong with them, each thing once.

        Those who read a run of a recording each see the same header, and should see the same file.
        """
        problems = dict.fromkeys(problem for outcome in self.outcomes for problem in outcome.problems)
        parts: dict[int, list[PartOutcome]] = {}
        for outcome in self.outcomes:
            for part in outcome.parts:
                parts.setdefault(part.number, []).append(part)
        recordings = []
        for number, mine in parts.items():
            found = self.found[number]
            if len({part.identity for part in mine if part.read}) > 1:
                problems[f"{found.path}: {CHANGED}"] = None
            elif all(part.read for part in mine):
                recordings.append(_exported(found, mine))
        files = [file for outcome in self.outcomes for file in outcome.files] if recordings else []
        return files, recordings, list(problems)


def _exported(found: Found, parts: list[PartOutcome]) -> ExportedRecording:
    summary = found.summary
    damage = list(dict.fromkeys(problem for part in parts for problem in part.damage))
    return ExportedRecording(
        sid=summary.sid,
        state=summary.state.value,
        head=summary.head,
        events=summary.events,
        rows=sum(part.rows for part in parts),
        begun=not found.sealed,
        mark=mark_of(found.path) if damage else "",
        damage=damage,
    )


def mark_of(path: Path) -> str:
    """
    Return what tells a damaged file from a repaired one: its size and time.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return "gone"
    return f"{status.st_size} bytes of {format_time(status.st_mtime_ns)}"
