"""
Which recordings are asked for.

A filter is a value: the catalog turns it into SQL, and everything else asks `RecordingFilter.matches`.
Both have to agree, which a test holds with random recordings. Times compare with the recording's
*beginning*: its earliest event, or its creation if it has none. The same moment orders all listings.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from recordkit.container import State, Summary
from recordkit.events import parse_time

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFilter:
    """
    What a recording must be to be listed; None asks nothing.

    Attributes:
        since_ns: It began at this time or later; nanoseconds since the Unix epoch.
        until_ns: It began before this time.
        user: Its ``user``, exactly.
        db: Its ``db_service`` or its ``db_name``, exactly.
        protocol: Its ``db_protocol``, exactly.
        state: How it ended.
    """

    since_ns: int | None = None
    until_ns: int | None = None
    user: str | None = None
    db: str | None = None
    protocol: str | None = None
    state: State | None = None

    def __post_init__(self) -> None:
        for name in ("user", "db", "protocol"):
            try:
                (getattr(self, name) or "").encode()
            except UnicodeEncodeError as error:
                raise ValueError(f"filter {name}: expected Unicode text, found {getattr(self, name)!r}") from error

    def matches(self, summary: Summary) -> bool:
        """
        Whether the recording with this summary is asked for.
        """
        return (
            (self.since_ns is None or began_ns(summary) >= self.since_ns)
            and (self.until_ns is None or began_ns(summary) < self.until_ns)
            and (self.user is None or summary.user == self.user)
            and (self.db is None or self.db in (summary.db_service, summary.db_name))
            and (self.protocol is None or summary.db_protocol == self.protocol)
            and (self.state is None or summary.state == self.state)
        )


EVERYTHING: Final = RecordingFilter()


def began_ns(summary: Summary) -> int:
    """
    Return when the recording began: its earliest event, or its creation if no event has a time.
    """
    return summary.created_ns if summary.start_ns is None else summary.start_ns


def order_key(summary: Summary) -> tuple[int, str]:
    """
    Return what listings are sorted by, the highest first.
    """
    return began_ns(summary), summary.sid


def moment_ns(value: int | str | date, *, name: str) -> int:
    """
    Return a time given in any usual form as nanoseconds since the Unix epoch.

    Args:
        value: Nanoseconds; RFC 3339 text; ``YYYY-MM-DD`` or a `date`, the midnight in UTC that begins
            the day; a `datetime` with a time zone.
        name: The argument's name, for the message.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return _datetime_ns(_midnight(date.fromisoformat(value))) if _DAY.fullmatch(value) else parse_time(value)
        except ValueError as error:
            raise ValueError(
                f"{name}: expected a time such as 2026-07-20T20:00:00Z or a day such as 2026-07-20, found {value!r}"
            ) from error
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{name}: expected a datetime with a time zone, found {value!r}")
        return _datetime_ns(value)
    if isinstance(value, date):
        return _datetime_ns(_midnight(value))
    raise ValueError(f"{name}: expected a time, found {value!r}")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _datetime_ns(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1000
