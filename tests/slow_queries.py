"""
The table `queries` told the slow way: one event after the other, one row after the other, plain Python values.

The rules, in the order in which they stand below:

- Something is missing where ``recordkit.gap`` says so, where an ``ei`` is greater than the last one and one, where
  the first ``ei`` is not 0, and where a line is no event. An ``ei`` that is no integer, or not there, says nothing.
- A result belongs to the statement that `Pairing` names; a session's start makes it forget what waits.
- A statement has the session's fields of its own event, whatever the events around it say.
- What its own event tells of its outcome is all that is known: no result is joined with it.
- A value of another type than the column's is null, and so is an integer that 64 bits don't hold. What becomes of a
  number with a fraction, where an integer is due, is the caller's choice: cut, or null.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

from recordkit.analytics.pairing import Pairing
from recordkit.analytics.query_columns import QUERIES, SESSION_FIELDS
from recordkit.analytics.statements import PLAIN, Statement, Statements
from recordkit.events.place import time_of
from recordkit.sql.derivation import Derived, Deriver

Event = dict[str, Any]
Row = dict[str, Any]

COLUMNS = tuple(column.name for column in QUERIES)
_INT64 = range(-(2**63), 2**63)
_SQLSTATES = (
    re.compile(r"\(SQLSTATE ([0-9A-Z]{5})\)"),  # PostgreSQL's, as its drivers for Go write it
    re.compile(r"\A(?:ERROR )?\d+ \(([0-9A-Z]{5})\)"),  # MySQL's
    re.compile(r"SQLSTATE\[?[:= ]*([0-9A-Z]{5})\b"),  # others
)


def rows_of(events: Iterable[Event | None], *, cut: bool = True) -> list[Row]:
    """
    Return the rows of one recording, as ``to_pylist()`` gives them but for ``time``, which is in nanoseconds.

    Args:
        events: All of it in order; None for a line that is no event.
        cut: Whether a number with a fraction counts as an integer without it; else it is null.
    """
    session = _Session(cut=cut)
    for event in events:
        session.take(event)
    return session.rows


class _Session:
    """
    What is known after the events so far.
    """

    def __init__(self, *, cut: bool) -> None:
        self.rows: list[Row] = []
        self._statements = Statements()
        self._pairing = Pairing()
        self._last_ei = -1
        self._cut = cut

    def take(self, event: Event | None) -> None:
        """
        Take the next line of the recording.
        """
        if event is None:
            self._gap()
            return
        ei = event.get("ei")
        if type(ei) is int:
            if ei > self._last_ei + 1:
                self._gap()
            self._last_ei = ei
        kind = event.get("event")
        if type(kind) is not str:
            return
        if kind == "recordkit.gap":
            self._gap()
        elif kind == "db.session.start":
            self._pairing.start()
        elif kind == "db.session.result":
            number = self._pairing.result()
            if number is not None:
                self._join(self.rows[number], event)
        elif kind in self._statements.kinds:
            self._statement(kind, event)

    def _gap(self) -> None:
        self._pairing.gap()
        self._statements.gap()

    def _statement(self, kind: str, event: Event) -> None:
        protocol = _text(event.get("db_protocol"))
        self._statements.protocol = protocol
        statement = self._statements.kinds[kind](event)
        if statement is None:
            return  # it only prepares
        if statement is PLAIN:
            statement = Statement(event["db_query"])
        row: Row = dict.fromkeys(COLUMNS)
        row |= {name: _text(event.get(name)) for name in SESSION_FIELDS}
        row["event"] = kind
        row["time"] = time_of(event)
        row["ei"] = self._integer(event.get("ei"))
        row["uid"] = _text(event.get("uid"))
        row["statement"] = statement.text
        row["parameters"] = statement.parameters
        row["prepared_name"] = statement.prepared_name
        row["resolved"] = statement.resolved
        _derive(row, _derived(statement.text or "", protocol))
        if statement.failed is None:
            self._pairing.statement(len(self.rows))
        else:
            row["success"] = not statement.failed
            row["error"] = _text(event.get("error"))
            row["message"] = _text(event.get("message"))
            row["sqlstate"] = _sqlstate(row["error"])
        self.rows.append(row)

    def _join(self, row: Row, result: Event) -> None:
        row["result_ei"] = self._integer(result.get("ei"))
        success = result.get("success")
        row["success"] = success if type(success) is bool else None
        row["error"] = _text(result.get("error"))
        row["message"] = _text(result.get("message"))
        given = _text(result.get("sqlstate"))
        row["sqlstate"] = _sqlstate(row["error"]) if given is None else given
        row["affected_records"] = self._integer(result.get("affected_records"))
        row["duration_ns"] = _duration_ns(row["time"], time_of(result))

    def _integer(self, value: Any) -> int | None:
        if type(value) is float and self._cut:
            value = int(value)
        return value if type(value) is int and value in _INT64 else None


def _text(value: Any) -> str | None:
    return value if type(value) is str else None


def _duration_ns(start_ns: int | None, end_ns: int | None) -> int | None:
    """
    Return how long it took; None if it is not known, or centuries that 64 bits don't hold.
    """
    if start_ns is None or end_ns is None or not -(2**63) <= end_ns - start_ns < 2**63:
        return None
    return end_ns - start_ns


def _sqlstate(error: str | None) -> str | None:
    """
    Return the first SQLSTATE in the text of an error.
    """
    if error is None:
        return None
    found = chain.from_iterable(form.finditer(error) for form in _SQLSTATES)
    first = min(found, key=lambda match: match.start(), default=None)
    return None if first is None else first[1]


@lru_cache(maxsize=20_000)
def _derived(text: str, protocol: str | None) -> Derived:
    """
    Return what a text tells by itself, whatever was derived before it.
    """
    return Deriver().derive(text, protocol)


def _derive(row: Row, derived: Derived) -> None:
    row["statement_class"] = str(derived.statement_class)
    row["fingerprint"] = derived.fingerprint
    row["fingerprint_hash"] = derived.fingerprint_hash
    if derived.tables is not None:
        row["tables"] = list(derived.tables.touched)
        row["tables_written"] = list(derived.tables.written)
