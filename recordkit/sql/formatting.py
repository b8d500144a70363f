"""
SQL laid out in lines, by sqlparse, within bounds.

sqlparse is made for the statements of programmers. Its time grows with the square of the number of
tokens, and for nested input it recurses; statements of strangers can hold it for minutes. So its own
lexer, which takes a bounded time a token, counts first: a statement with more tokens than a person
would read, or nested deeper, is not formatted. Within the bounds the worst statement found by search
took 100 ms (sqlparse 0.6.1, one core of 2026); a common one takes a tenth of a millisecond a token.

What comes out is held against what went in: sqlparse drops spaces at line ends, also in strings of
several lines. An auditor must not read a statement that nobody sent.
"""

from dataclasses import dataclass
from typing import Final

from recordkit.sql.highlighting import sql_pieces

MAX_BYTES: Final = 64 * 1024
MAX_TOKENS: Final = 800
"""Tokens that are not white space. Of the statements of TPC-H and TPC-DS, which are long, 1 in 30 has more."""
MAX_DEPTH: Final = 40
MAX_CHAINED: Final = 60
"""Of ``:=`` and ``AT TIME ZONE``, for each of which sqlparse goes one level deeper."""

_OPENERS: Final = frozenset({"(", "[", "CASE", "BEGIN", "IF", "FOR", "FOREACH", "WHILE", "LOOP", "DECLARE"})
_CLOSERS: Final = frozenset({")", "]"})


@dataclass(frozen=True, slots=True)
class Formatted:
    """
    A statement, laid out if that could be done.

    Attributes:
        text: The statement in lines, or exactly as it was.
        formatted: Which of both.
        note: Why it was left as it was, in a few words; "" if it was not.
    """

    text: str
    formatted: bool
    note: str = ""


def format_sql(text: str, *, max_bytes: int = MAX_BYTES, max_tokens: int = MAX_TOKENS) -> Formatted:
    """
    Return *text* laid out in lines, or as it is with the reason why.

    Never raises, and takes no longer than some tenths of a second whatever the text is. The result
    is as unsafe for a terminal as the text was.
    """
    note = _too_much(text, max_bytes, max_tokens)
    if note:
        return Formatted(text, formatted=False, note=note)
    import sqlparse

    try:
        laid_out = str(sqlparse.format(_with_single_spaces(text), reindent=True)).strip()
    except Exception:  # noqa: BLE001 - SQLParseError, RecursionError, and what its faults raise: no reader is to meet them
        return Formatted(text, formatted=False, note="not understood")
    if _words(laid_out) != _words(text):
        return Formatted(text, formatted=False, note="formatting would change it")
    return Formatted(laid_out, formatted=True)


def _too_much(text: str, max_bytes: int, max_tokens: int) -> str:
    """
    Return why *text* must not be given to the parser; "" if it may be.
    """
    if len(text) > max_bytes or len(text.encode("utf-8", "surrogatepass")) > max_bytes:
        return f"longer than {max_bytes} bytes"
    from sqlparse import lexer, tokens

    count = depth = deepest = chained = 0
    for kind, value in lexer.tokenize(_with_single_spaces(text)):  # type: ignore[no-untyped-call]
        if kind in tokens.Whitespace:
            continue
        count += 1
        if count > max_tokens:
            return f"more than {max_tokens} words"
        word = value.upper()
        depth += (word in _OPENERS) - (word in _CLOSERS or word.startswith("END"))
        deepest = max(deepest, depth)
        chained += kind in tokens.Assignment or word.startswith("AT TIME")
        if deepest > MAX_DEPTH:
            return f"nested deeper than {MAX_DEPTH}"
        if chained > MAX_CHAINED:
            return f"more than {MAX_CHAINED} assignments"
    return ""


def _with_single_spaces(text: str) -> str:
    """
    Return *text* with each run of white space outside of strings and comments as one space, or one line feed.

    sqlparse would make a token of every space.
    """
    return "".join(
        ("\n" if "\n" in piece else " ") if name == "blank" else piece for name, piece in sql_pieces(text)
    ).strip()


def _words(text: str) -> list[str]:
    # blanks at the end of a comment's lines are no loss
    return [
        "\n".join(map(str.rstrip, piece.split("\n"))) if name == "comment" else piece
        for name, piece in sql_pieces(text)
        if name != "blank"
    ]
