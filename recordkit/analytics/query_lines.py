"""
The events of a recording for the table `queries`, without the session's constant fields in each.

FORMAT.md asks writers to put these first, so the lines of a chunk mostly begin with the same bytes. They are
parsed once, cut off each line, and what is left is parsed in one call. Where a line begins otherwise, its chunk is
parsed whole.
"""

from collections.abc import Callable, Iterator
from operator import itemgetter, methodcaller
from typing import Final, NamedTuple

import orjson

from recordkit.analytics.query_columns import SESSION_FIELDS
from recordkit.container import Recording
from recordkit.container.line_count import line_count
from recordkit.container.parsing import pieces
from recordkit.errors import FormatError, UndecodableEventError
from recordkit.events import CONSTANT_FIELDS, Event, decode_line

Fields = tuple[str | None, ...]
"""Values of `SESSION_FIELDS`."""

Fault = Callable[[FormatError], None]

_PARSED_BYTES: Final = 1024 * 1024
"""Lines parsed at a time: a hostile line of three bytes becomes an object of 64 and more."""
_CONSTANT: Final = frozenset(CONSTANT_FIELDS)


class Run(NamedTuple):
    """
    Events that follow one another.

    Attributes:
        fields: What all of them share and their dicts lack; None if nothing.
        events: The events, or what is left of them.
        broken: Whether a line that is no event stood before them.
    """

    fields: Fields | None
    events: list[Event]
    broken: bool = False


class _Prefix(NamedTuple):
    """
    What lines begin with: an opening brace and whole fields, each with its comma.

    Attributes:
        text: The bytes.
        begins: Tells whether a line does.
        behind: Gives the rest of it.
        fields: Values of `SESSION_FIELDS`.
        missing: Those of them that it lacks.
    """

    text: bytes
    begins: Callable[[bytes], bool]
    behind: Callable[[bytes], bytes]
    fields: Fields
    missing: frozenset[str]


def runs_of(recording: Recording, fault: Fault | None = None) -> Iterator[Run]:
    """
    Yield all events of *recording*, in order.

    Args:
        recording: Read from its beginning.
        fault: Is told of lines that are no events; None: they raise, unless the recording is read in salvage mode.
    """
    prefix: _Prefix | None = None
    broken = False
    for _, raw in recording.follow():
        for lines in pieces(raw, _PARSED_BYTES):
            run = _cut(lines, prefix)
            if run is None:
                prefix = _prefix_of(lines) or prefix
                run = _cut(lines, prefix) or _whole(lines)
            if run is not None:
                yield Run(run.fields, run.events, broken)
                broken = False
                continue
            for event in _one_by_one(lines, recording, fault):
                if event is not None:
                    yield Run(None, [event], broken)
                broken = event is None


def _cut(lines: bytes, prefix: _Prefix | None) -> Run | None:
    """
    Return the events of *lines* without *prefix*; None if not all begin with it, or some line is no event.
    """
    if prefix is None or not lines.startswith(prefix.text):
        return None
    found = lines[:-1].split(b"\n")
    if not all(map(prefix.begins, found)):
        return None
    events = _parsed(b"[{%b]" % b",{".join(map(prefix.behind, found)), len(found))
    if events is None:
        return None
    if prefix.missing and not all(map(prefix.missing.isdisjoint, events)):
        return None  # some event has fields of the session that the others lack
    return Run(prefix.fields, events)


def _whole(lines: bytes) -> Run | None:
    events = _parsed(b"[%b]" % lines[:-1].replace(b"\n", b","), line_count(lines))
    return None if events is None else Run(None, events)


def _parsed(array: bytes, count: int) -> list[Event] | None:
    """
    Return the *count* events of a JSON array; None if it does not hold so many, and no more.
    """
    try:
        events: list[Event] = orjson.loads(array)
    except orjson.JSONDecodeError:
        return None
    return events if len(events) == count and set(map(type, events)) == {dict} else None


def _prefix_of(lines: bytes) -> _Prefix | None:
    """
    Return what the line in the middle may share with the others.
    """
    middle = lines.find(b"\n", len(lines) // 2) + 1
    if not 0 < middle < len(lines):
        middle = 0
    line = lines[middle : lines.index(b"\n", middle)]
    try:
        event = decode_line(line)
    except UndecodableEventError:
        return None
    front: Event = {}
    for name, value in event.items():
        if name not in _CONSTANT:
            break
        front[name] = value
    text = orjson.dumps(front)[:-1] + b","
    if not front or len(front) == len(event) or not line.startswith(text):
        return None
    values = map(front.get, SESSION_FIELDS)
    return _Prefix(
        text=text,
        begins=methodcaller("startswith", text),
        behind=itemgetter(slice(len(text), None)),
        fields=tuple(value if type(value) is str else None for value in values),
        missing=frozenset(SESSION_FIELDS) - set(front),
    )


def _one_by_one(lines: bytes, recording: Recording, fault: Fault | None) -> Iterator[Event | None]:
    for line in lines[:-1].split(b"\n"):
        try:
            yield decode_line(line)
        except UndecodableEventError as error:
            error.path = recording.path
            if fault is not None:
                fault(error)
            elif recording.mode != "salvage":
                raise
            yield None
