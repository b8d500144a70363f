r"""
Find statements by a regular expression, and pass over lines that can't hold one without parsing them.

A literal pattern must stand in the JSON as it is, unless a character of it is written as an escape. So
a line, or a whole chunk, without the literal's bytes and without such escapes can't match. The longest
part that JSON has no escape of its own for (``"``, ``\``, controls) is what is looked for. Numbers may
be written in several ways, so what could be part of one is not looked for.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from recordkit.events import Event
from recordkit.transcript.phrases import text_of

STATEMENT_FIELDS: Final = ("db_query", "query")
FIELDS: Final = (*STATEMENT_FIELDS, "db_query_parameters", "parameters", "error", "message")
"""Where is searched, in the order in which matches are shown."""

_META: Final = re.compile(r"[.^$*+?{}\[\]\\|()]")
_ESCAPED_IN_JSON: Final = re.compile(r'[\x00-\x1f\x7f"\\\ud800-\udfff]+')
_NUMERIC: Final = re.compile(r"[0-9eE.+-]*", re.ASCII)


class Search:
    """
    One pattern, compiled.
    """

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        """
        Prepare.

        Raises:
            ValueError: *pattern* is no regular expression.
        """
        try:
            self._find = re.compile(pattern, re.IGNORECASE if ignore_case else 0).search
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        self.may_match: Callable[[bytes], bool] = _filter(pattern, ignore_case=ignore_case)
        """Tells of lines of JSON whether any of them could match; True if that can't be told."""

    def matches(self, event: Event) -> dict[str, str]:
        """
        Return the fields of *event* that match, with their text.
        """
        return {
            name: text_of(event[name]) for name in FIELDS if name in event and any(map(self._find, _texts(event[name])))
        }


def _texts(value: Any) -> Iterator[str]:
    """
    Yield each text, key and number in a value; a pattern has to match within one of them.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield text_of(value)


def _filter(pattern: str, *, ignore_case: bool) -> Callable[[bytes], bool]:
    part = max(_ESCAPED_IN_JSON.split(pattern), key=len)
    if _META.search(pattern) or _NUMERIC.fullmatch(part):
        return lambda _lines: True
    ascii_only = part.isascii()
    needle = part.encode()
    if ignore_case:
        lowered = needle.lower()
        # beyond ASCII a letter may match another of other length: K also finds the Kelvin sign
        return lambda lines: not ascii_only or not lines.isascii() or b"\\u" in lines or lowered in lines.lower()
    escape = b"\\u00" if ascii_only else b"\\u"
    slash = "/" in part
    return lambda lines: needle in lines or escape in lines or (slash and b"\\/" in lines)
