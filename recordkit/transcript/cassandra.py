"""
A Cassandra or ScyllaDB session in the look of cqlsh.

    alice@cqlsh:shop> BEGIN BATCH
                  ...   INSERT INTO orders (id, item) VALUES (?, ?)
                  ...   -- 7, 'lamp'
                  ... APPLY BATCH

**Prepared statements** are executed by an id that only the server's answer holds, and that answer is not
recorded. But Cassandra computes it: the MD5 of the statement, with the keyspace before it or without.
So each prepared text is remembered under all ids it can have. An id that is none of them, as of a
server that computes it otherwise, is shown as it is.

cqlsh prints nothing for a statement that went well and gives no rows, so its result is an *aside*.
"""

import hashlib
import re
from typing import ClassVar, Final

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.cql_values import cql_value
from recordkit.transcript.native import STEPS, NativeTranslator, Part
from recordkit.transcript.phrases import text_of
from recordkit.transcript.remembered import Remembered
from recordkit.transcript.result_table import Look, result_table
from recordkit.transcript.segments import Delays, SegmentKind

_USE: Final = re.compile(r'USE\s+("(?:[^"]|"")*"|\w+)\s*;?', re.IGNORECASE | re.ASCII)
_LONGEST_USE: Final = 200  # a keyspace's name has 48 characters


class CassandraTranslator(NativeTranslator):
    """
    The `Translator` of Cassandra sessions.
    """

    _steps: ClassVar = STEPS | {
        "db.session.cassandra.batch": "_batch",
        "db.session.cassandra.prepare": "_prepare",
        "db.session.cassandra.execute": "_execute",
        "db.session.cassandra.register": "_register",
    }
    _look: ClassVar = Look(null="null", true="True", false="False")

    def __init__(self, protocol: str | None = None, *, delays: Delays | None = None) -> None:
        super().__init__(protocol, delays=delays)
        self._used = ""
        self._statements: Remembered[str] = Remembered()

    def _keyspace(self, event: Event) -> str:
        return text_of(event.get("keyspace")) or self._used or text_of(event.get("db_name"))

    def _lead(self, event: Event) -> str:
        user, keyspace = text_of(event.get("db_user")), self._keyspace(event)
        return f"{user}{'@' if user else ''}cqlsh{':' if keyspace else ''}{keyspace}> "

    def _more(self, lead: str) -> str:
        return "... ".rjust(min(len(lead), phrases.MAX_INDENT))

    def _query(self, event: Event) -> list[Part]:
        said = super()._query(event)
        text = text_of(event.get("db_query"))
        used = _USE.fullmatch(text.strip()) if len(text) <= _LONGEST_USE else None
        if used is not None and not phrases.failed(event):
            name = used[1]
            self._used = name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
        return said

    def _batch(self, event: Event) -> list[Part]:
        kind = text_of(event.get("batch_type")).upper()
        lines = ["BEGIN BATCH" if kind in ("", "LOGGED") else f"BEGIN {kind} BATCH"]
        for child in phrases.parameters_of(event.get("children")):
            lines += self._child(child)
        consistency = text_of(event.get("consistency"))
        lines.append(f"APPLY BATCH -- consistency {consistency}" if consistency else "APPLY BATCH")
        return self._statement(event, "\n".join(lines))

    def _child(self, child: object) -> list[str]:
        if not isinstance(child, dict):
            return [f"  {text_of(child)}"]
        text = text_of(child.get("query")) or self._resolved(child.get("id"))
        lines = [f"  {line}" for line in text.split("\n")]
        values = phrases.parameters_of(child.get("values"))
        return [*lines, "  -- " + ", ".join(map(cql_value, values))] if values else lines

    def _prepare(self, event: Event) -> list[Part]:
        text = text_of(event.get("query"))
        where = self._used or text_of(event.get("db_name"))
        for keyspace in dict.fromkeys(["", text_of(event.get("keyspace")), where]):
            self._statements.put(_statement_id(keyspace + text), text)
        return self._noted(event, f"-- prepare\n{text}")

    def _execute(self, event: Event) -> list[Part]:
        return self._statement(event, self._resolved(event.get("query_id")))

    def _register(self, event: Event) -> list[Part]:
        kinds = ", ".join(map(text_of, phrases.parameters_of(event.get("event_types"))))
        return self._noted(event, f"-- register for events: {kinds}")

    def _resolved(self, query_id: object) -> str:
        shown = text_of(query_id)
        text = self._statements.get(shown.lower().removeprefix("0x"))
        return f"EXECUTE {shown}".rstrip() if text is None else text

    def _result(self, event: Event) -> list[Part]:
        if phrases.failed(event):
            return self._failure(event)
        table, count = result_table(event, self._look), event.get("affected_records")
        if table is None and count is None:
            return [Part(SegmentKind.RESULT, "OK\n", aside=True)]
        drawn = f"\n{table.cqlsh()}" if table is not None and table.names else ""
        number = count if isinstance(count, int) or table is None else table.recorded
        return [Part(SegmentKind.RESULT, drawn + phrases.one_line(f"({text_of(number)} rows)", before="\n"))]

    def _complaint(self, event: Event) -> str:
        return phrases.whole_lines(phrases.status_text(event) or "Error")


def _statement_id(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
