"""
Lines to columns by the JSON reader of Arrow, where its answer is beyond doubt.

It is asked with a schema of the fields that the last lines had, so it converts nothing by guess but
fields that are new. Its answer is taken only if it can't differ from that of the general way
(`recordkit.analytics.rows`); what stands here as a check is a way in which it could:

=============================================  ==========================================
lines that are not one object each             another number of rows
text that is not UTF-8                         looked for before
a field of another type, twice, or too large   the reader refuses
an unknown field, one that holds JSON          a column that is not `_ASKED`
null, which reads as absence                   a column with gaps, and a null in the lines
times in unusual form                          `recordkit.analytics.moments`
=============================================  ==========================================
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from recordkit.analytics.moments import fraction_digits, moments_of
from recordkit.analytics.rows import BY_FIELD
from recordkit.analytics.schema import TIME_DIGITS, ColumnType
from recordkit.analytics.slots import Columns
from recordkit.events.codec import is_utf8

if TYPE_CHECKING:
    import pyarrow as pa

_ASKED: Final[Mapping[str, ColumnType]] = {
    name: column.type
    for name, column in BY_FIELD.items()
    if column.type not in (ColumnType.JSON, ColumnType.TEXT_MAP)
}  # fmt: skip
"""Fields that the reader converts exactly as we do."""

_ALWAYS: Final = ("ei", "time", "uid")
_NULL: Final = re.compile(rb":\s*null")


class Reader:
    """
    Reads run after run of lines; remembers which fields they had.
    """

    def __init__(self) -> None:
        self._fields: dict[str, pa.DataType] = {name: _read_as(name) for name in _ALWAYS}

    def read(self, text: bytes, rows: int) -> Columns | None:
        """
        Return the columns of *rows* lines, without dictionaries yet; None if there is any doubt.
        """
        if not is_utf8(text):
            return None
        table = self._read(text, rows)
        if table is None:
            return None
        found: Columns = {}
        gaps = False
        for name, values in zip(table.column_names, table.columns, strict=True):
            gaps = gaps or values.null_count > 0
            if values.null_count < rows:
                found[name] = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
        if gaps and b"null" in text and _NULL.search(text):
            return None
        self._fields = {name: _read_as(name) for name in (*_ALWAYS, *found)}
        return _times({BY_FIELD[name].name: values for name, values in found.items()})

    def _read(self, text: bytes, rows: int) -> "pa.Table | None":
        """
        Return the lines' table, each field with its type; None where the reader refuses or guesses wrong.
        """
        import pyarrow as pa
        from pyarrow import json

        fields = dict(self._fields)
        options = json.ReadOptions(use_threads=False, block_size=len(text) + 1)
        for _ in range(2):
            wanted = json.ParseOptions(explicit_schema=pa.schema(fields.items()), unexpected_field_behavior="infer")
            try:
                table = json.read_json(pa.BufferReader(text), read_options=options, parse_options=wanted)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                return None
            if table.num_rows != rows or not set(table.column_names) <= _ASKED.keys():
                return None
            # Lists that it finds by itself and that begin with null lack values (pyarrow 26: [null, ""] has one).
            guessed = {name for name, kind in zip(table.column_names, table.schema.types, strict=True)
                       if kind != _read_as(name) or (name not in fields and pa.types.is_list(kind))}  # fmt: skip
            if not guessed:
                return table
            fields |= {name: _read_as(name) for name in guessed}
        return None


def _read_as(name: str) -> "pa.DataType":
    import pyarrow as pa

    match _ASKED[name]:
        case ColumnType.INTEGER:
            return pa.int64()
        case ColumnType.BOOLEAN:
            return pa.bool_()
        case ColumnType.TEXT_LIST:
            return pa.list_(pa.string())
        case _:
            return pa.string()


def _times(columns: Columns) -> Columns | None:
    """
    Return *columns* with times in place of their texts; None if a text would not come back the same.
    """
    import pyarrow.compute as pc

    own = columns.get("time")
    names = [name for name in _times_of(columns) if name != "time"]
    if own is None:
        return None if names else columns
    lengths = pc.binary_length(own)
    for name in names:
        same = pc.equal(lengths, pc.binary_length(columns[name]))
        if same.null_count > columns[name].null_count or pc.all(same).as_py() is False:
            return None
    for name in ("time", *names):
        moments = moments_of(columns[name])
        if moments is None:
            return None
        columns[name] = moments
    columns[TIME_DIGITS] = fraction_digits(own)
    return columns


def _times_of(columns: Iterable[str]) -> list[str]:
    return [name for name in columns if name in _TIME_COLUMNS]


_TIME_COLUMNS: Final = frozenset(
    column.name for column in BY_FIELD.values() if column.type is ColumnType.TIME
)  # fmt: skip
