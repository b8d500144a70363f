"""
An Oracle session in the look of SQL*Plus: ``SQL> ``, numbered further lines, ``2 rows deleted``.
"""

import re
from typing import ClassVar, Final

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.mysql import ROW_VERBS
from recordkit.transcript.native import NativeTranslator, Part, severity_of
from recordkit.transcript.phrases import text_of
from recordkit.transcript.result_table import Look, ResultTable
from recordkit.transcript.segments import Delays, SegmentKind

# What is said of the rows that a statement changed, and of one that changes something else.
_ROWS: Final = {"INSERT": "created", "UPDATE": "updated", "DELETE": "deleted", "MERGE": "merged"}
_DONE: Final = {
    "COMMIT": "Commit complete.",
    "ROLLBACK": "Rollback complete.",
    "SAVEPOINT": "Savepoint created.",
    "GRANT": "Grant succeeded.",
    "REVOKE": "Revoke succeeded.",
    "BEGIN": "PL/SQL procedure successfully completed.",
    "DECLARE": "PL/SQL procedure successfully completed.",
    "CALL": "Call completed.",
    "LOCK": "Table(s) Locked.",
}
_CHANGED: Final = {"CREATE": "created", "ALTER": "altered", "DROP": "dropped", "TRUNCATE": "truncated"}
_OBJECT: Final = re.compile(
    r"\w+\s+(?:OR\s+REPLACE\s+)?(?:GLOBAL\s+TEMPORARY\s+|UNIQUE\s+|PUBLIC\s+|FORCE\s+)?"
    r"(TABLE|VIEW|INDEX|SEQUENCE|USER|ROLE|TRIGGER|PROCEDURE|FUNCTION|PACKAGE|SYNONYM|TABLESPACE|SESSION|SYSTEM|TYPE)\b",
    re.IGNORECASE | re.ASCII,
)


class OracleTranslator(NativeTranslator):
    """
    The `Translator` of Oracle sessions.
    """

    _look: ClassVar = Look(null="", true="TRUE", false="FALSE")

    def __init__(self, protocol: str | None = None, *, delays: Delays | None = None) -> None:
        super().__init__(protocol, delays=delays)
        self._done = _completed("", "")

    def _asked(self, event: Event, text: str) -> Part:
        self._asked_ns, self._verb = self.delays.moment_ns, phrases.first_word(text)
        self._done = _completed(self._verb, text)
        first, *rest = map(str.rstrip, text.split("\n"))
        lines = [f"\nSQL> {first}\n", *(f"{number:3d}  {line}\n" for number, line in enumerate(rest, 2))]
        return Part(SegmentKind.STATEMENT, "".join(lines), severity_of(event))

    def _answer(self, event: Event, table: ResultTable | None) -> str:
        count = event.get("affected_records")
        if table is not None:
            drawn = f"\n{table.sqlplus()}" if table.rows else ""
            return drawn + _counted(count if isinstance(count, int) else table.recorded, "selected")
        if count is not None and (self._verb in ROW_VERBS or self._verb in _ROWS):
            return _counted(count, _ROWS.get(self._verb, "selected"))
        return f"\n{self._done}\n"

    def _complaint(self, event: Event) -> str:
        text = phrases.status_text(event)
        return phrases.whole_lines(text if text.startswith("ERROR") else f"ERROR:\n{text}")


def _counted(count: object, deed: str) -> str:
    if count == 0 and deed == "selected":
        return "\nno rows selected\n"
    return phrases.one_line(f"{text_of(count)} {'row' if phrases.is_one(count) else 'rows'} {deed}.", before="\n")


def _completed(verb: str, text: str) -> str:
    if verb in _CHANGED:
        found = _OBJECT.match(text.lstrip()[:200])
        return f"{found[1].capitalize() if found else 'Object'} {_CHANGED[verb]}."
    return _DONE.get(verb, "Done.")
