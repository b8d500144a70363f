"""
A SQL Server session in the look of sqlcmd: numbered lines, ``go``, ``(1 rows affected)``.

    1> exec sp_rename @p1 = N'dbo.Invoices', @p2 = N'Bills'
    2> go

The audit log names a procedure's parameters by place alone, so they are ``@p1``, ``@p2``, … sqlcmd prints nothing
for a statement that went well and counts no rows, so its result is an *aside*.
"""

import re
from typing import ClassVar, Final

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.native import STEPS, NativeTranslator, Part, severity_of
from recordkit.transcript.phrases import text_of
from recordkit.transcript.result_table import Look, ResultTable
from recordkit.transcript.segments import SegmentKind

_MESSAGE: Final = re.compile(r"Msg \d|Sqlcmd:")


class SQLServerTranslator(NativeTranslator):
    """
    The `Translator` of SQL Server sessions.
    """

    _steps: ClassVar = STEPS | {"db.session.sqlserver.rpc_request": "_rpc_request"}
    _look: ClassVar = Look(null="NULL", true="1", false="0")

    def _asked(self, event: Event, text: str) -> Part:
        self._asked_ns = self.delays.moment_ns
        lines = [*text.split("\n"), "go"]
        numbered = "".join(f"{number}> {line.rstrip()}\n" for number, line in enumerate(lines, 1))
        return Part(SegmentKind.STATEMENT, f"\n{numbered}", severity_of(event))

    def _result(self, event: Event) -> list[Part]:
        done = not phrases.failed(event) and event.get("affected_records") is None and event.get("rows") is None
        return [Part(SegmentKind.RESULT, "OK\n", aside=True)] if done else super()._result(event)

    def _answer(self, event: Event, table: ResultTable | None) -> str:
        count = event.get("affected_records")
        if table is None:
            return f"\n{_affected(count)}"
        return f"{table.sqlcmd()}\n{_affected(count if isinstance(count, int) else table.recorded)}"

    def _complaint(self, event: Event) -> str:
        text = phrases.status_text(event).removeprefix("mssql: ")
        return phrases.whole_lines(text if _MESSAGE.match(text) else f"Sqlcmd: Error: {text}")

    def _rpc_request(self, event: Event) -> list[Part]:
        parameters = phrases.parameters_of(event.get("parameters"))
        listed = ", ".join(f"@p{number} = {_literal(value)}" for number, value in enumerate(parameters, 1))
        procedure = text_of(event.get("proc_name")) or "(a procedure without a name)"
        return self._statement(event, f"exec {procedure} {listed}".rstrip(" "))


def _affected(count: object) -> str:
    return phrases.one_line(f"({text_of(count)} rows affected)")


def _literal(value: object) -> str:
    return f"N{phrases.sql_literal(value)}" if isinstance(value, str) else phrases.sql_literal(value)
