"""
Events as `recordkit.recorder` writes them, from typed arguments.

Each function returns only the fields that belong to this one event; ``ei``, ``uid``, ``time``, ``code`` and
the session's constant fields are put in by the recorder. ``**fields`` is whatever else the caller wants in
the event; it never replaces a named argument.
"""

from collections.abc import Sequence
from typing import Any, Final

from recordkit.errors import InvalidEventError
from recordkit.events.codec import Event
from recordkit.events.exact_bytes import exact_text, exact_texts, readable
from recordkit.events.kinds import code_for
from recordkit.events.timestamps import format_time

QUERY: Final = "db.session.query"
QUERY_FAILED: Final = "db.session.query.failed"
RESULT: Final = "db.session.result"
START: Final = "db.session.start"
END: Final = "db.session.end"
GAP: Final = "recordkit.gap"


def status(*, success: bool, error: str | None, message: str | None) -> Event:
    """
    Return the status fields of the audit log.
    """
    fields: Event = {"success": success}
    if error is not None:
        fields["error"] = error
    if message is not None:
        fields["message"] = message
    return fields


def query_event(
    sql: str | bytes,
    parameters: Sequence[Any] | None,
    *,
    success: bool,
    error: str | None,
    message: str | None,
    fields: Event,
) -> Event:
    """
    Return a statement's event; one that was refused before it reached the database is another kind.

    Raises:
        InvalidEventError: The statement or a parameter has no lossless form.
    """
    kind = QUERY if success else QUERY_FAILED
    event: Event = {"event": kind}
    event |= fields
    event |= exact_text("db_query", sql)
    if parameters is not None:
        event |= exact_texts("db_query_parameters", parameters)
    return event | status(success=success, error=error, message=message)


def result_event(
    *, affected_records: int | None, success: bool, error: str | None, message: str | None, fields: Event
) -> Event:
    """
    Return the event of a statement's result.

    Raises:
        InvalidEventError: *affected_records* is not an integer >= 0.
    """
    event: Event = {"event": RESULT}
    event |= fields
    event |= status(success=success, error=error, message=message)
    if affected_records is not None:
        if type(affected_records) is not int or affected_records < 0:
            raise InvalidEventError("affected_records", expected="an integer >= 0", found=repr(affected_records)[:40])
        event["affected_records"] = affected_records
    return event


def result_rows(
    columns: Sequence[Any] | None, rows: Sequence[Sequence[Any]], *, max_rows: int, max_bytes: int
) -> Event:
    r"""
    Return the fields that hold a result's *rows*, at most *max_rows* of them and *max_bytes* of cells.

    Cells that are bytes (or text with surrogate escapes) and not UTF-8 are shown with ``\xNN``: rows are for
    reading.
    """
    kept: list[list[Any]] = []
    left = max_bytes
    for row in rows[:max_rows]:
        cells = [_readable_cell(cell) for cell in row]
        left -= sum(map(_cell_bytes, cells))
        if left < 0:
            break
        kept.append(cells)
    event: Event = {} if columns is None else {"columns": [_column(column) for column in columns]}
    event["rows"] = kept
    if len(kept) < len(rows):
        event["rows_truncated"] = True
    return event


def _readable_cell(cell: Any) -> Any:
    if isinstance(cell, str) and not cell.isascii():
        try:
            cell = cell.encode(errors="surrogateescape")
        except UnicodeEncodeError:
            return cell  # refused at the door, with its place
    return readable(bytes(cell))[0] if isinstance(cell, bytes | bytearray | memoryview) else cell


def _cell_bytes(cell: Any) -> int:
    match cell:
        case str():
            return len(cell) if cell.isascii() else len(cell.encode(errors="replace"))
        case list() | tuple() | dict():
            return len(repr(cell))
    return 8


def _column(column: Any) -> Event:
    match column:
        case str():
            return {"name": column}
        case [str(name), str(kind)]:
            return {"name": name, "type": kind}
        case {"name": str()}:
            return dict(column)
    raise InvalidEventError("columns", expected="names, (name, type) pairs or objects", found=repr(column)[:60])


def start_event(*, success: bool, error: str | None, message: str | None, fields: Event) -> Event:
    """
    Return the event that opens a session.
    """
    event: Event = {"event": START}
    return event | fields | status(success=success, error=error, message=message)


def end_event(*, start_ns: int, stop_ns: int, participants: Sequence[str], fields: Event) -> Event:
    """
    Return the event that closes a session.
    """
    event: Event = {"event": END}
    event |= fields
    return event | {
        "session_start": format_time(start_ns),
        "session_stop": format_time(stop_ns),
        "participants": list(participants),
    }


def gap_event(*, first_ei: int, last_ei: int, count: int, reason: str) -> Event:
    """
    Return the event that stands for events *first_ei* to *last_ei*, which are lost; it takes their place.
    """
    return {
        "event": GAP,
        "code": code_for(GAP, success=False),
        "ei": first_ei,
        "from": first_ei,
        "to": last_ei,
        "count": count,
        "reason": reason,
    }
