r"""
Which characters are shown instead of sent, how one is shown, and how wide text is.

The set is written out, not taken from `unicodedata`: it is the same in every version of Python.
It stands here, below the layer that makes text safe (`recordkit.render.control_chars`), because a
table is aligned by what will be seen: ``\x1b`` takes four columns.
"""

import re
import unicodedata
from typing import Final

UNSAFE: Final = (
    r"\x00-\x09\x0b-\x1f\x7f"  # C0 but the line feed, DEL
    r"\x80-\x9f"  # C1: one of them alone starts what ESC [ starts
    r"\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # nothing to see: fillers, joiners, soft hyphen
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi marks, embeddings, overrides, isolates
    r"\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff"  # zero width
    r"\u2028\u2029"  # line ends to some programs and not to others
    r"\ufe00-\ufe0d\ufff0-\ufffb"  # variation selectors but the two of emoji; annotations
    r"\ud800-\udfff"  # lone surrogates: no encoding takes them
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # formats, tags, more selectors
)
"""The inside of a regular expression's brackets: what no text may hold on its way to a terminal."""

_unsafe_or_line_feed: Final = re.compile(f"[{UNSAFE}\\n]")
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown_char(char: str) -> str:
    r"""
    Return the escape that stands for *char*: ``\x1b``, ``\u202e``, ``\U000e0041``.
    """
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def safe_line(text: str) -> str:
    r"""
    Return *text* on one line, with escapes for what a terminal could obey, and ``\n``, ``\r``, ``\t`` by name.
    """
    if text.isascii() and text.isprintable():
        return text
    return _unsafe_or_line_feed.sub(lambda match: _NAMED.get(match[0]) or shown_char(match[0]), text)


def display_width(text: str) -> int:
    """
    Return how many columns one line of safe text takes: two for wide characters, none for combining ones.
    """
    if text.isascii():
        return len(text)
    return sum(map(_char_width, text))


def cut_to_width(text: str, columns: int, *, mark: str = "…") -> str:
    """
    Return one line of safe text, ended by *mark* where it would take more than *columns*.
    """
    if len(text) <= (columns if text.isascii() else 4 * columns) and display_width(text) <= columns:
        return text
    left = columns - display_width(mark)
    for at, char in enumerate(text):
        left -= _char_width(char)
        if left < 0 or at >= 4 * columns:  # combining characters take no column, and there may be any number
            return text[:at] + mark
    return text


def _char_width(char: str) -> int:
    if char < "\x7f":
        return 1
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
