"""
Values as people read and type them: times, durations, sizes, tables.

All times are UTC, and say so.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from recordkit.events import format_time, parse_time
from recordkit.render.control_chars import display_width, safe_line

_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PERIOD: Final = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+", re.ASCII)
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.ASCII)
_CLOCK: Final = re.compile(r"(?:(\d+):)?(\d+):([0-5]\d(?:\.\d+)?)", re.ASCII)
_LONGEST_S: Final = 10_000 * 366 * 86400


def period_s(text: str) -> float:
    """
    Return the seconds of ``24h``, ``7d``, ``1h30m``, ``90s``.

    Raises:
        ValueError: *text* is no such period.
    """
    if not _PERIOD.fullmatch(text):
        raise ValueError(f"expected a period such as 24h, 7d or 1h30m, found {text!r}")
    return min(sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text)), _LONGEST_S)


def delay_s(text: str) -> float:
    """
    Return the seconds of ``90``, ``1.5``, ``1:30``, ``1:02:03`` or a period as in `period_s`.

    Raises:
        ValueError: *text* is none of these.
    """
    if re.fullmatch(r"\d+(?:\.\d+)?", text, re.ASCII):
        return min(float(text), _LONGEST_S)
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        hours, minutes, seconds = clock.groups()
        return min(int(hours or 0) * 3600.0 + int(minutes) * 60.0 + float(seconds), _LONGEST_S)
    try:
        return period_s(text)
    except ValueError:
        raise ValueError(f"expected a delay such as 90, 1:30 or 2m, found {text!r}") from None


def moment_ns(text: str, *, now_ns: int) -> int:
    """
    Return the nanoseconds since the Unix epoch of a time, a day (its first moment), or a period before now.

    Times without an offset are UTC.

    Raises:
        ValueError: *text* is none of these.
    """
    if _PERIOD.fullmatch(text):
        return now_ns - round(period_s(text) * 1e9)
    try:
        if len(text) <= 10:
            return parse_time(f"{date.fromisoformat(text).isoformat()}T00:00:00Z")
        whole = text if len(text) > 16 else f"{text}:00"
        return parse_time(whole if whole[-1] in "Zz" or re.search(r"[+-]\d\d:\d\d$", whole[10:]) else f"{whole}Z")
    except ValueError:
        raise ValueError(
            "expected a time such as 2026-07-20T20:00:00Z, a day such as 2026-07-20, or a period such as 24h, "
            f"found {text!r}"
        ) from None


def minute(time_ns: int | None) -> str:
    """
    Return ``2026-07-20 20:00``; "-" for None.
    """
    return "-" if time_ns is None else moment(time_ns)[:16].replace("T", " ")


def moment(time_ns: int | None) -> str:
    """
    Return the RFC 3339 text of a time; "-" for None and what no calendar holds.
    """
    if time_ns is None:
        return "-"
    try:
        return format_time(time_ns)
    except ValueError:
        return "-"


def millisecond(time_ns: int | None) -> str:
    """
    Return ``2026-07-20T20:00:00.000Z``, always as wide; "-" as in `moment`.
    """
    if time_ns is None:
        return "-"
    second = moment(time_ns - time_ns % 10**9)
    return second if second == "-" else f"{second[:-1]}.{time_ns % 10**9 // 10**6:03d}Z"


def duration(seconds: float) -> str:
    """
    Return ``0.25s``, ``12.3s``, ``30m00s``, ``1h05m``, ``2d03h``.
    """
    if seconds < 10:
        return f"{seconds:.2f}s"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // part:02d}{smaller}"
    return f"{whole}s"


def delay(delay_ns: int) -> str:
    """
    Return a time since the session's start, as ``0:00:12.345``.
    """
    milliseconds = delay_ns // 1_000_000
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{milliseconds:03d}"


def size(count: int) -> str:
    """
    Return a number of bytes in at most five characters: ``512``, ``1.2k``, ``34M``.
    """
    if count < 1000:
        return str(count)
    scaled = float(count)
    for unit in "kMGTPE":
        scaled /= 1000
        if scaled < 9.95:
            return f"{scaled:.1f}{unit}"
        if scaled < 999.5:
            return f"{scaled:.0f}{unit}"
    return f"{count:.0e}"


def width(text: str) -> int:
    """
    Return how many columns *text* takes when it is made safe and put on one line.
    """
    return display_width(safe_line(text))


def cut(text: str, columns: int) -> str:
    """
    Return *text*, safe and on one line, in at most *columns* columns; a cut is shown by an ellipsis.
    """
    safe = safe_line(text)
    if display_width(safe) <= columns:
        return safe
    kept = safe[: max(0, columns - 1)]
    while kept and display_width(kept) > columns - 1:
        kept = kept[:-1]
    return kept + "…"


def fitted(widths: Sequence[int], flexible: Sequence[int], *, total: int, least: int = 4) -> list[int]:
    """
    Return column widths whose sum is at most *total*, if shrinking the *flexible* columns can do it.

    The widest one is shrunk first, none below *least*.
    """
    result = list(widths)
    while sum(result) > total:
        widest = max(flexible, key=lambda column: result[column])
        if result[widest] <= least:
            break
        result[widest] -= 1
    return result


def row(cells: Sequence[str], widths: Sequence[int], *, right: Sequence[bool]) -> str:
    """
    Return one line of a table, without space at its end.
    """
    padded = []
    for cell, columns, to_right in zip(cells, widths, right, strict=True):
        text = cut(cell, columns)
        space = " " * (columns - display_width(text))
        padded.append(space + text if to_right else text + space)
    return " ".join(padded).rstrip()
