"""
Any session in a plain form, for the protocols that have no transcript of their own.

    mysql> SELECT name
           FROM products WHERE id = ?
      parameters: [7]
    OK (1 row affected)

    [db.session.mysql.init_db] schema_name: shop

Nothing is left out: a kind nobody knows is shown with all its own fields. Only the fields that
every event of a session repeats are passed over.
"""

from typing import Final

from recordkit.events import CONSTANT_FIELDS, Event
from recordkit.transcript import phrases
from recordkit.transcript.phrases import text_of
from recordkit.transcript.segments import Delays, Segment, SegmentKind, event_index

# What an event says about its session, connection and sender, and not about what was done.
_SHARED_FIELDS: Final = frozenset(CONSTANT_FIELDS) | {"event", "code", "time", "uid", "ei"}


class GenericTranslator:
    """
    The `Translator` of every protocol that has none of its own.
    """

    def __init__(self, protocol: str | None = None, *, delays: Delays | None = None) -> None:
        self._delays = delays or Delays()
        self._lead = f"{protocol or ''}> "

    def feed(self, event: Event) -> list[Segment]:
        """
        See `Translator.feed`.
        """
        delay_ns, ei = self._delays.measure(event), event_index(event)
        return [Segment(kind=kind, text=text, delay_ns=delay_ns, ei=ei) for kind, text in self._say(event)]

    def _say(self, event: Event) -> list[tuple[SegmentKind, str]]:
        kind = event.get("event")
        if kind == "db.session.start":
            return [(SegmentKind.START, phrases.started(event)), *_error(event)]
        if kind == "db.session.end":
            return [(SegmentKind.END, phrases.ended(event))]
        if kind in ("db.session.query", "db.session.query.failed"):
            return [(SegmentKind.STATEMENT, self._statement(event)), *_error(event)]
        if kind == "db.session.result":
            return _error(event) or [(SegmentKind.RESULT, _result(event))]
        if kind == phrases.GAP_KIND:
            return [(SegmentKind.NOTICE, phrases.gap(event))]
        return [(SegmentKind.ERROR if phrases.failed(event) else SegmentKind.NOTICE, _notice(event))]

    def _statement(self, event: Event) -> str:
        lines = text_of(event.get("db_query")).split("\n")
        text = "\n" + self._lead + ("\n" + " " * len(self._lead)).join(line.rstrip() for line in lines) + "\n"
        parameters = event.get("db_query_parameters")
        if parameters in (None, []):
            return text
        return text + phrases.one_line(f"  parameters: {text_of(parameters)}")


def _error(event: Event) -> list[tuple[SegmentKind, str]]:
    if not phrases.failed(event):
        return []
    error, message = text_of(event.get("error")), text_of(event.get("message"))
    marked = error if error.startswith("ERROR") else f"ERROR: {error}"
    more = f"\n  {message}" if message and message != error else ""
    return [(SegmentKind.ERROR, f"{marked}{more}\n")]


def _result(event: Event) -> str:
    count = event.get("affected_records")
    return phrases.one_line("OK" if count is None else f"OK {phrases.rows_affected(count)}")


def _notice(event: Event) -> str:
    """
    Return ``[kind] field: value, field: value``; texts of several lines follow, indented, each under its name.
    """
    short, long = [], []
    for name, value in event.items():
        if name in _SHARED_FIELDS:
            continue
        text = text_of(value) if value is not None else "null"
        if "\n" in text:
            long.append(f"  {name}:\n" + "".join(f"    {line.rstrip()}\n" for line in text.split("\n")))
        else:
            short.append(f"{name}: {text}")
    kind = text_of(event.get("event")) or "event without a kind"
    return phrases.one_line(f"[{kind}] {', '.join(short)}".rstrip(), before="\n") + "".join(long)
