"""
A source divided into pieces of work: what adapters for other engines stand on.

A split is a small value that can be pickled and sent to another process or machine that sees the same
files. Many small recordings go into one, a huge one is divided at chunk borders (a table whose rows
need the whole recording is not). `batches` reads one split after the other; an adapter reads them
wherever it wants.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.reading import Piece
from recordkit.analytics.sources import Source, find, open_found
from recordkit.analytics.tables import table_of
from recordkit.container import Mode, State
from recordkit.container.layout import ChunkEntry
from recordkit.errors import FormatError
from recordkit.limits import MIB
from recordkit.store.filters import EVERYTHING, RecordingFilter

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT_BYTES: Final = 64 * MIB
"""Lines of a split, about: a second's work or less."""


@dataclass(frozen=True, slots=True)
class Part:
    """
    A recording, or a run of its chunks.

    Attributes:
        path: The file.
        after: The chunk before the run; None for the recording's beginning.
        last: Sequence of the run's last chunk; None for the recording's end.
    """

    path: str
    after: ChunkEntry | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """
    A piece of work.

    Attributes:
        table: Whose rows it gives.
        parts: What is read, in this order.
        mode: What reading does at damage.
        events: Events in it, about.
    """

    table: str
    parts: tuple[Part, ...]
    mode: Mode = "strict"
    events: int = 0


def split_source(
    source: Source,
    *,
    table: str,
    wanted: RecordingFilter = EVERYTHING,
    include_open: bool = False,
    mode: Mode = "strict",
    split_bytes: int = SPLIT_BYTES,
) -> Iterator[Split]:
    """
    Yield the splits of *source*; see `recordkit.analytics.splits`.
    """
    divisible = table_of(table).divisible
    parts: list[Part] = []
    size = events = 0
    for found in find(source, wanted, _refuse if mode == "strict" else _pass):
        if found.summary.state is State.OPEN and not include_open:
            continue
        raw_bytes = found.summary.raw_bytes
        if divisible and found.sealed and raw_bytes >= 2 * split_bytes:
            with open_found(found.path, mode=mode) as recording:
                for run in runs_of(recording.chunks(), split_bytes):
                    yield Split(table, (Part(str(found.path), run.after, run.last),), mode, run.events)
            continue
        if parts and size + raw_bytes > split_bytes:
            yield Split(table, tuple(parts), mode, events)
            parts, size, events = [], 0, 0
        parts.append(Part(str(found.path)))
        size += raw_bytes
        events += found.summary.events
    if parts:
        yield Split(table, tuple(parts), mode, events)


def read(split: Split, fault: Callable[[FormatError], None] | None = None) -> Iterator["pa.RecordBatch"]:
    """
    Yield the rows of *split*; see `recordkit.analytics.read_split`.
    """

    def pieces() -> Iterator[Piece]:
        for number, part in enumerate(split.parts):
            with open_found(Path(part.path), mode=split.mode) as recording:
                yield Piece(number, recording, part.after, part.last)

    def damaged(number: int, error: FormatError) -> None:
        error.path = error.path or Path(split.parts[number].path)
        if fault is not None:
            fault(error)
        elif split.mode == "strict":
            raise error

    table = table_of(split.table)
    yield from table.whole(block.batch for block in table.read(pieces(), damaged))


class ChunkRun(NamedTuple):
    """
    Some chunks of a recording, one behind the other.

    Attributes:
        after: The chunk before them; None for the recording's beginning.
        last: Sequence of the last one; None for the recording's end: damage behind its last chunk is met, too.
        events: In them.
    """

    after: ChunkEntry | None
    last: int | None
    events: int


def runs_of(chunks: Iterable[ChunkEntry], run_bytes: int) -> Iterator[ChunkRun]:
    """
    Yield *chunks* of a recording in runs of about *run_bytes* of lines.
    """
    after: ChunkEntry | None = None
    last: ChunkEntry | None = None
    size = events = 0
    limit = run_bytes  # of all lines before the next border, so that no run is left over
    for entry in chunks:
        if last is not None and events and size + entry.raw_size > limit:
            yield ChunkRun(after, last.sequence, events)
            after, events = last, 0
            limit += run_bytes * max(1, ceil((size + entry.raw_size - limit) / run_bytes))
        size += entry.raw_size
        events += entry.events
        last = entry
    yield ChunkRun(after, None, events)


def _refuse(problem: str) -> None:
    raise FormatError(problem)


def _pass(_problem: str) -> None:
    pass
