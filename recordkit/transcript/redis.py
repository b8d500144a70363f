"""
A Redis session in the look of redis-cli.

    cache.example.com:6379> LPUSH queue job-2
    (integer) 2

    cache.example.com:6379> SELECT 3
    OK

    cache.example.com:6379[3]> LRANGE queue 0 -1
    1) "job-1"
    2) "job-2"

A reply's values are recorded as rows: one row of one value is that value, several are a list, a row of
several values is a list within it. The database in the prompt is the one that `SELECT` chose.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.native import NativeTranslator, Part
from recordkit.transcript.phrases import text_of
from recordkit.transcript.result_table import ResultTable
from recordkit.transcript.segments import Delays, SegmentKind

MAX_REPLY_LINES: Final = 1000
MAX_REPLY_DEPTH: Final = 8
MAX_VALUE_CHARS: Final = 1000

_SELECT: Final = re.compile(r"SELECT\s+\"?0*(\d{1,9})\"?", re.IGNORECASE | re.ASCII)
_SPECIAL: Final = re.compile(r'[\x00-\x1f\x7f"\\]')
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\a": "\\a", "\b": "\\b", '"': '\\"', "\\": "\\\\"}


class RedisTranslator(NativeTranslator):
    """
    The `Translator` of Redis sessions.
    """

    def __init__(self, protocol: str | None = None, *, delays: Delays | None = None) -> None:
        super().__init__(protocol, delays=delays)
        self._database: str | None = None
        self._selecting: str | None = None
        """The database that the last command asked for; it is left where it was if the reply is an error."""

    def _lead(self, event: Event) -> str:
        address = text_of(event.get("db_uri")).rpartition("://")[2].rpartition("@")[2].partition("/")[0]
        name = text_of(event.get("db_name"))
        number = self._database or (name if name.isdecimal() else "0")
        return f"{address or 'redis'}{'' if number == '0' else f'[{number}]'}> "

    def _query(self, event: Event) -> list[Part]:
        self._select()
        said = super()._query(event)
        asked = _SELECT.fullmatch(text_of(event.get("db_query"))[:40].strip())
        if asked is not None and not phrases.failed(event):
            self._selecting = asked[1]
        return said

    def _query_parameters(self, event: Event) -> str:
        parameters = phrases.parameters_of(event.get("db_query_parameters"))
        return "".join(f" {_quoted(text_of(value))}" for value in parameters)

    def _result(self, event: Event) -> list[Part]:
        if phrases.failed(event):
            self._selecting = None
            return self._failure(event)
        self._select()
        rows = event.get("rows")
        if not isinstance(rows, list):
            return super()._result(event)
        lines = _replied(rows)
        if event.get("rows_truncated"):
            lines.append(f"({len(rows)} {'value' if len(rows) == 1 else 'values'} shown, more were not recorded)")
        return [Part(SegmentKind.RESULT, "".join(f"{line}\n" for line in lines))]

    def _answer(self, event: Event, table: ResultTable | None) -> str:
        count = event.get("affected_records")
        return "OK\n" if table is None and count is None else phrases.one_line(f"(integer) {text_of(count)}")

    def _complaint(self, event: Event) -> str:
        text = phrases.status_text(event)
        return phrases.whole_lines(text if text.startswith("(error)") else f"(error) {text}")

    def _select(self) -> None:
        if self._selecting is not None:
            self._database, self._selecting = self._selecting, None


def _replied(rows: list[Any]) -> list[str]:
    values = [row[0] if isinstance(row, list) and len(row) == 1 else row for row in rows[: MAX_REPLY_LINES + 1]]
    only = values[0] if len(values) == 1 and not isinstance(values[0], list) else values
    lines: list[str] = []
    for line in _lines(only, "", 0):
        if len(lines) == MAX_REPLY_LINES:
            return [*lines, "…"]
        lines.append(line)
    return lines


def _lines(value: Any, before: str, depth: int) -> Iterator[str]:
    """
    Yield the lines of a reply; *before* stands before the first, as many spaces before the others.
    """
    if not isinstance(value, list):
        yield before + _scalar(value)
    elif not value:
        yield f"{before}(empty array)"
    elif depth == MAX_REPLY_DEPTH:
        yield f"{before}({len(value)} values)"
    else:
        digits, indent = len(str(len(value))), " " * len(before)
        for number, member in enumerate(value, 1):
            yield from _lines(member, f"{before if number == 1 else indent}{number:>{digits}}) ", depth + 1)


def _scalar(value: Any) -> str:
    if value is None:
        return "(nil)"
    if isinstance(value, bool):
        return f"({'true' if value else 'false'})"
    if isinstance(value, int):
        return f"(integer) {phrases.json_text(value)}"
    return _quoted(value) if isinstance(value, str) else phrases.cut(phrases.json_text(value), MAX_VALUE_CHARS)


def _quoted(text: str) -> str:
    """
    Return text in double quotes, as redis-cli writes it.
    """
    return '"' + _SPECIAL.sub(_escaped, phrases.cut(text, MAX_VALUE_CHARS)) + '"'


def _escaped(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\x{ord(match[0]):02x}"
