"""
What a worker does of an export: it reads recordings, or a run of one's chunks, and stages the files with their rows.

A `Task` is a small value, and so is its `Outcome`: both go to another process and back. While one pile of rows is
written, the next may be read: two are in memory at most.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recordkit.analytics.blocks import Block
from recordkit.analytics.manifest import ExportedFile, staged_path
from recordkit.analytics.parquet import Pile, days_of, write
from recordkit.analytics.reading import Piece
from recordkit.analytics.schema import Column
from recordkit.analytics.sources import open_found
from recordkit.analytics.tables import table_of
from recordkit.container.files import Files
from recordkit.container.layout import ChunkEntry
from recordkit.errors import FormatError

if TYPE_CHECKING:
    import pyarrow as pa

TIME: Final = "time"
"""The column that every table has and every file is sorted by."""

CHANGED: Final = "it was changed while it was exported; run the export again"

Tell = Callable[[int, int], None]
"""Told of events and recordings that were read; it may raise."""
Submit = Callable[[Callable[[], None]], "Future[None]"]
"""Has work done, now or soon; what it raises is in the future."""


@dataclass(frozen=True, slots=True)
class TaskPart:
    """
    A recording, or a run of its chunks.

    Attributes:
        number: Of the recording, among those that are published together.
        sid: Its session.
        path: Where it is, or was.
        events: In it, about.
        after: The chunk before the run; None for the recording's beginning.
        last: Sequence of the run's last chunk; None for the recording's end.
    """

    number: int
    sid: str
    path: Path
    events: int
    after: ChunkEntry | None = None
    last: int | None = None

    @property
    def is_run(self) -> bool:
        """
        Whether others read the rest of the recording.
        """
        return self.after is not None or self.last is not None


@dataclass(frozen=True, slots=True)
class Task:
    """
    A piece of an export.

    Attributes:
        table: Name of the table.
        root: The table's directory.
        commit: Number of the commit that will publish its files.
        number: Its own, within the commit, from 1.
        parts: What is read.
    """

    table: str
    root: Path
    commit: int
    number: int
    parts: tuple[TaskPart, ...]


@dataclass(slots=True)
class PartOutcome:
    """
    What became of a `TaskPart`.

    Attributes:
        number: Of the recording.
        rows: That were staged.
        read: Whether it could be opened; of a run, whether it is still that file.
        identity: Of a file of which only a run of chunks was read: another one for another file or content.
        damage: What is wrong with it, a sentence each.
    """

    number: int
    rows: int = 0
    read: bool = False
    identity: tuple[int, ...] = ()
    damage: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """
    What became of a task.

    Attributes:
        parts: As in `Task`.
        files: Staged and synced.
        problems: What is damaged or can't be read, a sentence each.
    """

    parts: list[PartOutcome]
    files: list[ExportedFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def file_name(partition: str, commit: int, task: int, number: int) -> str:
    """
    Return the path of a file below the table's directory.
    """
    return f"{partition}/{commit:08d}-{task:04d}-{number:04d}.parquet"


def stage(
    rows: "pa.Table",
    path: str,
    recordings: dict[str, int],
    place: tuple[Path, int],
    *,
    columns: tuple[Column, ...],
    files: Files,
) -> ExportedFile:
    """
    Write and sync a file.

    Args:
        rows: Sorted by time.
        path: Where the file will be, below the table's directory.
        recordings: Whose rows they are: sid -> rows.
        place: The table's directory, and the number of the commit, whose staging directory is there.
        columns: The table's.
        files: What syncs it.

    Raises:
        OSError: The disk refuses.
    """
    staged = staged_path(*place, path)
    size = write(rows, staged, columns, time=TIME)
    files.sync(staged)
    return ExportedFile(path=path, rows=rows.num_rows, bytes=size, recordings=recordings)


class TaskRun:
    """
    A task at work.
    """

    def __init__(self, task: Task, files: Files, tell: Tell, submit: Submit, *, threads: bool) -> None:
        """
        Begin.

        Args:
            task: What is to do.
            files: What syncs files.
            tell: Told how far it is.
            submit: Has files written.
            threads: Make blocks of rows in threads, too.
        """
        self._task = task
        self._table = table_of(task.table)
        self._files = files
        self._tell = tell
        self._submit = submit
        self._threads = threads
        self._parts = {part.number: PartOutcome(part.number) for part in task.parts}
        self._sids = {part.number: part.sid for part in task.parts}
        self._outcome = Outcome(list(self._parts.values()))
        self._writing: list[Future[None]] = []

    def read(self) -> None:
        """
        Read everything; what was read is written, or being written, when this returns.

        Raises:
            OSError: A recording can't be read.
        """
        pile = Pile()
        for block in self._table.read(self._pieces(), self._fault, threads=self._threads):
            pile.add(block)
            if self._table.divisible:
                self._tell(block.batch.num_rows, 0)
            if pile.full:
                self._writing.append(self._submit(self._writer(pile.take())))
        if pile.rows:
            self._writing.append(self._submit(self._writer(pile.take())))

    def outcome(self) -> Outcome:
        """
        Return what became of it, once all is written.

        Raises:
            OSError: The disk refuses.
        """
        for future in self._writing:
            future.result()
        return self._outcome

    def _pieces(self) -> Iterator[Piece]:
        for part in self._task.parts:
            told = self._parts[part.number]
            try:
                with open_found(part.path, mode="salvage") as recording:
                    if recording.sid != part.sid:
                        raise FormatError("it is another session's now", path=part.path)  # noqa: TRY301 -- as others
                    told.identity = _identity(part)
                    told.read = not part.is_run
                    yield Piece(part.number, recording, part.after, part.last)
                    if _identity(part) != told.identity:
                        raise FormatError(CHANGED, path=part.path)  # noqa: TRY301 -- as others
                told.read = True
            except FileNotFoundError:
                continue  # removed while we came to it
            except FormatError as error:
                self._fault(part.number, error)
            self._tell(0 if self._table.divisible else part.events, part.last is None)

    def _fault(self, number: int, error: FormatError) -> None:
        error.path = error.path or next(part.path for part in self._task.parts if part.number == number)
        text = str(error)
        self._parts[number].damage.append(text)
        self._outcome.problems.append(text)

    def _writer(self, blocks: list[Block]) -> Callable[[], None]:
        return lambda: self._write(blocks)

    def _write(self, blocks: list[Block]) -> None:
        for day in days_of(blocks, TIME):
            task, files = self._task, self._outcome.files
            path = file_name(day.partition, task.commit, task.number, len(files) + 1)
            recordings = {self._sids[number]: rows for number, rows in day.recordings.items()}
            place = task.root, task.commit
            files.append(stage(day.rows, path, recordings, place, columns=self._table.columns, files=self._files))
            for number, rows in day.recordings.items():
                self._parts[number].rows += rows


def _identity(part: TaskPart) -> tuple[int, ...]:
    if not part.is_run:
        return ()  # one reader, which has the file open: what becomes of its name does not matter
    status = part.path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
