"""
Columns of the table `queries`, made of a batch of rows at a time.

Arrow picks the fields out of the events itself, which costs a quarter of doing so one by one. Where a field has
another type than the audit log's, the batch is made again of what has the right one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Self

from recordkit.analytics.query_columns import QUERIES, SESSION_FIELDS
from recordkit.analytics.schema import arrow_schema
from recordkit.analytics.statements import PLAIN, Statement
from recordkit.events import Event
from recordkit.events.place import time_of
from recordkit.sql.derivation import Derived

if TYPE_CHECKING:
    import pyarrow as pa

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**63 - 1
_SHORTEST_TIME: Final = 20
"""Characters of a time to the second with its Z; Arrow also reads shorter ones, which are none to us."""
_SQLSTATE: Final = re.compile(
    r"\(SQLSTATE ([0-9A-Z]{5})\)|^(?:ERROR )?\d+ \(([0-9A-Z]{5})\)|SQLSTATE\[?[:= ]*([0-9A-Z]{5})\b"
)
_OF_STATEMENT: Final = {"time": str, "ei": int, "uid": str, "event": str, "db_query": str}
_OF_RESULT: Final = {
    "ei": int, "time": str, "success": bool, "error": str, "message": str, "affected_records": int, "sqlstate": str,
}  # fmt: skip


@dataclass(slots=True)
class Rows:
    """
    Rows of the table before they are columns; all lists have the same length.

    Attributes:
        events: Each statement's event.
        results: Its result's, or what its own event says of that; None without.
        sessions: Which of the session's fields belong to it, by number.
        statements: What was run; `PLAIN` where that is the event's ``db_query``.
        derived: What its text tells.
    """

    events: list[Event] = field(default_factory=list)
    results: list[Event | None] = field(default_factory=list)
    sessions: list[int] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)

    def take(self, count: int) -> Self:
        """
        Take the first *count* rows out, and return them.
        """
        taken = {}
        for one in fields(self):
            column = getattr(self, one.name)
            taken[one.name] = column[:count]
            del column[:count]
        return type(self)(**taken)


def query_batch(rows: Rows, sessions: list[tuple[str | None, ...]]) -> "pa.RecordBatch":
    """
    Return the columns of *rows*; *sessions* are the values of `SESSION_FIELDS` by number.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    statement, result = _picked(rows.events, _OF_STATEMENT), _picked(rows.results, _OF_RESULT)
    starts, ends = _times(statement["time"]), _times(result["time"])
    session = pa.array(rows.sessions, pa.int32())
    ids = list(map(id, rows.derived))
    by_id = dict(zip(ids, rows.derived, strict=True))
    places = {one: place for place, one in enumerate(by_id)}
    which = pa.array(map(places.__getitem__, ids), pa.int32(), size=len(ids))
    kept = list(by_id.values())
    columns = {
        "time": starts,
        "ei": statement["ei"],
        "result_ei": result["ei"],
        "uid": statement["uid"],
        "event": statement["event"].dictionary_encode(),
        **{name: _encoded(session, [one[at] for one in sessions]) for at, name in enumerate(SESSION_FIELDS)},
        **_statements(rows, statement["db_query"]),
        "success": result["success"],
        "error": result["error"],
        "message": result["message"],
        "sqlstate": _sqlstates(result["sqlstate"], result["error"]),
        "affected_records": result["affected_records"],
        "duration_ns": pc.subtract(ends.cast(pa.int64()), starts.cast(pa.int64())),
        "statement_class": _encoded(which, [str(one.statement_class) for one in kept]),
        "fingerprint": _encoded(which, [one.fingerprint for one in kept]),
        "fingerprint_hash": pa.array([one.fingerprint_hash for one in kept], pa.int64()).take(which),
        "tables": _lists([None if one.tables is None else one.tables.touched for one in kept]).take(which),
        "tables_written": _lists([None if one.tables is None else one.tables.written for one in kept]).take(which),
    }
    schema = arrow_schema(QUERIES)
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)


def _statements(rows: Rows, texts: "pa.Array") -> "dict[str, pa.Array]":
    """
    Return the columns of what was run; *texts* are those of plain queries.
    """
    import pyarrow as pa

    count, statements = len(rows.statements), rows.statements
    if any(one is not PLAIN for one in statements):
        pairs = zip(statements, rows.events, strict=True)
        texts = pa.array([event["db_query"] if one is PLAIN else one.text for one, event in pairs], pa.string())
        parameters = pa.array([one.parameters for one in statements], pa.list_(pa.string()))
        names = pa.array([one.prepared_name for one in statements], pa.string())
        resolved = pa.array([one.resolved for one in statements], pa.bool_())
    else:
        parameters, names = pa.nulls(count, pa.list_(pa.string())), pa.nulls(count, pa.string())
        resolved = pa.repeat(pa.scalar(value=True), count)
    return {"statement": texts, "parameters": parameters, "prepared_name": names, "resolved": resolved}


def _picked(events: list[Any], wanted: Mapping[str, type]) -> "dict[str, pa.Array]":
    """
    Return the fields *wanted* of *events*; null for what is missing or of another type. Fractions are cut.
    """
    import pyarrow as pa

    types = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}
    kind = pa.struct([(name, types[one]) for name, one in wanted.items()])
    try:
        found = pa.array(events, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        found = pa.array([None if event is None else _sound(event, wanted) for event in events], kind)
    return dict(zip(wanted, found.flatten(), strict=True))


def _sound(event: Event, wanted: Mapping[str, type]) -> Event:
    values = {name: event.get(name) for name in wanted}
    return {
        name: value
        for name, value in values.items()
        if type(value) is wanted[name] and (type(value) is not int or _INT_MIN <= value <= _INT_MAX)
    }


def _times(texts: "pa.Array") -> "pa.Array":
    """
    Return times of the audit log as nanoseconds; null for what is none, or outside the years of 64 bits.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.timestamp("ns", "UTC")
    plain = pc.and_(pc.ends_with(texts, "Z"), pc.greater_equal(pc.binary_length(texts), _SHORTEST_TIME))
    if pc.all(plain, min_count=0).as_py():
        try:
            return texts.cast(kind)
        except pa.ArrowInvalid:
            pass
    return pa.array([time_of({"time": text}) for text in texts.to_pylist()], pa.int64()).cast(kind)


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
