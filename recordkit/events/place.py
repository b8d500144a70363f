"""
Where an event stands in its session: ``ei`` and time, also where it does not say.

An event that lacks ``ei`` comes right after the one before it; one that lacks a time (or whose time is
no RFC 3339 text, or outside the years that 64-bit nanoseconds reach, 1678 to 2261) has the time of the
one before it. Recordings of other programs' events need both rules; FORMAT.md section 4 has them too.
"""

from typing import Final

from recordkit.events.codec import Event
from recordkit.events.timestamps import parse_time

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1


class Place:
    """
    Follows a run of events; `next` gives each one's ``ei`` and time.
    """

    __slots__ = ("_ei", "_time_ns")

    def __init__(self, ei: int, time_ns: int | None) -> None:
        self._ei = ei - 1
        self._time_ns = time_ns

    def next(self, event: Event) -> tuple[int, int | None]:
        """
        Return the ``ei`` and the time, in nanoseconds since the Unix epoch, of the next event.
        """
        ei = event.get("ei")
        self._ei = ei if type(ei) is int and _INT64_MIN <= ei <= _INT64_MAX else self._ei + 1
        time_ns = time_of(event)
        if time_ns is not None:
            self._time_ns = time_ns
        return self._ei, self._time_ns


def place_of(ei: int, time_ns: int) -> Place:
    """
    Return the place before the first event of a chunk whose lowest ``ei`` and earliest time these are.
    """
    return Place(ei, None if time_ns == _INT64_MAX else time_ns)


def time_of(event: Event) -> int | None:
    """
    Return the event's own time in nanoseconds since the Unix epoch, or None.
    """
    text = event.get("time")
    if not isinstance(text, str):
        return None
    try:
        time_ns = parse_time(text)
    except ValueError:
        return None
    return time_ns if _INT64_MIN < time_ns < _INT64_MAX else None  # the ends mean "none" in a chunk's header
