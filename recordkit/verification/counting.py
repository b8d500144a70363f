"""
What a chunk's header must say of its events, counted from the events by FORMAT.md sections 4 and 5.

The recorder counts while it writes, on the hot path; this is the slow and independent way, for checking it,
and for chunks that are made anew.
"""

from typing import Final

from recordkit.container.chunks import Counts
from recordkit.container.layout import INT64_MAX, INT64_MIN, MARK_END, MARK_START
from recordkit.events import KINDS, Event, Role
from recordkit.events.place import time_of

_MARKS: Final = {Role.START: MARK_START, Role.END: MARK_END}
_ROLES: Final = {name: kind.role for name, kind in KINDS.items()}


def role_of(event: Event) -> Role:
    """
    Return what an event means to its session's counts.
    """
    name = event.get("event")
    return _ROLES.get(name, Role.OTHER) if type(name) is str else Role.OTHER


class EventCounter:
    """
    Counts events chunk by chunk; place, time and the open statement go from chunk to chunk.

    Attributes:
        counts: Of the chunk so far.
        ei, time_ns: Place of the last event, as FORMAT.md section 5 has it.
        own_ns: The time that it says itself; None if it says none.
        tracked: Whether all events before this chunk were seen; else what the first ones lack is not known.
    """

    def __init__(self) -> None:
        self._asked_ns: int | None = None
        self.counts = Counts()
        self.ei = -1
        self.time_ns: int | None = None
        self.own_ns: int | None = None
        self.tracked = True

    def lose_track(self) -> None:
        """
        Take note that events are missing before the next chunk.
        """
        self.tracked = False
        self._asked_ns = None

    def begin(self, lowest_ei: int, earliest_ns: int) -> None:
        """
        Begin a chunk whose header says this; it is believed only where events before are missing.
        """
        if not self.tracked:
            self.ei = lowest_ei - 1
            self.time_ns = None if earliest_ns == INT64_MAX else earliest_ns
        self.counts = Counts()

    def add(self, event: Event) -> Role:
        """
        Count *event* and return its role.
        """
        counts, role = self.counts, role_of(event)
        ei = event.get("ei")
        if type(ei) is not int or not INT64_MIN <= ei <= INT64_MAX:
            ei = min(self.ei + 1, INT64_MAX)  # the header has no room for more
        self.ei = ei
        self.own_ns = time_of(event)
        if self.own_ns is not None:
            self.time_ns = self.own_ns
        time_ns = self.time_ns
        counts.events += 1
        if event.get("success") is False:
            counts.errors += 1
        counts.lowest_ei, counts.highest_ei = min(counts.lowest_ei, ei), max(counts.highest_ei, ei)
        if time_ns is not None:
            counts.earliest_ns, counts.latest_ns = min(counts.earliest_ns, time_ns), max(counts.latest_ns, time_ns)
        if role is Role.QUERY:
            counts.queries += 1
            self._asked_ns = time_ns
        elif role is Role.RESULT:
            if self._asked_ns is not None and time_ns is not None:
                counts.longest_wait_ns = max(counts.longest_wait_ns, time_ns - self._asked_ns)
                self._asked_ns = None
        elif role is Role.GAP:
            counts.lost = min(counts.lost + named_lost(event), INT64_MAX)
        elif role is not Role.OTHER:
            counts.marks |= _MARKS[role]
        return role


def named_lost(event: Event) -> int:
    """
    Return how many events a `recordkit.gap` event names as missing.
    """
    count = event.get("count")
    return count if type(count) is int and count > 0 else 0
