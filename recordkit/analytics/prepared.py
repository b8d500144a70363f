"""
Prepared statements of one session, within bounds, and what a gap does to them.
"""

from collections.abc import Hashable
from typing import Any, Final

MAX_PREPARED: Final = 10_000
MAX_PREPARED_CHARS: Final = 32 * 1024 * 1024
"""A session that prepares more than this without end must not take all memory: the oldest are forgotten."""


class Prepared:
    """
    Texts by name; of each, whether it is in doubt.

    After a gap, a name may stand for another text than before: it is still given, as the best guess, but
    in doubt until it is prepared anew.
    """

    def __init__(self, *, max_entries: int = MAX_PREPARED, max_chars: int = MAX_PREPARED_CHARS) -> None:
        self._max_entries, self._max_chars = max_entries, max_chars
        self._texts: dict[Hashable, tuple[str, int]] = {}
        self._chars = 0
        self._gaps = 0

    def __len__(self) -> int:
        return len(self._texts)

    def has_room(self, entries: int, chars: int) -> bool:
        """
        Whether so much more can be put without anything being forgotten.
        """
        return len(self._texts) + entries <= self._max_entries and self._chars + chars <= self._max_chars

    def put(self, name: Hashable, text: Any) -> None:
        """
        Remember the text of *name*; what is no text counts as not prepared.
        """
        old = self._texts.pop(name, None)
        if old is not None:
            self._chars -= len(old[0])
        if type(text) is not str:
            return
        self._texts[name] = text, self._gaps
        self._chars += len(text)
        while len(self._texts) > self._max_entries or (self._chars > self._max_chars and len(self._texts) > 1):
            oldest = next(iter(self._texts))
            self._chars -= len(self._texts.pop(oldest)[0])

    def get(self, name: Hashable) -> tuple[str | None, bool]:
        """
        Return the text of *name*, None if it was not prepared; and whether it is beyond doubt.
        """
        found = self._texts.get(name)
        if found is None:
            return None, False
        return found[0], found[1] == self._gaps

    def forget(self, name: Hashable) -> None:
        """
        Forget *name*.
        """
        self.put(name, None)

    def gap(self) -> None:
        """
        Put all that is known in doubt.
        """
        self._gaps += 1
