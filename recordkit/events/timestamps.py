"""
RFC 3339 times of events, to and from integer nanoseconds since the Unix epoch.

`datetime` stops at microseconds and accepts forms that RFC 3339 does not know (week dates, basic
format), so the text is held against the grammar first and the fraction is read apart.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

# The bounds of hours and minutes stand here: `datetime` takes an offset of +05:99, and from 3.13 an hour of 24.
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):[0-5]\d:)(\d\d)(?:\.(\d+))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
# Nearly all times: in UTC, of a second that other events share.
_UTC: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,9}))?Z",
    re.ASCII,
)
_NS: Final = 1_000_000_000

# The years that the formatter below can write; also well inside 64-bit nanoseconds.
_MIN_S: Final = -62_135_596_800  # 0001-01-01, the zero time of the audit log
_MAX_S: Final = 253_402_300_799  # 9999-12-31


def parse_time(text: str) -> int:
    """
    Return the nanoseconds since the Unix epoch that *text* stands for.

    Fractions finer than a nanosecond are cut. A leap second (``:60``) counts as the last nanosecond
    of its minute, so that order is kept. An offset may lead out of the years 1 to 9999; `format_time`
    has no text for such a time.

    Raises:
        ValueError: *text* is not an RFC 3339 date and time with an offset.

    Source: RFC 3339, section 5.6.
    """
    match = _UTC.fullmatch(text)
    if match is not None:
        second, fraction = match.groups()
        try:
            return _second_ns(second) + (int(fraction.ljust(9, "0")) if fraction else 0)
        except ValueError as error:
            raise ValueError(f"not an RFC 3339 time: {text[:64]!r}: {error}") from error
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text[:64]!r}")
    date, minutes, seconds, fraction, offset = match.groups()
    leap = seconds == "60"
    try:
        moment = datetime.fromisoformat(
            f"{date}T{minutes}{'59' if leap else seconds}{'+00:00' if offset in 'Zz' else offset}"
        )
    except ValueError as error:
        raise ValueError(f"not an RFC 3339 time: {text[:64]!r}: {error}") from error
    # not moment.astimezone(UTC): it overflows at both ends of the calendar
    whole = (moment.replace(tzinfo=None) - datetime(1970, 1, 1)) // _ONE_SECOND - _offset_s(moment)  # noqa: DTZ001
    if leap:
        return whole * _NS + _NS - 1
    return whole * _NS + (int(fraction[:9].ljust(9, "0")) if fraction else 0)


_ONE_SECOND: Final = datetime.resolution * 1_000_000


@lru_cache(maxsize=256)
def _second_ns(second: str) -> int:
    return (datetime.fromisoformat(second) - datetime(1970, 1, 1)) // _ONE_SECOND * _NS  # noqa: DTZ001


def _offset_s(moment: datetime) -> int:
    offset = moment.utcoffset()
    return 0 if offset is None else offset // _ONE_SECOND


def format_time(time_ns: int) -> str:
    """
    Return the RFC 3339 text, in UTC, of *time_ns* nanoseconds since the Unix epoch.

    The fraction is as long as it must be: none for whole seconds, nine digits at most.

    Raises:
        ValueError: The year is not within 1 to 9999.
    """
    seconds, fraction = divmod(time_ns, _NS)
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{format_second(seconds)}{digits}Z"


def format_second(seconds: int) -> str:
    """
    Return ``YYYY-MM-DDTHH:MM:SS`` in UTC for whole *seconds* since the Unix epoch.

    Raises:
        ValueError: The year is not within 1 to 9999.
    """
    if not _MIN_S <= seconds <= _MAX_S:
        raise ValueError(f"time {seconds} s since 1970 is outside the years 1 to 9999")
    return (datetime(1970, 1, 1, tzinfo=UTC) + seconds * _ONE_SECOND).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
