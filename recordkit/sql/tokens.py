r"""
SQL cut into words, and its literals cut out, in one pass of a regular expression each.

Two expressions are made of the same parts for each dialect. `tokens` gives the words of a statement, with
``?`` for each literal and nothing for comments. `cut` is ten times as fast and gives a key: statements with
the same key have the same words, so that what was found out about one of them holds for all. It need
not work the other way: many keys may have the same words.

Every repetition is possessive or ends at the text's end, so no text makes them look at a character more
than a few times. What is opened and never closed (audit logs cut long statements) goes on to the end.
"""

import re
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Final

from recordkit.sql.dialects import Dialect, dialect_of
from recordkit.sql.word_lists import listed

SIMPLE: Final = re.compile(
    r"(?!.*(?:/\*|[a-z_]\d|\d[a-z_]))[\t\n\r !%()*+,./\d:;<=>?a-z^_|~\-]*", re.ASCII | re.DOTALL | re.IGNORECASE
)
"""
A whole statement that matches has the same `cut`, in every dialect, whatever digits its digits are. For who looks at
millions of statements, and not one by one.
"""

MAX_STATEMENT_CHARS: Final = 64 * 1024
"""Longer statements are not looked at: about 10 ms. It is also the size at which Teleport cuts events."""

LITERAL: Final = "?"
_SIGNS: Final = frozenset("+-")
_CONSTANTS: Final = frozenset({"null", "true", "false"})
_BEFORE_VALUE: Final = frozenset(
    listed("""
        ( [ , = < > <= >= <> != || + - * / % :: := -> ->> and or not in between like ilike then else when case select
    where having by on limit offset set values return returning is default top interval any all distinct""")
)
"""After these, ``-`` is the sign of a number."""
_BEFORE_CONSTANT: Final = frozenset(listed("( [ , = < > <= >= <> != || + - * / % :="))

_NUMBER_TAIL: Final = r"[\d_]*+(?:\.\d*+)?(?:[eE][+-]?\d++)?"
_BASE_TAIL: Final = r"[xXbBoO][\da-fA-F_]++"
_IN_COMMENT: Final = r"(?:[^*]|\*(?!/))*+(?:\*/|\Z)"
_IN_FLAT_COMMENT: Final = r"(?:[^*/]|\*(?!/)|/(?!\*))*+\*/"
_Q_QUOTED: Final = r"(?:\[.*?(?:\]'|\Z)|\{.*?(?:\}'|\Z)|\(.*?(?:\)'|\Z)|<.*?(?:>'|\Z)|(?P<q>.).*?(?:(?P=q)'|\Z)|\Z)"
_OPERATORS: Final = r"::|:=|<=>|<=|>=|<>|!=|\|\||->>|->|\#>>|\#>|@>|<@|&&|=>|\*\*|!~\*|!~|~\*"


def _quoted(quote: str, *, backslash: bool) -> str:
    """
    Return the expression of what follows an opening *quote*, up to the closing one or the end.
    """
    escaped = r"|\\." if backslash else ""
    plain = rf"[^{quote}\\]" if backslash else f"[^{quote}]"
    tail = r"|\\\Z" if backslash else ""  # a backslash as the very last character
    return rf"(?:{plain}|{quote}{quote}{escaped}{tail})*+(?:{quote}|\Z)"


def _word_char(dialect: Dialect) -> str:
    """
    Return the expression of a character within a word.
    """
    return r"[\w$@]" if dialect.hash_comments else r"[\w$\#@]"


def _line_comment(dialect: Dialect) -> list[str]:
    """
    Return the expressions of comments up to the end of the line.
    """
    dashes = r"--(?=[\s\x00-\x1f]|\Z)[^\n]*+" if dialect.dashes_need_space else r"--[^\n]*+"
    found = [dashes]
    if dialect.hash_comments:
        found.append(r"\#[^\n]*+")
    if dialect.slash_comments:
        found.append(r"//[^\n]*+")
    return found


@lru_cache(maxsize=64)
def _token_pattern(dialect: Dialect) -> re.Pattern[str]:
    """
    Return the expression of `tokens`: groups 1 nothing, 2 nested comment, 3 literal, 4 quoted name, 5 word, 6 symbol.
    """
    nothing = [r"[\s\x00]++", *_line_comment(dialect)]
    nested = r"(?!)"
    if dialect.nested_comments:
        nothing.append(r"/\*" + _IN_FLAT_COMMENT)
        nested = r"/\*"
    elif dialect.executed_comments:
        nothing += [r"/\*!\d*+", r"\*/", r"/\*" + _IN_COMMENT]
    else:
        nothing.append(r"/\*" + _IN_COMMENT)
    literals: list[str] = []
    names: list[str] = []
    if dialect.e_strings:
        literals.append("[eE]'" + _quoted("'", backslash=True))
    if dialect.q_quotes:
        literals.append("[nN]?[qQ]'" + _Q_QUOTED)
    literals.append("(?:[nNbBxX]|[uU]&)?'" + _quoted("'", backslash=dialect.backslash))
    double = '"' + _quoted('"', backslash=dialect.backslash and dialect.double_quoted_text)
    (literals if dialect.double_quoted_text else names).append(double)
    if dialect.dollar_quotes:
        literals.append(r"\$(?P<tag>[^\W\d]\w*+)?+\$(?:.*?\$(?(tag)(?P=tag))\$|.*+)")
    letter = _word_char(dialect)
    literals += [rf"0{_BASE_TAIL}(?!{letter})", rf"\d{_NUMBER_TAIL}(?!{letter})"]
    literals += [
        r"\$\d++",
        r"%s(?!\w)",
        r"%\([^\W\d]\w*+\)s",
        r"(?<![\w:\])\"`]):[^\W\d]\w*+",
        r"(?<![\w:\])\"`]):\d++",
    ]
    if dialect.backticks:
        names.append("`" + _quoted("`", backslash=False))
    if dialect.brackets:
        names.append(r"\[(?:[^\]]|\]\])*+(?:\]|\Z)")
    prefix = "@{0,2}+" if dialect.hash_comments else r"[@\#]{0,2}+"
    parts = [nothing, [nested], literals, names or [r"(?!)"], [rf"{prefix}\w{letter}*+"], [_OPERATORS, "."]]
    # named groups stand inside the numbered ones, so these are found by their own names
    groups = zip(("n", "c", "l", "i", "w", "s"), parts, strict=True)
    return re.compile("|".join(f"(?P<{name}>{'|'.join(part)})" for name, part in groups), re.DOTALL)


@lru_cache(maxsize=64)
def _cut_pattern(dialect: Dialect) -> re.Pattern[str]:
    """
    Return the expression of `cut`.

    It begins with a set of characters, which the engine looks for eight times as fast as for a choice; what
    comes next depends, by a look back, on which of them was found. Its groups are what belongs to the key:
    a name in quotes as it stands, of a comment that it is one.
    """
    first = "'\\d"
    literals: list[str] = []
    kept: list[str] = []
    rest: list[str] = []
    comments: list[str] = []
    letter = _word_char(dialect)
    # at a quote; the letter before it says what kind of string it is
    if dialect.e_strings:
        alone = rf"(?<=[eE]')(?<!{letter}.')"
        literals.append(alone + _quoted("'", backslash=True))
    if dialect.q_quotes:
        alone = rf"(?<=[qQ]')(?:(?<!{letter}.')|(?<=[nN].')(?<!{letter}..'))"
        literals.append(alone + _Q_QUOTED.replace("?P<q>", "?P<k>").replace("?P=q", "?P=k"))
    literals.append("(?<=')" + _quoted("'", backslash=dialect.backslash))
    # at a digit that is not within a word
    literals.append(rf"(?<=\d)(?<!{letter}\d)(?:(?<=0){_BASE_TAIL}|{_NUMBER_TAIL})(?!{letter})")
    first += '"'
    double = '(?<=")' + _quoted('"', backslash=dialect.backslash and dialect.double_quoted_text)
    (literals if dialect.double_quoted_text else kept).append(double)
    if dialect.backticks:
        first += "`"
        kept.append("(?<=`)" + _quoted("`", backslash=False))
    if dialect.brackets:
        first += r"\["
        kept.append(r"(?<=\[)(?:[^\]]|\]\])*+(?:\]|\Z)")
    if dialect.dollar_quotes:
        first += "$"
        literals.append(rf"(?<=\$)(?<!{letter}\$)(?P<tag>[^\W\d]\w*+)?+\$(?:.*?\$(?(tag)(?P=tag))\$|.*+)")
    # comments: the group holds the second character alone
    first += r"\-/"
    comments.append(r"(?<=-)(?=-(?:[\s\x00-\x1f]|\Z))" if dialect.dashes_need_space else r"(?<=-)(?=-)")
    comments.append(r"(?<=/)(?=\*(?!!))" if dialect.executed_comments else r"(?<=/)(?=\*)")
    if dialect.slash_comments:
        comments.append(r"(?<=/)(?=/)")
    block = _IN_FLAT_COMMENT if dialect.nested_comments else _IN_COMMENT
    comment = rf"(?:{'|'.join(comments)})(?P<c>[-*/])(?:(?<=\*){block}|(?<![*])[^\n]*+)"
    if dialect.hash_comments:
        first += r"\#"
        rest.append(r"(?<=\#)[^\n]*+")
    if dialect.nested_comments:
        rest.append(r"(?<=/)\*.*+")  # one within another: all that follows is key
    if dialect.executed_comments:
        first += "*"
        rest += [r"(?<=/)\*!\d*+", r"(?<=\*)/"]
    others = "".join(f"|({'|'.join(group)})" for group in (kept, rest) if group)
    return re.compile(rf"[{first}](?:{'|'.join(literals)}|{comment}{others})", re.DOTALL)


def cut(sql: str, dialect: Dialect) -> Hashable:
    """
    Return a key that all statements share which differ from *sql* in their literals only.
    """
    return tuple(cutter(dialect)(sql))


def cutter(dialect: Dialect) -> Callable[[str], list[str | None]]:
    """
    Return what makes the parts of `cut`.
    """
    return _cut_pattern(dialect).split


def tokens(sql: str, dialect: Dialect) -> list[str]:
    """
    Return the words of *sql* in their common form.

    Literals and placeholders are ``?``, together with their sign; words are in lower case, names in quotes
    as they stand; of operators, some that are written with several characters are one. Comments are left
    out. NULL, TRUE and FALSE are literals where a value stands.
    """
    pattern = _token_pattern(dialect)
    out: list[str] = []
    append = out.append
    position = 0
    while True:
        resume = -1
        for match in pattern.finditer(sql, position):
            kind = match.lastgroup
            if kind == "n":
                continue
            if kind == "w":
                word = match.group().lower()
                if word in _CONSTANTS and (not out or out[-1] in _BEFORE_CONSTANT):
                    word = LITERAL
                append(word)
            elif kind == "l":
                if out and out[-1] == "." and (len(out) == 1 or out[-2] in _BEFORE_VALUE):
                    out.pop()  # .5
                if out and out[-1] in _SIGNS and (len(out) == 1 or out[-2] in _BEFORE_VALUE):
                    out.pop()
                append(LITERAL)
            elif kind == "c":
                resume = _comment_end(sql, match.end())
                break
            else:
                append(match.group())
        if resume < 0:
            return out
        position = resume


_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


def _comment_end(sql: str, start: int) -> int:
    """
    Return where the comment ends whose inside begins at *start*, with all the comments in it.
    """
    depth = 1
    for match in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if match.group() == "/*" else -1
        if not depth:
            return match.end()
    return len(sql)


def placeholders(sql: str, protocol: str | None) -> int:
    """
    Return how many parameters marked by ``?`` a statement has.
    """
    pattern = _token_pattern(dialect_of(protocol))
    return sum(match.lastgroup == "s" and match.group() == "?" for match in pattern.finditer(sql[:MAX_STATEMENT_CHARS]))
