"""
Columns of the table `queries`: what a block's statements are, and what came of them.

Everything is taken out of the block's columns by number; only what statements were made of by `Statements` is text of
Python's. Both halves are made apart, since a result may come blocks later.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from recordkit.analytics.event_columns import EventColumns
from recordkit.analytics.query_columns import QUERIES, SESSION_FIELDS
from recordkit.analytics.schema import arrow_schema
from recordkit.analytics.statement_places import Own, Places
from recordkit.analytics.statement_rows import Walk
from recordkit.analytics.statement_texts import derived
from recordkit.events import Event
from recordkit.events.place import time_of
from recordkit.sql.derivation import Deriver

if TYPE_CHECKING:
    import pyarrow as pa

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**63 - 1
_SQLSTATE: Final = re.compile(
    r"\(SQLSTATE ([0-9A-Z]{5})\)|^(?:ERROR )?\d+ \(([0-9A-Z]{5})\)|SQLSTATE\[?[:= ]*([0-9A-Z]{5})\b"
)
_RESULT_TYPES: Final[Mapping[str, type]] = {
    "ei": int, "success": bool, "error": str, "message": str, "affected_records": int, "sqlstate": str,
}  # fmt: skip


def statement_columns(columns: EventColumns, places: Places, own: Own, deriver: Deriver) -> "pa.RecordBatch":
    """
    Return what is known of each statement without its result.
    """
    import pyarrow as pa

    rows = places.rows
    count = len(rows)
    schema = arrow_schema(QUERIES, documented=False)

    def taken(name: str, source: str) -> "pa.Array":
        values = columns.column(source)
        if values is None:
            return pa.nulls(count, schema.field(name).type)
        return values if count == columns.count else values.take(rows)

    found = {name: taken(name, name) for name in ("time", "ei", "uid", "event", *SESSION_FIELDS)}
    if places.texts is None:
        found |= {
            "statement": taken("statement", "db_query"),
            "parameters": _without_empty(taken("parameters", "db_query_parameters")),
            "prepared_name": pa.nulls(count, pa.string()),
            "resolved": pa.repeat(pa.scalar(value=True), count),
        }
    else:
        found |= _of_places(columns, places, own)
    which, kept = derived(found["statement"], found["db_protocol"], deriver)
    found |= {
        "statement_class": _encoded(which, [str(one.statement_class) for one in kept]),
        "fingerprint": _encoded(which, [one.fingerprint for one in kept]),
        "fingerprint_hash": pa.array([one.fingerprint_hash for one in kept], pa.int64()).take(which),
        "tables": _lists([None if one.tables is None else one.tables.touched for one in kept]).take(which),
        "tables_written": _lists([None if one.tables is None else one.tables.written for one in kept]).take(which),
    }
    return pa.RecordBatch.from_pydict(found)


def _of_places(columns: EventColumns, places: Places, own: Own) -> "dict[str, pa.Array]":
    """
    Return the columns of what was run where some statements are not what their row says.
    """
    import pyarrow as pa

    count, string, lists = columns.count, pa.string(), pa.list_(pa.string())
    plain, query, given, bound = map(columns.column, ("db_query", "query", "db_query_parameters", "parameters"))
    words = columns.words("statement_name")
    names = pa.array(words.texts, string).take(words.codes)
    parameters = _picked_from([given, bound], pa.array(own.lists, lists), count, places.parameters)
    return {
        "statement": _picked_from([plain, query], pa.array(own.texts, string), count, places.texts),
        "parameters": _without_empty(parameters),
        "prepared_name": _picked_from([names], pa.array(own.names, string), count, places.names),
        "resolved": places.resolved,
    }


def _without_empty(lists: "pa.ListArray") -> "pa.ListArray":
    """
    Return *lists* with null for those without items.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    empty = pc.equal(pc.list_value_length(lists), pa.scalar(0, pa.int32()))
    if not empty.true_count:
        return lists
    return lists.take(pc.if_else(empty, None, pa.array(range(len(lists)), pa.int64())))


def _picked_from(
    columns: "Sequence[pa.Array | None]", last: "pa.Array", count: int, places: "pa.Int64Array"
) -> "pa.Array":
    """
    Return the values at *places* in *columns*, of *count* values each, and *last*, behind each other; null is null.
    """
    import pyarrow as pa

    if all(values is None for values in columns) and not len(last):
        return pa.nulls(len(places), last.type)
    arrays = [pa.nulls(count, last.type) if values is None else values for values in columns]
    return pa.concat_arrays([*arrays, last]).take(places)


def result_columns(columns: EventColumns, walk: Walk, kept: "pa.Table | None") -> "pa.Table":
    """
    Return all that results may be taken from, by the numbers of `recordkit.analytics.statement_rows`.
    """
    import pyarrow as pa

    count = columns.count
    schema = _result_schema()

    def part(**given: "pa.Array") -> "pa.Table":
        arrays = [given.get(field.name) for field in schema]
        return pa.Table.from_arrays(
            [pa.nulls(count, field.type) if values is None else values
             for field, values in zip(schema, arrays, strict=True)], schema=schema,
        )  # fmt: skip

    found = {field.name: values for field in schema if (values := columns.column(field.name)) is not None}
    parts = [] if kept is None else [kept]
    parts.append(part(**found))
    if walk.failures or walk.own_results:
        told = {name: found[name] for name in ("error", "message") if name in found}
        parts.append(part(success=pa.repeat(pa.scalar(value=False), count), **told))
    if walk.own_results:
        parts.append(_own(walk.own_results, schema))
    return pa.concat_tables(parts)


def query_batch(statements: "pa.RecordBatch", results: "pa.Table", numbers: Sequence[int | None]) -> "pa.RecordBatch":
    """
    Return the rows of *statements*, each with its result, by number; None has none.
    """
    import pyarrow as pa

    result = results.take(pa.array(numbers, pa.int64())).combine_chunks()
    of_result = {name: result[name].combine_chunks() for name in result.column_names}
    found = dict(zip(statements.schema.names, statements.columns, strict=True))
    ends, starts = of_result.pop("time"), found["time"]
    found |= of_result | {
        "result_ei": of_result["ei"],
        "ei": found["ei"],
        "sqlstate": _sqlstates(of_result["sqlstate"], of_result["error"]),
        "duration_ns": _durations(starts.cast(pa.int64()), ends.cast(pa.int64())),
    }
    schema = arrow_schema(QUERIES)
    return pa.record_batch([found[name] for name in schema.names], schema=schema)


def _durations(starts: "pa.Int64Array", ends: "pa.Int64Array") -> "pa.Int64Array":
    """
    Return the time between *starts* and *ends*; null where it is more than 64 bits hold, 292 years.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.subtract(ends, starts)
    zero = pa.scalar(0, pa.int64())
    right = pc.equal(pc.greater_equal(ends, starts), pc.greater_equal(found, zero))
    return pc.if_else(right, found, None)


def _result_schema() -> "pa.Schema":
    import pyarrow as pa

    types = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}
    fields = [(name, types[kind]) for name, kind in _RESULT_TYPES.items()]
    return pa.schema([("time", pa.timestamp("ns", "UTC")), *fields])


def _own(events: Sequence[Event], schema: "pa.Schema") -> "pa.Table":
    """
    Return results that stand in no column.
    """
    import pyarrow as pa

    values: dict[str, list[Any]] = {"time": [time_of(event) for event in events]}
    values |= {name: [_of_type(event.get(name), kind) for event in events] for name, kind in _RESULT_TYPES.items()}
    return pa.table({name: pa.array(column, schema.field(name).type) for name, column in values.items()})


def _of_type(value: Any, kind: type) -> Any:
    """
    Return *value* if it is of this type, else None.
    """
    if type(value) is int and not _INT_MIN <= value <= _INT_MAX:
        return None
    return value if type(value) is kind else None


def _sqlstates(given: "pa.Array", errors: "pa.Array") -> "pa.DictionaryArray":
    """
    Return the SQLSTATE that was given, else the one in the text of the error.
    """
    import pyarrow as pa

    if errors.null_count == len(errors) and given.null_count == len(given):
        return pa.nulls(len(errors), pa.dictionary(pa.int32(), pa.string()))
    found = [
        state if state is not None or error is None else _sqlstate(error)
        for state, error in zip(given.to_pylist(), errors.to_pylist(), strict=True)
    ]
    return pa.array(found, pa.string()).dictionary_encode()


def _sqlstate(error: str) -> str | None:
    match = _SQLSTATE.search(error)
    return match[match.lastindex or 0] if match else None


def _encoded(codes: "pa.Array", values: Iterable[str | None]) -> "pa.DictionaryArray":
    """
    Return the column that has ``values[code]`` for each code, each distinct value once in its dictionary.
    """
    import pyarrow as pa

    places: dict[str, int] = {}
    index = [None if value is None else places.setdefault(value, len(places)) for value in values]
    return pa.DictionaryArray.from_arrays(pa.array(index, pa.int32()).take(codes), pa.array(list(places), pa.string()))


def _lists(values: list[tuple[str, ...] | None]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(values, pa.list_(pa.string()))
