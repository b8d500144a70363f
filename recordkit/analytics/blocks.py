"""
Runs of stored lines to record batches of `events`, some mebibytes at a time.

Lines are read field by field (`recordkit.analytics.line_columns`), many chunks at once. What is left
of that goes to Arrow's reader of JSON, without what it has in common (`recordkit.analytics.cutting`,
`recordkit.analytics.parsing`); and where that leaves any doubt, the general way, one Python object an event
(`recordkit.analytics.rows`). Whichever way they go, the rows are the same, in the order of the lines.
"""

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.column_pieces import columns_of_rows
from recordkit.analytics.cutting import Cutter, Segment
from recordkit.analytics.line_columns import FEW, Group, columns_of
from recordkit.analytics.parsing import Reader
from recordkit.analytics.prefixes import Prefix, cut_lines
from recordkit.analytics.rows import Row, batch_of, row_of
from recordkit.analytics.runs import Run, lines_left, recording_at
from recordkit.analytics.schema import EVENTS, arrow_schema
from recordkit.analytics.slots import Columns
from recordkit.container.line_count import line_count
from recordkit.container.parsing import pieces
from recordkit.errors import UndecodableEventError
from recordkit.events import decode_line
from recordkit.limits import MIB

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_BYTES: Final = 16 * MIB
"""Of lines: sixty chunks, so that each call of Arrow is for thousands of lines. Of more, what is behind the prefixes
would be above 8 MiB, for which Arrow's pools have fresh pages each time."""
_PIECE_BYTES: Final = 4 * MIB
"""Of a chunk's lines that are taken at a time; a chunk may have 512 MiB."""
_HUGE_BYTES: Final = 32 * MIB
"""Of what is cut at a time, not to be read by fields: a line may have 512 MiB, and is copied several times there."""
_WORKERS: Final = 2
"""Threads that make blocks: with the one that reads and the one that writes, enough for a few cores."""
_AHEAD: Final = 2
"""Blocks that are made while the next lines are read."""
_PAUSE: Final = 16
"""Blocks for which a way is not tried that was of no use."""

Fault = Callable[[int, UndecodableEventError], None]
"""What is told of a line that is no event, and of which recording it is; it may raise."""


class Block(NamedTuple):
    """
    A batch of rows.

    Attributes:
        batch: The rows; columns that are null throughout may be missing.
        recordings: Of each row, the number of the recording that it was added with.
        size: Bytes of text in it, about.
        broken: Where lines are missing or no events: the number of rows before, and of the recording.
    """

    batch: "pa.RecordBatch"
    recordings: "pa.Array"
    size: int
    broken: Sequence[tuple[int, int]] = ()


class _Fault(NamedTuple):
    """
    A line that is no event: its number within the block, its recording, why.
    """

    place: int
    recording: int
    error: UndecodableEventError


_Faults = list[_Fault]


class _Made(NamedTuple):
    """
    What became of lines: their block, if there is something in it, and what is to tell of them before.
    """

    block: Block | None
    faults: _Faults


class _Stretch(NamedTuple):
    """
    Lines that others left over, cut apart, and their numbers within the block.
    """

    segment: Segment
    places: Sequence[int]


class _Memory(threading.local):
    """
    What each thread remembers of the lines it has met.

    Attributes:
        cutter, reader: They learn from lines.
        without_columns, without_reader: Blocks for which this way is not tried.
    """

    def __init__(self) -> None:
        self.cutter = Cutter()
        self.reader = Reader()
        self.without_columns = self.without_reader = 0


class EventBlocks:
    """
    Collects lines and gives record batches of them.
    """

    def __init__(self, fault: Fault, *, fast: bool = True, threads: bool = True) -> None:
        """
        Begin without lines.

        Args:
            fault: Told of each line that is no event, which has no row then.
            fast: False sends every line the general way.
            threads: Make blocks in threads, while the next lines are added.
        """
        self._fault = fault
        self._fast = fast
        self._threads = threads
        self._memory = _Memory()
        self._runs: list[Run] = []
        self._bytes = 0
        self._waiting: deque[Future[_Made]] = deque()
        self._workers: ThreadPoolExecutor | None = None
        self._schema = arrow_schema(EVENTS)

    def add(self, raw: bytes, count: int, *, ends: bool, recording: int = 0, broken: bool = False) -> Iterator[Block]:
        """
        Take *count* whole lines and yield the blocks that are full.

        Args:
            raw: Each line with its newline.
            count: How many.
            ends: The event that ends the session may be among them.
            recording: Number of the recording, for `Block.recordings`.
            broken: Lines are missing before them.
        """
        for piece in pieces(raw, _PIECE_BYTES):
            lines = count if piece is raw else line_count(piece)
            if not lines:
                continue
            self._runs.append(Run(piece, lines, ends, recording, broken))
            broken = False
            self._bytes += len(piece)
            if self._bytes >= _BLOCK_BYTES:
                if self._threads:
                    self._send()
                else:
                    yield from self._told(self._made(*self._taken()))
                while len(self._waiting) > _AHEAD:
                    yield from self._told(self._waiting.popleft().result())

    def flush(self) -> Iterator[Block]:
        """
        Yield what is still to come of the lines that were added.
        """
        if self._runs and self._waiting:
            self._send()  # beside those before it
        while self._waiting:
            yield from self._told(self._waiting.popleft().result())
        if self._workers is not None:
            self._workers.shutdown()
            self._workers = None
        if self._runs:
            yield from self._told(self._made(*self._taken()))

    def _send(self) -> None:
        """
        Let the lines that wait become a block in another thread: most of that needs no interpreter.
        """
        if self._workers is None:
            self._workers = ThreadPoolExecutor(_WORKERS, "recordkit-arrow")
        self._waiting.append(self._workers.submit(self._made, *self._taken()))

    def _taken(self) -> tuple[list[Run], int]:
        """
        Return the lines that wait, and how many bytes they are, and forget them.
        """
        runs, size, self._runs, self._bytes = self._runs, self._bytes, [], 0
        return runs, size

    def _told(self, made: _Made) -> Iterator[Block]:
        for fault in made.faults:
            self._fault(fault.recording, fault.error)
        if made.block is not None:
            yield made.block

    def _made(self, runs: list[Run], size: int) -> _Made:
        """
        Make a block; in any thread.
        """
        import pyarrow as pa

        faults: _Faults = []
        groups, left, runs = self._by_fields(runs)
        groups += self._read(runs, left, faults)
        batch, places = self._joined(groups)
        broken = _broken(faults, runs, places)
        if not batch.num_rows and not broken:
            return _Made(None, faults)
        if len({run.recording for run in runs}) == 1:
            owners = pa.repeat(pa.scalar(runs[0].recording, pa.int32()), batch.num_rows)
        else:
            each = [pa.repeat(pa.scalar(run.recording, pa.int32()), run.count) for run in runs]
            owners = pa.concat_arrays(each).take(places)
        return _Made(Block(batch, owners, size, broken), faults)

    def _by_fields(self, runs: list[Run]) -> tuple[list[Group], list[tuple[int, bytes]], list[Run]]:
        """
        Return what can be read field by field, the lines left over by number, and the runs, without lines if these
        were read or are left over.
        """
        memory = self._memory
        if memory.without_columns:
            memory.without_columns -= 1
            return [], [], runs
        count = sum(run.count for run in runs)
        huge = sum(len(run.raw) for run in runs) > _HUGE_BYTES
        if not self._fast or count < FEW or huge:
            return [], [], runs
        lines = cut_lines([run.raw for run in runs], [run.count for run in runs])
        if lines is None:
            return [], [], runs
        after = [replace(run, raw=b"") for run in runs]
        runs.clear()  # who asked for this still has the list, and with it the lines
        groups, left = columns_of(lines)
        if 2 * len(left) > count:
            memory.without_columns = _PAUSE
        return groups, left, after

    def _read(self, runs: list[Run], left: list[tuple[int, bytes]], faults: _Faults) -> list[Group]:
        """
        Return the columns of the lines that are *left*, and of those that still are in their *runs*.
        """
        memory = self._memory
        cut = self._fast and not memory.without_reader
        memory.without_reader -= memory.without_reader > 0
        stretches = [
            stretch for run, places in lines_left(runs, left) for stretch in self._stretches(run, places, cut=cut)
        ]
        found = list(self._parsed([one for one in stretches if one.segment.prefix is not None]))
        if cut and not found and any(run.raw for run in runs):
            memory.without_reader = _PAUSE
        rows: list[Row] = []
        of_rows: list[int] = []
        for segment, places in stretches:
            if segment.prefix is None:
                for place, row in _rows(segment, places, runs, faults):
                    of_rows.append(place)
                    rows.append(row)
        if rows:
            found.append(Group(batch_of(rows), _numbers(of_rows)))
        return found

    def _stretches(self, run: Run, places: Sequence[int], *, cut: bool) -> Iterator[_Stretch]:
        if not cut:
            yield _Stretch(Segment(None, run.raw[:-1], run.count), places)
            return
        begin = 0
        for segment in self._memory.cutter.cut(run.raw, run.count, ends=run.ends):
            yield _Stretch(segment, places[begin : begin + segment.count])
            begin += segment.count

    def _parsed(self, stretches: Sequence[_Stretch]) -> Iterator[Group]:
        """
        Yield the columns of *stretches*; those that Arrow can't read get their prefix back.
        """
        if not stretches:
            return
        segments = [stretch.segment for stretch in stretches]
        text = b"{" + b"\n{".join(segment.text for segment in segments)
        columns = self._memory.reader.read(text, sum(segment.count for segment in segments))
        if columns is not None and _attach(columns, segments):
            yield Group(columns, _numbers([place for stretch in stretches for place in stretch.places]))
        elif len(segments) == 1:
            segments[0].text, segments[0].prefix = b"\n".join(segments[0].lines()), None
        else:
            half = len(segments) // 2
            yield from self._parsed(stretches[:half])
            yield from self._parsed(stretches[half:])

    def _joined(self, parts: list[Group]) -> "tuple[pa.RecordBatch, pa.Int64Array]":
        """
        Return one batch of all *parts* in the order of the lines, and the number of each row's line.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if not parts:
            parts = [Group({}, _numbers([]))]
        if len(parts) == 1:
            return self._batch(parts[0]), parts[0].places
        places = pa.concat_arrays([part.places for part in parts])
        order = pc.sort_indices(places)
        tables = [pa.Table.from_batches([self._batch(part)]) for part in parts]
        table = pa.concat_tables(tables, promote_options="default").unify_dictionaries().combine_chunks()
        return table.take(order).combine_chunks().to_batches()[0], places.take(order)

    def _batch(self, group: Group) -> "pa.RecordBatch":
        import pyarrow as pa

        columns = group.columns
        if "time" not in columns:  # the one column that is always there: without any, Arrow has no rows
            columns["time"] = pa.nulls(len(group.places), self._schema.field("time").type)
        fields = [field for field in self._schema if field.name in columns]
        arrays = [_encoded(columns[field.name], field.type) for field in fields]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _rows(segment: Segment, places: Sequence[int], runs: list[Run], faults: _Faults) -> Iterator[tuple[int, Row]]:
    for place, line in zip(places, segment.lines(), strict=True):
        try:
            yield place, row_of(decode_line(line))
        except UndecodableEventError as error:
            faults.append(_Fault(place, recording_at(place, runs), error))


def _broken(faults: _Faults, runs: list[Run], places: "pa.Int64Array") -> list[tuple[int, int]]:
    found = [(fault.place, fault.recording) for fault in faults]
    begins = accumulate((run.count for run in runs), initial=0)
    found += [(begin, run.recording) for run, begin in zip(runs, begins, strict=False) if run.broken]
    if not found:
        return []
    numbers = places.to_pylist()
    return [(bisect_left(numbers, place), recording) for place, recording in sorted(found)]


def _attach(columns: Columns, segments: Sequence[Segment]) -> bool:
    """
    Add what was cut from *segments* to their *columns*; False if a field would stand twice.
    """
    import pyarrow as pa

    if not columns:
        return False
    prefixes: dict[Prefix, int] = {}
    for segment in segments:
        if segment.prefix is not None:
            prefixes.setdefault(segment.prefix, len(prefixes))
    index = pa.concat_arrays([
        pa.repeat(pa.scalar(prefixes[segment.prefix], pa.int32()), segment.count)
        for segment in segments if segment.prefix is not None
    ])  # fmt: skip
    shared = columns_of_rows([prefix.row for prefix in prefixes], index)
    if not columns.keys().isdisjoint(shared):
        return False
    columns |= shared
    return True


def _encoded(values: "pa.Array", kind: "pa.DataType") -> "pa.Array":
    """
    Return *values*, with a dictionary if their column has one and they don't yet.
    """
    import pyarrow as pa

    wanted = pa.types.is_dictionary(kind) and not pa.types.is_dictionary(values.type)
    return values.dictionary_encode() if wanted else values


def _numbers(numbers: Sequence[int]) -> "pa.Int64Array":
    import pyarrow as pa

    return pa.array(numbers, pa.int64())
