"""
What all transcripts say alike: the session's first and last line, gaps, counts, and values of any type as text.
"""

import json
from typing import Final

from recordkit.events import Event
from recordkit.transcript.go_text import quote, short_time
from recordkit.transcript.segments import event_time_ns

GAP_KIND: Final = "recordkit.gap"


def started(event: Event) -> str:
    """
    Return the line that opens a session.
    """
    service, moment = quote(text_of(event.get("db_service"))), short_time(event_time_ns(event))
    return f"Session started to database {service} at {moment}\n"


def ended(event: Event) -> str:
    """
    Return the lines that close a session.
    """
    return f"\nSession ended at {short_time(event_time_ns(event))}\n"


def gap(event: Event) -> str:
    """
    Return the lines that say which events are missing: ``-- 120 events missing here (ei 40 to 159): overflow --``.
    """
    first, last, count = event.get("from"), event.get("to"), event.get("count")
    number = "some" if count is None else text_of(count)
    noun = "event" if count == 1 else "events"
    until = "" if last in (first, None) else f" to {text_of(last)}"
    where = "" if first is None else f" (ei {text_of(first)}{until})"
    reason = text_of(event.get("reason"))
    return one_line(f"-- {number} {noun} missing here{where}{': ' if reason else ''}{reason} --", before="\n")


def rows_affected(count: object) -> str:
    """
    Return ``(1 row affected)``, or ``rows`` for any number but one.
    """
    one = count == 1 and not isinstance(count, bool)
    return f"({text_of(count)} {'row' if one else 'rows'} affected)"


def failed(event: Event) -> bool:
    """
    Tell whether *event* says that what it reports did not work.
    """
    success = event.get("success")
    return success is False or (not isinstance(success, bool) and bool(event.get("error")))


def text_of(value: object) -> str:
    """
    Return a field's value as text: text as it is, nothing for None, all else as compact JSON.
    """
    if isinstance(value, str):
        return value
    return "" if value is None else json_text(value)


def json_text(value: object) -> str:
    """
    Return *value* as compact JSON in Unicode; a phrase in its place where Python can't write it.
    """
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (RecursionError, ValueError):  # ValueError: an integer of thousands of digits
        return "(too deep or too long to show)"


def one_line(text: str, *, before: str = "") -> str:
    r"""
    Return *text* as one whole line: line ends within it are written as ``\n``.
    """
    joined = text.replace("\n", "\\n")
    return f"{before}{joined}\n"
