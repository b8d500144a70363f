"""
The general way from an event to a row of `events`, and the only way back.

One Python object an event, any event: a value whose column can't hold it goes to ``rest``. The fast way
(`recordkit.analytics.blocks`) must give the same rows, and leaves to this one what it can't judge.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from recordkit.analytics.schema import EVENTS, REST, TIME_DIGITS, Column, ColumnType, arrow_type
from recordkit.errors import InvalidEventError, UndecodableEventError
from recordkit.events import Event, parse_time
from recordkit.events.codec import INT_MIN, MAX_DEPTH, encode_value
from recordkit.events.timestamps import format_second

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
"""Values by column: times in nanoseconds, maps as lists of pairs, JSON as text; no key where there is none."""

BY_FIELD: Final[Mapping[str, Column]] = {
    column.source: column for column in EVENTS if column.source and column.name != TIME_DIGITS
}
"""Columns by the field that they hold."""
_BY_NAME: Final = {column.name: column for column in BY_FIELD.values()}

_NS: Final = 1_000_000_000
_INT64_MAX: Final = 2**63 - 1
_DIGITS: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?Z", re.ASCII)


def row_of(event: Event) -> Row:
    """
    Return the row that holds all of *event*.
    """
    row: Row = {}
    rest: Event = {}
    times: list[tuple[Column, str]] = []
    for name, value in event.items():
        column = BY_FIELD.get(name)
        if column is None or value is None:
            rest[name] = value
        elif column.type is ColumnType.TIME and type(value) is str:
            times.append((column, value))
        else:
            taken = _TAKERS[column.type](value)
            if taken is not None:
                row[column.name], exact = taken
                if exact:
                    continue
            rest[name] = value
    if times:
        _take_times(row, rest, times)
    if rest:
        row[REST] = _json(rest)
    return row


def event_of(row: Mapping[str, Any]) -> Event:
    """
    Return the event whose row this is; None in a column is the same as no key.
    """
    event: Event = {}
    digits = row.get(TIME_DIGITS)
    for name, value in row.items():
        column = _BY_NAME.get(name)
        if column is None or value is None:
            continue
        match column.type:
            case ColumnType.TIME:
                text = None if digits is None else time_text(value, digits)
                if text is not None:
                    event[column.source] = text
            case ColumnType.JSON:
                event[column.source] = orjson.loads(value)
            case ColumnType.TEXT_MAP:
                event[column.source] = dict(value)
            case _:
                event[column.source] = value
    rest = row.get(REST)
    if rest is not None:
        event |= rest_fields(rest)
    return event


def rest_fields(rest: str) -> Event:
    """
    Return what a value of the column `rest` says.
    """
    fields: Event = orjson.loads(rest)
    return fields


def to_events(table: "pa.RecordBatch | pa.Table") -> Iterator[Event]:
    """
    Yield the events whose rows *table* holds, equal as JSON values to what was recorded.

    Args:
        table: Rows of `events` with all columns; those that are null throughout may be missing.
    """
    import pyarrow as pa

    whole = pa.Table.from_batches([table]) if isinstance(table, pa.RecordBatch) else table
    for batch in whole.to_batches(max_chunksize=10_000):
        columns = {}
        for field, values in zip(batch.schema, batch.columns, strict=True):
            if values.null_count == len(values):
                continue
            if pa.types.is_timestamp(field.type):
                values = values.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())  # noqa: PLW2901 -- as nanoseconds
            columns[field.name] = _values(values)
        names = list(columns)
        if not names:
            yield from ({} for _ in range(batch.num_rows))
        for values in zip(*columns.values(), strict=True):
            yield event_of(dict(zip(names, values, strict=True)))


def _values(values: "pa.Array") -> list[Any]:
    import pyarrow as pa

    if not pa.types.is_dictionary(values.type):
        found: list[Any] = values.to_pylist()
        return found
    words = [*values.dictionary.to_pylist(), None]  # a text is made once, not once a row
    return [words[-1 if index is None else index] for index in values.indices.to_pylist()]


def batch_of(rows: Sequence[Row]) -> "dict[str, pa.Array]":
    """
    Return the columns of *rows* that are not null throughout.
    """
    import pyarrow as pa

    present = set().union(*rows) if rows else set()
    found: dict[str, pa.Array] = {}
    for column in EVENTS:
        if column.name not in present:
            continue
        values = [row.get(column.name) for row in rows]
        if column.type is ColumnType.CATEGORY:  # Arrow makes a dictionary of texts in no time, of Python's slowly
            found[column.name] = pa.array(values, pa.string()).dictionary_encode()
        else:
            found[column.name] = pa.array(values, arrow_type(column.type))
    return found


def time_text(time_ns: int, digits: int) -> str | None:
    """
    Return the text of a time with so many digits of its second's fraction; None if it needs more.
    """
    seconds, fraction = divmod(time_ns, _NS)
    text = f"{fraction:09d}"
    if text[digits:].strip("0"):
        return None
    return f"{format_second(seconds)}{'.' if digits else ''}{text[:digits]}Z"


def _take_times(row: Row, rest: Event, times: Iterable[tuple[Column, str]]) -> None:
    own = next((text for column, text in times if column.source == "time"), None)
    match = None if own is None else _DIGITS.fullmatch(own)
    digits = None if match is None else len(match[1] or "")
    for column, text in times:
        plain = _DIGITS.fullmatch(text)
        second_ns = None if plain is None else _second_ns(text[:19])
        if plain is not None and second_ns is not None:
            time_ns: int | None = second_ns + int((plain[1] or "").ljust(9, "0"))
        else:
            time_ns = _any_time_ns(text)
        if time_ns is None or not INT_MIN <= time_ns <= _INT64_MAX:
            rest[column.source] = text
            continue
        row[column.name] = time_ns
        if plain is None or second_ns is None or len(plain[1] or "") != digits:
            rest[column.source] = text
        else:
            row[TIME_DIGITS] = digits


@lru_cache(1024)
def _second_ns(text: str) -> int | None:
    """
    Return the nanoseconds of ``YYYY-MM-DDTHH:MM:SS``; None for what does not print back, as a leap second.
    """
    time_ns = _any_time_ns(f"{text}Z")
    return time_ns if time_ns is not None and time_text(time_ns, 0) == f"{text}Z" else None


def _any_time_ns(text: str) -> int | None:
    try:
        return parse_time(text)
    except ValueError:
        return None


def _text(value: Any) -> tuple[Any, bool] | None:
    return (value, True) if type(value) is str else None


def _integer(value: Any) -> tuple[Any, bool] | None:
    return (value, True) if type(value) is int and value <= _INT64_MAX else None


def _boolean(value: Any) -> tuple[Any, bool] | None:
    return (value, True) if type(value) is bool else None


def _text_list(value: Any) -> tuple[Any, bool] | None:
    if type(value) is not list:
        return None
    if all(type(item) is str or item is None for item in value):
        return value, True
    return [_shown(item) for item in value], False


def _text_map(value: Any) -> tuple[Any, bool] | None:
    if type(value) is not dict:
        return None
    exact = all(type(item) is str or item is None for item in value.values())
    return [(key, _shown(item)) for key, item in value.items()], exact


def _any(value: Any) -> tuple[Any, bool] | None:
    return _json(value), True


def _shown(item: Any) -> str | None:
    return item if item is None or type(item) is str else _json(item)


def _json(value: Any) -> str:
    try:
        return encode_value(value, field="").decode()
    except InvalidEventError as error:  # of another program: deeper than we write, not than we read
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except RecursionError:
            raise UndecodableEventError("an event is too deep", expected=f"{MAX_DEPTH} levels", found="more") from error


_TAKERS: Final[Mapping[ColumnType, Callable[[Any], tuple[Any, bool] | None]]] = {
    ColumnType.TEXT: _text,
    ColumnType.CATEGORY: _text,
    ColumnType.INTEGER: _integer,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.TEXT_LIST: _text_list,
    ColumnType.TEXT_MAP: _text_map,
    ColumnType.JSON: _any,
    ColumnType.TIME: lambda _value: None,
}
"""What a column takes of a value, and whether that is all of it; None if nothing."""
