"""
What a transcript is made of: pieces of text, each with its kind, its moment and its event.
"""

import copy
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from recordkit.events import Event, parse_time


class SegmentKind(StrEnum):
    """
    What a piece of a transcript says, so that a player can colour it, step by it and look for it.
    """

    START = "start"
    STATEMENT = "statement"
    RESULT = "result"
    ERROR = "error"
    NOTICE = "notice"
    END = "end"


class Severity(StrEnum):
    """
    How much a piece of a transcript asks for attention.
    """

    INFO = "info"
    WARNING = "warning"
    """Something is missing or was refused along the way."""
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """
    A piece of a transcript that came from one event.

    Attributes:
        text: Whole lines, each ended by a line feed. Not yet safe for a terminal: it holds what
            the event held; `recordkit.render.control_chars` is the place that makes it so.
        delay_ns: Nanoseconds since the session's start, >= 0.
        ei: The event's index in its session; None if the event has none.
        severity: How much it asks for attention.
        aside: Whether the protocol's exact text leaves it out: plain text output passes it over, the
            interactive player and the html page show it.
    """

    kind: SegmentKind
    text: str
    delay_ns: int
    ei: int | None
    severity: Severity = Severity.INFO
    aside: bool = False


class Translator(Protocol):
    """
    Turns the events of one session, in their order, into what the person saw.
    """

    def feed(self, event: Event) -> list[Segment]:
        """
        Return what *event* adds to the transcript, often nothing; never raises, whatever its fields hold.
        """

    def fork(self) -> Self:
        """
        Return a translator in the same state that goes on by itself; cheap enough for one every chunk.
        """


class Delays:
    """
    Measures how long after the session's start an event was, from the times in the events.

    The session starts with its first event that has a time, as it does for `Recording.events`. An
    event without a usable time counts as simultaneous with the one before it.
    """

    def __init__(self) -> None:
        self._start_ns: int | None = None
        self._last_ns = 0
        self.moment_ns: int | None = None
        """The last event's own time, nanoseconds since the Unix epoch; None if it had no usable one."""

    def measure(self, event: Event) -> int:
        """
        Return the delay of *event* in nanoseconds, >= 0.
        """
        self.moment_ns = time_ns = event_time_ns(event)
        if time_ns is None:
            return self._last_ns
        if self._start_ns is None:
            self._start_ns = time_ns
        self._last_ns = max(0, time_ns - self._start_ns)
        return self._last_ns

    def fork(self) -> Self:
        """
        Return a measure in the same state that goes on by itself.
        """
        return copy.copy(self)


def event_time_ns(event: Event) -> int | None:
    """
    Return the event's time in nanoseconds since the Unix epoch; None if it has none that parses.
    """
    time = event.get("time")
    if not isinstance(time, str):
        return None
    try:
        return parse_time(time)
    except ValueError:
        return None


def event_index(event: Event) -> int | None:
    """
    Return the event's `ei`; None if it is no whole number.
    """
    ei = event.get("ei")
    return ei if isinstance(ei, int) and not isinstance(ei, bool) else None
