"""
Statements that are not SQL: commands of Redis and MongoDB, HTTP requests, calls with JSON.

All become lists of words as SQL's `tokens` are: the command, the names in it, ``?`` for each value.
"""

import re
from typing import Final

from recordkit.sql.tokens import LITERAL
from recordkit.sql.word_lists import listed

_REDIS_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|\'(?:[^\'\\]|\\.)*+\'?|[^\s"\']+', re.DOTALL)
_REDIS_SUBCOMMANDS: Final = frozenset(
    listed(
        "acl client cluster command config debug function latency memory module object "
        "pubsub script slowlog xgroup xinfo"
    )
)

SEARCH: Final = frozenset({"elasticsearch", "opensearch"})
NOT_SQL: Final = SEARCH | {"redis", "dynamodb"}
_CALL: Final = re.compile(r"[A-Za-z]\w* \{|[A-Z][a-z]+[A-Z]\w*\Z")
_BEFORE_ID: Final = frozenset({"_doc", "_create", "_update", "_source", "_explain", "_termvectors", "_tasks"})
_ID: Final = re.compile(r"\d+|[0-9a-fA-F-]{16,}")

_JSON_TOKEN: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*+")\s*+(?=:)|(?P<literal>"(?:[^"\\]|\\.)*+"?|-?\d[\w.+-]*+|true\b|false\b|null\b)'
    r"|(?P<other>[^\s,])",
    re.DOTALL,
)
_WRAPPERS: Final = frozenset(
    f'"${name}"'
    for name in listed("""
        numberInt numberLong numberDouble numberDecimal oid date timestamp binary uuid regularExpression
    symbol code minKey maxKey""")
)
_NAMES: Final = frozenset(
    f'"{name}"' for name in listed("$db collection from coll into $out db TableName IndexName table index")
)
"""Keys whose values are names, and belong to the form."""


def command_tokens(text: str, protocol: str | None) -> list[str] | None:
    """
    Return the words of a command; None if *protocol*, or *text* under it, is one of SQL.
    """
    if protocol == "redis":
        return _redis_tokens(text)
    if protocol == "mongodb" and text.lstrip()[:1] == "{":
        return _json_tokens(text, first_is_name=True)
    if protocol in SEARCH:
        return _request_tokens(text)
    if protocol == "dynamodb" or (protocol == "spanner" and _CALL.match(text)):
        name, _, arguments = text.partition(" ")
        return [name.lower(), *_json_tokens(arguments, first_is_name=False)]
    return None


def _request_tokens(text: str) -> list[str]:
    """
    Return the method, the path without its ids, and the form of the body.
    """
    line, _, body = text.partition("\n")
    method, _, target = line.partition(" ")
    out = [method.lower()]
    before = ""
    for part in target.partition("?")[0].split("/"):
        if part:
            out += ["/", LITERAL if before in _BEFORE_ID or _ID.fullmatch(part) else part]
            before = part
    if before in {"_bulk", "_msearch"}:
        return [*out, LITERAL] if body else out
    return out + _json_tokens(body, first_is_name=False)


def is_command(text: str, protocol: str | None) -> bool:
    """
    Return whether `command_tokens` has words for *text*.
    """
    return (
        protocol in NOT_SQL
        or (protocol == "mongodb" and text.lstrip()[:1] == "{")
        or (protocol == "spanner" and _CALL.match(text) is not None)
    )


def _redis_tokens(text: str) -> list[str]:
    """
    Return the command, with its subcommand if it has one, and one ``?`` if anything follows.
    """
    words = [match.group() for match in _REDIS_WORD.finditer(text)]
    if not words:
        return []
    found = [words[0].strip("\"'").lower()]
    if found[0] in _REDIS_SUBCOMMANDS and len(words) > 1:
        found.append(words.pop(1).strip("\"'").lower())
    return found + [LITERAL] * (len(words) > 1)


def _json_tokens(text: str, *, first_is_name: bool) -> list[str]:
    """
    Return keys and brackets; lists hold each form once, values of extended JSON are values.
    """
    out: list[str] = []
    opened: list[int] = []
    last_key, keys = "", 0
    element = (0, -1)  # where the last object or list stands
    for match in _JSON_TOKEN.finditer(text):
        kind, word = match.lastgroup, match.group().strip()
        if kind == "key":
            out.append(word)
            last_key, keys = word, keys + 1
        elif kind == "literal":
            named = (keys == 1 and first_is_name) or last_key in _NAMES
            out.append(word if named and out and out[-1] == ":" and word[:1] == '"' else LITERAL)
        else:
            out.append(word)
            if word in "{[":
                opened.append(len(out) - 1)
            elif word in "}]" and opened:
                start = opened.pop()
                _fold(out, start, word)
                begin, end = element
                if end == start - 1 and out[begin : end + 1] == out[start:]:
                    del out[start:]  # one more of the same in a list
                else:
                    element = (start, len(out) - 1)
    return out


def _fold(out: list[str], start: int, closer: str) -> None:
    """
    Fold the object or list of JSON that began at *start* and ended just now.
    """
    body = out[start + 1 : -1]
    if closer == "}" and body and body[0] in _WRAPPERS:
        out[start:] = [LITERAL]  # {"$numberInt": "5"}
    elif closer == "]" and set(body) == {LITERAL}:
        out[start + 1 : -1] = [LITERAL]
