"""
A source's recordings to Parquet: each row once, whenever it is stopped and run again.

Recordings go in groups, each as large as a file should be, or one huge recording. A group is read,
written to the staging directory and published by one commit of the manifest
(`recordkit.analytics.manifest`); so what is published is always whole recordings. While one pile of rows
is written, the next is read: two are in memory at most.

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
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from recordkit.analytics.blocks import Block
from recordkit.analytics.manifest import Commit, ExportedFile, ExportedRecording, Manifest, owners_of
from recordkit.analytics.parquet import FILE_ROWS, Pile, days_of, write
from recordkit.analytics.reading import Piece
from recordkit.analytics.sources import Found, Source, find, open_found
from recordkit.analytics.tables import Table, table_of
from recordkit.clock import Clock, SystemClock
from recordkit.container import State
from recordkit.container.files import Files, OsFiles
from recordkit.errors import ExportError, FormatError
from recordkit.events import format_time
from recordkit.store import RecordingFilter
from recordkit.store.filters import EVERYTHING
from recordkit.store.locks import lock_file
from recordkit.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

LOCK: Final = "_lock"
_TIME: Final = "time"  # of every table
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
    files: Files | None = None,
    clock: Clock | None = None,
) -> ExportReport:
    """
    Export *source*; see `recordkit.analytics.export_parquet`.
    """
    root = dest / table
    what = table_of(table)
    with contextlib.ExitStack() as stack:
        with _disk_errors(root):
            root.mkdir(parents=True, exist_ok=True)
            lock = lock_file(root / LOCK)
            if lock is None:
                raise ExportError(f"{root}: another export is running; wait for it to end")
            stack.callback(os.close, lock)
            manifest = Manifest(root, table, files or OsFiles())
        run = _Run(
            manifest, what, name=table, files=files or OsFiles(), clock=clock or SystemClock(), progress=progress
        )
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


class _Group:
    """
    Recordings that are published together.
    """

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.read: list[bool] = []  # whether each could be opened
        self.rows: list[int] = []
        self.damage: list[list[str]] = []
        self.files: list[ExportedFile] = []

    def add(self, found: Found) -> int:
        self.found.append(found)
        self.read.append(False)
        self.rows.append(0)
        self.damage.append([])
        return len(self.found) - 1


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
        files: Files,
        clock: Clock,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._manifest = manifest
        self._table = table
        self._name = name
        self._files = files
        self._clock = clock
        self._progress = progress
        self._report = ExportReport()
        self._written = 0  # files of the next commit
        self._events = self._all_events = self._recordings = self._all_recordings = 0

    def all(self, sealed: list[Found], begun: list[Found]) -> ExportReport:
        """
        Export these recordings.
        """
        self._all_recordings = len(sealed) + len(begun)
        self._all_events = sum(found.summary.events for found in (*sealed, *begun))
        waiting: Future[None] | None = None
        with ThreadPoolExecutor(1, "recordkit-export") as writer:
            try:
                # in files of their own: they are replaced as a whole
                for group_of in (sealed, begun):
                    for group in self._groups(group_of):
                        pile = Pile()
                        for block in self._table.read(self._pieces(group), self._fault_of(group)):
                            pile.add(block)
                            self._events += block.batch.num_rows if self._table.divisible else 0
                            self._tell()
                            if pile.full:
                                waiting = _next(writer, waiting, self._write, group, pile.take())
                        if pile.rows:
                            waiting = _next(writer, waiting, self._write, group, pile.take())
                        waiting = _next(writer, waiting, self._publish, group)
                _wait(waiting)
            except BaseException:
                with contextlib.suppress(Exception):
                    _wait(waiting)
                with contextlib.suppress(OSError):
                    self._manifest.discard()
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
        return not known.mark or known.mark == _mark(found.path)

    def _groups(self, chosen: Iterable[Found]) -> Iterator[_Group]:
        group, events = _Group(), 0
        for found in chosen:
            group.add(found)
            events += found.summary.events
            if events >= FILE_ROWS:
                yield group
                group, events = _Group(), 0
        if group.found:
            yield group

    def _pieces(self, group: _Group) -> Iterator[Piece]:
        for number, found in enumerate(group.found):
            before = self._events
            try:
                with open_found(found.path, mode="salvage") as recording:
                    if recording.sid != found.summary.sid:
                        raise FormatError("it is another session's now", path=found.path)  # noqa: TRY301 -- as others
                    group.read[number] = True
                    yield Piece(number, recording)
            except FileNotFoundError:
                continue  # removed while we came to it
            except FormatError as error:
                group.read[number] = False
                error.path = error.path or found.path
                self._report.problems.append(str(error))
            self._recordings += 1
            if not self._table.divisible:
                self._events = before + found.summary.events
            self._tell()

    def _fault_of(self, group: _Group) -> Callable[[int, FormatError], None]:
        def fault(number: int, error: FormatError) -> None:
            error.path = error.path or group.found[number].path
            text = str(error)
            group.damage[number].append(text)
            self._report.problems.append(text)

        return fault

    def _tell(self) -> None:
        if self._progress is not None:
            events = max(self._all_events, self._events)
            self._progress(Progress(self._recordings, self._events, self._all_recordings, events))

    # ------------------------------------------------------------ in the writer's thread

    def _write(self, group: _Group, blocks: list[Block]) -> None:
        for day in days_of(blocks, _TIME):
            sids = {group.found[number].summary.sid: rows for number, rows in day.recordings.items()}
            group.files.append(self._write_file(day.partition, day.rows, sids))
            for number, rows in day.recordings.items():
                group.rows[number] += rows

    def _write_file(self, partition: str, rows: "pa.Table", recordings: dict[str, int]) -> ExportedFile:
        self._written += 1
        path = f"{partition}/{self._manifest.next_number:08d}-{self._written:04d}.parquet"
        staged = self._manifest.staged(path)
        self._files.make_directory(staged.parent)
        size = write(rows, staged, self._table.columns, time=_TIME)
        self._files.sync(staged)
        return ExportedFile(path=path, rows=rows.num_rows, bytes=size, recordings=recordings)

    def _publish(self, group: _Group) -> None:
        recordings = [_exported(found, rows, damage) for found, read, rows, damage
                      in zip(group.found, group.read, group.rows, group.damage, strict=True) if read]  # fmt: skip
        if not recordings:
            return
        before = {one.sid for one in recordings if one.sid in self._manifest.recordings}
        removed = owners_of(self._manifest.files.values(), before) if before else []
        new = [*group.files, *(kept for file in removed for kept in self._without(file, before))]
        commit = Commit(
            number=self._manifest.next_number,
            at=format_time(self._clock.time_ns()),
            table=self._name,
            writer=_WRITER,
            files=new,
            recordings=recordings,
            removed=[file.path for file in removed],
        )
        for file in new:
            self._files.sync(self._manifest.staged(file.path).parent)
            break
        self._manifest.publish(commit)
        self._written = 0
        self._report.recordings += len(recordings)
        self._report.rows += sum(one.rows for one in recordings)
        self._report.files += len(new)
        self._report.replaced += len(before)

    def _without(self, file: ExportedFile, sids: set[str]) -> list[ExportedFile]:
        """
        Return the file that has the rows of *file* but those of *sids*; none if there are no others.
        """
        import pyarrow.compute as pc
        from pyarrow import parquet

        others = {sid: rows for sid, rows in file.recordings.items() if sid not in sids}
        path = self._manifest.root / file.path
        if not others or not path.exists():
            return []
        table = parquet.ParquetFile(path).read()
        gone = pc.is_in(table["sid"].cast("string"), value_set=_texts(sids))
        kept = table.filter(pc.invert(gone))
        if kept.num_rows != sum(others.values()):
            raise ExportError(
                f"{path}: rows of {', '.join(sorted(sids & file.recordings.keys()))} have to be replaced, but some "
                "don't name their session; export to a new place"
            )
        return [self._write_file(str(Path(file.path).parent), kept, others)]


def _next(
    writer: ThreadPoolExecutor, waiting: "Future[None] | None", work: Callable[..., None], *arguments: Any
) -> "Future[None]":
    _wait(waiting)
    return writer.submit(work, *arguments)


def _wait(waiting: "Future[None] | None") -> None:
    if waiting is not None:
        waiting.result()


def _exported(found: Found, rows: int, damage: list[str]) -> ExportedRecording:
    summary = found.summary
    return ExportedRecording(
        sid=summary.sid,
        state=summary.state.value,
        head=summary.head,
        events=summary.events,
        rows=rows,
        begun=not found.sealed,
        mark=_mark(found.path) if damage else "",
        damage=damage,
    )


def _mark(path: Path) -> str:
    try:
        status = path.stat()
    except FileNotFoundError:
        return "gone"
    return f"{status.st_size} bytes of {format_time(status.st_mtime_ns)}"


def _texts(values: Iterable[str]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(sorted(values), pa.string())
