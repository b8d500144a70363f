"""
The tables there are, and how each is read from recordings.

A table is an entry of `TABLES`: its columns, and a function from recordings to blocks of rows. Recordings
come numbered, so that every row can be traced to the one that it is of.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from recordkit.analytics.blocks import Block, EventBlocks
from recordkit.analytics.queries import query_batches  # here: imported later, it would take the place of `queries()`
from recordkit.analytics.query_columns import QUERIES
from recordkit.analytics.schema import EVENTS, Column, arrow_schema, markdown
from recordkit.container import Recording
from recordkit.container.layout import MARK_END, ChunkEntry
from recordkit.errors import FormatError

if TYPE_CHECKING:
    import pyarrow as pa

TableName = Literal["events", "queries"]
"""Names of the tables."""

Fault = Callable[[int, FormatError], None]
"""What is told of damage, with the number of the recording; it may raise."""

_HEADING: Final = """\
# The tables of the export

Made from the schema (`schema.py`, `query_columns.py`); a test holds them together. Times are UTC, in nanoseconds.
*text that repeats* is text, encoded by a dictionary in Arrow and Parquet; *JSON* is text that holds JSON.
"""


class Piece(NamedTuple):
    """
    A recording, or a run of its chunks.

    Attributes:
        number: For `Block.recordings`.
        recording: Opened; it is closed by who opened it, after the next one was asked for.
        after: The chunk before the run; None for the recording's beginning.
        last: Sequence of the run's last chunk; None for the recording's end.
    """

    number: int
    recording: Recording
    after: ChunkEntry | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """
    One table.

    Attributes:
        columns: Its columns.
        read: Yields the rows of recordings, in their order.
        divisible: Whether rows of a run of chunks can be told without the rest.
        meaning: What a row is.
    """

    columns: tuple[Column, ...]
    read: Callable[[Iterable[Piece], Fault], Iterator[Block]]
    divisible: bool
    meaning: str

    def whole(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        """
        Yield *batches* with all columns of the table; those of nulls share their memory.
        """
        import pyarrow as pa

        schema = arrow_schema(self.columns)
        kinds = set(schema.types)
        for batch in batches:
            nulls = {kind: pa.nulls(batch.num_rows, kind) for kind in kinds}
            known = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield pa.record_batch([known.get(field.name, nulls[field.type]) for field in schema], schema=schema)


def table_of(name: str) -> Table:
    """
    Return the table of this name.

    Raises:
        ValueError: There is none.
    """
    if name not in TABLES:
        raise ValueError(f"table: expected {' or '.join(TABLES)}, found {name!r}")
    return TABLES[name]


def documentation() -> str:
    """
    Return TABLES.md, the reference of all tables.
    """
    parts = [_HEADING]
    parts += [f"## {name}: {table.meaning}\n\n{markdown(table.columns)}" for name, table in TABLES.items()]
    return "\n".join(parts)


def _events(pieces: Iterable[Piece], fault: Fault) -> Iterator[Block]:
    blocks = EventBlocks(fault)
    for piece in pieces:
        recording = piece.recording
        for entry, raw in recording.follow(piece.after):
            if piece.last is None or entry.sequence <= piece.last:
                yield from blocks.add(raw, entry.events, ends=bool(entry.marks & MARK_END), recording=piece.number)
            if piece.last is not None and entry.sequence >= piece.last:
                break
        for damage in recording.damage:
            fault(piece.number, damage.error)
    yield from blocks.flush()


def _queries(pieces: Iterable[Piece], fault: Fault) -> Iterator[Block]:
    import pyarrow as pa

    for piece in pieces:
        for batch in query_batches(piece.recording, fault=partial(fault, piece.number)):
            numbers = pa.repeat(pa.scalar(piece.number, pa.int32()), batch.num_rows)
            yield Block(batch, numbers, batch.nbytes)
        for damage in piece.recording.damage:
            fault(piece.number, damage.error)


TABLES: Final[Mapping[str, Table]] = {
    "events": Table(EVENTS, _events, divisible=True, meaning="one row an event"),
    "queries": Table(QUERIES, _queries, divisible=False, meaning="one row a statement as the person meant it"),
}
