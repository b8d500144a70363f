"""
A Spanner session: the calls that carry SQL in the look of spanner-cli, with the call and its parameters as a comment.

    spanner> SELECT Name FROM Singers WHERE Id = @id
          -> -- ExecuteStreamingSql, @id = "7"

A call without SQL is shown by its name and arguments.
"""

from typing import ClassVar, Final

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.document_text import JSON_STYLE, document_lines
from recordkit.transcript.mysql import mysql_answer, nice_time
from recordkit.transcript.native import STEPS, NativeTranslator, Part
from recordkit.transcript.phrases import text_of
from recordkit.transcript.result_table import ResultTable

# What a call says about itself and not about what it does in the database.
_PLUMBING: Final = {"session", "database", "sql", "params", "param_types", "paramTypes", "statements", "seqno"}


class SpannerTranslator(NativeTranslator):
    """
    The `Translator` of Spanner sessions.
    """

    _steps: ClassVar = STEPS | {"db.session.spanner.rpc": "_rpc"}

    def _lead(self, _event: Event) -> str:
        return "spanner> "

    def _more(self, lead: str) -> str:
        return "-> ".rjust(len(lead))

    def _rpc(self, event: Event) -> list[Part]:
        call, args = text_of(event.get("procedure")).rpartition("/")[2] or "call", event.get("args")
        if not isinstance(args, dict):
            return self._statement(event, f"-- {call} {text_of(args)}".rstrip())
        batch = args.get("statements")
        statements = [one for one in batch if isinstance(one, dict)] if isinstance(batch, list) else []
        asked = [one for one in [args, *statements] if isinstance(one.get("sql"), str)]
        if not asked:
            return self._statement(event, "\n".join(_without_sql(call, args)))
        texts = [one["sql"].rstrip() + (";" if len(asked) > 1 else "") for one in asked]
        remarks = [f"-- {call}", *(_parameters(one) for one in asked)]
        return self._statement(event, "\n".join([*texts, ", ".join(filter(None, remarks))]))

    def _answer(self, event: Event, table: ResultTable | None) -> str:
        seconds = self._elapsed_s()
        elapsed = "" if seconds is None else f" ({nice_time(seconds)})"
        return mysql_answer(event, table, verb=self._verb, elapsed=elapsed)


def _without_sql(call: str, args: Event) -> list[str]:
    more = {name: value for name, value in args.items() if name not in _PLUMBING}
    if not more:
        return [f"-- {call}"]
    first, *rest = document_lines(more, JSON_STYLE)
    return [f"-- {call} {first}", *(f"-- {line}" for line in rest)]


def _parameters(args: Event) -> str:
    params = args.get("params")
    if not isinstance(params, dict):
        return text_of(params)
    return ", ".join(f"@{name} = {phrases.json_text(value)}" for name, value in params.items())
