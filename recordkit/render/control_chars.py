r"""
The one place that makes text of events safe for a terminal.

A statement may hold anything: sequences that move the cursor, rewrite what stands above, set the
clipboard or make the terminal type; characters that reverse or hide text. Nothing of that is sent.
What a terminal would obey and what a person could not see is shown instead, as an escape:
``\x1b``, ``\u202e``, ``\U000e0041``. Only the line feed stays as it is.

The set stands in `recordkit.transcript.shown_chars`, where tables are aligned by it.
"""

import re
from typing import Final

from recordkit.transcript.shown_chars import UNSAFE, display_width, safe_line, shown_char

__all__ = ["display_width", "is_safe", "safe_json", "safe_line", "safe_text"]

_TAB_COLUMNS: Final = 8

_unsafe_or_tab: Final = re.compile(f"[{UNSAFE}]")


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
    return shown_char(match[0])


def _json_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
