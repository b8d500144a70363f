"""
A MySQL or MariaDB session in the look of the client.

    mysql> UPDATE customers SET email = ? WHERE id = ?
        -> -- EXECUTE stmt1 USING 'jo@example.com', '42'
    Query OK, 1 row affected (0.02 sec)

Commands of the protocol that are no SQL are shown as the SQL that does the same: `USE`, `KILL`,
`FLUSH`; where there is none, as a comment.

Statements are executed by number; which text a number stands for: `recordkit.transcript.statement_numbers`.
"""

import re
from typing import ClassVar, Final

from recordkit.events import Event
from recordkit.transcript import phrases
from recordkit.transcript.native import STEPS, NativeTranslator, Part
from recordkit.transcript.phrases import text_of
from recordkit.transcript.result_table import Look, ResultTable
from recordkit.transcript.segments import Delays
from recordkit.transcript.statement_numbers import LAST_PREPARED, StatementNumbers

# Statements that give rows, so that a count is of rows in the result.
ROW_VERBS: Final = frozenset({
    "SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "WITH", "TABLE", "VALUES", "CHECK", "ANALYZE", "OPTIMIZE",
    "REPAIR", "CHECKSUM", "HELP",
})  # fmt: skip

# Source: MySQL, COM_REFRESH; a flag has the number of its place here.
_REFRESHED: Final = {
    "GRANT": "FLUSH PRIVILEGES",
    "LOG": "FLUSH LOGS",
    "TABLES": "FLUSH TABLES",
    "HOSTS": "FLUSH HOSTS",
    "STATUS": "FLUSH STATUS",
    "THREADS": "FLUSH THREADS",
    "SLAVE": "RESET SLAVE",
    "MASTER": "RESET MASTER",
}
_PREPARES: Final = re.compile(r"PREPARE\s|EXECUTE\s+IMMEDIATE\s", re.IGNORECASE)
_ERROR: Final = re.compile(r"error (\d{1,6})(?: \((\w{5})\))?: ?", re.IGNORECASE | re.ASCII)
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)


class MySQLTranslator(NativeTranslator):
    """
    The `Translator` of MySQL sessions.
    """

    _steps: ClassVar = STEPS | {
        "db.session.mysql.statements.prepare": "_prepare",
        "db.session.mysql.statements.execute": "_execute",
        "db.session.mysql.statements.bulk_execute": "_bulk_execute",
        "db.session.mysql.statements.send_long_data": "_send_long_data",
        "db.session.mysql.statements.close": "_close",
        "db.session.mysql.statements.reset": "_reset",
        "db.session.mysql.statements.fetch": "_fetch",
        "db.session.mysql.init_db": "_init_db",
        "db.session.mysql.create_db": "_create_db",
        "db.session.mysql.drop_db": "_drop_db",
        "db.session.mysql.shut_down": "_shut_down",
        "db.session.mysql.process_kill": "_process_kill",
        "db.session.mysql.debug": "_debug",
        "db.session.mysql.refresh": "_refresh",
    }
    _look: ClassVar = Look(null="NULL", true="1", false="0")
    _decimals: ClassVar = 2

    def __init__(self, protocol: str | None = None, *, delays: Delays | None = None) -> None:
        super().__init__(protocol, delays=delays)
        self._statements = StatementNumbers()

    def _lead(self, _event: Event) -> str:
        return "mysql> "

    def _more(self, lead: str) -> str:
        return "-> ".rjust(min(len(lead), phrases.MAX_INDENT))

    def _answer(self, event: Event, table: ResultTable | None) -> str:
        return mysql_answer(event, table, verb=self._verb, elapsed=self._elapsed())

    def _elapsed(self) -> str:
        seconds = self._elapsed_s()
        return "" if seconds is None else f" ({nice_time(seconds, decimals=self._decimals)})"

    def _complaint(self, event: Event) -> str:
        return phrases.whole_lines(mysql_error(phrases.status_text(event)))

    # ------------------------------------------------------------ steps

    def _query(self, event: Event) -> list[Part]:
        text = text_of(event.get("db_query"))
        if _PREPARES.match(text.lstrip()[:100]):
            self._statements.count_one()
        else:
            self._statements.pass_on()
        return self._statement(event, text + self._query_parameters(event))

    def _prepare(self, event: Event) -> list[Part]:
        text = text_of(event.get("query"))
        number = self._statements.prepare(text, _number(event.get("statement_id")))
        name = "stmt" if number is None else f"stmt{number}"
        return self._noted(event, f"PREPARE {name} FROM {phrases.sql_literal(text)}")

    def _execute(self, event: Event) -> list[Part]:
        values = ", ".join(map(phrases.sql_literal, phrases.parameters_of(event.get("parameters"))))
        return self._run(event, f" USING {values}" if values else "")

    def _bulk_execute(self, event: Event) -> list[Part]:
        rows = phrases.parameters_of(event.get("parameters"))
        values = ", ".join(_row(row) for row in rows)
        return self._run(event, f" BULK USING {values}" if values else " BULK")

    def _run(self, event: Event, using: str) -> list[Part]:
        number = event.get("statement_id")
        text = self._statements.resolve(_number(number))
        command = f"EXECUTE {_stmt(number)}{using}"
        if text is None:
            return self._statement(event, command)
        return self._statement(event, f"{text.rstrip()}\n-- {command}")

    def _send_long_data(self, event: Event) -> list[Part]:
        stmt, parameter = _stmt(event.get("statement_id")), text_of(event.get("parameter_id"))
        return self._comment(event, f"{stmt}: {text_of(event.get('data_size'))} bytes sent for parameter {parameter}")

    def _close(self, event: Event) -> list[Part]:
        self._statements.close(_number(event.get("statement_id")))
        return self._noted(event, f"DEALLOCATE PREPARE {_stmt(event.get('statement_id'))}")

    def _reset(self, event: Event) -> list[Part]:
        return self._comment(event, f"{_stmt(event.get('statement_id'))}: reset")

    def _fetch(self, event: Event) -> list[Part]:
        count = event.get("rows_count")
        rows = "row" if phrases.is_one(count) else "rows"
        return self._comment(event, f"{_stmt(event.get('statement_id'))}: fetch {text_of(count)} {rows}")

    def _init_db(self, event: Event) -> list[Part]:
        return self._plain(event, f"USE {_identifier(event.get('schema_name'))}")

    def _create_db(self, event: Event) -> list[Part]:
        return self._plain(event, f"CREATE DATABASE {_identifier(event.get('schema_name'))}")

    def _drop_db(self, event: Event) -> list[Part]:
        return self._plain(event, f"DROP DATABASE {_identifier(event.get('schema_name'))}")

    def _shut_down(self, event: Event) -> list[Part]:
        return self._plain(event, "SHUTDOWN")

    def _process_kill(self, event: Event) -> list[Part]:
        return self._plain(event, f"KILL {text_of(event.get('process_id'))}")

    def _debug(self, event: Event) -> list[Part]:
        return self._plain(event, "-- COM_DEBUG: the server writes its state to its log")

    def _refresh(self, event: Event) -> list[Part]:
        return self._plain(event, _refreshed(event.get("subcommand")))

    def _gap(self, event: Event) -> list[Part]:
        self._statements.lose_count()
        return super()._gap(event)

    def _plain(self, event: Event, text: str) -> list[Part]:
        self._statements.pass_on()
        return self._statement(event, text)

    def _comment(self, event: Event, text: str) -> list[Part]:
        return self._noted(event, f"-- {text}")


class MariaDBTranslator(MySQLTranslator):
    """
    The `Translator` of MariaDB sessions: another prompt, times to the millisecond.
    """

    _decimals: ClassVar = 3

    def _lead(self, event: Event) -> str:
        return f"MariaDB [{text_of(event.get('db_name')) or '(none)'}]> "


def mysql_answer(event: Event, table: ResultTable | None, *, verb: str, elapsed: str) -> str:
    """
    Return what mysql prints for a result: a table and its count, or ``Query OK``; *elapsed* stands at the end.
    """
    count = event.get("affected_records")
    if table is not None:
        number = max(count, table.recorded) if isinstance(count, int) else table.recorded
        closing = f"{number} {'row' if number == 1 else 'rows'} in set" if number else "Empty set"
        return f"{table.boxed() if table.rows else ''}{closing}{elapsed}\n"
    if verb == "USE":
        return "Database changed\n"
    if count is None:
        return f"Query OK{elapsed}\n"
    rows = "row" if phrases.is_one(count) else "rows"
    if verb in ROW_VERBS:
        closing = "Empty set" if count == 0 else f"{text_of(count)} {rows} in set"
        return phrases.one_line(f"{closing}{elapsed}")
    return phrases.one_line(f"Query OK, {text_of(count)} {rows} affected{elapsed}")


def mysql_error(text: str) -> str:
    """
    Return an error as mysql prints it: ``ERROR 1146 (42S02): Table 'shop.x' doesn't exist``.
    """
    numbered = _ERROR.match(text[:100])
    if numbered is None:
        return text if text.startswith("ERROR") else f"ERROR: {text}"
    number, state = numbered.groups()
    return f"ERROR {number}{f' ({state})' if state else ''}: {text[numbered.end() :]}"


def nice_time(seconds: float, *, decimals: int = 2) -> str:
    """
    Return a duration as mysql prints it: ``0.02 sec``, ``1 min 2.50 sec``, ``2 hours 0 min 1.00 sec``.
    """
    text = ""
    for unit, length_s in (("day", 86400), ("hour", 3600), ("min", 60)):
        if seconds >= length_s:
            count, seconds = divmod(seconds, length_s)
            text += f"{count:.0f} {unit}{'s' if unit != 'min' and count > 1 else ''} "
    return f"{text}{seconds:.{decimals}f} sec"


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _stmt(number: object) -> str:
    return "the last statement prepared" if number == LAST_PREPARED else f"stmt{text_of(number)}"


def _row(row: object) -> str:
    if isinstance(row, list):
        return f"({', '.join(map(phrases.sql_literal, row))})"
    return phrases.sql_literal(row)


def _identifier(name: object) -> str:
    text = text_of(name)
    return text if _IDENTIFIER.fullmatch(text) else "`" + text.replace("`", "``") + "`"


def _refreshed(subcommand: object) -> str:
    text = text_of(subcommand)
    return _REFRESHED.get(text.upper().removeprefix("REFRESH_"), f"FLUSH {text}".rstrip())
