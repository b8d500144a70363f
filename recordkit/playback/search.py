"""
A regular expression over what events say, and a quick no for lines that can't match.

Searched is each text, number and key of an event's own fields; what every event of the session repeats
is not. Upper and lower case are the same unless the pattern has an upper-case letter.

An expression without anchors and look-around finds in a stretch of text what it finds in any part of it.
So it can be tried on the raw lines as they are: what does not match there matches in no field, as long as
JSON wrote no character as an escape.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from recordkit.events import CONSTANT_FIELDS, Event
from recordkit.transcript.phrases import text_of

_ANCHORED: Final = re.compile(r"[\\^$\"]|\(\?")
_SHARED: Final = frozenset(CONSTANT_FIELDS) | {"event", "code", "time", "uid", "ei"}


class Search:
    """
    One pattern, compiled.

    Attributes:
        pattern: As it was typed.
        expression: What it became.
    """

    def __init__(self, pattern: str) -> None:
        """
        Prepare.

        Raises:
            ValueError: *pattern* is no regular expression.
        """
        self.pattern = pattern
        try:
            self.expression = re.compile(pattern, 0 if any(map(str.isupper, pattern)) else re.IGNORECASE)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"no regular expression: {error}") from error
        self._plain = _ANCHORED.search(pattern) is None

    def may_match(self, lines: bytes) -> bool:
        """
        Tell whether any event of these lines of JSON could match; True if that can't be told unparsed.
        """
        if not self._plain or b"\\" in lines:
            return True
        return self.expression.search(lines.decode("utf-8", "replace")) is not None

    def matches(self, event: Event) -> bool:
        """
        Tell whether any text of *event* matches.
        """
        return any(
            self.expression.search(text)
            for name, value in event.items()
            if name not in _SHARED
            for text in texts_in(value)
        )


def texts_in(value: Any) -> Iterator[str]:
    """
    Yield each text, key and number in a value; a pattern has to match within one of them.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)
    elif value is not None:
        yield text_of(value)
