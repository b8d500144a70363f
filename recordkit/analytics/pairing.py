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
from collections.abc import Callable, Sequence
from typing import Final

MAX_WAITING: Final = 4096
"""Statements that wait for their results. Pipelines are hundreds deep; results that come are for the oldest."""


class Pairing:
    """
    Matches results to the rows of their statements.
    """

    __slots__ = ("answered", "doubt", "seen_result", "sent", "waiting")

    def __init__(self, *, max_waiting: int = MAX_WAITING) -> None:
        self.waiting: deque[int] = deque(maxlen=max_waiting)
        """Rows, oldest first; of too many the oldest are given up."""
        self.sent = 0
        """Statements that were ever in `waiting`."""
        self.doubt = False
        """Whether it is not known whose the next result is."""
        self.answered = 0
        """Of them, those that have their results, and those whose results are nobody's."""
        self.seen_result = False
        """With `doubt`, whether there was a result since the gap."""

    def start(self) -> None:
        """
        A session begins: nothing can be on its way.
        """
        self._forget()
        self.doubt = False

    def gap(self) -> None:
        """
        Events are missing here.
        """
        self._forget()
        self.doubt, self.seen_result = True, False

    def _forget(self) -> None:
        self.waiting.clear()
        self.answered = self.sent

    def statement(self, row: int) -> None:
        """
        The statement of *row* was sent and will have a result.

        Without `doubt` this is no more than to add it to `waiting`, and one to `sent`.
        """
        if self.doubt:
            if not self.seen_result:
                return
            self.doubt = False
        self.waiting.append(row)
        self.sent += 1

    def advance(self, sent: int, answered: int, numbers: Callable[[int], Sequence[int]]) -> None:
        """
        Have *sent* more statements sent and *answered* more results come; there is no `doubt`.

        Args:
            sent: How many statements.
            answered: How many results that some statement waited for, or one that was given up.
            numbers: Returns the rows of the last ones of these statements, as many as it is asked for.
        """
        limit = self.sent + sent if self.waiting.maxlen is None else self.waiting.maxlen
        self.sent += sent
        self.answered += answered
        kept = min(limit, self.sent - self.answered, len(self.waiting) + sent)
        for _ in range(min(len(self.waiting), len(self.waiting) + sent - kept)):
            self.waiting.popleft()
        self.waiting.extend(numbers(min(kept, sent)))

    def give_up(self) -> None:
        """
        Wait no longer for the oldest.
        """
        self.waiting.popleft()

    def result(self) -> int | None:
        """
        Return the row of the statement that a result belongs to; None if that is not known.
        """
        if self.doubt:
            self.seen_result = True
            return None
        if self.sent == self.answered:
            return None
        self.answered += 1
        given_up = self.sent - self.answered >= len(self.waiting)
        return None if given_up else self.waiting.popleft()
