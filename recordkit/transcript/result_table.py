"""
Result rows as the native clients print them, where a recording holds rows.

A `ResultTable` is a result made ready to draw: names, cells as the lines they take, which columns
stand to the right. Its methods draw it, each named for the look. Widths are those on the screen, so
cells are made safe (`safe_line`) before they are measured.

Bounded whatever the event holds: so many rows and columns, so wide a cell, so many lines of one, and an
area for the whole; what is cut is marked, and rows that are not shown are counted. The whole result is
in the event.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from recordkit.events import Event
from recordkit.transcript.phrases import json_text
from recordkit.transcript.shown_chars import cut_to_width, display_width, safe_line

MAX_COLUMNS: Final = 60
"""As many as a person reads across."""

MAX_CELL_WIDTH: Final = 80
"""Columns on the screen: a terminal's usual width."""

MAX_CELL_LINES: Final = 20

MAX_ROWS: Final = 1000

MAX_AREA: Final = 512 * 1024
"""Characters of the whole table."""

# Types whose values clients align to the right, by the names that PostgreSQL, MySQL, SQL Server, … use.
_NUMERIC: Final = frozenset({
    "int", "integer", "bigint", "smallint", "tinyint", "mediumint", "uint", "varint", "counter", "oid", "serial",
    "bigserial", "smallserial", "float", "double", "real", "numeric", "decimal", "dec", "fixed", "number", "money",
    "smallmoney",
})  # fmt: skip

Cell = list[str]  # the lines of one value, safe and cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    How a client writes the values that differ.

    Attributes:
        null: For NULL.
        true: For the JSON value; databases that send text write their own.
        false: The same.
    """

    null: str = "NULL"
    true: str = "true"
    false: str = "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultTable:
    """
    A result's rows, ready to draw.

    Attributes:
        names: The columns' names.
        rows: Cells by row, as many in each as there are names.
        right: By column: whether its values stand to the right.
        widths: By column: columns on the screen that name and values need.
        recorded: How many rows the event holds.
        note: The line, if any, that says what is not shown.
    """

    names: list[str]
    rows: list[list[Cell]]
    right: list[bool]
    widths: list[int]
    recorded: int
    note: str

    def psql(self) -> str:
        """
        Return the table as psql's aligned format draws it, names centred, ``+`` where a value goes on.
        """
        head = [_centred(name, width) for name, width in zip(self.names, self.widths, strict=True)]
        lines = [" " + " | ".join(head) + " ", "+".join("-" * (width + 2) for width in self.widths)]
        last = len(self.names) - 1
        for row in self.rows:
            for at, line in _physical(row):
                text = ""
                for column, value in enumerate(line):
                    padded = self._padded(value, column)
                    more = at + 1 < len(row[column])
                    if column == last and not more:
                        text += f" {padded if self.right[column] and at < len(row[column]) else value}"
                    else:
                        text += f" {padded}{'+' if more else ' '}" + ("" if column == last else "|")
                lines.append(text)
        return self._joined(lines)

    def boxed(self) -> str:
        """
        Return the table as mysql draws it: a box of ``+---+``.
        """
        rule = "+" + "+".join("-" * (width + 2) for width in self.widths) + "+"
        return self._joined([rule, self._barred(self.names), rule, *self._barred_rows(), rule])

    def snowsql(self) -> str:
        """
        Return the table as snowsql draws it: as mysql, but the rule under the names ends in bars.
        """
        rule = "+".join("-" * (width + 2) for width in self.widths)
        return self._joined([f"+{rule}+", self._barred(self.names), f"|{rule}|", *self._barred_rows(), f"+{rule}+"])

    def sqlcmd(self) -> str:
        """
        Return the table as sqlcmd draws it: names, a dashed line under each, values.
        """
        names = " ".join(_left(name, width) for name, width in zip(self.names, self.widths, strict=True))
        rule = " ".join("-" * width for width in self.widths)
        return self._joined([names.rstrip(" "), rule, *self._plain_rows()])

    def sqlplus(self) -> str:
        """
        Return the table as SQL*Plus draws it: as sqlcmd, with the names of numbers to the right.
        """
        names = " ".join(self._padded(name, column) for column, name in enumerate(self.names))
        rule = " ".join("-" * width for width in self.widths)
        return self._joined([names.rstrip(" "), rule, *self._plain_rows()])

    def cqlsh(self) -> str:
        """
        Return the table as cqlsh draws it: names to the left, all values to the right.
        """
        head = " | ".join(_left(name, width) for name, width in zip(self.names, self.widths, strict=True))
        lines = [" " + head.rstrip(" "), "+".join("-" * (width + 2) for width in self.widths)]
        for row in self.rows:
            for _, line in _physical(row):
                lines.append(" " + " | ".join(_right(value, self.widths[at]) for at, value in enumerate(line)))
        return self._joined(lines)

    def clickhouse(self) -> str:
        """
        Return the table as clickhouse-client draws it: numbered rows in a frame that holds the names.
        """
        digits = len(str(len(self.rows)))
        indent = " " * (digits + 2)
        tops = []
        for column, name in enumerate(self.names):
            dashes = "─" * (self.widths[column] - display_width(name))
            tops.append(f"─{dashes}{name}─" if self.right[column] else f"─{name}{dashes}─")
        lines = [f"{indent}┌{'┬'.join(tops)}┐"]
        for number, row in enumerate(self.rows, 1):
            for at, line in _physical(row):
                lead = f"{number:>{digits}}. " if at == 0 else indent
                lines.append(f"{lead}│ " + " │ ".join(self._padded(v, column) for column, v in enumerate(line)) + " │")
        lines.append(f"{indent}└{'┴'.join('─' * (width + 2) for width in self.widths)}┘")
        return self._joined(lines)

    def ruled(self) -> str:
        """
        Return the table in the plain form of protocols without a look of their own.
        """
        names = " | ".join(self._padded(name, column) for column, name in enumerate(self.names))
        lines = [names.rstrip(" "), "-+-".join("-" * width for width in self.widths)]
        for row in self.rows:
            for _, line in _physical(row):
                lines.append(" | ".join(self._padded(value, at) for at, value in enumerate(line)).rstrip(" "))
        return self._joined(lines)

    def _padded(self, value: str, column: int) -> str:
        return (_right if self.right[column] else _left)(value, self.widths[column])

    def _barred(self, line: list[str]) -> str:
        return "| " + " | ".join(_left(value, self.widths[column]) for column, value in enumerate(line)) + " |"

    def _barred_rows(self) -> Iterator[str]:
        for row in self.rows:
            for _, line in _physical(row):
                yield "| " + " | ".join(self._padded(value, column) for column, value in enumerate(line)) + " |"

    def _plain_rows(self) -> Iterator[str]:
        for row in self.rows:
            for _, line in _physical(row):
                yield " ".join(self._padded(value, column) for column, value in enumerate(line)).rstrip(" ")

    def _joined(self, lines: list[str]) -> str:
        shown = lines if self.names else []
        return "".join(f"{line}\n" for line in [*shown, *([self.note] if self.note else [])])


def result_table(event: Event, look: Look) -> ResultTable | None:
    """
    Return what *event* holds of a result's rows; None if rows were not recorded.
    """
    rows, columns = event.get("rows"), event.get("columns")
    if not isinstance(rows, list):
        return None
    described = columns[: MAX_COLUMNS + 1] if isinstance(columns, list) else []
    values = [_values(row) for row in rows[:MAX_ROWS]]
    count = max([len(described), *map(len, values)])
    names = [_name(described, column) for column in range(min(count, MAX_COLUMNS))]
    if count > MAX_COLUMNS:
        names[-1] = "…"
    drawn = _drawn(values, len(names), look, cut=count > MAX_COLUMNS)
    widths = [max(display_width(name), 1) for name in names]
    for row in drawn:
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], *map(display_width, cell))
    fitting = _fitting(drawn, sum(widths) + 3 * len(widths) + 1)
    right = [_is_numeric(described, values[:fitting], column) for column in range(len(names))]
    note = _note(fitting, len(rows), truncated=bool(event.get("rows_truncated")))
    return ResultTable(names=names, rows=drawn[:fitting], right=right, widths=widths, recorded=len(rows), note=note)


def _values(row: object) -> list[Any]:
    if isinstance(row, dict):
        row = list(row.values())
    return row[: MAX_COLUMNS + 1] if isinstance(row, list) else [row]


def _name(described: list[Any], column: int) -> str:
    if column >= len(described):
        return str(column + 1)
    name = described[column]
    if isinstance(name, dict):
        name = name.get("name")
    elif isinstance(name, list) and name:
        name = name[0]
    return _cut(name if isinstance(name, str) else "" if name is None else json_text(name))


def _drawn(values: list[list[Any]], columns: int, look: Look, *, cut: bool) -> list[list[Cell]]:
    drawn: list[list[Cell]] = []
    area = 0
    for row in values:
        cells = [_cell(row[column], look) if column < len(row) else [""] for column in range(columns)]
        if cut:
            cells[-1] = ["…"]
        drawn.append(cells)
        area += max(map(len, cells), default=1) * 3 * columns  # at the least, whatever the widths will be
        if area > MAX_AREA:
            break
    return drawn


def _fitting(drawn: list[list[Cell]], width: int) -> int:
    """
    Return how many of the rows stay within the area, at least one.
    """
    area = 0
    for number, row in enumerate(drawn):
        area += max(map(len, row), default=1) * width
        if area > MAX_AREA and number:
            return number
    return len(drawn)


def _note(shown: int, recorded: int, *, truncated: bool) -> str:
    if shown < recorded:
        more = ", and more were not recorded" if truncated else ""
        return f"({shown} of {recorded} recorded rows shown{more})"
    return f"({shown} {'row' if shown == 1 else 'rows'} shown, more were not recorded)" if truncated else ""


def _cell(value: Any, look: Look) -> Cell:
    if value is None:
        return [look.null]
    if isinstance(value, bool):
        return [look.true if value else look.false]
    if not isinstance(value, str):
        return [_cut(json_text(value))]
    lines = value.split("\n", MAX_CELL_LINES)
    cell = [_cut(line.removesuffix("\r")) for line in lines[:MAX_CELL_LINES]]
    return [*cell, "…"] if len(lines) > MAX_CELL_LINES else cell


def _cut(text: str) -> str:
    # escapes only grow a text, so what is cut here would be cut below; combining characters are few
    near = text[: 4 * MAX_CELL_WIDTH + 1]
    safe = cut_to_width(safe_line(near), MAX_CELL_WIDTH)
    return safe if len(near) == len(text) or safe.endswith("…") else f"{safe}…"


def _is_numeric(described: list[Any], values: list[list[Any]], column: int) -> bool:
    if column < len(described):
        kind = described[column]
        kind = kind.get("type") if isinstance(kind, dict) else kind[1] if isinstance(kind, list) and kind[1:] else None
        if isinstance(kind, str) and kind:
            return _is_numeric_type(kind[:100])
    found = [row[column] for row in values if column < len(row) and row[column] is not None]
    return bool(found) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in found)


def _is_numeric_type(kind: str) -> bool:
    # int4, INT(11), bigint unsigned, Nullable(UInt64), float8, numeric(10,2), LowCardinality(Int8); not interval, point
    name = kind.lower()
    for wrapper in ("lowcardinality(", "nullable("):
        name = name.removeprefix(wrapper)
    word = name
    for at, char in enumerate(name):
        if not char.isalpha():
            word = name[:at]
            break
    return word in _NUMERIC and "[" not in kind


def _physical(row: list[Cell]) -> Iterator[tuple[int, list[str]]]:
    """
    Yield the lines that a row takes on the screen, numbered from 0; a value that has ended is empty there.
    """
    for at in range(max(map(len, row), default=1)):
        yield at, [cell[at] if at < len(cell) else "" for cell in row]


def _left(value: str, width: int) -> str:
    return value + " " * (width - display_width(value))


def _right(value: str, width: int) -> str:
    return " " * (width - display_width(value)) + value


def _centred(value: str, width: int) -> str:
    left = (width - display_width(value)) // 2
    return " " * left + value + " " * (width - display_width(value) - left)
