"""
A ClickHouse session, native or over HTTP, in the look of clickhouse-client.

    analytics.example.com :) SELECT count()
    :-] FROM visits

    1 row in set. Elapsed: 0.004 sec.
"""

import re
from typing import ClassVar, Final

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.native import NativeTranslator
from recordkit.transcript.phrases import text_of
from recordkit.transcript.result_table import Look, ResultTable

_SERVER_SAYS: Final = "Received exception from server:\n"
_PORT: Final = re.compile(r":\d+\Z", re.ASCII)


class ClickHouseTranslator(NativeTranslator):
    """
    The `Translator` of ClickHouse sessions.
    """

    _look: ClassVar = Look(null="ᴺᵁᴸᴸ", true="true", false="false")

    def _lead(self, event: Event) -> str:
        host = _PORT.sub("", text_of(event.get("db_uri")).rpartition("://")[2].rpartition("@")[2])
        return f"{host} :) ".lstrip()

    def _more(self, _lead: str) -> str:
        return ":-] "

    def _answer(self, event: Event, table: ResultTable | None) -> str:
        count, seconds = event.get("affected_records"), self._elapsed_s()
        if count is None:
            count = 0 if table is None else table.recorded
        drawn = "Ok.\n" if table is None else table.clickhouse() if table.rows else "Ok.\n"
        elapsed = "" if seconds is None else f" Elapsed: {seconds:.3f} sec."
        rows = "row" if phrases.is_one(count) else "rows"
        return f"\n{drawn}" + phrases.one_line(f"{text_of(count)} {rows} in set.{elapsed}", before="\n")

    def _complaint(self, event: Event) -> str:
        text = phrases.status_text(event)
        return "\n" + phrases.whole_lines(f"{_SERVER_SAYS}{text}" if text.startswith("Code:") else f"Error: {text}")
