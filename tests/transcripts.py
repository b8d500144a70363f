"""
Sessions in short form for the tests of transcripts: events with times, and what is said of them.
"""

import base64

from recordkit.events import format_time
from recordkit.transcript import translate

EIGHT = 1_784_577_600_000_000_000  # 2026-07-20T20:00:00Z


def event(kind, at_s=None, /, **fields):
    """An event of *kind*, so many seconds after eight o'clock."""
    made = {"event": kind if kind.startswith(("db.", "recordkit.")) else f"db.session.{kind}"}
    if at_s is not None:
        made["time"] = format_time(EIGHT + round(at_s * 1e9))
    return made | fields


def query(text, at_s=None, **fields):
    return event("query", at_s, **{"db_query": text, "success": True} | fields)


def refused(text, error, at_s=None, **fields):
    return event("query.failed", at_s, db_query=text, success=False, error=error, **fields)


def result(count=None, at_s=None, **fields):
    counted = {} if count is None else {"affected_records": count}
    return event("result", at_s, **{"success": True} | counted | fields)


def failed(error, at_s=None, **fields):
    return event("result", at_s, success=False, error=error, **fields)


def gap(**fields):
    return event("recordkit.gap", **{"from": 40, "to": 159, "count": 120, "reason": "overflow"} | fields)


def base64_of(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def session(protocol, *events, **fields):
    """The events as those of one session: a start before them, the session's own fields in each."""
    shared = {"db_protocol": protocol} | fields
    return [shared | one for one in (event("start", 0, db_service="s", success=True), *events)]


def segments(protocol, *events, **fields):
    """What is said of the events, without the line that opens the session."""
    return list(translate(session(protocol, *events, **fields)))[1:]


def text(protocol, *events, **fields):
    """The transcript of the events as plain text shows it."""
    return "".join(one.text for one in segments(protocol, *events, **fields) if not one.aside)


def asides(protocol, *events, **fields):
    """What plain text leaves out."""
    return "".join(one.text for one in segments(protocol, *events, **fields) if one.aside)
