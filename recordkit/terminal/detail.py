"""
The detail pane: one statement with all that is known of it.
"""

from typing import Final

from recordkit.events import Event
from recordkit.playback import Moment
from recordkit.render.control_chars import safe_line, safe_text
from recordkit.terminal.fragments import Fragment, Line, wrap
from recordkit.terminal.transcript_lines import coloured
from recordkit.transcript import Segment
from recordkit.transcript.phrases import json_text, text_of
from recordkit.transcript.statement import statement_of

MOST_CHARS: Final = 256 * 1024
_VALUE_CHARS: Final = 2000
_TOLD: Final = frozenset(
    {"db_query", "db_query_parameters", "parameters", "query", "event", "ei", "time", "success", "error", "message"}
)
_FIRST: Final = ("db_name", "db_user", "user", "db_service", "db_protocol")


def detail_lines(
    moment: Moment, answer: tuple[Event, int] | None, answered: tuple[Segment, ...], columns: int
) -> list[Line]:
    """
    Return the lines about the statement at *moment*.

    Args:
        moment: The statement.
        answer: Its result and how long it took, ns; None if there is none.
        answered: What the transcript says of the result.
        columns: Width of the screen.
    """
    event = moment.event or {}
    fragments: list[Fragment] = []

    def say(style: str, text: str) -> None:
        fragments.append((style, text))

    statement = statement_of(event, moment.segments)
    say("class:heading", "Statement")
    say("class:label", f"  ei {safe_line(text_of(event.get('ei')))}  {safe_line(text_of(event.get('time')))}\n")
    fragments += _laid_out(statement.text, str(event.get("db_protocol")))
    if statement.parameters:
        say("class:heading", "\nParameters\n")
        fragments += _parameters(event, statement.parameters)
    say("class:heading", "\nAnswer")
    failed = event if event.get("success") is False else None
    if answer is not None:
        result, took_ns = answer
        say("class:label", f"  after {duration_text(took_ns)}\n")
        failed = result if result.get("success") is False else failed
        rows = result.get("affected_records")
        if rows is not None:
            say("class:label", "  rows   ")
            say("", f"{safe_line(text_of(rows))}\n")
        if result.get("rows") is not None:
            fragments.extend(("class:result", safe_text(segment.text[:MOST_CHARS])) for segment in answered)
    else:
        say("class:label", "\n" if failed else "  none was recorded\n")
    if failed is not None:
        for name in ("error", "message"):
            if failed.get(name):
                say("class:label", f"  {name:7}")
                say("class:error", f"{safe_line(text_of(failed[name])[:_VALUE_CHARS])}\n")
    say("class:heading", "\nEvent")
    say("class:label", f"  {safe_line(text_of(event.get('event')))}\n")
    names = [name for name in _FIRST if name in event] + [name for name in event if name not in _FIRST]
    for name in names:
        if name not in _TOLD:
            say("class:label", f"  {safe_line(name)}  ")
            say("", f"{safe_line(text_of(event[name])[:_VALUE_CHARS])}\n")
    return wrap(fragments, columns)


def duration_text(duration_ns: int) -> str:
    """
    Return ``350 µs``, ``3 ms``, ``2.5 s``, ``3 min 20 s``.
    """
    if duration_ns < 1_000_000:
        return f"{duration_ns // 1000} µs"
    if duration_ns < 1_000_000_000:
        return f"{duration_ns / 1e6:.3g} ms"
    seconds = duration_ns / 1e9
    if seconds < 60:
        return f"{seconds:.3g} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _laid_out(text: str, protocol: str) -> list[Fragment]:
    """
    Return a statement formatted and in colours; as it is, and marked so, where that can't be done.
    """
    from recordkit.sql.formatting import format_sql

    if not text:
        return [("class:label", "  not known: it was prepared before this recording began\n")]
    cut = len(text) - MOST_CHARS
    if protocol in ("mongodb", "redis") or protocol.endswith("search") or protocol == "dynamodb":
        fragments = coloured(safe_text(text[:MOST_CHARS]), sql=False)
        note = ""
    else:
        laid = format_sql(text[:MOST_CHARS])
        fragments = coloured(safe_text(laid.text))
        note = "" if laid.formatted else f"-- not formatted: {laid.note}\n"
    marks = [("class:more", f"… {cut} more characters\n")] if cut > 0 else []
    return [*fragments, ("", "\n"), *marks, ("class:more", safe_text(note))]


def _parameters(event: Event, text: str) -> list[Fragment]:
    given = event.get("db_query_parameters", event.get("parameters"))
    if not isinstance(given, list):
        return [("", f"  {safe_line(text[:MOST_CHARS])}\n")]
    made: list[Fragment] = []
    for number, value in enumerate(given[:_VALUE_CHARS], 1):
        made.append(("class:label", f"  {number}  "))
        made.append(("class:string", f"{safe_line(json_text(value)[:_VALUE_CHARS])}\n"))
    return made
