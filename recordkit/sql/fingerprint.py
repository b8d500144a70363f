"""
The form that statements have in common: literals, case, white space and comments taken out.

    SELECT * FROM T WHERE id IN (1, 2, 3) -- mine      select * from t where id in (?)
    select * from t where id in ($1)                   select * from t where id in (?)

Rules, which never change, since fingerprints are stored and compared over years:

- A literal, with its sign and prefix, and a placeholder (``$1 ? :name %s``) are ``?``. NULL, TRUE and FALSE
  are literals behind an operator, a comma or a bracket. ``@name`` is a variable and stays.
- Words are in lower case; names in quotes stay as they are. Comments are dropped, and ``;`` at the end.
- A list of nothing but literals is one literal behind IN and in brackets. A row of nothing but literals
  and DEFAULT behind such a row is dropped.
- Words are joined with one space, none at a point or within brackets.

The hash is made of that text: the first 8 bytes of its BLAKE2b (digest size 8, UTF-8), big-endian, signed, so
that it fits a column of 64-bit integers.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from recordkit.sql.commands import command_tokens
from recordkit.sql.dialects import dialect_of
from recordkit.sql.tokens import LITERAL, MAX_STATEMENT_CHARS, tokens
from recordkit.sql.word_lists import listed

_NO_SPACE_BEFORE: Final = frozenset({",", ")", "]", ";", ".", "::", "["})
_NO_SPACE_AFTER: Final = frozenset({"(", "[", ".", "::"})
_OPENING: Final = frozenset("([")
_CLOSING: Final = frozenset(")]")
_SPACE_BEFORE_BRACKET: Final = frozenset(
    listed("""
        in values value and or not from as on where select exists any all some over using join having by when then else
    case union intersect except into table set limit returning between like distinct lateral with is if key""")
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """
    What a statement has in common with its like.

    Attributes:
        text: The common form.
        hash: Signed 64-bit integer made of it.
    """

    text: str
    hash: int


def fingerprint(sql: str, protocol: str | None = None) -> Fingerprint | None:
    """
    Return the fingerprint of a statement; None if it is too long to be looked at (`MAX_STATEMENT_CHARS`).

    Args:
        sql: Any text; nothing raises.
        protocol: ``db_protocol`` of the session; it decides what is a string, a name, a comment.
    """
    if len(sql) > MAX_STATEMENT_CHARS:
        return None
    words = command_tokens(sql, protocol)
    return fingerprint_of(tokens(sql, dialect_of(protocol)) if words is None else words)


def fingerprint_of(words: list[str]) -> Fingerprint:
    """
    Return the fingerprint of the words of a statement.
    """
    text = _joined(_folded(words))
    return Fingerprint(text, hash_of(text))


def hash_of(text: str) -> int:
    """
    Return the hash of the common form *text*.
    """
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _folded(words: list[str]) -> list[str]:
    """
    Return *words* with their lists and rows of literals folded.
    """
    out: list[str] = []
    opened: list[int] = []  # where the brackets stand that are open
    inside: list[int] = []  # what is in each of them: bits of what follows
    literal, default, other = 1, 2, 4
    row_end = -1  # where the last row of literals ended
    for word in words:
        out.append(word)
        if word in _OPENING:
            if inside:
                inside[-1] |= other
            opened.append(len(out) - 1)
            inside.append(0)
        elif not inside:
            continue
        elif word in _CLOSING:
            start, found = opened.pop(), inside.pop()
            if not found & literal or found & other:
                continue
            if not found & default and (word == "]" or (start and out[start - 1] == "in")):
                out[start + 1 : -1] = [LITERAL]
            if start >= 2 and out[start - 1] == "," and row_end == start - 2 and word == ")":
                del out[start - 1 :]
            row_end = len(out) - 1
        elif word == LITERAL:
            inside[-1] |= literal
        elif word != ",":
            inside[-1] |= default if word == "default" else other
    while out and out[-1] == ";":
        out.pop()
    return out


def _joined(words: list[str]) -> str:
    """
    Return *words* as a text, each apart from the next so that no two lists give the same.
    """
    parts: list[str] = []
    last = ""
    for word in words:
        tight = (
            not parts
            or word in _NO_SPACE_BEFORE
            or last in _NO_SPACE_AFTER
            or (word == "(" and last not in _SPACE_BEFORE_BRACKET and (last[-1].isalnum() or last[-1] in '_"`]'))
        )
        parts.append(word if tight else f" {word}")
        last = word
    return "".join(parts)
