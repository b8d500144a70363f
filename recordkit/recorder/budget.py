"""
One memory budget for all sessions of a recorder.

Counted is the memory of buffers and drafts, also what they have allocated and not filled yet. For items not
yet written as lines a part is set aside: each session writes its own every `step_bytes`, which shrinks as
sessions multiply, so that all of them together stay within a quarter of the budget. (One that the writer's
thread takes on, see `recordkit.recorder.busy`, may hold half a step more.)
"""

import contextlib
import threading
from collections.abc import Callable
from typing import Final

from recordkit.limits import KIB

_LARGEST_STEP: Final = 64 * KIB
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
        self._set_aside = 0
        # a plain lock: a signal's exception can't come up between taking it and the `with` that gives it back
        self._lock = threading.Lock()
        self.changed = threading.Condition(self._lock)
        self._waiting: list[Callable[[], object]] = []

    @property
    def has_room(self) -> bool:
        """
        Whether a call may add to what is held; one event may be larger than the whole budget.
        """
        return self.held < self.total - self._set_aside

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
        with self._lock:
            self.held += size

    def give_back(self, size: int) -> None:
        """
        Count *size* bytes less and wake who waits.
        """
        with self._lock:
            self.held -= size
        self.tell(everyone=False)

    def tell(self, *, everyone: bool) -> None:
        """
        Wake who waits: threads always, callbacks where there is room, or with *everyone*.
        """
        called: list[Callable[[], object]] = []
        with self._lock:
            self.changed.notify_all()
            if everyone or self.has_room:
                called, self._waiting = self._waiting, []
        for callback in called:
            with contextlib.suppress(RuntimeError):  # its event loop is gone
                callback()

    def call_once(self, callback: Callable[[], object]) -> None:
        """
        Have *callback* called, in any thread, when there may be room.
        """
        with self._lock:
            self._waiting.append(callback)

    def set_aside(self, sessions: int) -> None:
        """
        Keep the memory free that items of so many *sessions* may take.
        """
        self._set_aside = min(self.total // 4, sessions * self.step_bytes(sessions))

    def step_bytes(self, sessions: int) -> int:
        """
        Return how many bytes of items each of so many *sessions* may hold before it writes their lines.
        """
        return max(_SMALLEST_STEP, min(_LARGEST_STEP, self.total // (4 * max(1, sessions))))
