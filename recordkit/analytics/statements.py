"""
From an event to the statement as the person meant it.

What a statement is depends on its kind of event: text, an execution of a text that was prepared before, a
command without a text, a request. Each becomes a `Statement`; commands of MySQL become the SQL that does the
same. Only kinds whose role is QUERY give statements; the others may prepare what a later one executes.
"""

import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import orjson

from recordkit.analytics.prepared import Prepared
from recordkit.events import Event
from recordkit.sql.names import quoted_name

Parameters = list[str | None] | int | None
"""Of a statement; None if it has none; a number is the row where they are in the block of events at hand."""


class Statement(NamedTuple):
    """
    What was run.

    Attributes:
        text: None if it is not known.
        parameters: See `Parameters`.
        prepared_name: Of a prepared statement; else None.
        resolved: False if the text is not known or in doubt.
        failed: Whether its own event tells how it went: True or False; None if a result does.
    """

    text: str | None
    parameters: Parameters = None
    prepared_name: str | None = None
    resolved: bool = True
    failed: bool | None = None


MAX_PORTALS: Final = 10_000
"""Of one session; nobody has so many open."""

PLAIN: Final = Statement(None)
"""Stands for a query that is what ``db_query`` of its event says, without anything else; most are."""


_UNKNOWN: Final = Statement(None, resolved=False)
_statement_of: Final = partial(tuple.__new__, Statement)  # a third of the time


class Statements:
    """
    Follows one session's events and tells the statements in them.
    """

    def __init__(self) -> None:
        self._prepared = Prepared()
        self._portals: dict[str, Statement] = {}
        self._count = 0  # of statements that MySQL has numbered
        self._counts = True  # whether that is sure
        self.protocol: str | None = None
        self.kinds: dict[str, Callable[[Event], Statement | None]] = {
            "db.session.query": self._query,
            "db.session.query.failed": self._query,
            "db.session.postgres.statements.parse": self._parse,
            "db.session.postgres.statements.bind": self._bind,
            "db.session.postgres.statements.execute": self._execute,
            "db.session.postgres.function": self._function,
            "db.session.mysql.statements.prepare": self._mysql_prepare,
            "db.session.mysql.statements.execute": self._mysql_execute,
            "db.session.mysql.statements.bulk_execute": self._mysql_execute,
            "db.session.mysql.init_db": lambda event: _schema("USE ", event),
            "db.session.mysql.create_db": lambda event: _schema("CREATE DATABASE ", event),
            "db.session.mysql.drop_db": lambda event: _schema("DROP DATABASE ", event),
            "db.session.mysql.shut_down": lambda _: Statement("SHUTDOWN"),
            "db.session.mysql.process_kill": lambda event: Statement(f"KILL {text_of(event.get('process_id'))}"),
            "db.session.mysql.debug": lambda _: Statement("DEBUG"),
            "db.session.mysql.refresh": lambda event: Statement(f"FLUSH {text_of(event.get('subcommand'))}".rstrip()),
            "db.session.sqlserver.rpc_request": _remote_call,
            "db.session.cassandra.prepare": self._cassandra_prepare,
            "db.session.cassandra.execute": self._cassandra_execute,
            "db.session.cassandra.batch": self._cassandra_batch,
            "db.session.elasticsearch.request": _search_request,
            "db.session.opensearch.request": _search_request,
            "db.session.dynamodb.request": _dynamodb_request,
            "db.session.spanner.rpc": _spanner_call,
        }
        """Kinds that matter, with what each becomes; None for those that only prepare."""

    def gap(self) -> None:
        """
        Events are missing here: what was prepared is in doubt, what was bound is not known.
        """
        self._prepared.gap()
        self._prepared.forget("")
        self._portals.clear()
        self._counts = False

    def _query(self, event: Event) -> Statement:
        text = event.get("db_query")
        failed = True if event.get("success") is False or event["event"] == "db.session.query.failed" else None
        parameters = event.get("db_query_parameters")
        if parameters is None and failed is None and type(text) is str and self.protocol != "mysql":
            return PLAIN
        if type(text) is not str:
            text = None
        elif text[:7].lower() == "prepare" and event.get("db_protocol", self.protocol) == "mysql":
            self._count += 1  # it takes a number, too
        return Statement(text, texts_of(parameters), None, True, failed)

    def parse(self, name: str, text: Any) -> None:
        """
        PostgreSQL's statement *name* was prepared.
        """
        self._prepared.put(name, text)

    def bind(self, portal: str, name: str, parameters: Parameters) -> None:
        """
        PostgreSQL's *portal* was made of the statement *name*.
        """
        text, sure = self._prepared.get(name)
        if len(self._portals) >= MAX_PORTALS:
            self._portals.clear()
        self._portals[portal] = _statement_of((text, parameters, name, sure, None))

    def execute(self, portal: str) -> Statement:
        """
        Return what is executed with PostgreSQL's *portal*.
        """
        return self._portals.get(portal) or _UNKNOWN

    def prepared(self, name: str) -> tuple[str | None, bool]:
        """
        Return the text of PostgreSQL's statement *name*, and whether it is beyond doubt; see `Prepared.get`.
        """
        return self._prepared.get(name)

    def hold(self, portal: str, statement: Statement) -> None:
        """
        PostgreSQL's *portal* stands for *statement* now.
        """
        self._portals[portal] = statement

    def has_room(self, names: int, chars: int, portals: int) -> bool:
        """
        Whether so many can be prepared and bound, with so long texts, without anything being forgotten.
        """
        return self._prepared.has_room(names, chars) and len(self._portals) + portals < MAX_PORTALS

    def leave(self, parameters_at: Callable[[list[int]], list[list[str | None]]]) -> None:
        """
        The block of events is left: get what bound portals have in it.

        Args:
            parameters_at: Gives the parameters in some of its rows.
        """
        held = {portal: bound.parameters for portal, bound in self._portals.items() if type(bound.parameters) is int}
        for portal, parameters in zip(held, parameters_at(list(held.values())), strict=True):
            self._portals[portal] = self._portals[portal]._replace(parameters=parameters)

    def _parse(self, event: Event) -> None:
        self.parse(text_of(event.get("statement_name")), event.get("query"))

    def _bind(self, event: Event) -> None:
        parameters = texts_of(event.get("parameters"))
        self.bind(text_of(event.get("portal_name")), text_of(event.get("statement_name")), parameters)

    def _execute(self, event: Event) -> Statement:
        return self.execute(text_of(event.get("portal_name")))

    def _function(self, event: Event) -> Statement:
        return Statement(f"FUNCTION {text_of(event.get('function_oid'))}", texts_of(event.get("function_args")))

    def _mysql_prepare(self, event: Event) -> None:
        given = event.get("statement_id")
        self._count += 1
        if type(given) is int:
            self._prepared.put(given, event.get("query"))
        elif self._counts:
            # The event has no number. The server counts a connection's statements from 1, and so do we.
            self._prepared.put(self._count, event.get("query"))

    def _mysql_execute(self, event: Event) -> Statement:
        number = event.get("statement_id")
        parameters = texts_of(event.get("parameters"))
        text, sure = self._prepared.get(number) if type(number) is int else (None, False)
        if text is not None and event["event"].endswith(".execute") and _marks(text) != len(parameters or ()):
            text = None  # another count than the server's: some were numbered that we did not see
        return Statement(text, parameters, text_of(number), sure and text is not None)

    def _cassandra_prepare(self, event: Event) -> None:
        text = event.get("query")
        if type(text) is str:
            for name in cassandra_ids(text, text_of(event.get("keyspace"))):
                self._prepared.put(name, text)

    def _cassandra_execute(self, event: Event) -> Statement:
        name = text_of(event.get("query_id"))
        text, _ = self._prepared.get(_plain_id(name))
        return Statement(text, None, name, text is not None)  # the id is made of the text: no gap leaves it in doubt

    def _cassandra_batch(self, event: Event) -> Statement:
        children = event.get("children")
        lines: list[str] = []
        values: list[Any] = []
        resolved = True
        for child in children if type(children) is list else ():
            if type(child) is not dict:
                continue
            text = child.get("query")
            if type(text) is not str or not text:
                text, _ = self._prepared.get(_plain_id(text_of(child.get("id"))))
                resolved = resolved and text is not None
            lines.append(f"{(text or '?').rstrip().rstrip(';')};")
            own = child.get("values")
            values += own if type(own) is list else ()
        batch_type = text_of(event.get("batch_type")).upper()
        kind = f"{batch_type} " if batch_type in {"UNLOGGED", "COUNTER"} else ""
        text = "\n".join([f"BEGIN {kind}BATCH", *lines, "APPLY BATCH;"])
        return Statement(text, texts_of([_contents(value) for value in values]), None, resolved)


def text_of(value: Any) -> str:
    """
    Return *value* if it is text, nothing for null, else its JSON.
    """
    if type(value) is str:
        return value
    return "" if value is None else _json(value)


def texts_of(values: Any) -> list[str | None] | None:
    """
    Return a list of parameters as texts and nulls; None if there are none.
    """
    if not values:
        return None
    if type(values) is not list:
        values = [values]
    for value in values:
        if type(value) is not str and value is not None:
            return [one if one is None or type(one) is str else _json(one) for one in values]
    return values  # type: ignore[no-any-return]  # each was looked at


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except (orjson.JSONEncodeError, RecursionError):
        return "(too deep to show)"


def _marks(text: str) -> int:
    """
    Return how many parameters a statement of MySQL has.
    """
    from recordkit.sql.tokens import placeholders

    return placeholders(text, "mysql")


def _schema(verb: str, event: Event) -> Statement:
    return Statement(verb + quoted_name(text_of(event.get("schema_name")), "`"))


def _remote_call(event: Event) -> Statement:
    """
    Return the SQL that sp_executesql was given, else the call.
    """
    name = text_of(event.get("proc_name"))
    parameters = texts_of(event.get("parameters"))
    if name.lower().rpartition(".")[2] == "sp_executesql" and parameters and parameters[0] is not None:
        return Statement(parameters[0], parameters[1:] or None, name)
    return Statement(f"EXEC {name}".rstrip(), parameters)


def cassandra_ids(text: str, keyspace: str) -> list[str]:
    """
    Return the ids, in hexadecimal, by which Cassandra may know a prepared statement: MD5 of keyspace and text.
    """
    from hashlib import md5

    found = {md5((space + text).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
             for space in ("", keyspace)}  # fmt: skip
    return sorted(found)


def _plain_id(name: str) -> str:
    """
    Return an id in lower-case hexadecimal, from that or base64.
    """
    bare = name.lower().removeprefix("0x")
    if len(name) == 24 and name.endswith("=="):
        try:
            return base64.b64decode(name, validate=True).hex()
        except (binascii.Error, ValueError):
            return bare
    return bare


def _contents(value: Any) -> Any:
    return value.get("contents") if type(value) is dict and set(value) <= {"type", "contents"} else value


def _request_failed(event: Event) -> bool | None:
    if event.get("success") is False:
        return True
    status = event.get("status_code")
    if type(status) is int and status:
        return status >= 400
    code = event.get("code")
    return True if type(code) is str and code.endswith("E") else None


def _search_request(event: Event) -> Statement:
    """
    Return a request line, with the body below it if that is text.
    """
    path, query = text_of(event.get("path")), text_of(event.get("raw_query"))
    line = f"{text_of(event.get('method'))} {path}{'?' if query else ''}{query}".strip()
    body = event.get("body")
    if type(body) is str and body:
        try:
            line += "\n" + base64.b64decode(body, validate=True).decode()
        except (binascii.Error, ValueError):
            line += "\n" + body
    return Statement(line, failed=_request_failed(event))


def _dynamodb_request(event: Event) -> Statement:
    """
    Return the operation, with the body below it.
    """
    operation = text_of(event.get("target")).rpartition(".")[2]
    operation = operation or f"{text_of(event.get('method'))} {text_of(event.get('path'))}".strip()
    body = event.get("body")
    return Statement(operation + (f" {text_of(body)}" if body else ""), failed=_request_failed(event))


def _spanner_call(event: Event) -> Statement:
    """
    Return the SQL of a call that has one, else the call with its arguments.
    """
    procedure = text_of(event.get("procedure")).rpartition("/")[2]  # also as /package.Service/Procedure
    arguments = event.get("args")
    success = event.get("success")
    failed = None if type(success) is not bool else not success
    if type(arguments) is dict:
        sql = arguments.get("sql")
        if type(sql) is str:
            parameters = arguments.get("params")
            values = list(parameters.values()) if type(parameters) is dict else parameters
            return Statement(sql, texts_of(values), failed=failed)
    return Statement(f"{procedure}{f' {text_of(arguments)}' if arguments else ''}".strip(), failed=failed)


STATEMENT_KINDS: Final = frozenset(Statements().kinds)

STATEMENT_FIELDS: Final = (
    "event", "db_protocol", "db_query", "db_query_parameters", "success", "error", "message", "code",
    "statement_name", "portal_name", "query", "parameters", "function_oid", "function_args",
    "statement_id", "schema_name", "process_id", "subcommand", "proc_name",
    "keyspace", "query_id", "batch_type", "children",
    "path", "raw_query", "method", "body", "target", "status_code", "procedure", "args",
)  # fmt: skip
"""Fields that these kinds are read for."""
