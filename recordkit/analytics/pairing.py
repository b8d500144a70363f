"""
Which statement a result belongs to.

Databases answer a session's statements in their order, so a result belongs to the oldest statement that waits
for one; a client that sends several before it looks at the answers (a pipeline) is no different. What breaks this:

- A statement whose own event says how it went (it was refused, or it is a request with its status) waits for no
  result.
- After a gap (``recordkit.gap``, or an ``ei`` that jumps) it is not known how many results are still to come of
  statements that were lost. So none is joined until a statement comes *after* a result: by then a client that
  waits for its answers has had them all. That costs the results of the statements right behind the gap; no
  other way is there to be sure of a client's turn.
- A writer that leaves out one statement's result, without a gap, in the middle of a session that has results
  (Teleport does so for statements that the server skips after an error in a pipeline) shifts the results behind it
  by one. Nothing in the events tells; a new session or a gap ends it.
- Statements that nobody answers (most protocols record no results) wait in vain. Of these a bounded number is
  kept; the result of one that is given up, should it come, is nobody else's.
"""

from collections import deque
from typing import Final

MAX_WAITING: Final = 4096
"""Statements that wait for their results. Pipelines are hundreds deep; results that come are for the oldest."""


class Pairing:
    """
    Matches results to the rows of their statements.
    """

    __slots__ = ("_doubt", "_given_up", "_max_waiting", "_seen_result", "waiting")

    def __init__(self, *, max_waiting: int = MAX_WAITING) -> None:
        self.waiting: deque[int] = deque()
        """Rows, oldest first."""
        self._max_waiting = max_waiting
        self._given_up = 0
        self._doubt = False
        self._seen_result = False

    def start(self) -> None:
        """
        A session begins: nothing can be on its way.
        """
        self.waiting.clear()
        self._given_up, self._doubt = 0, False

    def gap(self) -> None:
        """
        Events are missing here.
        """
        self.waiting.clear()
        self._given_up, self._doubt, self._seen_result = 0, True, False

    def statement(self, row: int) -> None:
        """
        The statement of *row* was sent and will have a result.
        """
        if self._doubt:
            if not self._seen_result:
                return
            self._doubt = False
        self.waiting.append(row)
        if len(self.waiting) > self._max_waiting:
            self.give_up()

    def give_up(self) -> None:
        """
        Wait no longer for the oldest.
        """
        self.waiting.popleft()
        self._given_up += 1

    def result(self) -> int | None:
        """
        Return the row of the statement that a result belongs to; None if that is not known.
        """
        if self._doubt:
            self._seen_result = True
            return None
        if self._given_up:
            self._given_up -= 1
            return None
        return self.waiting.popleft() if self.waiting else None
