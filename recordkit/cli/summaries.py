"""
Summaries as rows of a table, as lines, and as JSON.

On a terminal a sid is as short as tells it from the others shown, names are cut to fit, and what is not
needed is left out. Elsewhere nothing is cut, so that a script gets what is there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, Final, NamedTuple

from recordkit.cli import forms
from recordkit.container import Summary

BLOCK: Final = 500
"""Rows whose column widths are found together."""

_WIDE: Final = 100
"""Columns of a terminal from which on there is room for the size; below, names need it more."""

_SHORT_SID: Final = 8
_WHOLE_SID: Final = 36


class Column(NamedTuple):
    """
    A column of a listing.
    """

    title: str
    value: Callable[[Summary], str]
    right: bool = False
    flexible: bool = False


def _name(text: str | None) -> str:
    return text or "-"


def _began_ns(summary: Summary) -> int:
    return summary.created_ns if summary.start_ns is None else summary.start_ns  # as the store orders them


_MIDDLE: Final = (
    Column("TOOK", lambda s: forms.duration(s.duration_s), right=True),
    Column("STATE", lambda s: s.state.value),
    Column("USER", lambda s: _name(s.user), flexible=True),
    Column("DATABASE", lambda s: _name(s.db_service or s.db_name), flexible=True),
    Column("PROTOCOL", lambda s: _name(s.db_protocol), flexible=True),
    Column("EVENTS", lambda s: str(s.events), right=True),
    Column("ERR", lambda s: str(s.errors), right=True),
)
_LOST: Final = Column("LOST", lambda s: str(s.lost), right=True)
_SIZE: Final = Column("SIZE", lambda s: forms.size(s.stored_bytes), right=True)


def table(summaries: Iterable[Summary], *, columns: int | None) -> Iterator[str]:
    """
    Yield the lines of a listing, none if there is nothing to list.

    Args:
        summaries: In the order of the listing.
        columns: Width of the terminal; None if it is none.
    """
    rest = iter(summaries)
    first = True
    while block := list(islice(rest, BLOCK)):
        lines = _lines(block, columns)
        yield from lines if first else lines[1:]
        first = False


def _lines(block: Sequence[Summary], columns: int | None) -> list[str]:
    layout = _layout(block, columns)
    cells = [[column.title for column in layout], *([column.value(summary) for column in layout] for summary in block)]
    widths = [max(map(forms.width, values)) for values in zip(*cells, strict=True)]
    if columns is not None:
        flexible = [number for number, column in enumerate(layout) if column.flexible]
        widths = forms.fitted(widths, flexible, total=columns - (len(layout) - 1))
    right = [column.right for column in layout]
    return [forms.row(line, widths, right=right) for line in cells]


def _layout(block: Sequence[Summary], columns: int | None) -> list[Column]:
    if columns is None:
        return [
            Column("SID", lambda s: s.sid),
            Column("START", lambda s: forms.millisecond(_began_ns(s))),
            *_MIDDLE,
            _LOST,
            _SIZE,
        ]
    digits = distinct_length([summary.sid for summary in block])
    lost = [_LOST] if any(summary.lost for summary in block) else []
    size = [_SIZE] if columns >= _WIDE else []
    return [
        Column("SID", lambda s: s.sid[:digits]),
        Column("START UTC", lambda s: forms.minute(_began_ns(s))),
        *_MIDDLE,
        *lost,
        *size,
    ]


def distinct_length(sids: Sequence[str]) -> int:
    """
    Return how many characters, at least 8, tell each of these sids from the others.
    """
    ordered = sorted(set(sids))
    length = _SHORT_SID
    for one, other in pairwise(ordered):
        same = next((n for n in range(_WHOLE_SID) if one[n : n + 1] != other[n : n + 1]), _WHOLE_SID)
        length = max(length, same + 1)
    return min(length, _WHOLE_SID)


def to_json(summary: Summary) -> dict[str, Any]:
    """
    Return a summary as JSON types, with times as text beside those in nanoseconds.
    """
    values = summary.to_json()
    for name in ("created", "start", "end"):
        time_ns = values[f"{name}_ns"]
        values[name] = None if time_ns is None else forms.moment(time_ns)
    return values | {"duration_s": summary.duration_s}


def described(summary: Summary) -> list[tuple[str, str]]:
    """
    Return name and value of each line that describes one recording.
    """
    return [
        ("sid", summary.sid),
        ("state", summary.state.value),
        ("user", _name(summary.user)),
        ("database", _name(summary.db_service)),
        ("protocol", _name(summary.db_protocol)),
        ("type", _name(summary.db_type)),
        ("db name", _name(summary.db_name)),
        ("db user", _name(summary.db_user)),
        ("cluster", _name(summary.cluster_name)),
        ("start", forms.moment(summary.start_ns)),
        ("end", forms.moment(summary.end_ns)),
        ("duration", forms.duration(summary.duration_s)),
        ("events", f"{summary.events}, of them {summary.queries} statements, {summary.errors} that failed"),
        ("lost", str(summary.lost)),
        ("size", f"{summary.stored_bytes} bytes, {summary.raw_bytes} before compression"),
        ("chunks", str(summary.chunks)),
        ("recorded", f"{forms.moment(summary.created_ns)} by {_name(summary.writer)}"),
        ("head", summary.head),
    ]
