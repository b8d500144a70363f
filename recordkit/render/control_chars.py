r"""
The one place that makes text of events safe for a terminal.

A statement may hold anything: sequences that move the cursor, rewrite what stands above, set the
clipboard or make the terminal type; characters that reverse or hide text. Nothing of that is sent.
What a terminal would obey and what a person could not see is shown instead, as an escape:
``\x1b``, ``\u202e``, ``\U000e0041``. Only the line feed stays as it is.

The set is written out, not taken from `unicodedata`: it is the same in every version of Python.
"""

import re
import unicodedata
from typing import Final

_TAB_COLUMNS: Final = 8

_UNSAFE: Final = (
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
_unsafe_or_tab: Final = re.compile(f"[{_UNSAFE}]")
_unsafe_or_line_feed: Final = re.compile(f"[{_UNSAFE}\\n]")
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def safe_text(text: str) -> str:
    r"""
    Return *text* with all that a terminal could obey shown as escapes; line feeds stay, tabs become spaces.

        >>> print(safe_text("SELECT '\x1b[2J'\t-- \u202e"))
        SELECT '\x1b[2J'        -- \u202e

    A tab reaches to the next multiple of 8 columns, counted from the last line feed.
    """
    if is_safe(text):
        return text
    if "\t" in text:
        return "\n".join(map(_expanded, text.split("\n")))
    return _unsafe_or_tab.sub(_shown, text)


def safe_line(text: str) -> str:
    r"""
    Return *text* on one line: as `safe_text`, with ``\n``, ``\r`` and ``\t`` shown too.
    """
    if "\n" not in text and is_safe(text):
        return text
    return _unsafe_or_line_feed.sub(lambda match: _NAMED.get(match[0]) or _shown(match), text)


def safe_json(json: bytes) -> bytes:
    r"""
    Return JSON text that means the same, with what a terminal could obey as ``\u`` escapes; line feeds stay.

    JSON has such characters only inside strings, where the escape stands for the character itself.
    Bytes that are not UTF-8 are replaced by U+FFFD; valid JSON has none.
    """
    text = json.decode("utf-8", "replace")
    if is_safe(text):
        return json if json.isascii() else text.encode("utf-8")
    return _unsafe_or_tab.sub(_json_escape, text).encode("utf-8")


def is_safe(text: str) -> bool:
    """
    Tell whether *text* has nothing that `safe_text` would change.
    """
    if text.isascii():  # nearly all text; this way is four times as fast as the expression
        return text.replace("\n", "").isprintable()
    return _unsafe_or_tab.search(text) is None


def display_width(text: str) -> int:
    """
    Return how many columns one line of safe text takes: two for wide characters, none for combining ones.
    """
    if text.isascii():
        return len(text)
    return sum(map(_char_width, text))


def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _expanded(line: str) -> str:
    out, column = [], 0
    for position, piece in enumerate(line.split("\t")):
        if position:
            spaces = _TAB_COLUMNS - column % _TAB_COLUMNS
            out.append(" " * spaces)
            column += spaces
        safe = _unsafe_or_tab.sub(_shown, piece)
        out.append(safe)
        column += display_width(safe)
    return "".join(out)


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
