"""
Which events change something: data, schema or rights.

Statements are told apart by `recordkit.sql.classes`, by their words; the rest by the name of the call or
the HTTP method. What can't be told is taken for no change, but for procedures called by name: what they do
their name does not say, so they count.
"""

import re
from typing import Final

from recordkit.events import Event
from recordkit.sql.classes import StatementClass, statement_class
from recordkit.transcript.phrases import text_of
from recordkit.transcript.segments import Segment
from recordkit.transcript.statement import statement_of

_CHANGES: Final = frozenset({StatementClass.WRITE, StatementClass.DDL, StatementClass.DCL})
_KINDS: Final = frozenset(
    {
        "db.session.mysql.create_db",
        "db.session.mysql.drop_db",
        "db.session.sqlserver.rpc_request",
        "db.session.cassandra.batch",
    }
)
_HTTP: Final = ("db.session.elasticsearch.request", "db.session.opensearch.request")
_HTTP_READS: Final = re.compile(
    r"/_(?:search|msearch|count|mget|cat|cluster|nodes|field_caps|validate|explain|sql|analyze|render)\b"
)
_DYNAMODB: Final = re.compile(r"\.(?:Put|Update|Delete|BatchWrite|TransactWrite|Create|Restore|Execute)\w*\Z")


def changes(event: Event, segments: tuple[Segment, ...] = ()) -> bool:
    """
    Tell whether *event* changes data, schema or rights.

    Args:
        event: What was recorded.
        segments: What the transcript says of it: there the text of a prepared statement stands.
    """
    kind, query = event.get("event"), event.get("db_query")
    if kind in _KINDS:
        return True
    if kind in _HTTP:
        method, path = text_of(event.get("method")), text_of(event.get("path"))
        return method in ("PUT", "DELETE", "PATCH") or (method == "POST" and _HTTP_READS.search(path) is None)
    if kind == "db.session.dynamodb.request":
        return _DYNAMODB.search(text_of(event.get("target"))) is not None
    if kind == "db.session.spanner.rpc":
        args = event.get("args")
        query = args.get("sql") if isinstance(args, dict) else None
        if event.get("procedure") == "Commit":
            return True
    text = query if isinstance(query, str) else statement_of(event, segments).text
    protocol = event.get("db_protocol")
    return bool(text) and statement_class(text, protocol if isinstance(protocol, str) else None) in _CHANGES
