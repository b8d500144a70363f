"""
Stored lines as they are, once they look like events.

To parse every line would make `play --format jsonl` three times as slow, and say nothing new of what a recorder wrote.
So a chunk's lines are looked at by their bytes, at memory's speed: each begins with ``{"`` and ends with ``}``, all
are UTF-8, and none has a control character that a terminal obeys. Only where that fails are its lines parsed, one by
one. What passes and is no JSON, such as ``{"a": NaN}``, only a foreign program can have written.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from recordkit.container import Recording
from recordkit.container.line_count import line_count
from recordkit.errors import UndecodableEventError
from recordkit.events import decode_line
from recordkit.events.codec import is_utf8

_CONTROLS: Final = (b"\x1b", b"\r", b"\b", b"\x0e", b"\t")
"""What begins a terminal's commands, goes back in a line, or changes what letters look like; and what careless writers
leave in a string. To look for all 31 that no string holds would take three times as long as all else here."""
_SAME: Final = 40
"""Bytes with which all lines of a recorder begin: the sid. Python finds long texts faster than short ones."""


def recorded_lines(recording: Recording) -> Iterator[bytes]:
    """
    Yield the lines of *recording*, several whole ones at a time.

    Raises:
        FormatError: Damage, after the last sound line before it.
    """
    for entry, raw in recording.follow():
        try:
            yield from _checked(raw, entry.events)
        except UndecodableEventError as error:
            error.path, error.offset, error.chunk = recording.path, entry.offset, entry.sequence
            raise


def followed_lines(recording: Recording, runs: Iterable[bytes]) -> Iterator[bytes]:
    """
    Yield *runs* of whole lines of *recording* on.

    Raises:
        UndecodableEventError: A line is not an event, after the last one before it.
    """
    for run in runs:
        try:
            yield from _checked(run, line_count(run))
        except UndecodableEventError as error:
            error.path = recording.path
            raise


def _look_sound(lines: bytes, count: int) -> bool:
    return (
        lines.startswith(b'{"')
        and lines.endswith(b"}\n")
        and (lines.count(b"}\n" + lines[:_SAME]) == count - 1 or lines.count(b'}\n{"') == count - 1)
        and not any(map(lines.__contains__, _CONTROLS))
        and is_utf8(lines)
    )


def _checked(lines: bytes, count: int) -> Iterator[bytes]:
    """
    Yield *count* lines: at once if they look sound, else one by one, each parsed before.
    """
    if _look_sound(lines, count):
        yield lines
        return
    begin = 0
    while begin < len(lines):
        end = lines.index(b"\n", begin)
        decode_line(lines[begin:end])
        yield lines[begin : end + 1]
        begin = end + 1
