r"""
Events as the person at the database saw them.

    >>> from recordkit import transcript
    >>> events = [{"event": "db.session.query", "db_protocol": "mysql", "db_query": "SELECT 1"}]
    >>> [segment.text for segment in transcript.translate(events)]
    ['\nmysql> SELECT 1\n']

One `Translator` a protocol, one file each; `for_protocol` chooses, and loads that one alone. A translator
is fed the events of one session from the first on, since a later statement may refer to an earlier one;
or from where a fork of another was taken.
"""

import copy
import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, Self

from recordkit.lazy_names import on_first_use

if TYPE_CHECKING:
    from recordkit.events import Event
    from recordkit.transcript.native import NativeTranslator
    from recordkit.transcript.segments import Delays, Segment, SegmentKind, Severity, Translator

__all__ = ["Segment", "SegmentKind", "SessionTranslator", "Severity", "Translator", "for_protocol", "translate"]

_TRANSLATORS: Final[Mapping[str, tuple[str, str]]] = {
    "cassandra": ("cassandra", "CassandraTranslator"),
    "clickhouse": ("clickhouse", "ClickHouseTranslator"),
    "clickhouse-http": ("clickhouse", "ClickHouseTranslator"),
    "cockroachdb": ("cockroachdb", "CockroachTranslator"),
    "dynamodb": ("dynamodb", "DynamoDBTranslator"),
    "elasticsearch": ("elasticsearch", "ElasticsearchTranslator"),
    "mariadb": ("mysql", "MariaDBTranslator"),
    "mongodb": ("mongodb", "MongoDBTranslator"),
    "mysql": ("mysql", "MySQLTranslator"),
    "opensearch": ("elasticsearch", "ElasticsearchTranslator"),
    "oracle": ("oracle", "OracleTranslator"),
    "postgres": ("postgres", "PostgresTranslator"),
    "redis": ("redis", "RedisTranslator"),
    "snowflake": ("snowflake", "SnowflakeTranslator"),
    "spanner": ("spanner", "SpannerTranslator"),
    "sqlserver": ("sqlserver", "SQLServerTranslator"),
}
_GENERIC: Final = ("generic", "GenericTranslator")
_HOMES: Final = dict.fromkeys(("Segment", "SegmentKind", "Severity", "Translator"), "segments")
__getattr__, __dir__ = on_first_use(__name__, _HOMES)


def for_protocol(db_protocol: str | None, *, delays: "Delays | None" = None) -> "NativeTranslator":
    """
    Return a new translator for sessions of *db_protocol*; the generic one where it has none of its own.
    """
    module, name = _TRANSLATORS.get(db_protocol or "", _GENERIC)
    made: NativeTranslator = getattr(importlib.import_module(f"{__name__}.{module}"), name)(db_protocol, delays=delays)
    return made


class SessionTranslator:
    """
    The `Translator` that finds out by itself which protocol the session speaks.

    `db.session.start` decides; before it, or without it, the first event that names a protocol.
    """

    def __init__(self) -> None:
        self._translator = for_protocol(None)

    def feed(self, event: "Event") -> list["Segment"]:
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


def translate(events: Iterable["Event"]) -> Iterator["Segment"]:
    """
    Yield the transcript of one session's *events*, given from the first on.
    """
    translator = SessionTranslator()
    for event in events:
        yield from translator.feed(event)
