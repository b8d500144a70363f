r"""
Find statements by a regular expression, and pass over lines that can't hold one without parsing them.

Text that every match of the expression needs (`recordkit.cli.required_text`) must stand in the JSON as
it is, unless a character of it is written as an escape. So a line, or a whole chunk, without the text's
bytes and without such escapes can't match. The longest part that JSON has no escape of its own for
(``"``, ``\``, controls) is what is looked for. Numbers may be written in several ways, so what could be
part of one is not looked for.
"""

import operator
import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from recordkit.cli.required_text import required_texts
from recordkit.events import Event
from recordkit.playback.search import texts_in
from recordkit.transcript.phrases import text_of

STATEMENT_FIELDS: Final = ("db_query", "query")
FIELDS: Final = (*STATEMENT_FIELDS, "db_query_parameters", "parameters", "error", "message")
"""Where is searched, in the order in which matches are shown."""

_ESCAPED_IN_JSON: Final = re.compile(r'[\x00-\x1f\x7f"\\\ud800-\udfff]+')
_NUMERIC: Final = re.compile(r"[0-9eE.+-]*", re.ASCII)
_SHORT: Final = 4096
"""Bytes from which on a call of the C library is worth its cost."""


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
        texts, folded = required_texts(pattern, ignore_case=ignore_case)
        self._filter = _Filter(texts, ignore_case=folded)

    def may_match(self, lines: bytes) -> bool:
        """
        Tell of lines of JSON whether any of them could match; True if that can't be told.
        """
        return self._filter.passes(lines)

    def candidates(self, lines: bytes) -> Iterator[bytes]:
        """
        Yield those of whole *lines* that could match, in their order, without their line feeds.
        """
        return self._filter.candidates(lines)

    def matches(self, event: Event) -> dict[str, str]:
        """
        Return the fields of *event* that match, with their text.
        """
        return {
            name: text_of(event[name])
            for name in FIELDS
            if name in event and any(map(self._find, texts_in(event[name])))
        }


class _Filter:
    """
    Bytes of which some stand in every line that matches.
    """

    def __init__(self, texts: Collection[str], *, ignore_case: bool) -> None:
        parts = [max(_ESCAPED_IN_JSON.split(text), key=len) for text in texts]
        ascii_only = all(map(str.isascii, parts))
        self._blind = not parts or any(map(_NUMERIC.fullmatch, parts)) or (ignore_case and not ascii_only)
        self._folded = ignore_case
        self._needles = [part.lower().encode() if ignore_case else part.encode() for part in parts]
        # beyond ASCII a letter may match another of other length: K also finds the Kelvin sign
        self._escapes = [b"\\u00" if ascii_only and not ignore_case else b"\\u"]
        if any("/" in part for part in parts):
            self._escapes.append(b"\\/")
        self._holds = substring_search()

    def passes(self, lines: bytes) -> bool:
        """
        See `Search.may_match`.
        """
        if self._blind or (self._folded and not lines.isascii()):
            return True
        return bool(self._present(lines))

    def candidates(self, lines: bytes) -> Iterator[bytes]:
        """
        See `Search.candidates`.
        """
        if self._blind or self._folded:
            if self.passes(lines):
                yield from (line for line in lines.split(b"\n") if line and self.passes(line))
            return
        places = dict.fromkeys(self._present(lines), -1)  # where each comes next, from `begin` on
        begin = 0
        while places:
            for part in [part for part, place in places.items() if place < begin]:
                place = lines.find(part, begin)
                if place < 0:
                    del places[part]
                else:
                    places[part] = place
            if places:
                place = min(places.values())
                end = lines.find(b"\n", place)
                end = len(lines) if end < 0 else end
                yield lines[lines.rfind(b"\n", begin, place) + 1 or begin : end]
                begin = end + 1

    def _present(self, lines: bytes) -> list[bytes]:
        """
        Return the texts, and the escapes that may hide one, that are in *lines*.
        """
        holds = self._holds
        escapes = self._escapes if lines.find(b"\\") >= 0 else ()
        searched = lines.lower() if self._folded else lines
        found = [part for part in self._needles if holds(searched, part)]
        return found + [part for part in escapes if holds(lines, part)]


def substring_search() -> Callable[[bytes, bytes], bool]:
    """
    Return a function that tells whether its first argument holds its second.

    The C library's ``memmem`` is three to five times as fast as ``in`` and gives up the interpreter lock, so that
    threads search side by side. Where there is none, ``in`` answers the same.
    """
    import ctypes

    try:
        memmem = ctypes.CDLL(None).memmem
    except (AttributeError, OSError, TypeError):
        return operator.contains
    memmem.restype = ctypes.c_void_p
    memmem.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]

    def holds(lines: bytes, needle: bytes) -> bool:
        if len(lines) < _SHORT:
            return needle in lines
        return memmem(lines, len(lines), needle, len(needle)) is not None

    return holds
