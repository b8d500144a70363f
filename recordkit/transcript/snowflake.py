"""
A Snowflake session in the look of SnowSQL, whose prompt says who works where.

    ALICE#LOAD_WH@SALES.PUBLIC>SELECT COUNT(*) FROM ORDERS

The events name user and database; warehouse and schema are known from the session's own ``USE``.
"""

import re
from typing import ClassVar, Final

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.mysql import ROW_VERBS
from recordkit.transcript.native import NativeTranslator, Part
from recordkit.transcript.phrases import text_of
from recordkit.transcript.result_table import Look, ResultTable
from recordkit.transcript.segments import Delays

_NAME: Final = r'("(?:[^"]|"")*"|[\w$]+)'
_USE: Final = re.compile(rf"USE\s+(WAREHOUSE\s|DATABASE\s|SCHEMA\s|)\s*{_NAME}(?:\.{_NAME})?\s*;?\s*", re.IGNORECASE)
_LONGEST_USE: Final = 600  # two names of 255 characters


class SnowflakeTranslator(NativeTranslator):
    """
    The `Translator` of Snowflake sessions.
    """

    _look: ClassVar = Look(null="NULL", true="True", false="False")

    def __init__(self, protocol: str | None = None, *, delays: Delays | None = None) -> None:
        super().__init__(protocol, delays=delays)
        self._warehouse = "(no warehouse)"
        self._database = ""
        self._schema = "(no schema)"

    def _lead(self, event: Event) -> str:
        database = self._database or text_of(event.get("db_name")) or "(no database)"
        return f"{text_of(event.get('db_user'))}#{self._warehouse}@{database}.{self._schema}>"

    def _query(self, event: Event) -> list[Part]:
        said = super()._query(event)  # the prompt shows where it was typed
        if not phrases.failed(event):
            self._use(text_of(event.get("db_query")))
        return said

    def _use(self, text: str) -> None:
        used = _USE.fullmatch(text.strip()) if len(text) <= _LONGEST_USE else None
        if used is None:
            return
        what, first, second = used[1].strip().upper(), _folded(used[2]), _folded(used[3] or "")
        if what == "WAREHOUSE":
            self._warehouse = first
        elif what == "SCHEMA":
            self._database, self._schema = (first, second) if second else (self._database, first)
        else:
            self._database, self._schema = first, second or "PUBLIC"

    def _answer(self, event: Event, table: ResultTable | None) -> str:
        count, seconds = event.get("affected_records"), self._elapsed_s()
        number = count if isinstance(count, int) or table is None else table.recorded
        elapsed = "" if seconds is None else f" Time Elapsed: {seconds:.3f}s"
        drawn = table.snowsql() if table is not None and table.names else ""
        if number is None:
            return f"Statement executed successfully.{elapsed}\n"
        deed = "produced" if table is not None or self._verb in ROW_VERBS else "affected"
        return drawn + phrases.one_line(f"{text_of(number)} Row(s) {deed}.{elapsed}")

    def _complaint(self, event: Event) -> str:
        return phrases.whole_lines(phrases.status_text(event) or "ERROR")


def _folded(name: str) -> str:
    """
    Return an identifier as Snowflake stores it: in capitals, or what the quotes hold.
    """
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.upper()
