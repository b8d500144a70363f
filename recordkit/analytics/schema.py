"""
The columns of the exported tables, as plain data: name, type, unit, source, meaning.

The schema of Arrow and Parquet, the documentation (TABLES.md) and the conversion of events all follow
from these rows. A column keeps the name of its field in the audit log, unless SQL could not say it.

A column is filled wherever the value has its type. What a column can't give back exactly (another
type, an explicit null, a time in an unusual form, a field that nobody knows) stands in ``rest``, a JSON
object, and wins over the column: so columns and ``rest`` together are the whole event.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from recordkit.analytics.meanings import MEANINGS, UNITS
from recordkit.events.kinds import KINDS, FieldType

if TYPE_CHECKING:
    import pyarrow as pa


class ColumnType(StrEnum):
    """
    Types of columns.
    """

    TEXT = "text"
    CATEGORY = "text that repeats"
    """Dictionary-encoded in Arrow and in Parquet."""
    INTEGER = "integer"
    """64 bits, signed."""
    SMALL = "small integer"
    """8 bits, signed."""
    FLOAT = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    """UTC, in nanoseconds."""
    DATE = "date"
    TEXT_LIST = "list of text"
    TEXT_MAP = "map of text to text"
    JSON = "JSON"
    """Any JSON value, as JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    One column of a table.

    Attributes:
        name: As in the table.
        type: See `ColumnType`.
        unit: Of a number; "" where it has none.
        nullable: Whether a row may be without.
        source: Field of the event that it comes from; "" if it is made otherwise.
        meaning: In a sentence without full stop.
    """

    name: str
    type: ColumnType
    unit: str = ""
    nullable: bool = True
    source: str = ""
    meaning: str


REST: Final = "rest"
TIME_DIGITS: Final = "time_digits"

RENAMED: Final[Mapping[str, str]] = {
    "addr.local": "addr_local",
    "addr.remote": "addr_remote",
    "from": "gap_from",
    "to": "gap_to",
    "count": "gap_count",
    "reason": "gap_reason",
    "ci": "print_index",
    "data": "print_data",
    "bytes": "print_bytes",
    "ms": "print_ms",
    "offset": "print_offset",
}
"""Fields whose names are no names in SQL, and their like: field -> column."""

_SELDOM_REPEATS: Final = frozenset({"uid", "db_query", "query", "error", "message", "path", "raw_query", "url"})

_TYPES: Final[Mapping[FieldType, ColumnType]] = {
    FieldType.TEXT: ColumnType.CATEGORY,
    FieldType.INTEGER: ColumnType.INTEGER,
    FieldType.BOOLEAN: ColumnType.BOOLEAN,
    FieldType.TIME: ColumnType.TIME,
    FieldType.BYTES: ColumnType.TEXT,
    FieldType.TEXT_LIST: ColumnType.TEXT_LIST,
    FieldType.TEXT_MAP: ColumnType.TEXT_MAP,
    FieldType.JSON: ColumnType.JSON,
}
_OWN_TYPES: Final[Mapping[str, ColumnType]] = {
    "db_query_parameters": ColumnType.TEXT_LIST,
    "parameters": ColumnType.TEXT_LIST,
    "body": ColumnType.JSON,  # base64 text of Elasticsearch and OpenSearch, an object of DynamoDB
}
_FIRST: Final = ("time", "sid", "ei", "event", "code", "uid", "success", "user", "db_service", "db_protocol", "db_name")


def _type_of(field: str, kind: FieldType) -> ColumnType:
    if field in _OWN_TYPES:
        return _OWN_TYPES[field]
    if field in _SELDOM_REPEATS:
        return ColumnType.TEXT
    return _TYPES[kind]


def _events() -> tuple[Column, ...]:
    types: dict[str, FieldType] = {}
    for kind in KINDS.values():
        types |= kind.fields
    order = [*_FIRST, *(name for name in types if name not in _FIRST)]
    columns = [
        Column(
            name=RENAMED.get(field, field),
            type=_type_of(field, types[field]),
            unit=UNITS.get(field, ""),
            source=field,
            meaning=MEANINGS[field],
        )
        for field in order
    ]
    digits = Column(
        name=TIME_DIGITS,
        type=ColumnType.SMALL,
        unit="digits",
        source="time",
        meaning="Digits of the second's fraction in the event's times as they were written",
    )
    rest = Column(
        name=REST,
        type=ColumnType.JSON,
        meaning="An object of all fields that no column gives back exactly; null if there is none",
    )
    return (*columns, digits, rest)


EVENTS: Final[tuple[Column, ...]] = _events()
"""The table `events`: one row an event. Any column may be null, since any event may lack any field."""
EVENT_TYPES: Final[Mapping[str, ColumnType]] = {column.name: column.type for column in EVENTS}
"""Types of its columns."""


def arrow_type(kind: ColumnType) -> "pa.DataType":
    """
    Return the type of Arrow for a column's.
    """
    import pyarrow as pa

    text = pa.string()
    match kind:
        case ColumnType.TEXT | ColumnType.JSON:
            return text
        case ColumnType.CATEGORY:
            return pa.dictionary(pa.int32(), text)
        case ColumnType.INTEGER:
            return pa.int64()
        case ColumnType.SMALL:
            return pa.int8()
        case ColumnType.FLOAT:
            return pa.float64()
        case ColumnType.BOOLEAN:
            return pa.bool_()
        case ColumnType.TIME:
            return pa.timestamp("ns", "UTC")
        case ColumnType.DATE:
            return pa.date32()
        case ColumnType.TEXT_LIST:
            return pa.list_(text)
        case ColumnType.TEXT_MAP:
            return pa.map_(text, text)


def arrow_schema(columns: Iterable[Column], *, documented: bool = True) -> "pa.Schema":
    """
    Return the schema of Arrow for *columns*.

    Args:
        columns: Of one table.
        documented: Let unit, source and meaning go along as the fields' metadata; some 20 KB.
    """
    import pyarrow as pa

    fields = []
    for column in columns:
        about = {"meaning": column.meaning, "unit": column.unit, "source": column.source}
        metadata = {key: value for key, value in about.items() if value} if documented else None
        fields.append(pa.field(column.name, arrow_type(column.type), nullable=column.nullable, metadata=metadata))
    return pa.schema(fields)


def markdown(columns: Iterable[Column]) -> str:
    """
    Return the documentation of *columns*: a table of Markdown, with a newline at its end.
    """
    lines = ["| column | type | unit | null | from | meaning |", "|---|---|---|---|---|---|"]
    for column in columns:
        source = f"`{column.source}`" if column.source else ""
        null = "yes" if column.nullable else "no"
        cells = (f"`{column.name}`", column.type.value, column.unit, null, source, column.meaning)
        lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    return "\n".join(lines) + "\n"
