"""
The newest rows that match several filters at once, found without reading rows that match only some.

An index for each filter has the newest rows of one user, or of one database. Where two filters are both
common and seldom or never meet, walking either reads most of the catalog. So each row has a *target*: the
number of its service, database name, protocol and state in a table of all those that occur together,
which are some hundreds where there are a million recordings. Two indexes lead from a target, and from a
user and a target, to the rows by time. A page then takes three steps, each of a few index look-ups a target:

    1  when the newest row of each target that matches began
    2  when the last row of the page began: of the targets whose newest rows are newer, the moments in order
    3  the rows from then on

Rows without a target come from an older recordkit that had the catalog open while it was migrated. Until the
next writer has given them theirs, and where more than `MOST` targets match, this gives no page: then walking
an index is right, and mostly quicker.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from recordkit.store.filters import RecordingFilter
from recordkit.store.rows import (
    INT64_MIN,
    TARGET_COLUMNS,
    Condition,
    Cursor,
    Query,
    page_select,
    period_conditions,
    where_clause,
)

MOST: Final = 500
"""Targets that are looked at, about 2 us each."""

_TOGETHER: Final = 10  # targets whose rows are read by one statement, which is prepared once

_NAMES: Final = ", ".join(TARGET_COLUMNS)
_SAME: Final = " AND ".join(f"target.{name} IS recording.{name}" for name in TARGET_COLUMNS)

FIND: Final = f"SELECT id FROM target WHERE {' AND '.join(f'{name} IS ?' for name in TARGET_COLUMNS)}"  # noqa: S608
ADD: Final = f"INSERT INTO target ({_NAMES}) VALUES (?, ?, ?, ?)"  # noqa: S608 - constants of this module

ANY_WITHOUT: Final = "SELECT 1 FROM recording INDEXED BY recording_by_target WHERE target IS NULL LIMIT 1"
ADD_MISSING: Final = (
    f"INSERT INTO target ({_NAMES}) SELECT DISTINCT {_NAMES} FROM recording "  # noqa: S608 - constants of this module
    f"WHERE target IS NULL AND NOT EXISTS (SELECT 1 FROM target WHERE {_SAME})"
)
GIVE: Final = f"UPDATE recording SET target = (SELECT id FROM target WHERE {_SAME}) WHERE target IS NULL"  # noqa: S608
"""After `ADD_MISSING`, gives all rows that have none their target."""

ALL_AGREE: Final = (
    "SELECT NOT EXISTS (SELECT 1 FROM recording LEFT JOIN target ON target.id = recording.target "  # noqa: S608
    f"WHERE recording.target IS NOT NULL AND NOT (target.id IS NOT NULL AND {_SAME}))"
)
"""Whether each row's target is its own. Reads all rows."""

Ask = Callable[[Query], list[tuple[Any, ...]]]
"""Runs a query; all of one page within one transaction."""


class _Rows(NamedTuple):
    """
    The index that leads to a target's rows, and what it must be told beside the target.
    """

    by: str
    own: tuple[Condition, ...]


def newest_page(ask: Ask, wanted: RecordingFilter, *, after: Cursor | None, limit: int) -> list[tuple[Any, ...]] | None:
    """
    Return the next rows that match, newest first; None if walking an index is the better way.

    The rows are as `to_entry` takes them. Memory: O(limit).
    """
    matching = _matching(wanted)
    if not matching or len(matching) + (wanted.user is not None) < 2 or limit < 1 or ask(Query(ANY_WITHOUT, ())):
        return None
    if wanted.user is None:
        rows = _Rows("recording_by_target", ())
    else:
        rows = _Rows("recording_by_user_and_target", (("user = ?", (wanted.user,)),))
    targets = _targets(ask, matching, user=wanted.user)
    if targets is None:
        return None
    newest = _newest(ask, targets, rows, [*period_conditions(wanted), *_up_to(after)])
    first_ns = _beginning(ask, newest, rows, wanted, after=after, limit=limit)
    within: list[Condition] = [*rows.own, ("began_ns >= ?", (first_ns,)), *period_conditions(wanted)]
    if after is not None:
        within += [*_up_to(after), ("(began_ns, sid) < (?, ?)", tuple(after))]
    one_of = f"target IN ({', '.join('?' * _TOGETHER)})"
    sql, parameters = page_select(rows.by, [(one_of, ()), *within], limit=limit)
    chosen = [target for began_ns, target in newest if began_ns >= first_ns]
    found: list[tuple[Any, ...]] = []
    for number in range(0, len(chosen), _TOGETHER):
        some = chosen[number : number + _TOGETHER]
        found += ask(Query(sql, (*some, *some[:1] * (_TOGETHER - len(some)), *parameters)))
    found.sort(key=_order, reverse=True)
    return [row[:-1] for row in found[:limit]]


def _matching(wanted: RecordingFilter) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted.db is not None:
        conditions.append(("(db_service = ? OR db_name = ?)", (wanted.db, wanted.db)))
    if wanted.protocol is not None:
        conditions.append(("db_protocol = ?", (wanted.protocol,)))
    if wanted.state is not None:
        conditions.append(("state = ?", (wanted.state.value,)))
    return conditions


def _targets(ask: Ask, matching: list[Condition], *, user: str | None) -> Query | None:
    """
    Return the query for the numbers of the targets to look at; None if they are too many.
    """
    where, values = where_clause(matching)
    every = Query(f"SELECT id FROM target{where}", tuple(values))  # noqa: S608 - names from this module
    if _few(ask, every):
        return every
    if user is None:
        return None
    # the user's own, from one to the next through the index
    following = "(SELECT min(target) FROM recording INDEXED BY recording_by_user_and_target WHERE user = ?{})"
    own = (
        f"WITH RECURSIVE own (id) AS (SELECT {following.format('')} UNION ALL SELECT "  # noqa: S608
        f"{following.format(' AND target > own.id')} FROM own WHERE own.id IS NOT NULL LIMIT {MOST + 1}) "
    )
    if not _few(ask, Query(f"{own}SELECT id FROM own", (user, user))):  # noqa: S608
        return None
    joined = f"{own}SELECT target.id FROM own CROSS JOIN target ON target.id = own.id{where}"  # noqa: S608
    return Query(joined, (user, user, *values))


def _few(ask: Ask, query: Query) -> bool:
    ((count,),) = ask(Query(f"SELECT count(*) FROM ({query.sql} LIMIT {MOST + 1})", query.parameters))  # noqa: S608
    return bool(count <= MOST)


def _newest(ask: Ask, targets: Query, rows: _Rows, period: Sequence[Condition]) -> list[tuple[int, int]]:
    """
    Return when each target's newest row of the period began, and the target; the newest first.
    """
    where, values = where_clause([*rows.own, ("target = chosen.id", ()), *period])
    sql = (
        f"SELECT * FROM (SELECT (SELECT began_ns FROM recording INDEXED BY {rows.by}{where} "  # noqa: S608
        f"ORDER BY began_ns DESC LIMIT 1) AS newest, id FROM ({targets.sql}) AS chosen) WHERE newest IS NOT NULL"
    )
    return sorted(ask(Query(sql, (*values, *targets.parameters))), reverse=True)


def _beginning(
    ask: Ask,
    newest: Sequence[tuple[int, int]],
    rows: _Rows,
    wanted: RecordingFilter,
    *,
    after: Cursor | None,
    limit: int,
) -> int:
    """
    Return a moment from which on there are at least *limit* rows, if there are so many; mostly no more.
    """
    # rows that began when the page before ended may have been on it: they don't count
    earlier: list[Condition] = [] if after is None else [("began_ns < ?", (after.began_ns,))]
    where, values = where_clause(
        [("target = ?", ()), ("began_ns >= ?", ()), *rows.own, *period_conditions(wanted), *earlier]
    )
    sql = f"SELECT began_ns FROM recording INDEXED BY {rows.by}{where} ORDER BY began_ns DESC LIMIT ?"  # noqa: S608
    counting = [began_ns for began_ns, _ in newest if after is None or began_ns < after.began_ns]
    first_ns = counting[limit - 1] if len(counting) >= limit else INT64_MIN
    moments: list[int] = []  # a heap
    for began_ns, target in newest:
        if began_ns < first_ns:
            break
        for (moment_ns,) in ask(Query(sql, (target, first_ns, *values, limit))):
            if len(moments) < limit:
                heapq.heappush(moments, moment_ns)
            else:
                heapq.heappushpop(moments, moment_ns)
        if len(moments) == limit:
            first_ns = moments[0]
    return first_ns


def _up_to(after: Cursor | None) -> list[Condition]:
    return [] if after is None else [("began_ns <= ?", (after.began_ns,))]


def _order(row: tuple[Any, ...]) -> tuple[int, str]:
    return row[-1], row[0]
