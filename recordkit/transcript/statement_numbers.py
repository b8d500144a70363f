"""
Which statement of MySQL a number stands for.

An execute event names its statement by number; a prepare event of the audit log has no number. The server
counts up from 1 in each connection, one for each statement it prepares, by the protocol or by SQL
(``PREPARE``, ``EXECUTE IMMEDIATE``). So the n-th that is prepared has number n, unless a prepare event says
`statement_id` itself.

Where the count can't be trusted (after a gap, or when a number comes up that was not reached), nothing is
guessed but this: a number not seen before that is executed directly after a prepare belongs to it, and the
count goes on from there. A number that stays unknown is shown as a number.
"""

import copy
from typing import Final, Self

from recordkit.transcript.remembered import Remembered

LAST_PREPARED: Final = 2**32 - 1
"""MariaDB's number for the statement that was prepared last."""


class StatementNumbers:
    """
    Which text a statement's number stands for, by the rule of this module.
    """

    def __init__(self) -> None:
        self._texts: Remembered[int] = Remembered()
        self._count: int | None = 0
        """How many were prepared so far, which is the last one's number; None: not known."""
        self._latest: str | None = None
        """What the event before prepared; None if it did something else."""
        self._last: str | None = None
        """What was prepared last."""

    def prepare(self, text: str, number: int | None) -> int | None:
        """
        Take note of a statement that was prepared, with its *number* if it is known; return its number.
        """
        if number is not None:
            self._count = number
        elif self._count is not None:
            self._count += 1
        if self._count is not None:
            self._texts.put(self._count, text)
        self._latest = self._last = text
        return self._count

    def resolve(self, number: int | None) -> str | None:
        """
        Return the text of the statement that is executed; None if it isn't known.
        """
        latest, self._latest = self._latest, None
        if number is None:
            return None
        if number == LAST_PREPARED:
            return self._last
        reached = self._count is not None and number <= self._count
        if latest is not None and not reached and self._texts.get(number) is None:
            self._texts.put(number, latest)
            self._count = number
        return self._texts.get(number)

    def close(self, number: int | None) -> None:
        """
        Forget a statement.
        """
        self._latest = None
        if number is not None:
            self._texts.drop(number)

    def count_one(self) -> None:
        """
        Count a statement that was prepared by SQL and has a name in its place.
        """
        self._latest = None
        if self._count is not None:
            self._count += 1

    def pass_on(self) -> None:
        """
        Take note of a statement that prepared nothing.
        """
        self._latest = None

    def lose_count(self) -> None:
        """
        Take note that events are missing, with who knows how many statements prepared.
        """
        self._count = self._latest = self._last = None

    def fork(self) -> Self:
        """
        Return the same that goes on by itself.
        """
        made = copy.copy(self)
        made._texts = self._texts.fork()  # noqa: SLF001
        return made
