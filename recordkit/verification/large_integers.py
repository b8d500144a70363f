"""
Integers beyond 64 bits in stored lines: orjson reads them as the nearest double, another value, without a word.

No writer of ours makes them. Looking for them takes a third of the time that reading events takes, so reading does not;
verifying does.
"""

import json
from contextlib import suppress
from typing import Final

from recordkit.events.codec import INT_MAX, INT_MIN

_DIGITS: Final = bytes.maketrans(b"0123456789", b"0" * 10)
_LONG: Final = b"0" * 19
"""So many digits has the first integer that is too low; four times as fast to find as with an expression."""


def may_hold_large_integers(raw: bytes) -> bool:
    """
    Whether any digits of *raw*, in a text or not, are as many as such an integer has; takes as much memory again.
    """
    return _LONG in raw.translate(_DIGITS)


def holds_large_integer(line: bytes) -> bool:
    """
    Whether the JSON of *line* holds an integer below -2**63 or above 2**64 - 1.
    """
    found = False

    def integer(text: str) -> int:
        nonlocal found
        found |= len(text) > 20 or not INT_MIN <= int(text) <= INT_MAX
        return 0

    with suppress(ValueError, RecursionError):  # too deep for Python's parser: what it came to counts
        json.loads(line, parse_int=integer)
    return found
