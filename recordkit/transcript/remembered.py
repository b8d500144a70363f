"""
What a translator keeps of earlier events: names to texts, bounded however long a session runs.

Programs prepare statements by the thousand and seldom close them. So a memory has an upper bound in
entries and in characters; past either, the entries that were put in longest ago are forgotten. What
is forgotten is shown by its name or number, as a statement that was prepared before the recording began.

A fork shares the entries with its original until one of the two puts something in: the player takes
a fork for every chunk, and in most chunks nothing is prepared.
"""

import copy
from collections.abc import Hashable
from typing import Final, Generic, Self, TypeVar

MAX_ENTRIES: Final = 10_000
"""More prepared statements than any client keeps open; a copy of so many takes 0.1 ms."""

MAX_CHARS: Final = 16 * 1024 * 1024
"""Of all texts together. One that is longer alone is kept until the next comes: it was just prepared."""

Key = TypeVar("Key", bound=Hashable)


class Remembered(Generic[Key]):
    """
    Texts by key, the newest `MAX_ENTRIES` and `MAX_CHARS` of them.
    """

    def __init__(self, *, max_entries: int = MAX_ENTRIES, max_chars: int = MAX_CHARS) -> None:
        self._max_entries = max_entries
        self._max_chars = max_chars
        self._texts: dict[Key, str] = {}
        self._chars = 0
        self._shared = False

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def chars(self) -> int:
        """
        How many characters all texts have together, with those of keys that are text.
        """
        return self._chars

    def get(self, key: Key) -> str | None:
        """
        Return the text of *key*; None if there was none, or it is forgotten.
        """
        return self._texts.get(key)

    def put(self, key: Key, text: str) -> None:
        """
        Remember *text* as the newest, in place of what *key* stood for.
        """
        self.drop(key)
        self._own()
        self._texts[key] = text
        self._chars += _size(key, text)
        while len(self._texts) > 1 and (len(self._texts) > self._max_entries or self._chars > self._max_chars):
            self.drop(next(iter(self._texts)))

    def drop(self, key: Key) -> None:
        """
        Forget *key*; nothing happens if it isn't there.
        """
        if key in self._texts:
            self._own()
            self._chars -= _size(key, self._texts.pop(key))

    def clear(self) -> None:
        """
        Forget everything.
        """
        self._texts, self._chars, self._shared = {}, 0, False

    def fork(self) -> Self:
        """
        Return a memory of the same that goes on by itself.
        """
        self._shared = True
        return copy.copy(self)

    def _own(self) -> None:
        if self._shared:
            self._texts, self._shared = dict(self._texts), False


def _size(key: Hashable, text: str) -> int:
    return len(text) + (len(key) if isinstance(key, str) else 0)
