"""
What the translators of all protocols share: which event is which step, and the steps that look alike everywhere.

A translator is a table from kinds of events to its own methods, its *steps*. A step returns what the
event adds, as parts; `feed` puts moment and index on them. A kind that is not in the table is shown
with all its own fields, so that nothing is left out because it is new.

What a protocol changes: the prompt and the prompt of further lines (`_lead`, `_more`), the answer to
a statement (`_answer`), an error (`_complaint`), and the look of result rows (`_look`).

All state is plain values and things with a `fork` of their own, so that a fork is a copy of the
attributes: see `NativeTranslator.fork`.
"""

import copy
from typing import ClassVar, Final, NamedTuple, Self

from recordkit.events import CONSTANT_FIELDS, Event
from recordkit.transcript import phrases
from recordkit.transcript.phrases import text_of
from recordkit.transcript.result_table import Look, ResultTable, result_table
from recordkit.transcript.segments import Delays, Segment, SegmentKind, Severity, event_index

# What an event says about its session, connection and sender, and not about what was done.
_SHARED_FIELDS: Final = frozenset(CONSTANT_FIELDS) | {"event", "code", "time", "uid", "ei"}


class Part(NamedTuple):
    """
    What an event adds to the transcript, without its moment; fields as in `Segment`.
    """

    kind: SegmentKind
    text: str
    severity: Severity = Severity.INFO
    aside: bool = False


STEPS: Final[dict[str, str]] = {
    "db.session.start": "_start",
    "db.session.end": "_end",
    "db.session.query": "_query",
    "db.session.query.failed": "_query",
    "db.session.result": "_result",
    "db.session.user.create": "_user_created",
    "db.session.user.deactivate": "_user_deactivated",
    "db.session.permissions.update": "_permissions_updated",
    "db.session.malformed_packet": "_malformed_packet",
    phrases.GAP_KIND: "_gap",
}
"""The steps of all protocols: from kinds of events to names of methods."""


class NativeTranslator:
    """
    A `Translator` with the steps that all protocols have in common; each protocol derives its own from it.
    """

    _steps: ClassVar[dict[str, str]] = STEPS
    _look: ClassVar[Look] = Look()

    def __init__(self, protocol: str | None = None, *, delays: Delays | None = None) -> None:
        self.protocol = protocol
        self.delays = delays or Delays()
        self._asked_ns: int | None = None
        self._verb = ""
        """The last statement's first word, in capitals: what a client says of a result depends on it."""

    def feed(self, event: Event) -> list[Segment]:
        """
        See `Translator.feed`.
        """
        delay_ns, kind = self.delays.measure(event), event.get("event")
        step = self._steps.get(kind, "_other") if isinstance(kind, str) else "_other"
        ei = event_index(event)
        return [
            Segment(kind=part.kind, text=part.text, delay_ns=delay_ns, ei=ei, severity=part.severity, aside=part.aside)
            for part in getattr(self, step)(event)
        ]

    def fork(self) -> Self:
        """
        See `Translator.fork`.
        """
        made = copy.copy(self)
        for name, value in vars(self).items():
            if hasattr(value, "fork"):
                setattr(made, name, value.fork())
        return made

    # ------------------------------------------------------------ what a protocol changes

    def _lead(self, _event: Event) -> str:
        """
        Return the prompt.
        """
        return f"{self.protocol or ''}> "

    def _more(self, lead: str) -> str:
        """
        Return what stands before each further line of a statement, whose prompt is *lead*.
        """
        return " " * min(len(lead), phrases.MAX_INDENT)

    def _answer(self, event: Event, table: ResultTable | None) -> str:
        """
        Return the lines that a client prints for a result that went well; *table* is what it holds of rows.
        """
        count = event.get("affected_records")
        said = "OK" if count is None else f"OK {phrases.rows_affected(count)}"
        return ("" if table is None else table.ruled()) + phrases.one_line(said)

    def _complaint(self, event: Event) -> str:
        """
        Return the lines that a client prints for an error.
        """
        text = phrases.status_text(event)
        return phrases.whole_lines(text if text.startswith("ERROR") else f"ERROR: {text}")

    # ------------------------------------------------------------ parts

    def _asked(self, event: Event, text: str) -> Part:
        """
        Return the statement *text* behind its prompt, and wait for its result.
        """
        self._asked_ns, self._verb = self.delays.moment_ns, phrases.first_word(text)
        lead = phrases.lead_line(self._lead(event))
        return Part(SegmentKind.STATEMENT, phrases.prompted(lead, self._more(lead), text), severity_of(event))

    def _statement(self, event: Event, text: str) -> list[Part]:
        """
        Return the statement *text*, and the error if the event says that it failed.
        """
        return [self._asked(event, text), *self._failure(event)]

    def _noted(self, event: Event, text: str) -> list[Part]:
        """
        Return *text* behind the prompt as something that asks the database for no result.
        """
        lead = phrases.lead_line(self._lead(event))
        return [Part(SegmentKind.NOTICE, phrases.prompted(lead, self._more(lead), text), severity_of(event))]

    def _failure(self, event: Event) -> list[Part]:
        if not phrases.failed(event):
            return []
        return [Part(SegmentKind.ERROR, self._complaint(event), Severity.ERROR)]

    def _elapsed_s(self) -> float | None:
        """
        Return the seconds from the last statement to this event; None if one of the two has no usable time.
        """
        now_ns = self.delays.moment_ns
        if now_ns is None or self._asked_ns is None or now_ns < self._asked_ns:
            return None
        return (now_ns - self._asked_ns) / 1e9

    # ------------------------------------------------------------ steps

    def _start(self, event: Event) -> list[Part]:
        return [Part(SegmentKind.START, phrases.started(event), severity_of(event)), *self._failure(event)]

    def _end(self, event: Event) -> list[Part]:
        return [Part(SegmentKind.END, phrases.ended(event))]

    def _query(self, event: Event) -> list[Part]:
        return self._statement(event, text_of(event.get("db_query")) + self._query_parameters(event))

    def _query_parameters(self, event: Event) -> str:
        """
        Return what is added to a statement for the parameters that stand beside it: a comment on a line of its own.
        """
        parameters = phrases.parameters_of(event.get("db_query_parameters"))
        return "\n-- parameters: " + ", ".join(map(phrases.sql_literal, parameters)) if parameters else ""

    def _result(self, event: Event) -> list[Part]:
        if phrases.failed(event):
            return self._failure(event)
        return [Part(SegmentKind.RESULT, self._answer(event, result_table(event, self._look)))]

    def _user_created(self, event: Event) -> list[Part]:
        return [_remark(event, phrases.user_created(event))]

    def _user_deactivated(self, event: Event) -> list[Part]:
        return [_remark(event, phrases.user_deactivated(event))]

    def _permissions_updated(self, event: Event) -> list[Part]:
        return [_remark(event, phrases.permissions_updated(event))]

    def _malformed_packet(self, event: Event) -> list[Part]:
        return [Part(SegmentKind.NOTICE, phrases.malformed_packet(event), Severity.WARNING)]

    def _gap(self, event: Event) -> list[Part]:
        return [Part(SegmentKind.NOTICE, phrases.gap(event), Severity.WARNING)]

    def _other(self, event: Event) -> list[Part]:
        if phrases.failed(event):
            return [Part(SegmentKind.ERROR, _all_fields(event), Severity.ERROR)]
        return [Part(SegmentKind.NOTICE, _all_fields(event))]


def severity_of(event: Event) -> Severity:
    """
    Return how much attention an event asks for that says whether it went well.
    """
    return Severity.ERROR if phrases.failed(event) else Severity.INFO


def _remark(event: Event, text: str) -> Part:
    if phrases.failed(event):
        return Part(SegmentKind.ERROR, text, Severity.ERROR)
    return Part(SegmentKind.NOTICE, text)


def _all_fields(event: Event) -> str:
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
