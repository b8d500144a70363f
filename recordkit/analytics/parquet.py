"""
Blocks of rows to Parquet files: sorted by time, one day of UTC each.

A `Pile` holds rows until there are enough for good files, or too many for memory. They are sorted as a
whole and divided by days; so a file's rows are in order, and its row groups' statistics don't overlap.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from recordkit.analytics.blocks import Block
from recordkit.analytics.constant_columns import add_constant_columns
from recordkit.analytics.schema import Column, ColumnType, arrow_schema
from recordkit.limits import MIB

if TYPE_CHECKING:
    import pyarrow as pa

FILE_ROWS: Final = 256 * 1024
"""Rows that are sorted and written together; they and the next ones are in memory."""
FILE_BYTES: Final = 256 * MIB
"""Likewise, of their text."""
GROUP_ROWS: Final = 128 * 1024
"""Rows of a row group: four cores can share a file, and statistics skip what a query doesn't need."""
NO_DATE: Final = "__HIVE_DEFAULT_PARTITION__"
"""Partition of rows without a time, by the name that all readers take for null."""
PARTITION: Final = "event_date"
_MAX_CONSTANT: Final = 1024
"""Characters of a text that stands in a row group's pages, statistics and index by itself."""
_NUMBERS: Final = "recording\0"  # a column beside the table's, never written


class Day(NamedTuple):
    """
    Rows of one day.

    Attributes:
        partition: Name of the directory.
        rows: Sorted by time.
        recordings: Number of the recording -> how many of the rows are its.
    """

    partition: str
    rows: "pa.Table"
    recordings: dict[int, int]


class Pile:
    """
    Rows that wait to be written.

    Attributes:
        rows: How many.
        size: Bytes of their text, about.
    """

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self.rows = self.size = 0

    def add(self, block: Block) -> None:
        """
        Put *block* on it.
        """
        self._blocks.append(block)
        self.rows += block.batch.num_rows
        self.size += block.size

    @property
    def full(self) -> bool:
        """
        Whether it is time to write.
        """
        return self.rows >= FILE_ROWS or self.size >= FILE_BYTES

    def take(self) -> list[Block]:
        """
        Return all of it, and begin anew.
        """
        blocks = self._blocks
        self.__init__()  # type: ignore[misc]
        return blocks


def days_of(blocks: list[Block], time: str) -> Iterator[Day]:
    """
    Yield the rows of *blocks* by day of the column *time*, sorted by it.

    Columns that are null throughout are left out; `write` puts them back.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    tables = [pa.Table.from_batches([block.batch]) for block in blocks]
    table = pa.concat_tables(tables, promote_options="default")
    filled = [name for name, values in zip(table.column_names, table.columns, strict=True)
              if name == time or values.null_count < len(values)]  # fmt: skip
    table = table.select(filled).unify_dictionaries()
    table = table.append_column(_NUMBERS, pa.chunked_array([block.recordings for block in blocks]))
    moments = table[time].cast(pa.int64())
    if moments.null_count or not pc.all(pc.greater_equal(moments[1:], moments[:-1])).as_py():
        table = table.take(pc.sort_indices(moments))
    begin = 0
    for entry in pc.value_counts(table[time].cast(pa.date32())).to_pylist():
        day = table.slice(begin, entry["counts"])
        begin += entry["counts"]
        owners = {one["values"]: one["counts"] for one in pc.value_counts(day[_NUMBERS]).to_pylist()}
        name = NO_DATE if entry["values"] is None else entry["values"].isoformat()
        yield Day(f"{PARTITION}={name}", day.drop_columns([_NUMBERS]), owners)


def write(rows: "pa.Table", path: Path, columns: tuple[Column, ...], *, time: str) -> int:
    """
    Write *rows* to a new Parquet file and return its size.

    Args:
        rows: Some of *columns*, sorted by *time*.
        path: The file.
        columns: What the file has.
        time: The column that the file is sorted by.

    Raises:
        OSError: The disk refuses.
    """
    import pyarrow as pa
    from pyarrow import parquet

    whole = arrow_schema(columns, documented=False)
    constant = _constant(rows, columns)
    names = [name for name in rows.column_names if name not in constant]
    differing = pa.schema([field for field in whole if field.name in names])
    with parquet.ParquetWriter(
        path,
        differing,
        store_schema=False,
        compression="zstd",
        use_dictionary=[
            column.name for column in columns if column.type is ColumnType.CATEGORY and column.name in names
        ],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in (time, "ei") if name in names},  # they rise
        write_page_index=True,
        write_batch_size=GROUP_ROWS,
        sorting_columns=[parquet.SortingColumn(differing.get_field_index(time), nulls_first=False)],
    ) as writer:
        # what type a column is for readers of Arrow, noted as the library itself would
        writer.add_key_value_metadata({"ARROW:schema": base64.b64encode(whole.serialize().to_pybytes())})
        writer.write_table(rows.select(differing.names).cast(differing), row_group_size=GROUP_ROWS)
    add_constant_columns(path, whole, constant)
    return path.stat().st_size


def _constant(rows: "pa.Table", columns: tuple[Column, ...]) -> dict[str, str]:
    """
    Return the texts of the columns that have one text throughout, as far as that can be seen at once.
    """
    found = {}
    for column in columns:
        if column.type is not ColumnType.CATEGORY or column.name not in rows.column_names:
            continue
        values = rows[column.name]
        words = {word for chunk in values.chunks for word in chunk.dictionary.slice(0, 2).to_pylist()}
        if len(words) == 1 and not values.null_count and all(len(chunk.dictionary) == 1 for chunk in values.chunks):
            text = words.pop()
            if len(text) <= _MAX_CONSTANT:
                found[column.name] = text
    return found
