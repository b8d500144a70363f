"""
A source's recordings to Parquet: each row once, whenever it is stopped and run again.

Recordings go in groups, each as large as a file should be, or one huge recording. A group is read and
written to the staging directory (`recordkit.analytics.export_tasks`) by this process or several
(`recordkit.analytics.export_workers`), and published by one commit of the manifest
(`recordkit.analytics.manifest`); so what is published is always whole recordings.

=============================  ===================================================================
a recording that               is treated so
=============================  ===================================================================
is exported already            passed over: its head is in the manifest
is being written               left out, or taken as far as it is; its rows are replaced when there are more
was left by a dead recorder    taken; its rows are replaced once it is sealed
changed since (restored,       its rows are replaced by what it is now
salvaged, repaired)
is damaged                     its sound part is taken, and what is lost is reported
was removed from the store     its rows stay: retention of an export is its owner's matter
=============================  ===================================================================
"""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.export_groups import Group, groups, mark_of
from recordkit.analytics.export_tasks import Task, file_name, stage
from recordkit.analytics.export_workers import Here, Workers
from recordkit.analytics.manifest import Commit, ExportedFile, Manifest, owners_of, staged_path
from recordkit.analytics.sources import Found, Source, find
from recordkit.analytics.tables import Table, table_of
from recordkit.clock import Clock, SystemClock
from recordkit.container import State
from recordkit.container.files import Files, OsFiles
from recordkit.errors import ExportError
from recordkit.events import format_time
from recordkit.store import RecordingFilter
from recordkit.store.filters import EVERYTHING
from recordkit.store.locks import lock_file
from recordkit.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

LOCK: Final = "_lock"
_WAIT_S: Final = 1.0
"""For the lock: the workers of an export that was killed are gone in less."""
_WRITER: Final = f"recordkit {__version__}"


class Progress(NamedTuple):
    """
    How far an export is.

    Attributes:
        recordings, events: Read so far.
        all_recordings, all_events: That there are to read.
    """

    recordings: int
    events: int
    all_recordings: int
    all_events: int


@dataclass(slots=True)
class ExportReport:
    """
    What an export did.

    Attributes:
        recordings: Exported, those that were replaced among them.
        rows: Written for them.
        files: New ones.
        skipped: Recordings that were exported before.
        replaced: Recordings whose rows were replaced.
        left_out: Recordings that are being written.
        problems: What is damaged or can't be read, a sentence each.
    """

    recordings: int = 0
    rows: int = 0
    files: int = 0
    skipped: int = 0
    replaced: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)


def export(
    source: Source,
    dest: Path,
    *,
    table: str,
    wanted: RecordingFilter = EVERYTHING,
    include_open: bool = False,
    progress: Callable[[Progress], None] | None = None,
    workers: Workers | None = None,
    files: Files | None = None,
    clock: Clock | None = None,
) -> ExportReport:
    """
    Export *source*; see `recordkit.analytics.export_parquet`.
    """
    files = files or OsFiles()
    workers = workers or Here(files)
    root = dest / table
    what = table_of(table)
    with contextlib.ExitStack() as stack:
        with _disk_errors(root):
            root.mkdir(parents=True, exist_ok=True)
            lock = lock_file(root / LOCK, wait_s=_WAIT_S)
            if lock is None:
                raise ExportError(f"{root}: another export is running; wait for it to end")
            stack.callback(os.close, lock)
            manifest = Manifest(root, table, files)
        clock = clock or SystemClock()
        run = _Run(manifest, what, name=table, workers=workers, files=files, clock=clock, progress=progress)
        chosen = run.choose(source, wanted, include_open=include_open)
        with _disk_errors(root):
            return run.all(*chosen)


@contextlib.contextmanager
def _disk_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(
            f"{error.filename or root}: {error.strerror or error}; what was published is whole, run the export again"
        ) from error


class _Run:
    """
    One export, from its lock to its report.
    """

    def __init__(
        self,
        manifest: Manifest,
        table: Table,
        *,
        name: str,
        workers: Workers,
        files: Files,
        clock: Clock,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._manifest = manifest
        self._table = table
        self._name = name
        self._workers = workers
        self._files = files
        self._clock = clock
        self._progress = progress
        self._report = ExportReport()
        self._next_commit = manifest.next_number
        self._begun: deque[Group] = deque()
        self._events = self._all_events = self._recordings = self._all_recordings = 0

    def all(self, sealed: list[Found], begun: list[Found]) -> ExportReport:
        """
        Export these recordings.
        """
        self._all_recordings = len(sealed) + len(begun)
        self._all_events = sum(found.summary.events for found in (*sealed, *begun))
        try:
            # in files of their own: what is begun is replaced as a whole
            tasks = chain(self._tasks(sealed), self._tasks(begun))
            with contextlib.closing(self._workers.run(tasks, self._tell)) as outcomes:
                for outcome in outcomes:
                    group = self._begun[0]
                    group.outcomes.append(outcome)
                    if len(group.outcomes) == group.tasks:
                        self._publish(group)
                        self._begun.popleft()
        except BaseException:
            for group in self._begun:
                with contextlib.suppress(OSError):
                    self._manifest.discard(group.commit)
            raise
        return self._report

    def choose(self, source: Source, wanted: RecordingFilter, *, include_open: bool) -> tuple[list[Found], list[Found]]:
        """
        Return the recordings to export, sealed ones and others.
        """
        sealed: list[Found] = []
        begun: list[Found] = []
        seen: set[str] = set()
        for found in find(source, wanted, self._report.problems.append):
            sid = found.summary.sid
            if found.summary.state is State.OPEN and not include_open:
                self._report.left_out += 1
            elif sid in seen or self._is_there(found):
                self._report.skipped += 1
            else:
                (sealed if found.sealed else begun).append(found)
            seen.add(sid)
        return sealed, begun

    def _is_there(self, found: Found) -> bool:
        known = self._manifest.recordings.get(found.summary.sid)
        if known is None or (known.begun and found.sealed):
            return False
        if known.head != found.summary.head or known.events != found.summary.events:
            return False
        return not known.mark or known.mark == mark_of(found.path)

    def _tasks(self, chosen: Iterable[Found]) -> Iterator[Task]:
        """
        Yield the work for *chosen*.
        """
        workers = self._workers.count if self._table.divisible else 1
        for found, work in groups(chosen, workers=workers):
            group = Group(self._next_commit, found, len(work))
            self._next_commit += 1
            self._manifest.begin(group.commit)
            self._begun.append(group)
            for number, parts in enumerate(work, 1):
                yield Task(self._name, self._manifest.root, group.commit, number, parts)

    def _tell(self, events: int, recordings: int) -> None:
        self._events += events
        self._recordings += recordings
        if self._progress is not None:
            events = max(self._all_events, self._events)
            self._progress(Progress(self._recordings, self._events, self._all_recordings, events))

    def _publish(self, group: Group) -> None:
        files, recordings, problems = group.result()
        self._report.problems += problems
        if not recordings:
            self._manifest.discard(group.commit)
            return
        before = {one.sid for one in recordings if one.sid in self._manifest.recordings}
        removed = owners_of(self._manifest.files.values(), before) if before else []
        kept = [self._without(file, before, group.commit, number) for number, file in enumerate(removed, 1)]
        new = [*files, *(file for file in kept if file is not None)]
        commit = Commit(
            number=group.commit,
            at=format_time(self._clock.time_ns()),
            table=self._name,
            writer=_WRITER,
            files=new,
            recordings=recordings,
            removed=[file.path for file in removed],
        )
        if new:
            self._files.sync(staged_path(self._manifest.root, group.commit, new[0].path).parent)
        self._manifest.publish(commit)
        self._report.recordings += len(recordings)
        self._report.rows += sum(one.rows for one in recordings)
        self._report.files += len(new)
        self._report.replaced += len(before)

    def _without(self, file: ExportedFile, sids: set[str], commit: int, number: int) -> ExportedFile | None:
        """
        Stage the file that has the rows of *file* but those of *sids*; None if there are no others.
        """
        import pyarrow.compute as pc
        from pyarrow import parquet

        others = {sid: rows for sid, rows in file.recordings.items() if sid not in sids}
        path = self._manifest.root / file.path
        if not others or not path.exists():
            return None
        table = parquet.ParquetFile(path).read()
        gone = pc.is_in(table["sid"].cast("string"), value_set=_texts(sids))
        kept = table.filter(pc.invert(gone))
        if kept.num_rows != sum(others.values()):
            raise ExportError(
                f"{path}: rows of {', '.join(sorted(sids & file.recordings.keys()))} have to be replaced, but some "
                "don't name their session; export to a new place"
            )
        name = file_name(str(Path(file.path).parent), commit, 0, number)  # tasks count from 1
        place = self._manifest.root, commit
        return stage(kept, name, others, place, columns=self._table.columns, files=self._files)


def _texts(values: Iterable[str]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(sorted(values), pa.string())
