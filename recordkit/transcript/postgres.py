"""
A PostgreSQL session as Teleport's `tsh play` prints it, to the byte, with line feeds alone.

What prints nothing there is an *aside* here: left out of the exact text, shown to who looks closer.
Two things no other recorder writes are part of the text: a `recordkit.gap`, which nobody may
overlook, and recorded result rows. Rows are there only where the proxy was told to record them, so
where they appear there is no text of `tsh` to be equal to, and they are what the person saw.

One flag decides whether a result belongs on the screen: *expecting*. It is up after a printed
statement, down after a result or another step of the extended protocol, and untouched by the
rest, so that of several results of one statement the first is shown.
"""

from typing import ClassVar, Final

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.go_text import quote, trim_space
from recordkit.transcript.native import STEPS, NativeTranslator, Part, severity_of
from recordkit.transcript.phrases import text_of
from recordkit.transcript.remembered import Remembered
from recordkit.transcript.result_table import Look, result_table
from recordkit.transcript.segments import Delays, SegmentKind, Severity

ASIDE_CHARS: Final = 200
"""Of a statement in an aside that says it was parsed; it is shown whole when it is executed."""


class PostgresTranslator(NativeTranslator):
    """
    The `Translator` of PostgreSQL sessions.
    """

    _steps: ClassVar = STEPS | {
        "db.session.postgres.statements.parse": "_parse",
        "db.session.postgres.statements.bind": "_bind",
        "db.session.postgres.statements.execute": "_execute",
        "db.session.postgres.statements.close": "_close",
        "db.session.postgres.function": "_function",
    }
    _look: ClassVar = Look(null="", true="t", false="f")

    def __init__(self, protocol: str | None = None, *, delays: Delays | None = None) -> None:
        super().__init__(protocol, delays=delays)
        self._expecting = False
        self._statements: Remembered[str] = Remembered()
        # by portal: the statement's name and the list of parameters as it is printed
        self._portals: Remembered[str] = Remembered()
        self._bound: Remembered[str] = Remembered()

    def _lead(self, event: Event) -> str:
        return f"{text_of(event.get('db_name'))}=> "

    def _start(self, event: Event) -> list[Part]:
        said = Part(SegmentKind.START, phrases.started(event), severity_of(event))
        return [said, *self._failed_aside(event)]

    def _query(self, event: Event) -> list[Part]:
        self._expecting = True
        said = self._command(event, text_of(event.get("db_query")))
        parameters = _listed(event.get("db_query_parameters")).strip()
        beside = [_aside(f"parameters: {parameters}")] if parameters else []
        return [said, *beside, *self._failed_aside(event)]

    def _result(self, event: Event) -> list[Part]:
        aside, self._expecting = not self._expecting, False
        if phrases.failed(event):
            said = Part(SegmentKind.ERROR, f"{text_of(event.get('error'))}\n", Severity.ERROR, aside)
            message = text_of(event.get("message"))
            return [said, *([_aside(message)] if message not in ("", event.get("error")) else [])]
        table = result_table(event, self._look)
        rows = "" if table is None else table.psql()
        text = f"{rows}SUCCESS\n{phrases.rows_affected(event.get('affected_records') or 0)}\n"
        return [Part(SegmentKind.RESULT, text, aside=aside)]

    def _parse(self, event: Event) -> list[Part]:
        self._expecting = False
        name, text = text_of(event.get("statement_name")), text_of(event.get("query"))
        self._statements.put(name, text)
        return [_aside(f"parse {quote(name)}: {phrases.cut(text, ASIDE_CHARS)}")]

    def _bind(self, event: Event) -> list[Part]:
        self._expecting = False
        name, portal = text_of(event.get("statement_name")), text_of(event.get("portal_name"))
        listed = _listed(event.get("parameters"))
        self._portals.put(portal, name)
        self._bound.put(portal, listed)
        return [_aside(f"bind {quote(portal)} to {quote(name)}{phrases.cut(listed, ASIDE_CHARS)}")]

    def _execute(self, event: Event) -> list[Part]:
        portal = text_of(event.get("portal_name"))
        name, listed = self._portals.get(portal), self._bound.get(portal)
        self._expecting = name is not None and listed is not None
        if name is None or listed is None:
            text = f"execute {quote(portal)}: nothing that is known was bound to it"
            return [_aside(text, kind=SegmentKind.STATEMENT, severity=Severity.WARNING)]
        known = self._statements.get(name)
        return [self._command(event, (f"EXECUTE {name}" if known is None else known) + listed)]

    def _close(self, event: Event) -> list[Part]:
        # the original forgets nothing here, and a name may be used after it
        names = [quote(text_of(event.get(name))) for name in ("statement_name", "portal_name") if event.get(name)]
        return [_aside(f"close {', '.join(names) or quote('')}")]

    def _function(self, event: Event) -> list[Part]:
        self._expecting = False
        arguments = ", ".join(map(_parameter, phrases.parameters_of(event.get("function_args"))))
        text = f"function call: oid {text_of(event.get('function_oid'))}({arguments})"
        return [_aside(text, kind=SegmentKind.STATEMENT)]

    def _user_created(self, event: Event) -> list[Part]:
        return _asides(super()._user_created(event))

    def _user_deactivated(self, event: Event) -> list[Part]:
        return _asides(super()._user_deactivated(event))

    def _permissions_updated(self, event: Event) -> list[Part]:
        return _asides(super()._permissions_updated(event))

    def _malformed_packet(self, event: Event) -> list[Part]:
        return _asides(super()._malformed_packet(event))

    def _other(self, event: Event) -> list[Part]:
        return _asides(super()._other(event))

    def _command(self, event: Event, text: str) -> Part:
        """
        Return an empty line, then the statement behind its prompt, further lines indented to match.
        """
        self._asked_ns = self.delays.moment_ns
        lead = phrases.lead_line(self._lead(event))
        if "\n" not in text:
            return Part(SegmentKind.STATEMENT, f"\n{lead}{trim_space(text)}\n", severity_of(event))
        width = len(lead.encode("utf-8", "surrogatepass"))  # bytes, as the original counts
        indent = " " * min(width, phrases.MAX_INDENT)
        first, *rest = map(trim_space, text.split("\n"))
        lines = "".join([f"\n{lead}{first}\n", *(f"{indent}{line}\n" for line in rest)])
        return Part(SegmentKind.STATEMENT, lines, severity_of(event))

    def _failed_aside(self, event: Event) -> list[Part]:
        if not phrases.failed(event):
            return []
        return [Part(SegmentKind.ERROR, self._complaint(event), Severity.ERROR, aside=True)]


def _aside(text: str, *, kind: SegmentKind = SegmentKind.NOTICE, severity: Severity = Severity.INFO) -> Part:
    return Part(kind, phrases.one_line(f"-- {text} --"), severity, aside=True)


def _asides(parts: list[Part]) -> list[Part]:
    return [part._replace(aside=True) for part in parts]


def _listed(parameters: object) -> str:
    """
    Return ``($1 = "v1", $2 = "v2")`` with a space before it; nothing if there are no parameters.
    """
    if not parameters:
        return ""
    values = phrases.parameters_of(parameters)
    return f" ({', '.join(f'${number} = {_parameter(value)}' for number, value in enumerate(values, 1))})"


def _parameter(value: object) -> str:
    if value is None:
        return "NULL"
    return quote(value) if isinstance(value, str) else phrases.json_text(value)
