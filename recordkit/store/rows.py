"""
What the catalog keeps of a recording, as rows and as SQL; no database is touched here.

A listing is read page by page, each page continuing after the last row of the one before (its
*cursor*), so that neither memory nor a lock is held while the caller looks at a page.

Every filter has an index that ends in the time, so the newest rows of one user are the first ones of
a range and nothing is sorted. Several filters are first tried together (see `targets`); where that is
not the way, the one with the fewest rows leads, as counted up to a bound: SQLite can't know that from
statistics, which are averages over all users.
"""

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, Final, NamedTuple

from recordkit.container import State, Summary
from recordkit.store.filters import RecordingFilter, began_ns
from recordkit.store.paths import shard_of
from recordkit.store.placing import Step

INT64_MAX: Final = 2**63 - 1
INT64_MIN: Final = -(2**63)

COUNTED: Final = 2000
"""How far rows are counted for choosing an index: an index walk of about 0.1 ms. Beyond that, matches are dense."""

SUMMARY_COLUMNS: Final = (
    "sid",
    "state",
    "cluster_name",
    "user",
    "db_service",
    "db_protocol",
    "db_type",
    "db_name",
    "db_user",
    "created_ns",
    "start_ns",
    "end_ns",
    "events",
    "queries",
    "errors",
    "lost",
    "chunks",
    "stored_bytes",
    "raw_bytes",
    "head",
    "writer",
)
_COLUMNS: Final = (*SUMMARY_COLUMNS, "file_size", "file_mtime_ns", "shard", "began_ns")
_READ: Final = ", ".join(_COLUMNS[:-2])
TARGET_COLUMNS: Final = ("db_service", "db_name", "db_protocol", "state")
_TARGET_VALUES: Final[Callable[["Values"], "Values"]] = itemgetter(*map(SUMMARY_COLUMNS.index, TARGET_COLUMNS))
_TEXT_COLUMNS: Final = frozenset(SUMMARY_COLUMNS[:9]) | {"head", "writer"}
_STATES: Final = {state.value: state for state in State}
_sound_types: set[tuple[type, ...]] = set()  # of rows that were checked; some dozens
_NULLABLE: Final = frozenset(SUMMARY_COLUMNS[2:9]) | {"start_ns", "end_ns"}

PUT: Final = (
    f"INSERT OR REPLACE INTO recording ({', '.join(_COLUMNS)}, target) "  # noqa: S608 - constants of this module
    f"VALUES ({', '.join('?' * (len(_COLUMNS) + 1))})"
)
"""Takes the values of `to_row`, and the number of the row's target."""

Values = tuple[int | str | None, ...]
"""Of columns, in a fixed order."""

Condition = tuple[str, tuple[int | str, ...]]
"""A part of a WHERE clause and its parameters."""


class Entry(NamedTuple):
    """
    A sealed recording's summary, and the size and time of the file that it was read from.

    Attributes:
        summary: Of the file.
        file_size, file_mtime_ns: Of the file.
        step: How the file came to its place, if that is known; not kept in the row.
    """

    summary: Summary
    file_size: int
    file_mtime_ns: int
    step: Step | None = None


class Cursor(NamedTuple):
    """
    The last row of a page: when it began and its sid.
    """

    began_ns: int
    sid: str


class Query(NamedTuple):
    """
    A statement and its parameters.
    """

    sql: str
    parameters: tuple[int | str, ...]


def to_row(entry: Entry) -> Values:
    """
    Return the values for `PUT`, all but the target.
    """
    summary = entry.summary
    values = [getattr(summary, name) for name in SUMMARY_COLUMNS]
    values[1] = summary.state.value
    values += [entry.file_size, entry.file_mtime_ns]
    fitting = [str(v) if type(v) is int and not INT64_MIN <= v <= INT64_MAX else v for v in values]
    return (*fitting, shard_of(summary.sid), clamped(began_ns(summary)))


def target_of(row: Values) -> Values:
    """
    Return the values of `TARGET_COLUMNS` of what `to_row` returned.
    """
    return _TARGET_VALUES(row)


def to_entry(row: tuple[Any, ...]) -> Entry:
    """
    Return what `to_row` was given.

    Raises:
        ValueError: A value is not of its column's type; the catalog is damaged.
    """
    values: dict[str, Any] = dict(zip(SUMMARY_COLUMNS, row, strict=False))
    types = tuple(map(type, row))
    if types not in _sound_types and _checked(values):
        _sound_types.add(types)
    values["state"] = _STATES.get(row[1]) or State(row[1])
    return Entry(Summary(**values), int(row[-2]), int(row[-1]))


def _checked(values: dict[str, Any]) -> bool:
    """
    Check a row's values and make numbers of those that are kept as text; return whether there was none to make.
    """
    as_stored = True
    for name, value in values.items():
        if value is None:
            if name not in _NULLABLE:
                raise ValueError(f"catalog column {name}: expected a value, found none")
        elif name in _TEXT_COLUMNS:
            if not isinstance(value, str):
                raise ValueError(f"catalog column {name}: expected text, found {type(value).__name__}")
        elif isinstance(value, str):
            values[name] = int(value)  # a count beyond 64 bits
            as_stored = False
        elif not isinstance(value, int):
            raise ValueError(f"catalog column {name}: expected a number, found {type(value).__name__}")
    return as_stored


def cursor_of(entry: Entry) -> Cursor:
    """
    Return the cursor for the page after this row.
    """
    return Cursor(clamped(began_ns(entry.summary)), entry.summary.sid)


def clamped(number: int) -> int:
    """
    Return *number*, or the nearest one that a 64-bit column can hold.
    """
    return min(max(number, INT64_MIN), INT64_MAX)


def leading_counts(wanted: RecordingFilter) -> dict[str, Query]:
    """
    Return, for each filter that could lead, the query that counts its rows up to `COUNTED`.

    Empty if there is nothing to choose: no more than one filter.
    """
    leads = _leads(wanted)
    if len(leads) < 2:
        return {}
    period = period_conditions(wanted)
    counts: dict[str, Query] = {}
    for lead, arms in leads.items():
        parts, parameters = [], []
        for index, condition, value in arms:
            where, values = where_clause([(condition, (value,)), *period])
            parts.append(f"SELECT 1 FROM recording INDEXED BY {index}{where}")  # noqa: S608 - names from this module
            parameters += values
        sql = f"SELECT count(*) FROM ({' UNION ALL '.join(parts)} LIMIT {COUNTED})"  # noqa: S608
        counts[lead] = Query(sql, tuple(parameters))
    return counts


def page_query(wanted: RecordingFilter, *, lead: str | None, after: Cursor | None, limit: int) -> Query:
    """
    Return the query for the next *limit* rows after the cursor, newest first.

    Args:
        wanted: What the rows must match.
        lead: Which filter's index to walk, a key of `leading_counts`; None for the only one.
        after: Where the page before ended.
        limit: Rows at most.
    """
    leads = _leads(wanted)
    lead = lead if lead is not None else next(iter(leads), None)
    arms = leads[lead] if lead is not None else [("recording_by_time", "", "")]
    common: list[Condition] = [*period_conditions(wanted)]
    if after is not None:
        common.append(("(began_ns, sid) < (?, ?)", tuple(after)))
    for other, conditions in leads.items():
        if other != lead:
            either = " OR ".join(condition for _, condition, _ in conditions)
            common.append((f"({either})", tuple(value for _, _, value in conditions)))
    selects: list[str] = []
    parameters: list[int | str] = []
    for number, (index, condition, value) in enumerate(arms):
        own: list[Condition] = [(condition, (value,))] if condition else []
        if number:  # the second arm of "db": rows that the first one has are left out
            own.append(("db_service IS NOT ?", (value,)))
        select = page_select(index, [*own, *common], limit=limit)
        selects.append(select.sql)
        parameters += select.parameters
    if len(selects) == 1:
        return Query(f"SELECT {_READ} FROM ({selects[0]})", tuple(parameters))  # noqa: S608
    both = " UNION ALL ".join(f"SELECT * FROM ({select})" for select in selects)  # noqa: S608
    sql = f"SELECT {_READ} FROM ({both}) ORDER BY began_ns DESC, sid DESC LIMIT ?"  # noqa: S608
    return Query(sql, (*parameters, limit))


def page_select(index: str, conditions: Iterable[Condition], *, limit: int) -> Query:
    """
    Return the query for the newest rows that an index has under these conditions, and when they began.
    """
    where, values = where_clause(conditions)
    sql = (
        f"SELECT {_READ}, began_ns FROM recording INDEXED BY {index}{where} "  # noqa: S608 - names from this package
        "ORDER BY began_ns DESC, sid DESC LIMIT ?"
    )
    return Query(sql, (*values, limit))


def prefix_range(prefix: str) -> tuple[str, str]:
    """
    Return the bounds, inclusive and exclusive, of the sids that begin with *prefix*.

    Args:
        prefix: 1 to 32 lower-case hexadecimal digits, without dashes.
    """
    parts = (prefix[:8], prefix[8:12], prefix[12:16], prefix[16:20], prefix[20:])
    dashed = "-".join(part for part in parts if part)
    return dashed, dashed + "g"  # "g" sorts after all digits and after the dash


def _leads(wanted: RecordingFilter) -> dict[str, list[tuple[str, str, str]]]:
    """
    Return the filters that have an index: the index, condition and value of each of its arms.
    """
    leads: dict[str, list[tuple[str, str, str]]] = {}
    if wanted.user is not None:
        leads["user"] = [("recording_by_user", "user = ?", wanted.user)]
    if wanted.db is not None:
        leads["db"] = [
            ("recording_by_db_service", "db_service = ?", wanted.db),
            ("recording_by_db_name", "db_name = ?", wanted.db),
        ]
    if wanted.protocol is not None:
        leads["protocol"] = [("recording_by_db_protocol", "db_protocol = ?", wanted.protocol)]
    if wanted.state is not None:
        leads["state"] = [("recording_by_state", "state = ?", wanted.state.value)]
    return leads


def period_conditions(wanted: RecordingFilter) -> Iterator[Condition]:
    """
    Yield what the filter asks of the time.
    """
    # times are clamped as the rows are; a bound beyond 64 bits then lets too much through, never too little
    if wanted.since_ns is not None:
        yield "began_ns >= ?", (clamped(wanted.since_ns),)
    if wanted.until_ns is not None and wanted.until_ns <= INT64_MAX:
        yield "began_ns < ?", (clamped(wanted.until_ns),)


def where_clause(conditions: Iterable[Condition]) -> tuple[str, list[int | str]]:
    """
    Return the WHERE clause of all *conditions* together, empty if there are none, and its parameters.
    """
    conditions = [*conditions]
    texts = [text for text, _ in conditions]
    values = [value for _, some in conditions for value in some]
    return (" WHERE " + " AND ".join(texts) if texts else ""), values
