"""
A PostgreSQL session as Teleport's `tsh play` prints it, to the byte, with line feeds alone.

What prints nothing there prints nothing here, with one exception: a `recordkit.gap`, which no
other recorder writes and which nobody may overlook.

One flag decides whether a result belongs on the screen: *expecting*. It is up after a printed
statement, down after a result or another step of the extended protocol, and untouched by the
rest, so that of several results of one statement the first is shown.
"""

from typing import Any, ClassVar

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.go_text import quote, trim_space
from recordkit.transcript.phrases import text_of
from recordkit.transcript.segments import Delays, Segment, SegmentKind, event_index


class PostgresTranslator:
    """
    The `Translator` of PostgreSQL sessions.
    """

    def __init__(self, *, delays: Delays | None = None) -> None:
        self._delays = delays or Delays()
        self._expecting = False
        self._statements: dict[str, str] = {}
        self._portals: dict[str, tuple[str, Any]] = {}

    def feed(self, event: Event) -> list[Segment]:
        """
        See `Translator.feed`.
        """
        delay_ns = self._delays.measure(event)
        kind = event.get("event")
        step = self._steps.get(kind) if isinstance(kind, str) else None
        said = None if step is None else step(self, event)
        if said is None:
            return []
        return [Segment(kind=said[0], text=said[1], delay_ns=delay_ns, ei=event_index(event))]

    def _start(self, event: Event) -> tuple[SegmentKind, str] | None:
        return SegmentKind.START, phrases.started(event)

    def _end(self, event: Event) -> tuple[SegmentKind, str] | None:
        return SegmentKind.END, phrases.ended(event)

    def _gap(self, event: Event) -> tuple[SegmentKind, str] | None:
        return SegmentKind.NOTICE, phrases.gap(event)

    def _query(self, event: Event) -> tuple[SegmentKind, str] | None:
        self._expecting = True
        return SegmentKind.STATEMENT, _command(event, text_of(event.get("db_query")))

    def _result(self, event: Event) -> tuple[SegmentKind, str] | None:
        expected, self._expecting = self._expecting, False
        if not expected:
            return None
        if phrases.failed(event):
            return SegmentKind.ERROR, f"{text_of(event.get('error'))}\n"
        return SegmentKind.RESULT, f"SUCCESS\n{phrases.rows_affected(event.get('affected_records') or 0)}\n"

    def _parse(self, event: Event) -> tuple[SegmentKind, str] | None:
        self._expecting = False
        self._statements[text_of(event.get("statement_name"))] = text_of(event.get("query"))
        return None

    def _bind(self, event: Event) -> tuple[SegmentKind, str] | None:
        self._expecting = False
        bound = text_of(event.get("statement_name")), event.get("parameters")
        self._portals[text_of(event.get("portal_name"))] = bound
        return None

    def _execute(self, event: Event) -> tuple[SegmentKind, str] | None:
        bound = self._portals.get(text_of(event.get("portal_name")))
        self._expecting = bound is not None
        if bound is None:
            return None
        name, parameters = bound
        text = self._statements.get(name, f"EXECUTE {name}")
        return SegmentKind.STATEMENT, _command(event, text + _listed(parameters))

    def _function(self, _event: Event) -> tuple[SegmentKind, str] | None:
        self._expecting = False
        return None

    _steps: ClassVar = {
        "db.session.start": _start,
        "db.session.query": _query,
        "db.session.query.failed": _query,
        "db.session.result": _result,
        "db.session.postgres.statements.parse": _parse,
        "db.session.postgres.statements.bind": _bind,
        "db.session.postgres.statements.execute": _execute,
        "db.session.postgres.function": _function,
        "db.session.end": _end,
        phrases.GAP_KIND: _gap,
    }


def _command(event: Event, text: str) -> str:
    """
    Return an empty line, then the statement behind its prompt, further lines indented to match.
    """
    lead = f"{text_of(event.get('db_name'))}=> "
    indent = " " * len(lead.encode("utf-8", "surrogatepass"))  # bytes, as the original counts
    first, *rest = map(trim_space, text.split("\n"))
    return "".join([f"\n{lead}{first}\n", *(f"{indent}{line}\n" for line in rest)])


def _listed(parameters: object) -> str:
    """
    Return ``($1 = "v1", $2 = "v2")`` with a space before it; nothing if there are no parameters.
    """
    if not parameters:
        return ""
    values = parameters if isinstance(parameters, list) else [parameters]
    return f" ({', '.join(f'${number} = {_parameter(value)}' for number, value in enumerate(values, 1))})"


def _parameter(value: object) -> str:
    if value is None:
        return "NULL"
    return quote(value) if isinstance(value, str) else phrases.json_text(value)
