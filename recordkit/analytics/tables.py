"""
The tables there are, and how each is read from recordings.

A table is an entry of `TABLES`: its columns, and a function from recordings to blocks of rows.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from recordkit.analytics.blocks import Block
from recordkit.analytics.queries import query_blocks  # here: imported later, it would take the place of `queries()`
from recordkit.analytics.query_columns import QUERIES
from recordkit.analytics.reading import Fault, Piece, event_blocks
from recordkit.analytics.schema import EVENTS, Column, arrow_schema, markdown

if TYPE_CHECKING:
    import pyarrow as pa

TableName = Literal["events", "queries"]
"""Names of the tables."""

_HEADING: Final = """\
# The tables of the export

Made from the schema (`schema.py`, `query_columns.py`); a test holds them together. Times are UTC, in nanoseconds.
*text that repeats* is text, encoded by a dictionary in Arrow and Parquet; *JSON* is text that holds JSON.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """
    One table.

    Attributes:
        columns: Its columns.
        read: Yields the rows of recordings, in their order; as `event_blocks`.
        divisible: Whether rows of a run of chunks can be told without the rest.
        meaning: What a row is.
    """

    columns: tuple[Column, ...]
    read: "Read"
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


class Read(Protocol):
    """
    Yields rows of recordings, in their order.
    """

    def __call__(self, pieces: Iterable[Piece], fault: Fault, *, threads: bool = True) -> Iterator[Block]:
        """
        See `event_blocks`.
        """


def _queries(pieces: Iterable[Piece], fault: Fault, *, threads: bool = True) -> Iterator[Block]:
    yield from query_blocks(event_blocks(pieces, fault, threads=threads))


TABLES: Final[Mapping[str, Table]] = {
    "events": Table(EVENTS, event_blocks, divisible=True, meaning="one row an event"),
    "queries": Table(QUERIES, _queries, divisible=False, meaning="one row a statement as the person meant it"),
}
