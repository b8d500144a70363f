r"""
Events as the person at the database saw them.

    >>> from recordkit import transcript
    >>> events = [{"event": "db.session.query", "db_protocol": "mysql", "db_query": "SELECT 1"}]
    >>> [segment.text for segment in transcript.translate(events)]
    ['\nmysql> SELECT 1\n']

One `Translator` a protocol, one file each; `for_protocol` chooses. A translator is fed the events
of one session from the first on, since a later statement may refer to an earlier one; or from where
a fork of another was taken.
"""

import copy
from collections.abc import Iterable, Iterator
from typing import Final, Self

from recordkit.events import Event
from recordkit.transcript.cassandra import CassandraTranslator
from recordkit.transcript.clickhouse import ClickHouseTranslator
from recordkit.transcript.cockroachdb import CockroachTranslator
from recordkit.transcript.dynamodb import DynamoDBTranslator
from recordkit.transcript.elasticsearch import ElasticsearchTranslator
from recordkit.transcript.generic import GenericTranslator
from recordkit.transcript.mongodb import MongoDBTranslator
from recordkit.transcript.mysql import MariaDBTranslator, MySQLTranslator
from recordkit.transcript.native import NativeTranslator
from recordkit.transcript.oracle import OracleTranslator
from recordkit.transcript.postgres import PostgresTranslator
from recordkit.transcript.redis import RedisTranslator
from recordkit.transcript.segments import Delays, Segment, SegmentKind, Severity, Translator
from recordkit.transcript.snowflake import SnowflakeTranslator
from recordkit.transcript.spanner import SpannerTranslator
from recordkit.transcript.sqlserver import SQLServerTranslator

__all__ = ["Segment", "SegmentKind", "SessionTranslator", "Severity", "Translator", "for_protocol", "translate"]

_TRANSLATORS: Final[dict[str, type[NativeTranslator]]] = {
    "cassandra": CassandraTranslator,
    "clickhouse": ClickHouseTranslator,
    "clickhouse-http": ClickHouseTranslator,
    "cockroachdb": CockroachTranslator,
    "dynamodb": DynamoDBTranslator,
    "elasticsearch": ElasticsearchTranslator,
    "mariadb": MariaDBTranslator,
    "mongodb": MongoDBTranslator,
    "mysql": MySQLTranslator,
    "opensearch": ElasticsearchTranslator,
    "oracle": OracleTranslator,
    "postgres": PostgresTranslator,
    "redis": RedisTranslator,
    "snowflake": SnowflakeTranslator,
    "spanner": SpannerTranslator,
    "sqlserver": SQLServerTranslator,
}


def for_protocol(db_protocol: str | None, *, delays: Delays | None = None) -> NativeTranslator:
    """
    Return a new translator for sessions of *db_protocol*; the generic one where it has none of its own.
    """
    return _TRANSLATORS.get(db_protocol or "", GenericTranslator)(db_protocol, delays=delays)


class SessionTranslator:
    """
    The `Translator` that finds out by itself which protocol the session speaks.

    `db.session.start` decides; before it, or without it, the first event that names a protocol.
    """

    def __init__(self) -> None:
        self._translator = for_protocol(None)

    def feed(self, event: Event) -> list[Segment]:
        """
        See `Translator.feed`.
        """
        protocol, now = event.get("db_protocol"), self._translator.protocol
        undecided = now is None or event.get("event") == "db.session.start"
        if undecided and protocol != now and isinstance(protocol, str):
            self._translator = for_protocol(protocol, delays=self._translator.delays)
        return self._translator.feed(event)

    def fork(self) -> Self:
        """
        See `Translator.fork`.
        """
        made = copy.copy(self)
        made._translator = self._translator.fork()  # noqa: SLF001
        return made


def translate(events: Iterable[Event]) -> Iterator[Segment]:
    """
    Yield the transcript of one session's *events*, given from the first on.
    """
    translator = SessionTranslator()
    for event in events:
        yield from translator.feed(event)
