"""
The table `queries`: from blocks of events to one row a statement, with its result.

A block's rows are walked over once (`recordkit.analytics.statement_rows`), which tells which of them are statements;
columns are made of all of them at a time (`query_arrays`). A statement whose result may still come is held back, and
those behind it, within bounds.

Every event whose kind has the role QUERY gives exactly one row, whatever else it says.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from recordkit.analytics.blocks import Block
from recordkit.analytics.event_columns import EventColumns
from recordkit.analytics.query_arrays import query_batch, result_columns, statement_columns
from recordkit.analytics.reading import Piece, event_blocks
from recordkit.analytics.statement_rows import Session, Walk
from recordkit.container import Recording
from recordkit.errors import FormatError
from recordkit.limits import MIB
from recordkit.sql.derivation import Deriver

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS: Final = 64 * 1024
_MAX_HELD: Final = 16_384
"""Rows that wait for the result of one before them."""
_MAX_HELD_BYTES: Final = 64 * MIB

_memories = threading.local()


def query_batches(
    recording: Recording,
    *,
    batch_rows: int = BATCH_ROWS,
    deriver: Deriver | None = None,
    fault: Callable[[FormatError], None] | None = None,
) -> Iterator["pa.RecordBatch"]:
    """
    Yield the statements of *recording*, in their order, as batches of at most *batch_rows* rows.

    Damage raises, or is passed over and left in ``recording.damage``, as the recording's mode says. What is
    missing counts as a gap.

    Args:
        recording: Read from its beginning to its end.
        batch_rows: Rows of a batch, at most.
        deriver: What remembers texts from recording to recording; default: one a thread.
        fault: Is told of sound lines that are no events, which then count as a gap. None: they raise, unless the
            recording is read in salvage mode.
    """

    def told(_number: int, error: FormatError) -> None:
        error.path = recording.path
        if fault is not None:
            fault(error)
        elif recording.mode != "salvage":
            raise error

    blocks = event_blocks([Piece(0, recording)], told)
    yield from (block.batch for block in query_blocks(blocks, deriver=deriver, batch_rows=batch_rows))


def query_blocks(
    blocks: Iterable[Block], *, deriver: Deriver | None = None, batch_rows: int = BATCH_ROWS
) -> Iterator[Block]:
    """
    Yield the statements in *blocks* of events, each of which has its recordings' rows behind each other.

    Args:
        blocks: Of whole recordings.
        deriver: As in `query_batches`.
        batch_rows: Likewise.
    """
    if deriver is None:
        deriver = getattr(_memories, "deriver", None)
        if deriver is None:
            deriver = _memories.deriver = Deriver()
    rows = QueryRows(deriver, batch_rows=batch_rows)
    for block in blocks:
        yield from rows.add(block)
    yield from rows.rest()


class QueryRows:
    """
    Collects statements, recording after recording.

    Args:
        deriver: Remembers what was derived.
        batch_rows: Rows of a batch, at most.
    """

    def __init__(self, deriver: Deriver, *, batch_rows: int = BATCH_ROWS) -> None:
        if batch_rows < 1:
            raise ValueError(f"batch_rows: expected a positive number, found {batch_rows}")
        self._deriver = deriver
        self._batch_rows = batch_rows
        self._recording: int | None = None
        self._session = Session()
        self._held: list[tuple[pa.RecordBatch, pa.Array]] = []  # statements, and whose they are
        self._numbers: list[int | None] = []  # of their results
        self._results: pa.Table | None = None
        self._first = 0  # number of the first statement held, since the beginning

    @property
    def held(self) -> int:
        """
        Statements that are not yet given out.
        """
        return len(self._numbers)

    def add(self, block: Block) -> Iterator[Block]:
        """
        Take events and yield the statements whose results are known, or not to be expected any more.
        """
        columns = EventColumns(block.batch)
        kept = 0 if self._results is None else len(self._results)
        walk = Walk(columns, self._numbers, kept)
        for recording, begin, end in _runs(block.recordings):
            if recording != self._recording:
                self._recording, self._session = recording, Session()
            broken = [row for row, owner in block.broken if owner == recording and begin <= row <= end]
            self._session.walk(walk, columns, begin, end, first=self._first, broken=broken)
        self._session.leave(columns)
        places = walk.statements()
        if places is not None:
            owners = block.recordings.take(places.rows)
            self._held.append((statement_columns(columns, places, walk.own, self._deriver), owners))
        if self._numbers:
            self._results = result_columns(columns, walk, self._results)
            yield from self._settled()

    def rest(self) -> Iterator[Block]:
        """
        Yield the statements that are left: the last session is over.
        """
        self._session.pairing.start()
        yield from self._settled()

    def _settled(self) -> Iterator[Block]:
        """
        Yield the statements before the first one that waits.
        """
        pairing = self._session.pairing
        held = len(self._numbers)
        many = sum(batch.nbytes for batch, _ in self._held) > _MAX_HELD_BYTES
        while pairing.waiting and (many or held - (pairing.waiting[0] - self._first) > _MAX_HELD):
            pairing.give_up()
        count = pairing.waiting[0] - self._first if pairing.waiting else held
        while count and self._results is not None:
            batch, owners = self._held[0]
            rows = min(count, len(owners), self._batch_rows)
            done = query_batch(batch.slice(0, rows), self._results, self._numbers[:rows])
            if rows == len(owners):
                del self._held[0]
            else:
                self._held[0] = batch.slice(rows), owners.slice(rows)
            del self._numbers[:rows]
            self._first += rows
            count -= rows
            yield Block(done, owners.slice(0, rows), done.nbytes)
        self._keep_results()

    def _keep_results(self) -> None:
        """
        Keep the results of the statements that are held, and no others.
        """
        if self._results is None:
            return
        import pyarrow as pa

        wanted = [number for number in self._numbers if number is not None]
        self._results = self._results.take(pa.array(wanted, pa.int64())).combine_chunks()
        places = iter(range(len(wanted)))
        self._numbers[:] = [None if number is None else next(places) for number in self._numbers]


def _runs(recordings: "pa.Int32Array") -> list[tuple[int, int, int]]:
    """
    Return runs of rows of one recording: it, the first row, the row behind the last.
    """
    import pyarrow.compute as pc

    if not len(recordings):
        return []
    runs = pc.run_end_encode(recordings)
    ends = runs.run_ends.to_pylist()
    return list(zip(runs.values.to_pylist(), [0, *ends[:-1]], ends, strict=True))
