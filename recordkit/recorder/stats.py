"""
What became of a session's events: values, no machinery.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stats:
    """
    Counts of events, the session's own start and end among them.

    Attributes:
        accepted: Taken by a call that returned.
        written: In chunks that the operating system has taken; they survive this process.
        lost: Accepted, but never to be written; a ``recordkit.gap`` event stands in their place.
        slow: Had to wait for room in the memory budget.
    """

    accepted: int
    written: int
    lost: int
    slow: int
