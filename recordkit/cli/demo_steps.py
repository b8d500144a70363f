"""
What the sessions of `recordkit demo` are made of: their fields, and the steps that happen in them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from recordkit.events import parse_time
from recordkit.recorder import RecordingSession

Step = Callable[[RecordingSession], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSession:
    """
    One session.

    Attributes:
        start: When it starts, RFC 3339.
        steps: What happens, each with its seconds since the start.
        end_s: When it ends, in seconds since the start; None: its connection breaks after the last step.
    """

    sid: str
    start: str
    user: str
    db_service: str
    db_protocol: str
    db_type: str = "self-hosted"
    db_name: str | None = None
    db_user: str
    steps: tuple[tuple[float, Step], ...]
    end_s: float | None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def start_ns(self) -> int:
        """
        When it starts, in nanoseconds since the Unix epoch.
        """
        return parse_time(self.start)

    @property
    def fields(self) -> dict[str, Any]:
        """
        The fields that all its events have.
        """
        names = ("user", "db_service", "db_protocol", "db_type", "db_name", "db_user")
        values = {name: getattr(self, name) for name in names}
        uri = f"{self.db_service}.example.com:{_PORTS[self.db_protocol]}"
        given = {"cluster_name": "teleport.example.com", "db_uri": uri} | values | self.extra
        return {name: value for name, value in given.items() if value is not None}


_PORTS: Final = {
    "cassandra": 9042, "clickhouse": 9440, "cockroachdb": 26257, "dynamodb": 443, "elasticsearch": 9200,
    "mongodb": 27017, "mysql": 3306, "oracle": 2484, "postgres": 5432, "redis": 6379, "snowflake": 443, "spanner": 443,
    "sqlserver": 1433,
}  # fmt: skip


def query(sql: str, parameters: list[Any] | None = None, **fields: Any) -> Step:
    """
    Return the step of a statement.
    """
    return partial(_say_query, sql=sql, parameters=parameters, fields=fields)


def _say_query(session: RecordingSession, *, sql: str, parameters: list[Any] | None, fields: dict[str, Any]) -> None:
    session.query(sql, parameters, **fields)


def result(affected_records: int | None = None, **fields: Any) -> Step:
    """
    Return the step of a result.
    """
    return partial(_say_result, affected_records=affected_records, fields=fields)


def _say_result(session: RecordingSession, *, affected_records: int | None, fields: dict[str, Any]) -> None:
    session.result(affected_records=affected_records, **fields)


def rows(columns: dict[str, str], *values: list[Any], **fields: Any) -> Step:
    """
    Return the step of a result with its rows, whether the recorder was told to record rows or not.

    *columns* maps names to types.
    """
    described = [{"name": name, "type": kind} for name, kind in columns.items()]
    counted = {"success": True, "affected_records": len(values), "columns": described, "rows": list(values)}
    return emit("result", **(counted | fields))


def emit(kind: str, **fields: Any) -> Step:
    """
    Return the step of any other event; *kind* is what follows ``db.session.``.
    """
    return partial(_say_event, event={"event": f"db.session.{kind}"} | fields)


def _say_event(session: RecordingSession, *, event: dict[str, Any]) -> None:
    session.emit(event)
