"""
One memory budget for all sessions of a recorder.

Counted are the bytes of lines in buffers and drafts. Items not yet written as lines are bounded apart:
each session writes its own every `step_bytes`, which shrinks as sessions multiply, so that all of them
together stay within a quarter of the budget.
"""

import threading
from typing import Final

from recordkit.limits import KIB

_LARGEST_STEP: Final = 16 * KIB
_SMALLEST_STEP: Final = 512


class Budget:
    """
    Counts bytes held in memory; thread-safe.

    Attributes:
        total: Bytes that may be held.
        held: Bytes that are.
        changed: Notified when bytes are given back, and when a write was tried.
    """

    def __init__(self, total: int) -> None:
        if total < 64 * KIB:
            raise ValueError(f"memory_budget: expected at least 65536 bytes, found {total}")
        self.total = total
        self.held = 0
        self.changed = threading.Condition()

    @property
    def has_room(self) -> bool:
        """
        Whether a call may add to what is held; one event may be larger than the whole budget.
        """
        return self.held < self.total

    @property
    def presses(self) -> bool:
        """
        Whether buffers should be written before their time.
        """
        return self.held * 2 > self.total

    def add(self, size: int) -> None:
        """
        Count *size* more bytes.
        """
        with self.changed:
            self.held += size

    def give_back(self, size: int) -> None:
        """
        Count *size* bytes less and wake who waits.
        """
        with self.changed:
            self.held -= size
            self.changed.notify_all()

    def step_bytes(self, sessions: int) -> int:
        """
        Return how many bytes of items each of so many *sessions* may hold before it writes their lines.
        """
        return max(_SMALLEST_STEP, min(_LARGEST_STEP, self.total // (4 * max(1, sessions))))
